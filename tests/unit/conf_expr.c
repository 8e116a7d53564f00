/* Apache expressions: what compiles, what each says of one made-up request, and the messages of faults. The verdicts
 * and messages were compared with httpd 2.4's. */
#include "arena.h"
#include "expr.h"

#include <setjmp.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* ---- a world with few things in it ------------------------------------------------------------------------------- */

static const char *const variables[][2] = {
    { "REMOTE_ADDR", "192.0.2.77" },
    { "REQUEST_URI", "/chat/room" },
    { "QUERY_STRING", "a=1&b=2" },
    { "HTTP_HOST", "Example.COM" },
    { "EMPTY", "" },
};
static bool client_is_v6;

static struct span give_variable(void *ctx, struct arena *a, const char *name)
{
    (void)ctx, (void)a;
    if (client_is_v6 && !strcmp(name, "REMOTE_ADDR"))
        return SPAN("2001:db8::7");
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        if (!strcasecmp(name, variables[i][0]))
            return span_of(variables[i][1]);
    return (struct span){ NULL, 0 };
}

static struct span give_function(void *ctx, struct arena *a, const char *name, struct span arg)
{
    (void)ctx;
    if (!strcmp(name, "colours"))
        return (struct span){ "red\0green\0blue", 14 };
    if (!strcasecmp(name, "req") && span_ieq_str(arg, "Upgrade"))
        return SPAN("WebSocket");
    if (!strcasecmp(name, "long"))
        return (struct span){ memset(arena_alloc(a, 400000), 'x', 400000), 400000 };
    if (!strcasecmp(name, "twice"))
        return span_of(arena_printf(a, "%.*s%.*s", (int)arg.n, arg.p, (int)arg.n, arg.p));
    return (struct span){ NULL, 0 };
}

static bool has_name(const char *kind, const char *name)
{
    if (!strcmp(kind, "variable"))
        return give_variable(NULL, NULL, name).p != NULL;
    if (!strcmp(kind, "list"))
        return !strcmp(name, "colours");
    return !strcasecmp(name, "req") || !strcasecmp(name, "twice") || !strcasecmp(name, "long");
}

static struct expr_env world(void)
{
    return (struct expr_env){ .arena = arena, .variable = give_variable, .function = give_function };
}

static int verdict(const char *text)
{
    struct expr_env env = world();
    const char *error;
    struct expr *e = expr_compile(arena, text, 0, has_name, &error);
    int result;

    if (!e)
        fail_msg("%s: %s", text, error);
    result = expr_true(e, &env, &error);
    if (result < 0)
        fail_msg("%s: evaluation: %s", text, error);
    return result;
}

static void check_true(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (verdict(texts[i]) != 1)
            fail_msg("should hold: %s", texts[i]);
}

static void check_false(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (verdict(texts[i]) != 0)
            fail_msg("should not hold: %s", texts[i]);
}

/* ---- conditions ----------------------------------------------------------------------------------------------------
 */

static void conditions_that_hold(void **state)
{
    static const char *const texts[] = {
        "true",
        "not false",
        "!!true",
        "true || false && false",
        "(true or false) and true",
        "! false && true",
        "'a' == 'a'",
        "'a' = 'a'",
        "'a' != 'b'",
        "'a' < 'b' && 'b' <= 'b' && 'b' > 'a' && 'b' >= 'b'",
        "'10' < '9'",
        "'10' -gt '9'",
        "10 gt 9",
        "-5 -lt 3 && 3 -le 3 && 3 -ge 3 && 3 -eq 03 && 3 -ne 4",
        "'12abc' -eq 12",
        "'' -eq 0",
        "5 == '5'",
        "%{REQUEST_URI} == '/chat/room'",
        "%{request_uri} == '/chat/room'",
        "%{EMPTY} == ''",
        "%{HTTP_HOST} == 'Example' . '.COM'",
        "'x%{REQUEST_URI}y' == 'x/chat/roomy'",
        "\"it's\" == 'it\\'s'",
        "'\\101\\x' == 'Ax'",
        "'a\\tb' == 'a\tb'",
        "'$a%' == '$a%'",
        "'b' in { 'a', 'b', 'c' }",
        "'b' -in {'b'}",
        "'green' in colours('x')",
        "%{req:Upgrade} == 'WebSocket'",
        "req('upgrade') =~ /^websocket$/i",
        "tolower(req('Upgrade')) == 'websocket'",
        "%{tolower:%{req:Upgrade}} == 'websocket'",
        "%{REQUEST_URI} =~ m#^/chat/#",
        "%{REQUEST_URI} =~ m|^/chat/|",
        "'a.b' =~ m_._",
        "'a.b' =~ m.a.",
        "%{REQUEST_URI} !~ /^\\.php/",
        "'a\\nb' =~ /a.b/",
        "%{REQUEST_URI} =~ m#/(\\w+)$# && $1 == 'room' && $0 == '/room'",
        "'ab' =~ /(a)/ && 'zz' =~ /z/ && $1 == 'a'",
        "-n %{REQUEST_URI} && -z %{EMPTY}",
        "-n 'a' . ''",
        "-T 'yes' && ! -T 'off' && !-T 'No' && !-T 'FALSE' && !-T '0' && !-T ''",
        "-T '00' && -T 'none' && -T 'offer'",
        "-d '/' && -e '/' && !-f '/' && !-L '/'",
        "-R '192.0.2.0/24'",
        "-R '192.0.2'",
        "-R '192.0.2.77'",
        "-R '192.0.2.64/255.255.255.192'",
        "'10.1.2.3' -ipmatch '10.0.0.0/8'",
        "'::ffff:10.1.2.3' -ipmatch '10.0.0.0/8'",
        "'2001:db8::1' -ipmatch '2001:db8::/32'",
        "'/a/b' -strmatch '/a*'",
        "'/A/b' -strcmatch '/a/?'",
        "'/a/b' -fnmatch '/*/b'",
        "'a' . 'b' . 'c' == 'abc'",
        "twice('ab') == 'abab'",
        "escape('a b<') == 'a%20b%3c'",
        "unescape('a%2Fb%41+') == 'a%2FbA+'",
        "unescape('%zz') == ''",
        "unescape('%00a') == ''",
        "base64('ab') == 'YWI=' && base64('') == ''",
        "unbase64('YWI=') == 'ab' && unbase64('YWJj!YWJj') == 'abc' && unbase64('YQBi') == 'a'",
        "toupper('a\\351') == 'A\\351'",
        "ldap('(a*)') == '\\\\28a\\\\2a\\\\29'",
        "filesize('/') == '0'",
    };

    (void)state;
    check_true(texts, COUNT_OF(texts));
}

static void conditions_that_do_not_hold(void **state)
{
    static const char *const texts[] = {
        "false",
        "!true",
        "! true || false",
        "'a' == 'A'",
        "'d' in {'a','b'}",
        "'re' in colours('x')",
        "%{HTTP_HOST} =~ /^example/",
        "'a\\n' =~ /a$/",
        "-U '/x'",
        "-F '/etc/passwd'",
        "-A '/x'",
        "-R '10.0.0.0/8'",
        "-R '2001:db8::/32'",
        "'no address' -ipmatch '10.0.0.0/8'",
        "'2001:db8::1' -ipmatch '10.0.0.0/8'",
        "'/a/b' -fnmatch '/*'",
        "'/A' -strmatch '/a'",
        "-e '/no/such/file'",
        "'b' =~ /(a)/ || $1 == 'a'",
    };

    (void)state;
    check_false(texts, COUNT_OF(texts));
}

static void a_client_by_ipv6(void **state)
{
    (void)state;
    client_is_v6 = true;
    assert_int_equal(verdict("-R '2001:db8::/32'"), 1);
    assert_int_equal(verdict("-R '192.0.2.0/24'"), 0);
    client_is_v6 = false;
}

static void files_are_looked_at(void **state)
{
    char path[] = "/tmp/weir-expr-XXXXXX";
    int fd = mkstemp(path);
    char text[256];

    (void)state;
    assert_int_equal(write(fd, "hello", 5), 5);
    close(fd);
    snprintf(text, sizeof(text), "-f '%s' && -s '%s' && !-x '%s' && file('%s') == 'hello' && filesize('%s') -eq 5",
             path, path, path, path, path);
    assert_int_equal(verdict(text), 1);
    snprintf(text, sizeof(text), "filemod('%s') -gt 1000000000000000", path);
    assert_int_equal(verdict(text), 1);
    unlink(path);
}

/* ---- templates
 * --------------------------------------------------------------------------------------------------------- */

static void templates(void **state)
{
    static const char *const rows[][2] = {
        { "", "" },
        { "plain", "plain" },
        { "100% $ } '\"", "100% $ } '\"" },
        { "https://%{HTTP_HOST}%{REQUEST_URI}", "https://Example.COM/chat/room" },
        { "%{REMOTE_ADDR}s", "192.0.2.77s" },
        { "%{toupper:a b}", "A B" },
        { "[%{EMPTY}]", "[]" },
        { "a\\tb\\101", "a\tbA" },
        { "[$0$1]", "[]" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct expr_env env = world();
        const char *error;
        struct expr *e = expr_compile(arena, rows[i][0], EXPR_STRING, has_name, &error);
        struct span s;

        if (!e)
            fail_msg("%s: %s", rows[i][0], error);
        s = expr_text(e, &env, &error);
        assert_null(error);
        assert_string_equal(arena_span(arena, s), rows[i][1]);
    }
}

static void a_template_sees_the_captures_of_a_condition(void **state)
{
    struct expr_env env = world();
    const char *error;
    struct expr *condition = expr_compile(arena, "%{REQUEST_URI} =~ m#/(\\w+)/(\\w+)#", 0, NULL, &error);
    struct expr *text = expr_compile(arena, "$2-$1-$7", EXPR_STRING, NULL, &error);

    (void)state;
    assert_int_equal(expr_true(condition, &env, &error), 1);
    assert_string_equal(arena_span(arena, expr_text(text, &env, &error)), "room-chat-");
}

/* ---- faults
 * -------------------------------------------------------------------------------------------------------------- */

static const struct fault {
    const char *text, *error;
} faults[] = {
    { "", "syntax error, unexpected $end" },
    { "!", "syntax error, unexpected $end" },
    { "@", "Parse error near '@'" },
    { "$a", "Parse error near '$'" },
    { "foo", "syntax error, unexpected $end, expecting '('" },
    { "True", "syntax error, unexpected $end, expecting '('" },
    { "a == b", "syntax error, unexpected T_OP_STR_EQ, expecting '('" },
    { "'a' ==", "syntax error, unexpected $end" },
    { "'a'", "syntax error, unexpected $end" },
    { "'a' 'b'", "syntax error, unexpected T_STR_BEGIN" },
    { "'a' && true", "syntax error, unexpected T_OP_AND" },
    { "1 == 1 foo", "syntax error, unexpected T_ID, expecting $end" },
    { "true true", "syntax error, unexpected T_TRUE, expecting $end" },
    { "'a' == 'b' == 'c'", "syntax error, unexpected T_OP_STR_EQ, expecting $end" },
    { "'a' == 'b' || || true", "syntax error, unexpected T_OP_OR" },
    { "('a' == 'b'", "syntax error, unexpected $end, expecting T_OP_OR or T_OP_AND or ')'" },
    { "('a') == 'a'", "syntax error, unexpected ')'" },
    { "'a' . == 'b'", "syntax error, unexpected T_OP_STR_EQ" },
    { "'a' == @", "syntax error, unexpected T_ERROR: Parse error near '@'" },
    { "'a' == 'b' @", "syntax error, unexpected T_ERROR, expecting $end: Parse error near '@'" },
    { "'abc", "Unterminated string or variable" },
    { "'a' == 'b\nc'", "Unterminated string or variable" },
    { "'a' == '%{FOO}\nc'",
      "syntax error, unexpected T_ERROR, expecting T_STRING or T_REGEX_BACKREF or T_STR_END or T_VAR_BEGIN: "
      "Unterminated string or variable" },
    { "'\\999' == 'a'", "Bad escape sequence" },
    { "'\\1234' == 'a'", "Bad escape sequence" },
    { "'\\400' == 'a'", "Escape sequence out of bound" },
    { "%{HTTP_HOST", "syntax error, unexpected T_ERROR, expecting T_VAR_END or ':': Unterminated string or variable" },
    { "%{HTTP HOST}",
      "syntax error, unexpected T_ERROR, expecting T_VAR_END or ':': Invalid character in variable name ' '" },
    { "%{}", "syntax error, unexpected T_VAR_END, expecting T_ID" },
    { "%{1}", "syntax error, unexpected T_ERROR, expecting T_ID: Invalid character in variable name '1'" },
    { "%{req:} == 'x'",
      "syntax error, unexpected T_VAR_END, expecting T_ERROR or T_STRING or T_REGEX_BACKREF or T_VAR_BEGIN" },
    { "%{req:a'b} == 'x'", "Parse error near '''" },
    { "%{req:Host}} == 'a'", "syntax error, unexpected '}'" },
    { "tolower 'a'", "syntax error, unexpected T_STR_BEGIN, expecting '('" },
    { "tolower('a' 'b') == 'x'", "syntax error, unexpected T_STR_BEGIN, expecting T_OP_CONCAT or ')'" },
    { "'a' in {}", "syntax error, unexpected '}'" },
    { "'a' in {'b'", "syntax error, unexpected $end, expecting '}' or ','" },
    { "'a' in 'b'", "syntax error, unexpected T_STR_BEGIN, expecting T_ID or '{'" },
    { "'a' in foo('x')", "List-returning function 'foo' does not exist" },
    { "'a' =~ 'b'", "syntax error, unexpected T_STR_BEGIN, expecting T_REGEX or T_REGEX_I" },
    { "'a' =~ /x", "syntax error, unexpected $end, expecting T_REGEX or T_REGEX_I" },
    { "'a' =~ /x/g", "syntax error, unexpected T_ID, expecting $end" },
    { "'a' =~ /(/", "Failed to compile regular expression" },
    { "%{FOO} == 'a'", "Variable 'FOO' does not exist" },
    { "%{FOO} == 'a' && %{BAR} == 'b'", "Variable 'BAR' does not exist" },
    { "%{FOO} == 'a' 'b'", "syntax error, unexpected T_STR_BEGIN, expecting $end: Variable 'FOO' does not exist" },
    { "%{foo:x} == 'a'", "Function 'foo' does not exist" },
    { "foo('x') == 'a'", "Function 'foo' does not exist" },
    { "-Q 'x'", "Unary operator '-Q' does not exist" },
    { "'a' -foo 'b'", "Binary operator '-foo' does not exist" },
    { "-n", "syntax error, unexpected $end" },
    { "-R %{HTTP_HOST}", "-R requires subnet/netmask as constant argument" },
    { "-R 10", "-R requires subnet/netmask as constant argument" },
    { "-R '10.'.'1'", "-R requires subnet/netmask as constant argument" },
    { "-R 'foo'", "parsing of subnet/netmask failed" },
    { "-R ''", "parsing of subnet/netmask failed" },
    { "-R '10.0.0.0/33'", "parsing of subnet/netmask failed" },
    { "-R '10.1/16'", "parsing of subnet/netmask failed" },
    { "-R '10.1.2.3/0'", "parsing of subnet/netmask failed" },
    { "-R '::1/129'", "parsing of subnet/netmask failed" },
    { "-R '::ffff:10.0.0.0/104'", "parsing of subnet/netmask failed" },
    { "-R '10.256'", "parsing of subnet/netmask failed" },
    { "-R '10..1'", "parsing of subnet/netmask failed" },
    { "-R '10.1.2.3.4'", "parsing of subnet/netmask failed" },
};

static void faults_say_what_apache_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        const char *error = NULL;

        if (expr_compile(arena, faults[i].text, 0, has_name, &error))
            fail_msg("should not compile: %s", faults[i].text);
        if (strcmp(error, faults[i].error))
            fail_msg("%s\n  says  %s\n  wants %s", faults[i].text, error, faults[i].error);
    }
}

static void faults_of_templates(void **state)
{
    const char *error = NULL;

    (void)state;
    assert_null(expr_compile(arena, "%{FOO}", EXPR_STRING, has_name, &error));
    assert_string_equal(error, "Variable 'FOO' does not exist");
    assert_null(expr_compile(arena, "%{tolower:%{req:a}", EXPR_STRING, has_name, &error));
    assert_string_equal(error, "syntax error, unexpected T_ERROR, expecting T_STRING or T_REGEX_BACKREF or T_VAR_BEGIN "
                               "or T_VAR_END: Unterminated string or variable");
}

static void files_are_out_of_reach_where_restricted(void **state)
{
    const char *error = NULL;

    (void)state;
    assert_non_null(expr_compile(arena, "-f '/etc/passwd'", EXPR_RESTRICTED, NULL, &error)); /* as in httpd */
    assert_null(expr_compile(arena, "file('/etc/passwd') == 'a'", EXPR_RESTRICTED, NULL, &error));
    assert_string_equal(error, "file not available in restricted context");
    assert_non_null(expr_compile(arena, "-n 'a'", EXPR_RESTRICTED, NULL, &error));
}

static char *nested(const char *open, const char *middle, const char *close, unsigned times)
{
    struct buf b = { 0 };
    char *text;

    for (unsigned i = 0; i < times; i++)
        buf_adds(&b, open);
    buf_adds(&b, middle);
    for (unsigned i = 0; i < times; i++)
        buf_adds(&b, close);
    text = arena_span(arena, buf_span(&b));
    buf_release(&b);
    return text;
}

static void evaluation_can_fail(void **state)
{
    struct expr_env env = world();
    const char *error;
    struct expr *e = expr_compile(arena, "file('/no/such') == ''", 0, NULL, &error);

    (void)state;
    assert_int_equal(expr_true(e, &env, &error), -1);
    assert_string_equal(error, "Cannot open file /no/such");

    e = expr_compile(arena, nested("!(", "true", ")", 30), 0, NULL, &error);
    assert_int_equal(expr_true(e, &env, &error), -1);
    assert_string_equal(error, "Recursion limit reached");

    e = expr_compile(arena, "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' =~ /^(a|a|a)*$/", 0, NULL, &error);
    assert_int_equal(expr_true(e, &env, &error), -1);
}

static void nesting_is_bounded_and_chains_are_not(void **state)
{
    struct expr_env env = world();
    const char *error;
    struct expr *e;

    (void)state;
    assert_null(expr_compile(arena, nested("(", "true", ")", 100000), 0, NULL, &error));
    assert_null(expr_compile(arena, nested("%{tolower:", "a", "}", 100000), EXPR_STRING, NULL, &error));
    assert_null(expr_compile(arena, nested("tolower(", "'a'", ")", 100000), 0, NULL, &error));
    e = expr_compile(arena, nested("false || ", "true", "", 5000), 0, NULL, &error);
    assert_int_equal(expr_true(e, &env, &error), 1);
    e = expr_compile(arena, nested("!", "true", "", 10001), 0, NULL, &error);
    assert_int_equal(expr_true(e, &env, &error), 0);
    e = expr_compile(arena, nested("'a' . ", "'' != ''", "", 5000), 0, NULL, &error);
    assert_int_equal(expr_true(e, &env, &error), 1);
}

static void too_long_a_string(void **state)
{
    const char *error;

    (void)state;
    assert_null(expr_compile(arena, nested("", nested("a", "", "", 9000), "", 1), EXPR_STRING, NULL, &error));
    assert_string_equal(error, "String too long");
}

/* Lines that each hold the value of the one before twice would make it any length. */
static void too_long_a_result(void **state)
{
    struct expr_env env = world();
    const char *error;
    struct expr *e = expr_compile(arena, "%{long:a}%{long:b}", EXPR_STRING, has_name, &error);

    (void)state;
    assert_int_equal(expr_text(e, &env, &error).n, 800000);
    e = expr_compile(arena, "%{long:a}%{long:b}%{long:c}", EXPR_STRING, has_name, &error);
    assert_null(expr_text(e, &env, &error).p);
    assert_string_equal(error, "Result is longer than 1 MiB");
    e = expr_compile(arena, "'a' . long('b') . long('c') . long('d') == 'a'", 0, has_name, &error);
    assert_int_equal(expr_true(e, &env, &error), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_that_hold),
        cmocka_unit_test(conditions_that_do_not_hold),
        cmocka_unit_test(a_client_by_ipv6),
        cmocka_unit_test(files_are_looked_at),
        cmocka_unit_test(templates),
        cmocka_unit_test(a_template_sees_the_captures_of_a_condition),
        cmocka_unit_test(faults_say_what_apache_says),
        cmocka_unit_test(faults_of_templates),
        cmocka_unit_test(files_are_out_of_reach_where_restricted),
        cmocka_unit_test(evaluation_can_fail),
        cmocka_unit_test(nesting_is_bounded_and_chains_are_not),
        cmocka_unit_test(too_long_a_string),
        cmocka_unit_test(too_long_a_result),
    };

    return cmocka_run_group_tests(tests, make_arena, free_arena);
}

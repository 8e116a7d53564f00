/* PCRE2 as httpd's ap_regcomp, ap_regexec and ap_pregsub use it: bytes and no UTF, duplicate names allowed.
 * A peer's subject must not hold a worker: matching is bounded in steps, depth and memory. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base.h"

#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

#define MATCH_LIMIT    100000
#define DEPTH_LIMIT    10000
#define HEAP_LIMIT_KIB (20 * 1024)
#define JIT_STACK_MIN  (32 * 1024)
#define JIT_STACK_MAX  (1024 * 1024)

struct regex {
    pcre2_code *code;
    bool direct;       /* its machine code may be called without pcre2_match's look at the arguments */
    struct span start; /* what each subject that matches begins with */
    PCRE2_SPTR names;  /* PCRE2's table: two bytes of number, then the name */
    uint32_t captures, name_count, name_size;
};

/* ---- what a thread needs to match ----------------------------------------------------------------------- */

struct matcher {
    pcre2_match_data *data; /* REGEX_GROUPS pairs: what lies beyond is matched and not kept */
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static pthread_key_t matcher_key;
static pthread_once_t matcher_once = PTHREAD_ONCE_INIT;
static _Thread_local struct matcher *matcher;

static void on_thread_exit(void *arg)
{
    struct matcher *m = arg;

    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    free(m);
    matcher = NULL;
}

static void make_key(void)
{
    ASSERT(pthread_key_create(&matcher_key, on_thread_exit) == 0);
}

static struct matcher *matcher_of_thread(void)
{
    if (matcher)
        return matcher;
    pthread_once(&matcher_once, make_key);
    matcher = base_alloc(sizeof(*matcher));
    matcher->data = pcre2_match_data_create(REGEX_GROUPS, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    ASSERT(matcher->data && matcher->context && pthread_setspecific(matcher_key, matcher) == 0);
    pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    matcher->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (matcher->stack) /* none where PCRE2 was built without JIT */
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    return matcher;
}

/* ---- compiling ------------------------------------------------------------------------------------------ */

static uint32_t compile_options(unsigned flags)
{
    return PCRE2_DUPNAMES | (flags & REGEX_NOCASE ? PCRE2_CASELESS : 0) | (flags & REGEX_DOTALL ? PCRE2_DOTALL : 0) |
           (flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0) | (flags & REGEX_EXTENDED ? PCRE2_EXTENDED : 0) |
           (flags & REGEX_DOLLAR_ENDONLY ? PCRE2_DOLLAR_ENDONLY : 0);
}

static void free_code(void *arg)
{
    pcre2_code_free(arg);
}

static const char *describe(struct arena *a, int code, size_t offset)
{
    PCRE2_UCHAR text[160];

    if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
        return arena_printf(a, "error %d at offset %zu", code, offset);
    return arena_printf(a, "%s at offset %zu", (const char *)text, offset);
}

/* The plain text behind a leading "^", where no other branch, case or line may match. It decides most of a long list of
 * rules. */
static struct span fixed_start(struct arena *a, const char *pattern, unsigned flags)
{
    const char *text = pattern + 1;
    size_t n;

    if (*pattern != '^' || flags & (REGEX_NOCASE | REGEX_MULTILINE | REGEX_EXTENDED) || strchr(pattern, '|'))
        return (struct span){ 0 };
    n = strcspn(text, "\\^$.[()?*+{");
    if (n && (text[n] == '?' || text[n] == '*' || text[n] == '{')) /* the last need not be there */
        n--;
    return (struct span){ arena_strndup(a, text, n), n };
}

struct regex *regex_compile(struct arena *a, const char *pattern, unsigned flags, const char **error)
{
    struct regex *r;
    pcre2_code *code;
    PCRE2_SIZE offset;
    uint32_t options;
    int fault;

    code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, compile_options(flags), &fault, &offset, NULL);
    if (!code) {
        *error = describe(a, fault, offset);
        return NULL;
    }
    arena_on_free(a, free_code, code);
    r = arena_alloc(a, sizeof(*r));
    r->code = code;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    /* Where that fails the interpreter serves. Of UTF ("(*UTF)") the subject is to be looked at first. */
    r->direct = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0 && !(options & PCRE2_UTF);
    r->start = fixed_start(a, pattern, flags);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &r->captures);
    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &r->name_count);
    pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &r->name_size);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &r->names);
    return r;
}

/* ---- matching ------------------------------------------------------------------------------------------- */

static void take_groups(struct regex_match *m, struct span subject, const PCRE2_SIZE *pair, unsigned n)
{
    *m = (struct regex_match){ .n = n };
    for (unsigned i = 0; i < n; i++, pair += 2) {
        if (pair[0] == PCRE2_UNSET)
            continue;
        m->group[i].p = subject.p + pair[0];
        m->group[i].n = pair[1] > pair[0] ? pair[1] - pair[0] : 0; /* \K in a lookahead ends before it starts */
    }
}

enum regex_result regex_search(const struct regex *r, struct span subject, struct regex_match *m)
{
    struct matcher *t;
    int found;

    if (!subject.p)
        subject.p = "";
    if (subject.n < r->start.n || memcmp(subject.p, r->start.p ? r->start.p : "", r->start.n) != 0)
        return REGEX_NO;
    t = matcher_of_thread();
    found = (r->direct ? pcre2_jit_match : pcre2_match)(r->code, (PCRE2_SPTR)subject.p, subject.n, 0, 0, t->data,
                                                        t->context);
    if (found == PCRE2_ERROR_NOMATCH)
        return REGEX_NO;
    if (found < 0)
        return REGEX_LIMIT;
    if (m) /* 0: there were more groups than pairs, all pairs are set */
        take_groups(m, subject, pcre2_get_ovector_pointer(t->data), found ? (unsigned)found : REGEX_GROUPS);
    return REGEX_YES;
}

unsigned regex_captures(const struct regex *r)
{
    return r->captures;
}

const char *regex_name(const struct regex *r, unsigned i, unsigned *group)
{
    PCRE2_SPTR entry;

    if (i >= r->name_count)
        return NULL;
    entry = r->names + (size_t)i * r->name_size;
    *group = (unsigned)entry[0] << 8 | entry[1];
    return (const char *)entry + 2;
}

/* What the next step of a replacement stands for: a group's text, or one character as it is. */
static size_t next_piece(const char **p, const struct regex_match *m, struct span *piece)
{
    const char *s = *p;

    if (s[0] == '$' && s[1] >= '0' && s[1] <= '9') {
        unsigned group = (unsigned)(s[1] - '0');

        *piece = group < m->n ? m->group[group] : (struct span){ NULL, 0 };
        *p = s + 2;
    } else {
        if (s[0] == '\\' && s[1])
            s++;
        *piece = (struct span){ s, 1 };
        *p = s + 1;
    }
    return piece->n;
}

void regex_expand(struct buf *out, const char *replacement, const struct regex_match *m)
{
    struct span piece;

    while (*replacement)
        if (next_piece(&replacement, m, &piece))
            buf_add(out, piece.p, piece.n);
}

char *regex_substitute(struct arena *a, const char *replacement, const struct regex_match *m)
{
    struct span piece;
    size_t n = 0;
    char *out, *end;

    if (!m || m->n == 0) /* nothing matched: httpd copies the text, backslashes and all */
        return arena_strdup(a, replacement);
    for (const char *p = replacement; *p;)
        n += next_piece(&p, m, &piece);
    out = end = arena_alloc(a, n + 1);
    for (const char *p = replacement; *p;)
        if (next_piece(&p, m, &piece))
            end = (char *)memcpy(end, piece.p, piece.n) + piece.n;
    return out;
}

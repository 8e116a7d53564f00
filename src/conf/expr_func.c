/* Functions and operators of expressions that need no request: httpd's util_expr_eval.c, second half. Values are C
 * strings there, so that a NUL ends one here too. */
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "expr_impl.h"

#define FILE_MAX (10 * 1024 * 1024) /* Apache's bound of file() */

static const char hex[] = "0123456789abcdef";

static struct span map_bytes(struct arena *a, struct span arg, unsigned char from, unsigned char to)
{
    char *out = arena_strndup(a, arg.p ? arg.p : "", arg.n);

    for (size_t i = 0; i < arg.n; i++)
        if ((unsigned char)out[i] >= from && (unsigned char)out[i] <= to)
            out[i] ^= 0x20;
    return (struct span){ out, arg.n };
}

static struct span call_tolower(struct arena *a, struct span arg, const char **error)
{
    (void)error;
    return map_bytes(a, arg, 'A', 'Z');
}

static struct span call_toupper(struct arena *a, struct span arg, const char **error)
{
    (void)error;
    return map_bytes(a, arg, 'a', 'z');
}

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Each byte that keep refuses becomes lead and two hex digits. */
static struct span escape(struct arena *a, struct span arg, char lead, bool (*keep)(unsigned char))
{
    char *out = arena_alloc(a, 3 * arg.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < arg.n; i++) {
        unsigned char c = (unsigned char)arg.p[i];

        if (keep(c)) {
            out[n++] = (char)c;
        } else {
            out[n++] = lead;
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return (struct span){ out, n };
}

static bool keep_in_uri(unsigned char c)
{
    return is_alnum(c) || (c && strchr("$-_.+!*'(),:;@&=/~", c));
}

static bool keep_in_ldap(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && !strchr("\"()*+,;<>\\", c);
}

static struct span call_escape(struct arena *a, struct span arg, const char **error)
{
    (void)error;
    return escape(a, arg, '%', keep_in_uri);
}

static struct span call_ldap(struct arena *a, struct span arg, const char **error)
{
    (void)error;
    return escape(a, arg, '\\', keep_in_ldap);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An encoded slash stays as it is; a bad escape or %00 makes the whole value empty. */
static struct span call_unescape(struct arena *a, struct span arg, const char **error)
{
    char *out = arena_alloc(a, arg.n + 1);
    size_t n = 0;

    (void)error;
    for (size_t i = 0; i < arg.n; i++) {
        int high, low;

        if (arg.p[i] != '%') {
            out[n++] = arg.p[i];
            continue;
        }
        high = i + 2 < arg.n ? hex_value(arg.p[i + 1]) : -1;
        low = i + 2 < arg.n ? hex_value(arg.p[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return SPAN("");
        if (high * 16 + low == '/') {
            out[n++] = '%';
            continue;
        }
        out[n++] = (char)(high * 16 + low);
        i += 2;
    }
    return (struct span){ out, n };
}

static struct span call_base64(struct arena *a, struct span arg, const char **error)
{
    (void)error;
    return base64_encode(a, arg);
}

static struct span call_unbase64(struct arena *a, struct span arg, const char **error)
{
    (void)error;
    return base64_decode(a, arg);
}

static struct span read_all(struct arena *a, int fd, size_t size)
{
    char *out = arena_alloc(a, size + 1);
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, out + n, size - n);

        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return (struct span){ out, n };
}

static struct span call_file(struct arena *a, struct span arg, const char **error)
{
    const char *path = arena_span(a, arg);
    struct span out = SPAN("");
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold a worker up */

    if (fd < 0) {
        *error = arena_printf(a, "Cannot open file %s", path);
        return out;
    }
    if (fstat(fd, &st) != 0 || (st.st_size && !S_ISREG(st.st_mode)))
        *error = arena_printf(a, "Cannot read from file %s", path);
    else if (st.st_size > FILE_MAX)
        *error = arena_printf(a, "File %s too large", path);
    else if (st.st_size)
        out = read_all(a, fd, (size_t)st.st_size);
    close(fd);
    return out;
}

static bool stat_regular(struct arena *a, struct span arg, struct stat *st)
{
    return stat(arena_span(a, arg), st) == 0 && S_ISREG(st->st_mode);
}

static struct span call_filesize(struct arena *a, struct span arg, const char **error)
{
    struct stat st;

    (void)error;
    if (!stat_regular(a, arg, &st))
        return SPAN("0");
    return span_of(arena_printf(a, "%lld", (long long)st.st_size));
}

static struct span call_filemod(struct arena *a, struct span arg, const char **error)
{
    struct stat st;

    (void)error;
    if (!stat_regular(a, arg, &st))
        return SPAN("0");
    return span_of(
        arena_printf(a, "%lld", (long long)st.st_mtim.tv_sec * 1000000 + (long long)st.st_mtim.tv_nsec / 1000));
}

static const struct expr_function functions[] = {
    { "tolower", call_tolower, false },   { "toupper", call_toupper, false }, { "escape", call_escape, false },
    { "unescape", call_unescape, false }, { "base64", call_base64, false },   { "unbase64", call_unbase64, false },
    { "ldap", call_ldap, false },         { "file", call_file, true },        { "filesize", call_filesize, true },
    { "filemod", call_filemod, true },
};

const struct expr_function *expr_function_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (!strcasecmp(name, functions[i].name))
            return &functions[i];
    return NULL;
}

int expr_unary_kind(const char *name)
{
    if (!*name || name[1])
        return EXPR_UNARY_UNKNOWN;
    if (*name == 'R')
        return EXPR_UNARY_SUBNET;
    return strchr("nzTFUAdefsLhx", *name) ? EXPR_UNARY_PLAIN : EXPR_UNARY_UNKNOWN;
}

bool expr_unary_file(char op, const char *path)
{
    bool link = op == 'L' || op == 'h';
    struct stat st;

    if ((link ? lstat(path, &st) : stat(path, &st)) != 0)
        return false;
    switch (op) {
    case 'd': return S_ISDIR(st.st_mode);
    case 'f': return S_ISREG(st.st_mode);
    case 's': return S_ISREG(st.st_mode) && st.st_size > 0;
    case 'x': return (st.st_mode & 0111) != 0;
    case 'L':
    case 'h': return S_ISLNK(st.st_mode);
    default: return true;
    }
}

bool expr_unary_truthy(struct span word)
{
    return word.n > 0 && !span_eq(word, SPAN("0")) && !span_ieq_str(word, "off") && !span_ieq_str(word, "no") &&
           !span_ieq_str(word, "false");
}

bool expr_binary_known(const char *name)
{
    static const char *const known[] = { "ipmatch", "fnmatch", "strmatch", "strcmatch" };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (!strcasecmp(name, known[i]))
            return true;
    return false;
}

bool expr_binary_glob(struct arena *a, const char *name, struct span word, struct span pattern)
{
    const char *none = NULL;

    if (!strcasecmp(name, "strcmatch")) {
        word = call_tolower(a, word, &none);
        pattern = call_tolower(a, pattern, &none);
    }
    return glob_match(arena_span(a, pattern), word, strcasecmp(name, "fnmatch") ? 0 : GLOB_PATHNAME);
}

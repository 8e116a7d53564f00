/* LogFormat's text compiled: httpd's mod_log_config.c (parse_log_string), with the items of mod_logio and mod_ssl. */
#include "logs.h"

#include <strings.h>

static const struct kind {
    const char *name;
    int what;
    bool original; /* unless "<" or ">" says otherwise */
} kinds[] = {
    { "^ti", LOG_TRAILER_IN, false },
    { "^to", LOG_TRAILER_OUT, false },
    { "^FB", LOG_FIRST_BYTE, false },
    { "h", 'h', false },
    { "a", 'a', false },
    { "A", 'A', false },
    { "l", 'l', false },
    { "u", 'u', false },
    { "t", 't', false },
    { "f", 'f', false },
    { "b", 'b', false },
    { "B", 'B', false },
    { "i", 'i', false },
    { "o", 'o', false },
    { "n", 'n', false },
    { "L", 'L', true },
    { "e", 'e', false },
    { "V", 'V', false },
    { "v", 'v', false },
    { "p", 'p', false },
    { "P", 'P', false },
    { "H", 'H', false },
    { "m", 'm', false },
    { "q", 'q', false },
    { "X", 'X', false },
    { "C", 'C', false },
    { "k", 'k', false },
    { "r", 'r', true },
    { "D", 'D', true },
    { "T", 'T', true },
    { "U", 'U', true },
    { "s", 's', true },
    { "R", 'R', true },
    { "I", 'I', false },
    { "O", 'O', false },
    { "S", 'S', false },
    { "x", 'x', false },
    { "c", 'c', false },
};

struct parser {
    struct arena *arena;
    const char *p;
    struct log_item *items;
    unsigned n, cap;
};

static struct log_item *add_item(struct parser *p)
{
    struct log_item *item;

    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        item = arena_alloc(p->arena, p->cap * sizeof(*item));
        if (p->n)
            memcpy(item, p->items, p->n * sizeof(*item));
        p->items = item;
    }
    item = &p->items[p->n++];
    item->what = LOG_TEXT;
    item->arg = "";
    return item;
}

/* Text up to the next "%"; of the escapes only \\, \r, \n and \t mean something. */
static void parse_text(struct parser *p)
{
    static const char from[] = "\\rnt", to[] = "\\\r\n\t";
    char *text = arena_alloc(p->arena, strcspn(p->p, "%") + 1), *end = text;

    while (*p->p && *p->p != '%') {
        const char *known = p->p[0] == '\\' && p->p[1] ? strchr(from, p->p[1]) : NULL;

        *end++ = known ? to[known - from] : *p->p;
        p->p += known ? 2 : 1;
    }
    add_item(p)->arg = text;
}

static void parse_status(struct parser *p, struct log_item *item)
{
    unsigned status = 0;
    unsigned short *all;

    for (; *p->p >= '0' && *p->p <= '9'; p->p++)
        status = status < 1000 ? status * 10 + (unsigned)(*p->p - '0') : 9999; /* matches none */
    all = arena_alloc(p->arena, (item->n_statuses + 1) * sizeof(*all));
    if (item->n_statuses)
        memcpy(all, item->statuses, item->n_statuses * sizeof(*all));
    all[item->n_statuses++] = (unsigned short)status;
    item->statuses = all;
}

/* ap_getword: what follows the word is skipped as often as the brace is repeated. */
static void parse_braces(struct parser *p, struct log_item *item)
{
    size_t n = strcspn(p->p, "}");

    item->arg = arena_strndup(p->arena, p->p, n);
    p->p += n;
    p->p += strspn(p->p, "}");
}

static bool take_prefix(const char **text, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(*text, prefix, n))
        return false;
    *text += n;
    return true;
}

/* begin:, end:, sec, msec, msec_frac, usec, usec_frac, or a strftime pattern. */
static void read_time(struct log_item *item)
{
    static const struct {
        const char *word;
        enum log_time_form form;
    } forms[] = {
        { "", TIME_CLF },
        { "sec", TIME_SEC },
        { "msec", TIME_MSEC },
        { "usec", TIME_USEC },
        { "msec_frac", TIME_MSEC_FRAC },
        { "usec_frac", TIME_USEC_FRAC },
    };
    const char *rest = item->arg;
    bool prefixed = take_prefix(&rest, "begin"), end = !prefixed && take_prefix(&rest, "end");

    if ((prefixed || end) && *rest && *rest != ':')
        return; /* "beginning": a pattern that holds no "%" */
    rest += *rest == ':' && (prefixed || end);
    item->at_end = end;
    item->arg = rest;
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (!strcmp(rest, forms[i].word))
            item->form = forms[i].form;
}

static bool is_any(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcasecmp(word, *words))
            return true;
    return false;
}

/* An unknown word in the braces of these is written as it is. */
static void check_word(struct log_item *item)
{
    static const char *const units[] = { "", "s", "ms", "us", NULL };
    static const char *const ports[] = { "", "canonical", "remote", "local", NULL };
    static const char *const ids[] = { "", "pid", "tid", "hextid", NULL };
    const char *const *words = item->what == 'T' ? units : item->what == 'p' ? ports : ids;

    if (!is_any(item->arg, words))
        item->what = LOG_TEXT;
}

static const struct kind *find_kind(const char *p)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (!strncmp(p, kinds[i].name, strlen(kinds[i].name)))
            return &kinds[i];
    return NULL;
}

static const char *finish_item(struct parser *p, struct log_item *item, char side)
{
    const struct kind *kind = find_kind(p->p);

    if (!kind)
        return arena_printf(p->arena, "Unrecognized LogFormat directive %%%c", *p->p);
    p->p += strlen(kind->name);
    item->what = kind->what;
    item->original = side ? side == '<' : kind->original;
    if (item->what == 't')
        read_time(item);
    else if (item->what == 'T' || item->what == 'p' || item->what == 'P')
        check_word(item);
    return NULL;
}

/* p is behind the "%". */
static const char *parse_item(struct parser *p)
{
    struct log_item *item = add_item(p);
    char side = 0;

    if (*p->p == '%') {
        item->arg = "%";
        p->p++;
        return NULL;
    }
    while (*p->p) {
        if (*p->p >= '0' && *p->p <= '9') {
            parse_status(p, item);
            continue;
        }
        if (!strchr("!<>,{", *p->p))
            return finish_item(p, item, side);
        if (*p->p == '!')
            item->negated = !item->negated;
        else if (*p->p != '{' && *p->p != ',')
            side = *p->p;
        if (*p->p++ == '{')
            parse_braces(p, item);
    }
    return "Ran off end of LogFormat parsing args to some directive";
}

const char *log_format_compile(struct arena *a, const char *text, const struct log_format **out)
{
    struct parser p = { .arena = a, .p = text };
    struct log_format *f = arena_alloc(a, sizeof(*f));

    while (*p.p) {
        const char *fault = NULL;

        if (*p.p != '%') {
            parse_text(&p);
        } else {
            p.p++;
            fault = parse_item(&p);
        }
        if (fault)
            return fault;
    }
    for (unsigned i = 0; i < p.n; i++)
        p.items[i].n = strlen(p.items[i].arg);
    f->items = p.items;
    f->n = p.n;
    *out = f;
    return NULL;
}

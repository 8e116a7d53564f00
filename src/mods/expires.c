/* mod_expires: Expires and Cache-Control by type of content. httpd: mod_expires.c (check_code, expires_filter). */
#include "mods.h"
#include "names.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct lifetime {
    const char *type; /* "text/html", "text/<star>"; NULL of ExpiresDefault */
    char base;        /* 'A': from the access, 'M': from the file's modification */
    int64_t seconds;
};
struct expires_place {
    int active, wildcards; /* a type with a star: of the innermost place that says anything */
    const struct lifetime *by_default;
    struct vec by_type; /* struct lifetime *: the last one of a type holds */
};

/* ---- codes: "A3600", "access plus 1 month 2 days" ---- */

static int64_t unit_of(const char *word)
{
    static const struct {
        const char *name;
        size_t n; /* letters that tell it */
        int64_t seconds;
    } units[] = { { "years", 1, 365 * 86400 }, { "months", 2, 30 * 86400 }, { "weeks", 1, 7 * 86400 },
                  { "days", 1, 86400 },        { "hours", 1, 3600 },        { "minutes", 2, 60 },
                  { "seconds", 1, 1 } };

    for (unsigned i = 0; i < COUNT_OF(units); i++)
        if (strncasecmp(word, units[i].name, units[i].n) == 0)
            return units[i].seconds;
    return 0;
}

static const char *next_word(struct conf_cmd *cmd, const char **rest)
{
    const char *word = conf_word(cmd->arena, rest);
    return word ? word : "";
}

static const char *parse_amounts(struct conf_cmd *cmd, const char *word, const char *rest, struct lifetime *l)
{
    for (; *word; word = next_word(cmd, &rest)) {
        long number = strtol(word, NULL, 10);
        int64_t unit;

        if (!isdigit((unsigned char)word[0]))
            return conf_fault(cmd, "bad expires code, numeric value expected <num> '%s'", word);
        word = next_word(cmd, &rest);
        if (!*word)
            return "bad expires code, missing <type>";
        unit = unit_of(word);
        if (!unit)
            return conf_fault(cmd, "bad expires code, unrecognised <type>'%s'", word);
        l->seconds += (number > INT_MAX / 100 ? INT_MAX / 100 : number) * unit;
    }
    return NULL;
}

static const char *parse_code(struct conf_cmd *cmd, const char *code, struct lifetime *l)
{
    const char *word;

    if (code[0] == 'A' || code[0] == 'M') { /* whatever follows: "Access plus 1 day" is A0 to httpd */
        l->base = code[0];
        l->seconds = atoi(code + 1);
        return NULL;
    }
    word = next_word(cmd, &code);
    if (!*word || !strchr("nNaAmM", *word))
        return conf_fault(cmd, "bad expires code, unrecognised <base> '%s'", word);
    l->base = strchr("mM", *word) ? 'M' : 'A';
    word = next_word(cmd, &code);
    if (strncasecmp(word, "p", 1) == 0)
        word = next_word(cmd, &code);
    return parse_amounts(cmd, word, code, l);
}

/* ---- rows ---- */

static const char *set_default(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct lifetime *l = arena_alloc(cmd->arena, sizeof(*l));
    const char *fault = parse_code(cmd, argv[0], l);

    (void)argc;
    ((struct expires_place *)settings)->by_default = l;
    return fault ? conf_fault(cmd, "'ExpiresDefault %s': %s", argv[0], fault) : NULL;
}

static const char *set_by_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct expires_place *place = settings;
    struct lifetime *l = arena_alloc(cmd->arena, sizeof(*l));
    const char *slash = strrchr(argv[0], '/'), *fault;

    (void)argc;
    if (!slash)
        return "Invalid mimetype: should contain a slash";
    fault = parse_code(cmd, argv[1], l);
    if (fault)
        return conf_fault(cmd, "'ExpiresByType %s %s': %s", argv[0], argv[1], fault);
    l->type = argv[0];
    vec_add(cmd->arena, &place->by_type, l);
    if (strcmp(slash, "/*") == 0)
        place->wildcards = 1;
    return NULL;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    (void)a, (void)base;
    ((struct expires_place *)merged)->wildcards = ((const struct expires_place *)over)->wildcards;
}

/* ---- an answer ---- */

static const struct lifetime *find(const struct expires_place *place, struct span type)
{
    for (unsigned i = place->by_type.n; type.p && i-- > 0;) {
        const struct lifetime *l = place->by_type.items[i];
        if (span_ieq_str(type, l->type))
            return l;
    }
    return NULL;
}

static const struct lifetime *choose(struct request *r, const struct expires_place *place)
{
    struct span type = http_fields_get(&r->out, "Content-Type");
    const struct lifetime *l;
    const char *slash;

    for (size_t i = 0; i < type.n; i++)
        if (type.p[i] == ';')
            type = span_trim((struct span){ type.p, i });
    l = find(place, type);
    slash = type.n ? memchr(type.p, '/', type.n) : NULL;
    if (!l && place->wildcards && slash)
        l = find(place, span_of(arena_printf(r->arena, "%.*s/*", (int)(slash - type.p), type.p)));
    return l ? l : place->by_default;
}

void expires_edit(struct request *r)
{
    const struct expires_place *place = place_part(r->place, &expires_module);
    const struct lifetime *l;
    int64_t now = r->begun_us / 1000000, at;
    char date[32];
    size_t n;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!place->active || (r->status >= 400 && r->status < 600) || http_fields_find(&r->err_out, "Expires") ||
        http_fields_find(&r->out, "Expires"))
        return;
    l = choose(r, place);
    if (!l || (l->base == 'M' && r->file.kind == RESOURCE_NONE))
        return;
    at = (l->base == 'M' ? r->file.mtime_us / 1000000 : now) + l->seconds;
    at = at < now ? now : at;
    n = http_date(at, date);
    http_fields_merge(r->arena, &r->out, "Cache-Control",
                      span_of(arena_printf(r->arena, "max-age=%lld", (long long)(at - now))));
    http_fields_set(r->arena, &r->out, "Expires", (struct span){ arena_strndup(r->arena, date, n), n });
}

#define PLACE(kind, field) PLACE_SLOT(kind, struct expires_place, field)

static const struct directive rows[] = {
    { "ExpiresActive", OR_INDEXES, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, active), "Limited to 'on' or 'off'" },
    { "ExpiresByType", OR_INDEXES, ARGS_2, set_by_type, PLACE(SLOT_LIST, by_type),
      "a MIME type followed by an expiry date code" },
    { "ExpiresDefault", OR_INDEXES, ARGS_1, set_default, PLACE(SLOT_CUSTOM, by_default), "an expiry date code" },
    { 0 },
};

struct module expires_module = {
    .name = "expires_module",
    .source = "mod_expires.c",
    .directives = rows,
    .place_size = sizeof(struct expires_place),
    .merge_place = merge_place,
};

/* mod_substitute: the filter SUBSTITUTE replaces text in a body, line by line, as it comes. httpd: mod_substitute.c. A
 * line is what ends in a line feed, which belongs to it; a pattern looks at what is left of the line after each match.
 */
#include "compress.h"
#include "names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define LINE_MOST (1024 * 1024) /* SubstituteMaxLineLength not written */

struct script {
    const struct regex *regex;
    const char *with;
    bool as_it_is; /* no $1 in it: s///n */
};
struct substitute_place {
    struct vec scripts; /* struct script * */
    uint64_t line_most;
    int inherit_before;
};
struct substitute_coder {
    struct coder coder;
    struct request *r;
    const struct substitute_place *place;
    struct coder *next; /* which compresses what came out; or NULL */
    struct buf line;    /* the beginning of one that is not whole */
};

/* ---- a body ---- */

static void fail(struct substitute_coder *s)
{
    REQUEST_LOG(s->r, LOG_SUBSTITUTE, LEVEL_ERROR, 1328, "Line too long, URI %s", s->r->uri);
    s->coder.failed = s->coder.full = true;
    buf_release(&s->line);
}

/* False: too long, or no end to it: a match of nothing would stay where it is. */
static bool replace(const struct script *script, struct span line, uint64_t most, struct buf *out)
{
    struct regex_match m = { 0 };
    enum regex_result found;

    while ((found = regex_search(script->regex, line, &m)) == REGEX_YES && m.group[0].n && buf_len(out) <= most) {
        size_t used = (size_t)(m.group[0].p + m.group[0].n - line.p);

        buf_add(out, line.p, used - m.group[0].n);
        if (script->as_it_is)
            buf_adds(out, script->with);
        else
            regex_expand(out, script->with, &m);
        line = (struct span){ line.p + used, line.n - used };
    }
    buf_add(out, line.p, line.n);
    return found == REGEX_NO && buf_len(out) <= most;
}

static void edit_line(struct substitute_coder *s, struct span line, struct buf *out)
{
    struct buf edited[2] = { 0 };
    bool good = line.n <= s->place->line_most;

    for (unsigned i = 0; i < s->place->scripts.n && good; i++) {
        struct buf *to = &edited[i % 2];

        to->start = to->end = 0;
        good = replace(s->place->scripts.items[i], line, s->place->line_most, to);
        line = buf_span(to);
    }
    if (good)
        buf_add(out, line.p, line.n);
    else
        fail(s);
    buf_release(&edited[0]);
    buf_release(&edited[1]);
}

static void end_line(struct substitute_coder *s, struct buf *out)
{
    struct buf line = s->line;

    s->line = (struct buf){ 0 };
    edit_line(s, buf_span(&line), out);
    buf_release(&line);
}

static void edit(struct substitute_coder *s, struct span in, struct buf *out)
{
    const char *feed;

    while (!s->coder.failed && (feed = memchr(in.p, '\n', in.n)) != NULL) {
        size_t n = (size_t)(feed + 1 - in.p);

        if (buf_len(&s->line)) {
            buf_add(&s->line, in.p, n);
            end_line(s, out);
        } else {
            edit_line(s, (struct span){ in.p, n }, out);
        }
        in = (struct span){ in.p + n, in.n - n };
    }
    if (s->coder.failed)
        return;
    buf_add(&s->line, in.p, in.n);
    if (buf_len(&s->line) > s->place->line_most)
        fail(s);
}

static void code(struct coder *c, struct span in, enum coder_flush flush, struct buf *out)
{
    struct substitute_coder *s = CONTAINER_OF(c, struct substitute_coder, coder);
    struct buf text = { 0 }, *to = s->next ? &text : out;

    if (c->failed)
        return;
    if (in.n)
        edit(s, in, to);
    if (flush == CODER_END && buf_len(&s->line))
        end_line(s, to);
    if (s->next && !c->failed)
        s->next->code(s->next, buf_span(&text), flush, out);
    buf_release(&text);
}

static void release(void *line)
{
    buf_release(line);
}

struct coder *substitute_coder(struct request *r, struct coder *next)
{
    struct substitute_coder *s = arena_alloc(r->arena, sizeof(*s));

    *s = (struct substitute_coder){ .coder.code = code, .r = r, .next = next };
    s->place = place_part(r->place, &substitute_module);
    http_fields_remove(&r->out, "Content-Length");
    arena_on_free(r->arena, release, &s->line);
    return &s->coder;
}

/* ---- rows ---- */

static const char *set_flags(const char *flags, bool *no_case, bool *literal)
{
    for (; *flags; flags++)
        switch (tolower((unsigned char)*flags)) {
        case 'i': *no_case = true; break;
        case 'n': *literal = true; break;
        case 'f':
        case 'q': break; /* whether httpd joins the pieces of a line before the next pattern */
        default: return "Bad Substitute flag, only s///[infq] are supported";
        }
    return NULL;
}

/* A pattern of it that matches itself only. */
static const char *quote(struct arena *a, const char *text)
{
    char *quoted = arena_alloc(a, 2 * strlen(text) + 1), *end = quoted;

    for (; *text; *end++ = *text++)
        if (!isalnum((unsigned char)*text) && (unsigned char)*text < 0x80)
            *end++ = '\\';
    return quoted;
}

/* s/from/with/flags, whatever stands for the slash; the last one may be missing. */
static const char *set_script(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    char *from = argv[0] + 1, *with, *flags, delimiter;
    struct script script = { 0 };
    bool no_case = false;
    const char *fault = NULL;

    (void)argc;
    if (tolower((unsigned char)argv[0][0]) != 's')
        return "Bad Substitute format, must be an s/// pattern";
    delimiter = *from ? *from++ : '\0';
    with = delimiter && *from != delimiter ? strchr(from, delimiter) : NULL;
    if (!with)
        return "Bad Substitute format, must be a complete s/// pattern";
    *with++ = '\0';
    flags = strchr(with, delimiter);
    if (flags)
        *flags++ = '\0';
    fault = set_flags(flags ? flags : "", &no_case, &script.as_it_is);
    if (fault)
        return fault;
    script.with = with;
    script.regex = regex_compile(cmd->arena, script.as_it_is ? quote(cmd->arena, from) : from,
                                 REGEX_DOLLAR_ENDONLY | (no_case ? REGEX_NOCASE : 0u), &fault);
    if (!script.regex)
        return "Substitute could not compile regex";
    vec_add(cmd->arena, &((struct substitute_place *)settings)->scripts,
            arena_copy(cmd->arena, &script, sizeof(script)));
    return NULL;
}

static const char *set_line_most(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char units[] = "bkmg";
    const char *unit = units;
    char *end;
    long long n;

    (void)cmd, (void)argc;
    errno = 0;
    n = strtoll(argv[0], &end, 10);
    if (*end)
        unit = strchr(units, tolower((unsigned char)*end));
    if (errno || n < 0 || !unit || (*end && end[1]))
        return "SubstituteMaxLineLength must be a non-negative integer optionally suffixed with 'b', 'k', 'm' or 'g'.";
    if (n > INT64_MAX >> (10 * (unit - units)))
        return "SubstituteMaxLineLength value too large";
    ((struct substitute_place *)settings)->line_most = (uint64_t)n << (10 * (unit - units));
    return NULL;
}

static void set_defaults(void *place)
{
    ((struct substitute_place *)place)->line_most = LINE_MOST;
}

/* The inner place's lines come first, unless told otherwise. */
static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    struct substitute_place *m = merged;
    const struct substitute_place *b = base, *o = over;

    m->scripts = (struct vec){ 0 };
    vec_append(a, &m->scripts, m->inherit_before ? &b->scripts : &o->scripts);
    vec_append(a, &m->scripts, m->inherit_before ? &o->scripts : &b->scripts);
}

static const struct directive rows[] = {
    { "Substitute", OR_FILEINFO, ARGS_1, set_script, PLACE_SLOT(SLOT_CUSTOM, struct substitute_place, scripts),
      "Pattern to filter the response content (s/foo/bar/[inf])" },
    { "SubstituteMaxLineLength", OR_FILEINFO, ARGS_1, set_line_most,
      PLACE_SLOT(SLOT_CUSTOM, struct substitute_place, line_most), "Maximum line length" },
    { "SubstituteInheritBefore", OR_FILEINFO, ARGS_FLAG, NULL,
      PLACE_SLOT(SLOT_FLAG, struct substitute_place, inherit_before),
      "Apply inherited patterns before those of the current context" },
    { 0 },
};

struct module substitute_module = {
    .name = "substitute_module",
    .source = "mod_substitute.c",
    .directives = rows,
    .place_size = sizeof(struct substitute_place),
    .place_defaults = set_defaults,
    .merge_place = merge_place,
};

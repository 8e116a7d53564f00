/* When an answer is compressed, as mod_deflate.c (deflate_out_filter) and mod_brotli.c (compress_filter) decide. */
#include "compress.h"
#include "core.h"

#include <strings.h>

static bool is_identity(struct span coding)
{
    static const char *const none[] = { "identity", "7bit", "8bit", "binary" };

    for (unsigned i = 0; i < COUNT_OF(none); i++)
        if (span_eq(coding, span_of(none[i])))
            return true;
    return false;
}

/* The codings of both tables. */
static bool is_encoded(const struct http_fields *fields)
{
    HTTP_EACH_FIELD(f, fields)
    {
        struct span rest = f->value, coding;
        while (span_ieq_str(f->name, "Content-Encoding") && span_next_token(&rest, &coding))
            if (!is_identity(coding))
                return true;
    }
    return false;
}

/* Up to any of the characters, or the end; blanks around it are dropped. */
static struct span cut(struct span *rest, const char *at)
{
    size_t n = 0;
    struct span word;

    while (n < rest->n && !strchr(at, rest->p[n]))
        n++;
    word = span_trim((struct span){ rest->p, n });
    *rest = (struct span){ rest->p + n, rest->n - n };
    return word;
}

/* httpd knows q=0 in any length and nothing else of weights; its first parameter is taken for the weight. */
static bool is_zero(struct span q)
{
    return q.n >= 3 && q.n <= 7 && memcmp(q.p, "q=0.000", q.n) == 0;
}

static bool accepts(struct span list, const char *coding)
{
    while (list.n) {
        struct span token = cut(&list, ";,"), q = { 0 };

        while (list.n && list.p[0] == ';') {
            list.p++, list.n--;
            if (!q.p)
                q = cut(&list, ";,");
            else
                cut(&list, ";,");
        }
        if (!token.n || span_ieq_str(token, coding)) /* an empty element ends httpd's search */
            return token.n && !is_zero(q);
        if (list.n)
            list.p++, list.n--;
    }
    return false;
}

static bool is_accepted(struct request *r, const struct compress_rule *rule)
{
    struct span list = request_field(r, "Accept-Encoding");

    if (strcmp(rule->coding, "gzip") == 0 && request_env(r, "force-gzip"))
        return true;
    return list.p && accepts(list, rule->coding);
}

/* Another representation needs another tag: "x" is "x-gzip" then. */
static void alter_etag(struct request *r, const struct compress_rule *rule)
{
    struct span tag = http_fields_get(&r->out, "ETag");

    if (rule->etag == ETAG_REMOVE)
        http_fields_remove(&r->out, "ETag");
    else if (rule->etag == ETAG_ADD_SUFFIX && tag.n > 2 && tag.p[tag.n - 1] == '"')
        http_fields_set(r->arena, &r->out, "ETag",
                        span_of(arena_printf(r->arena, "%.*s-%s\"", (int)tag.n - 1, tag.p, rule->suffix)));
}

static void mark_encoded(struct request *r, const char *coding)
{
    struct span now = http_fields_get(&r->out, "Content-Encoding");

    if (!now.p || span_ieq_str(now, "identity"))
        http_fields_set(r->arena, &r->out, "Content-Encoding", span_of(coding));
    else
        http_fields_merge(r->arena, &r->out, "Content-Encoding", span_of(coding));
}

bool compress_agrees(struct request *r, const struct compress_rule *rule)
{
    if (r->status == 204 || request_env(r, rule->never) || http_fields_get(&r->out, "Content-Range").p)
        return false;
    if (is_encoded(&r->out) || is_encoded(&r->err_out))
        return false;
    http_fields_merge(r->arena, &r->out, "Vary", SPAN("Accept-Encoding"));
    if (!is_accepted(r, rule))
        return false;
    mark_encoded(r, rule->coding);
    http_fields_remove(&r->out, "Content-Length");
    http_fields_remove(&r->out, "Content-MD5");
    alter_etag(r, rule);
    return true;
}

/* ---- notes ---- */

static void set_note(struct request *r, const char *name, uint64_t value, bool known)
{
    if (name)
        http_fields_set(r->arena, &r->notes, name,
                        known ? span_of(arena_printf(r->arena, "%llu", (unsigned long long)value)) : SPAN("-"));
}

void compress_note(struct request *r, const struct compress_notes *notes, uint64_t in, uint64_t out)
{
    set_note(r, notes->input, in, in > 0);
    set_note(r, notes->output, out, out > 0);
    set_note(r, notes->ratio, in ? out * 100 / in : 0, in > 0);
}

bool compress_set_notes(struct compress_notes *notes, char **argv)
{
    const struct {
        const char *word;
        const char **name;
    } kinds[] = { { "ratio", &notes->ratio }, { "input", &notes->input }, { "output", &notes->output } };

    for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
        if (argv[1] ? strcasecmp(argv[0], kinds[i].word) != 0 : i > 0)
            continue;
        *kinds[i].name = argv[1] ? argv[1] : argv[0];
        return true;
    }
    return false;
}

bool compress_etag_mode(const char *word, int *mode)
{
    static const struct core_word words[] = { { "AddSuffix", ETAG_ADD_SUFFIX },
                                              { "NoChange", ETAG_NO_CHANGE },
                                              { "Remove", ETAG_REMOVE } };

    return core_find_word(words, COUNT_OF(words), word, mode);
}

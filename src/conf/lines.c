/* Lines of a source: physical lines joined where they end in a backslash, comments too (util.c, ap_cfg_getline). */
#include "reader.h"

/* Takes one physical line. A NUL hides what follows it on its line, a continuation too, as it does in httpd. */
static bool take_physical(struct source *s, struct span *text, bool *continues)
{
    if (s->p == s->end)
        return false;
    const char *newline = memchr(s->p, '\n', (size_t)(s->end - s->p));
    const char *end = newline ? newline : s->end;
    *text = (struct span){ s->p, strnlen(s->p, (size_t)(end - s->p)) };
    *continues = false;
    s->p = newline ? newline + 1 : s->end;
    s->line++;
    if (!newline || text->p + text->n != end)
        return true;
    size_t n = text->n;
    if (n && text->p[n - 1] == '\r')
        n--;
    if (n && text->p[n - 1] == '\\') {
        *continues = true;
        text->n = n - 1;
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *trim(struct buf *b)
{
    while (buf_len(b) && is_space(b->data[b->end - 1]))
        b->end--;
    buf_add(b, "", 1);
    char *line = buf_head(b);
    while (is_space(*line))
        line++;
    return line;
}

enum line_result reader_next(struct reader *r, char **line)
{
    struct span text;
    bool continues = false, begun = false;
    r->line.start = r->line.end = 0;
    do {
        if (!take_physical(r->source, &text, &continues)) {
            if (r->source->below) {
                r->source = r->source->below;
                continues = true;
                continue;
            }
            r->source->line += begun; /* httpd counts the end that a last backslash ran into */
            break;
        }
        begun = true;
        if (buf_len(&r->line) + text.n >= LINE_MAX_BYTES - 1) {
            struct place_in_file nowhere = { NULL, 0 };
            reader_fault_at(
                r, nowhere,
                arena_printf(r->arena, "Error reading %s at line %d: Line too long", r->source->name, r->source->line));
            return LINE_FAULT;
        }
        buf_add(&r->line, text.p, text.n);
    } while (continues);
    if (!begun)
        return LINE_END;
    *line = trim(&r->line);
    return reader_spend(r, strlen(*line) + 64) ? LINE_YES : LINE_FAULT;
}

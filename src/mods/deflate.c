/* mod_deflate: the filter DEFLATE, which makes a body gzip (RFC 1952) as it comes. httpd: mod_deflate.c. */
#include "compress.h"
#include "names.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_FRAME (10 + 8)          /* head and trailer */
#define OVERHEAD   (GZIP_FRAME + 50) /* and fields: smaller bodies are left alone */

struct deflate_site {
    int window, memory, level, buffer, etag;
    struct compress_notes notes;
};
struct deflate_coder {
    struct coder coder;
    struct request *r;
    const struct deflate_site *site;
    z_stream z;
};
extern struct module deflate_module;

/* ---- a body ---- */

static void step(struct deflate_coder *d, int how, struct buf *out)
{
    unsigned room = (unsigned)d->site->buffer;
    int result;

    d->z.next_out = (Bytef *)buf_reserve(out, room);
    d->z.avail_out = room;
    result = deflate(&d->z, how);
    out->end += room - d->z.avail_out;
    ASSERT(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
}

/* What httpd counts is without the frame. */
static void end_body(const struct deflate_coder *d)
{
    uint64_t in = d->z.total_in, out = d->z.total_out - GZIP_FRAME;

    REQUEST_LOG(d->r, LOG_DEFLATE, LEVEL_DEBUG, 1384, "Zlib: Compressed %llu to %llu : URL %s", (unsigned long long)in,
                (unsigned long long)out, d->r->uri);
    compress_note(d->r, &d->site->notes, in, out);
}

static void code(struct coder *c, struct span in, enum coder_flush flush, struct buf *out)
{
    static const int how[] = { [CODER_MORE] = Z_NO_FLUSH, [CODER_FLUSH] = Z_SYNC_FLUSH, [CODER_END] = Z_FINISH };
    struct deflate_coder *d = CONTAINER_OF(c, struct deflate_coder, coder);

    ASSERT(in.n <= UINT32_MAX);
    d->z.next_in = (Bytef *)(uintptr_t)in.p;
    d->z.avail_in = (unsigned)in.n;
    do {
        step(d, how[flush], out);
    } while (d->z.avail_out == 0);
    if (flush == CODER_END)
        end_body(d);
}

static void end_stream(void *z)
{
    deflateEnd(z);
}

static bool is_html_only(struct request *r)
{
    struct span type = http_fields_get(&r->out, "Content-Type");
    const char *only = request_env(r, "gzip-only-text/html");

    return only && strcmp(only, "1") == 0 && !(type.n >= 9 && memcmp(type.p, "text/html", 9) == 0);
}

/* The gzip frame is zlib's own: the same ten bytes of head as httpd's at the default level. */
static struct coder *new_coder(struct request *r, const struct deflate_site *site)
{
    struct deflate_coder *d = arena_alloc(r->arena, sizeof(*d));
    int result;

    *d = (struct deflate_coder){ .coder.code = code, .r = r, .site = site };
    result = deflateInit2(&d->z, site->level, Z_DEFLATED, 16 + (site->window < 9 ? 9 : site->window), site->memory,
                          Z_DEFAULT_STRATEGY);
    ASSERT(result == Z_OK);
    arena_on_free(r->arena, end_stream, &d->z);
    return &d->coder;
}

struct coder *deflate_coder(struct request *r, uint64_t body)
{
    const struct deflate_site *site = site_part(r->site, &deflate_module);
    struct compress_rule rule = { "gzip", "gzip", "no-gzip", (enum etag_mode)site->etag, &site->notes };

    if (body <= OVERHEAD || is_html_only(r))
        return NULL;
    return compress_agrees(r, &rule) ? new_coder(r, site) : NULL;
}

/* ---- rows ---- */

static const char *set_number(struct conf_cmd *cmd, int *field, const char *text, int most)
{
    int n = atoi(text);

    if (n < 1 || n > most)
        return most == 9 && strcasecmp(cmd->row->name, "DeflateCompressionLevel") == 0
                   ? "Compression Level must be between 1 and 9"
                   : conf_fault(cmd, "%s must be between 1 and %d", cmd->row->name, most);
    *field = n;
    return NULL;
}

static const char *set_window(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_number(cmd, &((struct deflate_site *)settings)->window, argv[0], 15);
}

static const char *set_memory(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_number(cmd, &((struct deflate_site *)settings)->memory, argv[0], 9);
}

static const char *set_level(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_number(cmd, &((struct deflate_site *)settings)->level, argv[0], 9);
}

static const char *set_buffer(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    int n = atoi(argv[0]);

    (void)cmd, (void)argc;
    if (n <= 0)
        return "DeflateBufferSize should be positive";
    ((struct deflate_site *)settings)->buffer = n < 64 ? 64 : n > 65536 ? 65536 : n;
    return NULL;
}

static const char *set_notes(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct deflate_site *site = settings;

    (void)argc;
    return compress_set_notes(&site->notes, argv) ? NULL : conf_fault(cmd, "Unknown note type %s", argv[0]);
}

static const char *set_etag(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct deflate_site *site = settings;

    (void)cmd, (void)argc;
    if (!compress_etag_mode(argv[0], &site->etag))
        return "DeflateAlterETAG accepts only 'NoChange', 'AddSuffix', and 'Remove'";
    return NULL;
}

/* Limits of the input filter, which is refused: only their words are checked. */
static const char *check_limit(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    char *end;
    long long n = strtoll(argv[0], &end, 10);
    bool body = strcasecmp(cmd->row->name, "DeflateInflateLimitRequestBody") == 0;

    (void)settings, (void)argc;
    if (body)
        return *end || n < 0 ? "DeflateInflateLimitRequestBody requires a non-negative integer." : NULL;
    return atoi(argv[0]) <= 0 ? conf_fault(cmd, "%s must be positive", cmd->row->name) : NULL;
}

static void set_defaults(void *site)
{
    *(struct deflate_site *)site =
        (struct deflate_site){ .window = 15, .memory = 9, .level = Z_DEFAULT_COMPRESSION, .buffer = 8096 };
}

#define SITE(field) SITE_SLOT(SLOT_CUSTOM, struct deflate_site, field)
#define CHECKED(name, help)                                                                                            \
    {                                                                                                                  \
        name, OR_ALL, ARGS_1, check_limit, { 0 }, help, CONF_NO_EFFECT, WHY_INPUT                                      \
    }
#define WHY_INPUT "bodies of requests are not unpacked / 要求の本文は展開しません"

/* httpd merges nothing here: a host with a line of its own begins anew. */
static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    (void)a, (void)base;
    if (part_touched(over))
        *(struct deflate_site *)merged = *(const struct deflate_site *)over;
}

static const struct directive rows[] = {
    { "DeflateFilterNote", IN_SITES, ARGS_12, set_notes, SITE(notes), "Set a note to report on compression ratio" },
    { "DeflateWindowSize", IN_SITES, ARGS_1, set_window, SITE(window), "Set the Deflate window size (1-15)" },
    { "DeflateBufferSize", IN_SITES, ARGS_1, set_buffer, SITE(buffer), "Set the Deflate Buffer Size" },
    { "DeflateMemLevel", IN_SITES, ARGS_1, set_memory, SITE(memory), "Set the Deflate Memory Level (1-9)" },
    { "DeflateCompressionLevel", IN_SITES, ARGS_1, set_level, SITE(level), "Set the Deflate Compression Level (1-9)" },
    { "DeflateAlterEtag", IN_SITES, ARGS_1, set_etag, SITE(etag),
      "Set how mod_deflate should modify ETAG response headers: 'AddSuffix' (default), 'NoChange' (2.2.x behavior), "
      "'Remove'" },
    CHECKED("DeflateInflateLimitRequestBody", "Set a limit on size of inflated input"),
    CHECKED("DeflateInflateRatioLimit", "Set the inflate ratio limit above which inflation is aborted (default: 200)"),
    CHECKED("DeflateInflateRatioBurst", "Set the maximum number of following inflate ratios above limit (default: 3)"),
    { 0 },
};

struct module deflate_module = {
    .name = "deflate_module",
    .source = "mod_deflate.c",
    .directives = rows,
    .site_size = sizeof(struct deflate_site),
    .site_defaults = set_defaults,
    .merge_site = merge_site,
};

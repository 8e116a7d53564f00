/* mod_brotli: the filter BROTLI_COMPRESS (RFC 7932). httpd: mod_brotli.c. */
#include "compress.h"

#include <brotli/encode.h>
#include <stdlib.h>

struct brotli_site {
    int quality, window, block, etag;
    struct compress_notes notes;
};
struct brotli_coder {
    struct coder coder;
    struct request *r;
    const struct brotli_site *site;
    BrotliEncoderState *state;
    uint64_t in, out;
};
extern struct module brotli_module;

static void code(struct coder *c, struct span in, enum coder_flush flush, struct buf *out)
{
    static const BrotliEncoderOperation how[] = { [CODER_MORE] = BROTLI_OPERATION_PROCESS,
                                                  [CODER_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                  [CODER_END] = BROTLI_OPERATION_FINISH };
    struct brotli_coder *b = CONTAINER_OF(c, struct brotli_coder, coder);
    const uint8_t *next = (const uint8_t *)in.p;
    size_t left = in.n, no_room = 0;

    b->in += in.n;
    do {
        size_t n = 0;
        const uint8_t *made;
        ASSERT(BrotliEncoderCompressStream(b->state, how[flush], &left, &next, &no_room, NULL, NULL));
        made = BrotliEncoderTakeOutput(b->state, &n);
        buf_add(out, made, n);
        b->out += n;
    } while (left || BrotliEncoderHasMoreOutput(b->state));
    if (flush == CODER_END)
        compress_note(b->r, &b->site->notes, b->in, b->out);
}

static void end_state(void *state)
{
    BrotliEncoderDestroyInstance(state);
}

static struct coder *new_coder(struct request *r, const struct brotli_site *site)
{
    struct brotli_coder *b = arena_alloc(r->arena, sizeof(*b));

    *b = (struct brotli_coder){ .coder.code = code, .r = r, .site = site };
    b->state = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    ASSERT(b->state);
    BrotliEncoderSetParameter(b->state, BROTLI_PARAM_QUALITY, (uint32_t)site->quality);
    BrotliEncoderSetParameter(b->state, BROTLI_PARAM_LGWIN, (uint32_t)site->window);
    BrotliEncoderSetParameter(b->state, BROTLI_PARAM_LGBLOCK, (uint32_t)site->block);
    arena_on_free(r->arena, end_state, b->state);
    return &b->coder;
}

struct coder *brotli_coder(struct request *r)
{
    const struct brotli_site *site = site_part(r->site, &brotli_module);
    struct compress_rule rule = { "br", "br", "no-brotli", (enum etag_mode)site->etag, &site->notes };

    return compress_agrees(r, &rule) ? new_coder(r, site) : NULL;
}

/* ---- rows ---- */

static const char *set_number(struct conf_cmd *cmd, int *field, const char *text, int least, int most)
{
    int n = atoi(text);

    if (n < least || n > most)
        return conf_fault(cmd, "%s must be between %d and %d", cmd->row->name, least, most);
    *field = n;
    return NULL;
}

static const char *set_quality(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_number(cmd, &((struct brotli_site *)settings)->quality, argv[0], 0, 11);
}

static const char *set_window(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_number(cmd, &((struct brotli_site *)settings)->window, argv[0], 10, 24);
}

static const char *set_block(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_number(cmd, &((struct brotli_site *)settings)->block, argv[0], 16, 24);
}

static const char *set_notes(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct brotli_site *site = settings;

    (void)argc;
    return compress_set_notes(&site->notes, argv) ? NULL
                                                  : conf_fault(cmd, "Unknown BrotliFilterNote type '%s'", argv[0]);
}

static const char *set_etag(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct brotli_site *site = settings;

    (void)cmd, (void)argc;
    return compress_etag_mode(argv[0], &site->etag)
               ? NULL
               : "BrotliAlterETag accepts only 'AddSuffix', 'NoChange' and 'Remove'";
}

/* Quality 5 and a window of 18 as in httpd; lgblock 0: the library's choice. */
static void set_defaults(void *site)
{
    *(struct brotli_site *)site = (struct brotli_site){ .quality = 5, .window = 18 };
}

#define SITE(field) SITE_SLOT(SLOT_CUSTOM, struct brotli_site, field)

/* httpd merges nothing here: a host with a line of its own begins anew. */
static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    (void)a, (void)base;
    if (part_touched(over))
        *(struct brotli_site *)merged = *(const struct brotli_site *)over;
}

static const struct directive rows[] = {
    { "BrotliFilterNote", IN_SITES, ARGS_12, set_notes, SITE(notes), "Set a note to report on compression ratio" },
    { "BrotliCompressionQuality", IN_SITES, ARGS_1, set_quality, SITE(quality),
      "Compression quality between 0 and 11 (higher quality means slower compression)" },
    { "BrotliCompressionWindow", IN_SITES, ARGS_1, set_window, SITE(window),
      "Sliding window size between 10 and 24 (larger windows can improve compression, but require more memory)" },
    { "BrotliCompressionMaxInputBlock", IN_SITES, ARGS_1, set_block, SITE(block),
      "Maximum input block size between 16 and 24 (larger block sizes require more memory)" },
    { "BrotliAlterETag", IN_SITES, ARGS_1, set_etag, SITE(etag),
      "Set how mod_brotli should modify ETag response headers: 'AddSuffix' (default), 'NoChange', 'Remove'" },
    { 0 },
};

struct module brotli_module = {
    .name = "brotli_module",
    .source = "mod_brotli.c",
    .directives = rows,
    .site_size = sizeof(struct brotli_site),
    .site_defaults = set_defaults,
    .merge_site = merge_site,
};

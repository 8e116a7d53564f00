/* The core's settings: defaults, merging and what is worked out once all is read; and how rows read a word of several
 * and a number. httpd's core.c and http_core.c. */
#include "htaccess.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#define SECOND ((int64_t)1000000)

static void set_site_defaults(void *site)
{
    struct core_site *s = site;

    *s = (struct core_site){
        .server_admin = "[no address given]",
        .timeout_us = 60 * SECOND,
        .keepalive_timeout_us = 5 * SECOND,
        .keepalive = KEEP_ON,
        .max_keepalive = 100,
        .backlog = 511,
        .tokens = TOKENS_FULL,
        .trace = TRACE_ON,
        .limit_line = 8190,
        .limit_fields = 100,
        .limit_field_size = 8190,
        .extended_status = 1,
        .max_redirects = 10,
        .merge_slashes = 1,
        .encoded_slashes = HTTP_SLASHES_OFF,
        .header_first_us = 20 * SECOND,
        .header_max_us = 40 * SECOND,
        .header_rate = 500,
        .body_first_us = 20 * SECOND,
        .body_rate = 500,
    };
    memset(&s->levels, -1, sizeof(s->levels));
}

static void set_place_defaults(void *place)
{
    struct core_place *p = place;

    *p = (struct core_place){
        .limit_body = 1 << 30, /* AP_DEFAULT_LIMIT_REQ_BODY since 2.4.53 */
        .canonical_name = CANONICAL_OFF,
        .signature = SIGNATURE_OFF,
        .options = { .bits = OPTION_FOLLOW },
        .override = OVERRIDE_NOT_WRITTEN,
        .override_options = OPTION_ALL | OPTION_OWNER | OPTION_VIEWS,
        .sendfile = 1,
        .max_ranges = 200,
        .max_overlaps = 20,
        .max_reversals = 20,
    };
    memset(&p->levels, -1, sizeof(p->levels));
}

static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct core_site *b = base, *o = over;
    struct core_site *m = merged;

    (void)a;
    core_merge_levels(&m->levels, &b->levels, &o->levels);
    m->encoded_slashes = o->encoded_slashes; /* the main server's is no virtual host's */
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct core_place *b = base, *o = over;
    struct core_place *m = merged;

    (void)a;
    core_merge_levels(&m->levels, &b->levels, &o->levels);
    m->options = b->options;
    core_merge_options(&m->options, &o->options);
    m->etag = b->etag;
    core_merge_etag(&m->etag, &o->etag);
    m->has_levels = b->has_levels || o->has_levels;
}

/* ---- once all is read ---- */

static const char *below(struct arena *a, const char *root, const char *path)
{
    return path ? conf_path(a, root, path) : NULL;
}

/* ap_runtime_dir_relative: DefaultRuntimeDir, else logs below ServerRoot. */
static void place_files(struct snapshot *s)
{
    struct core_site *main = site_part(s->main, &core_module);

    if (!main->server_root)
        main->server_root = s->reading->root;
    main->runtime_dir = below(s->arena, main->server_root, main->runtime_dir ? main->runtime_dir : "logs");
    main->pid_file = below(s->arena, main->runtime_dir, main->pid_file);
    if (!main->access_names.n)
        vec_add(s->arena, &main->access_names, arena_strdup(s->arena, ".htaccess"));
    if (!main->document_root)
        main->document_root = "/var/www/html"; /* as Debian builds httpd */
    main->htaccess = htaccess_cache_new(s->arena);
}

static void inherit_from_main(struct site *site, const struct core_site *main)
{
    struct core_site *own = site_part(site, &core_module);

    own->server_root = main->server_root;
    own->runtime_dir = main->runtime_dir;
    own->pid_file = main->pid_file;
    if (!own->access_names.n)
        own->access_names = main->access_names;
    if (!own->document_root)
        own->document_root = main->document_root;
}

static void set_limits(struct core_site *core, const struct vec *methods)
{
    core->limits = (struct http_limits){ .line = (unsigned)core->limit_line,
                                         .fields = (unsigned)core->limit_fields,
                                         .field_size = (unsigned)core->limit_field_size,
                                         .unsafe = core->http_unsafe,
                                         .any_method = !core->methods_registered,
                                         .methods = methods,
                                         .allow_09 = !core->no_http09 };
}

/* Every place starts from its site's default one: with the site's levels in it, a merged place always has all. */
static const char *finish_site(struct snapshot_build *b, struct site *site)
{
    struct core_place *place = place_part(&site->place, &core_module);
    const char *fault;

    if (!site->main)
        inherit_from_main(site, core_site_of(b->snapshot->main));
    fault = core_open_log(b, site);
    place->levels = site->log.levels;
    set_limits(site_part(site, &core_module), &core_site_of(b->snapshot->main)->methods);
    return fault;
}

static const char *finish(struct snapshot_build *b)
{
    place_files(b->snapshot);
    return NULL;
}

struct module core_module = {
    .name = "core_module",
    .source = "core.c",
    .directives = core_directives,
    .site_size = sizeof(struct core_site),
    .place_size = sizeof(struct core_place),
    .site_defaults = set_site_defaults,
    .place_defaults = set_place_defaults,
    .merge_site = merge_site,
    .merge_place = merge_place,
    .finish = finish,
    .finish_site = finish_site,
    .static_in_httpd = true,
};

bool core_find_word(const struct core_word *words, unsigned n, const char *text, int *value)
{
    for (unsigned i = 0; i < n; i++)
        if (strcasecmp(words[i].word, text) == 0) {
            *value = words[i].value;
            return true;
        }
    return false;
}

int core_number(const char *text)
{
    long value = strtol(text, NULL, 10);
    return value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
}

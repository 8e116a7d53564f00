/* Which output filters an answer goes through: SetOutputFilter (core.c, core_insert_filter) and mod_filter.c's chains
 * (filter_insert, filter_lookup), as far as SUBSTITUTE, DEFLATE and BROTLI_COMPRESS are what they provide. */
#include "compress.h"
#include "core.h"
#include "names.h"

#include <stdlib.h>
#include <strings.h>

enum protocol { /* FilterProtocol */
                PROTOCOL_CHANGE = 1,
                PROTOCOL_LENGTH = 2,
                PROTOCOL_NO_RANGES = 4,
                PROTOCOL_NO_PROXY = 8,
                PROTOCOL_TRANSFORM = 16,
                PROTOCOL_NO_CACHE = 32
};
struct provider {
    const char *name;         /* "DEFLATE" */
    const struct expr *match; /* or NULL: by type */
    char **types;             /* NULL at the end */
    unsigned protocol;
};
struct smart_filter {
    const char *name;
    struct vec providers; /* struct provider *: the last one is asked first */
    unsigned protocol;
};
struct filter_place {
    struct vec filters; /* struct smart_filter * */
    struct vec chain;   /* char *: names; NULL: what stands before is dropped */
};

/* ---- names ---- */

#define ABSENT '?' /* before a name in a list: no filter */

static bool is_there(struct conf_cmd *cmd, const char *name)
{
    static const struct {
        const char *name, *module;
    } ours[] = { { "SUBSTITUTE", "substitute_module" },
                 { "DEFLATE", "deflate_module" },
                 { "BROTLI_COMPRESS", "brotli_module" } };

    for (unsigned i = 0; i < COUNT_OF(ours); i++)
        if (strcasecmp(name, ours[i].name) == 0)
            return conf_module_present(cmd->reading, ours[i].module);
    return false;
}

static bool is_httpds(const char *name)
{
    static const char *const known[] = { "INCLUDES",   "INFLATE",    "RATE_LIMIT", "SED",        "XML2ENC",
                                         "proxy-html", "BUFFER",     "CACHE",      "EXPIRATION", "REFLECTOR",
                                         "DATA",       "CASEFILTER", "XLATEOUT",   "charset",    "LUA" };

    for (unsigned i = 0; i < COUNT_OF(known); i++)
        if (strcasecmp(known[i], name) == 0)
            return true;
    return false;
}

/* NULL: it is one of ours, and its module is there. */
static const char *check_provider(struct conf_cmd *cmd, const char *name)
{
    if (is_there(cmd, name))
        return NULL;
    if (!is_httpds(name))
        return conf_fault(cmd, "Unknown filter provider %s", name);
    return conf_fault(
        cmd,
        "%s %s: refused: the filter %s is not part of Weir / %s %s: 受け付けません: フィルター %s は Weir "
        "に含まれていません",
        cmd->row->name, cmd->node->args, name, cmd->row->name, cmd->node->args, name);
}

const char *filter_read_names(struct conf_cmd *cmd, const char *list)
{
    char *copy = arena_strdup(cmd->arena, list), *state = NULL;
    const char *names = "";

    for (char *name = strtok_r(copy, ";", &state); name; name = strtok_r(NULL, ";", &state)) {
        bool there = is_there(cmd, name);
        if (!there)
            conf_note(cmd, LEVEL_WARN, LOG_CORE, 0,
                      "%s: there is no filter %s: answers go without it / フィルター %s はないため応答に適用されません",
                      cmd->row->name, name, name);
        names = arena_concat(cmd->arena, names, *names ? ";" : "", there ? "" : (char[]){ ABSENT, 0 }, name, NULL);
    }
    return names;
}

const char *filter_set_output(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    ((struct core_place *)settings)->output_filters = filter_read_names(cmd, argv[0]);
    return NULL;
}

/* ---- rows ---- */

static struct smart_filter *find(const struct vec *filters, const char *name)
{
    for (unsigned i = 0; i < filters->n; i++) {
        struct smart_filter *f = filters->items[i];
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

static struct smart_filter *declare(struct conf_cmd *cmd, struct filter_place *place, const char *name)
{
    struct smart_filter *f = arena_alloc(cmd->arena, sizeof(*f));

    f->name = name;
    vec_add(cmd->arena, &place->filters, f);
    conf_touch(cmd, place, &place->filters);
    return f;
}

static const char *set_declare(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct filter_place *place = settings;
    struct smart_filter *known = find(&place->filters, argv[0]);

    (void)argc;
    if (known)
        *known = (struct smart_filter){ .name = argv[0] };
    else
        declare(cmd, place, argv[0]);
    return NULL;
}

static const char *add_provider(struct conf_cmd *cmd, struct filter_place *place, const char *filter,
                                const struct provider *provider)
{
    struct smart_filter *f = find(&place->filters, filter);
    const char *fault = check_provider(cmd, provider->name);

    if (fault)
        return fault;
    f = f ? f : declare(cmd, place, filter);
    vec_add(cmd->arena, &f->providers, arena_copy(cmd->arena, provider, sizeof(*provider)));
    return NULL;
}

static const char *set_provider(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct provider p = { .name = argv[1] };
    const char *fault = NULL;

    (void)argc;
    p.match = vars_compile(cmd, argv[2], 0, &fault);
    if (!p.match)
        return conf_fault(cmd, "Error parsing FilterProvider expression:%s", fault);
    return add_provider(cmd, settings, argv[0], &p);
}

static void remove_from(struct vec *chain, const char *name)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < chain->n; i++)
        if (!chain->items[i] || strcasecmp(chain->items[i], name) != 0)
            chain->items[kept++] = chain->items[i];
    chain->n = kept;
}

static const char *set_chain(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct vec *chain = &((struct filter_place *)settings)->chain;
    bool has_sign = argv[0][0] && strchr("+@-!=", argv[0][0]);
    char *name = has_sign ? argv[0] + 1 : argv[0], sign = has_sign ? argv[0][0] : '+';

    (void)argc;
    if (sign == '!' || sign == '=') {
        chain->n = 0;
        vec_add(cmd->arena, chain, NULL);
    }
    if (sign == '-')
        remove_from(chain, name);
    else if (sign != '!')
        vec_add(cmd->arena, chain, name);
    if (sign == '@') {
        memmove(chain->items + 1, chain->items, (chain->n - 1) * sizeof(*chain->items));
        chain->items[0] = name;
    }
    return NULL;
}

static const char *set_by_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct filter_place *place = settings;
    char *state = NULL;
    const char *fault = NULL;

    if (argc < 2)
        return "AddOutputFilterByType requires at least two arguments";
    for (char *name = strtok_r(argv[0], ";", &state); name && !fault; name = strtok_r(NULL, ";", &state)) {
        struct provider p = { .name = name, .types = arena_copy(cmd->arena, argv + 1, (size_t)argc * sizeof(*argv)) };
        char *filter = arena_concat(cmd->arena, "BYTYPE:", name, NULL);
        bool known = find(&place->filters, filter) != NULL;

        p.types[argc - 1] = NULL;
        fault = add_provider(cmd, place, filter, &p);
        if (!known)
            vec_add(cmd->arena, &place->chain, filter);
    }
    conf_touch(cmd, place, &place->chain);
    return fault;
}

static unsigned parse_protocol(char *text)
{
    static const struct {
        const char *word;
        unsigned set;
    } words[] = { { "change=yes", PROTOCOL_CHANGE | PROTOCOL_LENGTH },
                  { "change=1:1", PROTOCOL_CHANGE },
                  { "byteranges=no", PROTOCOL_NO_RANGES },
                  { "proxy=no", PROTOCOL_NO_PROXY },
                  { "proxy=transform", PROTOCOL_TRANSFORM },
                  { "cache=no", PROTOCOL_NO_CACHE } };
    unsigned flags = 0;
    char *state = NULL;

    for (char *word = strtok_r(text, ";, \t", &state); word; word = strtok_r(NULL, ";, \t", &state)) {
        if (strcasecmp(word, "change=no") == 0)
            flags &= ~(unsigned)(PROTOCOL_CHANGE | PROTOCOL_LENGTH);
        for (unsigned i = 0; i < COUNT_OF(words); i++)
            if (strcasecmp(word, words[i].word) == 0)
                flags |= words[i].set;
    }
    return flags;
}

static const char *set_protocol(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct smart_filter *f = find(&((struct filter_place *)settings)->filters, argv[0]);
    bool found = false;

    (void)cmd;
    if (!f)
        return "FilterProtocol: No such filter";
    if (argc < 3) {
        f->protocol = parse_protocol(argv[1]);
        return NULL;
    }
    for (unsigned i = 0; i < f->providers.n; i++) {
        struct provider *p = f->providers.items[i];
        if (strcasecmp(p->name, argv[1]) != 0)
            continue;
        p->protocol = parse_protocol(arena_strdup(cmd->arena, argv[2]));
        found = true;
    }
    return found ? NULL : "FilterProtocol: No such provider for this filter";
}

static const char *check_trace(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    if (!find(&((struct filter_place *)settings)->filters, argv[0]))
        return conf_fault(cmd, "Undeclared smart filter %s", argv[0]);
    return NULL;
}

/* A filter of the inner place stands for the outer one's of that name; chains are joined. */
static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct filter_place *b = base, *o = over;
    struct filter_place *m = merged;

    *m = (struct filter_place){ 0 };
    vec_append(a, &m->filters, &o->filters);
    for (unsigned i = 0; i < b->filters.n; i++) {
        struct smart_filter *f = b->filters.items[i];
        if (!find(&o->filters, f->name))
            vec_add(a, &m->filters, f);
    }
    vec_append(a, &m->chain, &b->chain);
    vec_append(a, &m->chain, &o->chain);
}

/* ---- a request ---- */

struct choice {
    struct request *r;
    uint64_t body;
    bool substitutes;
    struct coder *coder; /* which compresses, after all that substitutes */
};

/* Once one has coded the body the next ones find it encoded. */
static void apply(struct choice *c, const char *name)
{
    struct coder *coder = NULL;

    if (name[0] == ABSENT)
        REQUEST_LOG(c->r, LOG_CORE, LEVEL_ERROR, 82, "an unknown filter was not added: %s", name + 1);
    else if (strcasecmp(name, "SUBSTITUTE") == 0)
        c->substitutes = c->body > 0 || c->r->header_only;
    else
        coder = strcasecmp(name, "DEFLATE") == 0 ? deflate_coder(c->r, c->body) : brotli_coder(c->r);
    if (c->substitutes)
        c->body = UINT64_MAX;
    c->coder = coder ? coder : c->coder;
}

static bool has_type(const struct provider *p, struct span type)
{
    size_t n = 0;

    while (n < type.n && !strchr("; \t", type.p[n]))
        n++;
    for (char **t = p->types; type.p && *t; t++)
        if (strlen(*t) == n && memcmp(*t, type.p, n) == 0)
            return true;
    return false;
}

static bool matches(struct request *r, const struct provider *p)
{
    const char *error = NULL;
    int result;

    if (!p->match)
        return has_type(p, http_fields_get(&r->out, "Content-Type"));
    result = vars_true(r, p->match, NULL, &error);
    if (result < 0)
        REQUEST_LOG(r, LOG_FILTER, LEVEL_ERROR, 1379, "Error evaluating filter dispatch condition: %s",
                    error ? error : "");
    return result > 0;
}

static bool forbids_transform(const struct request *r)
{
    struct span value = http_fields_get(&r->out, "Cache-Control");
    return value.p && http_fields_has_token(&r->out, "Cache-Control", "no-transform");
}

/* FilterProtocol, for an answer that a backend gave: may it be touched? */
static bool may_touch(const struct request *r, unsigned protocol)
{
    if (!r->proxy)
        return true;
    return !(protocol & PROTOCOL_NO_PROXY) && !((protocol & PROTOCOL_TRANSFORM) && forbids_transform(r));
}

static void adjust_fields(struct request *r, unsigned protocol)
{
    if (r->proxy && (protocol & PROTOCOL_TRANSFORM))
        http_fields_add(r->arena, &r->out, SPAN("Warning"),
                        span_of(arena_concat(r->arena, "214 ", r->hostname ? r->hostname : r->site->server_name,
                                             " Transformation applied", NULL)));
    if (protocol & PROTOCOL_CHANGE) {
        http_fields_remove(&r->out, "Content-MD5");
        http_fields_remove(&r->out, "ETag");
    }
    if (protocol & PROTOCOL_NO_CACHE) {
        http_fields_remove(&r->out, "Last-Modified");
        http_fields_add(r->arena, &r->out, SPAN("Cache-Control"), SPAN("no-cache"));
    }
    if (protocol & PROTOCOL_NO_RANGES)
        http_fields_set(r->arena, &r->out, "Accept-Ranges", SPAN("none"));
}

static void apply_smart(struct choice *c, const struct smart_filter *f)
{
    if ((c->r->status != 200 && !request_env(c->r, "filter-errordocs")) || !may_touch(c->r, f->protocol))
        return;
    for (unsigned i = f->providers.n; i-- > 0;) {
        const struct provider *p = f->providers.items[i];
        if (!matches(c->r, p) || !may_touch(c->r, p->protocol))
            continue;
        adjust_fields(c->r, p->protocol);
        apply(c, p->name);
        return;
    }
}

static void apply_chain(struct choice *c, const struct filter_place *place)
{
    unsigned first = 0;

    for (unsigned i = 0; i < place->chain.n; i++)
        if (!place->chain.items[i])
            first = i + 1;
    for (unsigned i = first; i < place->chain.n; i++) {
        const struct smart_filter *f = find(&place->filters, place->chain.items[i]);
        if (f)
            apply_smart(c, f);
        else
            REQUEST_LOG(c->r, LOG_FILTER, LEVEL_WARN, 1380, "Unknown filter %s not added",
                        (const char *)place->chain.items[i]);
    }
}

static void apply_list(struct choice *c, const char *list)
{
    char *copy = list ? arena_strdup(c->r->arena, list) : NULL, *state = NULL;

    for (char *name = copy ? strtok_r(copy, ";", &state) : NULL; name; name = strtok_r(NULL, ";", &state))
        apply(c, name);
}

struct coder *filter_choose(struct request *r, uint64_t body)
{
    struct choice c = { .r = r, .body = body };

    CHECK_MAGIC(r, REQUEST_MAGIC);
    apply_list(&c, r->filters);
    apply_list(&c, core_place_of(r->place)->output_filters);
    apply_chain(&c, place_part(r->place, &filter_module));
    return c.substitutes ? substitute_coder(r, c.coder) : c.coder;
}

#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        SLOT_NONE, PART_PLACE, 0, 0                                                                                    \
    }

static const struct directive rows[] = {
    { "FilterDeclare", OR_OPTIONS, ARGS_12, set_declare, NO_SLOT, "filter-name [filter-type]" },
    { "FilterProvider", OR_OPTIONS, ARGS_3, set_provider, NO_SLOT, "filter-name provider-name match-expression" },
    { "FilterChain", OR_OPTIONS, ARGS_ITERATE, set_chain, PLACE_SLOT(SLOT_CUSTOM, struct filter_place, chain),
      "list of filter names with optional [+-=!@]" },
    { "FilterTrace", IN_ANY, ARGS_2, check_trace, NO_SLOT, "filter-name debug-level", CONF_NO_EFFECT,
      "filters are not traced / フィルターの追跡はしません" },
    { "AddOutputFilterByType", OR_FILEINFO, ARGS_LIST, set_by_type, NO_SLOT,
      "output filter name followed by one or more content-types" },
    { "FilterProtocol", OR_OPTIONS, ARGS_23, set_protocol, NO_SLOT, "filter-name [provider-name] protocol-args" },
    { 0 },
};

struct module filter_module = {
    .name = "filter_module",
    .source = "mod_filter.c",
    .directives = rows,
    .place_size = sizeof(struct filter_place),
    .merge_place = merge_place,
};

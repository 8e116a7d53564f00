/* Order, Allow, Deny, Satisfy: mod_access_compat.c. A section that has any of them says all: nothing is merged. */
#include "access.h"
#include "names.h"

#include <strings.h>

enum { FROM_ALL, FROM_ENV, FROM_NO_ENV, FROM_SUBNET, FROM_HOST };
struct from {
    int kind;
    uint64_t methods;
    const char *text;
    struct subnet subnet;
};
struct access_place {
    int configured;                      /* a line of this module stands in the section */
    int by_name;                         /* some client is told by its name */
    uint64_t allow_deny, mutual_failure; /* methods with that Order; the others have deny,allow */
    uint64_t any;                        /* methods with Satisfy Any */
    struct vec allows, denies;           /* struct from * */
};

/* ---- rows ---- */

static void configure(struct conf_cmd *cmd, struct access_place *place)
{
    place->configured = 1;
    conf_touch(cmd, place, &place->configured);
}

static const char *set_order(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct access_place *place = settings;

    (void)argc;
    configure(cmd, place);
    place->allow_deny &= ~cmd->methods;
    place->mutual_failure &= ~cmd->methods;
    if (strcasecmp(argv[0], "allow,deny") == 0)
        place->allow_deny |= cmd->methods;
    else if (strcasecmp(argv[0], "mutual-failure") == 0)
        place->mutual_failure |= cmd->methods;
    else if (strcasecmp(argv[0], "deny,allow") != 0)
        return "unknown order";
    return NULL;
}

static const char *set_satisfy(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct access_place *place = settings;

    (void)argc;
    configure(cmd, place);
    place->any &= ~cmd->methods;
    if (strcasecmp(argv[0], "any") == 0)
        place->any |= cmd->methods;
    else if (strcasecmp(argv[0], "all") != 0)
        return "Satisfy either 'any' or 'all'.";
    return NULL;
}

static const char *parse_from(struct from *f, const char *text)
{
    const char *fault = NULL;

    f->text = text;
    if (strncasecmp(text, "env=", 4) == 0) {
        f->kind = text[4] == '!' ? FROM_NO_ENV : FROM_ENV;
        f->text = text + 4 + (f->kind == FROM_NO_ENV);
        return NULL;
    }
    f->kind = FROM_ALL;
    if (strcasecmp(text, "all") == 0)
        return NULL;
    f->kind = FROM_SUBNET;
    switch (address_parse(text, &f->subnet, &fault)) {
    case ADDRESS_OK: return NULL;
    case ADDRESS_BAD: return fault;
    default: f->kind = FROM_HOST;
    }
    if (strchr(text, '/'))
        return "An IP address was expected";
    return strchr(text, '#') ? "No comments are allowed here" : NULL;
}

static const char *add_from(struct conf_cmd *cmd, struct access_place *place, struct vec *list, char **argv)
{
    struct from *f = arena_alloc(cmd->arena, sizeof(*f));
    const char *fault;

    if (strcasecmp(argv[0], "from") != 0)
        return "allow and deny must be followed by 'from'";
    configure(cmd, place);
    f->methods = cmd->methods;
    fault = parse_from(f, argv[1]);
    place->by_name |= f->kind == FROM_HOST;
    vec_add(cmd->arena, list, f);
    return fault;
}

static const char *set_allow(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct access_place *place = settings;

    (void)argc;
    return add_from(cmd, place, &place->allows, argv);
}

static const char *set_deny(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct access_place *place = settings;

    (void)argc;
    return add_from(cmd, place, &place->denies, argv);
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct access_place *o = over;

    (void)a;
    memcpy(merged, o->configured ? over : base, sizeof(*o));
}

/* ---- a request ---- */

static const struct access_place *part_of_place(const struct place *p)
{
    return place_part(p, &access_compat_module);
}

static bool is_from(struct request *r, const struct from *f)
{
    const char *name;

    switch (f->kind) {
    case FROM_ALL: return true;
    case FROM_ENV: return http_fields_get(&r->env, f->text).p != NULL;
    case FROM_NO_ENV: return http_fields_get(&r->env, f->text).p == NULL;
    case FROM_SUBNET: return subnet_holds(&f->subnet, span_of(r->client_ip));
    default: name = client_name(r); return name && client_name_within(name, f->text);
    }
}

static bool is_listed(struct request *r, const struct vec *list, uint64_t method)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct from *f = list->items[i];
        if ((f->methods & method) && is_from(r, f))
            return true;
    }
    return false;
}

static bool is_allowed(struct request *r, const struct access_place *place, uint64_t method)
{
    if ((place->allow_deny | place->mutual_failure) & method)
        return is_listed(r, &place->allows, method) && !is_listed(r, &place->denies, method);
    return !is_listed(r, &place->denies, method) || is_listed(r, &place->allows, method);
}

int access_check(struct request *r, uint64_t method)
{
    const char *file;

    if (is_allowed(r, part_of_place(r->place), method))
        return 0;
    file = request_filename(r);
    REQUEST_LOG(r, LOG_ACCESS_COMPAT, LEVEL_ERROR, 1797, "client denied by server configuration: %s%s",
                file ? "" : "uri ", file ? file : r->uri);
    return 403;
}

enum satisfy access_satisfy(const struct request *r, uint64_t method)
{
    return part_of_place(r->place)->any & method ? SATISFY_ANY : SATISFY_ALL;
}

bool access_blocks(const struct place *p)
{
    return part_of_place(p)->by_name;
}

#define PART                                                                                                           \
    {                                                                                                                  \
        SLOT_NONE, PART_PLACE, 0, 0                                                                                    \
    }

static const struct directive rows[] = {
    { "order", OR_LIMIT, ARGS_1, set_order, PART, "'allow,deny', 'deny,allow', or 'mutual-failure'" },
    { "allow", OR_LIMIT, ARGS_ITERATE2, set_allow, PART, "'from' followed by hostnames or IP-address wildcards" },
    { "deny", OR_LIMIT, ARGS_ITERATE2, set_deny, PART, "'from' followed by hostnames or IP-address wildcards" },
    { "Satisfy", OR_AUTHCFG, ARGS_1, set_satisfy, PART,
      "access policy if both allow and require used ('all' or 'any')" },
    { 0 },
};

struct module access_compat_module = {
    .name = "access_compat_module",
    .source = "mod_access_compat.c",
    .directives = rows,
    .place_size = sizeof(struct access_place),
    .merge_place = merge_place,
};

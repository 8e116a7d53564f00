/* mod_env: SetEnv, PassEnv, UnsetEnv. Set in the fixups, so rules that run before cannot see them, as in httpd. */
#include "mods.h"
#include "names.h"

#include <stdlib.h>
#include <strings.h>

struct variable {
    const char *name, *value;
};
struct env_place {
    struct vec set;   /* struct variable * */
    struct vec unset; /* char *: takes away what an outer place set */
};

static void put(struct arena *a, struct vec *vars, const char *name, const char *value)
{
    struct variable *v = arena_alloc(a, sizeof(*v));

    v->name = name;
    v->value = value;
    vec_add(a, vars, v);
}

static const char *set_env(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct env_place *place = settings;

    if (strchr(argv[0], '=')) {
        const char *name = argv[0] + strspn(argv[0], "=");
        size_t n = strcspn(name, "=");
        conf_note(cmd, LEVEL_WARN, LOG_CORE, 10032,
                  "Spurious usage of '=' in an environment variable name. '%s %.*s %s' expected instead?",
                  cmd->row->name, (int)n, name, name + n + (name[n] == '='));
    }
    put(cmd->arena, &place->set, argv[0], argc > 1 && argv[1] ? argv[1] : "");
    return NULL;
}

static const char *pass_env(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct env_place *place = settings;
    const char *value = getenv(argv[0]);

    (void)argc;
    if (value)
        put(cmd->arena, &place->set, argv[0], arena_strdup(cmd->arena, value));
    else
        conf_note(cmd, LEVEL_WARN, LOG_ENV, 1506, "PassEnv variable %s was undefined", argv[0]);
    return NULL;
}

static const char *unset_env(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct env_place *place = settings;
    unsigned kept = 0;

    (void)argc;
    for (unsigned i = 0; i < place->set.n; i++) { /* of this place it takes what stands above, not what follows */
        struct variable *v = place->set.items[i];
        if (strcasecmp(v->name, argv[0]) != 0)
            place->set.items[kept++] = v;
    }
    place->set.n = kept;
    vec_add(cmd->arena, &place->unset, argv[0]);
    return NULL;
}

static bool is_unset(const struct vec *unset, const char *name)
{
    for (unsigned i = 0; i < unset->n; i++)
        if (strcasecmp(unset->items[i], name) == 0)
            return true;
    return false;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct env_place *b = base, *o = over;
    struct env_place *m = merged;

    m->set = (struct vec){ 0 };
    for (unsigned i = 0; i < b->set.n; i++) {
        const struct variable *v = b->set.items[i];
        if (!is_unset(&o->unset, v->name))
            vec_add(a, &m->set, b->set.items[i]);
    }
    vec_append(a, &m->set, &o->set);
    m->unset = (struct vec){ 0 };
    vec_append(a, &m->unset, &b->unset);
    vec_append(a, &m->unset, &o->unset);
}

static const struct directive env_directives[] = {
    { "SetEnv", OR_FILEINFO, ARGS_12, set_env, PLACE_SLOT(SLOT_CUSTOM, struct env_place, set),
      "an environment variable name and optional value to pass to CGI.", CONF_WORKS, NULL },
    { "PassEnv", OR_FILEINFO, ARGS_ITERATE, pass_env, PLACE_SLOT(SLOT_CUSTOM, struct env_place, set),
      "a list of environment variables to pass to CGI.", CONF_WORKS, NULL },
    { "UnsetEnv", OR_FILEINFO, ARGS_ITERATE, unset_env, PLACE_SLOT(SLOT_CUSTOM, struct env_place, unset),
      "a list of variables to remove from the CGI environment.", CONF_WORKS, NULL },
    { 0 },
};

struct module env_module = {
    .name = "env_module",
    .source = "mod_env.c",
    .directives = env_directives,
    .place_size = sizeof(struct env_place),
    .merge_place = merge_place,
};

void env_fixup(struct request *r)
{
    const struct env_place *place = place_part(r->place, &env_module);

    for (unsigned i = place->set.n; i-- > 0;) { /* what is set already stays, and of several lines the last counts */
        const struct variable *v = place->set.items[i];
        if (!http_fields_find(&r->env, v->name))
            request_set_env(r, v->name, v->value);
    }
}

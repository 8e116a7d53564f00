/* AllowMethods: mod_allowmethods.c. */
#include "access.h"

#include <strings.h>

struct allowmethods_place {
    uint64_t allowed;  /* 0: all are */
    const char *names; /* for Allow */
};

static const char *set_methods(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const struct core_site *main = core_site_of(cmd->snapshot->main);
    struct allowmethods_place *place = settings;
    const char *names = NULL;

    place->allowed = 0;
    if (argc == 0)
        return "AllowMethods: No method or 'reset' keyword given";
    for (int i = 0; i < argc && !(argc == 1 && strcasecmp(argv[0], "reset") == 0); i++) {
        uint64_t bit = core_method_bit(main, span_of(argv[i]));
        if (bit == core_method_bit(main, SPAN("")))
            return conf_fault(cmd, "AllowMethods: Invalid Method '%s'", argv[i]);
        place->allowed |= bit;
        names = names ? arena_concat(cmd->arena, names, ",", argv[i], NULL) : argv[i];
    }
    place->names = names;
    conf_touch(cmd, place, &place->names);
    return NULL;
}

int allowmethods_check(struct request *r, uint64_t method)
{
    const struct allowmethods_place *place = place_part(r->place, &allowmethods_module);
    const char *file;

    if (!place->allowed || (place->allowed & method))
        return 0;
    file = request_filename(r);
    REQUEST_LOG(r, LOG_ALLOWMETHODS, LEVEL_ERROR, 1623, "client method denied by server configuration: '%s' to %s%s",
                arena_span(r->arena, r->head.method), file ? "" : "uri ", file ? file : r->uri);
    r->allow = place->names;
    return 405;
}

static const struct directive rows[] = {
    { "AllowMethods", IN_PLACES, ARGS_LIST, set_methods, PLACE_SLOT(SLOT_CUSTOM, struct allowmethods_place, allowed),
      "only allow specific methods" },
    { 0 },
};

struct module allowmethods_module = {
    .name = "allowmethods_module",
    .source = "mod_allowmethods.c",
    .directives = rows,
    .place_size = sizeof(struct allowmethods_place),
};

/* The providers user and valid-user of mod_authz_user.c, and group of mod_authz_groupfile.c. */
#include "access.h"
#include "names.h"

#include <errno.h>
#include <strings.h>

struct groupfile_place {
    const char *path;
};

static bool is_named(struct request *r, const char *names, const char *name)
{
    const char *word;

    while ((word = conf_word(r->arena, &names)) && *word)
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

/* ---- user, valid-user ---- */

static enum verdict check_user(struct request *r, const struct authz_line *line)
{
    const char *error = NULL, *names;

    if (!r->user)
        return VERDICT_NO_USER;
    names = authz_text(r, line, &error);
    if (!names) {
        REQUEST_LOG(r, LOG_AUTHZ_USER, LEVEL_ERROR, 2594,
                    "authz_user authorize: require user: Can't evaluate require expression: %s", error);
        return VERDICT_DENIED;
    }
    if (is_named(r, names, r->user))
        return VERDICT_GRANTED;
    REQUEST_LOG(r, LOG_AUTHZ_USER, LEVEL_DEBUG, 1663,
                "access to %s failed, reason: user '%s' does not meet 'require'ments for user to be allowed access",
                r->uri, r->user);
    return VERDICT_DENIED;
}

static enum verdict check_valid_user(struct request *r, const struct authz_line *line)
{
    (void)line;
    return r->user ? VERDICT_GRANTED : VERDICT_NO_USER;
}

/* ---- group ---- */

/* The names of groups are told apart without case (they lie in an apr_table). */
static bool is_in(struct request *r, const char *names, const struct vec *groups)
{
    const char *word;

    while ((word = conf_word(r->arena, &names)) && *word)
        for (unsigned i = 0; i < groups->n; i++)
            if (strcasecmp(word, groups->items[i]) == 0)
                return true;
    return false;
}

static bool read_groups(struct request *r, struct vec *groups)
{
    const struct groupfile_place *place = place_part(r->place, &authz_groupfile_module);
    struct span file;

    if (!place->path) {
        REQUEST_LOG(r, LOG_AUTHZ_GROUPFILE, LEVEL_ERROR, 1664, "No group file was specified in the configuration");
        return false;
    }
    if (!userfile_read(r->arena, place->path, &file)) {
        REQUEST_LOG_OS(r, LOG_AUTHZ_GROUPFILE, LEVEL_ERROR, 1665, errno, "Could not open group file: %s", place->path);
        return false;
    }
    userfile_groups(r->arena, file, r->user, groups);
    if (!groups->n)
        REQUEST_LOG(r, LOG_AUTHZ_GROUPFILE, LEVEL_INFO, 1666,
                    "Authorization of user %s to access %s failed, reason: user doesn't appear in group file (%s).",
                    r->user, r->uri, place->path);
    return groups->n > 0;
}

static enum verdict check_group(struct request *r, const struct authz_line *line)
{
    const char *error = NULL, *names;
    struct vec groups = { 0 };

    if (!r->user)
        return VERDICT_NO_USER;
    if (!read_groups(r, &groups))
        return VERDICT_DENIED;
    names = authz_text(r, line, &error);
    if (!names) {
        REQUEST_LOG(r, LOG_AUTHZ_GROUPFILE, LEVEL_ERROR, 2592,
                    "authz_groupfile authorize: require group: Can't evaluate require expression: %s", error);
        return VERDICT_DENIED;
    }
    if (is_in(r, names, &groups))
        return VERDICT_GRANTED;
    REQUEST_LOG(r, LOG_AUTHZ_GROUPFILE, LEVEL_DEBUG, 1667,
                "Authorization of user %s to access %s failed, reason: user is not part of the 'require'ed group(s).",
                r->user, r->uri);
    return VERDICT_DENIED;
}

const struct authz_provider authz_user_providers[] = {
    { "user", authz_parse_text, check_user, 0 },
    { "valid-user", NULL, check_valid_user, 0 },
    { "group", authz_parse_text, check_group, BLOCKS_ON_FILES },
    { 0 },
};

static const struct directive rows[] = {
    { "AuthGroupFile", OR_AUTHCFG, ARGS_1, NULL, PLACE_SLOT(SLOT_PATH, struct groupfile_place, path),
      "text file containing group names and member user IDs" },
    { 0 },
};

struct module authz_groupfile_module = {
    .name = "authz_groupfile_module",
    .source = "mod_authz_groupfile.c",
    .directives = rows,
    .place_size = sizeof(struct groupfile_place),
};

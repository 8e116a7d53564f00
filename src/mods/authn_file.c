/* Passwords in files: mod_authn_file.c. */
#include "access.h"
#include "names.h"

#include <errno.h>

struct authn_file_place {
    const char *path;
};

static bool read_file(struct request *r, int unnamed, int unopened, struct span *file)
{
    const struct authn_file_place *place = place_part(r->place, &authn_file_module);

    if (!place->path)
        REQUEST_LOG(r, LOG_AUTHN_FILE, LEVEL_ERROR, unnamed, "AuthUserFile not specified in the configuration");
    else if (userfile_read(r->arena, place->path, file))
        return true;
    else
        REQUEST_LOG_OS(r, LOG_AUTHN_FILE, LEVEL_ERROR, unopened, errno, "Could not open password file: %s",
                       place->path);
    return false;
}

enum authn_result authn_file_password(struct request *r, const char *user, const char *password)
{
    struct span file;
    const char *hash;

    if (!read_file(r, 1619, 1620, &file))
        return AUTHN_ERROR;
    hash = userfile_find(r->arena, file, user, NULL);
    if (!hash)
        return AUTHN_UNKNOWN;
    return password_matches(password, hash) ? AUTHN_GRANTED : AUTHN_DENIED;
}

enum authn_result authn_file_digest(struct request *r, const char *user, const char *realm, const char **hash)
{
    struct span file;

    if (!read_file(r, 1621, 1622, &file))
        return AUTHN_ERROR;
    *hash = userfile_find(r->arena, file, user, realm);
    return *hash ? AUTHN_GRANTED : AUTHN_UNKNOWN;
}

static const struct directive rows[] = {
    { "AuthUserFile", OR_AUTHCFG, ARGS_1, NULL, PLACE_SLOT(SLOT_PATH, struct authn_file_place, path),
      "text file containing user IDs and passwords" },
    { 0 },
};

struct module authn_file_module = {
    .name = "authn_file_module",
    .source = "mod_authn_file.c",
    .directives = rows,
    .place_size = sizeof(struct authn_file_place),
};

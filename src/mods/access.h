/* What the files of access control and authentication share (mod_authz_*, mod_access_compat, mod_authn_*, mod_auth_*);
 * nothing here is for other rooms. Whatever is said to block is called off the loop only. */
#ifndef WEIR_ACCESS_H
#define WEIR_ACCESS_H

#include "core.h"

enum { DECLINED = -1 }; /* httpd's: neither a grant nor a refusal, the next one is asked */

/* What a text with %{…} says for this request; NULL and *error, which is in the log, when it cannot be evaluated. */
const char *access_text(struct request *r, const struct expr *text, const char **error);

/* ---- authz.c: Require lines and their containers ---- */

enum verdict {
    VERDICT_NEUTRAL,
    VERDICT_DENIED,
    VERDICT_NO_USER, /* denied, but a user could change that */
    VERDICT_GRANTED,
    VERDICT_FAILED /* what has been logged: 500 */
};
struct authz_line { /* "Require PROVIDER ARGS" */
    const char *provider, *args;
    const void *parsed; /* the provider's */
};
struct authz_provider {
    const char *name;
    const char *(*parse)(struct conf_cmd *cmd, struct authz_line *line); /* NULL, or the fault; may be NULL itself */
    enum verdict (*check)(struct request *r, const struct authz_line *line);
    unsigned blocks; /* BLOCKS_… */
};
enum { BLOCKS_ON_FILES = 1, BLOCKS_ON_NAMES = 2 };
enum authz_logic { LOGIC_UNSET, LOGIC_AND, LOGIC_OR, LOGIC_OFF };
struct authz_rule {         /* a Require line or a container of them */
    enum authz_logic logic; /* UNSET: a line */
    bool negate, merged;
    unsigned blocks;
    const struct authz_provider *provider;
    struct authz_line line;
    uint64_t methods;
    struct authz_rule *first, *next;
};
struct authz_place {
    struct authz_rule *rules;
    int merging;              /* enum authz_logic, of AuthMerging */
    int forbidden_on_failure; /* AuthzSendForbiddenOnFailure */
};
extern struct module authz_core_module;
const char *authz_label(struct arena *a, const struct authz_rule *rule); /* "Require user alice", "<RequireAll>" */
/* authz_core.c, authz_host.c, authz_user.c, authz_ssl.c: ends with a row without a name */
extern const struct authz_provider authz_core_providers[], authz_host_providers[], authz_user_providers[],
    authz_ssl_providers[];
const char *authz_parse_text(struct conf_cmd *cmd, struct authz_line *line); /* args with %{…}: parsed is its expr */
/* The text of such a line for this request; NULL and *error when it cannot be had. */
const char *authz_text(struct request *r, const struct authz_line *line, const char **error);

/* ---- client_name.c ---- */

enum address_fault {
    ADDRESS_OK,
    ADDRESS_NONE /* no address at all, perhaps a name */,
    ADDRESS_BAD /* *fault says why */
};
enum address_fault address_parse(const char *text, struct subnet *s, const char **fault); /* "10.1", "10.0.0.0/8", … */
/* The look-ups block. */
/* The client's name by reverse and forward look-up (ap_get_useragent_host, REMOTE_DOUBLE_REV); NULL when it has none.
 */
const char *client_name(struct request *r);
bool client_name_within(const char *name, const char *domain); /* the domain itself, or a name below it */
bool client_has_name(struct request *r, const char *name);     /* is the client one of the name's addresses? */

/* ---- access_compat.c, allowmethods.c ---- */

enum satisfy { SATISFY_ALL, SATISFY_ANY };
extern struct module access_compat_module, allowmethods_module;
enum satisfy access_satisfy(const struct request *r, uint64_t method);
int access_check(struct request *r, uint64_t method);       /* Order, Allow, Deny: 0 or 403; blocks with host names */
bool access_blocks(const struct place *p);                  /* on names */
int allowmethods_check(struct request *r, uint64_t method); /* 0 or 405 */

/* ---- authn.c: AuthType, AuthName ---- */

extern struct module authn_core_module;
const char *authn_type(struct request *r); /* NULL: none */
const char *authn_name(struct request *r); /* with its quotes escaped; NULL: none */
const char *authn_escape_quotes(struct arena *a, const char *text);
bool authn_wanted(const struct place *p);   /* some AuthType is set */
void authn_note_failure(struct request *r); /* WWW-Authenticate as the place's AuthType has it */
/* Who it is (check_user_id): 0 with r->user, or a status; blocks when there is an Authorization field. */
int authn_check(struct request *r);
const char *authn_check_provider(struct conf_cmd *cmd, const char *name); /* "file": NULL; or the fault */
struct span authn_field(const struct request *r, const char *scheme);     /* what follows SCHEME in Authorization */

/* ---- auth_basic.c, auth_digest.c ---- */

extern struct module auth_basic_module, auth_digest_module;
int basic_check(struct request *r, const char *realm); /* 0, DECLINED or a status; blocks */
int basic_fixup(struct request *r);                    /* AuthBasicFake: 0 or 500 */
void basic_note_failure(struct request *r, const char *realm);
/* The two parts of a Basic field; *password is "" when there is no colon. */
void basic_credentials(struct arena *a, struct span field, const char **user, const char **password);
struct span basic_field(struct arena *a, const char *user, const char *password); /* "Basic …" */
int digest_check(struct request *r, const char *realm);
void digest_fixup(struct request *r); /* Authentication-Info */
void digest_note_failure(struct request *r, const char *realm);

/* ---- userfile.c: htpasswd, htdigest and group files ---- */

/* The next line: continued ones joined, blanks at both ends gone, no comment and not empty; false at the end. */
bool userfile_line(struct arena *a, struct span *rest, struct span *line);
/* The password of a user in such a file: "user:password", or with a realm "user:realm:hash"; NULL when not there. */
const char *userfile_find(struct arena *a, struct span file, const char *user, const char *realm);
/* Adds the names of the groups ("name: user user …") that the user is in. */
void userfile_groups(struct arena *a, struct span file, const char *user, struct vec *groups);
/* Reads all of a file; false with errno. Blocks. */
bool userfile_read(struct arena *a, const char *path, struct span *file);

/* ---- authn_file.c ---- */

extern struct module authn_file_module, authz_groupfile_module;
enum authn_result { AUTHN_UNKNOWN /* no such user */, AUTHN_DENIED, AUTHN_GRANTED, AUTHN_ERROR /* said in the log */ };
enum authn_result authn_file_password(struct request *r, const char *user, const char *password);
/* AUTHN_GRANTED with the user's MD5 of "user:realm:password". */
enum authn_result authn_file_digest(struct request *r, const char *user, const char *realm, const char **hash);

/* ---- password.c ---- */

/* Does the password match what htpasswd wrote (bcrypt, crypt, SHA-256/512, apr1, {SHA})? Blocks: a hash may be made to
 * take long. A match is remembered for a short while. */
bool password_matches(const char *password, const char *hash);
bool secret_equal(const char *a, const char *b); /* without telling by time where they differ */

#endif

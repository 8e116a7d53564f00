/* Rows that sections may hold too: ErrorDocument, SetHandler, LimitRequestBody … httpd's core.c. */
#include "core.h"
#include "names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* What ap_index_of_response knows. */
bool core_is_status(int s)
{
    static const struct {
        int from, to;
    } known[] = { { 100, 102 }, { 200, 208 }, { 226, 226 }, { 300, 305 }, { 307, 308 }, { 400, 417 },
                  { 421, 426 }, { 428, 429 }, { 431, 431 }, { 451, 451 }, { 500, 508 }, { 510, 511 } };

    for (unsigned i = 0; i < COUNT_OF(known); i++)
        if (s >= known[i].from && s <= known[i].to)
            return true;
    return false;
}

/* ap_is_url: letters, digits, "+", "-", "." and then "://" */
bool core_is_url(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return n && strncmp(text + n, "://", 3) == 0;
}

static void guess_kind(struct error_document *d)
{
    if (strcasecmp(d->value, "default") == 0)
        d->kind = ERROR_DEFAULT;
    else if (strchr(d->value, ' '))
        d->kind = ERROR_TEXT;
    else if (d->value[0] == '/')
        d->kind = ERROR_PATH;
    else
        d->kind = core_is_url(d->value) ? ERROR_URL : ERROR_TEXT;
}

const char *core_set_error_document(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_place *place = settings;
    struct error_document *d = arena_alloc(cmd->arena, sizeof(*d));
    const char *fault = NULL;

    (void)argc;
    d->status = core_number(argv[0]);
    d->value = arena_strdup(cmd->arena, argv[1]);
    guess_kind(d);
    if (!core_is_status(d->status))
        return conf_fault(cmd, "Unsupported HTTP response code %s", argv[0]);
    if (d->status == 401 && d->kind == ERROR_URL) {
        conf_note(cmd, LEVEL_NOTICE, LOG_CORE, 113,
                  "%s:%d cannot use a full URL in a 401 ErrorDocument directive --- ignoring!", cmd->node->file,
                  cmd->node->line);
        return NULL;
    }
    if (d->kind != ERROR_DEFAULT && !(d->text = vars_compile(cmd, d->value, EXPR_STRING, &fault)))
        return conf_fault(cmd, "Cannot parse expression in ErrorDocument: %s", fault);
    vec_add(cmd->arena, &place->error_documents, d);
    return NULL;
}

const char *core_handler_name(struct arena *a, struct span text)
{
    char *name = arena_strndup(a, text.p ? text.p : "", text.n);

    if (strncmp(name, "proxy:unix", 10) != 0)
        for (char *p = name; *p; p++)
            *p = (char)tolower((unsigned char)*p);
    return name;
}

/* What follows "proxy:" and a socket begins with one of these; n of them. */
static bool leads_to(const char *name, const char *const *schemes, unsigned n)
{
    const char *bar = strncasecmp(name, "proxy:unix:", 11) == 0 ? strchr(name, '|') : NULL;
    const char *url = bar ? bar + 1 : strncasecmp(name, "proxy:", 6) == 0 ? name + 6 : "";

    for (unsigned i = 0; i < n; i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

bool core_is_handler(const char *name)
{
    static const char *const schemes[] = { "http:", "https:", "ws:", "wss:", "balancer:" };

    return strcmp(name, "none") == 0 || strcmp(name, "default-handler") == 0 || pages_of_handler(name) ||
           leads_to(name, schemes, COUNT_OF(schemes));
}

static const struct core_outside scripts = { LEVEL_WARN, false, "Weir runs no scripts",
                                             "Weir はスクリプトを実行しません" };
static const struct core_outside variants = { LEVEL_NOTICE, false, "Weir negotiates no contents",
                                              "Weir はコンテントネゴシエーションをしません" };
static const struct core_outside info = { LEVEL_WARN, true, "mod_info is not part of Weir",
                                          "Weir に mod_info は含まれていません" };
static const struct core_outside ldap = { LEVEL_WARN, true, "mod_ldap is not part of Weir",
                                          "Weir に mod_ldap は含まれていません" };

/* Those of mod_cgi, mod_fcgid, mod_php, mod_wsgi, mod_perl, and of mod_proxy for what speaks no HTTP. Debian's files
 * name mod_negotiation's lists of variants whether there are any or not, and the pages of mod_info and mod_ldap. */
const struct core_outside *core_find_outside(const char *name)
{
    static const struct {
        const char *text;
        bool whole; /* else a beginning */
        const struct core_outside *is;
    } all[] = { { "type-map", true, &variants },
                { "application/x-type-map", true, &variants },
                { "server-info", true, &info },
                { "ldap-status", true, &ldap },
                { CGI_HANDLER, false, &scripts },
                { "fcgid-script", false, &scripts },
                { "fastcgi-script", false, &scripts },
                { "application/x-httpd-", false, &scripts },
                { "php", false, &scripts },
                { "wsgi-script", false, &scripts },
                { "mod_wsgi", false, &scripts },
                { "perl-script", false, &scripts } };
    static const char *const schemes[] = { "fcgi:", "scgi:", "uwsgi:" };

    for (unsigned i = 0; i < COUNT_OF(all); i++)
        if (all[i].whole ? strcasecmp(name, all[i].text) == 0
                         : strncasecmp(name, all[i].text, strlen(all[i].text)) == 0)
            return all[i].is;
    return leads_to(name, schemes, COUNT_OF(schemes)) ? &scripts : NULL;
}

/* So that the rest of a file can be used whose programs somebody else runs. */
static void note_outside(struct conf_cmd *cmd, const char *what, const struct core_outside *o)
{
    conf_note(cmd, o->level, LOG_CORE, 0, "%s %s: %s are answered with 500: %s / %s %s: %sには 500 を返します: %s",
              cmd->row->name, what, o->page ? "requests for it" : "files of it", o->english, cmd->row->name, what,
              o->page ? "この要求" : "該当するファイル", o->japanese);
}

bool core_note_handler(struct conf_cmd *cmd, const char *name)
{
    const struct core_outside *o = core_find_outside(name);

    if (o)
        note_outside(cmd, name, o);
    return o != NULL;
}

void core_note_scripts(struct conf_cmd *cmd, const char *path)
{
    note_outside(cmd, path, &scripts);
}

const char *core_set_handler(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_place *place = settings;
    struct core_handler *handler = arena_alloc(cmd->arena, sizeof(*handler));
    const char *fault = NULL;

    (void)argc;
    handler->text = vars_compile(cmd, argv[0], EXPR_STRING, &fault);
    if (!handler->text)
        return conf_fault(cmd, "Can't parse expression : %s", fault);
    if (!strpbrk(argv[0], "%$\\"))
        handler->name = core_handler_name(cmd->arena, span_of(argv[0]));
    if (!core_note_handler(cmd, argv[0]) && handler->name && !core_is_handler(handler->name))
        return names_refuse(cmd);
    place->handler = handler;
    return NULL;
}

const char *core_set_force_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_place *place = settings;

    (void)argc;
    core_note_handler(cmd, argv[0]);
    place->force_type = arena_strdup(cmd->arena, argv[0]);
    return NULL;
}

const char *core_set_limit_body(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_place *place = settings;
    char *end;
    long long value;

    (void)cmd, (void)argc;
    errno = 0;
    value = strtoll(argv[0], &end, 10);
    if (errno)
        return "LimitRequestBody argument is not parsable.";
    if (*end || end == argv[0] || value < 0)
        return "LimitRequestBody requires a non-negative integer.";
    place->limit_body = value;
    return NULL;
}

const char *core_set_canonical_name(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", CANONICAL_ON },
                                              { "off", CANONICAL_OFF },
                                              { "dns", CANONICAL_DNS } };
    struct core_place *place = settings;

    (void)argc;
    if (!core_find_word(words, COUNT_OF(words), argv[0], &place->canonical_name))
        return "parameter must be 'on', 'off', or 'dns'";
    if (place->canonical_name == CANONICAL_DNS)
        return conf_fault(cmd, "UseCanonicalName DNS: refused: addresses are not looked up / UseCanonicalName DNS: "
                               "受け付けません: アドレスの逆引きはしません");
    return NULL;
}

const char *core_set_signature(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", SIGNATURE_ON },
                                              { "off", SIGNATURE_OFF },
                                              { "email", SIGNATURE_EMAIL } };
    struct core_place *place = settings;

    (void)cmd, (void)argc;
    if (core_find_word(words, COUNT_OF(words), argv[0], &place->signature))
        return NULL;
    return "ServerSignature: use one of: off | on | email";
}

/* The only list of modules. Names and sources are httpd's, so that <IfModule>, LoadModule and LogLevel find them. */
#include "access.h"
#include "names.h"
#include "proxying.h"
#include "ssl.h"

extern struct module alias_module;          /* alias.c */
extern struct module dir_module;            /* dir.c */
extern struct module mime_module;           /* mime_rows.c */
extern struct module env_module;            /* env.c */
extern struct module rewrite_module;        /* rewrite.c */
extern struct module proxy_balancer_module; /* proxy_balancer.c */
extern struct module setenvif_module;       /* setenvif.c */
extern struct module headers_module;        /* headers.c */

/* A module that is here for its name, or for rows that do not act yet. */
#define NAMED(ident, file, rows)                                                                                       \
    static struct module ident##_module = { .name = #ident "_module", .source = file, .directives = rows }

static const struct directive so_directives[] = {
    REFUSED("LoadFile", IN_SITES, WHY_CODE),
    { 0 },
};
static const struct directive logio_directives[] = {
    INERT("LogIOTrackTTFB", OR_ALL, ARGS_FLAG, "Set to 'ON' to enable tracking time to first byte", WHY_ALWAYS),
    { 0 },
};
/* The rest of mod_macro is the language's own words, which conf reads. */
static const struct directive macro_directives[] = {
    INERT("MacroIgnoreEmptyArgs", OR_ALL, ARGS_RAW, "Globally ignore warnings about empty arguments.", WHY_WARNINGS),
    INERT("MacroIgnoreBadNesting", OR_ALL, ARGS_RAW, "Globally ignore warnings about bad nesting.", WHY_WARNINGS),
    { 0 },
};

NAMED(so, "mod_so.c", so_directives);
NAMED(watchdog, "mod_watchdog.c", NULL);
NAMED(http, "http_core.c", NULL);
NAMED(logio, "mod_logio.c", logio_directives);
NAMED(version, "mod_version.c", NULL);
NAMED(unixd, "mod_unixd.c", NULL);
/* The MPMs' directives are the core's, whichever of them a file loads. */
NAMED(mpm_event, "event.c", NULL);
NAMED(mpm_worker, "worker.c", NULL);
NAMED(mpm_prefork, "prefork.c", NULL);
NAMED(reqtimeout, "mod_reqtimeout.c", NULL);
NAMED(macro, "mod_macro.c", macro_directives);
NAMED(status, "mod_status.c", NULL);

NAMED(authz_host, "mod_authz_host.c", NULL);
NAMED(authz_user, "mod_authz_user.c", NULL);

NAMED(autoindex, "mod_autoindex.c", autoindex_directives);
NAMED(negotiation, "mod_negotiation.c", negotiation_directives);

NAMED(http2, "mod_http2.c", http2_directives);
NAMED(socache_shmcb, "mod_socache_shmcb.c", NULL);
NAMED(slotmem_shm, "mod_slotmem_shm.c", NULL);
NAMED(lbmethod_byrequests, "mod_lbmethod_byrequests.c", NULL);
NAMED(lbmethod_bytraffic, "mod_lbmethod_bytraffic.c", NULL);
NAMED(lbmethod_bybusyness, "mod_lbmethod_bybusyness.c", NULL);

/* No module: <IfModule> and LoadModule find none without a name. */
static struct module outside = { .name = NULL, .source = NULL, .directives = other_directives };

const struct module *const all_modules[] = {
    &core_module,
    &so_module,
    &watchdog_module,
    &http_module,
    &log_config_module,
    &logio_module,
    &version_module,
    &unixd_module,
    &mpm_event_module,
    &mpm_worker_module,
    &mpm_prefork_module,
    &proxy_module,
    &proxy_http_module,
    &proxy_wstunnel_module,
    &authz_core_module,
    &authz_host_module,
    &authz_user_module,
    &authz_groupfile_module,
    &access_compat_module,
    &allowmethods_module,
    &auth_basic_module,
    &auth_digest_module,
    &authn_core_module,
    &authn_file_module,
    &alias_module,
    &dir_module,
    &mime_module,
    &env_module,
    &setenvif_module,
    &headers_module,
    &rewrite_module,
    &filter_module,
    &deflate_module,
    &brotli_module,
    &substitute_module,
    &expires_module,
    &autoindex_module,
    &negotiation_module,
    &reqtimeout_module,
    &remoteip_module,
    &ssl_module,
    &socache_shmcb_module,
    &http2_module,
    &proxy_balancer_module,
    &lbmethod_byrequests_module,
    &lbmethod_bytraffic_module,
    &lbmethod_bybusyness_module,
    &slotmem_shm_module,
    &status_module,
    &macro_module,
    &outside,
    NULL,
};

/* The rest of what comes with httpd 2.4 on Debian and, systemd, elsewhere: files load it whether a line of theirs needs
 * it or not. None of it protects anything, or answers anything otherwise, without a line of its own or a name in
 * another's (of a provider, a handler, a filter, a scheme), and Weir takes no such line in silence. */
#define OTHER(ident)                                                                                                   \
    {                                                                                                                  \
#ident "_module", "mod_" #ident ".c", NULL, false                                                              \
    }
#define PHP(ident)                                                                                                     \
    {                                                                                                                  \
#ident "_module", "mod_" #ident ".c", php, true                                                                \
    }

static const char php[] =
    "files of PHP would be shown as text; leave PHP to an httpd on another port, and send its paths there with "
    "ProxyPass / PHP のファイルがそのまま表示されてしまいます。PHP は別のポートの httpd に任せ、ProxyPass "
    "で転送してください";

const struct other_module other_modules[] = {
    OTHER(actions),
    { "asis_module", "mod_asis.c",
      "files of the type httpd/send-as-is are sent with their heads as text / httpd/send-as-is "
      "のファイルはヘッダーごと本文として送られます",
      false },
    { "auth_form_module", "mod_auth_form.c",
      "what AuthType Form guards is answered with 500 / AuthType Form で保護した場所には 500 を返します", false },
    OTHER(authn_anon),
    OTHER(authn_dbd),
    OTHER(authn_dbm),
    OTHER(authn_socache),
    OTHER(authnz_fcgi),
    OTHER(authnz_ldap),
    OTHER(authz_dbd),
    OTHER(authz_dbm),
    OTHER(authz_owner),
    OTHER(bucketeer),
    OTHER(buffer),
    OTHER(cache),
    OTHER(cache_disk),
    OTHER(cache_socache),
    OTHER(case_filter),
    OTHER(case_filter_in),
    OTHER(cern_meta),
    OTHER(cgi),
    OTHER(cgid),
    OTHER(charset_lite),
    OTHER(data),
    OTHER(dav),
    OTHER(dav_fs),
    OTHER(dav_lock),
    OTHER(dbd),
    OTHER(dialup),
    OTHER(dumpio),
    OTHER(echo),
    OTHER(ext_filter),
    OTHER(file_cache),
    OTHER(heartbeat),
    OTHER(heartmonitor),
    OTHER(ident),
    OTHER(imagemap),
    OTHER(include),
    OTHER(info),
    OTHER(lbmethod_heartbeat),
    { "ldap_module", "util_ldap.c", NULL, false },
    OTHER(log_debug),
    OTHER(log_forensic),
    OTHER(lua),
    OTHER(md),
    OTHER(mime_magic),
    OTHER(proxy_ajp),
    OTHER(proxy_connect),
    OTHER(proxy_express),
    OTHER(proxy_fcgi),
    OTHER(proxy_fdpass),
    OTHER(proxy_ftp),
    OTHER(proxy_hcheck),
    OTHER(proxy_html),
    OTHER(proxy_http2),
    OTHER(proxy_scgi),
    OTHER(proxy_uwsgi),
    OTHER(ratelimit),
    OTHER(reflector),
    OTHER(request),
    OTHER(sed),
    OTHER(session),
    OTHER(session_cookie),
    OTHER(session_crypto),
    OTHER(session_dbd),
    OTHER(slotmem_plain),
    OTHER(socache_dbm),
    OTHER(socache_memcache),
    OTHER(socache_redis),
    OTHER(speling),
    OTHER(suexec),
    OTHER(systemd),
    { "unique_id_module", "mod_unique_id.c", "requests have no UNIQUE_ID / 要求に UNIQUE_ID は付きません", false },
    OTHER(userdir),
    OTHER(usertrack),
    OTHER(vhost_alias),
    OTHER(xml2enc),
    PHP(php),
    PHP(php5),
    PHP(php7),
    { 0 },
};

/* Compiled into Debian's httpd: <IfModule> finds them without a LoadModule line. */
static struct module *const built_in[] = { &so_module,    &watchdog_module, &http_module,
                                           &logio_module, &version_module,  &unixd_module };

/* What httpd stops without: an MPM, and what Debian's files load before it. */
static struct module *const in_whole_files[] = { &mpm_event_module, &mpm_worker_module, &mpm_prefork_module,
                                                 &authz_core_module };

/* A module's index is its place in the list, known before main starts. */
__attribute__((constructor)) static void number_modules(void)
{
    for (int i = 0; all_modules[i]; i++)
        ((struct module *)all_modules[i])->index = i;
    for (unsigned i = 0; i < COUNT_OF(built_in); i++)
        built_in[i]->static_in_httpd = true;
    log_config_module.static_in_httpd = true;
    for (unsigned i = 0; i < COUNT_OF(in_whole_files); i++)
        in_whole_files[i]->in_whole_files = true;
}

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

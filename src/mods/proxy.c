/* mod_proxy, mod_proxy_http, mod_proxy_wstunnel: settings, rows and the small checks of scalars (mod_proxy.c,
 * proxy_cmds). */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

struct tunnel_place {
    int fallback; /* ProxyWebsocketFallbackToProxyHttp */
};

/* ---- scalars that need a check ------------------------------------------------------------------ */

/* On: what else the file says acts; requests for other hosts are answered as if it were off. */
static const char *set_requests(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    if (strcasecmp(argv[0], "on") == 0)
        conf_note(
            cmd, LEVEL_WARN, LOG_PROXY, 0,
            "ProxyRequests On: Weir is a reverse proxy and never a forward one; nothing is fetched from hosts that "
            "a client names / Weir はリバースプロキシ専用で、フォワードプロキシにはなりません");
    return NULL;
}

/* One of a list of words; the value is its position. */
static const char *choose_word(int *field, const char *const *words, const char *given, const char *error)
{
    for (int i = 0; words[i]; i++) {
        if (strcasecmp(words[i], given) == 0) {
            *field = i;
            return NULL;
        }
    }
    return error;
}

static const char *set_via(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char *const words[] = { "off", "on", "full", "block", NULL };
    struct proxy_site *site = settings;
    (void)cmd, (void)argc;
    return choose_word(&site->via, words, argv[0], "ProxyVia must be one of: off | on | full | block");
}

static const char *set_bad_header(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char *const words[] = { "IsError", "Ignore", "StartBody", NULL };
    struct proxy_site *site = settings;
    (void)cmd, (void)argc;
    return choose_word(&site->bad_header, words, argv[0],
                       "ProxyBadHeader must be one of: IsError | Ignore | StartBody");
}

static const char *check_status(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char *const words[] = { "off", "on", "full", NULL };
    int ignored;
    (void)cmd, (void)settings, (void)argc;
    return choose_word(&ignored, words, argv[0], "ProxyStatus must be one of: off | on | full");
}

static const char *set_timeout(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_site *site = settings;
    int seconds = atoi(argv[0]);
    (void)cmd, (void)argc;
    if (seconds < 1)
        return "Proxy Timeout must be at least 1 second.";
    site->timeout_us = (int64_t)seconds * 1000000;
    return NULL;
}

static const char *set_max_forwards(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_site *site = settings;
    long hops = atol(argv[0]);
    (void)cmd, (void)argc;
    site->max_forwards = hops < 0 ? -1 : hops > INT_MAX ? INT_MAX : (int)hops;
    return NULL;
}

static const char *set_receive_buffer(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_site *site = settings;
    int size = atoi(argv[0]);
    (void)cmd, (void)argc;
    if (size < 512 && size != 0)
        return "ProxyReceiveBufferSize must be >= 512 bytes, or 0 for system default.";
    site->receive_buffer = size;
    return NULL;
}

static const char *check_io_buffer(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    long size = atol(argv[0]);
    (void)cmd, (void)settings, (void)argc;
    return size < 512 && size != 0 ? "ProxyIOBufferSize must be >= 512 bytes, or 0 for system default." : NULL;
}

static const char *set_source_address(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_site *site = settings;
    unsigned char ip[16];
    (void)argc;
    if (inet_pton(AF_INET, argv[0], ip) != 1 && inet_pton(AF_INET6, argv[0], ip) != 1)
        return "ProxySourceAddress invalid value";
    site->source_address = arena_strdup(cmd->arena, argv[0]);
    return NULL;
}

static const char *add_override_code(struct conf_cmd *cmd, struct proxy_place *place, const char *word)
{
    if (!(word[0] >= '0' && word[0] <= '9'))
        return "ProxyErrorOverride: status codes to intercept must be numeric";
    if (!place->error_override)
        return "ProxyErrorOverride: status codes must follow a value of 'on'";
    long code = strtol(word, NULL, 10);
    if (code < 400 || code >= 600)
        return "ProxyErrorOverride: status codes to intercept must be valid HTTP Status Codes >=400 && <600";
    int kept = (int)code;
    vec_add(cmd->arena, &place->override_codes, arena_copy(cmd->arena, &kept, sizeof(kept)));
    conf_touch(cmd, place, &place->override_codes);
    return NULL;
}

static const char *set_error_override(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_place *place = settings;
    bool on = strcasecmp(argv[0], "on") == 0;
    (void)argc;
    if (on || strcasecmp(argv[0], "off") == 0) {
        place->error_override = on;
        return NULL;
    }
    if (!part_has(place, &place->error_override))
        return "ProxyErrorOverride first parameter must be one of: off | on";
    return add_override_code(cmd, place, argv[0]);
}

/* ---- defaults and merging ----------------------------------------------------------------------- */

static void site_defaults(void *site)
{
    struct proxy_site *s = site;
    s->max_forwards = -1;
    s->inherit_balancers = s->inherit_passes = 1;
}

static void place_defaults(void *place)
{
    struct proxy_place *p = place;
    p->add_headers = 1;
    p->continue_100 = 1;
}

static void append(struct arena *a, struct vec *to, const struct vec *base, const struct vec *over)
{
    *to = (struct vec){ 0 };
    vec_append(a, to, base);
    vec_append(a, to, over);
}

static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    struct proxy_site *m = merged;
    const struct proxy_site *b = base, *o = over;
    append(a, &m->aliases, &b->aliases, &o->aliases); /* whatever ProxyPassInherit says, as in httpd */
    if (m->inherit_balancers || m->inherit_passes) {
        append(a, &m->workers, &b->workers, &o->workers);
        proxy_balancers_merge(a, &m->balancers, &b->balancers, &o->balancers);
    } else {
        m->workers = o->workers;
        m->balancers = o->balancers;
    }
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    struct proxy_place *m = merged;
    const struct proxy_place *b = base, *o = over;
    append(a, &m->override_codes, &b->override_codes, &o->override_codes);
}

static const char *finish_site(struct snapshot_build *b, struct site *site)
{
    struct proxy_site *s = site_part(site, &proxy_module);
    s->http_loaded = conf_module_present(b->snapshot->reading, "proxy_http_module");
    s->tunnel_loaded = conf_module_present(b->snapshot->reading, "proxy_wstunnel_module");
    s->ssl_loaded = conf_module_present(b->snapshot->reading, "ssl_module");
    s->balancer_loaded = conf_module_present(b->snapshot->reading, "proxy_balancer_module");
    for (unsigned i = 0; i < s->workers.n; i++)
        proxy_worker_finish(b, s, s->workers.items[i]);
    return proxy_balancers_finish(b, site);
}

static void tunnel_defaults(void *place)
{
    struct tunnel_place *p = place;
    p->fallback = 1;
}

bool proxy_tunnel_alone(const struct request *r)
{
    const struct proxy_site *site = proxy_site_of(r->site);
    const struct tunnel_place *place = place_part(r->place, &proxy_wstunnel_module);
    return site->tunnel_loaded && !(site->http_loaded && place->fallback);
}

/* ---- rows --------------------------------------------------------------------------------------- */

#define SITE(kind, field)  SITE_SLOT(kind, struct proxy_site, field)
#define PLACE(kind, field) PLACE_SLOT(kind, struct proxy_place, field)
#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        .kind = SLOT_NONE                                                                                              \
    }
#define MANAGER                                                                                                        \
    "the balancer manager's page only shows, members do not change while running / "                                   \
    "バランサーの管理画面は表示専用で、実行中にメンバーは変わりません"
#define FORWARD "it belongs to a forward proxy, and Weir is a reverse one only / Weir はリバースプロキシ専用です"

enum { IN_PASS = IN_SITES | IN_LOCATION | IN_PROXY };

static const struct directive proxy_rows[] = {
    { "ProxyPass", IN_PASS, ARGS_RAW, proxy_set_pass, NO_SLOT, "a virtual path and a URL" },
    { "ProxyPassMatch", IN_PASS, ARGS_RAW, proxy_set_pass_match, NO_SLOT, "a virtual path and a URL" },
    { "ProxyPassReverse", IN_PASS, ARGS_123, proxy_set_reverse, PLACE(SLOT_LIST, reverse),
      "a virtual path and a URL for reverse proxy behaviour" },
    { "ProxyPassReverseCookiePath", IN_ANY, ARGS_23, proxy_set_cookie_path, PLACE(SLOT_LIST, cookie_paths),
      "Path rewrite rule for proxying cookies" },
    { "ProxyPassReverseCookieDomain", IN_ANY, ARGS_23, proxy_set_cookie_domain, PLACE(SLOT_LIST, cookie_domains),
      "Domain rewrite rule for proxying cookies" },
    { "ProxyPassInterpolateEnv", IN_ANY, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, interpolate),
      "Interpolate Env Vars in reverse Proxy" },
    { "ProxyPreserveHost", IN_ANY, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, preserve_host),
      "on if we should preserve host header while proxying" },
    { "ProxyAddHeaders", IN_ANY, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, add_headers),
      "on if X-Forwarded-* headers should be added or completed" },
    { "Proxy100Continue", IN_ANY, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, continue_100),
      "on if 100-Continue should be forwarded to the origin server, off if the proxy should handle it by itself" },
    { "ProxyErrorOverride", IN_ANY, ARGS_ITERATE, set_error_override, PLACE(SLOT_CUSTOM, error_override),
      "use our error handling pages instead of the servers' we are proxying" },
    { "ProxySet", IN_ANY, ARGS_RAW, proxy_set_param, NO_SLOT, "A balancer or worker name with list of params" },
    { "BalancerMember", IN_ANY, ARGS_RAW, proxy_add_member, NO_SLOT, "A balancer name and scheme with list of params" },
    { "BalancerInherit", IN_SITES, ARGS_FLAG, NULL, SITE(SLOT_FLAG, inherit_balancers),
      "on if this server should inherit Balancers and Workers defined in the main server (Setting to off recommended "
      "if using the Balancer Manager)" },
    { "ProxyPassInherit", IN_SITES, ARGS_FLAG, NULL, SITE(SLOT_FLAG, inherit_passes),
      "on if this server should inherit all ProxyPass directives defined in the main server (Setting to off "
      "recommended if using the Balancer Manager)" },
    { "ProxyRequests", IN_SITES, ARGS_FLAG, set_requests, NO_SLOT, "on if the true proxy requests should be accepted" },
    { "ProxyVia", IN_SITES, ARGS_1, set_via, SITE(SLOT_CUSTOM, via),
      "Configure Via: proxy header header to one of: on | off | block | full" },
    { "ProxyTimeout", IN_SITES, ARGS_1, set_timeout, SITE(SLOT_CUSTOM, timeout_us),
      "Set the timeout (in seconds) for a proxied connection. This overrides the server timeout" },
    { "ProxyMaxForwards", IN_SITES, ARGS_1, set_max_forwards, SITE(SLOT_CUSTOM, max_forwards),
      "The maximum number of proxies a request may be forwarded through." },
    { "ProxyBadHeader", IN_SITES, ARGS_1, set_bad_header, SITE(SLOT_CUSTOM, bad_header),
      "How to handle bad header line in response: IsError | Ignore | StartBody" },
    { "ProxyReceiveBufferSize", IN_SITES, ARGS_1, set_receive_buffer, SITE(SLOT_CUSTOM, receive_buffer),
      "Receive buffer size for outgoing HTTP and FTP connections in bytes" },
    { "ProxySourceAddress", IN_SITES, ARGS_1, set_source_address, SITE(SLOT_CUSTOM, source_address),
      "Configure local source IP used for request forward" },

    { "ProxyIOBufferSize", IN_SITES, ARGS_1, check_io_buffer, NO_SLOT,
      "IO buffer size for outgoing HTTP and FTP connections in bytes", CONF_NO_EFFECT,
      "Weir sizes its buffers itself / バッファの大きさは Weir が決めます" },
    { "ProxyStatus", IN_SITES, ARGS_1, check_status, NO_SLOT,
      "Configure Status: proxy status to one of: on | off | full", CONF_NO_EFFECT,
      "backends are not on the status page; there is balancer-manager / バックエンドはステータスページに表示しません "
      "(balancer-manager を使用)" },
    { "BalancerGrowth", IN_SITES, ARGS_1, proxy_set_growth, NO_SLOT,
      "Number of additional Balancers that can be added post-config", CONF_NO_EFFECT, MANAGER },
    { "BalancerPersist", IN_SITES, ARGS_FLAG, NULL, NO_SLOT,
      "on if the balancer should persist changes on reboot/restart made via the Balancer Manager", CONF_NO_EFFECT,
      MANAGER },
    { "ProxyBlock", IN_SITES, ARGS_ITERATE, NULL, NO_SLOT,
      "A list of names, hosts or domains to which the proxy will not connect", CONF_REFUSED, FORWARD },
    { "ProxyDomain", IN_SITES, ARGS_1, NULL, NO_SLOT,
      "The default intranet domain name (in absence of a domain in the URL)", CONF_NO_EFFECT, FORWARD },
    { "NoProxy", IN_SITES, ARGS_ITERATE, NULL, NO_SLOT,
      "A list of domains, hosts, or subnets to which the proxy will connect directly", CONF_NO_EFFECT, FORWARD },
    { "ProxyRemote", IN_SITES, ARGS_23, NULL, NO_SLOT, "a scheme, partial URL or '*' and a proxy server", CONF_REFUSED,
      "a proxy behind the proxy is not supported / 上流プロキシには対応していません" },
    { "ProxyRemoteMatch", IN_SITES, ARGS_23, NULL, NO_SLOT, "a regex pattern and a proxy server", CONF_REFUSED,
      "a proxy behind the proxy is not supported / 上流プロキシには対応していません" },
    { 0 },
};

static const struct directive tunnel_rows[] = {
    { "ProxyWebsocketFallbackToProxyHttp", IN_ANY, ARGS_FLAG, NULL,
      PLACE_SLOT(SLOT_FLAG, struct tunnel_place, fallback),
      "whether to let mod_proxy_http handle the upgrade and tunneling, On by default" },
    { 0 },
};

struct module proxy_module = {
    .name = "proxy_module",
    .source = "mod_proxy.c",
    .directives = proxy_rows,
    .site_size = sizeof(struct proxy_site),
    .place_size = sizeof(struct proxy_place),
    .site_defaults = site_defaults,
    .place_defaults = place_defaults,
    .merge_site = merge_site,
    .merge_place = merge_place,
    .finish_site = finish_site,
};
struct module proxy_http_module = { .name = "proxy_http_module", .source = "mod_proxy_http.c" };
struct module proxy_wstunnel_module = {
    .name = "proxy_wstunnel_module",
    .source = "mod_proxy_wstunnel.c",
    .directives = tunnel_rows,
    .place_size = sizeof(struct tunnel_place),
    .place_defaults = tunnel_defaults,
};

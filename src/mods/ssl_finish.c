/* What mod_ssl makes of the settings once all are read: sites that "Listen … https" turns on, and the faults and
 * warnings of a start (ssl_engine_init.c; the protocol of a site is httpd's ap_setup_listeners). */
#include "core.h"
#include "ssl_parts.h"

#include <strings.h>

const char *ssl_site_name(struct arena *a, const struct site *s)
{
    int port = s->server_port ? s->server_port : ssl_site_of(s)->engine ? 443 : 80;

    return arena_printf(a, "%s:%d", s->server_name, port);
}

static void warn(struct snapshot_build *b, const struct site *s, int ah, const char *text)
{
    struct conf_notice note = { LEVEL_WARN, LOG_SSL, ah, s->file, s->line, text };

    vec_add(b->arena, b->notices, arena_copy(b->arena, &note, sizeof(note)));
}

/* ---- SSLEngine that nobody wrote
 * ------------------------------------------------------------------------------------- */

static bool any_ip(const struct site_address *a)
{
    static const unsigned char none[16];

    return a->any_ip || (a->family == 4 && memcmp(a->ip, none, sizeof(a->ip)) == 0);
}

static bool same_address(const struct site_address *a, const struct site_address *b)
{
    if (a->port != b->port)
        return false;
    if (any_ip(a) || any_ip(b))
        return any_ip(a) && any_ip(b);
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* The first address of the virtual host that is a listener's, to the letter, decides: "*:443" is not 192.0.2.1:443. */
static const char *protocol_of(const struct site *s)
{
    const struct vec *listeners = &core_site_of(s->snapshot->main)->listeners;
    const char *written = core_site_of(s)->protocol;

    for (unsigned i = 0; !written && !s->main && i < s->addresses.n; i++)
        for (unsigned k = 0; !written && k < listeners->n; k++) {
            const struct listener_setting *l = listeners->items[k];
            if (same_address(s->addresses.items[i], &l->address))
                written = l->protocol;
        }
    return written ? written : "http";
}

static void turn_on(struct site *s)
{
    struct ssl_site *ssl = site_part(s, &ssl_module);

    if (!part_has(ssl, &ssl->engine) && ssl->certs.n && strcmp(protocol_of(s), "https") == 0)
        ssl->engine = 2;
}

/* ---- <Proxy> sections
 * ------------------------------------------------------------------------------------------------ */

static bool any_set(const struct settings *part)
{
    for (size_t i = 0; i < sizeof(struct ssl_place) / 4; i++)
        if (part->set[i / 8] >> (i % 8) & 1)
            return true;
    return false;
}

/* ssl_proxy_section_post_config: a section with a word of mod_ssl in it has all of its site's settings too. Of several
 * that match a URL the last stands alone then, and there are no more settings towards backends than lines that make
 * them. */
static void complete_proxies(struct snapshot_build *b, const struct site *s)
{
    for (unsigned i = 0; i < s->proxies.n; i++) {
        const struct section *section = s->proxies.items[i];
        struct ssl_place *own = place_part(&section->place, &ssl_module);
        struct place merged;

        if (own->proxy.whole || !any_set(&section->place.parts[ssl_module.index]))
            continue; /* the main server's is completed already, with what the main server has */
        place_merge_into(b->arena, b->snapshot->modules, &merged, &s->place, &section->place);
        own->proxy = ssl_place_of(&merged)->proxy;
        own->proxy.whole = 1;
        conf_touch(NULL, own, &own->proxy.whole);
    }
}

/* ---- faults of a start: httpd's -t does not look for them
 * ------------------------------------------------------------ */

static bool has_certificate(const struct ssl_site *ssl)
{
    for (unsigned i = 0; i < ssl->commands.n; i++) {
        const struct ssl_command *c = ssl->commands.items[i];
        if (strcasecmp(c->name, "Certificate") == 0)
            return true;
    }
    return ssl->certs.n > 0;
}

static const char *fatal(struct arena *a, const char *text, const char *of)
{
    return arena_concat(a, text, of, "\nAH02312: Fatal error initialising mod_ssl, exiting.", NULL);
}

static const char *check_front(struct snapshot_build *b, const struct site *s)
{
    const struct ssl_site *ssl = ssl_site_of(s);
    const char *name = ssl_site_name(b->arena, s);

    if (!ssl->protocols)
        return fatal(b->arena, "AH02231: No SSL protocols available [hint: SSLProtocol]", "");
    if (!has_certificate(ssl))
        return fatal(b->arena, "AH02572: Failed to configure at least one certificate and key for ", name);
    if (ssl->stapling.on && !ssl->stapling.cache)
        return fatal(b->arena, "AH01958: SSLStapling: no stapling cache available", "");
    if (ssl->keys.n > ssl->certs.n)
        warn(b, s, 0,
             arena_printf(b->arena,
                          "%s: %u SSLCertificateKeyFile for %u SSLCertificateFile: the last are not used / "
                          "鍵ファイルの数が証明書より多く、余りは使われません",
                          name, ssl->keys.n, ssl->certs.n));
    if (ssl->verify.mode != SSL_VERIFY_OFF && !ssl->verify.ca_file && !ssl->verify.ca_path && !ssl->ca_names_file &&
        !ssl->ca_names_path)
        warn(b, s, 1897,
             "Init: Oops, you want to request client authentication, but no CAs are known for verification!?  "
             "[Hint: SSLCACertificate*]");
    return NULL;
}

static void check_port(struct snapshot_build *b, const struct site *s)
{
    bool on = ssl_site_of(s)->engine;
    const char *name = ssl_site_name(b->arena, s);

    if (on && s->server_port == 80)
        warn(b, s, 1915,
             arena_printf(b->arena, "Init: (%s) You configured HTTPS(443) on the standard HTTP(80) port!", name));
    if (!on && s->server_port == 443)
        warn(b, s, 1916,
             arena_printf(b->arena, "Init: (%s) You configured HTTP(80) on the standard HTTPS(443) port!", name));
}

/* Clients are asked for a certificate in the handshake, or not at all. */
static void warn_of_place(struct snapshot_build *b, const struct site *s, const struct section *section)
{
    bool asks = ssl_place_of(&section->place)->verify > SSL_VERIFY_OFF;

    if (asks && ssl_site_of(s)->engine && ssl_site_of(s)->verify.mode == SSL_VERIFY_OFF)
        warn(b, s, 0,
             arena_printf(
                 b->arena,
                 "SSLVerifyClient at %s:%d asks for a certificate that the handshake does not ask for: all clients "
                 "are answered 403; write SSLVerifyClient optional into the virtual host / "
                 "VirtualHost に SSLVerifyClient optional がないと 403 になります",
                 section->file, section->line));
}

/* The handshake's verification has the site's depth: a place that allows less would not be obeyed. */
static const char *check_places(struct snapshot_build *b, const struct site *site, const struct vec *sections)
{
    int most = ssl_site_of(site)->verify.depth;
    const char *fault = NULL;

    for (unsigned i = 0; !fault && i < sections->n; i++) {
        const struct section *s = sections->items[i];
        int own = ssl_place_of(&s->place)->depth;
        warn_of_place(b, site, s);
        fault = check_places(b, site, &s->inner);
        if (own >= 0 && own < most)
            fault = arena_printf(
                b->arena,
                "SSLVerifyDepth %d: refused: the virtual host verifies to a depth of %d; write the smaller "
                "one there / SSLVerifyDepth %d: 受け付けません: VirtualHost に書いてください (%s:%d)",
                own, most, own, s->file, s->line);
    }
    return fault;
}

static const char *check_all_places(struct snapshot_build *b, const struct site *s)
{
    const struct vec *lists[] = { &s->locations, &s->directories, &s->files, &s->proxies, &s->ifs };
    const char *fault = NULL;

    for (size_t i = 0; !fault && i < COUNT_OF(lists); i++)
        fault = check_places(b, s, lists[i]);
    return fault;
}

const char *ssl_finish_site(struct snapshot_build *b, struct site *s)
{
    const char *fault;

    turn_on(s);
    complete_proxies(b, s);
    fault = check_all_places(b, s);
    if (fault || b->snapshot->reading->options->check_only)
        return fault;
    check_port(b, s);
    return ssl_site_of(s)->engine ? check_front(b, s) : NULL;
}

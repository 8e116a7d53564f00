/* mod_ssl's settings as they merge, what a start makes of them, and what they do to a request: access, user, variables,
 * environment; and a TLS backend's name. Verdicts and texts are httpd 2.4's. */
#include "ssl.h"

#include "mods_proxy.h"
#include "proxying.h"

#include <fcntl.h>

/* ---- a configuration with files that exist, and a session ---------------------------------------------------------
 */

#define CERT "/tmp/weir-unit-ssl-cert"
#define KEY  "/tmp/weir-unit-ssl-key"

static int make_files(void **state)
{
    static const char *const paths[] = { CERT, KEY, CERT "2", CERT "3", CERT "4", KEY "2" };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(paths); i++) {
        int fd = open(paths[i], O_CREAT | O_WRONLY | O_TRUNC, 0600);
        assert_true(fd >= 0 && write(fd, "x", 1) == 1);
        close(fd);
    }
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    return system("rm -f " CERT "* " KEY "*");
}

static struct {
    const char *name, *value;
} session[16];

static struct span look_up(const struct request *r, struct arena *a, const char *name)
{
    (void)r, (void)a;
    for (unsigned i = 0; i < COUNT_OF(session) && session[i].name; i++)
        if (strcasecmp(session[i].name, name) == 0)
            return span_of(session[i].value);
    return (struct span){ NULL, 0 };
}

static void know(const char *name, const char *value)
{
    for (unsigned i = 0; i < COUNT_OF(session); i++)
        if (!session[i].name || strcmp(session[i].name, name) == 0) {
            session[i].name = name;
            session[i].value = value;
            return;
        }
    fail();
}

static int begin(void **state)
{
    memset(session, 0, sizeof(session));
    ssl_lookup = look_up;
    return bench_begin(state);
}

static struct request *ask(const char *config, const char *path, bool tls)
{
    struct snapshot *s = bench_must_load(arena_printf(bench_arena, "DocumentRoot /tmp\n%s", config));
    struct request *r = bench_request(s, arena_printf(bench_arena, "GET %s HTTP/1.1\nHost: h.example", path));
    struct place_memo *memo = place_memo_new(s);
    struct peer_info *peer = arena_copy(bench_arena, &bench_peer, sizeof(bench_peer));

    arena_on_free(bench_arena, bench_forget, memo);
    peer->tls = tls;
    r->peer = peer;
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(core_walk(r, memo, WALK_FINAL), 0);
    return r;
}

static const struct ssl_site *nth(struct snapshot *s, unsigned i)
{
    return ssl_site_of(s->sites.items[i]);
}

static const char *env_of(const struct request *r, const char *name)
{
    return request_env(r, name);
}

/* ---- which sites speak TLS ----------------------------------------------------------------------------------------
 */

static void https_listeners_turn_their_sites_on(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *host;
        int engine;
    } cases[] = {
        { "Listen 127.0.0.1:8443 https", "127.0.0.1:8443", 2 },
        { "Listen 8443 https", "*:8443", 2 },
        { "Listen 8443 https", "_default_:8443", 2 },
        { "Listen 443", "*:443", 2 },
        { "Listen 443 http", "*:443", 0 },
        { "Listen 0.0.0.0:8443 https", "*:8443", 2 },
        { "Listen 127.0.0.1:8443 https", "*:8443", 0 }, /* another address, to the letter */
        { "Listen 8443 https", "127.0.0.1:8443", 0 },
        { "Listen 127.0.0.1:8443 https\nListen 8444", "127.0.0.1:8443 *:8444", 2 },
        { "Listen 127.0.0.1:8443 https\nListen 8444", "*:8444 127.0.0.1:8443", 0 }, /* the first decides */
        { "Listen 8443\nProtocol https", "*:8443", 2 },
        { "Listen 8443 https\nSSLEngine off", "*:8443", 0 },
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct snapshot *s = bench_must_load(
            arena_printf(bench_arena, "%s\n<VirtualHost %s>\nServerName x\nSSLCertificateFile " CERT "\n</VirtualHost>",
                         cases[i].listen, cases[i].host));
        if (nth(s, 0)->engine != cases[i].engine)
            fail_msg("%s, %s: %d", cases[i].listen, cases[i].host, nth(s, 0)->engine);
    }
    struct snapshot *bare = bench_must_load("Listen 443\n<VirtualHost *:443>\nServerName x\n</VirtualHost>");
    assert_int_equal(nth(bare, 0)->engine, 0); /* no certificate, no TLS */
}

static void assert_start_fails(const char *lines, const char *text)
{
    const char *config = arena_printf(
        bench_arena, "Listen 8443\n<VirtualHost *:8443>\nServerName a.example\nSSLEngine on\n%s\n</VirtualHost>",
        lines);

    assert_null(bench_load(config));
    assert_string_equal(bench_fault.text,
                        arena_concat(bench_arena, text, "\nAH02312: Fatal error initialising mod_ssl, exiting.", NULL));
}

static void a_start_needs_certificate_protocol_and_cache(void **state)
{
    (void)state;
    assert_start_fails("", "AH02572: Failed to configure at least one certificate and key for a.example:443");
    assert_start_fails("SSLCertificateFile " CERT "\nSSLProtocol -all",
                       "AH02231: No SSL protocols available [hint: SSLProtocol]");
    assert_start_fails("SSLCertificateFile " CERT "\nSSLUseStapling on",
                       "AH01958: SSLStapling: no stapling cache available");
    bench_must_load("SSLEngine on\nSSLOpenSSLConfCmd Certificate " CERT);
}

/* ---- merging -------------------------------------------------------------------------------------------------------
 */

static void a_site_has_the_main_servers_settings_under_its_own(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load(
        "SSLProtocol TLSv1.2\nSSLCipherSuite HIGH\nSSLHonorCipherOrder on\nSSLSessionCache none\n"
        "SSLOpenSSLConfCmd Curves X25519\nSSLVerifyClient require\n"
        "<VirtualHost *:1>\nSSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256\nSSLVerifyClient none\n"
        "SSLOpenSSLConfCmd NumTickets 1\n</VirtualHost>\n"
        "<VirtualHost *:2>\nSSLProtocol all -TLSv1 -TLSv1.1\nSSLSessionTickets off\nSSLVerifyDepth 4\n</VirtualHost>");
    const struct ssl_site *a = nth(s, 0), *b = nth(s, 1);

    assert_int_equal(a->protocols, SSL_PROTO_1_2);
    assert_string_equal(a->ciphers, "HIGH:!aNULL:!eNULL:!EXP");
    assert_string_equal(a->suites, "TLS_AES_128_GCM_SHA256");
    assert_null(b->suites);
    assert_true(a->server_order && b->server_order && a->tickets && !b->tickets);
    assert_int_equal(a->commands.n, 2);
    assert_int_equal(b->commands.n, 1);
    assert_int_equal(a->verify.mode, SSL_VERIFY_OFF);
    assert_int_equal(b->verify.mode, SSL_VERIFY_REQ);
    assert_int_equal(a->verify.depth, 1);
    assert_int_equal(b->verify.depth, 4);
    assert_int_equal(b->protocols, SSL_PROTO_1_2 | SSL_PROTO_1_3);
    assert_int_equal(ssl_site_of(bench_must_load("")->main)->protocols, -1);
}

static void own_certificates_knock_out_the_main_servers(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("SSLCertificateFile " CERT "\nSSLCertificateFile " CERT "2\nSSLCertificateKeyFile " KEY "\n"
                        "<VirtualHost *:1>\nSSLCertificateFile " CERT "3\n</VirtualHost>\n"
                        "<VirtualHost *:2>\nSSLCertificateFile " CERT "3\nSSLCertificateFile " CERT
                        "4\nSSLCertificateKeyFile " KEY "2\n</VirtualHost>\n<VirtualHost *:3>\n</VirtualHost>");

    assert_int_equal(nth(s, 0)->certs.n, 2);
    assert_string_equal(nth(s, 0)->certs.items[0], CERT "3");
    assert_string_equal(nth(s, 0)->certs.items[1], CERT "2");
    assert_string_equal(nth(s, 0)->keys.items[0], KEY);
    assert_string_equal(nth(s, 1)->certs.items[1], CERT "4");
    assert_int_equal(nth(s, 1)->keys.n, 1);
    assert_string_equal(nth(s, 1)->keys.items[0], KEY "2");
    assert_int_equal(nth(s, 2)->certs.n, 2);
}

static int options_at(const char *config)
{
    return ssl_place_of(ask(config, "/a/b", true)->place)->options;
}

static void options_add_up_with_signs_and_replace_without(void **state)
{
    (void)state;
    assert_int_equal(options_at("SSLOptions +StdEnvVars\n<Location /a>\nSSLOptions +StrictRequire\n</Location>"),
                     SSL_OPT_STDENVVARS | SSL_OPT_STRICTREQUIRE);
    assert_int_equal(
        options_at("SSLOptions StdEnvVars\n<Location /a>\nSSLOptions -StdEnvVars +OptRenegotiate\n</Location>"),
        SSL_OPT_OPTRENEG);
    assert_int_equal(options_at("SSLOptions +StdEnvVars\n<Location /a>\nSSLOptions ExportCertData\n</Location>"),
                     SSL_OPT_EXPORTCERT);
    assert_int_equal(options_at("SSLOptions StdEnvVars ExportCertData"), SSL_OPT_EXPORTCERT); /* httpd's way */
}

/* ---- access --------------------------------------------------------------------------------------------------------
 */

static void plain_requests_are_kept_from_where_tls_is_required(void **state)
{
    (void)state;
    const char *config = "<Location /s>\nSSLRequireSSL\n</Location>";

    assert_int_equal(ssl_check(ask(config, "/s", false)), 403);
    assert_int_equal(ssl_check(ask(config, "/s", true)), 0);
    assert_int_equal(ssl_check(ask(config, "/o", false)), 0);
    /* requirements are for TLS: httpd leaves plain connections to SSLRequireSSL */
    assert_int_equal(ssl_check(ask("<Location /s>\nSSLRequire false\n</Location>", "/s", false)), 0);
    assert_int_equal(ssl_check(ask("<Location /s>\nSSLRequire false\n</Location>", "/s", true)), 403);
}

/* strcmplex: the longer text is the greater. */
static void requirements_compare_as_mod_ssl_does(void **state)
{
    static const struct {
        const char *text;
        bool met;
    } cases[] = {
        { "%{SSL_CIPHER_USEKEYSIZE} >= 128", true },
        { "%{SSL_CIPHER_USEKEYSIZE} >= 1024", false },
        { "%{SSL_CIPHER_USEKEYSIZE} >= 56 and %{SSL_CIPHER_USEKEYSIZE} lt 257", true },
        { "\"56\" >= 128", false },
        { "\"9\" < \"10\" && \"b\" gt \"a\" && \"aa\" gt \"b\"", true },
        { "%{SSL_CLIENT_S_DN_O} eq \"Snake Oil, Ltd.\"", true },
        { "%{SSL_CLIENT_S_DN_O} -eq \"Other\"", false },
        { "%{SSL_CLIENT_S_DN_O} ne \"Other\" and not %{SSL_CLIENT_S_DN_O} = \"Other\"", true },
        { "%{SSL_CIPHER} !~ m/^(EXP|NULL)-/ and %{SSL_CIPHER} =~ /aes/i", true },
        { "%{SSL_CIPHER} =~ m#a == b#", false },
        { "%{SSL_CLIENT_S_DN_OU} in {\"Staff\", \"CA\", \"Dev\"}", true },
        { "%{SSL_CLIENT_S_DN_OU} in {\"Staff\", \"eq\"}", false },
        { "(%{TIME_WDAY} >= 0 and %{TIME_WDAY} <= 6) or %{SSL_CLIENT_S_DN_OU} == \"x\"", true },
        { "%{SSL_CLIENT_S_DN_OU}.\"x\" == \"Dev\" . 'x'", true },
        { "\"%{SSL_CLIENT_S_DN_OU}-\\\"q\\\"\" == \"Dev-\\\"q\\\"\"", true },
        { "SSL(\"SSL_CLIENT_S_DN_OU\") eq \"Dev\" and %{SSL:SERVER_NAME} eq \"h.example\"", true },
        { "%{HTTP:Host} == \"h.example\" and req(\"Host\") ne \"\"", true },
        { "%{SSL_NOT_THERE} eq \"\" and 5 == 5", true },
    };

    (void)state;
    know("SSL_CIPHER_USEKEYSIZE", "256");
    know("SSL_CIPHER", "ECDHE-RSA-AES256-GCM-SHA384");
    know("SSL_CLIENT_S_DN_O", "Snake Oil, Ltd.");
    know("SSL_CLIENT_S_DN_OU", "Dev");
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct request *r =
            ask(arena_printf(bench_arena, "<Location />\nSSLRequire %s\n</Location>", cases[i].text), "/", true);
        if (ssl_check(r) != (cases[i].met ? 0 : 403))
            fail_msg("%s", cases[i].text);
    }
}

static void every_requirement_must_hold(void **state)
{
    (void)state;
    const char *config = "<Location />\nSSLRequire true\n</Location>\n<Location /a>\nSSLRequire false\n</Location>\n"
                         "<Location /a/b>\nSSLRequire true\n</Location>";

    assert_int_equal(ssl_check(ask(config, "/x", true)), 0);
    assert_int_equal(ssl_check(ask(config, "/a/b", true)), 403);
}

/* The function that comparisons are made of is no one else's. */
static void the_comparisons_own_word_is_not_in_the_language(void **state)
{
    (void)state;
    assert_null(bench_load("<If \"order('a') == 'b'\">\n</If>"));
    assert_null(bench_load("<Location />\nSSLRequire %{SSL_CIPHER} eq\n</Location>"));
    assert_null(bench_load("<Location />\nSSLRequire \"a\" ==\n</Location>"));
    assert_null(bench_load("<Location />\nSSLRequire \"a\n</Location>"));
}

static bool wants_certificate(struct request *r)
{
    return ssl_wants_certificate(r, r->site);
}

static void a_place_may_require_a_certificate(void **state)
{
    (void)state;
    const char *config = "<Location /m>\nSSLVerifyClient require\n</Location>\n"
                         "<Location /o>\nSSLVerifyClient optional\n</Location>";

    know("SSL_CLIENT_VERIFY", "NONE");
    assert_true(wants_certificate(ask(config, "/m", true)));
    assert_true(wants_certificate(ask(config, "/o", true)));
    assert_false(wants_certificate(ask(config, "/x", true)));
    assert_int_equal(ssl_check(ask(config, "/m", true)), 403);
    assert_int_equal(ssl_check(ask(config, "/o", true)), 0);
    know("SSL_CLIENT_VERIFY", "FAILED:certificate has expired");
    assert_false(wants_certificate(ask(config, "/m", true)));
    assert_int_equal(ssl_check(ask(config, "/m", true)), 403);
    know("SSL_CLIENT_VERIFY", "GENEROUS"); /* optional_no_ca of another site is not enough */
    assert_int_equal(ssl_check(ask(config, "/m", true)), 403);
    know("SSL_CLIENT_VERIFY", "SUCCESS");
    assert_int_equal(ssl_check(ask(config, "/m", true)), 0);
}

static void a_site_that_required_one_is_not_asked_again(void **state)
{
    (void)state;
    const char *config = "SSLVerifyClient require\n<Location /m>\nSSLVerifyClient require\n</Location>";

    know("SSL_CLIENT_VERIFY", "NONE");
    assert_false(wants_certificate(ask(config, "/m", true)));
    assert_int_equal(ssl_check(ask(config, "/x", true)), 403); /* a handshake for another site let it in */
}

static void a_smaller_depth_in_a_place_is_refused(void **state)
{
    (void)state;
    bench_must_load("<Location />\nSSLVerifyDepth 1\n</Location>");
    assert_null(bench_load("SSLVerifyDepth 3\n<Location />\n<If \"true\">\nSSLVerifyDepth 2\n</If>\n</Location>"));
    assert_non_null(strstr(bench_fault.text, "SSLVerifyDepth 2: refused"));
}

static void the_user_is_what_a_variable_says(void **state)
{
    (void)state;
    struct request *r;

    know("SSL_CLIENT_S_DN_CN", "alice");
    r = ask("SSLUserName SSL_CLIENT_S_DN_CN", "/", true);
    assert_int_equal(ssl_check(r), 0);
    assert_string_equal(r->user, "alice");
    r = ask("SSLUserName SSL_CLIENT_S_DN_Email", "/", true);
    assert_int_equal(ssl_check(r), 0);
    assert_null(r->user);
    r = ask("SSLUserName SSL_CLIENT_S_DN_CN\nSSLOptions +FakeBasicAuth", "/", true);
    assert_int_equal(ssl_check(r), 0);
    assert_null(r->user);
}

/* ---- variables and environment -------------------------------------------------------------------------------------
 */

static void assert_text(struct span s, const char *text)
{
    if (!text)
        assert_null(s.p);
    else
        assert_string_equal(arena_span(bench_arena, s), text);
}

static void variables_are_those_of_session_and_request(void **state)
{
    (void)state;
    struct request *r = ask("SetEnv A b", "/x?q", true), *plain = ask("", "/x", false);

    know("SSL_PROTOCOL", "TLSv1.3");
    know("SSL_CLIENT_VERIFY", "FAILED:certificate has expired");
    know("SSL_CLIENT_VERIFY_ERRSTR", "certificate has expired");
    assert_text(ssl_variable(r, "ssl_protocol"), "TLSv1.3");
    assert_text(ssl_variable(r, "HTTPS"), "on");
    assert_text(ssl_variable(r, "REQUEST_SCHEME"), "https");
    assert_text(ssl_variable(r, "SERVER_PORT"), "443");
    assert_text(ssl_variable(r, "HTTP:Host"), "h.example");
    assert_text(ssl_variable(r, "REQUEST_STATUS"), NULL); /* none of mod_ssl's */
    assert_text(ssl_variable(r, "SSL_VERSION_INTERFACE"), "mod_ssl/" APACHE_VERSION);
    assert_text(ssl_log_variable(r, "version"), "TLSv1.3");
    assert_text(ssl_log_variable(r, "Version"), NULL);
    assert_text(ssl_log_variable(r, "errstr"), "certificate has expired");
    env_fixup(r);
    assert_text(ssl_variable(r, "ENV:A"), "b");
    assert_text(ssl_variable(plain, "SSL_PROTOCOL"), NULL);
    assert_text(ssl_session_variable(plain, "SSL_VERSION_LIBRARY"), NULL);
    assert_true(span_istarts(ssl_variable(plain, "SSL_VERSION_LIBRARY"), SPAN("OpenSSL/3")));
    assert_text(ssl_variable(plain, "HTTPS"), "off");
    assert_text(ssl_log_variable(plain, "version"), NULL);
}

static void names_may_have_the_old_form(void **state)
{
    static const char *const names[][2] = {
        { "CN=alice,OU=b,OU=a,O=Acme\\, Inc,C=JP", "/C=JP/O=Acme, Inc/OU=a/OU=b/CN=alice" },
        { "CN=x", "/CN=x" },
        { "CN=a+UID=b,O=c\\\\", "/O=c\\/CN=a/UID=b" },
        { "CN=t\\09b\\", "/CN=t\\x09b" },
        { "CN=\xc3\xa9,O=a/b \\+ c", "/O=a\\/b \\+ c/CN=\\xC3\\xA9" },
    };
    struct request *r = ask("SSLOptions +LegacyDNStringFormat", "/", true);

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        know("SSL_CLIENT_S_DN", names[i][0]);
        assert_text(ssl_session_variable(r, "SSL_CLIENT_S_DN"), names[i][1]);
    }
    know("SSL_CLIENT_S_DN", names[0][0]);
    assert_text(ssl_session_variable(ask("", "/", true), "SSL_CLIENT_S_DN"), names[0][0]);
}

static void the_environment_has_what_options_export(void **state)
{
    (void)state;
    struct request *r = ask("SetEnv HTTPS off", "/", true);

    know("SSL_TLS_SNI", "h.example");
    know("SSL_PROTOCOL", "TLSv1.3");
    know("SSL_CLIENT_S_DN_OU", "a");
    know("SSL_CLIENT_S_DN_OU_1", "b");
    know("SSL_CLIENT_SAN_DNS_0", "d");
    know("SSL_CLIENT_CERT_CHAIN_0", "PEM");
    know("SSL_COMPRESS_METHOD", "");
    env_fixup(r);
    ssl_fixup(r);
    assert_string_equal(env_of(r, "HTTPS"), "on");
    assert_string_equal(env_of(r, "SSL_TLS_SNI"), "h.example");
    assert_null(env_of(r, "SSL_PROTOCOL"));
    r = ask("SSLOptions +StdEnvVars +ExportCertData", "/", true);
    ssl_fixup(r);
    assert_string_equal(env_of(r, "SSL_PROTOCOL"), "TLSv1.3");
    assert_string_equal(env_of(r, "SSL_CLIENT_S_DN_OU"), "a");
    assert_string_equal(env_of(r, "SSL_CLIENT_S_DN_OU_1"), "b");
    assert_string_equal(env_of(r, "SSL_CLIENT_SAN_DNS_0"), "d");
    assert_string_equal(env_of(r, "SSL_CLIENT_CERT"), "");
    assert_string_equal(env_of(r, "SSL_CLIENT_CERT_CHAIN_0"), "PEM");
    assert_null(env_of(r, "SSL_COMPRESS_METHOD"));
    assert_null(env_of(r, "SSL_CLIENT_S_DN_CN"));
    r = ask("SSLOptions +StdEnvVars", "/", false);
    ssl_fixup(r);
    assert_int_equal(r->env.n, 0);
}

static void urls_follow_tls_and_the_servers_name(void **state)
{
    (void)state;
    assert_string_equal(request_url(ask("", "/", true), "/x"), "https://h.example/x");
    assert_string_equal(request_url(ask("ServerName https://h.example", "/", false), "/x"), "https://h.example/x");
    assert_string_equal(request_url(ask("ServerName https://h.example", "/", true), "/x"), "https://h.example/x");
    assert_string_equal(request_url(ask("", "/", false), "/x"), "http://h.example/x");
}

/* ---- backends -------------------------------------------------------------------------------------------------------
 */

static struct proxy_target *target(const char *config, int *status)
{
    struct request *r = ask(config, "/", false);
    struct proxy_target *t = r->proxy;

    *status = proxy_prepare(r);
    return t;
}

static void a_tls_backend_needs_the_engine(void **state)
{
    (void)state;
    int status;
    struct proxy_target *t = target("ProxyPass / https://B.example/", &status);

    assert_int_equal(status, 500);
    assert_false(t->tls);
    target("SSLProxyEngine on\nProxyPass / http://b.example/", &status);
    assert_int_equal(status, 0);
    t = target("SSLProxyEngine on\nProxyPass / wss://B.example/", &status);
    assert_int_equal(status, 0);
    assert_true(t->tls);
    assert_int_equal(t->port, 443);
    assert_string_equal(t->sni, "b.example");
    t = target("ProxyPass / https://b.example:8443/\n<Proxy https://b.example:8443>\nSSLProxyEngine on\n"
               "SSLProxyVerify require\n</Proxy>",
               &status);
    assert_int_equal(status, 0);
    assert_int_equal(t->ssl->verify.mode, SSL_VERIFY_REQ);
    assert_int_equal(t->port, 8443);
    target("SSLProxyEngine on\n<Proxy https://b.example>\nSSLProxyEngine off\n</Proxy>\nProxyPass / https://b.example/",
           &status);
    assert_int_equal(status, 500);
}

static void a_tls_backend_is_named_as_httpd_names_it(void **state)
{
    (void)state;
    int status;
    struct proxy_target *t = target("SSLProxyEngine on\nProxyPreserveHost on\nProxyPass / https://b.example/", &status);

    assert_string_equal(t->sni, "h.example");
    assert_string_equal(t->tls_name, "h.example");
    t = target("SSLProxyEngine on\nProxyPass / https://127.0.0.1:8443/", &status);
    assert_null(t->sni);
    assert_string_equal(t->tls_name, "127.0.0.1");
    t = target("SSLProxyEngine on\nProxyPass / https://[::1]:8443/", &status);
    assert_null(t->sni);
}

static void without_mod_ssl_no_handler_takes_https(void **state)
{
    (void)state;
    int status;

    target("LoadModule mpm_event_module x\nLoadModule proxy_module x\nLoadModule proxy_http_module x\nSSLProxyEngine "
           "on\nProxyPass / https://b/",
           &status);
    assert_int_equal(status, 500);
}

static void checks_of_a_peers_name_have_httpds_defaults(void **state)
{
    static const struct {
        int name, cn;
        enum ssl_peer_check check;
    } cases[] = {
        { -1, -1, SSL_PEER_NAME }, { 1, -1, SSL_PEER_NAME }, { 0, -1, SSL_PEER_ANY },  { -1, 0, SSL_PEER_ANY },
        { 1, 0, SSL_PEER_NAME },   { 0, 1, SSL_PEER_CN },    { -1, 1, SSL_PEER_NAME }, { 0, 0, SSL_PEER_ANY },
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ssl_proxy_part p = { .check_name = cases[i].name, .check_cn = cases[i].cn };
        assert_int_equal(ssl_peer_check(&p), cases[i].check);
    }
}

/* As httpd has it since its sections have contexts of their own. */
static void the_last_proxy_section_stands_alone(void **state)
{
    (void)state;
    int status;
    const char *sections = "<Proxy *>\nSSLProxyEngine on\nSSLProxyCheckPeerName off\n</Proxy>\n"
                           "<Proxy https://b/x>\nSSLProxyVerifyDepth 3\n</Proxy>\n"
                           "<Proxy https://b/x>\nProxyPreserveHost on\n</Proxy>\n";
    struct proxy_target *t = target(arena_concat(bench_arena, sections, "ProxyPass / https://b/", NULL), &status);

    assert_int_equal(status, 0);
    assert_int_equal(ssl_peer_check(t->ssl), SSL_PEER_ANY);
    target(arena_concat(bench_arena, sections, "ProxyPass / https://b/x", NULL), &status);
    assert_int_equal(status, 500);
    t = target(arena_concat(bench_arena, "SSLProxyEngine on\n", sections, "ProxyPass / https://b/x", NULL), &status);
    assert_int_equal(status, 0);
    assert_int_equal(t->ssl->verify.depth, 3);
    assert_int_equal(ssl_peer_check(t->ssl), SSL_PEER_NAME);
}

struct seen {
    unsigned n;
    const char *names[8];
    struct ssl_proxy_part parts[8];
};

static void note_part(void *arg, const struct site *s, const struct ssl_proxy_part *p)
{
    struct seen *seen = arg;

    assert_true(seen->n < COUNT_OF(seen->names));
    seen->names[seen->n] = s->server_name;
    seen->parts[seen->n++] = *p;
}

static void every_setting_towards_backends_can_be_listed(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    int status;
    const char *config =
        "SSLProxyEngine on\nProxyPass / https://b/x\n<Proxy https://b/>\nSSLProxyVerify require\n</Proxy>\n"
        "<Proxy http://c/>\nProxyPreserveHost on\n</Proxy>\n"
        "<VirtualHost *:1>\nServerName off\nSSLProxyEngine off\n</VirtualHost>";
    struct proxy_target *t = target(config, &status);

    ssl_each_proxy(bench_must_load(config), bench_arena, note_part, &seen);
    assert_int_equal(seen.n, 3);
    assert_string_equal(seen.names[0], "main.example");
    assert_string_equal(seen.names[2], "off"); /* the main server's section keeps the main server's engine */
    assert_memory_equal(&seen.parts[2], &seen.parts[1], sizeof(seen.parts[1]));
    assert_int_equal(seen.parts[0].verify.mode, SSL_VERIFY_OFF);
    assert_int_equal(seen.parts[1].verify.mode, SSL_VERIFY_REQ);
    assert_memory_equal(&seen.parts[1], t->ssl, sizeof(*t->ssl)); /* a request's is found among them */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(https_listeners_turn_their_sites_on),
        TEST(a_start_needs_certificate_protocol_and_cache),
        TEST(a_site_has_the_main_servers_settings_under_its_own),
        TEST(own_certificates_knock_out_the_main_servers),
        TEST(options_add_up_with_signs_and_replace_without),
        TEST(plain_requests_are_kept_from_where_tls_is_required),
        TEST(requirements_compare_as_mod_ssl_does),
        TEST(every_requirement_must_hold),
        TEST(the_comparisons_own_word_is_not_in_the_language),
        TEST(a_place_may_require_a_certificate),
        TEST(a_site_that_required_one_is_not_asked_again),
        TEST(a_smaller_depth_in_a_place_is_refused),
        TEST(the_user_is_what_a_variable_says),
        TEST(variables_are_those_of_session_and_request),
        TEST(names_may_have_the_old_form),
        TEST(the_environment_has_what_options_export),
        TEST(urls_follow_tls_and_the_servers_name),
        TEST(a_tls_backend_needs_the_engine),
        TEST(a_tls_backend_is_named_as_httpd_names_it),
        TEST(without_mod_ssl_no_handler_takes_https),
        TEST(checks_of_a_peers_name_have_httpds_defaults),
        TEST(the_last_proxy_section_stands_alone),
        TEST(every_setting_towards_backends_can_be_listed),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}

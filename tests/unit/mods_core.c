/* The core's directives as httpd takes them: values, bounds, messages, merging, and the sections of a request. */
#include "mods_proxy.h"
#include "proxying.h"

#define faults_with(config, message)                                                                                   \
    do {                                                                                                               \
        assert_null(bench_load(config));                                                                               \
        assert_string_equal(bench_fault.text, message);                                                                \
    } while (0)

static const struct core_site *main_core(const char *text)
{
    return core_site_of(bench_must_load(text)->main);
}

static const struct core_site *first_core(const struct snapshot *s)
{
    return core_site_of(s->sites.items[0]);
}

/* Walked to the end, as before authorisation. */
static struct request *ask(struct snapshot *s, const char *head)
{
    struct request *r = bench_request(s, head);
    struct place_memo *memo = place_memo_new(s);

    arena_on_free(bench_arena, bench_forget, memo);
    assert_int_equal(files_translate(r), 0);
    assert_int_equal(core_walk(r, memo, WALK_FINAL), 0);
    return r;
}

static const char *handler_signature(struct snapshot *s, const char *head)
{
    static const char *const names[] = { "off", "on", "email" };
    return names[core_place_of(ask(s, head)->place)->signature];
}

/* ---- values ---- */

static void defaults_are_httpds(void **state)
{
    (void)state;
    const struct core_site *c = main_core("");

    assert_int_equal(c->timeout_us, 60000000);
    assert_int_equal(c->keepalive_timeout_us, 5000000);
    assert_int_equal(c->keepalive, KEEP_ON);
    assert_int_equal(c->max_keepalive, 100);
    assert_int_equal(c->limit_line, 8190);
    assert_int_equal(c->limit_fields, 100);
    assert_int_equal(c->backlog, 511);
    assert_int_equal(c->trace, TRACE_ON);
    assert_int_equal(c->merge_slashes, 1);
    assert_int_equal(c->encoded_slashes, HTTP_SLASHES_OFF);
    assert_int_equal(c->header_first_us, 20000000);
    assert_int_equal(c->header_max_us, 40000000);
    assert_int_equal(c->header_rate, 500);
    assert_int_equal(c->body_max_us, 0);
    assert_string_equal(c->server_admin, "[no address given]");
    assert_null(c->error_log);
}

static void encoded_slashes_of_the_main_server_are_not_inherited(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("AllowEncodedSlashes On\n<VirtualHost *:80>\nServerName v\n</VirtualHost>\n"
                                         "<VirtualHost *:80>\nAllowEncodedSlashes NoDecode\n</VirtualHost>");

    assert_int_equal(core_site_of(s->main)->encoded_slashes, HTTP_SLASHES_ON);
    assert_int_equal(core_site_of(s->sites.items[0])->encoded_slashes, HTTP_SLASHES_OFF);
    assert_int_equal(core_site_of(s->sites.items[1])->encoded_slashes, HTTP_SLASHES_NODECODE);
}

static void a_host_inherits_and_overrides(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("Timeout 30\nKeepAliveTimeout 500ms\nLimitRequestLine 100\nServerAdmin a@b\n"
                        "<VirtualHost *:80>\nServerName v\nTimeout 7\nKeepAlive Off\nTraceEnable extended\n"
                        "AllowEncodedSlashes NoDecode\nHttpProtocolOptions Unsafe\n</VirtualHost>");
    const struct core_site *m = core_site_of(s->main), *v = first_core(s);

    assert_int_equal(m->timeout_us, 30000000);
    assert_int_equal(v->timeout_us, 7000000);
    assert_int_equal(v->keepalive_timeout_us, 500000);
    assert_int_equal(v->limit_line, 100);
    assert_string_equal(v->server_admin, "a@b");
    assert_int_equal(m->keepalive, KEEP_ON);
    assert_int_equal(v->keepalive, KEEP_OFF);
    assert_int_equal(v->trace, TRACE_EXTENDED);
    assert_int_equal(v->encoded_slashes, HTTP_SLASHES_NODECODE);
    assert_int_equal(v->http_unsafe, 1);
    assert_int_equal(m->http_unsafe, 0);
}

static void bad_values_have_httpds_messages(void **state)
{
    (void)state;
    faults_with("KeepAlive maybe", "KeepAlive must be On or Off");
    faults_with("KeepAliveTimeout 5x", "KeepAliveTimeout has wrong format");
    faults_with("LimitRequestLine -1", "LimitRequestLine \"-1\" must be a non-negative integer");
    faults_with("LimitRequestFields -1", "LimitRequestFields \"-1\" must be a non-negative integer (0 = no limit)");
    faults_with("LimitRequestBody 12x", "LimitRequestBody requires a non-negative integer.");
    faults_with("LimitRequestBody 99999999999999999999", "LimitRequestBody argument is not parsable.");
    faults_with("ListenBacklog 0", "ListenBacklog must be > 0");
    faults_with("TraceEnable maybe", "TraceEnable must be one of 'on', 'off', or 'extended'");
    faults_with("AllowEncodedSlashes maybe", "AllowEncodedSlashes must be On, Off, or NoDecode");
    faults_with("ServerAlias x", "ServerAlias only used in <VirtualHost>");
    faults_with("ServerName *.x", "Invalid ServerName \"*.x\" use ServerAlias to set multiple server names.");
    faults_with("ServerName x:99999", "The port number \"x:99999\" is outside the appropriate range (i.e., 1..65535).");
    faults_with("HttpProtocolOptions Strict Unsafe",
                "HttpProtocolOptions 'Strict' and 'Unsafe' are mutually exclusive");
    faults_with("ErrorDocument 999 x", "Unsupported HTTP response code 999");
    faults_with("Port 80", "Port was replaced with Listen in Apache 2.0");
    faults_with("Error \"not here\"", "not here");
    faults_with("DocumentRoot /no/such/place", "DocumentRoot '/no/such/place' is not a directory, or is not readable");
    faults_with("User no-such-user", "AH00543: weir: bad user name no-such-user");
}

static void server_names_are_taken_apart(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("<VirtualHost *:80>\nServerName HTTPS://Shop.example:8443\n"
                                         "ServerAlias WWW.shop.example *.shop.example\n</VirtualHost>");
    const struct site *v = s->sites.items[0];

    assert_string_equal(v->scheme, "https");
    assert_string_equal(v->server_name, "Shop.example");
    assert_int_equal(v->server_port, 8443);
    assert_string_equal(v->aliases.items[0], "www.shop.example");
    assert_string_equal(v->wild_aliases.items[0], "*.shop.example");
}

/* ---- Listen ---- */

static const struct listener_setting *listener(const struct core_site *c, unsigned i)
{
    assert_true(i < c->listeners.n);
    return c->listeners.items[i];
}

static void listen_takes_every_form(void **state)
{
    (void)state;
    const struct core_site *c =
        main_core("Listen 80\nListen 127.0.0.1:8080\nListen [::1]:8081\nListen *:443\nListen 9000 HTTPS");
    static const unsigned char loopback[4] = { 127, 0, 0, 1 };

    assert_int_equal(c->listeners.n, 5);
    assert_true(listener(c, 0)->address.any_ip);
    assert_int_equal(listener(c, 0)->address.port, 80);
    assert_string_equal(listener(c, 0)->protocol, "http");
    assert_int_equal(listener(c, 1)->address.family, 4);
    assert_memory_equal(listener(c, 1)->address.ip, loopback, 4);
    assert_int_equal(listener(c, 2)->address.family, 6);
    assert_int_equal(listener(c, 2)->address.ip[15], 1);
    assert_string_equal(listener(c, 3)->protocol, "https"); /* 443 */
    assert_string_equal(listener(c, 4)->protocol, "https");
}

static void listen_refuses_what_httpd_refuses(void **state)
{
    (void)state;
    faults_with("Listen", "Listen requires 1 or 2 arguments.");
    faults_with("Listen 0", "Invalid address or port");
    faults_with("Listen 70000", "Invalid address or port");
    faults_with("Listen [::1:80", "Invalid address or port");
    faults_with("Listen 1.2.3.4", "Port must be specified");
    faults_with("Listen 80\nListen 80", "Cannot define multiple Listeners on the same IP:port");
    faults_with("<VirtualHost *:80>\nListen 80\n</VirtualHost>", "Listen cannot occur within <VirtualHost> section");
}

/* ---- RequestReadTimeout ---- */

static void read_timeouts_have_stages(void **state)
{
    (void)state;
    const struct core_site *c = main_core("RequestReadTimeout header=5-10,MinRate=100 body=0 handshake=7");

    assert_int_equal(c->header_first_us, 5000000);
    assert_int_equal(c->header_max_us, 10000000);
    assert_int_equal(c->header_rate, 100);
    assert_int_equal(c->body_first_us, 0);
    assert_int_equal(c->body_rate, 0);
    faults_with("RequestReadTimeout header=9-5,MinRate=1",
                "RequestReadTimeout: header=9-5,MinRate=1: Maximum timeout must be larger than initial timeout");
    faults_with("RequestReadTimeout header=5-9",
                "RequestReadTimeout: header=5-9: Must set MinRate option if using timeout range");
    faults_with("RequestReadTimeout tail=5", "RequestReadTimeout: tail=5: Unknown RequestReadTimeout parameter");
    faults_with("RequestReadTimeout header=5-9,MinRate=0",
                "RequestReadTimeout: header=5-9,MinRate=0: Minimum data rate must be larger than 0");
}

/* ---- LogLevel ---- */

/* Of a virtual host's own list nothing of the main server's is left, as in httpd. */
static void protocols_are_kept_in_order(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("Protocols h2 http/1.1\nRequestReadTimeout handshake=5-9,MinRate=10\n"
                                         "<VirtualHost *:1>\nProtocols http/1.1\nProtocol HTTPS\n</VirtualHost>\n"
                                         "<VirtualHost *:2>\n</VirtualHost>");
    const struct core_site *own = core_site_of(s->sites.items[0]), *inherited = core_site_of(s->sites.items[1]);

    assert_int_equal(own->protocols.n, 1);
    assert_string_equal(own->protocol, "https");
    assert_int_equal(inherited->protocols.n, 2);
    assert_string_equal(inherited->protocols.items[0], "h2");
    assert_null(inherited->protocol);
    assert_int_equal(inherited->handshake_first_us, 5000000);
    assert_int_equal(inherited->handshake_max_us, 9000000);
    assert_int_equal(inherited->handshake_rate, 10);
}

static void levels_are_by_module_and_merge(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("LogLevel warn proxy:debug\n<VirtualHost *:80>\nServerName v\n"
                                         "LogLevel http:trace8\n</VirtualHost>\n"
                                         "<VirtualHost *:81>\nServerName w\nLogLevel error\n</VirtualHost>");
    const struct site *v = s->sites.items[0], *w = s->sites.items[1];

    assert_int_equal(s->main->log.levels.of[LOG_CORE], LEVEL_WARN);
    assert_int_equal(s->main->log.levels.of[LOG_PROXY], LEVEL_DEBUG);
    assert_int_equal(v->log.levels.of[LOG_HTTP], LEVEL_TRACE8);
    assert_int_equal(v->log.levels.of[LOG_PROXY], LEVEL_DEBUG);
    assert_int_equal(w->log.levels.of[LOG_PROXY], LEVEL_ERROR); /* a plain level forgets the modules' */
    faults_with("LogLevel nosuch:debug", "Cannot find module nosuch");
    faults_with("LogLevel proxy:", "Module specifier 'proxy' must be followed by a log level keyword");
}

static void a_section_may_have_levels_of_its_own(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("LogLevel error\n<Location /loud>\nLogLevel proxy:trace2\n</Location>");
    struct request *quiet = ask(s, "GET /x HTTP/1.1\nHost: h"), *loud = ask(s, "GET /loud HTTP/1.1\nHost: h");

    assert_false(log_wants(request_log(quiet), LOG_PROXY, LEVEL_WARN));
    assert_true(log_wants(request_log(loud), LOG_PROXY, LEVEL_TRACE2));
    assert_false(log_wants(request_log(loud), LOG_CORE, LEVEL_WARN));
}

/* ---- sections ---- */

static void sections_have_httpds_messages(void **state)
{
    (void)state;
    faults_with("<Location>\n</Location>", "<Location> directive requires additional arguments");
    faults_with("<Location /a /b>\n</Location>", "Multiple <Location> arguments not (yet) supported.");
    faults_with("<LocationMatch \"(\">\n</LocationMatch>", "Regex could not be compiled");
    faults_with("<Location /a>\n<Location /b>\n</Location>\n</Location>",
                "<Location not allowed in <Location> context");
    faults_with("<Else>\n</Else>",
                "<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope");
    faults_with("<If \"true\">\n</If>\n<Else x>\n</Else>", "<Else> does not take an argument");
    faults_with("<Location /a>\n<Limit TRACE>\n</Limit>\n</Location>",
                "TRACE cannot be controlled by <Limit>, see TraceEnable");
    faults_with("<Location /a>\n<Limit GET>\n<Limit GET>\n</Limit>\n</Limit>\n</Location>",
                "<Limit> directive specifies methods already excluded");
    faults_with("<Location /a>\n<Limit GET>\n<If true>\n</If>\n</Limit>\n</Location>",
                "<If> cannot occur within <Limit> or <LimitExcept> section");
    faults_with("<Proxy * a=b>\n</Proxy>", "<Proxy> arguments are not supported for wildchar url.");
}

static void the_last_location_wins(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("<Location /a/b>\nServerSignature On\n</Location>\n"
                                         "<Location /a>\nServerSignature EMail\n</Location>");

    assert_string_equal(handler_signature(s, "GET /a/b HTTP/1.1\nHost: h"), "email");
    assert_string_equal(handler_signature(s, "GET /apple HTTP/1.1\nHost: h"), "off");
}

static void files_lie_below_directories_and_locations_above_both(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("DocumentRoot /tmp\n<Files secret.txt>\nServerSignature On\n</Files>\n"
                        "<Directory /tmp>\nServerSignature EMail\n<Files inner.txt>\nServerSignature Off\n"
                        "</Files>\n</Directory>\n<Location /open>\nServerSignature On\n</Location>");

    assert_string_equal(handler_signature(s, "GET /other.txt HTTP/1.1\nHost: h"), "email");
    assert_string_equal(handler_signature(s, "GET /secret.txt HTTP/1.1\nHost: h"), "on");
    assert_string_equal(handler_signature(s, "GET /inner.txt HTTP/1.1\nHost: h"), "off");
    assert_string_equal(handler_signature(s, "GET /open/inner.txt HTTP/1.1\nHost: h"), "on");
}

/* <Proxy> stands where <Directory> stands: a <Location> has the last word. */
static void proxied_requests_fall_under_proxy_sections(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("DocumentRoot /tmp\n<Proxy http://b:1/*>\nServerSignature On\n</Proxy>\n"
                                         "<Directory /tmp>\nServerSignature EMail\n</Directory>\n"
                                         "<Location /p/loc>\nServerSignature Off\n</Location>");
    struct request *r = bench_request(s, "GET /p/x HTTP/1.1\nHost: h");
    struct proxy_target target = { .url = "http://b:1/x?q" };
    struct place_memo *memo = place_memo_new(s);

    arena_on_free(bench_arena, bench_forget, memo);
    r->proxy = &target;
    core_walk(r, memo, WALK_FINAL);
    assert_int_equal(core_place_of(r->place)->signature, SIGNATURE_ON);
    r->uri = "/p/loc";
    core_walk(r, memo, WALK_FINAL);
    assert_int_equal(core_place_of(r->place)->signature, SIGNATURE_OFF);
}

static void of_a_chain_the_first_that_holds_is_taken(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<If \"%{REQUEST_URI} == '/one'\">\nServerSignature On\n</If>\n"
                        "<ElseIf \"%{REQUEST_URI} =~ m#^/one|^/two#\">\nServerSignature EMail\n</ElseIf>\n"
                        "<Else>\nUseCanonicalName On\n</Else>");
    struct request *r = ask(s, "GET /three HTTP/1.1\nHost: h");

    assert_string_equal(handler_signature(s, "GET /one HTTP/1.1\nHost: h"), "on");
    assert_string_equal(handler_signature(s, "GET /two HTTP/1.1\nHost: h"), "email");
    assert_int_equal(core_place_of(r->place)->signature, SIGNATURE_OFF);
    assert_int_equal(core_place_of(r->place)->canonical_name, CANONICAL_ON);
}

static void an_if_inside_a_location_nests(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("<Location /in>\n<If true>\n<If \"%{REQUEST_URI} == '/in/x'\">\n"
                                         "ServerSignature On\n</If>\n</If>\n</Location>");

    assert_string_equal(handler_signature(s, "GET /in/x HTTP/1.1\nHost: h"), "on");
    assert_string_equal(handler_signature(s, "GET /in/y HTTP/1.1\nHost: h"), "off");
    assert_string_equal(handler_signature(s, "GET /out/x HTTP/1.1\nHost: h"), "off");
}

static void named_groups_become_variables(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<LocationMatch \"^/(?<room>[a-z]+)/\">\nServerSignature On\n</LocationMatch>");
    struct request *r = ask(s, "GET /kitchen/ws HTTP/1.1\nHost: h");

    assert_string_equal(request_env(r, "MATCH_ROOM"), "kitchen");
}

static void slashes_are_one_for_a_location_even_when_kept(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("MergeSlashes Off\n<Location /a/b>\nServerSignature On\n</Location>\n"
                                         "<LocationMatch ^/c/d>\nServerSignature On\n</LocationMatch>");
    struct request *r = bench_request(s, "GET / HTTP/1.1\nHost: h");
    struct place_memo *memo = place_memo_new(s);

    arena_on_free(bench_arena, bench_forget, memo);
    r->uri = "/a//b";
    core_walk(r, memo, WALK_LOCATION);
    assert_int_equal(core_place_of(r->place)->signature, SIGNATURE_ON);
    r->uri = "/c//d";
    core_walk(r, memo, WALK_LOCATION);
    assert_int_equal(core_place_of(r->place)->signature, SIGNATURE_OFF);
}

/* ---- what is refused, and what is said ---- */

static void what_protects_is_never_taken_in_silence(void **state)
{
    static const char *const lines[] = { "SSLEngine optional",
                                         "SSLOCSPEnable on",
                                         "SSLSRPVerifierFile /x",
                                         "<Location /x>\nSSLCipherSuite HIGH\n</Location>",
                                         "SetHandler foo-handler",
                                         "<Location /x>\nAuthFormProvider file\n</Location>",
                                         "SetHandler proxy:ajp://127.0.0.1",
                                         "LDAPTrustedMode SSL" };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lines); i++) {
        bench_fault.text = NULL;
        assert_null(bench_load(lines[i]));
        assert_non_null(strstr(bench_fault.text, "refused"));
    }
    assert_non_null(strstr(bench_fault.text, "mod_ldap"));
    bench_must_load("SSLEngine off\nAddDefaultCharset off\nSetHandler None");
    assert_null(bench_load("<Location /x>\nDav filesystem\n</Location>"));
    assert_non_null(strstr(bench_fault.text, "DAV filesystem: refused: mod_dav is not part of Weir"));
    bench_must_load("SetHandler proxy:http://127.0.0.1\nSetHandler %{env:X}server-info\nSetHandler Proxy:Balancer://b");
}

static bool has_notice(const struct snapshot *s, const char *part)
{
    for (unsigned i = 0; i < s->reading->notices.n; i++)
        if (strstr(((const struct conf_notice *)s->reading->notices.items[i])->text, part))
            return true;
    return false;
}

static void what_does_nothing_is_said(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("UserDir public_html\nUserDir disabled root\nMimeMagicFile /no/such\n"
                                         "<Location /i>\nSetHandler Server-Info\nDav Off\n</Location>\n"
                                         "StartServers 5\nNameVirtualHost *:80\nProtocols h2 http/1.1\n"
                                         "<VirtualHost *:80>\nServerName v\nDocumentRoot /no/such\n</VirtualHost>");

    assert_true(has_notice(s, "StartServers"));
    assert_true(has_notice(s, "UserDir public_html: nothing is served from home directories"));
    assert_false(has_notice(s, "UserDir disabled root: "));
    assert_true(has_notice(s, "MimeMagicFile is accepted and has no effect"));
    assert_true(has_notice(s, "SetHandler Server-Info: requests for it are answered with 500: mod_info"));
    assert_null(bench_load("UserDir"));
    assert_string_equal(bench_fault.text, "UserDir requires an argument.");
    assert_true(has_notice(s, "NameVirtualHost has no effect and will be removed in the next release"));
    assert_true(has_notice(s, "Protocols h2"));
    assert_true(has_notice(s, "Warning: DocumentRoot [/no/such] does not exist"));
}

static void error_logs_open_below_the_server_root(void **state)
{
    (void)state;
    char directory[] = "/tmp/weir-root-XXXXXX";
    assert_non_null(mkdtemp(directory));
    const char *text = arena_printf(bench_arena, "ServerRoot %s\nErrorLog e.log\n", directory);
    struct snapshot *s = bench_must_load(text);

    assert_string_equal(log_sink_spec(s->main->log.sink), arena_printf(bench_arena, "%s/e.log", directory));
    assert_null(bench_load(arena_printf(bench_arena, "ServerRoot %s\nErrorLog no/e.log\n", directory)));
    assert_non_null(strstr(bench_fault.text, "AH02291: Cannot access directory"));
    unlink(arena_printf(bench_arena, "%s/e.log", directory));
    rmdir(directory);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_httpds),
        TEST(encoded_slashes_of_the_main_server_are_not_inherited),
        TEST(a_host_inherits_and_overrides),
        TEST(bad_values_have_httpds_messages),
        TEST(server_names_are_taken_apart),
        TEST(listen_takes_every_form),
        TEST(listen_refuses_what_httpd_refuses),
        TEST(read_timeouts_have_stages),
        TEST(protocols_are_kept_in_order),
        TEST(levels_are_by_module_and_merge),
        TEST(a_section_may_have_levels_of_its_own),
        TEST(sections_have_httpds_messages),
        TEST(the_last_location_wins),
        TEST(files_lie_below_directories_and_locations_above_both),
        TEST(proxied_requests_fall_under_proxy_sections),
        TEST(of_a_chain_the_first_that_holds_is_taken),
        TEST(an_if_inside_a_location_nests),
        TEST(named_groups_become_variables),
        TEST(slashes_are_one_for_a_location_even_when_kept),
        TEST(what_protects_is_never_taken_in_silence),
        TEST(what_does_nothing_is_said),
        TEST(error_logs_open_below_the_server_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

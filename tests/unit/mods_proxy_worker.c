/* Workers: names, parameters with httpd's bounds and messages, who shares whose. */
#include "mods_proxy.h"

#include "log.h"
#include "proxying.h"

static const struct proxy_worker *worker(const struct snapshot *s, unsigned i)
{
    const struct vec *all = &proxy_site_of(s->main)->workers;
    assert_true(i < all->n);
    return all->items[i];
}

static const struct proxy_worker *only_worker(const char *text)
{
    const struct snapshot *s = bench_must_load(text);
    assert_int_equal(proxy_site_of(s->main)->workers.n, 1);
    return worker(s, 0);
}

static void a_name_is_the_normalised_url(void **state)
{
    static const struct {
        const char *url, *name, *host;
        int port;
    } rows[] = {
        { "http://Example.COM/Path", "http://example.com/Path", "example.com", 80 },
        { "HTTP://h:80/", "http://h/", "h", 80 },
        { "ws://h:80", "ws://h", "h", 80 },
        { "ws://h:3000/chat", "ws://h:3000/chat", "h", 3000 },
        { "http://[::1]:8080/x", "http://[::1]:8080/x", "::1", 8080 },
        { "http://h:/x", "http://h/x", "h", 80 },
        { "http://u:p@h/x", "http://u:p@h/x", "h", 80 },
        { "http://h/x?a=b", "http://h/x?a=b", "h", 80 },
        { "fcgi://h:9000/", "fcgi://h:9000/", "h", 9000 },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        const struct proxy_worker *w = only_worker(arena_concat(bench_arena, "ProxyPass /x ", rows[i].url, NULL));
        assert_string_equal(w->name, rows[i].name);
        assert_string_equal(w->host, rows[i].host);
        assert_int_equal(w->port, rows[i].port);
        assert_null(w->unix_path);
    }
}

static void a_unix_socket_stands_before_the_bar(void **state)
{
    (void)state;
    const struct proxy_worker *w = only_worker("ProxyPass /x unix:/run/a.sock|http://h/y");
    assert_string_equal(w->unix_path, "/run/a.sock");
    assert_string_equal(w->name, "http://h/y");
    w = only_worker("ProxyPass /x unix:/run/a.sock|ws:");
    assert_string_equal(w->name, "ws://localhost");
}

static void a_pattern_may_stand_in_host_and_port(void **state)
{
    (void)state;
    const struct proxy_worker *w = only_worker("ProxyPassMatch ^/(a|b)(/.*)? http://h:81$2");
    assert_string_equal(w->name, "http://h:81$2");
    assert_true(w->dynamic && w->any_host && w->fresh);
    w = only_worker("ProxyPassMatch ^/(.*)$ http://h/$1");
    assert_true(w->dynamic && w->fresh && !w->any_host);
    w = only_worker("ProxyPassMatch ^/(.*)$ http://h/$1 enablereuse=on");
    assert_false(w->fresh);
    w = only_worker("ProxyPassMatch ^/x http://h");
    assert_true(w->dynamic && !w->fresh);
}

static void parameters_are_kept(void **state)
{
    (void)state;
    const struct proxy_worker *w =
        only_worker("ProxyPass / ws://h/ timeout=500ms ConnectionTimeout=250ms RETRY=0 keepalive=On ttl=9 "
                    "max=20 smax=5 min=1 acquire=30 ping=2 flushpackets=auto flushwait=20 upgrade=any "
                    "responsefieldsize=9000 iobuffersize=512 receivebuffersize=0 disablereuse=on");
    assert_int_equal(w->timeout_us, 500000000); /* httpd's atoi knows no units */
    assert_int_equal(w->connect_timeout_us, 250000);
    assert_int_equal(w->retry_s, 0);
    assert_int_equal(w->ttl_us, 9000000);
    assert_int_equal(w->max, 20);
    assert_int_equal(w->smax, 5);
    assert_int_equal(w->min, 1);
    assert_int_equal(w->acquire_us, 30000);
    assert_int_equal(w->ping_us, 2000000);
    assert_true(w->ping_set && w->keepalive && w->fresh);
    assert_int_equal(w->flush_packets, 2);
    assert_int_equal(w->flush_wait_ms, 20);
    assert_string_equal(w->upgrade, "*");
    assert_int_equal(w->response_field_size, 9000);
}

static void the_last_of_a_key_wins_whatever_its_case(void **state)
{
    (void)state;
    assert_int_equal(only_worker("ProxyPass / http://h/ timeout=1 TimeOut=7")->timeout_us, 7000000);
}

static void letters_of_status_make_a_worker_unusable(void **state)
{
    (void)state;
    assert_int_equal(only_worker("ProxyPass / http://h/ status=D")->status, WORKER_DISABLED);
    assert_int_equal(only_worker("ProxyPass / http://h/ status=+D-D")->status, 0);
    assert_int_equal(only_worker("ProxyPass / http://h/ status=+I")->status & WORKER_UNUSABLE, 0);
    assert_true(only_worker("ProxyPass / http://h/ status=+I+S")->status & WORKER_UNUSABLE);
    assert_int_equal(only_worker("ProxyPass / http://h/ status=hr-n+E")->status, WORKER_STANDBY | WORKER_SPARE);
}

static void faults_are_apaches(void **state)
{
    static const struct {
        const char *words, *text;
    } rows[] = {
        { "timeout=0", "ProxyPass Timeout must be at least one second" },
        { "timeout=abc", "ProxyPass Timeout must be at least one second" },
        { "connectiontimeout=0", "ProxyPass Connectiontimeout must be at least one millisecond." },
        { "connectiontimeout=5x", "ProxyPass Connectiontimeout has wrong format" },
        { "retry=-1", "ProxyPass Retry must be a positive value" },
        { "ttl=0", "ProxyPass TTL must be at least one second" },
        { "min=-1", "ProxyPass Min must be a positive number" },
        { "max=-1", "ProxyPass Max must be a positive number" },
        { "smax=-1", "ProxyPass Smax must be a positive number" },
        { "acquire=0", "ProxyPass Acquire must be at least one millisecond" },
        { "acquire=5x", "ProxyPass Acquire timeout has wrong format" },
        { "keepalive=yes", "ProxyPass KeepAlive must be On|Off" },
        { "disablereuse=1", "ProxyPass DisableReuse must be On|Off" },
        { "enablereuse=1", "ProxyPass EnableReuse must be On|Off" },
        { "ping=0", "ProxyPass Ping/Pong timeout must be at least one millisecond" },
        { "ping=x", "ProxyPass Ping/Pong timeout has wrong format" },
        { "flushpackets=maybe", "ProxyPass flushpackets must be on|off|auto" },
        { "flushwait=1001", "ProxyPass flushwait must be <= 1000, or 0 for system default of 10 millseconds." },
        { "iobuffersize=511", "ProxyPass IOBufferSize must be >= 512 bytes, or 0 for system default." },
        { "receivebuffersize=5", "ProxyPass ReceiveBufferSize must be >= 512 bytes, or 0 for system default." },
        { "responsefieldsize=-1",
          "ProxyPass ResponseFieldSize must be greater than 0 bytes, or 0 for system default." },
        { "addressttl=1ms", "ProxyPass AddressTTL must be -1 or a number of seconds not exceeding (2147483647)" },
        { "loadfactor=0", "ProxyPass LoadFactor must be a number between 1..100" },
        { "lbset=100", "ProxyPass lbset must be between 0 and 99" },
        { "status=Q", "ProxyPass Unknown status parameter option" },
        { "status=+", "ProxyPass Unknown status parameter option" },
        { "upgrade=0123456789abcdef", "ProxyPass upgrade protocol length must be < 16 characters" },
        { "colour=red", "ProxyPass unknown Worker parameter" },
        { "red", "Invalid ProxyPass|ProxyPassMatch parameter. Parameter must be in the form 'key=value'." },
        { "mapping=round", "unknown mapping" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        assert_null(bench_load(arena_concat(bench_arena, "ProxyPass / http://h/ ", rows[i].words, NULL)));
        assert_string_equal(bench_fault.text, rows[i].text);
        assert_int_equal(bench_fault.line, 2);
    }
}

static void health_checks_are_refused_by_name(void **state)
{
    (void)state;
    assert_null(bench_load("ProxyPass / http://h/ hcMethod=GET"));
    assert_non_null(strstr(bench_fault.text, "ProxyPass unknown Worker parameter: hcMethod: "));
    assert_non_null(strstr(bench_fault.text, "mod_proxy_hcheck"));
    assert_null(bench_load("ProxyPass / http://h/\nProxySet http://h/ hcuri=/ping"));
    assert_non_null(strstr(bench_fault.text, "ProxySet: unknown Worker parameter: hcuri: "));
}

static void lines_without_a_good_target_are_apaches_faults_too(void **state)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        { "ProxyPass /x", "ProxyPass|ProxyPassMatch needs a path when not defined in a location" },
        { "ProxyPassMatch ~ ^/x http://h/", "ProxyPassMatch invalid syntax ('~' usage)." },
        { "ProxyPassMatch ^/(x http://h/", "Regular expression could not be compiled." },
        { "ProxyPass /x h/y", "ProxyPass URL must be absolute!: h/y" },
        { "ProxyPass /x http:///y", "ProxyPass URL must be absolute!: http:///y" },
        { "ProxyPass /x http://h:80x/", "ProxyPass Unable to parse URL: http://h:80x/" },
        { "ProxyPass /x unix:/s|nothing", "ProxyPass|ProxyPassMatch uses an invalid \"unix:\" URL" },
        { "ProxySet http://other/ timeout=5", "ProxySet can not find 'http://other/' Worker." },
        { "ProxyTimeout 0", "Proxy Timeout must be at least 1 second." },
        { "ProxyVia maybe", "ProxyVia must be one of: off | on | full | block" },
        { "ProxyBadHeader x", "ProxyBadHeader must be one of: IsError | Ignore | StartBody" },
        { "ProxyErrorOverride 404", "ProxyErrorOverride first parameter must be one of: off | on" },
        { "ProxyErrorOverride off 404", "ProxyErrorOverride: status codes must follow a value of 'on'" },
        { "ProxyErrorOverride on 399",
          "ProxyErrorOverride: status codes to intercept must be valid HTTP Status Codes >=400 && <600" },
        { "ProxyErrorOverride on x", "ProxyErrorOverride: status codes to intercept must be numeric" },
        { "ProxyPassReverse /x", "ProxyPassReverse needs a path when not defined in a location" },
        { "<Location /x>\nProxyPassReverse /x http://h/\n</Location>",
          "ProxyPassReverse can not have a path when defined in a location" },
        { "<Location /x>\nProxyPass /x http://h/\n</Location>",
          "ProxyPass|ProxyPassMatch can not have a path when defined in a location." },
        { "<Proxy http://h/>\nProxySet timeout=0\n</Proxy>",
          "ProxySet: Timeout must be at least one second timeout=0; http://h/" },
        { "<Proxy http://h/ timeout=0>\n</Proxy>", "<Proxy Timeout must be at least one second timeout=0; http://h/" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        assert_null(bench_load(rows[i].line));
        assert_string_equal(bench_fault.text, rows[i].text);
    }
}

static void what_cannot_act_yet_is_refused_by_name(void **state)
{
    static const char *const lines[] = {
        "ProxyRemote * http://p:1",
        "ProxyBlock example.com",
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lines); i++) {
        assert_null(bench_load(lines[i]));
        assert_non_null(strstr(bench_fault.text, " / ")); /* said in both languages */
    }
}

/* ---- sharing ------------------------------------------------------------------------------------ */

static const struct conf_notice *notice(const struct snapshot *s, int ah)
{
    const struct vec *all = &s->reading->notices;
    for (unsigned i = 0; i < all->n; i++)
        if (((const struct conf_notice *)all->items[i])->ah == ah)
            return all->items[i];
    return NULL;
}

static void a_longer_url_shares_the_worker_before_it(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("ProxyPass /a http://h/app timeout=5\nProxyPass /b http://h/app/more timeout=60");
    assert_int_equal(proxy_site_of(s->main)->workers.n, 1);
    assert_int_equal(worker(s, 0)->timeout_us, 5000000);
    assert_string_equal(notice(s, 1145)->text,
                        "Sharing worker 'http://h/app' instead of creating new worker 'http://h/app/more'");
    assert_string_equal(notice(s, 1146)->text,
                        "Ignoring parameter 'timeout=60' for worker 'http://h/app' because of worker sharing");
    assert_int_equal(notice(s, 1146)->level, LEVEL_WARN);
}

static void a_shorter_url_after_it_is_a_worker_of_its_own(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load(
        "ProxyPass /a http://h/app timeout=5\nProxyPass /b http://h/ timeout=60\nProxyPass /c http://h2/");
    assert_int_equal(proxy_site_of(s->main)->workers.n, 3);
    assert_null(notice(s, 1145));
}

static void another_scheme_or_port_is_another_worker(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("ProxyPass /a http://h/\nProxyPass /b ws://h/\nProxyPass /c http://h:8080/");
    assert_int_equal(proxy_site_of(s->main)->workers.n, 3);
}

static void two_sockets_behind_one_url_share_as_in_httpd(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("ProxyPass /a unix:/a.sock|http://localhost/\nProxyPass /b unix:/b.sock|http://localhost/");
    assert_int_equal(proxy_site_of(s->main)->workers.n, 1);
    assert_string_equal(worker(s, 0)->unix_path, "/a.sock");
    assert_non_null(strstr(notice(s, 1145)->text, "unix:/a.sock|http://localhost/"));
}

static void proxyset_and_proxy_sections_change_a_worker(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("ProxyPass /a http://h/\n<Proxy http://h/>\nProxySet timeout=7\n</Proxy>\n"
                                         "<Proxy http://new/ timeout=8>\n</Proxy>\nProxySet http://h/x retry=3");
    assert_int_equal(worker(s, 0)->timeout_us, 7000000);
    assert_int_equal(worker(s, 0)->retry_s, 3);
    assert_string_equal(worker(s, 1)->name, "http://new/");
    assert_int_equal(worker(s, 1)->timeout_us, 8000000);
}

static void a_virtual_host_has_the_main_servers_workers_too(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("ProxyPass /a http://h/\n<VirtualHost *:80>\nServerName v\nProxyPass /b http://h/b timeout=3\n"
                        "</VirtualHost>");
    const struct proxy_site *v = proxy_site_of(s->sites.items[0]);
    assert_int_equal(v->workers.n, 2); /* not shared across the border at load */
    assert_int_equal(v->aliases.n, 2);
    assert_int_equal(proxy_site_of(s->main)->aliases.n, 1);
    assert_ptr_not_equal(v->workers.items[0], v->workers.items[1]);
}

static void proxytimeout_above_a_line_is_the_workers(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load(
        "ProxyPass /a http://a/\nProxyTimeout 9\nProxyPass /b http://b/\nProxyPass /c http://c/ timeout=2");
    assert_int_equal(worker(s, 0)->timeout_us, 0);
    assert_int_equal(worker(s, 1)->timeout_us, 9000000);
    assert_int_equal(worker(s, 2)->timeout_us, 2000000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_the_normalised_url),
        TEST(a_unix_socket_stands_before_the_bar),
        TEST(a_pattern_may_stand_in_host_and_port),
        TEST(parameters_are_kept),
        TEST(the_last_of_a_key_wins_whatever_its_case),
        TEST(letters_of_status_make_a_worker_unusable),
        TEST(faults_are_apaches),
        TEST(health_checks_are_refused_by_name),
        TEST(lines_without_a_good_target_are_apaches_faults_too),
        TEST(what_cannot_act_yet_is_refused_by_name),
        TEST(a_longer_url_shares_the_worker_before_it),
        TEST(a_shorter_url_after_it_is_a_worker_of_its_own),
        TEST(another_scheme_or_port_is_another_worker),
        TEST(two_sockets_behind_one_url_share_as_in_httpd),
        TEST(proxyset_and_proxy_sections_change_a_worker),
        TEST(a_virtual_host_has_the_main_servers_workers_too),
        TEST(proxytimeout_above_a_line_is_the_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

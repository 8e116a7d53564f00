/* mod_remoteip: from which proxies an address is taken, what stays in the fields, and the rows. */
#include "mods_request.h"

#define TRUSTED  "RemoteIPHeader X-F\nRemoteIPProxiesHeader X-By\nRemoteIPTrustedProxy 192.0.2.1 8.8.8.8\n"
#define INTERNAL "RemoteIPHeader X-F\nRemoteIPInternalProxy 192.0.2.0/24 10.0.0.0/8\n"

static struct request *ask(const char *conf, const char *value)
{
    struct snapshot *s = kept(conf);
    struct request *r = make_request(s, s->main);

    if (value)
        add(&r->head.fields, "X-F", value);
    remoteip_take(r);
    return r;
}

static void check(const char *conf, const char *value, const char *ip, const char *rest)
{
    struct request *r = ask(conf, value);
    struct span left = http_fields_get(&r->head.fields, "X-F");

    assert_string_equal(r->client_ip, ip);
    if (rest)
        assert_string_equal(arena_span(arena, left), rest);
    else
        assert_null(left.p);
}

static void without_a_header_the_peer_is_the_client(void **state)
{
    (void)state;
    check("", "1.1.1.1", "192.0.2.1", "1.1.1.1");
    check(TRUSTED, NULL, "192.0.2.1", NULL);
}

static void addresses_are_taken_from_the_right_while_their_sayer_is_trusted(void **state)
{
    (void)state;
    check(TRUSTED, "1.1.1.1", "1.1.1.1", NULL);
    check(TRUSTED, "1.1.1.1, 8.8.8.8", "1.1.1.1", NULL);
    check(TRUSTED, "1.1.1.1, 9.9.9.9", "9.9.9.9", "1.1.1.1");
    check(TRUSTED, " 1.1.1.1 ,9.9.9.9,8.8.8.8", "9.9.9.9", " 1.1.1.1 ");
    check("RemoteIPHeader X-F\nRemoteIPTrustedProxy 8.8.8.8", "1.1.1.1", "192.0.2.1", "1.1.1.1");
    check("RemoteIPHeader X-F", "1.1.1.1, 2.2.2.2", "1.1.1.1", NULL); /* nobody named: all are trusted */
}

static void a_private_address_counts_from_internal_proxies_only(void **state)
{
    (void)state;
    check(TRUSTED, "10.0.0.1", "192.0.2.1", "10.0.0.1");
    check(TRUSTED, "fd00::1", "192.0.2.1", "fd00::1");
    check(INTERNAL, "10.0.0.1", "10.0.0.1", NULL);
    check(INTERNAL, "172.16.0.1, 10.0.0.1", "172.16.0.1", NULL);
    check("RemoteIPHeader X-F\nRemoteIPTrustedProxy 192.0.2.1\nRemoteIPInternalProxy 8.8.8.8", "10.0.0.1,8.8.8.8",
          "8.8.8.8", "10.0.0.1"); /* an external proxy may not name an internal one */
}

static void what_is_no_address_stays_with_all_before_it(void **state)
{
    (void)state;
    check(TRUSTED, "1.1.1.1, unknown", "192.0.2.1", "1.1.1.1, unknown");
    check(TRUSTED, "x , 8.8.8.8", "8.8.8.8", "x");
    check(TRUSTED, "1.1.1.1,,8.8.8.8", "8.8.8.8", "1.1.1.1,");
    check(TRUSTED, ",8.8.8.8", "8.8.8.8", "");
    check(TRUSTED, "[2001:db8::1]", "192.0.2.1", "[2001:db8::1]");
    check(TRUSTED, "8.8.8.8:80", "192.0.2.1", "8.8.8.8:80");
    check(TRUSTED, "2001:DB8::1", "2001:db8::1", NULL);
    check(TRUSTED, "::ffff:1.1.1.1", "1.1.1.1", NULL);
}

static void passed_proxies_are_recorded_when_they_are_external(void **state)
{
    struct request *r = ask(TRUSTED, "1.1.1.1, 8.8.8.8");

    (void)state;
    assert_string_equal(arena_span(arena, http_fields_get(&r->head.fields, "X-By")), "192.0.2.1, 8.8.8.8");
    assert_string_equal(arena_span(arena, http_fields_get(&r->notes, "remoteip-proxy-ip-list")), "192.0.2.1, 8.8.8.8");
    assert_string_equal(r->client_text, "1.1.1.1:0");
    assert_int_equal(r->client_port, 0);
    assert_int_equal(r->client_address.n, 4);
    r = ask(INTERNAL, "1.1.1.1");
    assert_null(http_fields_get(&r->notes, "remoteip-proxy-ip-list").p);
}

static void what_a_proxy_header_said_goes_first(void **state)
{
    static const struct http_proxy_peer said = {
        .known = true, .family = 4, .ip = { 5, 6, 7, 8 }, .port = 9, .text = "5.6.7.8"
    };
    struct snapshot *s = kept(TRUSTED);
    struct request *r = make_request(s, s->main);
    struct peer_info behind = peer;

    (void)state;
    behind.claim = &said;
    request_set_peer(r, &behind);
    add(&r->head.fields, "X-F", "1.1.1.1");
    remoteip_take(r);
    assert_string_equal(r->client_ip, "5.6.7.8");
    assert_string_equal(r->client_text, "5.6.7.8:9");
    assert_int_equal(r->client_port, 9);
    assert_string_equal(arena_span(arena, http_fields_get(&r->head.fields, "X-F")), "1.1.1.1");
}

static bool expects(const char *conf, unsigned char last, unsigned short port)
{
    struct peer_info p = {
        .ip = "192.0.2.1", .local_family = 4, .local_address = { 127, 0, 0, last }, .local_port = port
    };
    return remoteip_expects_header(kept(conf), &p);
}

#define HOST(address, lines) "<VirtualHost " address ">\n" lines "\n</VirtualHost>\n"
#define ON                   "RemoteIPProxyProtocol On"

static void the_proxy_protocol_is_spoken_where_it_was_said(void **state)
{
    (void)state;
    assert_false(expects("RemoteIPHeader X", 1, 80));
    assert_true(expects(ON, 1, 80));
    assert_true(expects(HOST("*:80", ON), 1, 80));
    assert_false(expects(HOST("*:80", ON), 1, 81));
    assert_true(expects(HOST("127.0.0.2:*", ON), 2, 81));
    assert_false(expects(HOST("127.0.0.2:*", ON), 1, 81));
    assert_false(expects(HOST("*:80", ON) HOST("127.0.0.2:80", "RemoteIPProxyProtocol Off"), 2, 80));
    assert_false(expects(HOST("*:80", ON) HOST("*:80", "RemoteIPProxyProtocol Off"), 1, 80));
    assert_false(expects(ON "\nRemoteIPProxyProtocolExceptions 10.0.0.0/8 192.0.2.0/24", 1, 80));
}

static void a_site_replaces_the_main_servers_proxies(void **state)
{
    struct snapshot *s = kept(TRUSTED HOST("*:80", "RemoteIPTrustedProxy 7.7.7.7") HOST("*:81", ""));

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct request *r = make_request(s, s->sites.items[i]);
        add(&r->head.fields, "X-F", "1.1.1.1");
        remoteip_take(r);
        assert_string_equal(r->client_ip, i ? "1.1.1.1" : "192.0.2.1");
    }
}

static void a_list_is_read_from_its_file(void **state)
{
    const char *path = arena_printf(arena, "%s/list", directory), *fault;
    FILE *f = fopen(path, "w");

    (void)state;
    fputs("# ours\n192.0.2.1 # the first\n\n 8.8.8.8 9.9.9.9", f);
    fclose(f);
    check("RemoteIPHeader X-F\nRemoteIPTrustedProxyList list", "1.1.1.1, 9.9.9.9", "1.1.1.1", NULL);
    f = fopen(path, "w");
    fputs("192.0.2.1\n1.2.3.4/99\n", f);
    fclose(f);
    assert_null(load("RemoteIPInternalProxyList list", &fault));
    assert_non_null(strstr(fault,
                           "RemoteIP: Error parsing IP 1.2.3.4/99 (The specified network mask is invalid. error) "
                           "for RemoteIPInternalProxyList at line 2 of "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_header_the_peer_is_the_client, begin, end),
        cmocka_unit_test_setup_teardown(addresses_are_taken_from_the_right_while_their_sayer_is_trusted, begin, end),
        cmocka_unit_test_setup_teardown(a_private_address_counts_from_internal_proxies_only, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_address_stays_with_all_before_it, begin, end),
        cmocka_unit_test_setup_teardown(passed_proxies_are_recorded_when_they_are_external, begin, end),
        cmocka_unit_test_setup_teardown(what_a_proxy_header_said_goes_first, begin, end),
        cmocka_unit_test_setup_teardown(the_proxy_protocol_is_spoken_where_it_was_said, begin, end),
        cmocka_unit_test_setup_teardown(a_site_replaces_the_main_servers_proxies, begin, end),
        cmocka_unit_test_setup_teardown(a_list_is_read_from_its_file, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

/* From addresses and names to a virtual host. The long file's listing is what apache2 -S printed for it. */
#include "conf_fake.h"

#include <arpa/inet.h>

static const char many[] =
    "ServerName main.test\n"
    "<VirtualHost *:80>\nServerName a.test\nServerAlias www.a.test *.wild.test\n</VirtualHost>\n"
    "<VirtualHost *:443 _default_:8443>\nServerName b.test\n</VirtualHost>\n"
    "<VirtualHost *:80 127.0.0.5:80>\nServerName c.test\nServerAlias exact.wild.test\n</VirtualHost>\n"
    "<VirtualHost *:*>\nServerName anyport.test\n</VirtualHost>\n"
    "<VirtualHost 127.0.0.5:80>\nServerName d.test\n</VirtualHost>\n"
    "<VirtualHost 127.0.0.6:*>\nServerName e.test\n</VirtualHost>\n"
    "<VirtualHost 127.0.0.7:80>\nServerName f.test\n</VirtualHost>\n"
    "<VirtualHost [::1]:80>\nServerName six.test\n</VirtualHost>\n"
    "<VirtualHost *:80>\n</VirtualHost>\n"
    "<VirtualHost *:443 *:443>\nServerName g.test\n</VirtualHost>\n"
    "<VirtualHost *>\nServerName h.test\n</VirtualHost>\n"
    "<VirtualHost 127.0.0.6:8080>\nServerName i.test\n</VirtualHost>\n"
    "<VirtualHost 127.0.0.7:80 127.0.0.7:80>\nServerName j.test\n</VirtualHost>\n";

static const char listing[] = "VirtualHost configuration:\n"
                              "[::1]:80               six.test (FILE:25)\n"
                              "127.0.0.7:80           is a NameVirtualHost\n"
                              "         default server f.test (FILE:22)\n"
                              "         port 80 namevhost f.test (FILE:22)\n"
                              "         port 80 namevhost j.test (FILE:39)\n"
                              "         port 80 namevhost j.test (FILE:39)\n"
                              "127.0.0.6:*            e.test (FILE:19)\n"
                              "127.0.0.6:8080         i.test (FILE:36)\n"
                              "127.0.0.5:80           is a NameVirtualHost\n"
                              "         default server c.test (FILE:9)\n"
                              "         port 80 namevhost c.test (FILE:9)\n"
                              "                 alias exact.wild.test\n"
                              "         port 80 namevhost d.test (FILE:16)\n"
                              "*:8443                 b.test (FILE:6)\n"
                              "*:80                   is a NameVirtualHost\n"
                              "         default server a.test (FILE:2)\n"
                              "         port 80 namevhost a.test (FILE:2)\n"
                              "                 alias www.a.test\n"
                              "                 wild alias *.wild.test\n"
                              "         port 80 namevhost c.test (FILE:9)\n"
                              "                 alias exact.wild.test\n"
                              "         port 80 namevhost main.test (FILE:28)\n"
                              "*:443                  is a NameVirtualHost\n"
                              "         default server b.test (FILE:6)\n"
                              "         port 443 namevhost b.test (FILE:6)\n"
                              "         port 443 namevhost g.test (FILE:30)\n"
                              "*:*                    is a NameVirtualHost\n"
                              "         default server anyport.test (FILE:13)\n"
                              "         port * namevhost anyport.test (FILE:13)\n"
                              "         port * namevhost h.test (FILE:33)\n";

static const char *choose(const struct snapshot *s, const char *ip, int port, const char *host)
{
    unsigned char bytes[16] = { 0 };
    unsigned char family = strchr(ip, ':') ? 6 : 4;
    assert_int_equal(inet_pton(family == 6 ? AF_INET6 : AF_INET, ip, bytes), 1);
    return site_choose(snapshot_choose(s, family, bytes, port), host, port)->server_name;
}

static void the_listing_is_apaches(void **state)
{
    (void)state;
    struct snapshot *s = load_good(many);
    struct buf out = { 0 }, plain = { 0 };
    snapshot_dump_sites(s, &out);
    buf_add(&out, "", 1);
    const char *file = ((struct site *)s->sites.items[0])->file;
    for (const char *p = buf_head(&out); *p;) {
        bool name = strncmp(p, file, strlen(file)) == 0;
        buf_add(&plain, name ? "FILE" : p, name ? 4 : 1);
        p += name ? strlen(file) : 1;
    }
    buf_add(&plain, "", 1);
    assert_string_equal(buf_head(&plain), listing);
    buf_release(&out);
    buf_release(&plain);
    snapshot_drop(s);
}

static void a_written_address_beats_a_wildcard_one(void **state)
{
    (void)state;
    struct snapshot *s = load_good(many);
    assert_string_equal(choose(s, "127.0.0.5", 80, "a.test"), "c.test"); /* a.test is not of that set */
    assert_string_equal(choose(s, "127.0.0.5", 80, "d.test"), "d.test");
    assert_string_equal(choose(s, "127.0.0.6", 8080, NULL), "i.test");
    assert_string_equal(choose(s, "127.0.0.6", 81, NULL), "e.test");
    assert_string_equal(choose(s, "::1", 80, "a.test"), "six.test");
    assert_string_equal(choose(s, "::ffff:127.0.0.5", 80, "d.test"), "d.test");
    snapshot_drop(s);
}

static void a_written_port_beats_any_port(void **state)
{
    (void)state;
    struct snapshot *s = load_good(many);
    assert_string_equal(choose(s, "192.0.2.1", 80, NULL), "a.test");
    assert_string_equal(choose(s, "192.0.2.1", 443, "g.test"), "g.test");
    assert_string_equal(choose(s, "192.0.2.1", 8443, "anything"), "b.test");
    assert_string_equal(choose(s, "192.0.2.1", 9999, "h.test"), "h.test");
    assert_string_equal(choose(s, "2001:db8::1", 9999, "nobody"), "anyport.test");
    snapshot_drop(s);
}

static void names_are_compared_site_by_site(void **state)
{
    (void)state;
    struct snapshot *s = load_good(many);
    assert_string_equal(choose(s, "192.0.2.1", 80, "WWW.A.test"), "a.test");
    assert_string_equal(choose(s, "192.0.2.1", 80, "c.test"), "c.test");
    /* An earlier site's wildcard takes what a later one names exactly. */
    assert_string_equal(choose(s, "192.0.2.1", 80, "exact.wild.test"), "a.test");
    assert_string_equal(choose(s, "192.0.2.1", 80, "X.Wild.Test"), "a.test");
    assert_string_equal(choose(s, "192.0.2.1", 80, "wild.test"), "a.test"); /* by default, not by name */
    assert_string_equal(choose(s, "192.0.2.1", 80, "main.test"), "main.test");
    assert_string_equal(choose(s, "192.0.2.1", 80, ""), "a.test");
    snapshot_drop(s);
}

static void without_an_address_the_main_server_answers(void **state)
{
    (void)state;
    struct snapshot *s =
        load_good("ServerName main.test\n<VirtualHost 192.0.2.7:80>\nServerName a.test\n</VirtualHost>\n");
    assert_string_equal(choose(s, "192.0.2.8", 80, "a.test"), "main.test");
    assert_string_equal(choose(s, "192.0.2.7", 81, "a.test"), "main.test");
    assert_string_equal(choose(s, "192.0.2.7", 80, "other"), "a.test");
    snapshot_drop(s);
    s = load_good("ServerName main.test\n");
    assert_string_equal(choose(s, "::1", 80, "x"), "main.test");
    snapshot_drop(s);
}

static void a_host_equal_to_the_address_word_is_a_last_resort(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName main.test\n"
                                   "<VirtualHost 127.0.0.1:80>\nServerName a.test\n</VirtualHost>\n"
                                   "<VirtualHost localhost:80>\nServerName b.test\n</VirtualHost>\n");
    assert_string_equal(choose(s, "127.0.0.1", 80, "localhost"), "b.test");
    assert_string_equal(choose(s, "127.0.0.1", 80, "127.0.0.1"), "a.test");
    snapshot_drop(s);
}

static void bad_addresses_are_apaches_faults(void **state)
{
    (void)state;
    assert_fault("<VirtualHost>\n</VirtualHost>\n", "1: <VirtualHost> directive requires additional arguments");
    assert_fault("<VirtualHost 80>\n</VirtualHost>\n", "1: Missing address for VirtualHost");
    assert_fault("<VirtualHost *:99999>\n</VirtualHost>\n", "1: The address or port is invalid");
    assert_fault("<VirtualHost *:0>\n</VirtualHost>\n", "1: The address or port is invalid");
    assert_fault("<VirtualHost [::1:80>\n</VirtualHost>\n", "1: The address or port is invalid");
    assert_fault("<VirtualHost [::g]:80>\n</VirtualHost>\n", "1: The address or port is invalid");
    assert_fault("<VirtualHost :80>\n</VirtualHost>\n", "1: The address or port is invalid");
}

static void an_unknown_name_is_ignored_with_a_word(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName m\n<VirtualHost nosuch.invalid:80>\n</VirtualHost>\n");
    const struct site *site = s->sites.items[0];
    assert_int_equal(site->addresses.n, 0);
    assert_string_equal(site->server_name, "bogus_host_without_forward_dns");
    const struct conf_notice *n = s->reading->notices.items[0];
    assert_int_equal(n->ah, 547);
    assert_string_equal(n->text, "Could not resolve host name nosuch.invalid -- ignoring!");
    snapshot_drop(s);
}

static void a_site_knows_its_port_and_its_line(void **state)
{
    (void)state;
    struct snapshot *s =
        load_good("ServerName m\n\n<VirtualHost *:8080 *:81>\n</VirtualHost>\n<VirtualHost *>\n</VirtualHost>\n");
    const struct site *first = s->sites.items[0], *second = s->sites.items[1];
    assert_int_equal(first->server_port, 8080);
    assert_int_equal(first->line, 3);
    assert_string_equal(first->server_name, "m"); /* a nameless site on "*" has the main server's name */
    assert_false(first->named);
    assert_int_equal(second->server_port, 0);
    assert_int_equal(((struct site_address *)second->addresses.items[0])->port, 0);
    snapshot_drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_listing_is_apaches),
        cmocka_unit_test(a_written_address_beats_a_wildcard_one),
        cmocka_unit_test(a_written_port_beats_any_port),
        cmocka_unit_test(names_are_compared_site_by_site),
        cmocka_unit_test(without_an_address_the_main_server_answers),
        cmocka_unit_test(a_host_equal_to_the_address_word_is_a_last_resort),
        cmocka_unit_test(bad_addresses_are_apaches_faults),
        cmocka_unit_test(an_unknown_name_is_ignored_with_a_word),
        cmocka_unit_test(a_site_knows_its_port_and_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

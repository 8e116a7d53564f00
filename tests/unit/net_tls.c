/* TLS streams between a client and a server of our own, and against peers that are none: handshakes, names, bytes,
 * ends, faults. */
#include "net_tls.h"

#include <openssl/err.h>

static struct tls_context *front, *behind;

static void close_both(struct end *a, struct end *b)
{
    close_end(a);
    close_end(b);
}

static void assert_fault(const struct end *e, enum tls_fault fault, const char *words)
{
    char text[256];
    assert_true(e->failed);
    if (tls_fault(e->s) != fault || !strstr(tls_error(e->s, text, sizeof(text)), words))
        fail_msg("fault %d \"%s\", not %d \"%s\"", (int)tls_fault(e->s), tls_error(e->s, text, sizeof(text)),
                 (int)fault, words);
}

/* ---- bytes ---- */

static void text_goes_both_ways(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    assert_true(c.up && s.up);
    assert_true(stream_is_tls(c.s));
    assert_int_equal(send_text(&c, "hello"), 5);
    expect_text(&s, "hello");
    assert_int_equal(send_text(&s, "and good day"), 12);
    expect_text(&c, "and good day");
    assert_variable(&s, "SSL_PROTOCOL", "TLSv1.3");
    assert_variable(&s, "HTTPS", "on");
    assert_variable(&s, "SSL_SERVER_S_DN_CN", "www.weir.test");
    close_both(&c, &s);
}

static void pieces_are_joined_and_empty_ones_skipped(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    struct iovec v[] = { { (void *)(uintptr_t) "", 0 },      { (void *)(uintptr_t) "one ", 4 },
                         { (void *)(uintptr_t) "", 0 },      { (void *)(uintptr_t) "two ", 4 },
                         { (void *)(uintptr_t) "three", 5 }, { (void *)(uintptr_t) "", 0 } };
    unsigned long sends = tls_io_counts().sends;
    assert_int_equal(stream_write(c.s, v, 6), 13);
    assert_int_equal(tls_io_counts().sends - sends, 1);
    expect_text(&s, "one two three");
    assert_int_equal(stream_write(c.s, v, 1), 0);
    close_both(&c, &s);
}

static void small_message_costs_one_recv_and_one_send(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    run_for(5); /* tickets */
    for (int i = 0; i < 3; i++) {
        struct tls_io_counts before = tls_io_counts();
        assert_int_equal(send_text(&c, "a message"), 9);
        expect_text(&s, "a message");
        assert_false(s.s->ready & STREAM_READABLE);
        struct tls_io_counts after = tls_io_counts();
        assert_int_equal(after.sends - before.sends, 1);
        assert_int_equal(after.recvs - before.recvs, 1);
    }
    close_both(&c, &s);
}

static void short_room_keeps_readable_until_all_is_read(void **state)
{
    (void)state;
    struct end c, s;
    char out[16];
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    s.deaf = true;
    send_text(&c, "0123456789");
    while (!(s.s->ready & STREAM_READABLE))
        loop_run(l);
    assert_int_equal(stream_read(s.s, out, 4), 4);
    assert_true(s.s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s.s, out, 6), 6); /* no more than fits was asked for */
    assert_false(s.s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s.s, out, 6), -1);
    assert_int_equal(errno, EAGAIN);
    close_both(&c, &s);
}

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 31 + (at >> 11));
}

enum { BIG = 16 << 20 };
struct sender {
    struct end end; /* first */
    size_t sent, got;
    bool blocked;
};

static void send_big(struct sender *x)
{
    static char chunk[200000];
    while (x->sent < BIG && (x->end.s->ready & STREAM_WRITABLE)) {
        size_t n = sizeof(chunk) < BIG - x->sent ? sizeof(chunk) : BIG - x->sent;
        for (size_t i = 0; i < n; i++)
            chunk[i] = (char)pattern(x->sent + i);
        struct iovec v[] = { { chunk, n / 3 }, { chunk + n / 3, n - n / 3 } };
        ssize_t went = stream_write(x->end.s, v, 2);
        assert_true(went >= 0 || errno == EAGAIN);
        x->sent += went > 0 ? (size_t)went : 0;
        x->blocked |= !(x->end.s->ready & STREAM_WRITABLE);
    }
}

static void check_big(struct sender *x)
{
    const unsigned char *p = (const unsigned char *)buf_head(&x->end.in);
    for (size_t i = 0; i < buf_len(&x->end.in); i++)
        assert_int_equal(p[i], pattern(x->got + i));
    x->got += buf_len(&x->end.in);
    buf_consume(&x->end.in, buf_len(&x->end.in));
}

static void on_big(struct end *e)
{
    struct sender *x = (struct sender *)e;
    if (buf_len(&e->in))
        check_big(x);
    if (e->up)
        send_big(x);
}

static void big_transfers_survive_back_pressure_both_ways(void **state)
{
    (void)state;
    struct sender c = { 0 }, s = { 0 };
    int fds[2];
    make_pair(fds);
    serve_on(&s.end, fds[0], (struct tls_accept){ .context = front });
    connect_on(&c.end, fds[1], (struct tls_connect){ .context = behind });
    c.end.then = s.end.then = on_big;
    while (c.got < BIG || s.got < BIG)
        loop_run(l);
    assert_true(c.blocked && s.blocked);
    assert_int_equal(c.got, BIG);
    assert_int_equal(s.got, BIG);
    close_both(&c.end, &s.end);
}

static void what_was_written_arrives_though_the_owner_closed(void **state)
{
    (void)state;
    struct sender c = { 0 }, s = { 0 };
    int fds[2];
    make_pair(fds);
    serve_on(&s.end, fds[0], (struct tls_accept){ .context = front });
    connect_on(&c.end, fds[1], (struct tls_connect){ .context = behind });
    c.end.deaf = true;
    shake(&c.end, &s.end);
    send_big(&s);
    assert_true(s.sent > 0 && s.sent < BIG);
    assert_int_equal(stream_shutdown(s.end.s), 0);
    close_end(&s.end);
    c.end.deaf = false;
    read_all(&c.end);
    while (!c.end.ended)
        loop_run(l);
    check_big(&c);
    assert_int_equal(c.got, s.sent);
    close_end(&c.end);
}

static void records_begin_small_and_grow(void **state)
{
    (void)state;
    struct end c, s;
    static char bytes[64 * 1024];
    struct iovec v = { bytes, sizeof(bytes) };
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    struct tls_stream *t = tls_of(s.s);
    unsigned long sends = tls_io_counts().sends;
    ssize_t went = stream_write(s.s, &v, 1);
    assert_true(went == sizeof(bytes) && tls_io_counts().sends == sends + 1); /* some fifty records by one send */
    assert_true(t->burst >= 64 * 1024);
    expect_text(&c, ""), buf_release(&c.in);
    close_both(&c, &s);
}

/* ---- names, protocols, contexts ---- */

static struct tls_context *sites[2];
static const char *asked;

static struct tls_context *choose_site(void *ctx, const char *sni)
{
    static char name[256];
    (void)ctx;
    snprintf(name, sizeof(name), "%s", sni ? sni : "(none)");
    asked = name;
    if (sni && strcmp(sni, "nobody.weir.test") == 0)
        return NULL;
    return sites[sni && strcmp(sni, "old.weir.test") == 0];
}

static void name_chooses_the_context_in_everything(void **state)
{
    (void)state;
    struct end c, s;
    struct tls_config old = server_config();
    old.pairs = &rsa_pair;
    old.protocols = TLS_1_2;
    old.alpn = "http/1.1";
    old.ciphers = "ECDHE-RSA-AES256-GCM-SHA384";
    sites[0] = front;
    sites[1] = context(old);
    struct tls_accept how = { .context = front, .choose = choose_site };
    meet(&c, &s, (struct tls_connect){ .context = behind, .sni = "old.weir.test" }, how);
    assert_true(c.up && s.up);
    assert_string_equal(asked, "old.weir.test");
    assert_string_equal(tls_sni(s.s), "old.weir.test");
    assert_variable(&s, "SSL_PROTOCOL", "TLSv1.2");
    assert_variable(&s, "SSL_CIPHER", "ECDHE-RSA-AES256-GCM-SHA384");
    assert_variable(&c, "SSL_CLIENT_M_SERIAL", "0C"); /* the RSA one */
    assert_variable(&s, "SSL_TLS_SNI", "old.weir.test");
    send_text(&c, "to the old site");
    expect_text(&s, "to the old site");
    close_both(&c, &s);
    meet(&c, &s, (struct tls_connect){ .context = behind }, how);
    assert_string_equal(asked, "(none)");
    assert_variable(&s, "SSL_PROTOCOL", "TLSv1.3");
    assert_null(tls_sni(s.s));
    close_both(&c, &s);
    tls_context_drop(sites[1]);
}

static void unknown_name_gets_the_alert(void **state)
{
    (void)state;
    struct end c, s;
    sites[0] = front;
    meet(&c, &s, (struct tls_connect){ .context = behind, .sni = "nobody.weir.test" },
         (struct tls_accept){ .context = front, .choose = choose_site });
    assert_fault(&s, TLS_NO_SITE, "no site");
    assert_fault(&c, TLS_OTHER, "unrecognized name");
    close_both(&c, &s);
}

static void protocol_names_are_chosen_in_the_servers_order(void **state)
{
    (void)state;
    struct end c, s;
    size_t n;
    struct tls_config how = server_config(), client = client_config();
    how.alpn = "h2, http/1.1";
    client.alpn = "http/1.1,h2";
    struct tls_context *server = context(how), *both = context(client);
    meet(&c, &s, (struct tls_connect){ .context = both }, (struct tls_accept){ .context = server });
    assert_memory_equal(tls_alpn(s.s, &n), "h2", 2);
    assert_int_equal(n, 2);
    assert_memory_equal(tls_alpn(c.s, &n), "h2", 2);
    close_both(&c, &s);
    meet(&c, &s, (struct tls_connect){ .context = both }, (struct tls_accept){ .context = front }); /* speaks of none */
    tls_alpn(c.s, &n);
    assert_int_equal(n, 0);
    close_both(&c, &s);
    tls_context_drop(server);
    tls_context_drop(both);
}

static void two_kinds_of_key_stand_side_by_side(void **state)
{
    (void)state;
    struct end c, s;
    struct tls_pair pairs[] = { ec_pair, rsa_pair };
    struct tls_config how = server_config(), client = client_config();
    how.pairs = pairs, how.n_pairs = 2;
    how.protocols = client.protocols = TLS_1_2;
    client.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
    struct tls_context *server = context(how), *rsa_only = context(client);
    meet(&c, &s, (struct tls_connect){ .context = rsa_only }, (struct tls_accept){ .context = server });
    assert_variable(&c, "SSL_CLIENT_A_KEY", "rsaEncryption");
    close_both(&c, &s);
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = server });
    assert_variable(&c, "SSL_CLIENT_A_KEY", "id-ecPublicKey");
    close_both(&c, &s);

    struct tls_leaf leaf;
    assert_true(tls_context_leaf(server, 0, &leaf));
    assert_string_equal(leaf.kind, "EC");
    assert_string_equal(leaf.serial, "0B");
    assert_string_equal(leaf.names[0], "www.weir.test");
    assert_string_equal(leaf.names[1], "*.wild.test");
    assert_string_equal(leaf.names[2], "www.weir.test");
    assert_null(leaf.names[3]);
    int64_t left = leaf.not_after - base_wall_us() / 1000000;
    assert_true(left > 364 * 86400 && left < 366 * 86400);
    tls_leaf_release(&leaf);
    assert_true(tls_context_leaf(server, 1, &leaf));
    assert_string_equal(leaf.kind, "RSA");
    tls_leaf_release(&leaf);
    assert_false(tls_context_leaf(server, 2, &leaf));
    tls_context_drop(server);
    tls_context_drop(rsa_only);
}

/* ---- certificates of clients ---- */

static struct tls_context *client_with(struct tls_pair *pair)
{
    struct tls_config how = client_config();
    how.pairs = pair, how.n_pairs = 1;
    return context(how);
}

struct tls_pair client_pair(const char *name, const struct recipe *r, const struct made *by)
{
    struct made m = make_cert(r, by);
    struct tls_pair p = { write_pem(name, &m, WRITE_CERT | WRITE_KEY, NULL), NULL };
    free_made(&m);
    return p;
}

/* In TLS 1.3 a client believes itself connected before the server has seen its certificate. */
static void show(struct tls_pair *pair, struct tls_context *server, struct end *c, struct end *s)
{
    struct tls_context *client = pair ? client_with(pair) : tls_context_hold(behind);
    meet(c, s, (struct tls_connect){ .context = client }, (struct tls_accept){ .context = server });
    tls_context_drop(client);
}

static void certificates_of_clients_are_judged(void **state)
{
    (void)state;
    struct end c, s;
    char ca[256], crl[256];
    snprintf(ca, sizeof(ca), "%s", certs_path("ca.pem"));
    struct tls_config how = server_config();
    how.verify = TLS_VERIFY_REQUIRE, how.ca_file = ca;
    snprintf(crl, sizeof(crl), "%s", write_crl("crl.pem", &authority, 77));
    how.crl = TLS_CRL_LEAF, how.crl_file = crl;
    struct tls_context *strict = context(how);
    struct tls_pair good = client_pair("good.pem", &(struct recipe){ .cn = "Ann Example", .serial = 70 }, &authority);
    show(&good, strict, &c, &s);
    assert_true(s.up && tls_client_verified(s.s));
    assert_variable(&s, "SSL_CLIENT_VERIFY", "SUCCESS");
    assert_variable(&s, "SSL_CLIENT_S_DN", "CN=Ann Example,O=Weir tests");
    assert_variable(&s, "SSL_CLIENT_I_DN_CN", "Weir test authority");
    close_both(&c, &s);

    struct tls_pair expired =
        client_pair("expired.pem", &(struct recipe){ .cn = "Old", .from_days = -9, .to_days = -2 }, &authority);
    show(&expired, strict, &c, &s);
    assert_fault(&s, TLS_CLIENT_CERT, "certificate has expired");
    close_both(&c, &s);
    struct tls_pair revoked = client_pair("revoked.pem", &(struct recipe){ .cn = "Lost", .serial = 77 }, &authority);
    show(&revoked, strict, &c, &s);
    assert_fault(&s, TLS_CLIENT_CERT, "certificate revoked");
    close_both(&c, &s);
    struct tls_pair foreign = client_pair("foreign.pem", &(struct recipe){ .cn = "Foreign" }, &stranger);
    show(&foreign, strict, &c, &s);
    assert_fault(&s, TLS_CLIENT_CERT, "unable to get local issuer");
    close_both(&c, &s);
    show(NULL, strict, &c, &s);
    assert_fault(&s, TLS_CLIENT_CERT, "peer did not return a certificate");
    close_both(&c, &s);
    tls_context_drop(strict);

    how.verify = TLS_VERIFY_OPTIONAL_NO_CA;
    how.crl = TLS_CRL_NONE;
    struct tls_context *lenient = context(how);
    show(&foreign, lenient, &c, &s);
    assert_true(s.up);
    assert_false(tls_client_verified(s.s));
    close_both(&c, &s);
    show(NULL, lenient, &c, &s);
    assert_variable(&s, "SSL_CLIENT_VERIFY", "NONE");
    close_both(&c, &s);
    tls_context_drop(lenient);
}

static void depth_bounds_the_chain(void **state)
{
    (void)state;
    struct end c, s;
    char ca[256];
    snprintf(ca, sizeof(ca), "%s", certs_path("ca.pem"));
    struct tls_config how = server_config();
    struct made middle = make_cert(&(struct recipe){ .cn = "In between", .ca = true, .serial = 90 }, &authority);
    struct tls_pair pair = client_pair("deep.pem", &(struct recipe){ .cn = "Deep", .serial = 91 }, &middle);
    write_pem("deep.pem", &middle, WRITE_CERT, NULL);
    how.verify = TLS_VERIFY_REQUIRE, how.ca_file = ca, how.depth = 1;
    struct tls_context *shallow = context(how);
    show(&pair, shallow, &c, &s);
    assert_fault(&s, TLS_CLIENT_CERT, "certificate chain too long");
    close_both(&c, &s);
    how.depth = 2;
    struct tls_context *deep = context(how);
    show(&pair, deep, &c, &s);
    assert_true(s.up && tls_client_verified(s.s));
    close_both(&c, &s);
    tls_context_drop(shallow);
    tls_context_drop(deep);
    free_made(&middle);
}

/* ---- certificates of backends ---- */

static void backend_is_checked(const struct recipe *r, struct tls_connect how, enum tls_fault fault, const char *words)
{
    struct end c, s;
    struct tls_config server = server_config();
    struct tls_pair pair = client_pair("backend.pem", r, &authority);
    server.pairs = &pair;
    struct tls_context *backend = context(server);
    meet(&c, &s, how, (struct tls_accept){ .context = backend });
    if (fault)
        assert_fault(&c, fault, words);
    else
        assert_true(c.up);
    close_both(&c, &s);
    tls_context_drop(backend);
    unlink(pair.cert);
}

static void backends_must_be_who_they_say(void **state)
{
    (void)state;
    struct tls_config unverified = client_config();
    unverified.verify = TLS_VERIFY_NONE;
    struct tls_context *trusting = context(unverified);
    const struct recipe app = { .cn = "app.test", .san = "DNS:other.test,DNS:*.wild.test" };
    const struct recipe old = { .cn = "app.test", .from_days = -9, .to_days = -2 };
    struct tls_connect how = { .context = behind, .check_name = "other.test", .check_expire = true };
    backend_is_checked(&app, how, TLS_OK, NULL);
    how.check_name = "app.test"; /* the common name counts too */
    backend_is_checked(&app, how, TLS_OK, NULL);
    how.check_name = "one.wild.test";
    backend_is_checked(&app, how, TLS_OK, NULL);
    how.check_name = "one.two.wild.test";
    backend_is_checked(&app, how, TLS_PEER_CERT, "does not match for hostname one.two.wild.test");
    how.check_name = "other.test", how.check_cn_only = true;
    backend_is_checked(&app, how, TLS_PEER_CERT, "Certificate CN: app.test Requested hostname: other.test");
    how.check_name = "APP.test";
    backend_is_checked(&app, how, TLS_OK, NULL);
    how.check_name = "app.test";
    backend_is_checked(&old, how, TLS_PEER_CERT, "certificate has expired");
    how.context = trusting;
    backend_is_checked(&old, how, TLS_PEER_CERT, "SSL Proxy: Peer certificate is expired");
    how.check_expire = false;
    backend_is_checked(&old, how, TLS_OK, NULL);
    tls_context_drop(trusting);
}

static void wildcards_stand_for_one_label(void **state)
{
    (void)state;
    assert_true(tls_name_matches("*.example.com", "www.Example.com"));
    assert_false(tls_name_matches("*.example.com", "example.com"));
    assert_false(tls_name_matches("*.example.com", "a.b.example.com"));
    assert_false(tls_name_matches("w*.example.com", "www.example.com"));
    assert_true(tls_name_matches("192.0.2.1", "192.0.2.1"));
}

/* ---- sessions ---- */

static void meet_again(struct tls_session_cache *kept, struct tls_context *client, struct tls_context *server,
                       const char *how)
{
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = client, .sessions = kept }, (struct tls_accept){ .context = server });
    send_text(&s, "x");
    expect_text(&c, "x"); /* tickets were before it */
    assert_variable(&s, "SSL_SESSION_RESUMED", how);
    assert_variable(&c, "SSL_SESSION_RESUMED", how);
    close_both(&c, &s);
}

/* A packet less: a client waits for the answer, not for the ticket. */
static void ticket_leaves_with_the_first_bytes_or_the_end(void **state)
{
    (void)state;
    struct tls_session_cache *kept = tls_session_cache_new();
    for (int i = 0; i < 2; i++) {
        struct end c, s;
        unsigned long sends = tls_io_counts().sends;
        meet(&c, &s, (struct tls_connect){ .context = behind, .sessions = kept },
             (struct tls_accept){ .context = front });
        run_for(5);
        assert_int_equal(tls_io_counts().sends - sends, 3); /* two hellos and the client's Finished */
        assert_variable(&s, "SSL_SESSION_RESUMED", i ? "Resumed" : "Initial");
        if (i)
            assert_int_equal(send_text(&s, "x"), 1);
        else
            stream_shutdown(s.s);
        run_for(5);
        assert_int_equal(tls_io_counts().sends - sends, 4);
        close_both(&c, &s);
    }
    meet_again(kept, behind, front, "Resumed");
    tls_session_cache_free(kept);
}

static void tickets_outlive_a_reload_and_one_rotation(void **state)
{
    (void)state;
    struct tls_session_cache *kept = tls_session_cache_new();
    meet_again(kept, behind, front, "Initial");
    meet_again(kept, behind, front, "Resumed");
    struct tls_context *reloaded = context(server_config());
    meet_again(kept, behind, reloaded, "Resumed");
    tls_tickets_rotate();
    meet_again(kept, behind, reloaded, "Resumed");
    tls_context_drop(reloaded);
    tls_session_cache_free(kept);

    kept = tls_session_cache_new();
    meet_again(kept, behind, front, "Initial");
    tls_tickets_rotate();
    tls_tickets_rotate();
    meet_again(kept, behind, front, "Initial");
    tls_session_cache_free(kept);
}

static void older_protocol_resumes_too(void **state)
{
    (void)state;
    struct tls_config server = server_config(), client = client_config();
    server.protocols = TLS_1_2;
    struct tls_context *tickets = context(server), *c = context(client);
    server.tickets = false;
    struct tls_context *ids = context(server);
    struct tls_session_cache *kept = tls_session_cache_new();
    meet_again(kept, c, tickets, "Initial");
    meet_again(kept, c, tickets, "Resumed");
    tls_session_cache_free(kept);
    kept = tls_session_cache_new();
    meet_again(kept, c, ids, "Initial");
    meet_again(kept, c, ids, "Resumed");
    tls_session_cache_free(kept);
    tls_context_drop(tickets);
    tls_context_drop(ids);
    tls_context_drop(c);
}

static void key_files_share_tickets_between_machines(void **state)
{
    (void)state;
    char bytes[80], file[256];
    memset(bytes, 'k', sizeof(bytes));
    write_file("tickets", bytes, 48);
    snprintf(file, sizeof(file), "%s", certs_path("tickets"));
    struct tls_config server = server_config();
    server.ticket_key_file = file;
    struct tls_context *here = context(server), *there = context(server);
    struct tls_session_cache *kept = tls_session_cache_new();
    meet_again(kept, behind, here, "Initial");
    tls_tickets_rotate(), tls_tickets_rotate(); /* not theirs */
    meet_again(kept, behind, there, "Resumed");
    write_file("tickets", bytes, 80);
    struct tls_context *longer = context(server);
    meet_again(kept, behind, longer, "Initial");
    meet_again(kept, behind, longer, "Resumed");
    tls_session_cache_free(kept);
    tls_context_drop(here);
    tls_context_drop(there);
    tls_context_drop(longer);
    write_file("tickets", bytes, 47);
    assert_refused(server, "48 or 80 bytes");
}

static void session_of_an_unverified_client_is_none_elsewhere(void **state)
{
    (void)state;
    char ca[256];
    snprintf(ca, sizeof(ca), "%s", certs_path("ca.pem"));
    struct tls_config strict = server_config();
    strict.verify = TLS_VERIFY_OPTIONAL, strict.ca_file = ca;
    struct tls_context *other = context(strict);
    struct tls_session_cache *kept = tls_session_cache_new();
    meet_again(kept, behind, front, "Initial");
    meet_again(kept, behind, other, "Initial");
    tls_session_cache_free(kept);
    tls_context_drop(other);
}

/* ---- peers that misbehave ---- */

static void raw_peer(struct end *s, int *peer, uint64_t timeout_ms)
{
    int fds[2];
    make_pair(fds);
    *peer = fds[1];
    serve_on(s, fds[0], (struct tls_accept){ .context = front, .timeout_ms = timeout_ms });
}

static void plain_http_is_told_and_the_connection_goes_on_plain(void **state)
{
    (void)state;
    struct end s;
    int peer;
    char out[64];
    raw_peer(&s, &peer, 0);
    assert_int_equal(write(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), 27);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_HTTP_REQUEST, "http request");
    s.s = stream_tls_to_plain(s.s, on_end, &s);
    assert_non_null(s.s);
    assert_false(stream_is_tls(s.s));
    assert_int_equal(send_text(&s, "HTTP/1.1 400 Bad Request"), 24);
    assert_int_equal(read(peer, out, sizeof(out)), 24); /* and nothing before it */
    assert_memory_equal(out, "HTTP", 4);
    s.then = NULL;
    stream_close(s.s);
    run_for(0);
    close(peer);
}

static void garbage_is_told_from_tls_and_answered_by_nothing(void **state)
{
    (void)state;
    struct end s;
    int peer;
    unsigned char out[64];
    raw_peer(&s, &peer, 0);
    assert_int_equal(write(peer, "SSH-2.0-OpenSSH_9.2\r\n", 21), 21);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_NOT_TLS, "wrong version number");
    close_end(&s);
    assert_int_equal(read(peer, out, sizeof(out)), 0);
    close(peer);
}

static void half_a_handshake_ends_quietly(void **state)
{
    (void)state;
    struct end s;
    int peer;
    raw_peer(&s, &peer, 0);
    assert_int_equal(write(peer, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 11);
    run_for(5);
    assert_false(s.failed);
    close(peer);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_ENDED, "closed");
    assert_int_equal(tls_fault_ah(s.s), 2006);
    close_end(&s);
}

static void silence_ends_by_time(void **state)
{
    (void)state;
    struct end s;
    int peer;
    raw_peer(&s, &peer, 20);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_TIMEOUT, "timed out");
    assert_null(tls_of(s.s)->ssl); /* nothing was made for one who said nothing */
    close_end(&s);
    close(peer);
}

static void missing_close_notify_is_a_fault_behind(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    send_text(&s, "half an answ");
    expect_text(&c, "half an answ");
    close_end(&s);
    while (!c.ended && !c.error)
        loop_run(l);
    assert_int_not_equal(c.error, 0);
    close_end(&c);
}

/* A peer of OpenSSL's own between memory and a descriptor: the test decides which bytes go when. */
struct puppet {
    SSL *ssl;
    int fd;
    size_t at_once; /* bytes a turn; 0: all */
};

static void hear(struct puppet *p)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(p->fd, bytes, sizeof(bytes))) > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(p->ssl), bytes, (int)n), n);
}

static void say(struct puppet *p, size_t most)
{
    char bytes[4096];
    int n = BIO_read(SSL_get_wbio(p->ssl), bytes, (int)(most && most < sizeof(bytes) ? most : sizeof(bytes)));
    if (n > 0)
        assert_int_equal(write(p->fd, bytes, (size_t)n), n);
}

static struct puppet puppet(SSL_CTX *ctx, int fd)
{
    struct puppet p = { SSL_new(ctx), fd, 0 };
    SSL_set_bio(p.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return p;
}

static void play_handshake(struct puppet *p)
{
    while (SSL_do_handshake(p->ssl) != 1 || BIO_pending(SSL_get_wbio(p->ssl))) {
        say(p, p->at_once);
        run_for(0);
        hear(p);
    }
}

static void free_puppet(struct puppet *p)
{
    SSL_free(p->ssl);
    close(p->fd);
}

static void hello_byte_by_byte_still_finds_its_context(void **state)
{
    (void)state;
    struct end s;
    int fds[2];
    struct tls_config old = server_config();
    old.pairs = &rsa_pair, old.protocols = TLS_1_2;
    sites[0] = front, sites[1] = context(old);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    make_pair(fds);
    serve_on(&s, fds[0], (struct tls_accept){ .context = front, .choose = choose_site });
    struct puppet p = puppet(ctx, fds[1]);
    p.at_once = 1;
    SSL_set_connect_state(p.ssl);
    SSL_set_tlsext_host_name(p.ssl, "old.weir.test");
    play_handshake(&p);
    while (!s.up)
        loop_run(l);
    assert_variable(&s, "SSL_PROTOCOL", "TLSv1.2");
    assert_variable(&s, "SSL_SERVER_A_KEY", "rsaEncryption");
    close_end(&s);
    free_puppet(&p);
    tls_context_drop(sites[1]);
    SSL_CTX_free(ctx);
}

static void half_a_ticket_holds_writing_up_for_a_while(void **state)
{
    (void)state;
    struct end c = { 0 };
    int fds[2];
    char out[16];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_file(ctx, ec_pair.cert, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, ec_pair.key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_max_send_fragment(ctx, 512);
    make_pair(fds);
    struct puppet p = puppet(ctx, fds[1]);
    SSL_set_accept_state(p.ssl);
    connect_on(&c, fds[0], (struct tls_connect){ .context = behind });
    run_for(0);
    hear(&p);
    play_handshake(&p);
    while (!c.up)
        loop_run(l);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(p.ssl), certs_dir, sizeof(certs_dir)); /* any: makes it longer */
    assert_int_equal(SSL_new_session_ticket(p.ssl), 1);
    /* a message in two records, of which one arrives */
    static const unsigned char more[600];
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(p.ssl), more, sizeof(more));
    assert_int_equal(SSL_do_handshake(p.ssl), 1);
    assert_true(BIO_pending(SSL_get_wbio(p.ssl)) > 540);
    c.calls = 0;
    say(&p, 540);
    run_for(2);
    assert_int_equal(c.calls, 0); /* nothing an owner should wake for */
    assert_int_equal(send_text(&c, "now?"), -1);
    assert_int_equal(errno, EAGAIN);
    assert_false(c.s->ready & STREAM_WRITABLE);
    say(&p, 0);
    while (!(c.s->ready & STREAM_WRITABLE))
        loop_run(l);
    assert_int_equal(send_text(&c, "now."), 4);
    hear(&p);
    assert_int_equal(SSL_read(p.ssl, out, sizeof(out)), 4);
    assert_memory_equal(out, "now.", 4);
    close_end(&c);
    free_puppet(&p);
    SSL_CTX_free(ctx);
}

/* ---- files ---- */

struct phrases {
    const char *words[4];
    unsigned asked;
    char fitted[32];
};

static int give_phrase(void *ctx, const struct tls_key_question *q, char *out, int size)
{
    struct phrases *p = ctx;

    assert_non_null(strstr(q->file, "locked.key"));
    assert_int_equal(q->index, 0);
    assert_int_equal(q->attempt, p->asked++);
    return p->words[q->attempt] ? snprintf(out, (size_t)size, "%s", p->words[q->attempt]) : -1;
}

static void note_phrase(void *ctx, const char *phrase, int n)
{
    snprintf(((struct phrases *)ctx)->fitted, 32, "%.*s", n, phrase);
}

static void locked_keys_open_with_the_phrase_that_fits(void **state)
{
    (void)state;
    struct made m = make_cert(&(struct recipe){ .cn = "locked" }, &authority);
    char cert[256], key[256];
    struct phrases right = { { "open barley", "open rye", "open sesame" } }, wrong = { { "open barley" } };
    snprintf(cert, sizeof(cert), "%s", write_pem("locked.pem", &m, WRITE_CERT, NULL));
    snprintf(key, sizeof(key), "%s", write_pem("locked.key", &m, WRITE_KEY, "open sesame"));
    struct tls_pair pair = { cert, key };
    struct tls_config how = server_config();
    how.pairs = &pair;
    assert_refused(how, "locked.key");
    how.passphrase = give_phrase, how.passphrase_fits = note_phrase, how.passphrase_ctx = &right;
    tls_context_drop(context(how));
    assert_int_equal(right.asked, 3); /* once for each answer */
    assert_string_equal(right.fitted, "open sesame");
    how.passphrase_ctx = &wrong;
    assert_refused(how, "AH02564: Failed to configure encrypted (?) private key example.com:443:0, check ");
    assert_int_equal(wrong.asked, 2);
    assert_string_equal(wrong.fitted, "");
    free_made(&m);
}

static void bad_files_are_refused_with_the_reason(void **state)
{
    (void)state;
    struct tls_config how = server_config();
    struct tls_pair pair = { ec_pair.cert, rsa_pair.cert };
    how.pairs = &pair;
    assert_refused(how, "AH02565: Certificate and private key example.com:443:0 from ");
    pair.key = "/nonexistent/key";
    assert_refused(how, "No such file");
    pair.cert = "/nonexistent/cert";
    assert_refused(how, "No such file");
    write_file("empty.pem", "", 0);
    pair.cert = certs_path("empty.pem");
    assert_refused(how, "no start line");
    how = server_config();
    how.ciphers = "NO-SUCH-CIPHER";
    assert_refused(how, "no cipher match");
    how = server_config();
    how.commands = &(struct tls_command){ "NoSuchThing", "x" }, how.n_commands = 1;
    assert_refused(how, "AH02407: \"SSLOpenSSLConfCmd NoSuchThing x\" failed for example.com:443");
    how.commands = &(struct tls_command){ "Curves", "nonsense" };
    assert_refused(how, "Curves");
    how.commands = &(struct tls_command){ "Curves", "P-256" };
    tls_context_drop(context(how));
    how = server_config();
    how.ca_file = "/nonexistent/ca";
    assert_refused(how, "/nonexistent/ca");
}

/* ---- stapling ---- */

static void staple_is_sent_and_can_be_changed(void **state)
{
    (void)state;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
    struct tls_context *server = context(server_config());
    const char *const texts[] = { NULL, "an OCSP answer", "a newer one", NULL };
    for (unsigned i = 0; i < COUNT_OF(texts); i++) {
        struct end s;
        const unsigned char *got;
        tls_context_staple(server, 0, texts[i] ? span_of(texts[i]) : (struct span){ 0 });
        SSL *ssl = foreign_client(&s, server, ctx);
        long n = SSL_get_tlsext_status_ocsp_resp(ssl, &got);
        assert_int_equal(n, texts[i] ? (long)strlen(texts[i]) : -1);
        if (texts[i])
            assert_memory_equal(got, texts[i], (size_t)n);
        close_end(&s);
        end_foreign(ssl);
    }
    tls_context_drop(server);
    SSL_CTX_free(ctx);
}

static int make_all(void **state)
{
    (void)state;
    make_certs();
    front = context(server_config());
    behind = context(client_config());
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    tls_context_drop(front);
    tls_context_drop(behind);
    remove_certs();
    return 0;
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, start, finish)

int main(void)
{
    const struct CMUnitTest stories[] = {
        STORY(text_goes_both_ways),
        STORY(pieces_are_joined_and_empty_ones_skipped),
        STORY(small_message_costs_one_recv_and_one_send),
        STORY(short_room_keeps_readable_until_all_is_read),
        STORY(big_transfers_survive_back_pressure_both_ways),
        STORY(what_was_written_arrives_though_the_owner_closed),
        STORY(records_begin_small_and_grow),
        STORY(name_chooses_the_context_in_everything),
        STORY(unknown_name_gets_the_alert),
        STORY(protocol_names_are_chosen_in_the_servers_order),
        STORY(two_kinds_of_key_stand_side_by_side),
        STORY(certificates_of_clients_are_judged),
        STORY(depth_bounds_the_chain),
        STORY(backends_must_be_who_they_say),
        STORY(wildcards_stand_for_one_label),
        STORY(ticket_leaves_with_the_first_bytes_or_the_end),
        STORY(tickets_outlive_a_reload_and_one_rotation),
        STORY(older_protocol_resumes_too),
        STORY(key_files_share_tickets_between_machines),
        STORY(session_of_an_unverified_client_is_none_elsewhere),
        STORY(plain_http_is_told_and_the_connection_goes_on_plain),
        STORY(garbage_is_told_from_tls_and_answered_by_nothing),
        STORY(half_a_handshake_ends_quietly),
        STORY(silence_ends_by_time),
        STORY(missing_close_notify_is_a_fault_behind),
        STORY(hello_byte_by_byte_still_finds_its_context),
        STORY(half_a_ticket_holds_writing_up_for_a_while),
        STORY(locked_keys_open_with_the_phrase_that_fits),
        STORY(bad_files_are_refused_with_the_reason),
        STORY(staple_is_sent_and_can_be_changed),
    };
    return cmocka_run_group_tests(stories, make_all, remove_all);
}

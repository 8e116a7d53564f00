/* What a context brings into a handshake: names, protocols, certificates of both sides, files, staples. */
#include "net_tls_ends.h"

/* ---- names, protocols, contexts ---- */

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

int main(void)
{
    const struct CMUnitTest stories[] = {
        STORY(name_chooses_the_context_in_everything),
        STORY(unknown_name_gets_the_alert),
        STORY(protocol_names_are_chosen_in_the_servers_order),
        STORY(two_kinds_of_key_stand_side_by_side),
        STORY(certificates_of_clients_are_judged),
        STORY(depth_bounds_the_chain),
        STORY(backends_must_be_who_they_say),
        STORY(wildcards_stand_for_one_label),
        STORY(locked_keys_open_with_the_phrase_that_fits),
        STORY(bad_files_are_refused_with_the_reason),
        STORY(staple_is_sent_and_can_be_changed),
    };
    return cmocka_run_group_tests(stories, make_all, remove_all);
}

/* Digest authentication: the parts of the field, nonces and their uses, challenges and proofs, as httpd 2.4.71 has
 * them. */
#include "auth_digest.h"
#include "digest.h"
#include "mods_proxy.h"

#define NONCE "AAAAAAAAAAA=0123456789abcdef0123456789abcdef01234567"
#define WHOLE                                                                                                          \
    "username=\"dora\", realm=\"r\", nonce=\"" NONCE "\", uri=\"/a\", response=\"0123456789abcdef0123456789abcdef\""

static bool parse(const char *field, struct digest_answer *d)
{
    *d = (struct digest_answer){ 0 };
    return digest_parse(bench_arena, span_of(field), d);
}

/* ---- the field ---- */

static void every_part_is_found(void **state)
{
    struct digest_answer d;

    (void)state;
    assert_true(parse(WHOLE ", qop=auth, nc=00000001, cnonce=\"a b\", opaque=\"1f\", algorithm=MD5, extra=1", &d));
    assert_string_equal(d.username, "dora");
    assert_string_equal(d.nonce, NONCE);
    assert_string_equal(d.uri, "/a");
    assert_string_equal(d.qop, "auth");
    assert_string_equal(d.nc, "00000001");
    assert_string_equal(d.cnonce, "a b");
    assert_string_equal(d.opaque, "1f");
    assert_string_equal(d.algorithm, "MD5");
}

static void blanks_quotes_and_case_are_free(void **state)
{
    struct digest_answer d;

    (void)state;
    assert_true(parse("USERNAME = \"do\\\"ra\" ,\trealm=r,,nonce=" NONCE
                      " junk, uri = /a ,response=0123456789abcdef0123456789abcdef",
                      &d));
    assert_string_equal(d.username, "do\"ra");
    assert_string_equal(d.realm, "r");
    assert_string_equal(d.uri, "/a");
}

static void an_incomplete_field_is_none(void **state)
{
    static const char *const faults[] = {
        "",
        "username",
        "username=\"dora",
        ",,,",
        "=",
        WHOLE ", qop=auth",
        WHOLE ", qop=auth, nc=1",
        "username=d, realm=r, nonce=short, uri=/a, response=0123456789abcdef0123456789abcdef",
        "username=d, realm=r, nonce=" NONCE ", uri=/a, response=0",
        "username=d, realm=r, nonce=" NONCE ", response=0123456789abcdef0123456789abcdef",
    };
    struct digest_answer d;

    (void)state;
    assert_true(parse(WHOLE, &d));
    for (unsigned i = 0; i < COUNT_OF(faults); i++)
        assert_false(parse(faults[i], &d));
}

/* ---- nonces ---- */

static void a_nonce_is_good_for_its_realm_and_client_only(void **state)
{
    char nonce[DIGEST_NONCE + 1], other[DIGEST_NONCE + 1], expected[DIGEST_NONCE + 1];
    uint64_t time = 0;

    (void)state;
    digest_make_nonce(1234567890123456u, "r", "1f", nonce);
    assert_int_equal(strlen(nonce), DIGEST_NONCE);
    assert_true(digest_check_nonce(nonce, "r", "1f", &time, expected));
    assert_int_equal(time, 1234567890123456u);
    assert_false(digest_check_nonce(nonce, "R", "1f", &time, expected));
    assert_false(digest_check_nonce(nonce, "r", "1e", &time, expected));
    assert_false(digest_check_nonce(nonce, "r", NULL, &time, expected));
    assert_false(digest_check_nonce(nonce, "fr", "1", &time, expected)); /* the parts do not run together */
    memcpy(other, nonce, sizeof(other));
    other[3] ^= 1;
    assert_false(digest_check_nonce(other, "r", "1f", &time, expected));
    memcpy(other, nonce, sizeof(other));
    other[DIGEST_NONCE - 1] = other[DIGEST_NONCE - 1] == '0' ? '1' : '0';
    assert_false(digest_check_nonce(other, "r", "1f", &time, expected));
}

static void uses_are_counted_upwards(void **state)
{
    unsigned id = digest_new_client();
    uint64_t last = 0;

    (void)state;
    assert_int_equal(digest_use_nonce(id, 100, false, 1, &last), DIGEST_FRESH);
    assert_int_equal(digest_use_nonce(id, 100, false, 1, &last), DIGEST_USED);
    assert_int_equal(last, 1);
    assert_int_equal(digest_use_nonce(id, 100, false, 5, &last), DIGEST_FRESH);
    assert_int_equal(digest_use_nonce(id, 100, false, 4, &last), DIGEST_USED);
    assert_int_equal(digest_use_nonce(id, 200, false, 1, &last), DIGEST_FRESH);
    assert_int_equal(digest_use_nonce(id, 100, false, 6, &last), DIGEST_USED); /* older than the one in use */
    assert_int_equal(digest_use_nonce(id, 300, true, 0, &last), DIGEST_FRESH);
    assert_int_equal(digest_use_nonce(id, 300, true, 9, &last), DIGEST_USED);
}

static void a_client_long_gone_is_a_stranger(void **state)
{
    unsigned id = digest_new_client();
    uint64_t last = 0;

    (void)state;
    assert_true(digest_knows_client(id));
    assert_false(digest_knows_client(0));
    assert_false(digest_knows_client(id + 1));
    for (unsigned i = 0; i < 4096; i++)
        digest_new_client();
    assert_false(digest_knows_client(id));
    assert_int_equal(digest_use_nonce(id, 1, false, 1, &last), DIGEST_STRANGER);
}

/* ---- a request ---- */

static char users[] = "/tmp/weir-digest-XXXXXX";

static struct request *request_to(const char *lines, const char *field)
{
    struct snapshot *s = bench_must_load(arena_printf(
        bench_arena, "<Location />\nAuthType Digest\nAuthName r\nAuthUserFile %s\nRequire valid-user\n%s</Location>",
        users, lines));
    struct request *r =
        bench_request(s, arena_concat(bench_arena, "GET /a HTTP/1.1\nHost: main.example",
                                      field ? "\nAuthorization: Digest " : "", field ? field : "", NULL));

    r->begun_us = 1000000000;
    return r;
}

static const char *challenge_of(const struct request *r)
{
    return arena_span(bench_arena, http_fields_get(&r->err_out, "WWW-Authenticate"));
}

/* What dora's browser says to this nonce. */
static const char *proof(const char *nonce, const char *opaque)
{
    char secret[33], what[33], all[33];

    digest_md5(SPAN("dora:r:pass"), secret);
    digest_md5(SPAN("GET:/a"), what);
    digest_md5(span_of(arena_printf(bench_arena, "%s:%s:1:x:auth:%s", secret, nonce, what)), all);
    return arena_printf(bench_arena,
                        "username=dora, realm=r, nonce=\"%s\", uri=\"/a\", response=%s, qop=auth, nc=1, "
                        "cnonce=x%s%s",
                        nonce, all, opaque ? ", opaque=" : "", opaque ? opaque : "");
}

static void who_has_not_said_is_challenged(void **state)
{
    struct request *r = request_to("", NULL);

    (void)state;
    assert_int_equal(authz_check(r), 401);
    assert_memory_equal(challenge_of(r), "Digest realm=\"r\", nonce=\"", 25);
    assert_non_null(strstr(challenge_of(r), "\", algorithm=MD5, qop=\"auth\""));
    assert_null(r->user);
}

static void domains_and_clients_are_told(void **state)
{
    struct request *r = request_to("AuthDigestDomain /a /b\nAuthDigestNcCheck On\n", NULL);

    (void)state;
    assert_int_equal(authz_check(r), 401);
    assert_non_null(strstr(challenge_of(r), "algorithm=MD5, opaque=\""));
    assert_non_null(strstr(challenge_of(r), "\", domain=\"/a /b\", qop=\"auth\""));
}

static void a_proof_is_taken_and_answered(void **state)
{
    char nonce[DIGEST_NONCE + 1];
    struct request *r;
    const char *info;

    (void)state;
    digest_make_nonce(1000000000, "r", NULL, nonce);
    r = request_to("", proof(nonce, NULL));
    assert_int_equal(authz_check(r), 0);
    assert_string_equal(r->user, "dora");
    assert_string_equal(r->auth_type, "Digest");
    assert_int_equal(auth_fixup(r), 0);
    info = arena_span(bench_arena, http_fields_get(&r->out, "Authentication-Info"));
    assert_memory_equal(info, "rspauth=\"", 9);
    assert_string_equal(info + 9 + 32, "\", cnonce=\"x\", nc=1, qop=auth");
}

static void a_nonce_near_its_end_has_a_successor(void **state)
{
    char nonce[DIGEST_NONCE + 1];
    struct request *r;

    (void)state;
    digest_make_nonce(1000000000, "r", NULL, nonce);
    r = request_to("AuthDigestNonceLifetime 20\n", proof(nonce, NULL));
    assert_int_equal(authz_check(r), 0);
    assert_int_equal(auth_fixup(r), 0);
    assert_non_null(strstr(http_fields_get(&r->out, "Authentication-Info").p, "\", nextnonce=\""));
}

static void an_old_nonce_is_stale_and_a_wrong_password_is_not(void **state)
{
    char nonce[DIGEST_NONCE + 1];
    struct request *r;

    (void)state;
    digest_make_nonce(1000000000 - 301000000, "r", NULL, nonce);
    r = request_to("", proof(nonce, NULL));
    assert_int_equal(authz_check(r), 401);
    assert_non_null(strstr(challenge_of(r), ", stale=true"));
    r = request_to("AuthDigestNonceLifetime -1\n", proof(nonce, NULL));
    assert_int_equal(authz_check(r), 0);
    r = request_to("", WHOLE ", qop=auth, nc=1, cnonce=x");
    assert_int_equal(authz_check(r), 401);
    assert_null(strstr(challenge_of(r), "stale"));
}

static void a_proof_counts_once_in_one_request(void **state)
{
    unsigned id = digest_new_client();
    const char *opaque = arena_printf(bench_arena, "%x", id);
    char nonce[DIGEST_NONCE + 1];
    struct request *r, before;

    (void)state;
    digest_make_nonce(1000000000, "r", opaque, nonce);
    r = request_to("AuthDigestNcCheck On\n", proof(nonce, opaque));
    assert_int_equal(authz_check(r), 0);
    before = *r; /* an internal redirect to a place with other settings */
    before.place = NULL;
    r->previous = &before;
    assert_int_equal(authz_check(r), 0);
    r = request_to("AuthDigestNcCheck On\n", proof(nonce, opaque));
    assert_int_equal(authz_check(r), 401); /* another request: a replay */
}

static int begin(void **state)
{
    strcpy(users, "/tmp/weir-digest-XXXXXX");
    int fd = mkstemp(users);
    char secret[33];
    FILE *f = fdopen(fd, "w");

    digest_md5(SPAN("dora:r:pass"), secret);
    fprintf(f, "dora:r:%s\n", secret);
    fclose(f);
    return bench_begin(state);
}

static int end(void **state)
{
    unlink(users);
    return bench_end(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_part_is_found),
        TEST(blanks_quotes_and_case_are_free),
        TEST(an_incomplete_field_is_none),
        TEST(a_nonce_is_good_for_its_realm_and_client_only),
        TEST(uses_are_counted_upwards),
        TEST(a_client_long_gone_is_a_stranger),
        TEST(who_has_not_said_is_challenged),
        TEST(domains_and_clients_are_told),
        TEST(a_proof_is_taken_and_answered),
        TEST(a_nonce_near_its_end_has_a_successor),
        TEST(an_old_nonce_is_stale_and_a_wrong_password_is_not),
        TEST(a_proof_counts_once_in_one_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

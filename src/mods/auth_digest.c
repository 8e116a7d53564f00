/* Digest authentication (RFC 7616 with MD5, as browsers and htdigest have it): mod_auth_digest.c of httpd 2.4.71. A
 * section that has any of these lines says all: nothing is merged. */
#include "auth_digest.h"
#include "digest.h"
#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define SECOND_US  1000000
#define RENEWAL_US (30 * SECOND_US) /* so long before its end a nonce's successor is offered */

struct digest_place {
    int configured;
    int counts;          /* AuthDigestNcCheck */
    int64_t lifetime_s;  /* 0: a nonce has one use; below: no end */
    const char *domains; /* as in the challenge: "/a /b" */
};

static const struct digest_place *part_of_place(const struct request *r)
{
    return place_part(r->place, &auth_digest_module);
}

/* ---- rows ---- */

static void configure(struct conf_cmd *cmd, struct digest_place *place)
{
    place->configured = 1;
    conf_touch(cmd, place, &place->configured);
}

static const char *set_provider(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    configure(cmd, settings);
    return authn_check_provider(cmd, argv[0]);
}

static const char *set_qop(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    configure(cmd, settings);
    return strcasecmp(argv[0], "auth") == 0 ? NULL : "AuthDigestQop is deprecated: only 'auth' is supported";
}

static const char *set_algorithm(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    configure(cmd, settings);
    return strcasecmp(argv[0], "MD5") == 0
               ? NULL
               : conf_fault(cmd, "Unsupported algorithm in AuthDigestAlgorithm: %s", argv[0]);
}

static const char *set_lifetime(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct digest_place *place = settings;
    char *end;
    long long seconds = strtoll(argv[0], &end, 10);

    (void)argc;
    configure(cmd, place);
    if (*end && !isspace((unsigned char)*end))
        return conf_fault(cmd, "Invalid time in AuthDigestNonceLifetime: %s", argv[0]);
    place->lifetime_s = seconds > INT32_MAX ? INT32_MAX : seconds < -1 ? -1 : seconds;
    return NULL;
}

static const char *set_count(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct digest_place *place = settings;

    (void)argc;
    configure(cmd, place);
    place->counts = strcmp(argv[0], "on") == 0;
    return NULL;
}

static const char *set_domain(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct digest_place *place = settings;

    (void)argc;
    configure(cmd, place);
    place->domains = place->domains ? arena_concat(cmd->arena, place->domains, " ", argv[0], NULL) : argv[0];
    return NULL;
}

static const char *check_size(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    char *end;

    (void)settings, (void)argc;
    strtol(argv[0], &end, 10);
    end += strspn(end, " \t");
    return *end == '\0' || strchr("bBkKmM", *end) ? NULL
                                                  : conf_fault(cmd, "Invalid size in AuthDigestShmemSize: %s", argv[0]);
}

static void defaults(void *p)
{
    ((struct digest_place *)p)->lifetime_s = 300;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct digest_place *o = over;

    (void)a;
    memcpy(merged, o->configured ? over : base, sizeof(*o));
}

/* ---- challenges ---- */

static unsigned client_of(const struct digest_answer *d)
{
    return d && d->valid && d->opaque ? (unsigned)strtoul(d->opaque, NULL, 16) : 0;
}

static bool knows_client(struct request *r, unsigned id)
{
    bool found = digest_knows_client(id);

    REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_DEBUG, found ? 1764 : 1765, "client %u %s", id,
                found ? "found" : "not found");
    return found;
}

static const char *new_opaque(struct request *r)
{
    unsigned id = digest_new_client();

    REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_DEBUG, 1768, "allocated new client %u", id);
    return arena_printf(r->arena, "%x", id);
}

/* The client's own as long as it is known; "" where clients are not counted. */
static const char *choose_opaque(struct request *r, bool *stale)
{
    const struct digest_place *place = part_of_place(r);
    const struct digest_answer *d = r->digest;

    if (d && d->opaque && knows_client(r, client_of(d)))
        return d->opaque;
    if (d && d->opaque)
        *stale = true;
    else if (!place->counts && place->lifetime_s != 0)
        return "";
    return new_opaque(r);
}

static uint64_t nonce_time(const struct request *r)
{
    return part_of_place(r)->lifetime_s == 0 ? digest_next_number() : (uint64_t)r->begun_us;
}

static int challenge(struct request *r, const char *realm, bool stale)
{
    const char *opaque = choose_opaque(r, &stale), *domains = r->proxy ? NULL : part_of_place(r)->domains;
    char nonce[DIGEST_NONCE + 1];

    digest_make_nonce(nonce_time(r), realm, opaque, nonce);
    http_fields_merge(r->arena, &r->err_out, "WWW-Authenticate",
                      span_of(arena_concat(r->arena, "Digest realm=\"", realm, "\", nonce=\"", nonce,
                                           "\", algorithm=MD5", *opaque ? ", opaque=\"" : "", opaque,
                                           *opaque ? "\"" : "", domains ? ", domain=\"" : "", domains ? domains : "",
                                           domains ? "\"" : "", stale ? ", stale=true" : "", ", qop=\"auth\"", NULL)));
    return 401;
}

void digest_note_failure(struct request *r, const char *realm)
{
    challenge(r, realm, false);
}

/* ---- answers ---- */

static const char *md5_of(struct arena *a, const char *text)
{
    char *hex = arena_alloc(a, 33);

    digest_md5(span_of(text), hex);
    return hex;
}

/* What the client should have computed; method "" for what it may expect of us (rspauth). */
static const char *response(struct request *r, const struct digest_answer *d, const char *method)
{
    const char *what = md5_of(r->arena, arena_concat(r->arena, method, ":", d->uri, NULL));

    return md5_of(r->arena, arena_concat(r->arena, d->secret, ":", d->nonce, ":", d->nc, ":", d->cnonce, ":", d->qop,
                                         ":", what, NULL));
}

/* What is wrong with it as it stands, before its password is looked at; 0 when nothing is. */
static int check_parts(struct request *r, const struct digest_answer *d, const char *realm)
{
    int same = digest_same_uri(r->arena, r, d->uri);

    if (same < 0)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1783, "invalid uri <%s> in Authorization header", d->uri);
    else if (!same)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1786, "uri mismatch - <%s> does not match request-uri <%s>",
                    d->uri, arena_span(r->arena, r->head.target));
    if (same <= 0)
        return 400;
    if (d->opaque && client_of(d) == 0)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1787, "received invalid opaque - got `%s'", d->opaque);
    else if (strcmp(d->realm, realm) != 0)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1788, "realm mismatch - got `%s' but expected `%s'", d->realm,
                    realm);
    else if (d->algorithm && strcasecmp(d->algorithm, "MD5") != 0)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1789, "unknown algorithm `%s' received: %s", d->algorithm, r->uri);
    else
        return 0;
    return 401;
}

static int check_password(struct request *r, struct digest_answer *d, const char *realm)
{
    switch (authn_file_digest(r, d->username, realm, &d->secret)) {
    case AUTHN_GRANTED: break;
    case AUTHN_UNKNOWN:
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1790, "user `%s' in realm `%s' not found: %s", d->username, realm,
                    r->uri);
        return 401;
    default: return 500;
    }
    if (!d->qop || strcasecmp(d->qop, "auth") != 0) {
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 10560,
                    "invalid or missing qop value '%s', RFC 2069 is no longer supported: %s",
                    d->qop ? d->qop : "(null)", r->uri);
        return 401;
    }
    if (secret_equal(d->response, response(r, d, arena_span(r->arena, r->head.method))))
        return 0;
    REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1794, "user %s: password mismatch: %s", d->username, r->uri);
    return 401;
}

/* Last, so that a client whose nonce is merely old learns by stale=true that its password was right. */
static bool nonce_is_good(struct request *r, struct digest_answer *d, const char *realm)
{
    int64_t lifetime = part_of_place(r)->lifetime_s;
    char expected[DIGEST_NONCE + 1];
    int64_t age;

    if (!digest_check_nonce(d->nonce, realm, d->opaque, &d->nonce_time, expected)) {
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1776, "invalid nonce %s received - hash is not %s", d->nonce,
                    expected + DIGEST_NONCE_TIME);
        return false;
    }
    if (lifetime <= 0)
        return true;
    age = r->begun_us - (int64_t)d->nonce_time;
    if (age < 0) {
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1777, "invalid nonce %s received - user attempted time travel",
                    d->nonce);
        return false;
    }
    if (age <= lifetime * SECOND_US)
        return true;
    REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_INFO, 1778,
                "user %s: nonce expired (%.2f seconds old - max lifetime %.2f) - sending new nonce", d->username,
                (double)(age / SECOND_US), (double)lifetime);
    return false;
}

/* 0; 1: it was used before and may be a replay; 2: a new nonce will do. */
static int check_use(struct request *r, const struct digest_answer *d)
{
    const struct digest_place *place = part_of_place(r);
    bool once = place->lifetime_s == 0;
    uint64_t last = 0, n;
    char *end;

    if (!once && !place->counts)
        return 0;
    n = strtoull(d->nc, &end, 16);
    if (place->counts && *end && !isspace((unsigned char)*end)) {
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1773, "invalid nc %s received - not a number", d->nc);
        return 1;
    }
    switch (digest_use_nonce(client_of(d), d->nonce_time, once, n, &last)) {
    case DIGEST_FRESH: return 0;
    case DIGEST_STRANGER:
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_INFO, 10618, "client %u is no longer known - sending new nonce",
                    client_of(d));
        return 2;
    default: break;
    }
    if (once)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_INFO, 1779, "user %s: one-time-nonce %s already used - sending new nonce",
                    d->username, d->nonce);
    else
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1774,
                    "Warning, possible replay attack: nonce-count check failed: %llu is not above %llu for nonce %s",
                    (unsigned long long)n, (unsigned long long)last, d->nonce);
    return once ? 2 : 1;
}

/* ---- a request ---- */

static int without_answer(struct request *r, const char *realm)
{
    struct span sent = http_fields_get(&r->head.fields, "Authorization");
    size_t n = 0;

    while (n < sent.n && sent.p[n] != ' ')
        n++;
    if (sent.p)
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1781, "client used wrong authentication scheme `%.*s': %s", (int)n,
                    sent.p, r->uri);
    return challenge(r, realm, false);
}

static int check_answer(struct request *r, struct digest_answer *d, const char *realm)
{
    int status = check_parts(r, d, realm), use;

    status = status ? status : check_password(r, d, realm);
    if (status)
        return status == 401 ? challenge(r, realm, false) : status;
    if (d->proved) /* before an internal redirect: its nonce is not used once more */
        return 0;
    if (!nonce_is_good(r, d, realm))
        return challenge(r, realm, true);
    if (r->main) /* a look ahead: the request itself will use it */
        return 0;
    use = check_use(r, d);
    if (use)
        return challenge(r, realm, use == 2);
    d->proved = true;
    return 0;
}

int digest_check(struct request *r, const char *realm)
{
    struct span field = authn_field(r, "Digest");

    if (!field.p)
        return without_answer(r, realm);
    if (!r->digest) {
        r->digest = arena_alloc(r->arena, sizeof(*r->digest));
        r->digest->valid = digest_parse(r->arena, field, r->digest);
    }
    if (!r->digest->valid) {
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1782,
                    "missing user, realm, nonce, uri, digest, cnonce, or nonce_count in authorization header: %s",
                    r->uri);
        return challenge(r, realm, false);
    }
    r->user = r->digest->username;
    r->auth_type = "Digest";
    return check_answer(r, r->digest, realm);
}

/* Authentication-Info (RFC 7616 3.5): a backend's answer takes its place, as in httpd. */
void digest_fixup(struct request *r)
{
    const struct digest_answer *d = r->digest;
    int64_t lifetime = part_of_place(r)->lifetime_s;
    char nonce[DIGEST_NONCE + 1] = "";

    if (!d || !d->proved || r->previous)
        return;
    if (lifetime == 0 || (lifetime > 0 && r->begun_us - (int64_t)d->nonce_time > lifetime * SECOND_US - RENEWAL_US))
        digest_make_nonce(nonce_time(r), d->realm, d->opaque, nonce);
    http_fields_merge(
        r->arena, &r->out, "Authentication-Info",
        span_of(arena_concat(r->arena, "rspauth=\"", response(r, d, ""), "\"", *nonce ? ", nextnonce=\"" : "", nonce,
                             *nonce ? "\"" : "", ", cnonce=\"", authn_escape_quotes(r->arena, d->cnonce),
                             "\", nc=", d->nc, ", qop=", d->qop, NULL)));
}

#define PART                                                                                                           \
    {                                                                                                                  \
        SLOT_NONE, PART_PLACE, 0, 0                                                                                    \
    }

static const struct directive rows[] = {
    { "AuthDigestProvider", OR_AUTHCFG, ARGS_ITERATE, set_provider, PART,
      "specify the auth providers for a directory or location", CONF_WORKS, WHY_GUARDS },
    { "AuthDigestQop", OR_AUTHCFG, ARGS_ITERATE, set_qop, PART, "A list of quality-of-protection options" },
    { "AuthDigestNonceLifetime", OR_AUTHCFG, ARGS_1, set_lifetime, PART,
      "Maximum lifetime of the server nonce (seconds)" },
    { "AuthDigestNcCheck", OR_AUTHCFG, ARGS_FLAG, set_count, PART,
      "Whether or not to check the nonce-count sent by the client" },
    { "AuthDigestAlgorithm", OR_AUTHCFG, ARGS_1, set_algorithm, PART, "The algorithm used for the hash calculation" },
    { "AuthDigestDomain", OR_AUTHCFG, ARGS_ITERATE, set_domain, PART,
      "A list of URI's which belong to the same protection space as the current URI" },
    { "AuthDigestShmemSize",
      IN_SITES,
      ARGS_1,
      check_size,
      { SLOT_NONE, PART_NONE, 0, 0 },
      "The amount of shared memory to allocate for keeping track of clients",
      CONF_NO_EFFECT,
      "there is room for 4096 clients / 4096 クライアント分の領域があります" },
    { 0 },
};

struct module auth_digest_module = {
    .name = "auth_digest_module",
    .source = "mod_auth_digest.c",
    .directives = rows,
    .place_size = sizeof(struct digest_place),
    .place_defaults = defaults,
    .merge_place = merge_place,
};

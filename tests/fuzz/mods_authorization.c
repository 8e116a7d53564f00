/* The Authorization field, Basic and Digest: any bytes give parts that are whole, or none. */
#include "auth_digest.h"
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_basic(struct arena *a, struct span field)
{
    const char *user, *password, *again_user, *again_password;
    struct span made;

    basic_credentials(a, field, &user, &password);
    ASSERT(!strchr(user, ':') && strlen(user) + strlen(password) <= field.n);
    made = basic_field(a, user, password);
    basic_credentials(a, (struct span){ made.p + 6, made.n - 6 }, &again_user, &again_password);
    ASSERT(strcmp(user, again_user) == 0 && strcmp(password, again_password) == 0);
}

static void try_digest(struct arena *a, struct span field)
{
    struct digest_answer d = { 0 };
    char expected[DIGEST_NONCE + 1];
    uint64_t time;

    if (!digest_parse(a, field, &d))
        return;
    ASSERT(d.username && d.realm && d.uri && strlen(d.nonce) == DIGEST_NONCE && strlen(d.response) == 32);
    ASSERT(!d.qop || (d.cnonce && d.nc));
    ASSERT(!digest_check_nonce(d.nonce, d.realm, d.opaque, &time, expected));
}

/* One for all inputs: nothing changes it. */
static const struct snapshot *snapshot(void)
{
    static struct snapshot *s;

    s = s ? s : load_text("ServerName fuzz.test");
    ASSERT(s);
    return s;
}

static void try_uri(struct arena *a, const char *uri)
{
    static const struct peer_info peer = { .ip = "192.0.2.1" };
    const struct site *site = snapshot()->main;
    struct request r = {
        .magic = REQUEST_MAGIC, .arena = a, .peer = &peer, .snapshot = snapshot(), .site = site, .place = &site->place
    };
    int same;

    r.head.method = SPAN("GET");
    r.head.target = SPAN("/path/x?query=%31");
    ASSERT(http_parse_target(r.head.method, r.head.target, &r.head.parts));
    same = digest_same_uri(a, &r, uri);
    ASSERT(same >= -1 && same <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct span field = { (const char *)data, size };

    try_basic(a, field);
    try_digest(a, field);
    try_uri(a, arena_span(a, field));
    arena_free(a);
    return 0;
}

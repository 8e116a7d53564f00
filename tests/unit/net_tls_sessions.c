/* Sessions used again: tickets, their keys, and whose session it may be. */
#include "net_tls_ends.h"

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

int main(void)
{
    const struct CMUnitTest stories[] = {
        STORY(tickets_outlive_a_reload_and_one_rotation),
        STORY(older_protocol_resumes_too),
        STORY(key_files_share_tickets_between_machines),
        STORY(session_of_an_unverified_client_is_none_elsewhere),
    };
    return cmocka_run_group_tests(stories, make_all, remove_all);
}

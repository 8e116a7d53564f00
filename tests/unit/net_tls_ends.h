/* Contexts for a server in front and towards a backend behind, made once for all stories, and what these ask of two
 * ends. */
#ifndef NET_TLS_ENDS_H
#define NET_TLS_ENDS_H

#include "net_tls.h"

static struct tls_context *front, *behind;

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

static void close_both(struct end *a, struct end *b)
{
    close_end(a);
    close_end(b);
}

static inline void assert_fault(const struct end *e, enum tls_fault fault, const char *words)
{
    char text[256];
    assert_true(e->failed);
    if (tls_fault(e->s) != fault || !strstr(tls_error(e->s, text, sizeof(text)), words))
        fail_msg("fault %d \"%s\", not %d \"%s\"", (int)tls_fault(e->s), tls_error(e->s, text, sizeof(text)),
                 (int)fault, words);
}

/* The second of `sites` is old.weir.test's, the first everybody else's. */
static struct tls_context *sites[2];
static const char *asked;

static inline struct tls_context *choose_site(void *ctx, const char *sni)
{
    static char name[256];
    (void)ctx;
    snprintf(name, sizeof(name), "%s", sni ? sni : "(none)");
    asked = name;
    if (sni && strcmp(sni, "nobody.weir.test") == 0)
        return NULL;
    return sites[sni && strcmp(sni, "old.weir.test") == 0];
}

#endif

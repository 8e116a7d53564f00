/* mod_proxy_balancer and its methods: what <Proxy balancer://…> and BalancerMember say (mod_proxy.c, add_member,
 * merge_balancers; proxy_util.c, ap_proxy_define_balancer). Who is chosen is serve/balance.c's. */
#include "proxy.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { UNSAID = -1 };

static const char *const methods[] = {
    [BALANCE_BY_REQUESTS] = "byrequests", [BALANCE_BY_TRAFFIC] = "bytraffic", [BALANCE_BY_BUSYNESS] = "bybusyness"
};

const char *proxy_balancer_method(const struct proxy_balancer *b)
{
    return methods[b->method];
}

/* ---- balancers of a site ------------------------------------------------------------------------ */

bool proxy_is_balancer(const char *url)
{
    return strncasecmp(url, "balancer:", 9) == 0;
}

/* "balancer://name" of a URL, in lower case; NULL: not of that form. */
static char *name_of(struct arena *a, const char *url)
{
    const char *colon = strchr(url, ':');
    if (!colon || strncmp(colon, "://", 3) != 0 || !colon[3])
        return NULL;
    char *name = arena_strndup(a, url, (size_t)(colon + 3 - url) + strcspn(colon + 3, "/"));
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return name;
}

struct proxy_balancer *proxy_balancer_find(const struct vec *balancers, const char *url)
{
    for (unsigned i = 0; i < balancers->n; i++) {
        struct proxy_balancer *b = balancers->items[i];
        size_t n = strlen(b->name);
        if (strncasecmp(b->name, url, n) == 0 && (url[n] == '\0' || url[n] == '/'))
            return b;
    }
    return NULL;
}

static const char *define(struct conf_cmd *cmd, const char *url, const char *path, struct proxy_balancer **b)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);
    const char *name = name_of(cmd->arena, url);

    if (!name)
        return conf_fault(cmd, "Bad syntax for a balancer name (%s)", url);
    if (strlen(name) >= 96)
        return conf_fault(cmd, "balancer name (%s) too long", name);
    if (path && strlen(path) >= 64)
        return conf_fault(cmd, "balancer %s front-end virtual-path (%s) too long", name, path);
    *b = arena_alloc(cmd->arena, sizeof(**b));
    **b = (struct proxy_balancer){ .name = name,
                                   .line = cmd->node,
                                   .path = path ? path : "",
                                   .separator = UNSAID,
                                   .no_failover = UNSAID,
                                   .semicolon = UNSAID,
                                   .force_recovery = UNSAID,
                                   .fail_on_timeout = UNSAID,
                                   .max_attempts = UNSAID };
    vec_add(cmd->arena, &site->balancers, *b);
    conf_touch(cmd, site, &site->balancers);
    return NULL;
}

const char *proxy_balancer_need(struct conf_cmd *cmd, const char *url, const char *path, struct proxy_balancer **b)
{
    const struct proxy_site *site = site_part(cmd->site, &proxy_module);
    *b = proxy_balancer_find(&site->balancers, url);
    return *b ? NULL : define(cmd, url, path, b);
}

/* ---- BalancerMember ----------------------------------------------------------------------------- */

struct member_line {
    const char *balancer, *url;
    struct vec params; /* struct proxy_param * */
};

static const char *split_member(struct conf_cmd *cmd, const char *rest, struct member_line *line)
{
    bool in_section = cmd->section != NULL;
    char *word;

    line->balancer = in_section ? cmd->section->pattern : NULL;
    while ((word = conf_word(cmd->arena, &rest))) {
        char *value = strchr(word, '=');
        if (value) {
            *value++ = '\0';
            proxy_keep_param(cmd, &line->params, word, value);
        } else if (!line->balancer) {
            line->balancer = word;
        } else if (!line->url) {
            line->url = word;
        } else {
            return in_section ? "BalancerMember can not have a balancer name when defined in a location"
                              : "Invalid BalancerMember parameter. Parameter must be in the form 'key=value'";
        }
    }
    if (!line->balancer)
        return "BalancerMember must define balancer name when outside <Proxy > section";
    return line->url ? NULL : "BalancerMember must define remote proxy server";
}

static void note_sharing(struct conf_cmd *cmd, const struct proxy_worker *w, const struct member_line *line)
{
    const char *name = proxy_worker_label(cmd->arena, w);
    conf_note(cmd, LEVEL_INFO, LOG_PROXY, 1149, "Sharing worker '%s' instead of creating new worker '%s'", name,
              line->url);
    for (unsigned i = 0; i < line->params.n; i++) {
        const struct proxy_param *p = line->params.items[i];
        conf_note(cmd, LEVEL_WARN, LOG_PROXY, 1150,
                  "Ignoring parameter '%s=%s' for worker '%s' because of worker sharing", p->key, p->value, name);
    }
}

static const char *new_member(struct conf_cmd *cmd, struct proxy_balancer *b, const struct member_line *line)
{
    struct proxy_worker *w;
    const char *fault = proxy_worker_define(cmd, line->url, WORKER_PREFIX | WORKER_MEMBER, &w);

    for (unsigned i = 0; !fault && i < line->params.n; i++) {
        const struct proxy_param *p = line->params.items[i];
        fault = proxy_worker_set(cmd, w, p->key, p->value);
    }
    if (fault)
        return conf_fault(cmd, "BalancerMember %s", fault);
    vec_add(cmd->arena, &b->members, w);
    return NULL;
}

const char *proxy_add_member(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct member_line line = { 0 };
    struct proxy_balancer *b;
    const char *fault = split_member(cmd, argv[0], &line), *real;
    (void)settings, (void)argc;

    if (fault)
        return fault;
    if (!(real = proxy_without_socket(cmd->arena, line.url)))
        return "BalancerMember uses an invalid \"unix:\" URL";
    fault = proxy_balancer_need(cmd, line.balancer, "/", &b);
    if (fault)
        return conf_fault(cmd, "BalancerMember %s", fault);
    const struct proxy_worker *same = proxy_worker_find(cmd->arena, &b->members, real, WORKER_PREFIX);
    if (!same)
        return new_member(cmd, b, &line);
    note_sharing(cmd, same, &line);
    return NULL;
}

const char *proxy_set_growth(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    int growth = atoi(argv[0]);
    (void)cmd, (void)settings, (void)argc;
    return growth < 0 || growth > 1000 ? "BalancerGrowth must be between 0 and 1000" : NULL;
}

/* ---- parameters --------------------------------------------------------------------------------- */

static const char *set_flag(int *field, const char *value, const char *error)
{
    bool on = strcasecmp(value, "on") == 0;
    if (!on && strcasecmp(value, "off") != 0)
        return error;
    *field = on;
    return NULL;
}

static const char *set_sticky(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    const char *bar = strchr(value, '|');
    b->cookie = arena_strndup(cmd->arena, value, bar ? (size_t)(bar - value) : strlen(value));
    b->parameter = bar ? arena_strdup(cmd->arena, bar + 1) : b->cookie;
    if (!*b->cookie)
        b->cookie = b->parameter = NULL;
    return NULL;
}

static const char *set_separator(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    (void)cmd;
    if (strlen(value) != 1 && strcasecmp(value, "off") != 0)
        return "stickysessionsep must be a single character or Off";
    b->separator = value[1] ? 0 : value[0];
    return NULL;
}

static const char *set_wait(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    int seconds = atoi(value);
    (void)cmd;
    if (seconds < 1)
        return "timeout must be at least one second";
    b->wait_s = seconds;
    return NULL;
}

static const char *set_attempts(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    int attempts = atoi(value);
    (void)cmd;
    if (attempts < 0)
        return "maximum number of attempts must be a positive number";
    b->max_attempts = attempts;
    return NULL;
}

static const char *set_method(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    for (unsigned i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(value, methods[i]) != 0)
            continue;
        if (!conf_module_present(cmd->reading, arena_concat(cmd->arena, "lbmethod_", value, "_module", NULL)))
            break;
        b->method = (int)i;
        return NULL;
    }
    if (strcmp(value, "heartbeat") == 0)
        return "unknown lbmethod: Weir has byrequests, bytraffic and bybusyness / "
               "使えるのは byrequests, bytraffic, bybusyness です:";
    return "unknown lbmethod";
}

static const char *set_fail_on(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    b->fail_on = (struct vec){ 0 };
    for (value += strspn(value, ", "); *value; value += strspn(value, ", ")) {
        int status = atoi(value);
        if (status < 100 || status > 599)
            return "failonstatus must be one or more HTTP response codes";
        vec_add(cmd->arena, &b->fail_on, arena_copy(cmd->arena, &status, sizeof(status)));
        value += strcspn(value, ", ");
    }
    return NULL;
}

/* For changes through the manager's page, which Weir's page does not make. */
static const char *check_nonce(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    (void)cmd, (void)b;
    return strlen(value) > 36 ? "Provided nonce is too large" : NULL;
}

static const char *check_growth(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value)
{
    int growth = atoi(value);
    (void)cmd, (void)b;
    return growth < 1 || growth > 100 ? "growth must be between 1 and 100" : NULL;
}

static const struct {
    const char *key;
    const char *(*set)(struct conf_cmd *cmd, struct proxy_balancer *b, const char *value);
} params[] = {
    { "stickysession", set_sticky }, { "stickysessionsep", set_separator },
    { "timeout", set_wait },         { "maxattempts", set_attempts },
    { "lbmethod", set_method },      { "failonstatus", set_fail_on },
    { "nonce", check_nonce },        { "growth", check_growth },
};

static const struct {
    const char *key;
    size_t field;
    const char *error;
} flags[] = {
    { "nofailover", offsetof(struct proxy_balancer, no_failover), "failover must be On|Off" },
    { "scolonpathdelim", offsetof(struct proxy_balancer, semicolon), "scolonpathdelim must be On|Off" },
    { "failontimeout", offsetof(struct proxy_balancer, fail_on_timeout), "failontimeout must be On|Off" },
    { "forcerecovery", offsetof(struct proxy_balancer, force_recovery), "forcerecovery must be On|Off" },
};

const char *proxy_balancer_set(struct conf_cmd *cmd, struct proxy_balancer *b, const char *key, const char *value)
{
    for (unsigned i = 0; i < COUNT_OF(params); i++)
        if (strcasecmp(key, params[i].key) == 0)
            return params[i].set(cmd, b, value);
    for (unsigned i = 0; i < COUNT_OF(flags); i++)
        if (strcasecmp(key, flags[i].key) == 0)
            return set_flag((int *)(void *)((char *)b + flags[i].field), value, flags[i].error);
    return "unknown Balancer parameter";
}

/* ---- a virtual host over the main server -------------------------------------------------------- */

static void inherit(int *field, int base)
{
    if (*field == UNSAID)
        *field = base;
}

/* Named in both: members and what the virtual host leaves open are the main server's. The method is the virtual host's,
 * written or not, and members of its own are dropped: so it is in httpd. */
static struct proxy_balancer *merge_one(struct arena *a, const struct proxy_balancer *base,
                                        const struct proxy_balancer *over)
{
    struct proxy_balancer *m = arena_copy(a, over, sizeof(*over));

    m->members = base->members;
    if (!m->cookie)
        m->cookie = base->cookie, m->parameter = base->parameter;
    if (!m->wait_s)
        m->wait_s = base->wait_s;
    inherit(&m->separator, base->separator);
    inherit(&m->max_attempts, base->max_attempts);
    inherit(&m->no_failover, base->no_failover);
    inherit(&m->semicolon, base->semicolon);
    inherit(&m->force_recovery, base->force_recovery);
    inherit(&m->fail_on_timeout, base->fail_on_timeout);
    m->fail_on = (struct vec){ 0 };
    vec_append(a, &m->fail_on, &over->fail_on);
    vec_append(a, &m->fail_on, &base->fail_on);
    return m;
}

void proxy_balancers_merge(struct arena *a, struct vec *to, const struct vec *base, const struct vec *over)
{
    *to = (struct vec){ 0 };
    for (unsigned i = 0; i < base->n; i++) {
        struct proxy_balancer *b = base->items[i];
        if (!proxy_balancer_find(over, b->name))
            vec_add(a, to, b);
    }
    for (unsigned i = 0; i < over->n; i++) {
        struct proxy_balancer *o = over->items[i];
        const struct proxy_balancer *b = proxy_balancer_find(base, o->name);
        vec_add(a, to, b ? merge_one(a, b, o) : o);
    }
}

/* ---- the end of reading ------------------------------------------------------------------------- */

static void drop_share(void *share)
{
    proxy_share_drop(share);
}

static void finish_member(struct snapshot_build *b, const struct site *site, const char *balancer,
                          struct proxy_worker *w)
{
    const struct site_address *first = site->addresses.n ? site->addresses.items[0] : NULL;

    proxy_worker_finish(b, proxy_site_of(site), w);
    if (w->share)
        return;
    w->share = proxy_share_hold(arena_printf(b->arena, "%s %s %s %s", site->server_name, first ? first->text : "",
                                             balancer, proxy_worker_label(b->arena, w)));
    arena_on_free(b->arena, drop_share, w->share);
}

const char *proxy_balancers_finish(struct snapshot_build *b, const struct site *site)
{
    const struct proxy_site *s = proxy_site_of(site);

    for (unsigned i = 0; i < s->balancers.n; i++) {
        struct proxy_balancer *one = s->balancers.items[i];
        const char *module = arena_concat(b->arena, "lbmethod_", methods[one->method], "_module", NULL);
        inherit(&one->separator, '.');
        inherit(&one->max_attempts, one->members.n ? (int)one->members.n - 1 : 0);
        inherit(&one->no_failover, 0);
        inherit(&one->semicolon, 0);
        inherit(&one->force_recovery, 1);
        inherit(&one->fail_on_timeout, 0);
        if (!s->balancer_loaded && !one->finished)
            proxy_note_unloaded(b, one->line, one->name, "proxy_balancer");
        one->finished = true;
        for (unsigned k = 0; k < one->members.n; k++)
            finish_member(b, site, one->name, one->members.items[k]);
        if (s->balancer_loaded && !conf_module_present(b->snapshot->reading, module))
            return arena_printf(b->arena, "AH02432: Cannot find LB Method: %s", methods[one->method]);
    }
    return NULL;
}

static const char *finish(struct snapshot_build *b)
{
    const struct conf_reading *r = b->snapshot->reading;
    if (conf_module_present(r, "proxy_balancer_module") && !conf_module_present(r, "slotmem_shm_module"))
        return "AH01177: Failed to lookup provider 'shm' for 'slotmem': is mod_slotmem_shm loaded??";
    return NULL;
}

struct module proxy_balancer_module = { .name = "proxy_balancer_module",
                                        .source = "mod_proxy_balancer.c",
                                        .finish = finish };

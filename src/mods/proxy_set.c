/* ProxySet and the words of <Proxy URL key=value …>: parameters of a worker or a balancer (mod_proxy.c,
 * set_proxy_param, proxysection). */
#include "proxy.h"

#include <strings.h>

struct whose { /* one of both */
    struct proxy_worker *worker;
    struct proxy_balancer *balancer;
};

static const char *set(struct conf_cmd *cmd, struct whose whose, const char *key, const char *value)
{
    return whose.worker ? proxy_worker_set(cmd, whose.worker, key, value)
                        : proxy_balancer_set(cmd, whose.balancer, key, value);
}

/* ---- ProxySet ----------------------------------------------------------------------------------- */

static const struct conf_node *section_around(const struct conf_cmd *cmd)
{
    for (const struct conf_node *n = cmd->node->parent; n && n->name; n = n->parent)
        if (strncasecmp(n->name, "<Proxy", 6) == 0)
            return n;
    return NULL;
}

static char *section_url(struct conf_cmd *cmd, const struct conf_node *section)
{
    const char *rest = section->args;
    char *url = conf_word(cmd->arena, &rest);
    char *end = url ? strchr(url, '>') : NULL;
    if (end)
        *end = '\0';
    return url;
}

static const char *find_balancer(struct conf_cmd *cmd, const char *url, bool in_section, struct whose *whose)
{
    const struct proxy_site *site = site_part(cmd->site, &proxy_module);

    if (!in_section && !proxy_balancer_find(&site->balancers, url))
        return conf_fault(cmd, "ProxySet can not find '%s' Balancer.", url);
    const char *fault = proxy_balancer_need(cmd, url, "/", &whose->balancer);
    return fault ? conf_fault(cmd, "ProxySet %s", fault) : NULL;
}

static const char *find_worker(struct conf_cmd *cmd, const char *url, const struct conf_node *section,
                               struct whose *whose)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);
    const char *real = proxy_without_socket(cmd->arena, url);
    unsigned kind = !section ? 0 : strncasecmp(section->name + 6, "Match", 5) == 0 ? WORKER_MATCH : WORKER_PREFIX;

    if (!real)
        return "ProxySet uses an invalid \"unix:\" URL";
    whose->worker = proxy_worker_find(cmd->arena, &site->workers, real, kind ? kind : WORKER_PREFIX | WORKER_MATCH);
    if (whose->worker)
        return NULL;
    if (!section)
        return conf_fault(cmd, "ProxySet can not find '%s' Worker.", url);
    const char *fault = proxy_worker_define(cmd, url, kind, &whose->worker);
    return fault ? conf_fault(cmd, "ProxySet %s", fault) : NULL;
}

const char *proxy_set_param(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const struct conf_node *section = section_around(cmd);
    const char *rest = argv[0], *fault;
    char *url = section ? section_url(cmd, section) : conf_word(cmd->arena, &rest), *word;
    struct whose whose = { 0 };
    (void)settings, (void)argc;

    if (!url)
        url = arena_strdup(cmd->arena, "");
    fault = proxy_is_balancer(url) ? find_balancer(cmd, url, section != NULL, &whose)
                                   : find_worker(cmd, url, section, &whose);
    while (!fault && (word = conf_word(cmd->arena, &rest))) {
        char *value = strchr(word, '=');
        if (!value)
            return "Invalid ProxySet parameter. Parameter must be in the form 'key=value'";
        *value++ = '\0';
        if ((fault = set(cmd, whose, word, value)))
            fault = conf_fault(cmd, "ProxySet: %s %s=%s; %s", fault, word, value, url);
    }
    return fault;
}

/* ---- <Proxy URL key=value> ---------------------------------------------------------------------- */

static const char *section_worker(struct conf_cmd *cmd, const char *url, unsigned kind, struct whose *whose)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);
    const char *real = proxy_without_socket(cmd->arena, url);

    if (!real)
        return "<Proxy/ProxyMatch > uses an invalid \"unix:\" URL";
    whose->worker = proxy_worker_find(cmd->arena, &site->workers, real, kind);
    const char *fault = whose->worker ? NULL : proxy_worker_define(cmd, url, kind, &whose->worker);
    return fault ? conf_fault(cmd, "<Proxy %s", fault) : NULL;
}

static const char *section_balancer(struct conf_cmd *cmd, const char *url, struct whose *whose)
{
    const char *fault = proxy_balancer_need(cmd, url, "/", &whose->balancer);
    return fault ? conf_fault(cmd, "<Proxy %s", fault) : NULL;
}

const char *proxy_section_params(struct conf_cmd *cmd, const char *url, const char *words, bool match)
{
    struct whose whose = { 0 };
    const char *fault;
    char *word = conf_word(cmd->arena, &words);

    if (!word)
        return NULL;
    fault = proxy_is_balancer(url) ? section_balancer(cmd, url, &whose)
                                   : section_worker(cmd, url, match ? WORKER_MATCH : WORKER_PREFIX, &whose);
    if (fault)
        return fault;
    for (; word; word = conf_word(cmd->arena, &words)) {
        char *value = strchr(word, '=');
        if (!value)
            return "Invalid Proxy parameter. Parameter must be in the form 'key=value'";
        *value++ = '\0';
        if ((fault = set(cmd, whose, word, value)))
            return conf_fault(cmd, "<Proxy %s %s=%s; %s", fault, word, value, url);
    }
    return NULL;
}

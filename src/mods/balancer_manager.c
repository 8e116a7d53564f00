/* SetHandler balancer-manager: what mod_proxy_balancer.c's balancer_display_page shows, in its order and columns. It
 * shows only: members are what the configuration says. */
#include "proxy.h"

/* ap_proxy_parse_wstatus */
static void add_status(struct buf *out, const struct proxy_worker *w)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        { WORKER_IGNORES_ERRORS, "Ign " }, { WORKER_DRAINS, "Drn " },   { WORKER_SHUT_DOWN, "Shut " },
        { WORKER_DISABLED, "Dis " },       { WORKER_STOPPED, "Stop " }, { 0, "Err " },
        { WORKER_STANDBY, "Stby " },       { WORKER_SPARE, "Spar " },   { WORKER_UNHEALTHY, "HcFl " },
    };
    bool in_error = w->share->in_error;

    buf_adds(out, "Init ");
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        if (names[i].bit ? (w->status & names[i].bit) != 0 : in_error)
            buf_adds(out, names[i].name);
    if (!in_error && !(w->status & WORKER_UNUSABLE))
        buf_adds(out, "Ok ");
}

/* apr_strfsize: "474 ", "1.0K", " 12M" */
static void add_size(struct buf *out, uint64_t n)
{
    const char *unit = "KMGTPE";
    double size = (double)n / 1024;

    if (n < 973) {
        buf_printf(out, "%3u ", (unsigned)n);
        return;
    }
    for (; size >= 973; size /= 1024)
        unit++;
    buf_printf(out, size < 9.95 ? "%.1f%c" : "%3.0f%c", size, *unit);
}

static const char *escaped(struct request *r, const char *text)
{
    return http_escape_html(r->arena, span_of(text));
}

static void add_member(struct request *r, struct buf *out, const struct proxy_worker *w)
{
    const struct proxy_share *s = w->share;

    buf_printf(out, "<tr>\n<td>%s</td><td>%s</td><td>%s</td><td>%.2f</td><td>%d</td><td>",
               escaped(r, proxy_worker_label(r->arena, w)), escaped(r, w->route), escaped(r, w->redirect),
               w->load_factor / 100.0, w->set);
    add_status(out, w);
    buf_printf(out, "</td><td>%llu</td><td>%llu</td><td>%d</td><td>", (unsigned long long)s->elected,
               (unsigned long long)s->busy, s->lb_status);
    add_size(out, s->sent);
    buf_adds(out, "</td><td>");
    add_size(out, s->received);
    buf_adds(out, "</td></tr>\n");
}

static const char *session_name(struct request *r, const struct proxy_balancer *b)
{
    if (!b->cookie)
        return " (None) ";
    if (strcmp(b->cookie, b->parameter) == 0)
        return escaped(r, b->cookie);
    return escaped(r, arena_concat(r->arena, b->cookie, "|", b->parameter, NULL));
}

static void add_balancer(struct request *r, struct buf *out, const struct proxy_balancer *b)
{
    buf_printf(out, "<hr />\n<h3>LoadBalancer Status for %s</h3>\n\n\n", escaped(r, b->name));
    buf_printf(out,
               "<table><tr><th>MaxMembers</th><th>StickySession</th><th>DisableFailover</th><th>Timeout</th>"
               "<th>FailoverAttempts</th><th>Method</th><th>Path</th><th>Active</th></tr>\n"
               "<tr><td>%u [%u Used]</td>\n<td>%s</td><td>%s</td>\n<td>%d</td><td>%d</td>\n<td>%s</td>\n<td>%s</td>\n"
               "<td>Yes</td>\n</tr>\n</table>\n<br />\n\n",
               b->members.n, b->members.n, session_name(r, b), b->no_failover ? "On" : "Off", b->wait_s,
               b->max_attempts, proxy_balancer_method(b), escaped(r, b->path));
    buf_adds(out, "<table><tr><th>Worker URL</th><th>Route</th><th>RouteRedir</th><th>Factor</th><th>Set</th>"
                  "<th>Status</th><th>Elected</th><th>Busy</th><th>Load</th><th>To</th><th>From</th></tr>\n");
    for (unsigned i = 0; i < b->members.n; i++)
        add_member(r, out, b->members.items[i]);
    buf_adds(out, "</table>\n");
}

void proxy_balancer_manager(struct request *r, struct buf *body)
{
    const struct proxy_site *s = proxy_site_of(r->site);

    http_fields_set(r->arena, &r->out, "Content-Type", SPAN("text/html; charset=utf-8"));
    buf_printf(body,
               "<!DOCTYPE html>\n<html><head><title>Balancer Manager</title>\n<style>\n"
               "table { border: 1px solid gray; border-collapse: collapse; text-align: center }\n"
               "th, td { border: 1px dotted gray; padding: 2px } th { background: lightgray }\n</style>\n</head>\n"
               "<body><h1>Load Balancer Manager for %s</h1>\n\n<dl><dt>Server Version: %s</dt>\n"
               "<dt>Balancers are %sinherited from main server.</dt>\n"
               "<dt>ProxyPass settings are %sinherited from main server.</dt>\n"
               "<dt>This page shows only. / この画面は表示専用です。</dt></dl>\n",
               escaped(r, request_server_name(r)), escaped(r, request_server_banner(r)),
               s->inherit_balancers ? "" : "NOT ", s->inherit_passes ? "" : "NOT ");
    for (unsigned i = 0; i < s->balancers.n; i++)
        add_balancer(r, body, s->balancers.items[i]);
    buf_adds(body, "</body></html>\n");
}

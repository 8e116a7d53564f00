/* SetHandler server-status: what this process has done and does, for people and, with ?auto, in the lines that httpd's
 * mod_status.c prints and monitors read. The figures come from whoever runs the workers. */
#include "mods.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

void (*status_source)(struct status_report *report);

struct view {
    struct request *r;
    struct buf *out;
    struct status_report report;
    int64_t now_s, up_s;
    bool brief, table;
};

/* ---- figures ---- */

struct totals {
    uint64_t requests, bytes, duration_ms;
    unsigned clients, busy, closing, tunnels, busy_workers;
};

static struct totals add_up(const struct status_report *report)
{
    struct totals t = { 0 };

    for (unsigned i = 0; i < report->n_workers; i++) {
        const struct status_worker *w = &report->workers[i];
        t.requests += w->requests;
        t.bytes += w->bytes;
        t.duration_ms += w->duration_ms;
        t.clients += w->clients;
        t.busy += w->busy;
        t.closing += w->closing;
        t.tunnels += w->tunnels;
        t.busy_workers += w->busy > 0;
    }
    return t;
}

static unsigned idle_of(unsigned clients, unsigned busy, unsigned closing)
{
    return clients > busy + closing ? clients - busy - closing : 0;
}

static const char *time_text(struct view *v, int64_t seconds)
{
    time_t t = (time_t)seconds;
    char text[64];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(text, sizeof(text), "%A, %d-%b-%Y %H:%M:%S %Z", &tm);
    return arena_strdup(v->r->arena, text);
}

/* show_time: " 1 day 2 hours 1 second" */
static void put_uptime(struct buf *out, int64_t seconds)
{
    const struct {
        const char *name;
        int64_t n;
    } parts[] = { { "day", seconds / 86400 },
                  { "hour", seconds / 3600 % 24 },
                  { "minute", seconds / 60 % 60 },
                  { "second", seconds % 60 } };

    for (unsigned i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].n)
            buf_printf(out, " %lld %s%s", (long long)parts[i].n, parts[i].name, parts[i].n == 1 ? "" : "s");
}

static const char *bytes_text(struct view *v, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    unsigned i = 0;

    while (bytes >= 1024 && i + 1 < COUNT_OF(units)) {
        bytes /= 1024;
        i++;
    }
    return arena_printf(v->r->arena, i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

struct cpu {
    double user, system, children_user, children_system;
};

static struct cpu read_cpu(void)
{
    struct tms t;
    double tick = (double)sysconf(_SC_CLK_TCK);

    times(&t);
    return (struct cpu){ (double)t.tms_utime / tick, (double)t.tms_stime / tick, (double)t.tms_cutime / tick,
                         (double)t.tms_cstime / tick };
}

/* ---- ?auto ---- */

static void put_extended_lines(struct view *v, const struct totals *t)
{
    struct buf *out = v->out;
    struct cpu cpu = read_cpu();
    double all = cpu.user + cpu.system + cpu.children_user + cpu.children_system;

    buf_printf(out, "Total Accesses: %llu\nTotal kBytes: %llu\nTotal Duration: %llu\n", (unsigned long long)t->requests,
               (unsigned long long)t->bytes / 1024, (unsigned long long)t->duration_ms);
    buf_printf(out, "CPUUser: %g\nCPUSystem: %g\nCPUChildrenUser: %g\nCPUChildrenSystem: %g\n", cpu.user, cpu.system,
               cpu.children_user, cpu.children_system);
    if (all > 0 && v->up_s > 0)
        buf_printf(out, "CPULoad: %g\n", all / (double)v->up_s * 100);
    buf_printf(out, "Uptime: %lld\n", (long long)v->up_s);
    if (v->up_s > 0)
        buf_printf(out, "ReqPerSec: %g\nBytesPerSec: %g\n", (double)t->requests / (double)v->up_s,
                   (double)t->bytes / (double)v->up_s);
    if (t->requests > 0)
        buf_printf(out, "BytesPerReq: %g\nDurationPerReq: %g\n", (double)t->bytes / (double)t->requests,
                   (double)t->duration_ms / (double)t->requests);
}

static void put_scoreboard(struct view *v)
{
    for (unsigned i = 0; i < v->report.n_workers; i++)
        buf_adds(v->out, v->report.workers[i].busy ? "W" : "_");
}

static void put_lines(struct view *v, const struct totals *t, const double load[3])
{
    struct buf *out = v->out;
    unsigned generation = v->r->snapshot->generation;

    buf_printf(out, "%s\nServerVersion: Weir/" WEIR_VERSION "\nServerMPM: event\nServer Built: -\nCurrentTime: %s\n",
               request_server_name(v->r), time_text(v, v->now_s));
    buf_printf(out, "RestartTime: %s\nParentServerConfigGeneration: %u\nParentServerMPMGeneration: 0\n",
               time_text(v, v->report.started_us / 1000000), generation);
    buf_printf(out, "ServerUptimeSeconds: %lld\nServerUptime:", (long long)v->up_s);
    put_uptime(out, v->up_s);
    buf_printf(out, "\nLoad1: %.2f\nLoad5: %.2f\nLoad15: %.2f\n", load[0], load[1], load[2]);
    if (core_site_of(v->r->snapshot->main)->extended_status)
        put_extended_lines(v, t);
    buf_printf(out, "BusyWorkers: %u\nGracefulWorkers: 0\nIdleWorkers: %u\nProcesses: 1\nStopping: 0\n",
               t->busy_workers, v->report.n_workers - t->busy_workers);
    buf_printf(out,
               "ConnsTotal: %u\nConnsAsyncWaitIO: 0\nConnsAsyncWriting: %u\nConnsAsyncKeepAlive: %u\n"
               "ConnsAsyncClosing: %u\nOpenTunnels: %u\nScoreboard: ",
               t->clients + t->tunnels, t->busy, idle_of(t->clients, t->busy, t->closing), t->closing, t->tunnels);
    put_scoreboard(v);
    buf_adds(out, "\n");
}

/* ---- for people ---- */

static void put_extended(struct view *v, const struct totals *t)
{
    struct cpu cpu = read_cpu();

    buf_printf(v->out, "<dt>Total accesses: %llu - Total Traffic: %s - Total Duration: %llu</dt>\n",
               (unsigned long long)t->requests, bytes_text(v, (double)t->bytes), (unsigned long long)t->duration_ms);
    buf_printf(v->out, "<dt>CPU Usage: u%g s%g cu%g cs%g</dt>\n", cpu.user, cpu.system, cpu.children_user,
               cpu.children_system);
    if (v->up_s > 0)
        buf_printf(v->out, "<dt>%.3g requests/sec - %s/second</dt>\n", (double)t->requests / (double)v->up_s,
                   bytes_text(v, (double)t->bytes / (double)v->up_s));
}

static void put_workers(struct view *v)
{
    buf_adds(v->out, "\n<table rules=\"all\" cellpadding=\"1%\">\n<tr><th>Worker</th><th>Requests</th><th>Traffic</th>"
                     "<th>Connections</th><th>Requests under way</th><th>Keep-alive</th><th>Closing</th>"
                     "<th>Open tunnels</th></tr>\n");
    for (unsigned i = 0; i < v->report.n_workers; i++) {
        const struct status_worker *w = &v->report.workers[i];
        buf_printf(
            v->out,
            "<tr><td>%u</td><td>%llu</td><td>%s</td><td>%u</td><td>%u</td><td>%u</td><td>%u</td><td>%u</td></tr>\n", i,
            (unsigned long long)w->requests, bytes_text(v, (double)w->bytes), w->clients + w->tunnels, w->busy,
            idle_of(w->clients, w->busy, w->closing), w->closing, w->tunnels);
    }
    buf_adds(v->out, "</table>\n");
}

static void put_page(struct view *v, const struct totals *t, const double load[3])
{
    struct buf *out = v->out;
    const char *name = http_escape_html(v->r->arena, span_of(request_server_name(v->r)));

    buf_printf(
        out,
        "<!DOCTYPE html>\n<html><head>\n<title>Weir Status</title>\n</head><body>\n<h1>Weir Server Status for %s "
        "(via %s)</h1>\n\n<dl><dt>Server Version: Weir/" WEIR_VERSION "</dt>\n<dt>Server MPM: event</dt>\n"
        "</dl><hr /><dl>\n",
        name, v->r->peer->local_ip);
    buf_printf(out, "<dt>Current Time: %s</dt>\n<dt>Restart Time: %s</dt>\n", time_text(v, v->now_s),
               time_text(v, v->report.started_us / 1000000));
    buf_printf(out, "<dt>Parent Server Config. Generation: %u</dt>\n<dt>Server uptime: ", v->r->snapshot->generation);
    put_uptime(out, v->up_s);
    buf_printf(out, "</dt>\n<dt>Server load: %.2f %.2f %.2f</dt>\n", load[0], load[1], load[2]);
    if (core_site_of(v->r->snapshot->main)->extended_status)
        put_extended(v, t);
    buf_printf(out, "<dt>%u requests currently being processed, %u open tunnels, %u idle workers</dt>\n</dl>", t->busy,
               t->tunnels, v->report.n_workers - t->busy_workers);
    if (v->table)
        put_workers(v);
    buf_adds(out, "<pre>");
    put_scoreboard(v);
    buf_adds(out, "</pre>\n<p>Scoreboard Key:<br />\n\"<b><code>_</code></b>\" Waiting for Connection, "
                  "\"<b><code>W</code></b>\" Requests under way</p>\n</body></html>\n");
}

/* ---- */

/* "refresh", "refresh=5": anywhere in the query, as httpd looks for it. */
static void set_refresh(struct request *r, const char *query)
{
    const char *found = strstr(query, "refresh");
    long seconds = found && found[7] == '=' ? strtol(found + 8, NULL, 10) : 0;

    if (found)
        http_fields_set(r->arena, &r->out, "Refresh",
                        span_of(arena_printf(r->arena, "%ld", seconds > 0 ? seconds : 10)));
}

void status_page(struct request *r, struct buf *out)
{
    const char *query = r->args.p ? arena_span(r->arena, r->args) : "";
    struct view v = { .r = r, .out = out, .now_s = r->begun_us / 1000000, .table = !strstr(query, "notable") };
    double load[3] = { 0 };
    struct totals totals;

    v.brief = strstr(query, "auto") != NULL;
    v.report.arena = r->arena;
    if (status_source)
        status_source(&v.report);
    v.up_s = v.now_s - v.report.started_us / 1000000;
    totals = add_up(&v.report);
    if (getloadavg(load, 3) < 0)
        memset(load, 0, sizeof(load));
    set_refresh(r, query);
    http_fields_set(r->arena, &r->out, "Content-Type",
                    v.brief ? SPAN("text/plain; charset=ISO-8859-1") : SPAN("text/html; charset=ISO-8859-1"));
    if (v.brief)
        put_lines(&v, &totals, load);
    else
        put_page(&v, &totals, load);
}

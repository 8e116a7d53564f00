/* THE WAY of a request, top to bottom, in Apache's order. Each step says what is next; nothing else decides. */
#include "balance.h"
#include "reply.h"
#include "tls_sites.h"
#include "upstream.h"

#include <stdlib.h>

/* ---- from the head to a site ---- */

static bool wants_keepalive(const struct http_request_head *h)
{
    if (http_fields_has_token(&h->fields, "Connection", "close"))
        return false;
    return h->version >= 11 || (h->version == 10 && http_fields_has_token(&h->fields, "Connection", "keep-alive"));
}

static enum step_result refuse(struct exchange *ex, int status)
{
    ex->r.status = status;
    ex->r.keepalive = false;
    ex->body_done = false; /* where the next request begins nobody knows */
    return STEP_REPLY;
}

/* An answer to a head that is at fault, as it is written everywhere: the log's line, the page's note, the end of the
 * connection. */
static enum step_result refuse_fault(struct exchange *ex, enum log_module module, const struct http_fault *fault)
{
    REQUEST_LOG(&ex->r, module, fault->level, fault->ah, "%s%s%s", fault->reason, fault->detail ? ": " : "",
                fault->detail ? fault->detail : "");
    ex->r.error_text = fault->note;
    return refuse(ex, fault->status);
}

static struct span authority_of(const struct http_target *t)
{
    if (!t->port.n)
        return t->host;
    return (struct span){ t->host.p, (size_t)(t->port.p + t->port.n - t->host.p) };
}

static enum step_result choose_site(struct exchange *ex)
{
    struct request *r = &ex->r;
    struct http_host host = { .scheme = r->peer->tls ? "https" : "http",
                              .strict = !core_site_of(r->site)->http_unsafe };
    struct http_fault fault = { 0 };

    r->keepalive = wants_keepalive(&r->head);
    r->header_only = span_eq(r->head.method, SPAN("HEAD"));
    if (!http_request_host(r->arena, &r->head, &host, &fault))
        return refuse_fault(ex, LOG_CORE, &fault);
    if (host.from_target &&
        http_fields_get(&r->head.fields, "Host").p) /* what a backend is told is what was chosen by (AH02417) */
        http_fields_set(r->arena, &r->head.fields, "Host", authority_of(&r->head.parts));
    r->hostname = host.name;
    r->host_port = host.port;
    r->site = site_choose(ex->client->choice, host.name, r->host_port);
    r->place = &r->site->place;
    if (host.name && core_site_of(r->site)->strict_host && !site_is_named(r->site, host.name)) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 10157,
                    "Host '%s' is neither a ServerName nor a ServerAlias (StrictHostCheck)", host.name);
        return refuse(ex, 400);
    }
    r->status = secure_check_site(ex->client, r->site, host.name);
    return r->status ? refuse(ex, r->status) : STEP_NEXT;
}

/* ---- the path ---- */

/* As sent, runs of slashes and all: what nocanon hands on. */
static void set_uri_spans(struct request *r)
{
    const struct http_target *t = &r->head.parts;
    struct span whole = r->head.target;
    const char *path = whole.p;

    if (t->form == HTTP_ABSOLUTE_FORM)
        path = t->port.n ? t->port.p + t->port.n : t->host.p + t->host.n;
    r->args = t->query;
    r->unparsed_uri = (struct span){ path, (size_t)(whole.p + whole.n - path) };
}

static enum step_result read_path(struct exchange *ex)
{
    struct request *r = &ex->r;

    set_uri_spans(r);
    if (r->head.parts.form == HTTP_ASTERISK_FORM || r->head.parts.form == HTTP_AUTHORITY_FORM) {
        r->uri = arena_span(r->arena, r->head.target);
        return STEP_NEXT;
    }
    r->status = request_take_path(r, r->head.parts.path);
    return r->status == 400 ? refuse(ex, 400) : STEP_NEXT; /* a 404 waits: its body is no request */
}

/* ---- the body's frame ---- */

static enum step_result frame_body(struct exchange *ex)
{
    struct request *r = &ex->r;
    struct http_fault fault = { 0 };

    if (!http_request_framing(&r->head, &ex->body, &fault))
        return refuse_fault(ex, LOG_HTTP, &fault);
    ex->body.lax = core_site_of(r->site)->http_unsafe;
    ex->body_done = ex->body.framing == HTTP_NO_BODY || (ex->body.framing == HTTP_LENGTH && ex->body.left == 0);
    r->keepalive = r->keepalive && !ex->body.close;
    ex->http_continue =
        !ex->body_done && r->head.version >= 11 && http_fields_has_token(&r->head.fields, "Expect", "100-continue");
    if (http_fields_get(&r->head.fields, "Expect").p &&
        !http_fields_has_token(&r->head.fields, "Expect", "100-continue")) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_INFO, 570, "client sent an unrecognized expectation value of Expect: %s",
                    http_escape_log(r->arena, http_fields_get(&r->head.fields, "Expect")));
        r->status = 417;
    }
    return r->status ? STEP_REPLY : STEP_NEXT;
}

/* ---- where it goes, and whether it may ---- */

static enum step_result redirect_internally(struct exchange *ex);

/* What a module decided: an answer (a status), another path (r->redirect), or nothing. */
enum step_result request_decide(struct exchange *ex, int status)
{
    if (ex->r.redirect)
        return redirect_internally(ex);
    if (!status)
        return STEP_NEXT;
    ex->r.status = status;
    return STEP_REPLY;
}

static enum step_result take_client(struct exchange *ex)
{
    int status = headers_early(&ex->r);

    remoteip_take(&ex->r);
    return request_decide(ex, status ? status : setenvif_site(&ex->r));
}

/* ProxyPass … mapping=encoded looks at the path first, in the places that the encoded one leads to. */
static int translate_encoded(struct request *r, struct place_memo *memo)
{
    const char *decoded = r->uri;
    int status;

    if (!r->encoded)
        return 0;
    r->uri = r->encoded;
    status = core_walk(r, memo, WALK_LOCATION);
    if (!status)
        status = proxy_translate_encoded(r);
    if (status || r->proxy)
        return status;
    r->uri = decoded;
    return r->undecodable ? request_refuse_path(r) : 0;
}

static enum step_result map_encoded(struct exchange *ex)
{
    return request_decide(ex, translate_encoded(&ex->r, ex->epoch->memo));
}

static enum step_result walk_locations(struct exchange *ex)
{
    return request_decide(ex, core_walk(&ex->r, ex->epoch->memo, WALK_LOCATION));
}

/* The first that takes the path has it. */
static int translate_name(struct request *r)
{
    int status = rewrite_translate(r);

    if (status || r->proxy || r->filename || r->uri[0] != '/')
        return status;
    status = proxy_translate(r);
    if (!status && !r->proxy)
        status = alias_translate(r);
    if (!status && !r->proxy && !r->filename)
        status = files_translate(r);
    return status;
}

static enum step_result translate(struct exchange *ex)
{
    if (rewrite_translate_blocks(&ex->r))
        return exchange_offload(ex, OFFLOAD_OTHERS, translate_name);
    return request_decide(ex, translate_name(&ex->r));
}

static enum step_result answer_trace(struct exchange *ex);

/* What fails on the way to a file fails under the site's own settings, as in httpd. */
static enum step_result map_to_file(struct exchange *ex)
{
    struct request *r = &ex->r;
    int status;

    if (!r->proxy && span_eq(r->head.method, SPAN("TRACE")))
        return answer_trace(ex);
    if (r->proxy || !r->filename)
        return STEP_NEXT;
    r->place = &r->site->place;
    status = files_map(r);
    return status == FILES_AWAY ? exchange_offload(ex, OFFLOAD_OWN, files_map) : request_decide(ex, status);
}

static enum step_result walk_rest(struct exchange *ex)
{
    return request_decide(ex, core_walk(&ex->r, ex->epoch->memo, WALK_FINAL));
}

static enum step_result look_at_head(struct exchange *ex)
{
    return request_decide(ex, ex->r.looked_from ? 0 : setenvif_place(&ex->r));
}

/* A certificate is asked for in the handshake only: what a place wants beyond it is refused, not waited for. */
static enum step_result check_tls(struct exchange *ex)
{
    if (ex->r.peer->tls && ssl_wants_certificate(&ex->r, ex->client->tls_site)) {
        REQUEST_LOG(&ex->r, LOG_SSL, LEVEL_ERROR, 10158,
                    "cannot perform post-handshake authentication / 接続後の証明書要求には対応していません");
        return request_decide(ex, 403);
    }
    return STEP_NEXT;
}

static enum step_result authorise(struct exchange *ex)
{
    if (!authz_may_block(&ex->r))
        return request_decide(ex, authz_check(&ex->r));
    return exchange_offload(ex, authz_asks_names(&ex->r) ? OFFLOAD_OTHERS : OFFLOAD_OWN, authz_check);
}

/* A path that rules of a place lead to is taken when nobody had another answer meanwhile. */
static int run_fixups(struct request *r)
{
    int status;

    mime_find(r);
    status = core_override_type(r);
    if (!status)
        status = rewrite_place(r); /* sees no SetEnv: httpd has it first, too */
    env_fixup(r);
    ssl_fixup(r);
    if (!status)
        status = alias_fixup(r);
    if (!status)
        status = auth_fixup(r);
    rewrite_kind(r);
    if (!status)
        status = dir_fixup(r);
    if (status) {
        r->redirect = NULL;
        r->keeps_vary = false;
    }
    return status;
}

/* RequestHeader comes last, for the request itself: fields of a mere look at a path are not sent anywhere, and those of
 * a directory wait for its index. */
static int run_all_fixups(struct request *r)
{
    int status = run_fixups(r);

    r->looked_from = NULL;
    return status || r->redirect_fast ? status : headers_request(r);
}

static enum step_result fix_up(struct exchange *ex)
{
    const struct request *r = &ex->r;

    if (rewrite_place_blocks(r) || (dir_fixup_looks(r) && authz_asks_names(r)))
        return exchange_offload(ex, OFFLOAD_OTHERS, run_all_fixups);
    if (dir_fixup_looks(r) && authz_may_block(r))
        return exchange_offload(ex, OFFLOAD_OWN, run_all_fixups);
    return request_decide(ex, run_all_fixups(&ex->r));
}

/* request_look_at: the same steps on another path, with no answer at their end; of a file's, those after its name is
 * known. In a worker's loop whose look leads where passwords are asked for, that is left to the request itself, or to
 * who asked. */
int request_look_up(struct request *r)
{
    int status = r->filename ? 0 : translate_encoded(r, NULL);

    if (!status && !r->filename)
        status = core_walk(r, NULL, WALK_LOCATION);
    if (!status && !r->filename)
        status = translate_name(r);
    if (!status && !r->proxy && r->filename)
        status = files_map(r);
    if (!status)
        status = core_walk(r, NULL, WALK_FINAL);
    if (!status && (r->off_loop || !authz_may_block(r)))
        status = authz_check(r);
    return status ? status : run_fixups(r);
}

static enum step_result prepare_proxy(struct exchange *ex)
{
    return request_decide(ex, proxy_prepare(&ex->r));
}

/* ---- answers of our own ---- */

static enum step_result answer_trace(struct exchange *ex)
{
    struct request *r = &ex->r;

    if (core_site_of(r->site)->trace == TRACE_OFF) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_INFO, 0, "TRACE forbidden by server configuration");
        r->status = 405;
        return STEP_REPLY;
    }
    r->status = !ex->body_done && core_site_of(r->site)->trace != TRACE_EXTENDED ? 413 : 200;
    return STEP_REPLY;
}

/* What is answered before a file is looked for; 0: the file. */
static int status_without_file(struct exchange *ex)
{
    struct request *r = &ex->r;

    if (span_eq(r->head.method, SPAN("CONNECT")))
        return 405;
    if (!http_registered_method(r->head.method, &core_site_of(r->snapshot->main)->methods)) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 135, "Invalid method in request %s",
                    http_escape_log(r->arena, r->head.line));
        return 501;
    }
    if (pages_of_handler(r->handler) && !span_eq(r->head.method, SPAN("OPTIONS"))) /* they show, and take nothing */
        return span_eq(r->head.method, SPAN("GET")) || r->header_only ? 200 : 405;
    if (reply_refuses_body(ex))
        return 413;
    return span_eq(r->head.method, SPAN("OPTIONS")) ? 200 : 0;
}

static enum step_result answer_here_or_proxy(struct exchange *ex)
{
    if (ex->r.proxy)
        return STEP_NEXT;
    if (span_eq(ex->r.head.method, SPAN("TRACE"))) /* proxy_prepare found Max-Forwards: 0 */
        return answer_trace(ex);
    ex->r.status = status_without_file(ex);
    return ex->r.status ? STEP_REPLY : file_answer(ex);
}

/* ---- the backend ---- */

/* False: the client is gone, and the exchange with it. */
static bool say_continue(struct exchange *ex)
{
    buf_adds(&ex->client->out, "HTTP/1.1 100 Continue\r\n\r\n");
    ex->http_continue = false;
    if (client_flush(ex->client) >= 0)
        return true;
    exchange_abort(ex);
    return false;
}

/* A backend that is to get a length gets no chunks: the body is taken in before anyone is connected to. */
static enum step_result collect_body(struct exchange *ex)
{
    if (ex->body_done || ex->body.framing != HTTP_CHUNKED || relay_count_whole(ex) || !proxy_wants_length(&ex->r))
        return STEP_NEXT;
    if (ex->http_continue && !say_continue(ex))
        return STEP_DONE;
    http_fields_remove(&ex->r.head.fields, "Expect");
    ex->collecting = true;
    if (!relay_collect(ex))
        return ex->magic == EXCHANGE_MAGIC ? STEP_WAIT : STEP_DONE;
    return STEP_WAIT;
}

static enum step_result connect_backend(struct exchange *ex)
{
    struct proxy_target *t = ex->r.proxy;

    if (t->upgrade && !upgrade_is_sane(ex)) {
        t->upgrade = false;
        t->names_upgrade = ex->r.upgrade_written;
    }
    upstream_get(ex, t->upgrade || ex->retried || proxy_wants_fresh(&ex->r));
    return STEP_WAIT;
}

static enum step_result send_request(struct exchange *ex)
{
    struct upstream *u = ex->upstream;
    int status;

    u->may_keep = proxy_may_reuse(&ex->r) && !ex->r.proxy->upgrade && !u->spoke_first;
    status = proxy_build_head(&ex->r, &ex->body, u->may_keep, &u->out);

    if (status) {
        upstream_close(u);
        return refuse(ex, status);
    }
    balance_count(ex, buf_len(&u->out), 0);
    if (ex->http_continue && !ex->r.proxy->awaits_continue && !say_continue(ex)) /* Proxy100Continue Off: ours to say */
        return STEP_DONE;
    ex->hold_body =
        !ex->body_done && ex->r.proxy->awaits_continue && ex->r.proxy->worker && ex->r.proxy->worker->ping_set;
    ex->step++; /* what follows may already bring the answer */
    if (!relay_request(ex))
        return ex->magic == EXCHANGE_MAGIC ? STEP_WAIT : STEP_DONE;
    return STEP_WAIT;
}

static enum step_result await_answer(struct exchange *ex)
{
    (void)ex;
    return STEP_WAIT; /* answer.c goes on */
}

/* With ProxyErrorOverride an ErrorDocument that comes from a backend is the page of the error, not its success. */
static void keep_first_status(struct request *r)
{
    const struct request *first = r->previous;

    if (first && proxy_place_of(r->place)->error_override && first->status >= 400 && r->status < 400) {
        r->status = first->status;
        r->reason = first->reason;
    }
}

static enum step_result edit_answer(struct exchange *ex)
{
    struct request *r = &ex->r;
    int status;

    balance_answered(ex, ex->answer.status);
    if (ex->answer.status == 101)
        return upgrade_answered(ex);
    if (r->proxy->upgrade)
        upgrade_refused(ex);
    r->status = ex->answer.status;
    r->reason = ex->answer.reason.n ? arena_span(r->arena, ex->answer.reason) : NULL;
    status = proxy_take_head(r, &ex->answer);
    if (!status && !proxy_overrides_error(r, r->status)) {
        keep_first_status(r);
        status = reply_edit(ex);
        if (!status)
            return STEP_NEXT;
    }
    r->status = status ? status : r->status;
    r->errs_anew = !status;
    upstream_close(ex->upstream);
    return STEP_REPLY;
}

static enum step_result relay_answer(struct exchange *ex)
{
    reply_head(ex);
    if (!relay_response(ex))
        return ex->magic == EXCHANGE_MAGIC ? STEP_WAIT : STEP_DONE;
    return STEP_WAIT;
}

static const struct step {
    const char *name;
    enum step_result (*run)(struct exchange *ex);
} steps[] = {
    { "choose the site", choose_site },
    { "read the path", read_path },
    { "frame the body", frame_body },
    { "take the client", take_client },
    { "map the encoded path", map_encoded },
    { "walk the locations", walk_locations },
    { "translate", translate },
    { "map to a file", map_to_file },
    { "walk the rest", walk_rest },
    { "look at the head", look_at_head },
    { "check TLS", check_tls },
    { "authorise", authorise },
    { "fix up", fix_up },
    { "prepare the proxy", prepare_proxy },
    { "answer here or proxy", answer_here_or_proxy },
    { "collect the body", collect_body },
    { "choose a member", balance_choose },
    { "connect", connect_backend },
    { "send", send_request },
    { "await the answer", await_answer },
    { "edit the answer", edit_answer },
    { "relay", relay_answer },
};

static unsigned step_of(enum step_result (*run)(struct exchange *ex))
{
    unsigned i = 0;
    while (steps[i].run != run)
        ASSERT(++i < COUNT_OF(steps));
    return i;
}

enum step_result request_go(struct exchange *ex)
{
    do {
        const struct step *step = &steps[ex->step];
        enum step_result result;

        ASSERT(ex->step < COUNT_OF(steps));
        LOG_AT(request_log(&ex->r), LOG_CORE, LEVEL_TRACE8, 0, 0, ex->r.client_text, "step: %s", step->name);
        result = step->run(ex);
        if (result != STEP_NEXT)
            return result;
        ex->step++;
    } while (ex->reply != REPLY_COMPLETE);
    return STEP_NEXT;
}

void request_choose_again(struct exchange *ex)
{
    ex->retried = ex->hold_body = ex->deaf = false;
    ex->r.status = 0;
    ex->r.reason = ex->r.error_text = NULL;
    ex->step = step_of(balance_choose);
}

void request_reconnect(struct exchange *ex)
{
    ex->step = step_of(connect_backend);
    exchange_run(ex);
}

/* ---- once more, with another path ---- */

/* httpd's internal_internal_redirect: the same request, from its taking on; what it was is r->previous. The response
 * fields gathered so far are dropped but for the err_out ones, and variables are kept as REDIRECT_NAME. A fast one
 * (ap_internal_fast_redirect) leaves all that as it is: only the path is another. */
static int restart(struct exchange *ex, const char *path)
{
    struct request *r = &ex->r;
    struct request *before = arena_copy(r->arena, r, sizeof(*r));
    struct span vary = http_fields_get(&r->out, "Vary");
    const char *query;
    bool fast = r->redirect_fast;

    path = arena_strndup(r->arena, path, strcspn(path, "#")); /* as httpd parses it */
    query = strchr(path, '?');
    balance_release(ex);
    r->redirect = NULL;
    r->redirect_fast = false;
    r->looked_from = fast ? before : NULL;
    r->rewrite_ended &= !fast;
    r->uri = query ? arena_strndup(r->arena, path, (size_t)(query - path)) : path;
    r->forced_type = r->forced_handler = NULL;
    r->args = query ? span_of(query + 1) : (struct span){ 0 };
    r->unparsed_uri = span_of(path);
    r->place = &r->site->place;
    r->proxy = NULL;
    r->filename = r->path_info = r->context_prefix = r->context_root = NULL;
    r->file = (struct resource){ 0 };
    r->locals = (struct vec){ 0 };
    r->handler = NULL;
    r->user = r->auth_type = r->allow = NULL;
    r->authorised = r->errs_anew = r->type_settled = false;
    r->content_type = r->content_encoding = r->content_language = NULL;
    r->status = 0;
    ex->step = step_of(map_encoded);
    if (fast)
        return request_take_path(r, span_of(r->uri));
    r->previous = before;
    r->out = (struct http_fields){ 0 };
    if (r->keeps_vary && vary.p)
        http_fields_add(r->arena, &r->out, SPAN("Vary"), vary);
    r->keeps_vary = false;
    request_rename_env(r);
    ex->step = step_of(take_client);
    return request_take_path(r, span_of(r->uri));
}

/* A coding that was refused is not the page's fault; the first request keeps its fields. */
static void drop_coding(struct request *r)
{
    struct http_fields fields = { 0 };

    http_fields_copy(r->arena, &fields, &r->head.fields);
    http_fields_remove(&fields, "Transfer-Encoding");
    r->head.fields = fields;
}

/* ErrorDocument /path, as ap_die does: a GET without a body through the same site. */
void request_show(struct exchange *ex, const char *path)
{
    relay_discard_request(ex); /* as reply_own */
    restart(ex, path);
    drop_coding(&ex->r);
    if (!ex->r.header_only)
        ex->r.head.method = SPAN("GET");
    ex->answer_seen = false;
    ex->keep = ex->keep && ex->body_done;
    ex->body = (struct http_body){ .framing = HTTP_NO_BODY, .done = true };
    if (!ex->body_done) /* what the client still sends belongs to the request that failed */
        ex->r.keepalive = false;
    ex->body_done = true;
    ex->deaf = ex->hold_body = ex->http_continue = ex->retried = false;
    ex->interim = 0;
}

/* ap_internal_redirect: method and body stay. */
static enum step_result redirect_internally(struct exchange *ex)
{
    int most = core_site_of(ex->r.site)->max_redirects, n = 0;

    for (const struct request *r = ex->r.previous; r; r = r->previous)
        n++;
    if (n < most) {
        ex->r.status = restart(ex, ex->r.redirect);
        return ex->r.status ? STEP_REPLY : STEP_AGAIN;
    }
    REQUEST_LOG(&ex->r, LOG_CORE, LEVEL_ERROR, 124,
                "Request exceeded the limit of %d internal redirects due to probable configuration error. Use "
                "'LimitInternalRecursion' to increase the limit if necessary. Use 'LogLevel debug' to get a backtrace.",
                most);
    ex->r.redirect = NULL;
    ex->r.status = 500;
    return STEP_REPLY;
}

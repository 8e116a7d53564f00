/* May this request pass: access, authentication, authorisation in httpd's order (request.c,
 * ap_process_request_internal; mod_authz_core.c, authorize_user_core). */
#include "access.h"
#include "ssl.h"

/* ---- Require ---- */

static const char *verdict_name(enum verdict v)
{
    switch (v) {
    case VERDICT_GRANTED: return "granted";
    case VERDICT_DENIED: return "denied";
    case VERDICT_NO_USER: return "denied (no authenticated user yet)";
    default: return "neutral";
    }
}

static enum verdict apply(struct request *r, const struct authz_rule *rule, uint64_t method, enum authz_logic parent);

/* One refusal decides an "all", one grant an "any"; what says nothing leaves it to the others. A refusal for want of a
 * user is the weaker one in an "all" and the stronger one in an "any": whether to ask for a user hangs on it. */
static enum verdict apply_children(struct request *r, const struct authz_rule *rule, uint64_t method)
{
    enum verdict decides = rule->logic == LOGIC_AND ? VERDICT_DENIED : VERDICT_GRANTED, result = VERDICT_NEUTRAL;
    enum verdict yields = rule->logic == LOGIC_AND ? VERDICT_GRANTED : VERDICT_DENIED;

    for (const struct authz_rule *child = rule->first; child && result != decides; child = child->next) {
        enum verdict v = apply(r, child, method, rule->logic);
        if (v == VERDICT_FAILED)
            return v;
        if (v == VERDICT_NEUTRAL)
            continue;
        if (v == decides || result == VERDICT_NEUTRAL || (v == VERDICT_NO_USER && result == yields))
            result = v;
    }
    return result;
}

static void say(struct request *r, const struct authz_rule *rule, enum verdict v)
{
    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_DEBUG, 1626, "authorization result of %s: %s", authz_label(r->arena, rule),
                verdict_name(v));
}

static enum verdict apply(struct request *r, const struct authz_rule *rule, uint64_t method, enum authz_logic parent)
{
    enum verdict result;

    if (!(rule->methods & method)) {
        result = parent == LOGIC_AND ? VERDICT_GRANTED : VERDICT_NEUTRAL;
        REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_DEBUG, 1625,
                    "authorization result of %s: %s (directive limited to other methods)", authz_label(r->arena, rule),
                    verdict_name(result));
        return result;
    }
    result = rule->provider ? rule->provider->check(r, &rule->line) : apply_children(r, rule, method);
    if (result == VERDICT_FAILED && !rule->provider)
        return result;
    if (rule->negate && result != VERDICT_FAILED) /* not being refused is no reason to grant */
        result = result == VERDICT_GRANTED ? VERDICT_DENIED : VERDICT_NEUTRAL;
    say(r, rule, result);
    return result;
}

static int refuse(struct request *r)
{
    const char *file = request_filename(r);

    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_ERROR, 1630, "client denied by server configuration: %s%s", file ? "" : "uri ",
                file ? file : r->uri);
    return 403;
}

/* ---- once it is known who it is ---- */

static int refuse_user(struct request *r, const struct authz_place *place)
{
    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_ERROR, 1631, "user %s: authorization failure for \"%s\": ", r->user, r->uri);
    if (place->forbidden_on_failure)
        return 403;
    authn_note_failure(r);
    return 401;
}

static int refuse_nobody(struct request *r)
{
    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_ERROR, 1629, "authorization failure (no authenticated user): %s", r->uri);
    authn_note_failure(r);
    return 401;
}

/* 0, a status, or (before anybody was asked who they are) DECLINED: a user may change it. */
static int authorise(struct request *r, uint64_t method, bool asked)
{
    const struct authz_place *place = place_part(r->place, &authz_core_module);

    if (!place->rules) {
        if (authn_type(r)) {
            REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_ERROR, 1627,
                        "AuthType configured with no corresponding authorization directives");
            return 500;
        }
        REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_DEBUG, 1628, "authorization result: granted (no directives)");
        return 0;
    }
    switch (apply(r, place->rules, method, LOGIC_AND)) {
    case VERDICT_GRANTED: return 0;
    case VERDICT_NO_USER: return asked ? refuse_nobody(r) : DECLINED;
    case VERDICT_FAILED: return 500;
    default: return asked && authn_type(r) ? refuse_user(r, place) : refuse(r);
    }
}

static int ask_who(struct request *r)
{
    int status = authn_check(r);

    if (status || r->user)
        return status;
    REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 27,
                "No authentication done but request not allowed without authentication for %s. Authentication not "
                "configured?",
                r->uri);
    return 500;
}

/* ---- all of it ---- */

/* Every one is asked; the first that refuses counts. */
static int check_access(struct request *r, uint64_t method)
{
    int status = allowmethods_check(r, method);

    status = status ? status : ssl_check(r);
    return status ? status : access_check(r, method);
}

static int decide(struct request *r)
{
    uint64_t method = core_method_bit(core_site_of(r->snapshot->main), r->head.method);
    int status = check_access(r, method);

    if (access_satisfy(r, method) == SATISFY_ANY ? status == 0 : status != 0)
        return status;
    status = authorise(r, method, false);
    if (status != DECLINED)
        return status;
    status = ask_who(r);
    return status ? status : authorise(r, method, true);
}

static struct span directory_of(const struct request *r)
{
    struct span name = span_of(r->filename);
    const char *slash = name.n && r->file.kind != RESOURCE_DIRECTORY ? memrchr(name.p, '/', name.n) : NULL;

    if (slash)
        name.n = (size_t)(slash + 1 - name.p);
    return name;
}

/* What the same settings have decided is not asked again: an index in its directory, a page for a refusal that lies
 * beside what was refused. Settings are the same to httpd when its walks find them again: those of <Location> for the
 * same path, of <Files> for the same file, of <Directory> in the same directory, and never those of <If>. */
static bool is_same(const struct request *r, const struct request *before)
{
    if (before->site != r->site || before->sections != r->sections || r->conditional)
        return false;
    if (r->located && strcmp(r->uri, before->uri) != 0)
        return false;
    if (r->named && (!before->filename || strcmp(r->filename, before->filename) != 0))
        return false;
    return span_eq(directory_of(r), directory_of(before));
}

static const struct request *decided_before(const struct request *r)
{
    const struct request *before = request_before(r);

    if (!before || (!before->authorised && before->status != 401 && before->status != 403))
        return NULL;
    return is_same(r, before) ? before : NULL;
}

int authz_check(struct request *r)
{
    const struct request *before = decided_before(r);
    int status;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (before) {
        r->user = before->user;
        r->auth_type = before->auth_type;
        r->authorised = true;
        return 0;
    }
    status = decide(r);
    r->authorised = status == 0;
    return status;
}

bool authz_asks_names(const struct request *r)
{
    const struct authz_place *place = place_part(r->place, &authz_core_module);

    return (place->rules && place->rules->blocks & BLOCKS_ON_NAMES) || access_blocks(r->place);
}

bool authz_may_block(const struct request *r)
{
    const struct authz_place *place = place_part(r->place, &authz_core_module);

    return (place->rules && place->rules->blocks) || authz_asks_names(r) ||
           (authn_wanted(r->place) && http_fields_get(&r->head.fields, "Authorization").p) || ssl_fakes_user(r);
}

/* Methods as bits, by httpd's numbers (httpd.h, http_protocol.c: ap_method_number_of, ap_method_register). */
#include "core.h"

static const char *const numbered[METHOD_INVALID] = {
    "GET",
    "PUT",
    "POST",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "VERSION-CONTROL",
    "CHECKOUT",
    "UNCHECKOUT",
    "CHECKIN",
    "UPDATE",
    "LABEL",
    "REPORT",
    "MKWORKSPACE",
    "MKACTIVITY",
    "BASELINE-CONTROL",
    "MERGE",
};

/* Case counts; HEAD is a GET; a method that no line registered is METHOD_INVALID. */
static unsigned number_of(const struct core_site *main, struct span method)
{
    if (span_eq(method, SPAN("HEAD")))
        return 0;
    for (unsigned i = 0; i < METHOD_INVALID; i++)
        if (span_eq(method, span_of(numbered[i])))
            return i;
    for (unsigned i = 0; i < main->methods.n; i++)
        if (span_eq(method, span_of(main->methods.items[i])))
            return METHOD_INVALID + 1 + i;
    return METHOD_INVALID;
}

uint64_t core_method_bit(const struct core_site *main, struct span method)
{
    return (uint64_t)1 << number_of(main, method);
}

bool core_method_add(struct arena *a, struct core_site *main, const char *method)
{
    if (number_of(main, span_of(method)) != METHOD_INVALID)
        return true;
    if (METHOD_INVALID + 1 + main->methods.n > METHOD_LAST)
        return false;
    vec_add(a, &main->methods, arena_strdup(a, method));
    return true;
}

const char *core_register_method(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    if (!core_method_add(cmd->arena, settings, argv[0]))
        conf_note(cmd, LEVEL_ERROR, LOG_HTTP, 1610,
                  "Maximum new request methods %d reached while registering method %s.", METHOD_LAST, argv[0]);
    return NULL;
}

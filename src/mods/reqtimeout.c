/* RequestReadTimeout: httpd's mod_reqtimeout.c (set_reqtimeouts). */
#include "core.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

struct stage {
    int first, most, rate; /* seconds, seconds, bytes a second; 0: none */
};

static const char *read_int(struct arena *a, const char *text, int *value)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (end == text)
        return arena_printf(a, "Value '%s' not numerical", text);
    if (*end)
        return arena_printf(a, "Cannot parse '%s'", end);
    if (n < 0)
        return "Value must be non-negative";
    *value = n > INT_MAX ? INT_MAX : (int)n;
    return NULL;
}

/* "20-40,MinRate=500": what stands before the comma */
static const char *read_range(struct arena *a, char *text, struct stage *s)
{
    char *dash = strchr(text, '-');
    const char *fault = NULL;

    if (dash) {
        *dash = '\0';
        fault = read_int(a, dash + 1, &s->most);
    }
    return fault ? fault : read_int(a, text, &s->first);
}

static const char *read_stage(struct arena *a, const char *text, struct stage *s)
{
    char *value = arena_strdup(a, text), *rate = strcasestr(value, ",minrate=");
    const char *fault;

    if (!rate)
        return strchr(value, '-') ? "Must set MinRate option if using timeout range" : read_int(a, value, &s->first);
    *rate = '\0';
    fault = read_int(a, rate + strlen(",minrate="), &s->rate);
    if (!fault && s->rate == 0)
        fault = "Minimum data rate must be larger than 0";
    if (!fault)
        fault = read_range(a, value, s);
    if (!fault && s->most && s->first >= s->most)
        fault = "Maximum timeout must be larger than initial timeout";
    return fault;
}

static void store(struct conf_cmd *cmd, struct core_site *site, bool header, const struct stage *s)
{
    int64_t *first = header ? &site->header_first_us : &site->body_first_us;
    int64_t *most = header ? &site->header_max_us : &site->body_max_us;
    int *rate = header ? &site->header_rate : &site->body_rate;

    *first = (int64_t)s->first * 1000000;
    *most = (int64_t)s->most * 1000000;
    *rate = s->rate;
    conf_touch(cmd, site, first);
    conf_touch(cmd, site, most);
    conf_touch(cmd, site, rate);
}

static const char *set_stage(struct conf_cmd *cmd, struct core_site *site, const char *key, const char *value)
{
    struct stage s = { 0 };
    bool header = strcasecmp(key, "header") == 0, body = strcasecmp(key, "body") == 0;
    const char *fault;

    if (!header && !body && strcasecmp(key, "handshake") != 0)
        return "Unknown RequestReadTimeout parameter";
    fault = read_stage(cmd->arena, value, &s);
    if (!fault && (header || body)) /* handshakes come with TLS */
        store(cmd, site, header, &s);
    return fault;
}

const char *core_set_read_timeout(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *rest = argv[0], *fault;
    char *word;

    (void)argc;
    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        char *value = strchr(word, '=');
        if (!value)
            return "Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'";
        *value++ = '\0';
        fault = set_stage(cmd, settings, word, value);
        if (fault)
            return conf_fault(cmd, "RequestReadTimeout: %s=%s: %s", word, value, fault);
    }
    return NULL;
}

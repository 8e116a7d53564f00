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

struct stored { /* where a stage's numbers are kept */
    const char *key;
    int64_t *first, *most;
    int *rate;
};

static void store(struct conf_cmd *cmd, struct core_site *site, const struct stored *to, const struct stage *s)
{
    *to->first = (int64_t)s->first * 1000000;
    *to->most = (int64_t)s->most * 1000000;
    *to->rate = s->rate;
    conf_touch(cmd, site, to->first);
    conf_touch(cmd, site, to->most);
    conf_touch(cmd, site, to->rate);
}

static const char *set_stage(struct conf_cmd *cmd, struct core_site *site, const char *key, const char *value)
{
    const struct stored stages[] = {
        { "handshake", &site->handshake_first_us, &site->handshake_max_us, &site->handshake_rate },
        { "header", &site->header_first_us, &site->header_max_us, &site->header_rate },
        { "body", &site->body_first_us, &site->body_max_us, &site->body_rate },
    };
    struct stage s = { 0 };
    const char *fault;

    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        if (strcasecmp(key, stages[i].key) != 0)
            continue;
        fault = read_stage(cmd->arena, value, &s);
        if (!fault)
            store(cmd, site, &stages[i], &s);
        return fault;
    }
    return "Unknown RequestReadTimeout parameter";
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

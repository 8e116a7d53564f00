/* The key=value parameters of a worker, with httpd's bounds and messages (mod_proxy.c, set_worker_param). */
#include "proxy.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

void proxy_keep_param(struct conf_cmd *cmd, struct vec *params, char *key, char *value)
{
    for (unsigned i = 0; i < params->n; i++) {
        struct proxy_param *p = params->items[i];
        if (strcasecmp(p->key, key) == 0) {
            p->value = value;
            return;
        }
    }
    vec_add(cmd->arena, params,
            arena_copy(cmd->arena, &(struct proxy_param){ key, value }, sizeof(struct proxy_param)));
}

typedef const char *set_fn(struct proxy_worker *w, const char *value);

/* ---- numbers within bounds ---------------------------------------------------------------------- */

struct number { /* atoi(value) between min and max, into an int field */
    const char *key;
    size_t field;
    int min, max;
    const char *error;
};
#define FIELD(name) offsetof(struct proxy_worker, name)

static const struct number numbers[] = {
    { "retry", FIELD(retry_s), 0, INT_MAX, "Retry must be a positive value" },
    { "min", FIELD(min), 0, INT_MAX, "Min must be a positive number" },
    { "max", FIELD(max), 0, INT_MAX, "Max must be a positive number" },
    { "smax", FIELD(smax), 0, INT_MAX, "Smax must be a positive number" },
    { "lbset", FIELD(set), 0, 99, "lbset must be between 0 and 99" },
    { "flushwait", FIELD(flush_wait_ms), 0, 1000,
      "flushwait must be <= 1000, or 0 for system default of 10 millseconds." },
};

static const char *set_number(struct proxy_worker *w, const struct number *n, const char *value)
{
    int number = atoi(value);
    if (number < n->min || number > n->max)
        return n->error;
    memcpy((char *)w + n->field, &number, sizeof(number));
    return NULL;
}

/* ---- times -------------------------------------------------------------------------------------- */

struct duration { /* with a unit; at least a millisecond */
    const char *key, *unit;
    size_t field;
    const char *malformed, *too_short;
};

static const struct duration durations[] = {
    { "acquire", "ms", FIELD(acquire_us), "Acquire timeout has wrong format",
      "Acquire must be at least one millisecond" },
    { "ping", "s", FIELD(ping_us), "Ping/Pong timeout has wrong format",
      "Ping/Pong timeout must be at least one millisecond" },
    { "connectiontimeout", "s", FIELD(connect_timeout_us), "Connectiontimeout has wrong format",
      "Connectiontimeout must be at least one millisecond." },
};

static const char *set_duration(struct proxy_worker *w, const struct duration *d, const char *value)
{
    int64_t us;
    if (!conf_time(value, d->unit, &us))
        return d->malformed;
    if (us < 1000)
        return d->too_short;
    memcpy((char *)w + d->field, &us, sizeof(us));
    w->ping_set |= d->field == FIELD(ping_us);
    return NULL;
}

static const char *set_seconds(int64_t *field, const char *value, const char *error)
{
    int seconds = atoi(value);
    if (seconds < 1)
        return error;
    *field = (int64_t)seconds * 1000000;
    return NULL;
}

/* ---- lengths: texts that httpd keeps in arrays -------------------------------------------------- */

#define NO_FIELD ((size_t)-1) /* checked only */

static const struct text {
    const char *key;
    size_t size, field;
    const char *error;
} texts[] = {
    { "route", 64, FIELD(route), "Route length must be < 64 characters" },
    { "redirect", 64, FIELD(redirect), "Redirect length must be < 64 characters" },
    { "flusher", 16, NO_FIELD, "flusher name length must be < 16 characters" },
    { "secret", 64, NO_FIELD, "Secret length must be < 64 characters" },
};

static const char *set_text(struct conf_cmd *cmd, struct proxy_worker *w, const struct text *t, const char *value)
{
    const char *kept = arena_strdup(cmd->arena, value);
    if (strlen(value) >= t->size)
        return t->error;
    if (t->field != NO_FIELD)
        memcpy((char *)w + t->field, &kept, sizeof(kept));
    return NULL;
}

/* ---- one function each -------------------------------------------------------------------------- */

static const char *set_loadfactor(struct proxy_worker *w, const char *value)
{
    double hundredths = atof(value) * 100.0;
    if (!(hundredths >= 100 && hundredths < 10001))
        return "LoadFactor must be a number between 1..100";
    w->load_factor = (int)hundredths;
    return NULL;
}

static const char *set_ttl(struct proxy_worker *w, const char *value)
{
    return set_seconds(&w->ttl_us, value, "TTL must be at least one second");
}

static const char *set_timeout(struct proxy_worker *w, const char *value)
{
    return set_seconds(&w->timeout_us, value, "Timeout must be at least one second");
}

static const char *set_io_buffer(struct proxy_worker *w, const char *value)
{
    long size = atol(value);
    if (size < 512 && size != 0)
        return "IOBufferSize must be >= 512 bytes, or 0 for system default.";
    w->io_buffer = size > INT_MAX ? INT_MAX : (int)size;
    return NULL;
}

static const char *set_receive_buffer(struct proxy_worker *w, const char *value)
{
    int size = atoi(value);
    if (size < 512 && size != 0)
        return "ReceiveBufferSize must be >= 512 bytes, or 0 for system default.";
    w->receive_buffer = size;
    return NULL;
}

static const char *set_field_size(struct proxy_worker *w, const char *value)
{
    long size = atol(value);
    if (size < 0)
        return "ResponseFieldSize must be greater than 0 bytes, or 0 for system default.";
    w->response_field_size = size > INT_MAX ? INT_MAX : (int)size;
    return NULL;
}

static const char *set_switch(bool *field, const char *value, bool on, const char *error)
{
    if (strcasecmp(value, "on") == 0)
        *field = on;
    else if (strcasecmp(value, "off") == 0)
        *field = !on;
    else
        return error;
    return NULL;
}

static const char *set_keepalive(struct proxy_worker *w, const char *value)
{
    return set_switch(&w->keepalive, value, true, "KeepAlive must be On|Off");
}

static const char *set_disable_reuse(struct proxy_worker *w, const char *value)
{
    return set_switch(&w->fresh, value, true, "DisableReuse must be On|Off");
}

static const char *set_enable_reuse(struct proxy_worker *w, const char *value)
{
    return set_switch(&w->fresh, value, false, "EnableReuse must be On|Off");
}

static const char *set_address_ttl(struct proxy_worker *w, const char *value)
{
    int64_t us;
    if (strcmp(value, "-1") == 0) {
        w->address_ttl_s = -1;
        return NULL;
    }
    if (!conf_time(value, "s", &us) || us % 1000000 || us / 1000000 > INT_MAX)
        return "AddressTTL must be -1 or a number of seconds not exceeding (2147483647)";
    w->address_ttl_s = (int)(us / 1000000);
    return NULL;
}

/* Letters after "+" or "-". O, G and F are httpd's own; E passes with the first look at the member. */
static const char *set_status(struct proxy_worker *w, const char *value)
{
    static const char letters[] = "INUDSCHROGEF";
    static const unsigned bits[] = { WORKER_IGNORES_ERRORS, WORKER_DRAINS,    WORKER_SHUT_DOWN, WORKER_DISABLED,
                                     WORKER_STOPPED,        WORKER_UNHEALTHY, WORKER_STANDBY,   WORKER_SPARE };
    bool on = true;
    for (const char *v = value; *v; v++) {
        if (*v == '+' || *v == '-')
            on = *v++ == '+';
        const char *letter = *v ? strchr(letters, toupper((unsigned char)*v)) : NULL;
        if (!letter)
            return "Unknown status parameter option";
        unsigned bit = (size_t)(letter - letters) < COUNT_OF(bits) ? bits[letter - letters] : 0;
        w->status = on ? w->status | bit : w->status & ~bit;
    }
    return NULL;
}

static const char *set_flush_packets(struct proxy_worker *w, const char *value)
{
    static const char *const words[] = { "off", "on", "auto" };
    for (unsigned i = 0; i < COUNT_OF(words); i++) {
        if (strcasecmp(value, words[i]) == 0) {
            w->flush_packets = (int)i;
            return NULL;
        }
    }
    return "flushpackets must be on|off|auto";
}

static const struct {
    const char *key;
    set_fn *set;
} others[] = {
    { "loadfactor", set_loadfactor },
    { "ttl", set_ttl },
    { "timeout", set_timeout },
    { "iobuffersize", set_io_buffer },
    { "receivebuffersize", set_receive_buffer },
    { "responsefieldsize", set_field_size },
    { "keepalive", set_keepalive },
    { "disablereuse", set_disable_reuse },
    { "enablereuse", set_enable_reuse },
    { "addressttl", set_address_ttl },
    { "status", set_status },
    { "flushpackets", set_flush_packets },
};

static const char *set_upgrade(struct conf_cmd *cmd, struct proxy_worker *w, const char *value)
{
    if (strcasecmp(value, "ANY") == 0)
        value = "*";
    if (strlen(value) >= 16)
        return "upgrade protocol length must be < 16 characters";
    w->upgrade = *value ? arena_strdup(cmd->arena, value) : NULL;
    return NULL;
}

const char *proxy_worker_set(struct conf_cmd *cmd, struct proxy_worker *w, const char *key, const char *value)
{
    for (unsigned i = 0; i < COUNT_OF(numbers); i++)
        if (strcasecmp(key, numbers[i].key) == 0)
            return set_number(w, &numbers[i], value);
    for (unsigned i = 0; i < COUNT_OF(durations); i++)
        if (strcasecmp(key, durations[i].key) == 0)
            return set_duration(w, &durations[i], value);
    for (unsigned i = 0; i < COUNT_OF(texts); i++)
        if (strcasecmp(key, texts[i].key) == 0)
            return set_text(cmd, w, &texts[i], value);
    for (unsigned i = 0; i < COUNT_OF(others); i++)
        if (strcasecmp(key, others[i].key) == 0)
            return others[i].set(w, value);
    if (strcasecmp(key, "upgrade") == 0)
        return set_upgrade(cmd, w, value);
    if (strncasecmp(key, "hc", 2) == 0)
        return conf_fault(
            cmd,
            "unknown Worker parameter: %s: Weir sends backends no requests of its own, mod_proxy_hcheck is "
            "not part of it / %s: Weir に mod_proxy_hcheck は含まれていません",
            key, key);
    return "unknown Worker parameter";
}

/* mod_http2's rows: their words are checked as httpd checks them (h2_config.c) and have no effect, since HTTP/1.1 is
 * spoken. */
#include "names.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

enum kind { SWITCH, NUMBER, SPAN_OF_TIME, ANYTHING };
struct value {
    const char *name;
    enum kind kind;
    long least, most;
    const char *low, *high; /* what is said of one outside */
};

static const struct value values[] = {
    { "H2MaxSessionStreams", NUMBER, 1, LONG_MAX, "value must be > 0" },
    { "H2WindowSize", NUMBER, 1024, LONG_MAX, "value must be >= 1024" },
    { "H2MinWorkers", NUMBER, 1, LONG_MAX, "value must be > 0" },
    { "H2MaxWorkers", NUMBER, 1, LONG_MAX, "value must be > 0" },
    { "H2StreamMaxMemSize", NUMBER, 1024, LONG_MAX, "value must be >= 1024" },
    { "H2MaxDataFrameLen", NUMBER, 0, LONG_MAX, "value must be 0 or larger" },
    { "H2Padding", NUMBER, 0, 8, "number of bits must be >= 0", "number of bits must be <= 8" },
    { "H2PushDiarySize", NUMBER, 0, 1 << 15, "value must be >= 0", "value must <= 65536" },
    { "H2MaxWorkerIdleSeconds", SPAN_OF_TIME, 0, 0, "Invalid idle limit value" },
    { "H2StreamTimeout", SPAN_OF_TIME, 0, 0, "Invalid timeout value" },
    { "H2SessionExtraFiles", ANYTHING },
    { "H2SerializeHeaders", ANYTHING },
    { "H2TLSWarmUpSize", ANYTHING },
    { "H2TLSCoolDownSecs", ANYTHING },
};

static const char *check_number(const struct value *v, const char *text)
{
    long n = strtol(text, NULL, 10);

    if (n < v->least)
        return v->low;
    if (v->most == 1 << 15 && (n & (n - 1)))
        return "value must a power of 2";
    return n > v->most ? v->high : NULL;
}

/* Those that are not in the table are switches. */
static const char *check_value(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    int64_t us;

    (void)settings, (void)argc;
    for (unsigned i = 0; i < COUNT_OF(values); i++) {
        if (strcasecmp(values[i].name, cmd->row->name) != 0)
            continue;
        if (values[i].kind == SPAN_OF_TIME)
            return conf_time(argv[0], "s", &us) ? NULL : values[i].low;
        return values[i].kind == NUMBER ? check_number(&values[i], argv[0]) : NULL;
    }
    return strcasecmp(argv[0], "on") == 0 || strcasecmp(argv[0], "off") == 0 ? NULL : "value must be On or Off";
}

static const char *check_priority(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *depends = argv[1], *weight = argc > 2 ? argv[2] : NULL;

    (void)cmd, (void)settings;
    if (!weight && isdigit((unsigned char)depends[0])) {
        weight = depends;
        depends = "After";
    }
    if (strcasecmp(depends, "Before") == 0 && weight)
        return "dependency 'Before' does not allow a weight";
    if (strcasecmp(depends, "After") != 0 && strcasecmp(depends, "Before") != 0 &&
        strcasecmp(depends, "Interleaved") != 0)
        return "dependency must be one of 'After', 'Before' or 'Interleaved'";
    return weight && atoi(weight) < 1 ? "weight must be a number >= 1" : NULL;
}

static const char *check_resource(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *last = argc > 2 ? argv[2] : NULL;

    (void)cmd, (void)settings;
    if (strcasecmp(argv[0], "add") != 0) {
        if (last)
            return "too many parameter";
        last = argc > 1 ? argv[1] : NULL;
    }
    return last && strcasecmp(last, "critical") != 0 ? "unknown last parameter" : NULL;
}

static const char *check_hint(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct span value = span_trim(span_of(argv[1]));

    (void)cmd, (void)settings, (void)argc;
    if (!value.n)
        return "Early Hint header value must not be empty/only space";
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' && value.p[i] != '\t')
            return "Early Hint header value contains invalid characters";
    return NULL;
}

#define ROW(name, where, args, check, help)                                                                            \
    {                                                                                                                  \
        name, where, args, check, { 0 }, help, CONF_NO_EFFECT, WHY_HTTP2                                               \
    }

const struct directive http2_directives[] = {
    ROW("H2CopyFiles", OR_FILEINFO, ARGS_1, check_value, "on to perform copy of file data"),
    ROW("H2Direct", IN_SITES, ARGS_1, check_value, "on to enable direct HTTP/2 mode"),
    ROW("H2EarlyHint", OR_FILEINFO | OR_AUTHCFG, ARGS_2, check_hint,
        "add a a 'Link:' header for a 103 Early Hints response."),
    ROW("H2EarlyHints", IN_SITES, ARGS_1, check_value, "on to enable interim status 103 responses"),
    ROW("H2MaxDataFrameLen", IN_SITES, ARGS_1, check_value, "maximum number of bytes in a single HTTP/2 DATA frame"),
    ROW("H2MaxHeaderBlockLen", IN_SITES, ARGS_1, check_value, "maximum number of bytes in a response header block"),
    ROW("H2MaxSessionStreams", IN_SITES, ARGS_1, check_value, "maximum number of open streams per session"),
    ROW("H2MaxStreamErrors", IN_SITES, ARGS_1, check_value, "maximum number of flow control errors tolerated"),
    ROW("H2MaxWorkerIdleSeconds", IN_SITES, ARGS_1, check_value,
        "maximum number of idle seconds before a worker shuts down"),
    ROW("H2MaxWorkers", IN_SITES, ARGS_1, check_value, "maximum number of worker threads per child"),
    ROW("H2MinWorkers", IN_SITES, ARGS_1, check_value, "minimum number of worker threads per child"),
    ROW("H2ModernTLSOnly", IN_SITES, ARGS_1, check_value, "off to not impose RFC 7540 restrictions on TLS"),
    ROW("H2OutputBuffering", IN_SITES, ARGS_1, check_value, "set stream output buffer on/off"),
    ROW("H2Padding", IN_SITES, ARGS_1, check_value, "set payload padding"),
    ROW("H2ProxyRequests", OR_FILEINFO, ARGS_1, check_value, "Enables forward proxy requests via HTTP/2"),
    ROW("H2Push", IN_ANY | OVERRIDE_AUTHCFG, ARGS_1, check_value, "off to disable HTTP/2 server push"),
    ROW("H2PushDiarySize", IN_SITES, ARGS_1, check_value, "size of push diary"),
    ROW("H2PushPriority", IN_SITES, ARGS_23, check_priority, "define priority of PUSHed resources per content type"),
    ROW("H2PushResource", OR_FILEINFO | OR_AUTHCFG, ARGS_123, check_resource,
        "add a resource to be pushed in this location/on this server."),
    ROW("H2SerializeHeaders", IN_SITES, ARGS_1, check_value, "disabled, this directive has no longer an effect."),
    ROW("H2SessionExtraFiles", IN_SITES, ARGS_1, check_value,
        "number of extra file a session might keep open (obsolete)"),
    ROW("H2StreamMaxMemSize", IN_SITES, ARGS_1, check_value, "maximum number of bytes buffered in memory for a stream"),
    ROW("H2StreamTimeout", IN_SITES, ARGS_1, check_value, "set stream timeout"),
    ROW("H2TLSCoolDownSecs", IN_SITES, ARGS_1, check_value, "seconds of idle time on TLS before shrinking writes"),
    ROW("H2TLSWarmUpSize", IN_SITES, ARGS_1, check_value, "number of bytes on TLS connection before doing max writes"),
    ROW("H2Upgrade", IN_ANY | OVERRIDE_AUTHCFG, ARGS_1, check_value, "on to allow HTTP/1 Upgrades to h2/h2c"),
    ROW("H2WebSockets", IN_SITES, ARGS_1, check_value, "off to disable WebSockets over HTTP/2"),
    ROW("H2WindowSize", IN_SITES, ARGS_1, check_value, "window size on client DATA"),
    { 0 },
};

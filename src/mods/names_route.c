/* What steers requests and answers: mod_env, mod_setenvif, mod_headers, mod_http2. */
#include "names.h"

const struct directive setenvif_directives[] = {
    REFUSED("BrowserMatch", ANYWHERE, WHY_STEERS),   REFUSED("BrowserMatchNoCase", ANYWHERE, WHY_STEERS),
    REFUSED("SetEnvIf", ANYWHERE, WHY_STEERS),       REFUSED("SetEnvIfExpr", ANYWHERE, WHY_STEERS),
    REFUSED("SetEnvIfNoCase", ANYWHERE, WHY_STEERS), { 0 },
};

const struct directive headers_directives[] = {
    INERT("Header", ANYWHERE, ARGS_RAW,
          "an optional condition, an action, header and value followed by optional env clause", WHY_HEADERS),
    INERT("RequestHeader", ANYWHERE, ARGS_RAW, "an action, header and value followed by optional env clause",
          WHY_HEADERS),
    { 0 },
};

const struct directive http2_directives[] = {
    INERT("H2CopyFiles", ANYWHERE, ARGS_1, "on to perform copy of file data", WHY_HTTP2),
    INERT("H2Direct", IN_SITES, ARGS_1, "on to enable direct HTTP/2 mode", WHY_HTTP2),
    INERT("H2EarlyHint", ANYWHERE, ARGS_2, "add a a 'Link:' header for a 103 Early Hints response.", WHY_HTTP2),
    INERT("H2EarlyHints", IN_SITES, ARGS_1, "on to enable interim status 103 responses", WHY_HTTP2),
    INERT("H2MaxDataFrameLen", IN_SITES, ARGS_1, "maximum number of bytes in a single HTTP/2 DATA frame", WHY_HTTP2),
    INERT("H2MaxHeaderBlockLen", IN_SITES, ARGS_1, "maximum number of bytes in a response header block", WHY_HTTP2),
    INERT("H2MaxSessionStreams", IN_SITES, ARGS_1, "maximum number of open streams per session", WHY_HTTP2),
    INERT("H2MaxStreamErrors", IN_SITES, ARGS_1, "maximum number of flow control errors tolerated", WHY_HTTP2),
    INERT("H2MaxWorkerIdleSeconds", IN_SITES, ARGS_1, "maximum number of idle seconds before a worker shuts down",
          WHY_HTTP2),
    INERT("H2MaxWorkers", IN_SITES, ARGS_1, "maximum number of worker threads per child", WHY_HTTP2),
    INERT("H2MinWorkers", IN_SITES, ARGS_1, "minimum number of worker threads per child", WHY_HTTP2),
    INERT("H2ModernTLSOnly", IN_SITES, ARGS_1, "off to not impose RFC 7540 restrictions on TLS", WHY_HTTP2),
    INERT("H2OutputBuffering", IN_SITES, ARGS_1, "set stream output buffer on/off", WHY_HTTP2),
    INERT("H2Padding", IN_SITES, ARGS_1, "set payload padding", WHY_HTTP2),
    INERT("H2ProxyRequests", ANYWHERE, ARGS_1, "Enables forward proxy requests via HTTP/2", WHY_HTTP2),
    INERT("H2Push", IN_ANY | IN_HTACCESS, ARGS_1, "off to disable HTTP/2 server push", WHY_HTTP2),
    INERT("H2PushDiarySize", IN_SITES, ARGS_1, "size of push diary", WHY_HTTP2),
    INERT("H2PushPriority", IN_SITES, ARGS_23, "define priority of PUSHed resources per content type", WHY_HTTP2),
    INERT("H2PushResource", ANYWHERE, ARGS_123, "add a resource to be pushed in this location/on this server.",
          WHY_HTTP2),
    INERT("H2SerializeHeaders", IN_SITES, ARGS_1, "disabled, this directive has no longer an effect.", WHY_HTTP2),
    INERT("H2SessionExtraFiles", IN_SITES, ARGS_1, "number of extra file a session might keep open (obsolete)",
          WHY_HTTP2),
    INERT("H2StreamMaxMemSize", IN_SITES, ARGS_1, "maximum number of bytes buffered in memory for a stream", WHY_HTTP2),
    INERT("H2StreamTimeout", IN_SITES, ARGS_1, "set stream timeout", WHY_HTTP2),
    INERT("H2TLSCoolDownSecs", IN_SITES, ARGS_1, "seconds of idle time on TLS before shrinking writes", WHY_HTTP2),
    INERT("H2TLSWarmUpSize", IN_SITES, ARGS_1, "number of bytes on TLS connection before doing max writes", WHY_HTTP2),
    INERT("H2Upgrade", IN_ANY | IN_HTACCESS, ARGS_1, "on to allow HTTP/1 Upgrades to h2/h2c", WHY_HTTP2),
    INERT("H2WebSockets", IN_SITES, ARGS_1, "off to disable WebSockets over HTTP/2", WHY_HTTP2),
    INERT("H2WindowSize", IN_SITES, ARGS_1, "window size on client DATA", WHY_HTTP2),
    { 0 },
};

/* Reason phrases, methods, dates, tokens (RFC 9110 sections 9, 15 and 5.6; httpd's http_protocol.c). */
#include "bytes.h"
#include "http.h"
#include <time.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 102, "Processing" },
    { 103, "Early Hints" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 203, "Non-Authoritative Information" },
    { 204, "No Content" },
    { 205, "Reset Content" },
    { 206, "Partial Content" },
    { 207, "Multi-Status" },
    { 208, "Already Reported" },
    { 226, "IM Used" },
    { 300, "Multiple Choices" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 305, "Use Proxy" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Request Entity Too Large" },
    { 414, "Request-URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Requested Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Entity" },
    { 423, "Locked" },
    { 424, "Failed Dependency" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Unavailable For Legal Reasons" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 506, "Variant Also Negotiates" },
    { 507, "Insufficient Storage" },
    { 508, "Loop Detected" },
    { 510, "Not Extended" },
    { 511, "Network Authentication Required" },
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown Reason";
}

/* Commonest first: with RegisteredMethods this runs for each request. */
static const char *const methods[] = {
    "GET",        "POST",    "HEAD",   "PUT",   "OPTIONS", "DELETE",      "PATCH",      "CONNECT",          "TRACE",
    "PROPFIND",   "COPY",    "MOVE",   "MKCOL", "LOCK",    "UNLOCK",      "PROPPATCH",  "VERSION-CONTROL",  "CHECKOUT",
    "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT",  "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
};

bool http_registered_method(struct span m, const struct vec *more)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (span_eq(m, span_of(methods[i])))
            return true;
    for (unsigned i = 0; more && i < more->n; i++)
        if (span_eq(m, span_of(more->items[i])))
            return true;
    return false;
}

bool http_is_token(struct span s)
{
    if (s.n >= 4 && s.n <= LANES && !lanes_any(lanes_not_word(lanes_of_few(s.p, s.n))))
        return true;
    for (size_t i = 0; i < s.n; i++)
        if (!byte_is(s.p[i], BYTE_TOKEN))
            return false;
    return s.n > 0;
}

bool http_is_value(struct span s)
{
    if (!span_has_control(s))
        return true;
    for (size_t i = 0; i < s.n; i++)
        if (byte_is(s.p[i], BYTE_CONTROL))
            return false;
    return true;
}

static char *put_two(char *out, int n)
{
    *out++ = (char)('0' + n / 10);
    *out++ = (char)('0' + n % 10);
    return out;
}

static void write_date(time_t when, char *out)
{
    static const char days[7][6] = { "Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, " };
    static const char months[12][6] = { " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                        " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec " };
    struct tm tm;

    ASSERT(gmtime_r(&when, &tm));
    out = stpcpy(put_two(stpcpy(out, days[tm.tm_wday]), tm.tm_mday), months[tm.tm_mon]);
    out = stpcpy(put_two(put_two(out, (tm.tm_year + 1900) / 100), tm.tm_year % 100), " ");
    out = stpcpy(put_two(out, tm.tm_hour), ":");
    out = stpcpy(put_two(out, tm.tm_min), ":");
    stpcpy(put_two(out, tm.tm_sec), " GMT");
}

size_t http_date(int64_t seconds, char out[32])
{
    const int64_t last = 253402300799;       /* the end of year 9999: four digits are all the form has */
    static _Thread_local time_t cached = -1; /* most dates are of this second */
    static _Thread_local char text[32];
    time_t when = (time_t)(seconds < 0 ? 0 : seconds > last ? last : seconds);

    if (when != cached) {
        write_date(when, text);
        cached = when;
    }
    memcpy(out, text, HTTP_DATE_LENGTH + 1);
    return HTTP_DATE_LENGTH;
}

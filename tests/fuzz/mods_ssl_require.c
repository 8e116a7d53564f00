/* SSLRequire: any text is a requirement that can be evaluated, or a fault. */
#include "ssl_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct peer_info peer = { .ip = "192.0.2.1", .tls = true };
    struct arena *a = arena_new();
    static const struct directive row = { "SSLRequire", .why = "why / 何故" };
    struct conf_node node = { .name = "SSLRequire", .args = arena_strndup(a, (const char *)data, size) };
    struct conf_reading reading = { .regex_flags = REGEX_DEFAULT };
    struct conf_cmd cmd = { .row = &row, .node = &node, .arena = a, .reading = &reading };
    struct request r = { .magic = REQUEST_MAGIC, .arena = a, .peer = &peer };
    struct ssl_place place = { 0 };
    char *argv[] = { (char *)(uintptr_t)node.args, NULL };
    const char *fault = ssl_set_require(&cmd, &place, 1, argv), *error = NULL;

    if (!fault == !place.require.n) /* one or the other */
        base_panic("neither a requirement nor a fault", __FILE__, __LINE__);
    if (!fault && !strstr(node.args, "%{") &&
        !strchr(node.args, '(')) /* variables and functions want a whole request */
        ssl_requirement_met(&r, place.require.items[0], &error);
    arena_free(a);
    return 0;
}

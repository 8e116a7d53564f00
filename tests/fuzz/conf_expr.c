/* Any bytes as a condition and as a template: the compiler refuses or the evaluator ends, with every name answered by
 * the text itself. */
#include <stdlib.h>

#include "expr.h"

static struct span give_variable(void *ctx, struct arena *a, const char *name)
{
    (void)a, (void)name;
    return *(const struct span *)ctx;
}

static struct span give_function(void *ctx, struct arena *a, const char *name, struct span arg)
{
    (void)ctx, (void)a;
    return *name == 'n' ? (struct span){ NULL, 0 } : arg;
}

static void run(struct arena *a, const char *text, unsigned flags)
{
    const char *error = NULL;
    struct span whole = span_of(text);
    struct expr_env env = { .ctx = &whole, .arena = a, .variable = give_variable, .function = give_function };
    struct expr *e = expr_compile(a, text, flags, NULL, &error);

    if (!e) {
        ASSERT(error && *error);
        return;
    }
    if (flags & EXPR_STRING)
        ASSERT((expr_text(e, &env, &error).p == NULL) == (error != NULL));
    else
        ASSERT((expr_true(e, &env, &error) < 0) == (error != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, size);

    run(a, text, EXPR_RESTRICTED);
    run(a, text, EXPR_RESTRICTED | EXPR_STRING);
    arena_free(a);
    return 0;
}

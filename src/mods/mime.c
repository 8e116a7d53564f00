/* What a file is by its extensions: mod_mime.c (find_ct, analyze_ct), core.c (core_override_type) and what
 * http_protocol.c adds on the way out (ap_make_content_type). */
#include "mime.h"
#include "core.h"
#include "proxying.h"

#include <ctype.h>
#include <strings.h>

/* ---- what the extensions say ---- */

static const char *append(struct arena *a, const char *list, const char *between, const char *item)
{
    return list ? arena_concat(a, list, between, item, NULL) : item;
}

static void take_extension(struct request *r, const struct mime_place *place, const char *extension,
                           const char **charset)
{
    const struct mime_site *main = site_part(r->snapshot->main, &mime_module);
    const struct mime_extension *known = place->extensions ? map_get(place->extensions, extension) : NULL;
    const char *type = known ? known->of[MIME_TYPE] : NULL;

    if (!type)
        type = mime_type_of(main->types, extension);
    if (type && *type)
        r->content_type = type;
    if (!known)
        return;
    if (known->of[MIME_CHARSET])
        *charset = known->of[MIME_CHARSET];
    if (known->of[MIME_LANGUAGE])
        r->content_language = append(r->arena, r->content_language, ",", known->of[MIME_LANGUAGE]);
    if (known->of[MIME_ENCODING])
        r->content_encoding = append(r->arena, r->content_encoding, ", ", known->of[MIME_ENCODING]);
    if (known->of[MIME_FILTERS])
        r->filters = append(r->arena, r->filters, ";", known->of[MIME_FILTERS]);
    if (known->of[MIME_HANDLER] && !r->proxy)
        r->handler = known->of[MIME_HANDLER];
}

/* The name's parts behind its first dot, leading dots being part of the name. */
static const char *take_extensions(struct request *r, const struct mime_place *place, const char *name)
{
    const char *charset = NULL;
    const char *dot = strchr(name + strspn(name, "."), '.');
    char *rest = dot ? arena_strdup(r->arena, dot + 1) : NULL, *extension;

    for (char *p = rest; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    while ((extension = strsep(&rest, ".")))
        if (*extension)
            take_extension(r, place, extension, &charset);
    return charset;
}

/* "type/subtype; name=value": the charset found takes the place of the type's own, else comes last. */
static const char *with_charset(struct request *r, const char *type, const char *charset)
{
    size_t base = strcspn(type, "; \t");
    const char *out = arena_strndup(r->arena, type, base), *rest = type + base;
    bool placed = !charset;

    if (!memchr(type, '/', base))
        return type;
    while (*(rest += strspn(rest, "; \t"))) {
        size_t n = strcspn(rest, ";");
        const char *parameter = arena_span(r->arena, span_trim((struct span){ rest, n }));
        bool is_charset = charset && strncmp(parameter, "charset=", 8) == 0;
        if (is_charset && !placed)
            parameter = arena_concat(r->arena, "charset=", charset, NULL);
        if (!is_charset || !placed)
            out = arena_concat(r->arena, out, "; ", parameter, NULL);
        placed |= is_charset;
        rest += n;
    }
    return placed ? out : arena_concat(r->arena, out, "; charset=", charset, NULL);
}

void mime_find(struct request *r)
{
    const struct mime_place *place = place_part(r->place, &mime_module);
    const struct mime_site *main = site_part(r->snapshot->main, &mime_module);
    const char *name, *slash, *charset;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    r->content_type = r->content_encoding = r->content_language = r->filters = NULL;
    if (!main->loaded)
        return;
    if (!r->proxy && r->file.kind == RESOURCE_DIRECTORY) {
        r->content_type = DIRECTORY_TYPE;
        return;
    }
    name = r->proxy ? r->proxy->url : r->filename;
    if (!name)
        return;
    if (place->use_path_info && r->path_info)
        name = arena_concat(r->arena, name, r->path_info, NULL);
    if (r->proxy && r->proxy->nocanon) /* it has the query in it */
        name = arena_strndup(r->arena, name, strcspn(name, "?"));
    slash = strrchr(name, '/');
    charset = take_extensions(r, place, slash ? slash + 1 : name);
    if (r->content_type)
        r->content_type = with_charset(r, r->content_type, charset);
    if (!r->content_language)
        r->content_language = place->default_language;
}

static const char *name_of(const struct request *r, const struct core_handler *handler, const char **fault)
{
    if (!handler || handler->name)
        return handler ? handler->name : "none";
    struct span text = vars_text(r, handler->text, fault);
    return *fault ? "none" : core_handler_name(r->arena, text);
}

int core_override_type(struct request *r)
{
    const struct core_place *place = core_place_of(r->place);
    const char *fault = NULL, *name = name_of(r, place->handler, &fault);

    if (place->force_type && strcasecmp(place->force_type, "none") != 0)
        r->content_type = place->force_type;
    if (strcmp(name, "none") != 0)
        r->handler = name;
    if (fault)
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 3154, "Can't evaluate handler expression: %s", fault);
    return fault ? 500 : 0;
}

/* ---- on the way out ---- */

static bool holds(struct span text, const char *word)
{
    for (size_t n = strlen(word); text.n >= n; text.p++, text.n--)
        if (strncasecmp(text.p, word, n) == 0)
            return true;
    return false;
}

/* AddDefaultCharset: for text that does not say. */
void mime_charset(struct request *r)
{
    const char *charset = core_place_of(r->place)->default_charset;
    struct span type = http_fields_get(&r->out, "Content-Type");

    if (!charset || !type.p || holds(type, "charset=") || (!holds(type, "text/plain") && !holds(type, "text/html")))
        return;
    http_fields_set(r->arena, &r->out, "Content-Type",
                    span_of(arena_concat(r->arena, arena_span(r->arena, type), "; charset=", charset, NULL)));
}

void mime_answer(struct request *r)
{
    if (r->status == 204 || r->status == 304)
        return;
    if (r->content_type && !http_fields_find(&r->out, "Content-Type"))
        http_fields_set(r->arena, &r->out, "Content-Type", span_of(r->content_type));
    if (r->content_encoding)
        http_fields_set(r->arena, &r->out, "Content-Encoding", span_of(r->content_encoding));
    if (r->content_language)
        http_fields_set(r->arena, &r->out, "Content-Language", span_of(r->content_language));
}

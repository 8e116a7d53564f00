/* <Macro name $a %b @c>, Use and UndefMacro (mod_macro.c): a body is kept as lines, and becomes a source of its own
 * with the arguments in place. */
#include "reader.h"

#include <strings.h>

#define LINE_BYTES    8192 /* MAX_STRING_LEN: of a line in a body, before and after */
#define ARGUMENTS_MAX 256
#define NAME_BYTES    16384 /* of a source: a macro defined and used in a macro's use holds its name twice */
#define PREFIXES      "$%@"

struct macro {
    const char *name, *location;
    struct vec arguments, lines; /* char * */
};

static bool looks_like_argument(const char *word)
{
    return *word && strchr(PREFIXES, *word);
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s |= 0x20;
}

static char *macro_name(struct reader *r, const char **args)
{
    char *name = conf_word(r->arena, args);
    if (name)
        lower(name);
    return name && *name ? name : NULL;
}

static bool take_arguments(struct reader *r, const char *args, struct vec *out)
{
    char *word;
    while ((word = conf_word(r->arena, &args))) {
        if (out->n == ARGUMENTS_MAX)
            return reader_fault(r, "Macros take at most %d arguments / マクロの引数は %d 個までです", ARGUMENTS_MAX,
                                ARGUMENTS_MAX);
        vec_add(r->arena, out, word);
    }
    return true;
}

static const char *described(struct reader *r, const struct macro *m)
{
    return arena_printf(r->arena, "macro '%s' (%s)", m->name, m->location);
}

/* ---- the definition ------------------------------------------------------------------------------------------ */

static bool check_pair(struct reader *r, const struct macro *m, unsigned i, unsigned j)
{
    const char *a = m->arguments.items[i], *b = m->arguments.items[j];
    size_t na = strlen(a), nb = strlen(b);
    if (strcmp(a, b) == 0)
        return reader_fault(r,
                            "argument name conflict in macro '%s' (%s): argument '%s': #%u and #%u, change argument "
                            "names!",
                            m->name, m->location, a, i + 1, j + 1);
    if (nb && strncmp(a, b, na < nb ? na : nb) == 0)
        reader_note(r, LOG_MACRO, 2797,
                    "macro '%s' (%s): argument name prefix conflict (%s #%u and %s #%u), be careful about your macro "
                    "definition!",
                    m->name, m->location, a, i + 1, b, j + 1);
    return true;
}

static bool check_arguments(struct reader *r, const struct macro *m)
{
    for (unsigned i = 0; i < m->arguments.n; i++) {
        const char *name = m->arguments.items[i];
        if (!*name)
            return reader_fault(r, "macro '%s' (%s): empty argument #%u name", m->name, m->location, i + 1);
        if (!looks_like_argument(name))
            reader_note(r, LOG_MACRO, 2796,
                        "macro '%s' (%s) argument name '%s' (#%u) without expected prefix, better prefix argument "
                        "names with one of '%s'.",
                        m->name, m->location, name, i + 1, PREFIXES);
        for (unsigned j = i + 1; j < m->arguments.n; j++)
            if (!check_pair(r, m, i, j))
                return false;
    }
    return true;
}

static void warn_if_not_blank(struct reader *r, const char *what, const char *text)
{
    const char *first = text + strspn(text, " \t");
    if (*first && *first != '#')
        reader_note(r, LOG_MACRO, 2989, "%s on line %d of %s: %s", what, r->source->line, r->source->name, text);
}

struct nesting { /* of the lines of a body */
    int macros, all, first_line;
};

/* True when the line ends the body. httpd only warns of sections that a body leaves open. */
static bool ends_body(struct reader *r, struct nesting *n, const char *line, const char *where)
{
    const char *rest = line, *word = conf_word(r->arena, &rest);
    if (!word || *word != '<')
        return false;
    n->all += word[1] == '/' ? -1 : 1;
    if (n->all < 0 && word[1] == '/')
        reader_note(r, LOG_MACRO, 2793, "bad (negative) nesting on line %d of %s", r->source->line - n->first_line,
                    where);
    if (strcasecmp(word, "<Macro") == 0)
        n->macros++;
    if (strcasecmp(word, "</Macro>") != 0)
        return false;
    warn_if_not_blank(r, "AH02794: non blank chars found after directive closing", strrchr(line, '>') + 1);
    if (--n->macros > 0)
        return false;
    if (n->all)
        reader_note(r, LOG_MACRO, 2795, "bad cumulated nesting (%+d) in %s", n->all, where);
    return true;
}

static bool take_body(struct reader *r, struct macro *m, const char *where)
{
    struct nesting nesting = { 1, 1, r->source->line };
    char *line;
    enum line_result got;
    while ((got = reader_next(r, &line)) == LINE_YES && strlen(line) < LINE_BYTES - 1) {
        if (*line == '#')
            continue;
        if (ends_body(r, &nesting, line, where))
            return true;
        vec_add(r->arena, &m->lines, arena_strdup(r->arena, line));
    }
    if (got == LINE_FAULT)
        return false;
    return reader_fault(r, "%s\n\tcontents error: expected token not found: </Macro>", where);
}

/* ---- substitution ---------------------------------------------------------------------------------------------- */

/* The longest argument that stands at p; -1 when none does. */
static int argument_at(const struct macro *m, const char *p)
{
    size_t longest = 0;
    int found = -1;
    for (unsigned i = 0; i < m->arguments.n; i++) {
        const char *name = m->arguments.items[i];
        size_t n = strlen(name);
        if (n > longest && strncmp(p, name, n) == 0) {
            longest = n;
            found = (int)i;
        }
    }
    return found;
}

/* An argument named with "@" is put in quotes. */
static bool substitute(const struct macro *m, const char *line, const struct vec *values, struct buf *out)
{
    size_t begin = buf_len(out);
    while (*line) {
        int i = argument_at(m, line);
        if (i < 0) {
            buf_add(out, line++, 1);
            continue;
        }
        const char *name = m->arguments.items[i];
        line += strlen(name);
        if (*name == '@' && strcmp(name, values->items[i]) != 0)
            words_quote(out, values->items[i]);
        else
            buf_adds(out, values->items[i]);
        if (buf_len(out) - begin + strlen(line) + 1 >= LINE_BYTES)
            return false;
    }
    buf_adds(out, "\n");
    return true;
}

static void mark_used(const struct macro *m, const char *line, bool *used)
{
    while (*line) {
        int at = argument_at(m, line);
        line += at < 0 ? 1 : strlen(m->arguments.items[at]);
        if (at >= 0)
            used[at] = true;
    }
}

static void check_body(struct reader *r, const struct macro *m)
{
    bool used[ARGUMENTS_MAX] = { false };
    if (m->lines.n == 0) {
        reader_note(r, LOG_MACRO, 2799, "macro '%s' (%s): empty contents!", m->name, m->location);
        return;
    }
    for (unsigned i = 0; i < m->lines.n; i++)
        mark_used(m, m->lines.items[i], used);
    for (unsigned i = 0; i < m->arguments.n; i++)
        if (!used[i])
            reader_note(r, LOG_MACRO, 2800, "macro '%s' (%s): argument '%s' (#%u) never used", m->name, m->location,
                        (char *)m->arguments.items[i], i + 1);
}

/* ---- the words ----------------------------------------------------------------------------------------------------
 */

static void free_map(void *map)
{
    map_free(map);
}

static struct macro *new_macro(struct reader *r, const char *name)
{
    struct macro *m = arena_alloc(r->arena, sizeof(*m));
    if (!r->out->macros) {
        r->out->macros = map_new(MAP_EXACT);
        arena_on_free(r->arena, free_map, r->out->macros);
    }
    const struct macro *old = map_get(r->out->macros, name);
    if (old)
        reader_note(r, LOG_MACRO, 2802, "macro '%s' multiply defined: %s, redefined on line %d of \"%s\"", name,
                    old->location, r->at.line, r->at.file);
    m->name = name;
    m->location = arena_printf(r->arena, "defined on line %d of \"%s\"", r->at.line, r->at.file);
    return m;
}

bool macro_section(struct reader *r, const struct word *w, char **argv)
{
    char *end = strrchr(argv[0], '>');
    const char *args = argv[0];
    (void)w;
    if (!end)
        return reader_fault(r, "<Macro> directive missing closing '>'");
    if (end == args)
        return reader_fault(r, "<Macro macro definition: empty name");
    warn_if_not_blank(r, "AH02801: non blank chars found after <Macro closing '>'", end + 1);
    *end = '\0';
    const char *name = macro_name(r, &args);
    if (!name)
        return reader_fault(r, "<Macro macro definition: name not found");
    struct macro *m = new_macro(r, name);
    const char *where = described(r, m);
    if (!reader_spend(r, strlen(where)))
        return false;
    if (looks_like_argument(name))
        reader_note(r, LOG_MACRO, 2803, "%s better prefix a macro name with any of '%s'", where, PREFIXES);
    if (!take_arguments(r, args, &m->arguments) || !check_arguments(r, m) || !take_body(r, m, where))
        return false;
    check_body(r, m);
    map_set(r->out->macros, name, m);
    return true;
}

/* A use inside its own expansion is seen by the name of the source, which names all uses around it. */
static const struct macro *usable(struct reader *r, const char **args)
{
    if (!r->out->macros) {
        reader_fault(r, "no macro defined before Use");
        return NULL;
    }
    const char *name = macro_name(r, args);
    const struct macro *m = name ? map_get(r->out->macros, name) : NULL;
    if (!name)
        reader_fault(r, "no macro name specified with Use");
    else if (!m)
        reader_fault(r, "macro '%s' undefined", name);
    else if (strstr(r->source->name, arena_concat(r->arena, "macro '", name, "'", NULL)))
        reader_fault(r, "recursive use of macro '%s' is invalid", name);
    else if (r->source->depth >= NESTING_MAX || strlen(r->source->name) > NAME_BYTES)
        reader_fault(r, "Sections are nested too deeply");
    else
        return m;
    return NULL;
}

static void push_source(struct reader *r, const char *name, const struct buf *text)
{
    struct source *s = arena_alloc(r->arena, sizeof(*s));
    s->name = name;
    s->p = arena_copy(r->arena, buf_head(text), buf_len(text));
    s->end = s->p + buf_len(text);
    s->depth = r->source->depth + 1;
    s->below = r->source;
    r->source = s;
}

static bool expand(struct reader *r, const struct macro *m, const struct vec *values, const char *where)
{
    struct buf text = { 0 };
    bool ok = reader_spend(r, strlen(where));
    for (unsigned i = 0; ok && i < m->lines.n; i++) {
        size_t before = buf_len(&text);
        ok = substitute(m, m->lines.items[i], values, &text);
        if (!ok)
            reader_fault(r,
                         "%s error while substituting: while processing line %u of macro '%s' (%s) cannot substitute, "
                         "buffer size too small",
                         where, i + 1, m->name, m->location);
        ok = ok && reader_spend(r, buf_len(&text) - before);
    }
    if (ok && buf_len(&text))
        push_source(r, where, &text);
    buf_release(&text);
    return ok;
}

bool macro_use(struct reader *r, const struct word *w, char **argv)
{
    const char *args = argv[0];
    struct vec values = { 0 };
    const struct macro *m = usable(r, &args);
    (void)w;
    if (!m || !take_arguments(r, args, &values))
        return false;
    if (values.n != m->arguments.n)
        return reader_fault(r, "macro '%s' (%s) used with %u arguments instead of %u", m->name, m->location, values.n,
                            m->arguments.n);
    const char *where = arena_printf(r->arena, "%s used on line %d of \"%s\"", described(r, m), r->at.line, r->at.file);
    for (unsigned i = 0; i < values.n; i++)
        if (!*(char *)values.items[i])
            reader_note(r, LOG_MACRO, 2798, "%s: empty argument #%u", where, i + 1);
    return expand(r, m, &values, where);
}

bool macro_undef(struct reader *r, const struct word *w, char **argv)
{
    (void)w;
    if (!r->out->macros)
        return reader_fault(r, "no macro defined before UndefMacro");
    lower(argv[0]);
    if (!map_remove(r->out->macros, argv[0]))
        return reader_fault(r, "cannot remove undefined macro '%s'", argv[0]);
    return true;
}

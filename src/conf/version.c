/* <IfVersion [[!]op] version> (mod_version.c). */
#include "reader.h"

#include <stdlib.h>

static const char invalid[] =
    "Version appears to be invalid. It must have the format major[.minor[.patch]] where major, minor and patch are "
    "numbers.";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "2", "2.4" or "2.4.62"; what is left out is 0. */
static bool parse(const char *text, long version[3])
{
    version[0] = version[1] = version[2] = 0;
    if (!is_digit(*text))
        return false;
    for (int i = 0; i < 3; i++) {
        version[i] = is_digit(*text) ? strtol(text, NULL, 10) : 0;
        text += strspn(text, "0123456789");
        if (!*text)
            return true;
        if (*text++ != '.')
            return false;
    }
    return !*text;
}

/* <0, 0, >0: ours is older, the same, newer. */
static int compare(const long ours[3], const long theirs[3])
{
    for (int i = 0; i < 3; i++)
        if (ours[i] != theirs[i])
            return ours[i] < theirs[i] ? -1 : 1;
    return 0;
}

static const char *our_version(const struct reader *r)
{
    return r->out->options->version ? r->out->options->version : "";
}

static const char *match_regex(struct reader *r, const char *pattern, bool *match)
{
    const char *why;
    const struct regex *regex = regex_compile(r->arena, pattern, REGEX_DEFAULT, &why);
    if (!regex)
        return "Unable to compile regular expression";
    *match = regex_search(regex, span_of(our_version(r)), NULL) == REGEX_YES;
    return NULL;
}

static const char *match_number(struct reader *r, char op, bool or_same, const char *version, bool *match)
{
    long ours[3] = { 0 }, theirs[3];
    if (!parse(version, theirs))
        return invalid;
    parse(our_version(r), ours);
    int order = compare(ours, theirs);
    *match = (order == 0 && (op == '=' || or_same)) || (order < 0 && op == '<') || (order > 0 && op == '>');
    return NULL;
}

/* version: without the ">". NULL, or the fault. */
static const char *evaluate(struct reader *r, const char *op, char *version, bool *match)
{
    const char *p = op + (op[0] == '!' && op[1]);
    size_t n = strlen(version);
    if (!*p || !strchr("=~<>", *p) || (p[1] && (p[1] != '=' || p[2] || *p == '~')))
        return arena_printf(r->arena, "unrecognized operator '%s'", op);
    if (*p == '~')
        return match_regex(r, version, match);
    if (*p != '=' || *version != '/')
        return match_number(r, *p, p[1] == '=', version, match);
    if (n < 2 || version[n - 1] != '/')
        return "Missing delimiting / of regular expression.";
    version[n - 1] = '\0';
    return match_regex(r, version + 1, match);
}

/* The ">" may be the end of the version or, after a quoted one, a word of its own. */
bool version_section(struct reader *r, const struct word *w, char **argv)
{
    const char *op = argv[0];
    char *version = argv[1], *last = argv[2];
    bool match = false;
    if (!version)
        version = argv[0], op = "=";
    if (!last && strcmp(version, ">") == 0 && version != argv[0])
        last = version, version = argv[0], op = "=";
    size_t n = strlen(version);
    bool apart = last && strcmp(last, ">") == 0;
    if (n == 0 || (!apart && version[n - 1] != '>'))
        return reader_fault(r, "%s> directive missing closing '>'", w->name);
    if (!apart)
        version[n - 1] = '\0';
    const char *fault = evaluate(r, op, version, &match);
    if (fault)
        return reader_fault(r, "%s", fault);
    return language_condition(r, w->name, match != (op[0] == '!'));
}

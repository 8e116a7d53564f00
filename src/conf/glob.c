/* Shell patterns as apr_fnmatch and ap_strcasecmp_match read them, without recursion: time is bounded by pattern ×
 * text. */
#include "build.h"

#include <ctype.h>

bool glob_has_wildcard(const char *pattern)
{
    bool bracket = false;
    for (const char *p = pattern; *p; p++) {
        if (*p == '*' || *p == '?' || (*p == ']' && bracket))
            return true;
        if (*p == '[')
            bracket = true;
        if (*p == '\\' && !*++p)
            return false;
    }
    return false;
}

static bool in_range(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

/* p is behind "[". Returns what follows the "]", or NULL when there is none: then "[" is a letter like others. */
static const char *match_set(const char *p, unsigned char c, bool *matched)
{
    bool negated = *p == '!' || *p == '^', found = false;
    p += negated;
    for (const char *first = p; *p && (*p != ']' || p == first); p++) {
        if (*p == '\\' && p[1])
            p++;
        unsigned char low = (unsigned char)*p, high = low;
        if (p[1] == '-' && p[2] && p[2] != ']') {
            p += 2;
            if (*p == '\\' && p[1])
                p++;
            high = (unsigned char)*p;
        }
        found |= in_range(c, low, high);
    }
    *matched = found != negated;
    return *p ? p + 1 : NULL;
}

static bool same_letter(char a, char b, unsigned flags)
{
    if (flags & GLOB_NAME)
        return tolower((unsigned char)a) == tolower((unsigned char)b);
    return a == b;
}

/* One pattern item other than "*" against one byte. Returns the pattern after it, or NULL. */
static const char *match_one(const char *p, char c, unsigned flags)
{
    bool matched;
    bool plain = flags & GLOB_NAME;
    if (!*p)
        return NULL;
    if ((flags & GLOB_PATHNAME) && c == '/')
        return *p == '/' ? p + 1 : NULL;
    if (*p == '?')
        return p + 1;
    if (*p == '[' && !plain) {
        const char *after = match_set(p + 1, (unsigned char)c, &matched);
        if (after)
            return matched ? after : NULL;
    }
    if (*p == '\\' && p[1] && !plain)
        p++;
    return same_letter(*p, c, flags) ? p + 1 : NULL;
}

bool glob_match(const char *pattern, struct span text, unsigned flags)
{
    const char *p = pattern, *star = NULL, *retry = NULL;
    const char *t = text.p, *end = text.p + text.n;
    while (t < end) {
        if (*p == '*') {
            star = ++p;
            retry = t;
            continue;
        }
        const char *next = match_one(p, *t, flags);
        if (next) {
            p = next;
            t++;
            continue;
        }
        /* Only the last star need give way: a "/" that none may cross ends the part in which an earlier one could. */
        if (!star || ((flags & GLOB_PATHNAME) && *retry == '/'))
            return false;
        p = star;
        t = ++retry;
    }
    while (*p == '*')
        p++;
    return !*p;
}

/* Dates as peers write them (RFC 9110 5.6.7): the three forms, read as apr_date_parse_http does, which looks neither at
 * the weekday nor at the zone. */
#include "bytes.h"
#include "http.h"

struct moment {
    int year, month, day, hour, minute, second;
};

/* '#' a digit, '~' a digit or a blank, '@' and '$' letters, '*' whatever follows. */
static bool fits(struct span s, const char *mask)
{
    for (size_t i = 0; *mask && *mask != '*'; i++, mask++) {
        char c = i < s.n ? s.p[i] : '\0';
        bool fit = *mask == '#'   ? is_digit(c)
                   : *mask == '~' ? is_digit(c) || c == ' '
                   : *mask == '@' ? c >= 'A' && c <= 'Z'
                   : *mask == '$' ? c >= 'a' && c <= 'z'
                                  : c == *mask;
        if (!fit)
            return false;
        if (!mask[1])
            return i + 1 == s.n;
    }
    return true;
}

static int number(const char *p, int digits)
{
    int value = 0;

    for (; digits--; p++)
        value = value * 10 + (is_digit(*p) ? *p - '0' : 0);
    return value;
}

static int month_of(const char *p)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(p, names + 3 * i, 3) == 0)
            return i + 1;
    return 0;
}

static void set_time(struct moment *m, const char *p)
{
    m->hour = number(p, 2);
    m->minute = number(p + 3, 2);
    m->second = number(p + 6, 2);
}

/* What stands behind the weekday. */
static bool parse_moment(struct span s, struct moment *m)
{
    if (fits(s, "## @$$ #### ##:##:## *")) {
        *m = (struct moment){ .year = number(s.p + 7, 4), .month = month_of(s.p + 3), .day = number(s.p, 2) };
        set_time(m, s.p + 12);
    } else if (fits(s, "# @$$ #### ##:##:## *")) {
        *m = (struct moment){ .year = number(s.p + 6, 4), .month = month_of(s.p + 2), .day = number(s.p, 1) };
        set_time(m, s.p + 11);
    } else if (fits(s, "##-@$$-## ##:##:## *")) {
        *m = (struct moment){ .year = number(s.p + 7, 2) + 1900, .month = month_of(s.p + 3), .day = number(s.p, 2) };
        m->year += m->year < 1970 ? 100 : 0;
        set_time(m, s.p + 10);
    } else if (fits(s, "@$$ ~# ##:##:## ####*")) {
        *m = (struct moment){ .year = number(s.p + 16, 4), .month = month_of(s.p), .day = number(s.p + 4, 2) };
        set_time(m, s.p + 7);
    } else {
        return false;
    }
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool exists(const struct moment *m)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (!m->month || m->hour > 23 || m->minute > 59 || m->second > 61 || m->day < 1 || m->year < 1970)
        return false;
    return m->day <= days[m->month - 1] + (m->month == 2 && is_leap(m->year));
}

/* Of the proleptic Gregorian calendar, since 1970-01-01; years that begin in March put the leap day last. */
static int64_t days_since_epoch(const struct moment *m)
{
    int64_t year = m->year - (m->month <= 2), month = (m->month + 9) % 12;

    return year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + m->day - 1 - 719468;
}

int64_t http_parse_date(struct span s)
{
    struct moment m;
    const char *blank;

    while (s.n && byte_is(*s.p, BYTE_SPACE))
        s.p++, s.n--;
    blank = s.n ? memchr(s.p, ' ', s.n) : NULL;
    if (!blank)
        return 0;
    s = (struct span){ blank + 1, (size_t)(s.p + s.n - blank) - 1 };
    if (!parse_moment(s, &m) || !exists(&m))
        return 0;
    return days_since_epoch(&m) * 86400 + m.hour * 3600 + m.minute * 60 + m.second;
}

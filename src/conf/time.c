/* Time words of directives and parameters (util.c, ap_timeout_parameter_parse). */
#include "conf.h"

#include <errno.h>
#include <stdlib.h>

/* Only the letters that decide are looked at: "5seconds" and "2minutes" are good, as in httpd. 0: unknown. */
static int64_t microseconds_in(const char *unit)
{
    if (unit[0] == 's')
        return 1000000;
    if (unit[0] == 'h')
        return (int64_t)3600 * 1000000;
    if (unit[0] != 'm')
        return 0;
    if (unit[1] == 's')
        return 1000;
    return unit[1] == 'i' ? (int64_t)60 * 1000000 : 0;
}

bool conf_time(const char *text, const char *default_unit, int64_t *us)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    int64_t unit = microseconds_in(*end ? end : default_unit), product;
    if (errno || number < 0 || !unit || __builtin_mul_overflow((int64_t)number, unit, &product))
        return false;
    *us = product;
    return true;
}

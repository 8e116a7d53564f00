/* What -S, -M, -l, -L and -D DUMP_… show, in httpd's forms (config.c, show_overrides; mod_so.c; mod_unixd.c). */
#include "tools.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- directives ------------------------------------------------------------------------------------------- */

/* "AuthConfig or Limit"; "" when any will do. */
static void name_classes(unsigned where, char *out, size_t size)
{
    static const struct {
        unsigned bit;
        const char *name;
    } classes[] = { { OVERRIDE_AUTHCFG, "AuthConfig" },
                    { OVERRIDE_LIMIT, "Limit" },
                    { OVERRIDE_OPTIONS, "Options" },
                    { OVERRIDE_FILEINFO, "FileInfo" },
                    { OVERRIDE_INDEXES, "Indexes" } };
    size_t n = 0;

    *out = '\0';
    for (size_t i = 0; i < COUNT_OF(classes) && (where & IN_HTACCESS) != IN_HTACCESS; i++)
        if (where & classes[i].bit)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " or " : "", classes[i].name);
}

static void print_where(unsigned where)
{
    char classes[80];
    bool outside = where & IN_SITES, inside = where & (IN_PLACES | IN_LIMIT);
    const char *place = outside && inside ? "anywhere"
                        : outside         ? "only outside <Directory>, <Files>, <Location>, or <If>"
                                          : "only inside <Directory>, <Files>, <Location>, or <If>";
    printf("\tAllowed in *.conf %s%s\n", place, where & IN_HTACCESS ? " and in .htaccess" : "");
    name_classes(where, classes, sizeof(classes));
    if (where & IN_HTACCESS)
        printf("\twhen AllowOverride %s%s\n", *classes ? "includes " : "isn't None", classes);
}

/* Beyond httpd's -L: how many words, and each place. */
static void print_form(const struct directive *d)
{
    static const char *const forms[] = {
        [ARGS_NONE] = "none",
        [ARGS_FLAG] = "On or Off",
        [ARGS_1] = "1",
        [ARGS_2] = "2",
        [ARGS_3] = "3",
        [ARGS_12] = "1 or 2",
        [ARGS_13] = "1 or 3",
        [ARGS_23] = "2 or 3",
        [ARGS_123] = "1 to 3",
        [ARGS_ITERATE] = "1 or more",
        [ARGS_ITERATE2] = "1, then 1 or more",
        [ARGS_LIST] = "any number",
        [ARGS_RAW] = "text",
        [ARGS_SECTION] = "section",
    };
    static const struct {
        unsigned bit;
        const char *name;
    } places[] = {
        { IN_SERVER, "server" },
        { IN_SITE, "virtual host" },
        { IN_LOCATION, "Location" },
        { IN_DIRECTORY, "Directory" },
        { IN_FILES, "Files" },
        { IN_PROXY, "Proxy" },
        { IN_IF, "If" },
        { IN_HTACCESS, ".htaccess" },
    };
    const char *before = "\tIn: ";
    char classes[80];

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (!(d->where & places[i].bit))
            continue;
        printf("%s%s", before, places[i].name);
        before = ", ";
    }
    name_classes(d->where, classes, sizeof(classes));
    if (*classes)
        printf(" (%s)", classes);
    printf("\n\tArguments: %s\n", forms[d->args]);
}

static void print_directive(const struct directive *d, const struct module *m)
{
    static const char *const classes[] = {
        [CONF_WORKS] = "works / 有効",
        [CONF_NO_EFFECT] = "accepted, has no effect / 受理、効果なし",
        [CONF_REFUSED] = "refused / 拒否",
    };
    printf("%s (%s)\n", d->name, m->source ? m->source : "not contained");
    if (d->help)
        printf("\t%s\n", d->help);
    print_where(d->where);
    print_form(d);
    printf("\tWeir: %s%s%s\n", classes[d->class], d->why ? ": " : "", d->why ? d->why : "");
}

static bool has_row(const struct module *const *modules, const char *name)
{
    for (; *modules; modules++)
        for (const struct directive *d = (*modules)->directives; d && d->name; d++)
            if (strcmp(d->name, name) == 0)
                return true;
    return false;
}

static const struct module *find(const struct module *const *modules, const char *identifier)
{
    while (*modules && !((*modules)->name && strcmp((*modules)->name, identifier) == 0))
        modules++;
    return *modules;
}

/* The words that act while a file is read have no rows, but some have both. */
static void print_language(const struct module *const *modules)
{
    const char *help, *module, *name;
    bool local;
    for (unsigned i = 0; (name = conf_language(i, &help, &module, &local)); i++) {
        const unsigned where = local ? IN_ANY | IN_HTACCESS : IN_ANY;
        const struct directive row = { .name = name, .where = where, .args = ARGS_RAW, .help = help };
        const struct module *m = find(modules, module);
        if (m && !has_row(modules, name))
            print_directive(&row, m);
    }
}

void dump_directives(const struct module *const *modules)
{
    print_language(modules);
    for (const struct module *const *m = modules; *m; m++)
        for (const struct directive *d = (*m)->directives; d && d->name; d++)
            print_directive(d, *m);
}

/* ---- modules ------------------------------------------------------------------------------------------------ */

void dump_contained(const struct module *const *modules)
{
    printf("Compiled in modules:\n");
    for (; *modules; modules++)
        if ((*modules)->source)
            printf("  %s\n", (*modules)->source);
}

static bool print_loaded(void *snapshot, const char *name, void *value)
{
    const struct snapshot *s = snapshot;
    const struct module *m = find(s->modules, name);
    (void)value;
    if (!m)
        printf(" %s (not contained)\n", name);
    else if (s->reading->loads_all && !m->static_in_httpd)
        printf(" %s (shared)\n", name);
    return true;
}

/* Unless the configuration is a whole one all that Weir contains is there, as if linked in. */
void dump_loaded(const struct snapshot *s)
{
    printf("Loaded Modules:\n");
    for (const struct module *const *m = s->modules; *m; m++)
        if ((*m)->name && (!s->reading->loads_all || (*m)->static_in_httpd))
            printf(" %s (static)\n", (*m)->name);
    if (s->reading->loaded)
        map_each(s->reading->loaded, print_loaded, (void *)s);
}

/* ---- files and sites ------------------------------------------------------------------------------------------ */

void dump_includes(const struct snapshot *s)
{
    const struct vec *includes = &s->reading->includes;
    printf("Included configuration files:\n");
    for (unsigned i = 0; i < includes->n; i++) {
        const struct conf_include *f = includes->items[i];
        printf("%*s", 2 * ((int)f->depth + 1), "");
        if (f->line)
            printf("(%d) %s\n", f->line, f->file);
        else
            printf("(*) %s\n", f->file);
    }
}

void dump_sites(const struct snapshot *s)
{
    struct buf out = { 0 };
    snapshot_dump_sites(s, &out);
    fwrite(buf_head(&out), 1, buf_len(&out), stdout);
    buf_release(&out);
}

/* ---- run settings ------------------------------------------------------------------------------------------------ */

static bool print_define(void *arg, const char *name, void *value)
{
    const char *text = value;
    (void)arg;
    printf("Define: %s%s%s\n", name, *text ? "=" : "", text);
    return true;
}

/* "#33" is a number. Without root Weir stays who it is. */
static void print_user(const char *user)
{
    const struct passwd *p = user && user[0] != '#' ? getpwnam(user) : NULL;
    unsigned long id = p ? p->pw_uid : user && user[0] == '#' ? strtoul(user + 1, NULL, 10) : geteuid();
    if (!p)
        p = getpwuid((uid_t)id);
    printf("User: name=\"%s\" id=%lu%s\n", p ? p->pw_name : "?", id, geteuid() == 0 ? "" : " not_used");
}

static void print_group(const char *group)
{
    const struct group *g = group && group[0] != '#' ? getgrnam(group) : NULL;
    unsigned long id = g ? g->gr_gid : group && group[0] == '#' ? strtoul(group + 1, NULL, 10) : getegid();
    if (!g)
        g = getgrgid((gid_t)id);
    printf("Group: name=\"%s\" id=%lu%s\n", g ? g->gr_name : "?", id, geteuid() == 0 ? "" : " not_used");
}

void dump_run(const struct snapshot *s)
{
    const struct core_site *core = core_site_of(s->main);
    printf("ServerRoot: \"%s\"\n", s->reading->root);
    if (core->document_root)
        printf("Main DocumentRoot: \"%s\"\n", core->document_root);
    printf("Main ErrorLog: \"%s\"\n", core->error_log ? core->error_log : "/dev/stderr");
    if (core->pid_file)
        printf("PidFile: \"%s\"\n", core->pid_file);
    map_each(s->reading->defines, print_define, NULL);
    print_user(core->user);
    print_group(core->group);
}

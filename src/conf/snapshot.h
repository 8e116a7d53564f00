/* The result of reading: sections, sites, the immutable snapshot, and the walk that merges what applies. */
#ifndef WEIR_SNAPSHOT_H
#define WEIR_SNAPSHOT_H

#include "expr.h"
#include "http.h"

struct conf_cmd;
struct conf_error;
struct conf_options;

/* ---- sections ---------------------------------------------------------------------------------------------------- */

enum section_kind { SECTION_SITE, SECTION_DIRECTORY, SECTION_FILES, SECTION_LOCATION, SECTION_PROXY, SECTION_IF };
struct expr;
struct section {
    enum section_kind kind;
    const char *pattern; /* path, URL prefix, file name; or the expression's text */
    size_t length;
    bool wildcard;                /* has fnmatch characters */
    struct regex *regex;          /* …Match and "~" forms */
    const struct expr *condition; /* SECTION_IF; NULL for <Else> */
    struct section *otherwise_of; /* <ElseIf>, <Else>: the <If> before it */
    unsigned id;                  /* dense in the snapshot: key of merged combinations */
    bool local;                   /* of a .htaccess, which may end before the snapshot */
    struct place place;
    struct vec inner; /* Files and If inside; struct section * */
    const char *file;
    int line;
};
/* A section row's set (ARGS_SECTION) does one of three things:
 * - conf_open or conf_open_site: cmd->section, cmd->place, cmd->site are the new ones from then on, and the lines
 * inside are applied there once set has returned NULL;
 * - conf_apply_inside: the lines inside are applied at once, in the place that already is;
 * - neither: the lines inside are left alone (set may read them from cmd->node->children).
 * "X> directive missing closing '>'" has been said before; "X> directive requires additional arguments" is set's to
 * say. */

/* Makes the section in the current site, or (Files, If) inside the current section. pattern: as written, unquoted;
 * wildcard and length are worked out here, and a Directory's pattern gets its final "/". regex NULL: prefix or fnmatch.
 * Never NULL. */
struct section *conf_open(struct conf_cmd *cmd, enum section_kind kind, const char *pattern, struct regex *regex);
/* For <ElseIf>, <Else>, before conf_open: the last <If…> of this scope, NULL when there is none. */
struct section *conf_last_if(const struct conf_cmd *cmd);
/* For <VirtualHost>: parses "*:80 _default_:443 [::1]:80 *:* host:port", adds the site. NULL, or Apache's message. A
 * host that does not resolve is noted (AH00547) and gives no address. */
const char *conf_open_site(struct conf_cmd *cmd, const char *args);
/* Applies the lines inside the section node with another context (Limit, RequireAny): the place stays. */
const char *conf_apply_inside(struct conf_cmd *cmd, uint64_t methods, void *group);

/* ---- sites and snapshots --------------------------------------------------------------------------------------------
 */

struct site_address { /* one address of <VirtualHost a b …> */
    bool any_ip;      /* "*" or _default_ */
    unsigned char ip[16];
    unsigned char family; /* 4 or 6 when not any_ip */
    int port;             /* 0: any port */
    const char *text;     /* as written */
    const char *host;     /* its host part, without brackets */
};
struct site {
    struct snapshot *snapshot;
    bool main;
    const char *server_name;          /* never NULL after finish */
    const char *scheme;               /* from ServerName https://…, or NULL */
    int server_port;                  /* ServerName's; else the first address's, else main's; 0: not written */
    bool named;                       /* ServerName was written */
    struct vec aliases, wild_aliases; /* char *, lower case */
    struct vec addresses;             /* struct site_address * */
    struct settings *parts;           /* site parts by module index, merged main <- virtual host */
    unsigned n_parts;
    struct place place; /* default place, merged main <- virtual host */
    struct vec directories, files, locations, proxies,
        ifs;               /* struct section *, main's first; directories shortest first */
    struct log_target log; /* ErrorLog, LogLevel: filled by mods */
    const char *file;
    int line;
    unsigned id;
};
struct snapshot {
    uint32_t magic;
    _Atomic int refs;
    struct arena *arena;
    struct site *main;
    struct vec sites; /* virtual hosts in file order */
    unsigned n_sections;
    const struct module *const *modules;
    struct conf_reading *reading;      /* by-products: includes, notices, defines */
    unsigned generation;               /* 1, 2, … by order of publication */
    const struct site_choice *choices; /* address sets, the main server's last; snapshot_choose reads them */
    unsigned n_choices;
    struct loading *loading; /* conf's own: for files that are read while it runs */
};
struct snapshot_build {
    struct snapshot *snapshot;
    struct arena *arena;
    struct conf_error *error;
    struct vec *notices;
};
/* As conf_note, for what is seen once all is read. The caller may name a line in what it gets. */
struct conf_notice *snapshot_note(struct snapshot_build *b, enum log_level level, enum log_module module, int ah,
                                  const char *format, ...) PRINTF(5, 6);

/* Reads and applies; NULL and *error (in error_arena) on a fault. One reference is the caller's. */
struct snapshot *conf_load(const struct conf_options *o, struct arena *error_arena, struct conf_error *error);
struct snapshot *snapshot_hold(struct snapshot *s);
void snapshot_drop(struct snapshot *s);

/* All sites by their id: the main server, then the virtual hosts. */
static inline unsigned snapshot_sites(const struct snapshot *s)
{
    return s->sites.n + 1;
}
static inline struct site *snapshot_site(const struct snapshot *s, unsigned id)
{
    return id ? s->sites.items[id - 1] : s->main;
}

static inline void *site_part(const struct site *s, const struct module *m)
{
    return s->parts[m->index].data;
}
static inline void *place_part(const struct place *p, const struct module *m)
{
    return p->parts[m->index].data;
}

/* vhost.c of httpd: the sites for a local address (best: ip:port, ip:*, *:port, *:*), then the name. */
struct site_choice; /* the name-based set of one local address */
/* Never NULL: the main server alone when no address fits. */
const struct site_choice *snapshot_choose(const struct snapshot *s, unsigned char family, const unsigned char ip[16],
                                          int port);
/* host NULL: none sent, the set's first. Names before wildcards as Apache compares them, site by site in file order.
 * port: the local one; a port in Host is ignored here as in httpd. */
bool site_is_named(const struct site *s, const char *host); /* its ServerName or one of its ServerAlias */
struct site *site_choose(const struct site_choice *c, const char *host, int port);
void snapshot_dump_sites(const struct snapshot *s, struct buf *out); /* -S, -t -D DUMP_VHOSTS */

/* ---- local.c: a .htaccess ------------------------------------------------------------------------------------------
 */

struct conf_overrides;
struct conf_local {          /* one as it was read; lives as long as its arena, and is used while the snapshot is */
    struct section *section; /* a <Directory> of its directory; NULL when the file is at fault */
    const char *fault;       /* Apache's message */
    struct vec notices;      /* struct conf_notice *: to be logged when it was read */
    bool asked_files;        /* by <IfFile>: the same bytes may mean something else the next time */
};
/* The file's bytes, read under what it may say; directory ends in "/", file is its name for messages. Touches nothing
 * of the snapshot and nothing of the file system but what <IfFile> asks; any thread. */
void conf_read_local(struct conf_local *local, struct arena *a, const struct site *site,
                     const struct conf_overrides *overrides, const char *directory, const char *file,
                     struct span bytes);
/* May AllowOverrideList name it? */
enum conf_listed { LISTED_UNKNOWN, LISTED_NEVER, LISTED_YES };
enum conf_listed conf_may_list(const struct conf_cmd *cmd, const char *name);

/* ---- the walk: which sections apply, merged
 * ------------------------------------------------------------------------------ */

struct walk { /* collects in Apache's order; a fixed place for the usual, the arena for more */
    const struct section **more;
    unsigned n, cap;
    const struct section *sections[24];
};
static inline void walk_begin(struct walk *w) /* the sections themselves are written before they are read */
{
    w->more = NULL;
    w->n = w->cap = 0;
}
void walk_add(struct arena *a, struct walk *w, const struct section *s);
static inline const struct section *walk_at(const struct walk *w, unsigned i)
{
    return i < 24 ? w->sections[i] : w->more[i - 24];
}
/* By prefix, fnmatch or regex, as its kind does: Location a path with slashes merged, Directory and Files an absolute
 * file name (with its final "/" when it is a directory), Proxy a URL. Not for If. m (may be NULL) gets the captures of
 * a regex, n 0 otherwise. */
bool section_matches(const struct section *s, struct span text, struct regex_match *m);
/* Merged places are kept by combination; a memo belongs to one thread. Beyond its bound merges go to the exchange's
 * arena, as all do without a memo, and those from the first .htaccess on: it may be another one next time. */
struct place_memo;
struct place_memo *place_memo_new(const struct snapshot *s);
void place_memo_free(struct place_memo *m);
const struct place *place_merge(struct place_memo *m, struct arena *exchange, const struct site *site,
                                const struct walk *w);
/* One place over another, into the arena (used by the memo and at load). */
void place_merge_into(struct arena *a, const struct module *const *modules, struct place *out, const struct place *base,
                      const struct place *over);

#endif

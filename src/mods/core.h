/* What the files of the core share; nothing here is for other rooms. */
#ifndef WEIR_CORE_H
#define WEIR_CORE_H

#include "mods.h"

extern const struct directive core_directives[]; /* core_rows.c */

/* listen.c */
conf_set_fn core_set_listen;

/* core_server.c: the process and its files */
conf_set_fn core_set_server_root, core_set_runtime_dir, core_set_user, core_set_group, core_set_backlog,
    core_set_threads, core_set_shutdown_timeout, core_set_tokens, core_set_protocol, core_set_protocols,
    core_set_regex_options, core_note_name_virtual_host, core_set_error;

/* core_site.c: names, time-outs and limits of a site */
conf_set_fn core_set_server_name, core_set_server_alias, core_set_document_root, core_set_timeout,
    core_set_keepalive_timeout, core_set_max_keepalive, core_set_limit_line, core_set_limit_fields,
    core_set_limit_field_size, core_set_max_redirects, core_set_trace, core_set_encoded_slashes, core_set_physical_port,
    core_set_protocol_options;

/* core_place.c: what sections may set */
conf_set_fn core_set_error_document, core_set_handler, core_set_force_type, core_set_limit_body;
conf_set_fn core_set_canonical_name, core_set_signature;

/* core_files.c: what is to be done with files */
conf_set_fn core_set_options, core_set_override, core_set_override_list, core_set_access_names, core_set_etag,
    core_set_path_info, core_set_sendfile, core_set_max_ranges, core_set_default_type, core_set_default_charset;
void core_merge_etag(struct core_etag *under, const struct core_etag *over);
struct stat;
void files_take(struct resource *at, const struct stat *st);
#define DIRECTORY_TYPE "httpd/unix-directory"
#define CGI_HANDLER    "cgi-script"
static inline bool core_is_redirect(int status) /* ap_is_HTTP_REDIRECT */
{
    return status >= 300 && status < 400;
}
bool files_climb(const char *path); /* has a ".." segment */
void core_merge_options(struct core_options *under, const struct core_options *over);

/* filter.c */
conf_set_fn filter_set_output;
/* SetOutputFilter's list with those marked that are not there, which is said. */
const char *filter_read_names(struct conf_cmd *cmd, const char *list);

/* core_log.c */
conf_set_fn core_set_error_log_format, core_set_log_level;
void core_merge_levels(struct log_levels *merged, const struct log_levels *base, const struct log_levels *over);
const char *core_open_log(struct snapshot_build *b, struct site *site); /* fills site->log; NULL or the fault */

/* reqtimeout.c */
conf_set_fn core_set_read_timeout;

/* sections.c */
conf_set_fn core_virtual_host, core_location, core_location_match, core_directory, core_directory_match, core_files,
    core_files_match, core_proxy, core_proxy_match, core_if, core_else_if, core_else, core_limit, core_limit_except;

/* methods.c: httpd's method numbers, as bits; names that lines invent get bits of their own */
#define METHOD_INVALID 26
#define METHOD_LAST    62
conf_set_fn core_register_method;
uint64_t core_method_bit(const struct core_site *main, struct span method);
bool core_method_add(struct arena *a, struct core_site *main, const char *method); /* false: no bit is left */

/* core.c: one word of several, and numbers as atoi reads them: what follows the digits is not looked at */
struct core_word {
    const char *word;
    int value;
};
bool core_find_word(const struct core_word *words, unsigned n, const char *text, int *value); /* case ignored */
/* As SetHandler has it: in small letters, but for a socket's path. */
const char *core_handler_name(struct arena *a, struct span text);
bool core_is_handler(const char *name); /* one that SetHandler and AddHandler may name */
/* A handler that runs or reads files, or makes a page, as Weir does not: taken, and answered with 500. */
struct core_outside {
    enum log_level level; /* of what is said of a line that names it */
    bool page;            /* it needs no file */
    const char *english, *japanese;
};
const struct core_outside *core_find_outside(const char *handler); /* NULL: none of them */
bool core_note_handler(struct conf_cmd *cmd, const char *name);    /* is it one of them? Said then */
void core_note_scripts(struct conf_cmd *cmd, const char *path);    /* what lies there would be run */
bool core_is_status(int status);                                   /* one that httpd has a line for */
bool core_is_url(const char *text);                                /* ap_is_url */
int core_number(const char *text);                                 /* bounded to an int */

#endif

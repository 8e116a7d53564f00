/* What the files of mod_headers share; nothing here is for others. */
#ifndef WEIR_HEADERS_H
#define WEIR_HEADERS_H

#include "mods.h"

struct header_format; /* a value: text with %{…} items, or "expr=…" */
/* NULL, or the fault. */
const char *header_format_compile(struct conf_cmd *cmd, const char *text, const struct header_format **format);
const char *header_format_text(const struct request *r, const struct header_format *format);

#endif

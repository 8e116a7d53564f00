/* What describes files on disk and does nothing: mod_autoindex, mod_negotiation. */
#include "names.h"

const struct directive autoindex_directives[] = {
    GONE("FancyIndexing", "The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing."),
    INERT("AddAlt", ANYWHERE, ARGS_ITERATE2, "alternate descriptive text followed by one or more filenames", WHY_LISTS),
    INERT("AddAltByEncoding", ANYWHERE, ARGS_ITERATE2,
          "alternate descriptive text followed by one or more content encodings", WHY_LISTS),
    INERT("AddAltByType", ANYWHERE, ARGS_ITERATE2, "alternate descriptive text followed by one or more MIME types",
          WHY_LISTS),
    INERT("AddDescription", ANYWHERE, ARGS_ITERATE2, "Descriptive text followed by one or more filenames", WHY_LISTS),
    INERT("AddIcon", ANYWHERE, ARGS_ITERATE2, "an icon URL followed by one or more filenames", WHY_LISTS),
    INERT("AddIconByEncoding", ANYWHERE, ARGS_ITERATE2, "an icon URL followed by one or more content encodings",
          WHY_LISTS),
    INERT("AddIconByType", ANYWHERE, ARGS_ITERATE2, "an icon URL followed by one or more MIME types", WHY_LISTS),
    INERT("DefaultIcon", ANYWHERE, ARGS_1, "an icon URL", WHY_LISTS),
    INERT("HeaderName", ANYWHERE, ARGS_1, "a filename", WHY_LISTS),
    INERT("IndexHeadInsert", ANYWHERE, ARGS_1, "String to insert in HTML HEAD section", WHY_LISTS),
    INERT("IndexIgnore", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_LISTS),
    INERT("IndexIgnoreReset", ANYWHERE, ARGS_FLAG, "Reset the inherited list of IndexIgnore filenames", WHY_LISTS),
    INERT("IndexOptions", ANYWHERE, ARGS_LIST, "one or more index options [+|-][]", WHY_LISTS),
    INERT("IndexOrderDefault", ANYWHERE, ARGS_2, "{Ascending,Descending} {Name,Size,Description,Date}", WHY_LISTS),
    INERT("IndexStyleSheet", ANYWHERE, ARGS_1, "URL to style sheet", WHY_LISTS),
    INERT("ReadmeName", ANYWHERE, ARGS_1, "a filename", WHY_LISTS),
    { 0 },
};

const struct directive negotiation_directives[] = {
    INERT("CacheNegotiatedDocs", IN_SITES, ARGS_FLAG, "Either 'on' or 'off' (default)", WHY_VIEWS),
    INERT("ForceLanguagePriority", ANYWHERE, ARGS_ITERATE,
          "Force LanguagePriority elections, either None, or Fallback and/or Prefer", WHY_VIEWS),
    INERT("LanguagePriority", ANYWHERE, ARGS_ITERATE, "space-delimited list of MIME language abbreviations", WHY_VIEWS),
    { 0 },
};

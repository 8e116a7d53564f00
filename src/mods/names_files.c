/* What describes files on disk and does nothing: mod_autoindex, mod_negotiation. */
#include "names.h"

const struct directive autoindex_directives[] = {
    GONE("FancyIndexing", "The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing."),
    INERT("AddAlt", OR_INDEXES, ARGS_ITERATE2, "alternate descriptive text followed by one or more filenames",
          WHY_LISTS),
    INERT("AddAltByEncoding", OR_INDEXES, ARGS_ITERATE2,
          "alternate descriptive text followed by one or more content encodings", WHY_LISTS),
    INERT("AddAltByType", OR_INDEXES, ARGS_ITERATE2, "alternate descriptive text followed by one or more MIME types",
          WHY_LISTS),
    INERT("AddDescription", OR_INDEXES, ARGS_ITERATE2, "Descriptive text followed by one or more filenames", WHY_LISTS),
    INERT("AddIcon", OR_INDEXES, ARGS_ITERATE2, "an icon URL followed by one or more filenames", WHY_LISTS),
    INERT("AddIconByEncoding", OR_INDEXES, ARGS_ITERATE2, "an icon URL followed by one or more content encodings",
          WHY_LISTS),
    INERT("AddIconByType", OR_INDEXES, ARGS_ITERATE2, "an icon URL followed by one or more MIME types", WHY_LISTS),
    INERT("DefaultIcon", OR_INDEXES, ARGS_1, "an icon URL", WHY_LISTS),
    INERT("HeaderName", OR_INDEXES, ARGS_1, "a filename", WHY_LISTS),
    INERT("IndexHeadInsert", OR_INDEXES, ARGS_1, "String to insert in HTML HEAD section", WHY_LISTS),
    INERT("IndexIgnore", OR_INDEXES, ARGS_ITERATE, "one or more file extensions", WHY_LISTS),
    INERT("IndexIgnoreReset", OR_INDEXES, ARGS_FLAG, "Reset the inherited list of IndexIgnore filenames", WHY_LISTS),
    INERT("IndexOptions", OR_INDEXES, ARGS_LIST, "one or more index options [+|-][]", WHY_LISTS),
    INERT("IndexOrderDefault", OR_INDEXES, ARGS_2, "{Ascending,Descending} {Name,Size,Description,Date}", WHY_LISTS),
    INERT("IndexStyleSheet", OR_INDEXES, ARGS_1, "URL to style sheet", WHY_LISTS),
    INERT("ReadmeName", OR_INDEXES, ARGS_1, "a filename", WHY_LISTS),
    { 0 },
};

const struct directive negotiation_directives[] = {
    INERT("CacheNegotiatedDocs", IN_SITES, ARGS_FLAG, "Either 'on' or 'off' (default)", WHY_VIEWS),
    INERT("ForceLanguagePriority", OR_FILEINFO, ARGS_ITERATE,
          "Force LanguagePriority elections, either None, or Fallback and/or Prefer", WHY_VIEWS),
    INERT("LanguagePriority", OR_FILEINFO, ARGS_ITERATE, "space-delimited list of MIME language abbreviations",
          WHY_VIEWS),
    { 0 },
};

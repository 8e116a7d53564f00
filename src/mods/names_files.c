/* What describes files on disk: mod_dir, mod_mime, mod_autoindex, mod_negotiation. */
#include "names.h"

const struct directive dir_directives[] = {
    INERT("DirectoryCheckHandler", ANYWHERE, ARGS_FLAG, "On or Off", WHY_FILES),
    INERT("DirectoryIndex", ANYWHERE, ARGS_RAW, "a list of file names", WHY_FILES),
    INERT("DirectoryIndexRedirect", ANYWHERE, ARGS_1, "On, Off, or a 3xx status code.", WHY_FILES),
    INERT("DirectorySlash", ANYWHERE, ARGS_FLAG, "On or Off", WHY_FILES),
    REFUSED("FallbackResource", ANYWHERE, WHY_ROUTES),
    { 0 },
};

const struct directive mime_directives[] = {
    INERT("AddCharset", ANYWHERE, ARGS_ITERATE2,
          "a charset (e.g., iso-2022-jp), followed by one or more file extensions", WHY_FILES),
    INERT("AddEncoding", ANYWHERE, ARGS_ITERATE2, "an encoding (e.g., gzip), followed by one or more file extensions",
          WHY_FILES),
    REFUSED("AddHandler", ANYWHERE, WHY_ANSWERS),
    REFUSED("AddInputFilter", ANYWHERE, WHY_ANSWERS),
    INERT("AddLanguage", ANYWHERE, ARGS_ITERATE2, "a language (e.g., fr), followed by one or more file extensions",
          WHY_FILES),
    REFUSED("AddOutputFilter", ANYWHERE, WHY_ANSWERS),
    INERT("AddType", ANYWHERE, ARGS_ITERATE2, "a mime type followed by one or more file extensions", WHY_FILES),
    INERT("DefaultLanguage", ANYWHERE, ARGS_1, "language to use for documents with no other language file extension",
          WHY_FILES),
    INERT("ModMimeUsePathInfo", IN_PLACES, ARGS_FLAG,
          "Set to 'yes' to allow mod_mime to use path info for type checking", WHY_FILES),
    INERT("MultiviewsMatch", ANYWHERE, ARGS_ITERATE, "NegotiatedOnly (default), Handlers and/or Filters, or Any",
          WHY_FILES),
    INERT("RemoveCharset", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("RemoveEncoding", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("RemoveHandler", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("RemoveInputFilter", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("RemoveLanguage", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("RemoveOutputFilter", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("RemoveType", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("TypesConfig", IN_SITES, ARGS_1, "the MIME types config file", WHY_FILES),
    { 0 },
};

const struct directive autoindex_directives[] = {
    GONE("FancyIndexing", "The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing."),
    INERT("AddAlt", ANYWHERE, ARGS_ITERATE2, "alternate descriptive text followed by one or more filenames", WHY_FILES),
    INERT("AddAltByEncoding", ANYWHERE, ARGS_ITERATE2,
          "alternate descriptive text followed by one or more content encodings", WHY_FILES),
    INERT("AddAltByType", ANYWHERE, ARGS_ITERATE2, "alternate descriptive text followed by one or more MIME types",
          WHY_FILES),
    INERT("AddDescription", ANYWHERE, ARGS_ITERATE2, "Descriptive text followed by one or more filenames", WHY_FILES),
    INERT("AddIcon", ANYWHERE, ARGS_ITERATE2, "an icon URL followed by one or more filenames", WHY_FILES),
    INERT("AddIconByEncoding", ANYWHERE, ARGS_ITERATE2, "an icon URL followed by one or more content encodings",
          WHY_FILES),
    INERT("AddIconByType", ANYWHERE, ARGS_ITERATE2, "an icon URL followed by one or more MIME types", WHY_FILES),
    INERT("DefaultIcon", ANYWHERE, ARGS_1, "an icon URL", WHY_FILES),
    INERT("HeaderName", ANYWHERE, ARGS_1, "a filename", WHY_FILES),
    INERT("IndexHeadInsert", ANYWHERE, ARGS_1, "String to insert in HTML HEAD section", WHY_FILES),
    INERT("IndexIgnore", ANYWHERE, ARGS_ITERATE, "one or more file extensions", WHY_FILES),
    INERT("IndexIgnoreReset", ANYWHERE, ARGS_FLAG, "Reset the inherited list of IndexIgnore filenames", WHY_FILES),
    INERT("IndexOptions", ANYWHERE, ARGS_LIST, "one or more index options [+|-][]", WHY_FILES),
    INERT("IndexOrderDefault", ANYWHERE, ARGS_2, "{Ascending,Descending} {Name,Size,Description,Date}", WHY_FILES),
    INERT("IndexStyleSheet", ANYWHERE, ARGS_1, "URL to style sheet", WHY_FILES),
    INERT("ReadmeName", ANYWHERE, ARGS_1, "a filename", WHY_FILES),
    { 0 },
};

const struct directive negotiation_directives[] = {
    INERT("CacheNegotiatedDocs", IN_SITES, ARGS_FLAG, "Either 'on' or 'off' (default)", WHY_FILES),
    INERT("ForceLanguagePriority", ANYWHERE, ARGS_ITERATE,
          "Force LanguagePriority elections, either None, or Fallback and/or Prefer", WHY_FILES),
    INERT("LanguagePriority", ANYWHERE, ARGS_ITERATE, "space-delimited list of MIME language abbreviations", WHY_FILES),
    { 0 },
};

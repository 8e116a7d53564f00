/* Access control and authentication: mod_access_compat, mod_auth_basic, mod_authn_*, mod_authz_groupfile. All of it
 * protects, so none of it is taken in silence. */
#include "names.h"

const struct directive access_compat_directives[] = {
    REFUSED("Allow", GUARDS, WHY_GUARDS),
    REFUSED("Deny", GUARDS, WHY_GUARDS),
    REFUSED("Order", GUARDS, WHY_GUARDS),
    REFUSED("Satisfy", GUARDS, WHY_GUARDS),
    { 0 },
};

const struct directive auth_basic_directives[] = {
    REFUSED("AuthBasicAuthoritative", GUARDS, WHY_GUARDS),
    REFUSED("AuthBasicFake", GUARDS, WHY_GUARDS),
    REFUSED("AuthBasicProvider", GUARDS, WHY_GUARDS),
    REFUSED("AuthBasicUseDigestAlgorithm", GUARDS, WHY_GUARDS),
    { 0 },
};

const struct directive authn_core_directives[] = {
    REFUSED("AuthName", GUARDS, WHY_GUARDS),
    REFUSED_SECTION("<AuthnProviderAlias", IN_SITES, WHY_GUARDS),
    REFUSED("AuthType", GUARDS, WHY_GUARDS),
    { 0 },
};

const struct directive authn_file_directives[] = {
    REFUSED("AuthUserFile", GUARDS, WHY_GUARDS),
    { 0 },
};

const struct directive authz_groupfile_directives[] = {
    REFUSED("AuthGroupFile", GUARDS, WHY_GUARDS),
    { 0 },
};

/* mod_ssl's rows: contexts, arguments and help as in its ssl_config_cmds. */
#include "names.h"
#include "ssl_parts.h"

#define SITE(field)       SITE_SLOT(SLOT_CUSTOM, struct ssl_site, field)
#define SITE_FLAG(field)  SITE_SLOT(SLOT_FLAG, struct ssl_site, field)
#define PLACE(field)      PLACE_SLOT(SLOT_CUSTOM, struct ssl_place, field)
#define PLACE_FLAG(field) PLACE_SLOT(SLOT_FLAG, struct ssl_place, field)
#define SITE_PART                                                                                                      \
    {                                                                                                                  \
        SLOT_NONE, PART_SITE, 0, 0                                                                                     \
    }
#define PLACE_PART                                                                                                     \
    {                                                                                                                  \
        SLOT_NONE, PART_PLACE, 0, 0                                                                                    \
    }
#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define CHECKED(name, where, args, set, help, why)                                                                     \
    {                                                                                                                  \
        name, where, args, set, { 0 }, help, CONF_NO_EFFECT, why                                                       \
    }

#define WHY_OPTIONAL                                                                                                   \
    "TLS begins with the connection or not at all; httpd 2.4.64 gave up upgrading as well / "                          \
    "途中からの TLS への切り替えには対応していません"
#define WHY_TOKENS "keys are read from files / 鍵はファイルから読み込みます"
#define WHY_HANDSHAKE                                                                                                  \
    "what the handshake agreed is not negotiated again for a place; write it in the virtual host / "                   \
    "場所ごとの再ネゴシエーションは行いません。VirtualHost に書いてください"
#define WHY_FIPS "OpenSSL's own configuration decides on FIPS / FIPS は OpenSSL 自身の設定で決まります"
#define WHY_LEGACY                                                                                                     \
    "clients without RFC 5746 can be attacked, and are not spoken to / 安全でない再ネゴシエーションは行いません"
#define WHY_SRP "passwords in TLS (SRP) are not supported, and OpenSSL is giving them up / SRP には対応していません"
#define WHY_OCSP                                                                                                       \
    "client certificates are checked against CRLs (SSLCARevocationCheck), not by OCSP / "                              \
    "クライアント証明書の失効確認は CRL で行います"
#define WHY_NO_RENEGOTIATION                                                                                           \
    "nothing is renegotiated that a body would have to wait for / 再ネゴシエーションは行いません"

enum { IN_BACKENDS = IN_SITES | IN_PROXY, IN_BOTH = IN_ANY | OVERRIDE_AUTHCFG };

const struct directive ssl_directives[] = {
    /* the server */
    { "SSLPassPhraseDialog", IN_GLOBAL, ARGS_1, ssl_set_passphrase, SITE(phrase),
      "SSL dialog mechanism for the pass phrase query ('builtin', '|/path/to/pipe_program', or "
      "'exec:/path/to/cgi_program')" },
    { "SSLSessionCache", IN_GLOBAL, ARGS_1, ssl_set_session_cache, SITE(session_cache),
      "SSL Session Cache storage ('none', 'nonenotnull', 'dbm:/path/to/file')" },
    { "SSLCryptoDevice", IN_GLOBAL, ARGS_1, ssl_check_device, NO_SLOT,
      "SSL external Crypto Device usage ('builtin', '...')" },
    CHECKED("SSLRandomSeed", IN_GLOBAL, ARGS_23, ssl_check_seed,
            "SSL Pseudo Random Number Generator (PRNG) seeding source ('startup|connect builtin|file:/path|exec:/path "
            "[bytes]')",
            WHY_SEEDS),
    OFF_ONLY("SSLFIPS", IN_GLOBAL, ARGS_FLAG, "Enable FIPS-140 mode (`on', `off')", WHY_FIPS),
    { "SSLStaplingCache", IN_GLOBAL, ARGS_1, ssl_set_stapling_cache, SITE(stapling.cache),
      "SSL Stapling Response Cache storage (`dbm:/path/to/file')" },
    { "SSLVHostSNIPolicy", IN_GLOBAL, ARGS_1, ssl_set_sni_policy, SITE(sni_policy),
      "SSL VirtualHost SNI compatibility policy setting" },
    /* sites */
    { "SSLEngine", IN_SITES, ARGS_1, ssl_set_engine, SITE(engine), "SSL switch for the protocol engine ('on', 'off')",
      CONF_WORKS, WHY_OPTIONAL },
    { "SSLCertificateFile", IN_SITES, ARGS_1, ssl_set_certificate, SITE(certs),
      "SSL Server Certificate file ('/path/to/file' - PEM or DER encoded)", CONF_WORKS, WHY_TOKENS },
    { "SSLCertificateKeyFile", IN_SITES, ARGS_1, ssl_set_key, SITE(keys),
      "SSL Server Private Key file ('/path/to/file' - PEM or DER encoded)", CONF_WORKS, WHY_TOKENS },
    { "SSLCertificateChainFile", IN_SITES, ARGS_1, ssl_set_file, SITE(chain_file),
      "SSL Server CA Certificate Chain file ('/path/to/file' - PEM encoded)" },
    { "SSLSessionTicketKeyFile", IN_SITES, ARGS_1, ssl_set_file, SITE(ticket_key_file),
      "TLS session ticket encryption/decryption key file (RFC 5077) ('/path/to/file' - file with 48 bytes of random "
      "data)" },
    { "SSLCADNRequestPath", IN_SITES, ARGS_1, ssl_set_dir, SITE(ca_names_path),
      "SSL CA Distinguished Name path ('/path/to/dir' - symlink hashes to PEM of acceptable CA names to request)" },
    { "SSLCADNRequestFile", IN_SITES, ARGS_1, ssl_set_file, SITE(ca_names_file),
      "SSL CA Distinguished Name file ('/path/to/file' - PEM encoded to derive acceptable CA names to request)" },
    { "SSLCARevocationPath", IN_SITES, ARGS_1, ssl_set_dir, SITE(verify.crl_path),
      "SSL CA Certificate Revocation List (CRL) path ('/path/to/dir' - contains PEM encoded files)" },
    { "SSLCARevocationFile", IN_SITES, ARGS_1, ssl_set_file, SITE(verify.crl_file),
      "SSL CA Certificate Revocation List (CRL) file ('/path/to/file' - PEM encoded)" },
    { "SSLCARevocationCheck", IN_SITES, ARGS_RAW, ssl_set_crl_check, SITE(verify.crl),
      "SSL CA Certificate Revocation List (CRL) checking mode" },
    { "SSLSessionCacheTimeout", IN_SITES, ARGS_1, ssl_set_session_timeout, SITE(session_timeout_s),
      "SSL Session Cache object lifetime ('N' - number of seconds)" },
    { "SSLProtocol", IN_SITES, ARGS_RAW, ssl_set_protocols, SITE(protocols),
      "Enable or disable various SSL protocols ('[+-][TLSv1|TLSv1.1|TLSv1.2] ...' - see manual)" },
    { "SSLHonorCipherOrder", IN_SITES, ARGS_FLAG, NULL, SITE_FLAG(server_order),
      "Use the server's cipher ordering preference" },
    { "SSLCompression", IN_SITES, ARGS_FLAG, ssl_check_compression, NO_SLOT,
      "Enable SSL level compression (`on', `off')" },
    { "SSLSessionTickets", IN_SITES, ARGS_FLAG, NULL, SITE_FLAG(tickets),
      "Enable or disable TLS session tickets(`on', `off')" },
    OFF_ONLY("SSLInsecureRenegotiation", IN_SITES, ARGS_FLAG, "Enable support for insecure renegotiation", WHY_LEGACY),
    { "SSLStrictSNIVHostCheck", IN_SITES, ARGS_FLAG, NULL, SITE_FLAG(strict_sni), "Strict SNI virtual host checking" },
    { "SSLOpenSSLConfCmd", IN_SITES, ARGS_2, ssl_set_command, SITE_SLOT(SLOT_LIST, struct ssl_site, commands),
      "OpenSSL configuration command" },
    { "SSLUseStapling", IN_SITES, ARGS_FLAG, NULL, SITE_FLAG(stapling.on),
      "SSL switch for the OCSP Stapling protocol (`on', `off')" },
    { "SSLStaplingResponseTimeSkew", IN_SITES, ARGS_1, ssl_set_seconds, SITE(stapling.skew_s),
      "SSL stapling option for maximum time difference in OCSP responses" },
    { "SSLStaplingResponderTimeout", IN_SITES, ARGS_1, ssl_set_seconds, SITE(stapling.responder_timeout_s),
      "SSL stapling option for OCSP responder timeout" },
    { "SSLStaplingResponseMaxAge", IN_SITES, ARGS_1, ssl_set_seconds, SITE(stapling.max_age_s),
      "SSL stapling option for maximum age of OCSP responses" },
    { "SSLStaplingStandardCacheTimeout", IN_SITES, ARGS_1, ssl_set_seconds, SITE(stapling.standard_timeout_s),
      "SSL stapling option for normal OCSP Response Cache Lifetime" },
    { "SSLStaplingReturnResponderErrors", IN_SITES, ARGS_FLAG, NULL, SITE_FLAG(stapling.return_errors),
      "SSL stapling switch to return Status Errors Back to Client(`on', `off')" },
    { "SSLStaplingFakeTryLater", IN_SITES, ARGS_FLAG, NULL, SITE_FLAG(stapling.fake_try_later),
      "SSL stapling switch to send tryLater response to client on error (`on', `off')" },
    { "SSLStaplingErrorCacheTimeout", IN_SITES, ARGS_1, ssl_set_seconds, SITE(stapling.error_timeout_s),
      "SSL stapling option for OCSP Response Error Cache Lifetime" },
    { "SSLStaplingForceURL", IN_SITES, ARGS_1, NULL, SITE_SLOT(SLOT_STRING, struct ssl_site, stapling.force_url),
      "SSL stapling option to Force the OCSP Stapling URL" },
    { "SSLOCSPEnable", IN_SITES, ARGS_RAW, ssl_check_ocsp, NO_SLOT,
      "Enable use of OCSP to verify certificate revocation mode ('on', 'leaf', 'off')", CONF_WORKS, WHY_OCSP },
    REFUSED("SSLOCSPDefaultResponder", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPNoVerify", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPOverrideResponder", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPProxyURL", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPResponderCertificateFile", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPResponderTimeout", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPResponseMaxAge", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPResponseTimeSkew", IN_SITES, WHY_OCSP),
    REFUSED("SSLOCSPUseRequestNonce", IN_SITES, WHY_OCSP),
    REFUSED("SSLSRPUnknownUserSeed", IN_SITES, WHY_SRP),
    REFUSED("SSLSRPVerifierFile", IN_SITES, WHY_SRP),
    GONE("SSLLog", "SSLLog directive is no longer supported - use ErrorLog."),
    GONE("SSLLogLevel", "SSLLogLevel directive is no longer supported - use LogLevel."),
    /* sites and places */
    { "SSLCipherSuite", IN_BOTH, ARGS_12, ssl_set_site_ciphers, NO_SLOT,
      "Colon-delimited list of permitted SSL Ciphers, optional preceded by protocol identifier ('XXX:...:XXX' - see "
      "manual)",
      CONF_WORKS, WHY_HANDSHAKE },
    { "SSLCACertificatePath", IN_BOTH, ARGS_1, ssl_set_ca_dir, SITE(verify.ca_path),
      "SSL CA Certificate path ('/path/to/dir' - contains PEM encoded files)" },
    { "SSLCACertificateFile", IN_BOTH, ARGS_1, ssl_set_ca_file, SITE(verify.ca_file),
      "SSL CA Certificate file ('/path/to/file' - PEM encoded)" },
    { "SSLVerifyClient", IN_BOTH, ARGS_1, ssl_set_client, NO_SLOT,
      "SSL Client verify type ('none', 'optional', 'require', 'optional_no_ca')" },
    { "SSLVerifyDepth", IN_BOTH, ARGS_1, ssl_set_client_depth, NO_SLOT,
      "SSL Client verify depth ('N' - number of intermediate certificates)" },
    { "SSLUserName", IN_BOTH, ARGS_1, NULL, PLACE_SLOT(SLOT_STRING, struct ssl_place, user_name),
      "Set user name to SSL variable value" },
    { "SSLOptions", OR_OPTIONS, ARGS_RAW, ssl_set_options, PLACE(options),
      "Set one or more options to configure the SSL engine('[+-]option[=value] ...' - see manual)" },
    { "SSLRequireSSL", OR_AUTHCFG, ARGS_RAW, ssl_set_require_ssl, PLACE(require_ssl),
      "Require the SSL protocol for the per-directory context (no arguments)" },
    { "SSLRequire", OR_AUTHCFG, ARGS_RAW, ssl_set_require, PLACE_SLOT(SLOT_LIST, struct ssl_place, require),
      "Require a boolean expression to evaluate to true for granting access(arbitrary complex boolean expression - see "
      "manual)",
      CONF_WORKS, "extensions of a certificate are not looked into / 証明書の拡張フィールドは参照できません" },
    CHECKED("SSLRenegBufferSize", OR_AUTHCFG, ARGS_1, ssl_check_buffer,
            "Configure the amount of memory that will be used for buffering the request body if a per-location SSL "
            "renegotiation is required due to changed access control requirements",
            WHY_NO_RENEGOTIATION),
    /* towards backends */
    { "SSLProxyEngine", IN_BACKENDS, ARGS_FLAG, NULL, PLACE_FLAG(proxy.engine),
      "SSL switch for the proxy protocol engine ('on', 'off')" },
    { "SSLProxyProtocol", IN_BACKENDS, ARGS_RAW, ssl_set_protocols, PLACE(proxy.protocols),
      "SSL Proxy: enable or disable SSL protocol flavors ('[+-][TLSv1|TLSv1.1|TLSv1.2] ...' - see manual)" },
    { "SSLProxyCipherSuite", IN_BACKENDS, ARGS_12, ssl_set_proxy_ciphers, PLACE_PART,
      "SSL Proxy: colon-delimited list of permitted SSL ciphers , optionally preceded by protocol specifier "
      "('XXX:...:XXX' - see manual)" },
    { "SSLProxyVerify", IN_BACKENDS, ARGS_1, ssl_set_mode, PLACE(proxy.verify.mode),
      "SSL Proxy: whether to verify the remote certificate ('on' or 'off')" },
    { "SSLProxyVerifyDepth", IN_BACKENDS, ARGS_1, ssl_set_depth, PLACE(proxy.verify.depth),
      "SSL Proxy: maximum certificate verification depth ('N' - number of intermediate certificates)" },
    { "SSLProxyCACertificateFile", IN_BACKENDS, ARGS_1, ssl_set_file, PLACE(proxy.verify.ca_file),
      "SSL Proxy: file containing server certificates ('/path/to/file' - PEM encoded certificates)" },
    { "SSLProxyCACertificatePath", IN_BACKENDS, ARGS_1, ssl_set_dir, PLACE(proxy.verify.ca_path),
      "SSL Proxy: directory containing server certificates ('/path/to/dir' - contains PEM encoded certificates)" },
    { "SSLProxyCARevocationPath", IN_BACKENDS, ARGS_1, ssl_set_dir, PLACE(proxy.verify.crl_path),
      "SSL Proxy: CA Certificate Revocation List (CRL) path ('/path/to/dir' - contains PEM encoded files)" },
    { "SSLProxyCARevocationFile", IN_BACKENDS, ARGS_1, ssl_set_file, PLACE(proxy.verify.crl_file),
      "SSL Proxy: CA Certificate Revocation List (CRL) file ('/path/to/file' - PEM encoded)" },
    { "SSLProxyCARevocationCheck", IN_BACKENDS, ARGS_RAW, ssl_set_crl_check, PLACE(proxy.verify.crl),
      "SSL Proxy: CA Certificate Revocation List (CRL) checking mode" },
    { "SSLProxyMachineCertificateFile", IN_BACKENDS, ARGS_1, ssl_set_file, PLACE(proxy.machine_file),
      "SSL Proxy: file containing client certificates ('/path/to/file' - PEM encoded certificates)" },
    { "SSLProxyMachineCertificatePath", IN_BACKENDS, ARGS_1, ssl_set_dir, PLACE(proxy.machine_path),
      "SSL Proxy: directory containing client certificates ('/path/to/dir' - contains PEM encoded certificates)" },
    { "SSLProxyMachineCertificateChainFile", IN_BACKENDS, ARGS_1, ssl_set_file, PLACE(proxy.machine_chain),
      "SSL Proxy: file containing issuing certificates of the client certificate (`/path/to/file' - PEM encoded "
      "certificates)" },
    { "SSLProxyCheckPeerExpire", IN_BACKENDS, ARGS_FLAG, NULL, PLACE_FLAG(proxy.check_expire),
      "SSL Proxy: check the peer certificate's expiration date" },
    { "SSLProxyCheckPeerCN", IN_BACKENDS, ARGS_FLAG, NULL, PLACE_FLAG(proxy.check_cn),
      "SSL Proxy: check the peer certificate's CN" },
    { "SSLProxyCheckPeerName", IN_BACKENDS, ARGS_FLAG, NULL, PLACE_FLAG(proxy.check_name),
      "SSL Proxy: check the peer certificate's name (must be present in subjectAltName extension or CN" },
    { 0 },
};

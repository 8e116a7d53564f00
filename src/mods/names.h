/* Directives known by name: tables of rows that have no effect or are refused, and the reasons that they give. */
#ifndef WEIR_NAMES_H
#define WEIR_NAMES_H

#include "conf.h"

/* httpd's names: which classes of AllowOverride let a directive into a .htaccess. All stand anywhere else too, but
 * OR_AUTHCFG and OR_LIMIT only inside sections. */
#define OR_ALL      (IN_ANY | IN_LIMIT | IN_HTACCESS)
#define OR_FILEINFO (IN_ANY | IN_LIMIT | OVERRIDE_FILEINFO)
#define OR_INDEXES  (IN_ANY | IN_LIMIT | OVERRIDE_INDEXES)
#define OR_OPTIONS  (IN_ANY | IN_LIMIT | OVERRIDE_OPTIONS)
#define OR_AUTHCFG  (IN_PLACES | IN_LIMIT | OVERRIDE_AUTHCFG)
#define OR_LIMIT    (IN_PLACES | IN_LIMIT | OVERRIDE_LIMIT)

#define INERT(name, where, args, help, why)                                                                            \
    {                                                                                                                  \
        name, where, args, NULL, { 0 }, help, CONF_NO_EFFECT, why                                                      \
    }
#define REFUSED(name, where, why)                                                                                      \
    {                                                                                                                  \
        name, where, ARGS_RAW, NULL, { 0 }, NULL, CONF_REFUSED, why                                                    \
    }
#define REFUSED_SECTION(name, where, why)                                                                              \
    {                                                                                                                  \
        name, where, ARGS_SECTION, NULL, { 0 }, NULL, CONF_REFUSED, why                                                \
    }

/* Rows that act: Apache's own fault for what went away, and switches of which only Off is what happens anyway. */
#define GONE(name, text)                                                                                               \
    {                                                                                                                  \
        name, OR_ALL, ARGS_RAW, names_set_gone, { 0 }, text, CONF_WORKS, NULL                                          \
    }
#define OFF_ONLY(name, where, args, help, why)                                                                         \
    {                                                                                                                  \
        name, where, args, names_set_off_only, { 0 }, help, CONF_WORKS, why                                            \
    }

/* Why a line is refused: to take it and do nothing would leave a door open, or answer otherwise in silence. */
#define WHY_GUARDS   "it protects, and this version does not act on it / 保護の指定ですが、この版ではまだ機能しません"
#define WHY_HANDLER  "Weir has no such handler / Weir にはこのハンドラーがありません"
#define WHY_NO_INPUT "Weir has no input filters / Weir に入力フィルターはありません"
#define WHY_TRAILERS "trailers are no part of the head / トレーラーはヘッダーに混ぜません"
#define WHY_CODE     "it loads code made for httpd / httpd 用のコードは読み込めません"

/* Why a line may stand and does nothing. */
#define WHY_READ     "files are read or sent by the kernel, never mapped / ファイルをメモリーに割り付けることはありません"
#define WHY_BUFFERS  "buffers have bounds of their own / バッファーの大きさは固定です"
#define WHY_DIGESTS  "Content-MD5 is no longer part of HTTP / Content-MD5 は HTTP から削除されました"
#define WHY_XML      "no module reads XML bodies / XML の本文を読むモジュールはありません"
#define WHY_WINDOWS  "it is for Windows / Windows 用の指定です"
#define WHY_LISTS    "directories are not listed / ディレクトリーの一覧は作りません"
#define WHY_VIEWS    "contents are not negotiated / コンテントネゴシエーションはしません"
#define WHY_SCRIPTS  "Weir runs no scripts / Weir はスクリプトを実行しません"
#define WHY_THREADS  "Weir runs one worker thread a core / Weir はコアごとに 1 スレッドで動きます"
#define WHY_KERNEL   "the kernel's own choice is used / カーネルの既定値を使います"
#define WHY_FILTERS  "no filter uses it in this version / この版にはこれを使うフィルターがありません"
#define WHY_HTTP2    "HTTP/1.1 is spoken in this version / この版は HTTP/1.1 で通信します"
#define WHY_STATUS   "there is no scoreboard / スコアボードはありません"
#define WHY_LOCKS    "Weir's workers share nothing to lock / ワーカー間で共有する資源はありません"
#define WHY_SEEDS    "OpenSSL seeds itself / OpenSSL が自動で行います"
#define WHY_NAMES    "addresses are not looked up / アドレスの逆引きはしません"
#define WHY_ALWAYS   "it is always measured / 常に計測します"
#define WHY_WARNINGS "the warnings are not given / その警告は出しません"

const char *names_refuse(struct conf_cmd *cmd); /* the fault, for the row's `why` */
conf_set_fn names_set_gone;                     /* the row's help is Apache's own fault: the directive went away */
conf_set_fn names_set_off_only; /* Off is what happens anyway; anything else is refused for the row's `why` */
conf_set_fn names_set_user_dir; /* UserDir: what it would do is not done, and "disabled" is what happens anyway */

extern const struct directive http2_directives[];
extern const struct directive autoindex_directives[], negotiation_directives[];
extern const struct directive ssl_directives[];
extern const struct directive other_directives[]; /* of httpd's modules that Weir does not contain */

#endif

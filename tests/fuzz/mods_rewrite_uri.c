/* Rules of every kind on hostile requests: a path, a query and a field's value, a line each. */
#include "config.h"
#include "proxying.h"
#include "rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conf[] =
    "ServerName fuzz.test\nDocumentRoot /srv\nRewriteEngine On\nRewriteMap up int:toupper\nRewriteMap un int:unescape\n"
    "RewriteMap esc int:escape\n"
    "RewriteRule ^/p(.*)$ http://b.example:80$1 [P]\n"
    "RewriteRule ^/n(.*)$ http://b.example/$1 [P,NE]\n"
    "RewriteRule ^/b(.*)$ http://b.example/?x=$1 [P,B]\n"
    "RewriteRule ^/r(.*)$ $1 [R=301,L]\n"
    "RewriteRule ^/e(.*)$ http://x/$1 [R,NE]\n"
    "RewriteRule ^/q(.*)$ /f?$1&%{QUERY_STRING} [QSA,L]\n"
    "RewriteRule ^/l(.*)$ $1 [QSL]\n"
    "RewriteRule ^/m(.*)$ /${up:$1}${un:%{QUERY_STRING}}${esc:%{HTTP:X}} [UnsafeAllow3F]\n"
    "RewriteRule ^(/o.*)o(.*)$ $1-$2 [N=50]\n"
    "RewriteCond %{QUERY_STRING} ^(.*)=(.*)$ [NC]\n"
    "RewriteRule ^/c - [CO=n:%1:x.org:5:%2,E=V%1:%2,L]\n"
    "RewriteCond %{HTTP:X} >=$1 [OR]\nRewriteCond %{HTTP:X} -gt5\nRewriteRule ^/t(.*)$ - [F]\n"
    "RewriteRule ^/(a+)+$ - [G]\n"
    "RewriteRule ^/z(.*)$ $1 [PT]\n";

static struct span next_line(const char **p)
{
    struct span line = { *p, strcspn(*p, "\n") };

    *p += line.n + ((*p)[line.n] == '\n');
    return line;
}

static void check(const struct request *r, int status)
{
    ASSERT(status == 0 || (status >= 300 && status < 600));
    ASSERT(r->uri && (!r->args.p || !memchr(r->args.p, '\0', r->args.n)));
    ASSERT(!r->proxy || (!r->filename && r->proxy->url[0]));
    if (r->proxy && r->args.p) /* what goes into a request line behind the path is clean */
        for (size_t i = 0; i < r->args.n; i++)
            ASSERT((unsigned char)r->args.p[i] > ' ' && r->args.p[i] != 0x7f);
    ASSERT(!r->filename || status || r->filename[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct snapshot *s;
    struct arena *a = arena_new();
    const char *p = arena_strndup(a, (const char *)data, size);
    struct request r;
    struct span args;
    char *uri = NULL;

    s = s ? s : load_text(conf);
    ASSERT(s);
    r = get_request(a, s, SPAN("GET / HTTP/1.1"));
    r.hostname = "h";
    if (http_normalize_path(a, next_line(&p), HTTP_SLASHES_ON, true, &uri) == HTTP_PATH_OK) {
        r.uri = uri;
        args = next_line(&p);
        for (size_t i = 0; i < args.n; i++) /* the head's parser lets no others in */
            ((char *)(uintptr_t)args.p)[i] = (unsigned char)args.p[i] <= ' ' || args.p[i] == 0x7f ? '!' : args.p[i];
        r.args = args.n ? args : (struct span){ 0 };
        http_fields_add(a, &r.head.fields, SPAN("X"), next_line(&p));
        check(&r, rewrite_translate(&r));
    }
    arena_free(a);
    return 0;
}

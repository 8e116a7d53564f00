""".htaccess as people have it: WordPress, Laravel, Symfony, single-page applications, logins, redirects, headers, caching."""
import atexit
import base64
import os

import pytest

from apache import HANDSHAKE, get
from htaccess import ALL, Grove, directory, seen

WORDPRESS = """# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\\.html$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.html [L]
</IfModule>
# END WordPress
<Files wp-config.php>
Require all denied
</Files>
<FilesMatch "^(license|readme)\\.txt$">
  Order allow,deny
  Deny from all
</FilesMatch>
Options -Indexes
"""
WORDPRESS_IN_A_DIRECTORY = WORDPRESS.replace("RewriteBase /\n", "RewriteBase /blog/\n").replace(". /index.html", ". /blog/index.html")
LARAVEL = """<IfModule mod_rewrite.c>
    <IfModule mod_negotiation.c>
        Options -MultiViews -Indexes
    </IfModule>

    RewriteEngine On

    # Handle Authorization Header
    RewriteCond %{HTTP:Authorization} .
    RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]

    # Redirect Trailing Slashes If Not A Folder...
    RewriteCond %{REQUEST_FILENAME} !-d
    RewriteCond %{REQUEST_URI} (.+)/$
    RewriteRule ^ %1 [L,R=301]

    # Send Requests To Front Controller...
    RewriteCond %{REQUEST_FILENAME} !-d
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^ index.html [L]
</IfModule>
"""
SYMFONY = """DirectoryIndex index.html
<IfModule mod_negotiation.c>
    Options -MultiViews
</IfModule>
<IfModule mod_rewrite.c>
    RewriteEngine On
    RewriteCond %{REQUEST_URI}::$0 ^(/.+)/(.*)::\\2$
    RewriteRule .* - [E=BASE:%1]
    RewriteCond %{HTTP:Authorization} .+
    RewriteRule ^ - [E=HTTP_AUTHORIZATION:%0]
    RewriteCond %{ENV:REDIRECT_STATUS} =""
    RewriteRule ^index\\.html(?:/(.*)|$) %{ENV:BASE}/$1 [R=301,L]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^ %{ENV:BASE}/index.html [L]
</IfModule>
<IfModule !mod_rewrite.c>
    <IfModule mod_alias.c>
        RedirectMatch 307 ^/$ /index.html/
    </IfModule>
</IfModule>
Header set X %{BASE}e
"""
DRUPAL = """<FilesMatch "\\.(engine|inc|install|module|profile|sh|.*sql|theme|twig|yml)(~|\\.sw[op]|\\.bak)?$|^(\\.(?!well-known).*|Entries.*)$">
  <IfModule mod_authz_core.c>
    Require all denied
  </IfModule>
  <IfModule !mod_authz_core.c>
    Order allow,deny
  </IfModule>
</FilesMatch>
Options -Indexes
AddType image/svg+xml svg svgz
AddEncoding gzip svgz
<IfModule mod_expires.c>
  ExpiresActive On
  ExpiresDefault A1209600
  <FilesMatch \\.html$>
    ExpiresActive Off
  </FilesMatch>
</IfModule>
<IfModule mod_rewrite.c>
  RewriteEngine on
  RewriteRule ^ - [E=protossl]
  RewriteCond %{HTTPS} on
  RewriteRule ^ - [E=protossl:s]
  RewriteRule "(^|/)\\.(?!well-known)" - [F]
  RewriteCond %{REQUEST_FILENAME} !-f
  RewriteCond %{REQUEST_FILENAME} !-d
  RewriteCond %{REQUEST_URI} !=/favicon.ico
  RewriteRule ^ index.html [L]
</IfModule>
<IfModule mod_headers.c>
  Header always set X-Content-Type-Options nosniff
  RequestHeader unset Proxy
</IfModule>
"""
SPA = """<IfModule mod_rewrite.c>
  RewriteEngine On
  RewriteBase /
  RewriteRule ^index\\.html$ - [L]
  RewriteCond %{REQUEST_FILENAME} !-f
  RewriteCond %{REQUEST_FILENAME} !-d
  RewriteCond %{REQUEST_FILENAME} !-l
  RewriteRule . /index.html [L]
</IfModule>
<FilesMatch "\\.(js|css)$">
  Header set Cache-Control "public, max-age=31536000, immutable"
</FilesMatch>
<Files index.html>
  Header set Cache-Control "no-cache"
</Files>
"""
SPA_SOCKET = SPA.replace("  RewriteBase /\n", "  RewriteBase /\n  RewriteCond %{HTTP:Upgrade} websocket [NC]\n  RewriteRule ^socket/(.*)$ ws://127.0.0.1:${BACKEND}/$1 [P,L]\n"
                         "  RewriteRule ^api/(.*)$ http://127.0.0.1:${BACKEND}/v1/$1 [P,L]\n")
LOGIN = "AuthType Basic\nAuthName \"Members only\"\nAuthUserFile @TREE@/users\nRequire valid-user\n"
USERS = "alice:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\nbob:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n"  # test
ALICE = "Authorization: Basic " + base64.b64encode(b"alice:test").decode()
BOB = "Authorization: Basic " + base64.b64encode(b"bob:test").decode()
WRONG = "Authorization: Basic " + base64.b64encode(b"alice:no").decode()


def root(text, **more):
    return dict({".htaccess": text}, **more)


def sub(text, **more):
    return dict({"sub/.htaccess": text}, **more)


def many(name, tree, conf, paths):
    return [("%s: %s" % (name, p if isinstance(p, str) else p.split(b"\r\n")[0].decode() + " " + str(i)), tree, conf, p) for i, p in enumerate(paths)]


def user(path, field, **more):
    return get(path, field, **more)


ROWS = (
    many("wordpress", root(WORDPRESS, **{"wp-config.php": "secret", "readme.txt": "r", "wp-content/s.css": "p{}"}), ALL,
         ["/", "/index.html", "/a.txt", "/2024/05/hello-world/", "/hello?p=1", "/wp-config.php", "/readme.txt", "/wp-content/s.css", "/wp-content/", "/wp-content", "/sub", "/sub/", "/sub/none",
          "/noindex/", "/a.txt/more", "/%E3%81%82", "/a%20b", "/x%2Fy", "/feed/?a=b&c=d", "/../x", "//double//x", user("/page", ALICE), get("/page", "Content-Length: 2", method="POST", body=b"ab"),
          get("/page", method="HEAD"), "/.htaccess", "/.htpasswd"]) +
    many("wordpress in a directory", {"blog/.htaccess": WORDPRESS_IN_A_DIRECTORY, "blog/index.html": "<p>blog", "blog/wp-content/s.css": "p{}"}, ALL,
         ["/blog/", "/blog", "/blog/hello", "/blog/2024/x/", "/blog/wp-content/s.css", "/blog/index.html", "/other"]) +
    many("wordpress behind an alias", {"blog/.htaccess": WORDPRESS_IN_A_DIRECTORY.replace("/blog/", "/log/"), "blog/index.html": "<p>blog"}, ALL + "Alias /log @TREE@/blog\n",
         ["/log/", "/log", "/log/hello", "/log/index.html"]) +
    many("laravel", root(LARAVEL), ALL, ["/", "/users/5", "/users/5/", "/a.txt", "/a.txt/", "/sub/", "/sub", "/x?y=z", "/x/?y=z", "/index.html", user("/api", BOB), "/noindex/"]) +
    many("laravel below the root", {".htaccess": "RewriteEngine On\nRewriteRule ^(.*)$ public/$1 [L]\n", "public/.htaccess": LARAVEL, "public/index.html": "<p>app", "public/s.css": "p{}"}, ALL,
         ["/", "/users", "/s.css", "/users/5/", "/public/", "/public/s.css", "/a.txt"]) +
    many("symfony", root(SYMFONY), ALL, ["/", "/index.html", "/index.html/blog", "/blog/5", "/a.txt", "/sub/", "/none/?q", user("/x", ALICE)]) +
    many("symfony in a directory", {"app/.htaccess": SYMFONY, "app/index.html": "<p>app"}, ALL, ["/app/", "/app/blog/5", "/app/index.html", "/app/index.html/x", "/app"]) +
    many("drupal", root(DRUPAL, **{"core.module": "x", "i.svg": "<svg>", "z.svgz": "z", ".git/config": "x", ".well-known/t": "t"}), ALL,
         ["/", "/node/1", "/core.module", "/i.svg", "/z.svgz", "/.git/config", "/.well-known/t", "/favicon.ico", "/a.txt", "/sub/b.txt", "/noindex/"]) +
    many("single page", root(SPA, **{"app.js": "1", "app.css": "p{}"}), ALL, ["/", "/rooms/7", "/rooms/7?x=1", "/app.js", "/app.css", "/index.html", "/none.js", "/sub/none", "/a.txt"]) +
    many("single page with a socket", root(SPA_SOCKET), ALL, ["/rooms/7", "/api/users?x", get("/socket/room", *HANDSHAKE, "X-Script: upgrade"), "/socket/room", "/api", get("/api/x", "Content-Length: 2", method="POST", body=b"ab")]) +
    many("fallback", root("FallbackResource /index.html\n"), ALL, ["/", "/rooms/7", "/a.txt", "/sub/none", "/sub/"]) +
    many("fallback below, disabled deeper", {"sub/.htaccess": "FallbackResource /sub/index.html\n", "sub/deep/.htaccess": "FallbackResource disabled\n"}, ALL, ["/sub/x", "/sub/deep/x", "/x"]) +
    # ---- logins
    many("login", sub(LOGIN, users=USERS), ALL, ["/a.txt", "/sub/b.txt", "/sub/none", "/sub/", "/sub", user("/sub/b.txt", ALICE), user("/sub/b.txt", WRONG), user("/sub/deep/c.txt", BOB), user("/sub/", ALICE)]) +
    many("login of one", sub(LOGIN.replace("valid-user", "user alice"), users=USERS), ALL, [user("/sub/b.txt", ALICE), user("/sub/b.txt", BOB), "/sub/b.txt"]) +
    many("login of a group", sub(LOGIN.replace("Require valid-user", "AuthGroupFile @TREE@/groups\nRequire group staff"), users=USERS, groups="staff: alice\n"), ALL, [user("/sub/b.txt", ALICE), user("/sub/b.txt", BOB)]) +
    many("login or address", sub(LOGIN + "Require ip 127.0.0.1\n", users=USERS), ALL, ["/sub/b.txt", user("/sub/b.txt", WRONG)]) +
    many("login and address", sub(LOGIN.replace("Require valid-user", "<RequireAll>\nRequire valid-user\nRequire ip 127.0.0.1\n</RequireAll>"), users=USERS), ALL, ["/sub/b.txt", user("/sub/b.txt", ALICE)]) +
    many("login and another address", sub(LOGIN.replace("Require valid-user", "<RequireAll>\nRequire valid-user\nRequire ip 192.0.2.1\n</RequireAll>"), users=USERS), ALL, ["/sub/b.txt", user("/sub/b.txt", ALICE)]) +
    many("login for posts", sub(LOGIN.replace("Require valid-user", "<Limit POST>\nRequire valid-user\n</Limit>"), users=USERS), ALL, ["/sub/b.txt", get("/sub/b.txt", "Content-Length: 0", method="POST")]) +
    many("login but for reading", sub(LOGIN.replace("Require valid-user", "<LimitExcept GET HEAD>\nRequire valid-user\n</LimitExcept>"), users=USERS), ALL, ["/sub/b.txt", get("/sub/b.txt", "Content-Length: 0", method="PUT")]) +
    many("login of a file", sub("<Files b.txt>\n" + LOGIN + "</Files>\n", users=USERS), ALL, ["/sub/b.txt", user("/sub/b.txt", ALICE), "/sub/index.html"]) +
    many("login but not deeper", sub(LOGIN, users=USERS, **{"sub/deep/.htaccess": "Require all granted\n"}), ALL, ["/sub/b.txt", "/sub/deep/c.txt"]) +
    many("login and more deeper", sub(LOGIN, users=USERS, **{"sub/deep/.htaccess": "AuthMerging And\nRequire user bob\n"}), ALL, [user("/sub/deep/c.txt", ALICE), user("/sub/deep/c.txt", BOB), user("/sub/b.txt", ALICE)]) +
    many("login, satisfy any", sub(LOGIN + "Order deny,allow\nDeny from all\nAllow from 127.0.0.1\nSatisfy any\n", users=USERS), ALL, ["/sub/b.txt"]) +
    many("login without users", sub(LOGIN.replace("AuthUserFile @TREE@/users\n", "")), ALL, ["/sub/b.txt", user("/sub/b.txt", ALICE)]) +
    many("login with no file", sub(LOGIN), ALL, ["/sub/b.txt", user("/sub/b.txt", ALICE)]) +
    many("login without a rule", sub(LOGIN.replace("Require valid-user\n", ""), users=USERS), ALL, ["/sub/b.txt"]) +
    many("login with a page", sub(LOGIN + "ErrorDocument 401 /a.txt\n", users=USERS), ALL, ["/sub/b.txt"]) +
    many("login with a page of its own", sub(LOGIN + "ErrorDocument 401 /sub/index.html\n", users=USERS), ALL, ["/sub/b.txt"]) +
    many("login before a rule", sub(LOGIN + "RewriteEngine On\nRewriteRule ^old$ /sub/b.txt\n", users=USERS), ALL, ["/sub/old", user("/sub/old", ALICE)]) +
    # ---- access
    many("denied", sub("Require all denied\n"), ALL, ["/sub/b.txt", "/sub/", "/sub/none", "/sub", "/a.txt"]) +
    many("denied by Order", sub("Order deny,allow\nDeny from all\n"), ALL, ["/sub/b.txt", "/sub/"]) +
    many("denied by another address", sub("Require ip 192.0.2.0/24\n"), ALL, ["/sub/b.txt"]) +
    many("granted by address", sub("Require ip 127.0.0.0/8 ::1\n"), ALL, ["/sub/b.txt"]) +
    many("not an address", sub("<RequireAll>\nRequire all granted\nRequire not ip 127.0.0.1\n</RequireAll>\n"), ALL, ["/sub/b.txt"]) +
    many("a bad bot", sub("SetEnvIfNoCase User-Agent \"badbot\" bad\n<RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>\n"), ALL, ["/sub/b.txt", user("/sub/b.txt", "User-Agent: The BadBot")]) +
    many("a bad bot by Order", sub("BrowserMatch badbot bad\nOrder allow,deny\nAllow from all\nDeny from env=bad\n"), ALL, ["/sub/b.txt", user("/sub/b.txt", "User-Agent: badbot")]) +
    many("by method", sub("Require method GET\n"), ALL, ["/sub/b.txt", get("/sub/b.txt", "Content-Length: 0", method="POST")]) +
    many("by expression", sub("Require expr \"%{QUERY_STRING} =~ /open/\"\n"), ALL, ["/sub/b.txt", "/sub/b.txt?open"]) +
    many("granted below what is denied", root("Require all denied\n", **{"sub/.htaccess": "Require all granted\n"}), ALL, ["/a.txt", "/sub/b.txt"]) +
    many("containers", sub("<RequireAny>\n<RequireAll>\nRequire method GET\nRequire expr \"%{QUERY_STRING} == 'a'\"\n</RequireAll>\nRequire method POST\n</RequireAny>\n"), ALL,
         ["/sub/b.txt", "/sub/b.txt?a", get("/sub/b.txt", "Content-Length: 0", method="POST")]) +
    many("denied kinds of files", root("<FilesMatch \"\\.(bak|sql|ini)$\">\nRequire all denied\n</FilesMatch>\n", **{"x.sql": "x", "sub/y.bak": "y"}), ALL, ["/x.sql", "/sub/y.bak", "/a.txt", "/none.ini"]) +
    # ---- rewriting
    many("last", root("RewriteEngine On\nRewriteRule ^x$ y [L]\nRewriteRule ^y$ a.txt [L]\nRewriteRule ^a\\.txt$ - [E=A:1]\nHeader set X %{A}e env=A\nHeader set X-A %{REDIRECT_A}e env=REDIRECT_A\n"), ALL, ["/x", "/y", "/a.txt"]) +
    many("end", root("RewriteEngine On\nRewriteRule ^x$ y [END]\nRewriteRule ^y$ a.txt [END]\n"), ALL, ["/x", "/y"]) +
    many("a loop", root("RewriteEngine On\nRewriteRule ^(.*)$ x/$1\n"), ALL, ["/a"]) +
    many("no loop", root("RewriteEngine On\nRewriteRule ^(.*)$ a.txt\n"), ALL, ["/x", "/"]) +
    many("base", {"sub/.htaccess": "RewriteEngine On\nRewriteBase /other/\nRewriteRule ^x$ o.html\n"}, ALL, ["/sub/x"]) +
    many("no base", {"sub/.htaccess": "RewriteEngine On\nRewriteRule ^x$ b.txt\nRewriteRule ^y$ /a.txt\nRewriteRule ^z$ deep/c.txt [R]\nRewriteRule ^w$ /deep/c.txt [R=301]\n"}, ALL, ["/sub/x", "/sub/y", "/sub/z", "/sub/w"]) +
    many("rules above are forgotten below", {".htaccess": "RewriteEngine On\nRewriteRule ^sub/x$ /a.txt\n", "sub/.htaccess": "RewriteEngine On\nRewriteRule ^y$ /a.txt\n"}, ALL, ["/sub/x", "/sub/y"]) +
    many("rules above count where there are none below", {".htaccess": "RewriteEngine On\nRewriteRule ^sub/x$ /a.txt\n", "sub/.htaccess": "Options -Indexes\n"}, ALL, ["/sub/x"]) +
    many("rules are inherited", {".htaccess": "RewriteEngine On\nRewriteRule x$ /a.txt\n", "sub/.htaccess": "RewriteEngine On\nRewriteOptions Inherit\nRewriteRule ^y$ /a.txt\n"}, ALL, ["/sub/x", "/sub/y", "/x"]) +
    many("rules are inherited before", {".htaccess": "RewriteEngine On\nRewriteRule x$ /a.txt [L]\n", "sub/.htaccess": "RewriteEngine On\nRewriteOptions InheritBefore\nRewriteRule ^x$ /sub/b.txt\n"}, ALL, ["/sub/x"]) +
    many("rules are given down", {".htaccess": "RewriteEngine On\nRewriteOptions InheritDown\nRewriteRule x$ /a.txt\n", "sub/.htaccess": "RewriteEngine On\nRewriteRule ^y$ /a.txt\n"}, ALL, ["/sub/x", "/sub/y"]) +
    many("rules given down are not taken", {".htaccess": "RewriteEngine On\nRewriteOptions InheritDown\nRewriteRule x$ /a.txt\n", "sub/.htaccess": "RewriteEngine On\nRewriteOptions IgnoreInherit\nRewriteRule ^y$ /a.txt\n"}, ALL, ["/sub/x", "/sub/y"]) +
    many("rules of the section are inherited", sub("RewriteEngine On\nRewriteOptions Inherit\n"), directory("AllowOverride All\nRewriteEngine On\nRewriteRule x$ /a.txt\n"), ["/sub/x"]) +
    many("engine off below", {".htaccess": "RewriteEngine On\nRewriteRule x$ /a.txt\n", "sub/.htaccess": "RewriteEngine Off\n"}, ALL, ["/sub/x", "/x"]) +
    many("rules without links", sub("RewriteEngine On\nRewriteRule ^x$ b.txt\n"), directory("AllowOverride All\nOptions None"), ["/sub/x", "/sub/b.txt"]) +
    many("to https", root("RewriteEngine On\nRewriteCond %{HTTPS} !=on\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"), ALL, ["/", "/a/b?c=d", "/a%20b"]) +
    many("to www", root("RewriteEngine On\nRewriteCond %{HTTP_HOST} !^www\\. [NC]\nRewriteRule ^(.*)$ http://www.%{HTTP_HOST}/$1 [R=301,L]\n"), ALL, ["/", "/a/b?c=d"]) +
    many("extension hidden", root("RewriteEngine On\nRewriteCond %{REQUEST_FILENAME}.html -f\nRewriteRule ^([^.]+)$ $1.html [L]\n", **{"about.html": "<p>about"}), ALL, ["/about", "/about.html", "/none", "/sub/index"]) +
    many("forbidden, gone", root("RewriteEngine On\nRewriteRule ^secret - [F]\nRewriteRule ^old - [G]\nRewriteRule ^tea - [R=418]\n"), ALL, ["/secret", "/old", "/tea"]) +
    many("hotlinks", root("RewriteEngine On\nRewriteCond %{HTTP_REFERER} !^$\nRewriteCond %{HTTP_REFERER} !^http://c [NC]\nRewriteRule \\.txt$ - [F,NC]\n"), ALL, ["/a.txt", user("/a.txt", "Referer: http://evil.example/"), user("/a.txt", "Referer: http://c1.example/")]) +
    many("query", root("RewriteEngine On\nRewriteCond %{QUERY_STRING} ^id=(\\d+)$\nRewriteRule ^item$ /sub/%1? [R]\nRewriteRule ^add$ /a.txt?x=1 [QSA,R]\nRewriteRule ^drop$ /a.txt [QSD,R]\n"), ALL, ["/item?id=5", "/item?id=x", "/add?y=2", "/drop?y=2"]) +
    many("type, handler, cookie", root("RewriteEngine On\nRewriteRule ^a\\.txt$ - [T=text/x,CO=seen:1:.example]\n"), ALL, ["/a.txt"]) +
    many("in files", root("<Files a.txt>\nRewriteEngine On\nRewriteRule ^ /sub/b.txt\n</Files>\n"), ALL, ["/a.txt"]) +
    many("in if", root("<If \"%{QUERY_STRING} == 'go'\">\nRewriteEngine On\nRewriteRule ^ /sub/b.txt\n</If>\n"), ALL, ["/a.txt?go", "/a.txt"]) +
    many("server's rules first", root("RewriteEngine On\nRewriteRule ^y$ /sub/b.txt\n"), ALL + "RewriteEngine On\nRewriteRule ^/x$ /y [PT]\n", ["/x", "/y"]) +
    many("looks ahead", root("RewriteEngine On\nRewriteCond /sub/b.txt -U\nRewriteRule ^x$ /a.txt [R]\n", **{"sub/.htaccess": "Require all denied\n"}), ALL, ["/x"]) +
    many("looks ahead at what is at fault", root("RewriteEngine On\nRewriteCond /sub/b.txt -U\nRewriteRule ^x$ /a.txt [R]\n", **{"sub/.htaccess": "Foo\n"}), ALL, ["/x"]) +
    # ---- redirects
    many("redirect", root("Redirect /old http://new.example/x\nRedirect 301 /moved /sub/\nRedirect permanent /perm /sub\nRedirect gone /gone\nRedirectMatch 302 ^/m/(.*)$ /sub/$1\nRedirectTemp /temp /a.txt\nRedirectPermanent /p /a.txt\n"), ALL,
         ["/old", "/old/more?q", "/moved", "/perm/x", "/gone", "/m/b.txt", "/temp", "/p", "/a.txt"]) +
    many("redirect below", sub("Redirect /sub/x /a.txt\nRedirect 410 /y\nRedirectMatch ^/sub/(z) /$1\n"), ALL, ["/sub/x", "/sub/y", "/y", "/sub/z"]) +
    many("redirect of all below", sub("Redirect 301 http://new.example/\n"), ALL, ["/sub/b.txt", "/sub/x?q", "/a.txt"]) +
    many("redirect before a rule", root("Redirect /x /a.txt\nRewriteEngine On\nRewriteRule ^x /sub/b.txt\n"), ALL, ["/x"]) +
    # ---- pages of errors
    many("pages", root("ErrorDocument 404 /a.txt\nErrorDocument 403 \"not for you\"\nErrorDocument 410 http://other.example/\nRedirect gone /gone\n", **{"sub/.htaccess": "Require all denied\n"}), ALL,
         ["/none", "/sub/b.txt", "/gone", get("/none", method="HEAD"), get("/none", "Content-Length: 0", method="POST")]) +
    many("pages below", root("ErrorDocument 404 outer\n", **{"sub/.htaccess": "ErrorDocument 404 inner\n", "other/.htaccess": "ErrorDocument 404 default\n"}), ALL, ["/none", "/sub/none", "/other/none"]) +
    many("a page that is not there", root("ErrorDocument 404 /nowhere.html\n"), ALL, ["/none"]) +
    many("a page through a rule", root("ErrorDocument 404 /page\nRewriteEngine On\nRewriteRule ^page$ a.txt\n"), ALL, ["/none"]) +
    # ---- files and directories
    many("index", sub("DirectoryIndex b.txt\n"), ALL, ["/sub/", "/sub", "/"]) +
    many("index elsewhere", sub("DirectoryIndex none.html /a.txt\n"), ALL, ["/sub/"]) +
    many("index disabled", sub("DirectoryIndex disabled\n"), ALL, ["/sub/"]) +
    many("index in a directory with a file of its own", root("DirectoryIndex other/o.html\n", **{"other/.htaccess": "Header set X other\n"}), ALL, ["/"]) +
    many("index that is denied", root("DirectoryIndex other/o.html\n", **{"other/.htaccess": "Require all denied\n"}), ALL, ["/"]) +
    many("index at fault", root("DirectoryIndex other/o.html a.txt\n", **{"other/.htaccess": "Foo\n"}), ALL, ["/"]) +
    many("slash off", root("DirectorySlash Off\n"), ALL, ["/sub", "/sub/"]) +
    many("listing", {"noindex/.htaccess": "Options -Indexes\n"}, directory("AllowOverride All\nOptions Indexes FollowSymLinks"), ["/noindex/", "/noindex/x.txt"]) +
    many("path info", root("AcceptPathInfo Off\n", **{"sub/.htaccess": "AcceptPathInfo On\n"}), ALL, ["/a.txt/x", "/sub/b.txt/x"]) +
    many("types", root("AddType text/special .txt\nAddCharset utf-8 .css\nAddLanguage ja .ja\nAddEncoding x-thing .thing\nForceType application/x-all\n", **{"s.css": "p{}"}), ALL, ["/a.txt", "/s.css"]) +
    many("types below", root("AddType text/one .txt\nAddDefaultCharset utf-8\n", **{"sub/.htaccess": "AddType text/two .txt\n", "sub/deep/.htaccess": "RemoveType .txt\nAddDefaultCharset Off\n", "x.ja.txt": "x"}), ALL, ["/a.txt", "/sub/b.txt", "/sub/deep/c.txt"]) +
    many("more types", root("AddCharset utf-8 .css\nAddLanguage ja .ja\nAddEncoding x-thing .thing\nDefaultLanguage fr\n", **{"s.css": "p{}", "x.ja.txt": "x", "x.thing": "x"}), ALL, ["/a.txt", "/s.css", "/x.ja.txt", "/x.thing"]) +
    many("etag", root("FileETag None\n"), ALL, ["/a.txt"]) +
    many("body", root("LimitRequestBody 3\n"), ALL, [get("/a.txt", "Content-Length: 5", method="POST", body=b"abcde"), get("/a.txt", "Content-Length: 2", method="POST", body=b"ab")]) +
    # ---- fields, variables, caching
    many("fields", root("Header set X one\nHeader append X two\nHeader always set X-Frame-Options DENY\nHeader unset ETag\nHeader set X-A \"%{REQUEST_URI}e\"\nHeader edit X o 0\nHeader set X-B yes \"expr=%{REQUEST_URI} =~ m#^/sub#\"\n",
                        **{"sub/.htaccess": "Header set X sub\nHeader unset X-Frame-Options\nHeader always unset X-Frame-Options\n"}), ALL, ["/a.txt", "/sub/b.txt", "/none", "/sub/none", "/sub"]) +
    many("request fields", root("RequestHeader set X-Seen here\nRewriteEngine On\nRewriteRule ^app$ http://127.0.0.1:${BACKEND}/ [P]\n"), ALL, ["/app"]) +
    many("variables", root("SetEnv A 1\nSetEnvIf Request_URI \"^/sub\" B=2\nSetEnvIf Host (c\\d+) C=$1\nHeader set X-A %{A}e env=A\nHeader set X-B %{B}e env=B\nHeader set X-C got env=C\n", **{"sub/.htaccess": "UnsetEnv A\n"}), ALL, ["/a.txt", "/sub/b.txt"]) +
    many("variables by expression", root("SetEnvIfExpr \"%{QUERY_STRING} =~ /on/\" A=1\nHeader set X-A %{A}e env=A\n"), ALL, ["/a.txt?on", "/a.txt"]) +
    many("compression", root("AddOutputFilterByType DEFLATE text/plain\n<IfModule mod_setenvif.c>\nSetEnvIf Request_URI \"\\.css$\" no-gzip\n</IfModule>\n", **{"long.txt": "x" * 3000}), ALL, [user("/long.txt", "Accept-Encoding: gzip"), "/long.txt"]) +
    many("substitute", root("AddOutputFilterByType SUBSTITUTE text/plain\nSubstitute s/text/word/\n", **{"t.txt": "a text\n"}), ALL, ["/t.txt"]) +
    many("if", root("<If \"%{HTTP:X-Mode} == 'a'\">\nHeader set X a\n</If>\n<ElseIf \"-n %{HTTP:X-Mode}\">\nHeader set X other\n</ElseIf>\n<Else>\nHeader set X none\n</Else>\n"), ALL, ["/a.txt", user("/a.txt", "X-Mode: a"), user("/a.txt", "X-Mode: b")]) +
    many("if denies", root("<If \"%{QUERY_STRING} =~ /evil/\">\nRequire all denied\n</If>\n"), ALL, ["/a.txt?evil", "/a.txt"]) +
    many("limit", root("<Limit POST PUT>\nRequire all denied\n</Limit>\n"), ALL, ["/a.txt", get("/a.txt", "Content-Length: 0", method="POST"), get("/a.txt", "Content-Length: 0", method="PUT")]) +
    many("limitexcept", root("<LimitExcept GET POST>\nRequire all denied\n</LimitExcept>\n"), ALL, ["/a.txt", get("/a.txt", "Content-Length: 0", method="POST"), get("/a.txt", method="DELETE"), get("/a.txt", method="OPTIONS")])
)
# The time of day is in these
TIMED = [row for row in many("expires", root("ExpiresActive On\nExpiresByType text/plain \"access plus 1 month\"\nExpiresDefault A60\n", **{"sub/.htaccess": "ExpiresActive Off\n"}), ALL, ["/a.txt", "/index.html", "/sub/b.txt", "/none"])]


SSL_LINES = ["SSLRequireSSL", "SSLOptions +StdEnvVars", "SSLRequire true", "SSLRequire \"%{REMOTE_ADDR} == '192.0.2.1'\"", "SSLVerifyClient none", "SSLVerifyDepth 1",
             "SSLUserName SSL_CLIENT_S_DN", "SSLRenegBufferSize 1000", "SSLCertificateFile /x", "SSLEngine On", "SSLProxyEngine On", "SSLRequire \"file('/etc/hostname') == 'a'\""]
DIGEST_LINES = ["AuthDigestProvider file", "AuthDigestQop auth", "AuthDigestNonceLifetime 5", "AuthDigestAlgorithm MD5", "AuthDigestDomain /", "AuthDigestNcCheck Off", "AuthDigestShmemSize 1000",
                "AuthType Digest\nAuthName r\nAuthUserFile /dev/null\nRequire valid-user"]
MORE = [("%s under %s" % (line, allowed), root(line + "\n"), directory("AllowOverride " + allowed), "/a.txt")
        for line in SSL_LINES + DIGEST_LINES for allowed in ("All", "AuthConfig", "Options FileInfo")]


@pytest.fixture(scope="module")
def more():
    g = Grove(MORE, modules=["socache_shmcb", "ssl", "auth_digest"])
    atexit.register(g.remove)
    return g


@pytest.mark.parametrize("name", [row[0] for row in MORE])
def test_lines_of_other_modules(more, name):
    apache, weir = more.pair.of(name)
    assert weir.status == apache.status, (more.faults("weir", name), more.faults("apache", name))
    assert more.faults("weir", name) == more.faults("apache", name)


@pytest.fixture(scope="module")
def grove():
    g = Grove(list(ROWS) + TIMED, main="Define BACKEND @A@\n")
    atexit.register(g.remove)
    return g


def told(answer):
    status, fields, body = seen(answer)
    if "Expires" in fields:
        fields["Expires"] = ["then"]
    return status, fields, body


@pytest.mark.parametrize("name", [row[0] for row in list(ROWS) + TIMED])
def test_answers_as_apache(grove, name):
    apache, weir = grove.pair.of(name)
    assert told(weir) == told(apache), (weir.raw[:600], grove.faults("weir", name), grove.faults("apache", name))
    assert [r.split(b"\r\n")[0] for r in weir.seen] == [r.split(b"\r\n")[0] for r in apache.seen]
    assert [b"X-Seen" in r for r in weir.seen] == [b"X-Seen" in r for r in apache.seen]


@pytest.mark.parametrize("name", [row[0] for row in list(ROWS) + TIMED])
def test_says_what_apache_says(grove, name):
    assert grove.faults("weir", name) == grove.faults("apache", name)


def test_each_name_is_there_once():
    names = [row[0] for row in list(ROWS) + TIMED]
    assert len(names) == len(set(names)) and len(names) > 250 and os.path.exists("/dev/null")

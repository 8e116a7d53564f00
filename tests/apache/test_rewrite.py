"""RewriteRule and RewriteCond of a virtual host: flags, conditions, variables, maps, what refuses a request."""
import atexit
import os
import shutil
import tempfile

import pytest

from apache import HANDSHAKE, Pair, get, within_an_hour

ROOT = tempfile.mkdtemp(prefix="weir-rewrite-")
os.chmod(ROOT, 0o755)
atexit.register(shutil.rmtree, ROOT, True)
for name, text in (("file.txt", "text"), ("empty", ""), ("run.sh", "#!/bin/sh\n"), ("dir/in.txt", "inner"),
                   ("map.txt", "# comment\nalpha one rest\nbeta  two\n gamma three\nalpha again\nnovalue\nlist a\nq x?y\n"),
                   ("rnd.txt", "one only\nempty a||\n")):
    path = os.path.join(ROOT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
os.chmod(ROOT + "/run.sh", 0o755)
os.symlink("file.txt", ROOT + "/link")
os.symlink("nowhere", ROOT + "/broken")

A = "http://127.0.0.1:@A@"
WS = "ws://127.0.0.1:@A@"
ON = "DocumentRoot %s\nRewriteEngine On\n" % ROOT


def rule(words, *conds, more=""):
    return ON + more + "".join("RewriteCond %s\n" % c for c in conds) + "RewriteRule " + words


def rules(*lines, more=""):
    return ON + more + "\n".join(lines)


def up(path="/app/x", *fields):
    return get(path, *HANDSHAKE, "X-Script: upgrade", *fields)


TO_A = "^/(.*)$ %s/$1 [P,L]" % A
SHOW = "^ \"http://show.example/%s\" [R,NE,L]"

ROWS = [
    # ---- [P] and the idioms for WebSockets
    ("proxy", rule(TO_A), get("/app/x?a=b")),
    ("proxy long flag", rule("^/(.*)$ %s/$1 [proxy]" % A), get("/app/x")),
    ("proxy lower case", rule("/(.*) %s/$1 [p,l]" % A), get("/app/x")),
    ("proxy beats ProxyPass", rule(TO_A) + "\nProxyPass / http://127.0.0.1:@B@/", get("/app/x")),
    ("proxy of a path is to oneself", rule("^/loop$ /away [P]", more="RewriteRule ^/away http://x.example/ [R,L]\n"), get("/loop")),
    ("proxy encodes again", rule(TO_A), get("/a%20b%2Bc%25d%3Be?q=%20")),
    ("proxy NE", rule("^/(.*)$ %s/$1 [P,NE]" % A), get("/a%2Bc?q=%20&r")),
    ("proxy NE with a blank", rule("^/(.*)$ %s/$1 [P,NE]" % A), get("/a%20b")),
    ("proxy with a query of its own", rule("^/(.*)$ %s/$1?x=1 [P]" % A), get("/app?a=b")),
    ("proxy QSA", rule("^/(.*)$ %s/$1?x=1 [P,QSA]" % A), get("/app?a=b")),
    ("proxy QSD", rule("^/(.*)$ %s/$1 [P,QSD]" % A), get("/app?a=b")),
    ("proxy to a pattern's port", rule("^/port/(\\d+)/(.*)$ http://127.0.0.1:$1/$2 [P]"), get("/port/@A@x/1")),
    ("proxy to a dead port", rule("^/(.*)$ http://127.0.0.1:@DEAD@/$1 [P]"), get("/app/x")),
    ("proxy then ProxyPassReverse", rule(TO_A) + "\nProxyPassReverse / %s/" % A, get("/x", "X-Script: moved")),
    ("proxy through a unix socket", rule("^/(.*)$ unix:@SOCK@|http://b.example/$1 [P]"), get("/app/x")),
    ("handshake =websocket NC", rule("/(.*) %s/$1 [P,L]" % WS, "%{HTTP:Upgrade} =websocket [NC]"), up()),
    ("handshake =websocket NC, plain", rule("/(.*) %s/$1 [P,L]" % WS, "%{HTTP:Upgrade} =websocket [NC]"), get("/app/x")),
    ("handshake =websocket, other case", rule("/(.*) %s/$1 [P,L]" % WS, "%{HTTP:Upgrade} =websocket"),
     get("/app/x", "Connection: Upgrade", "Upgrade: WebSocket")),
    ("both backends", rules("RewriteCond %%{HTTP:Upgrade} =websocket [NC]\nRewriteRule /(.*) %s/$1 [P,L]" % WS,
                            "RewriteCond %{HTTP:Upgrade} !=websocket [NC]\nRewriteRule /(.*) http://127.0.0.1:@B@/$1 [P,L]"), up()),
    ("both backends, plain", rules("RewriteCond %%{HTTP:Upgrade} =websocket [NC]\nRewriteRule /(.*) %s/$1 [P,L]" % WS,
                                   "RewriteCond %{HTTP:Upgrade} !=websocket [NC]\nRewriteRule /(.*) http://127.0.0.1:@B@/$1 [P,L]"),
     get("/app/x")),
    ("documented idiom", rule("^/?(.*) \"%s/$1\" [P,L]" % WS, "%{HTTP:Upgrade} websocket [NC]", "%{HTTP:Connection} upgrade [NC]")
     + "\nProxyPass / http://127.0.0.1:@B@/", up()),
    ("documented idiom, plain", rule("^/?(.*) \"%s/$1\" [P,L]" % WS, "%{HTTP:Upgrade} websocket [NC]", "%{HTTP:Connection} upgrade [NC]")
     + "\nProxyPass / http://127.0.0.1:@B@/", get("/app/x")),
    ("Connection of several words", rule("^/?(.*) %s/$1 [P,L]" % WS, "%{HTTP:Connection} Upgrade [NC]", "%{HTTP:Upgrade} websocket [NC]"),
     get("/app/x", "Connection: keep-alive, Upgrade", *HANDSHAKE[1:], "X-Script: upgrade")),
    ("Upgrade$ misses keep-alive behind", rule("^/?(.*) %s/$1 [P,L]" % WS, "%{HTTP:CONNECTION} Upgrade$ [NC]"),
     get("/app/x", "Connection: Upgrade, keep-alive", *HANDSHAKE[1:])),
    ("^Upgrade$ and ^WebSocket$", rule(".* %s%%{REQUEST_URI} [P]" % WS, "%{HTTP:UPGRADE} ^WebSocket$ [NC]", "%{HTTP:CONNECTION} ^Upgrade$ [NC]"),
     up()),
    ("OR", rule(".* %s%%{REQUEST_URI} [P]" % WS, "%{HTTP:UPGRADE} ^WebSocket$ [NC,OR]", "%{HTTP:CONNECTION} ^Upgrade$ [NC]"), get("/x", "Connection: upgrade")),
    ("socket.io", rules("RewriteCond %{REQUEST_URI} ^/socket.io [NC]", "RewriteCond %{QUERY_STRING} transport=websocket [NC]",
                        "RewriteRule /(.*) %s/$1 [P,L]" % WS) + "\nProxyPass / http://127.0.0.1:@B@/", up("/socket.io/?EIO=4&transport=websocket")),
    ("socket.io polling", rules("RewriteCond %{REQUEST_URI} ^/socket.io [NC]", "RewriteCond %{QUERY_STRING} transport=websocket [NC]",
                                "RewriteRule /(.*) %s/$1 [P,L]" % WS) + "\nProxyPass / http://127.0.0.1:@B@/",
     get("/socket.io/?EIO=4&transport=polling")),
    ("the path doubled", rule("(.*) %s/$1 [P,L]" % WS), up()),
    ("in the middle of a path", rule("/(x.*) %s/$1 [P,L]" % WS), up("/app/x/y")),
    ("a condition on a map that is none", rule("/(.*) %s/$1 [P,L]" % WS, "${HTTP:Upgrade} websocket"), up()),
    ("no handshake on ws: without fallback", rule("^/(.*) %s/$1 [P,L]" % WS, more="ProxyWebsocketFallbackToProxyHttp Off\n"), get("/app/x")),
    ("anything else is a file of ours", rules("RewriteCond %{DOCUMENT_ROOT}/%{REQUEST_FILENAME} !-f",
                                              "RewriteRule .* %s%%{REQUEST_URI} [P,QSA]" % A), get("/none?x=%20y")),
    ("balancer", "<Proxy balancer://pool>\nBalancerMember %s\n</Proxy>\n" % A + rule("^/(.*)$ balancer://pool/$1 [P]"), get("/app/x?q=1")),

    # ---- redirects
    ("redirect", rule("^/(.*)$ http://other.example/$1 [R]"), get("/app/x?a=b")),
    ("redirect 301", rule("^/(.*)$ http://other.example/$1 [R=301,L]"), get("/app/x")),
    ("redirect permanent", rule("^/(.*)$ http://other.example/$1 [R=permanent]"), get("/app/x")),
    ("redirect temp", rule("^/(.*)$ http://other.example/$1 [redirect=temp]"), get("/app/x")),
    ("redirect seeother", rule("^/(.*)$ http://other.example/$1 [R=seeother]"), get("/app/x")),
    ("redirect a word that is none", rule("^/(.*)$ http://other.example/$1 [R=foo]"), get("/app/x")),
    ("redirect 307", rule("^/(.*)$ http://other.example/$1 [R=307]"), get("/app/x")),
    ("redirect 308", rule("^/(.*)$ http://other.example/$1 [R=308]"), get("/app/x")),
    ("redirect 300", rule("^/(.*)$ http://other.example/$1 [R=300]"), get("/app/x")),
    ("redirect 404", rule("^/app - [R=404]"), get("/app/x")),
    ("redirect 404 with a substitution", rule("^/app /other [R=404]"), get("/app/x")),
    ("redirect 200", rule("^/app - [R=200]"), get("/app/x", method="HEAD")),
    ("redirect 204", rule("^/app - [R=204]"), get("/app/x")),
    ("redirect 503", rule("^/app - [R=503]"), get("/app/x")),
    ("redirect implied", rule("^/(.*)$ http://other.example/$1"), get("/app/x")),
    ("redirect implied https", rule("^/(.*)$ https://other.example/$1 [L]"), get("/app/x")),
    ("redirect of a path", rule("^/app/(.*)$ /other/$1 [R]"), get("/app/x?q")),
    ("redirect of a relative path", rule("^/app/(.*)$ other/$1 [R]"), get("/app/x")),
    ("redirect to this host", rule("^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]", "%{HTTPS} off"), get("/app/x?q=1")),
    ("redirect to this host NE", rule("^ https://%{HTTP_HOST}%{REQUEST_URI} [L,NE,R=permanent]", "%{HTTPS} !=on"), get("/a%20b%25?q=%20")),
    ("redirect escapes", rule("^/(.*)$ http://other.example/$1 [R]"), get("/a%20b%22%3C%25%C3%A4%3B+,~?q=%22a")),
    ("redirect NE", rule("^/(.*)$ http://other.example/$1#frag [R,NE]"), get("/a%22b%25")),
    ("redirect NE with a line end", rule("^/(.*)$ http://other.example/$1 [R,NE]"), get("/a%0d%0aSet-Cookie:%20x=y")),
    ("redirect NE with a control character", rule("^/(.*)$ http://other.example/$1 [R,NE]"), get("/a%01b%7f%09c")),
    ("redirect NE with a blank", rule("^/(.*)$ http://other.example/$1 [R,NE]"), get("/a%20b")),
    ("redirect NE and its own host", rule("^/(.*)$ /$1 [R,NE]"), get("/a%0ab")),
    ("cookie with a line end", rule("^/(.*)$ - [F,CO=a:$1:x.org]"), get("/a%0d%0ab")),
    ("a header for a backend with a line end", rule("^/(.*)$ %s/x [P,E=X:$1]" % A), get("/a%0d%0ab")),
    ("redirect escapes the anchor", rule("^/(.*)$ http://other.example/$1#frag [R]"), get("/a")),
    ("redirect only the host", rule("^ http://other.example [R]"), get("/a")),
    ("redirect a new query", rule("^/(.*)$ http://other.example/$1?x=%{REQUEST_METHOD}&y [R]"), get("/a?old=1")),
    ("redirect a query with bytes", rule("^/(.*)$ http://other.example/?x=$1 [R]"), get("/a%22%20b")),
    ("redirect a query with bytes NE", rule("^/(.*)$ http://other.example/?x=$1 [R,NE]"), get("/a%22%20b")),
    ("redirect without the query", rule("^/(.*)$ http://other.example/$1? [R]"), get("/a?old=1")),
    ("redirect QSA", rule("^/(.*)$ http://other.example/$1?x=1 [R,QSA]"), get("/a?old=%201")),
    ("redirect QSA without old query", rule("^/(.*)$ http://other.example/$1?x=1 [R,QSA]"), get("/a")),
    ("redirect QSA and an empty query", rule("^/(.*)$ http://other.example/$1? [R,QSA]"), get("/a?old=1")),
    ("redirect QSD", rule("^/(.*)$ http://other.example/$1 [R,QSD]"), get("/a?old=1")),
    ("redirect QSD and a query", rule("^/(.*)$ http://other.example/$1?n=1 [R,QSD]"), get("/a?old=1")),
    ("redirect QSL", rule("^/(.*)$ http://other.example/a?b/$1?n=1 [R,QSL]"), get("/a?old=1")),
    ("redirect a lone ampersand", rule("^/(.*)$ http://other.example/a?& [R]"), get("/a?old=1")),
    ("redirect ldap", rule("^/(.*)$ \"ldap://h/o=x y?a b?c\" [R]"), get("/a?old=1")),
    ("redirect mailto", rule("^/m$ \"mailto:a b@c?s=t\" [R]"), get("/m")),
    ("redirect ftp drops the query", rule("^/(.*)$ ftp://h/$1 [R]"), get("/m?q")),
    ("redirect of an unknown scheme", rule("^/(.*)$ foo://h/$1 [R]"), get("/m?q")),
    ("redirect goes on without L", rules("RewriteRule ^/a$ http://one.example/x [R]", "RewriteRule ^http://one(.*)$ http://two$1 [R=301,L]"), get("/a")),
    ("our own host is a path", rule("^/a$ http://%{HTTP_HOST}/dir/in.txt"), get("/a")),
    ("our own host is a path for a rule", rules("RewriteRule ^/a$ http://%{SERVER_NAME}:%{SERVER_PORT}/b", "RewriteRule ^/b$ http://x.example/ [R]"), get("/a")),
    ("our own host without a path", rules("RewriteRule ^/a$ http://%{SERVER_NAME}:%{SERVER_PORT}", "RewriteRule ^/$ http://x.example/ [R]"), get("/a")),
    ("our own host of another port", rule("^/a$ http://%{SERVER_NAME}:9/b"), get("/a")),
    ("HEAD is redirected", rule("^/(.*)$ http://other.example/$1 [R]"), get("/a", method="HEAD")),

    # ---- statuses
    ("forbidden", rule("^/app - [F]"), get("/app/x")),
    ("forbidden long", rule("^/app - [forbidden]"), get("/app/x")),
    ("forbidden for handshakes", rule("^/app - [F]", "%{HTTP:Upgrade} websocket [NC]"), up()),
    ("gone", rule("^/app - [G]"), get("/app/x")),
    ("gone long", rule("^/app - [gone,L]"), get("/app/x")),

    ("a handler", rule("^/shown - [H=balancer-manager]"), get("/shown", method="HEAD")),
    ("a handler without case", rule("^/shown - [handler=Balancer-Manager]"), get("/shown", method="HEAD")),

    # ---- control
    ("last", rules("RewriteRule ^/a /b [L]", "RewriteRule ^/b http://x.example/ [R]"), get("/a")),
    ("without last", rules("RewriteRule ^/a /b", "RewriteRule ^/b http://x.example/ [R]"), get("/a")),
    ("last of nothing", rules("RewriteRule ^/a - [L]", "RewriteRule ^/a http://x.example/ [R]"), get("/a")),
    ("end", rules("RewriteRule ^/a - [END]", "RewriteRule ^/a http://x.example/ [R]"), get("/a")),
    ("chain that holds", rules("RewriteRule ^/a /b [C]", "RewriteRule ^/b http://x.example/ [R]"), get("/a")),
    ("chain that breaks", rules("RewriteRule ^/z /b [C]", "RewriteRule ^/a http://x.example/ [R,chain]",
                                "RewriteRule ^/a http://y.example/ [R]", "RewriteRule ^/a http://z.example/ [R]"), get("/a")),
    ("chain to the end", rules("RewriteRule ^/z /b [C]", "RewriteRule ^/a http://x.example/ [R,C]"), get("/a")),
    ("skip", rules("RewriteRule ^/a - [S=2]", "RewriteRule ^/a http://x.example/ [R,L]", "RewriteRule ^/a http://y.example/ [R,L]",
                   "RewriteRule ^/a http://z.example/ [R,L]"), get("/a")),
    ("skip past the end", rules("RewriteRule ^/a - [skip=20]", "RewriteRule ^/a http://x.example/ [R,L]"), get("/a")),
    ("skip a negative number", rules("RewriteRule ^/a - [S=-1]", "RewriteRule ^/a http://x.example/ [R,L]"), get("/a")),
    ("next", rules("RewriteRule ^(.*)_(.*)$ $1-$2 [N]", "RewriteRule ^/(.*) http://x.example/$1 [R]"), get("/a_b_c_d")),
    ("next with a bound", rules("RewriteRule ^(.*)_(.*)$ $1-$2 [N=3]", "RewriteRule ^/(.*) http://x.example/$1 [R]"), get("/a_b_c_d")),
    ("next within a bound", rules("RewriteRule ^(.*)_(.*)$ $1-$2 [next=10]", "RewriteRule ^/(.*) http://x.example/$1 [R]"), get("/a_b_c_d")),
    ("next for ever", rule("^/a - [N]"), get("/a")),
    ("next growing", rule("^(.*)$ $1x [N]"), get("/a")),
    ("negated pattern", rule("!^/b http://x.example/$1 [R]"), get("/a")),
    ("negated pattern that matches", rule("!^/a http://x.example/$1 [R]"), get("/a")),
    ("pattern without case", rule("^/APP http://x.example/ [R,NC]"), get("/app")),
    ("pattern without case, long", rule("^/APP http://x.example/ [R,nocase]"), get("/app")),
    ("pattern with case", rule("^/APP http://x.example/ [R]"), get("/app")),
    ("quotes", rule("\"^/a b$\" \"http://x.example/c d\" \"[R, L]\""), get("/a%20b")),
    ("escaped blanks", rule("^/a\\ b$ http://x.example/c\\ d [R]"), get("/a%20b")),
    ("passed through", rule("^/a /app/x [PT]") + "\nProxyPass /app %s/b" % A, get("/a?q")),
    ("passed through with a query", rule("^/a /app/x?n=1 [PT,QSA]") + "\nProxyPass /app %s/b" % A, get("/a?q")),
    ("passed through as it is", rule("^/app - [PT]") + "\nProxyPass /app %s/b" % A, get("/app/y")),
    ("passed through to a location", rule("^/a /app/x [PT]") + "\n<Location /app>\nRequire all denied\n</Location>", get("/a")),
    ("not passed through", rule("^/a /app/x") + "\nProxyPass /app %s/b" % A, get("/a")),
    ("not passed through, its location", rule("^/a /app/x") + "\n<Location /app>\nRequire all denied\n</Location>", get("/a")),
    ("NS means nothing here", rule("^/a http://x.example/ [R,NS]"), get("/a")),
    ("unknown flags with D", rule("^/a http://x.example/ [R,DXY]"), get("/a")),
    ("engine off", "RewriteRule ^/a http://x.example/ [R]", get("/a")),
    ("engine off later", rule("^/a http://x.example/ [R]") + "\nRewriteEngine Off", get("/a")),
    ("engine off in a location", rule("^/a http://x.example/ [R]") + "\n<Location /a>\nRewriteEngine Off\n</Location>", get("/a")),
    ("OPTIONS *", rule("^ http://x.example/ [R]"), b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("a header field for Vary", rule("^/(.*) %s/$1 [P]" % A, "%{HTTP:X-Kind} blue"), get("/a", "X-Kind: blue")),
    ("a relative result", rule("^/some/path(.*) $1"), get("/some/pathhttp://evil.example/")),
    ("a relative result with an unknown scheme", rule("^/some/path(.*) $1 [R]"), get("/some/pathfoo:bar")),
    ("slashes merged", rule("^/a(.*)$ $1", more="MergeSlashes Off\n"), get("/a//evil.example/b")),
    ("slashes written", rules("RewriteRule ^/a$ //b/c", "RewriteRule ^(//b.*)$ http://x.example$1 [R]"), get("/a")),
    ("slashes kept by UNC", rules("RewriteRule ^/a(.*)$ $1 [UNC]", "RewriteRule ^(.*)$ http://x.example/-$1 [R]", more="MergeSlashes Off\n"), get("/a//b")),

    # ---- what refuses
    ("a question mark of the client's", rule("^/(.*)$ /b/$1 [PT]") + "\nProxyPass /b %s" % A, get("/x%3fy")),
    ("... allowed", rule("^/(.*)$ %s/$1 [P,UnsafeAllow3F]" % A), get("/x%3fy")),
    ("... escaped", rule("^/(.*)$ %s/$1 [P,B]" % A), get("/x%3fy")),
    ("... behind one of the rule", rule("^/(.*)$ %s/?p=$1 [P]" % A), get("/x%3fy")),
    ("... with QSL", rule("^/(.*)$ %s/?p=$1 [P,QSL]" % A), get("/x%3fy")),
    ("... before one of the rule", rule("^/(.*)$ %s/$1?p=1 [P]" % A), get("/x%3fy")),
    ("... behind an escaped one", rule("^/(.*)$ \"%s/\\?p=$1\" [P]" % A), get("/x%3fy")),
    ("... in a map", rule("^/(.*)$ %s/${m:q} [P]" % A, more="RewriteMap m txt:%s/map.txt\n" % ROOT), get("/x")),
    ("a query with a blank", rule("^/(.*)$ %s/?p=$1 [P]" % A), get("/x%20y")),
    ("a query with a control character", rule("^/(.*)$ /f?p=$1"), get("/x%01y")),
    ("... escaped by BCTLS", rule("^/(.*)$ %s/?p=$1 [P,BCTLS]" % A), get("/x%01%20y%7f&")),
    ("... a redirect escapes it", rule("^/(.*)$ http://x.example/?p=$1 [R]"), get("/x%01y")),
    ("a path too long", rule("^/(.*)$ /$1$1$1$1$1$1$1$1$1 [PT]"), get("/" + "x" * 4000)),

    # ---- escaping of groups
    *(("escaped by " + flags, rule("^/(.*)$ http://x.example/?p=$1 \"[R,NE,%s]\"" % flags), get("/a%20b&c%2Bd%25%3D_e-f.g%C3%A4%22'~/h"))
      for flags in ("B", "B=&", "B= &", "B,BNP", "BNE=&", "B,BNE=/", "BCTLS", "BCTLS,BNP", "B=/,BCTLS", "backrefescaping",
                    "B,backrefernoplus")),
    ("groups of conditions escaped", rule("^ http://x.example/?p=%1 [R,NE,B]", "%{QUERY_STRING} p=(.*)"), get("/?p=a&b+c")),
    ("variables not escaped", rule("^ http://x.example/?p=%{QUERY_STRING} [R,NE,B]"), get("/?p=a&b+c")),
    ("groups in values of variables", rules("RewriteRule ^/(.*)$ - [E=V:$1-%1]", "RewriteRule ^ http://x.example/%{ENV:V} [R]"), get("/abc")),

    # ---- groups
    ("groups", rule("^/(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)$ http://x.example/$0-$1-$2-$9-$10 [R]"), get("/abcdefghij")),
    ("groups that are not set", rule("^/(a)?(b) http://x.example/[$1][$2][$3] [R,NE]"), get("/b")),
    ("groups of conditions", rule("^/(.*) http://x.example/$1/%1/%2 [R]", "%{QUERY_STRING} a=(\\d+)&b=(\\d+)"), get("/x?a=1&b=22")),
    ("groups of the last condition", rule("^/(.*) http://x.example/%1 [R]", "%{QUERY_STRING} a=(\\d+)", "%{REQUEST_URI} (.)$"), get("/x?a=1")),
    ("groups of a negated condition", rule("^/(.*) http://x.example/[%1] [R,NE]", "%{QUERY_STRING} a=(\\d+)", "%{REQUEST_URI} !(q)$"), get("/x?a=1")),
    ("groups of the pattern in conditions", rule("^/(.*) http://x.example/ [R]", "$1 =foo"), get("/foo")),
    ("groups of conditions in conditions", rule("^/(.*) http://x.example/%1 [R]", "%{QUERY_STRING} a=(.*)", "%1 ^(.)"), get("/foo?a=xyz")),
    ("escapes", rule("^/(.*) http://x.example/\\$1-\\%1-\\\\-$-%-%x-$x-${x}-%{ [R,NE]"), get("/foo")),
    ("braces", rule("^/(.*) http://x.example/%{ENV:A{B}C}-${a{b}c}-%{X}-%{ABC:d}-%{ABCD:e}-%{ENV:}-%{HTTP:} [R,NE]"), get("/foo")),

    # ---- conditions
    *(("condition %s" % cond, rule("^ http://yes.example/ [R]", cond), get("/app/x?n=5&s=b", "X-N: 10")) for cond in (
        "a a", "a b", "a !b", "a !a", "A a [NC]", "A a [nocase]", "ab ^a.$", "\"\" ^$", "\"\" \"\"", "\"\" =\"\"", "\"\" !=\"\"", "x =\"\"",
        "a =a", "a =b", "a !=b", "a =A", "a =A [NC]", "b >a", "a >b", "b >b", "b >=b", "a <b", "b <a", "b <b", "b <=b", "aa >b", "b <aa",
        "B >a [NC]", "aa >b [NC]", "aa <=b [NC]", "!a !a", "a =", "a !=", "a >", "a <", "a -", "a !",
        "5 -eq5", "5 -eq05", "5 -ne5", "5 !-ne5", "5 -ne6", "5 -lt6", "5 -lt5", "5 -le5", "5 -gt4", "5 -gt5", "5 -ge5", "5 -ge6", "x -eq0",
        "5x -eq5", "-5 -lt0", "5 -eq", "5 -zz5", "%{HTTP:X-N} -gt9", "%{HTTP:X-N} >9",
        "99999999999999999999 -gt5",
        "%s/file.txt -f" % ROOT, "%s/dir -f" % ROOT, "%s/none -f" % ROOT, "%s/none !-f" % ROOT, "%s/link -f" % ROOT, "%s/dir -d" % ROOT,
        "%s/file.txt -d" % ROOT, "%s/file.txt -s" % ROOT, "%s/empty -s" % ROOT, "%s/link -l" % ROOT, "%s/link -L" % ROOT, "%s/link -h" % ROOT,
        "%s/broken -l" % ROOT, "%s/broken -f" % ROOT, "%s/file.txt -l" % ROOT, "%s/run.sh -x" % ROOT, "%s/file.txt -x" % ROOT,
        "%s/dir -x" % ROOT, "%s/file.txt -q" % ROOT, "%{DOCUMENT_ROOT}/file.txt -f", "relative -f", "\"\" -f", "%s/file.txt -F" % ROOT,
        "%s/none -F" % ROOT, "/app -U", "/file.txt -U", "\"\" -U",
        "expr \"true\"", "expr \"false\"", "expr \"!true\"", "expr \"%{REQUEST_URI} == '/app/x'\"", "expr \"%{REQUEST_URI} =~ m#^/app#\"",
        "expr \"%{QUERY_STRING} -strmatch 'n=*'\"", "expr \"req('X-N') -gt 9\"", "EXPR \"true\"")),
    ("groups of an expression", rule("^ http://x.example/%1 [R]", "expr \"%{REQUEST_URI} =~ m#^/(.)#\""), get("/abc")),
    ("no groups of an expression", rule("^ http://x.example/[%1] [R,NE]", "expr \"true\""), get("/abc")),
    ("AND", rule("^ http://yes.example/ [R]", "a a", "b b"), get("/")),
    ("AND of one that fails", rule("^ http://yes.example/ [R]", "a a", "b c"), get("/")),
    ("OR of one that holds", rule("^ http://yes.example/ [R]", "a b [OR]", "b b"), get("/")),
    ("OR of none", rule("^ http://yes.example/ [R]", "a b [ornext]", "b c"), get("/")),
    ("OR then AND", rule("^ http://yes.example/ [R]", "a a [OR]", "b c", "c c"), get("/")),
    ("OR then AND that fails", rule("^ http://yes.example/ [R]", "a a [OR]", "b b [OR]", "b b", "c d"), get("/")),
    ("OR at the end", rule("^ http://yes.example/ [R]", "a b", "c c [OR]"), get("/")),
    ("conditions belong to one rule", rules("RewriteCond a b", "RewriteRule ^ http://one.example/ [R,L]", "RewriteRule ^ http://two.example/ [R,L]"), get("/")),
    ("conditions around a section", ON + "RewriteCond a b\n<Location /x>\nRewriteCond c c\n</Location>\nRewriteRule ^ http://one.example/ [R,L]", get("/")),

    # ---- variables
    *(("variable " + name, rule(SHOW % ("[%%{%s}]" % name)), get("/app/x?q=1", "User-Agent: U A", "Referer: http://r/", "Cookie: c=d",
                                                                   "Accept: */*", "Forwarded: for=x", "Proxy-Connection: p", "X-A: 1", "X-A: 2",
                                                                   "Authorization: Basic dTpw")) for name in (
        "REQUEST_URI", "request_uri", "REQUEST_METHOD", "QUERY_STRING", "REQUEST_FILENAME", "SCRIPT_FILENAME", "PATH_INFO", "DOCUMENT_ROOT",
        "HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_FORWARDED", "HTTP_PROXY_CONNECTION", "HTTP_HOST", "HTTP:X-A",
        "HTTP:x-a", "http:X-A", "HTTP:None", "HTTP_X_A", "SERVER_NAME", "SERVER_ADDR", "SERVER_PROTOCOL", "SERVER_ADMIN",
        "REMOTE_ADDR", "CONN_REMOTE_ADDR", "REMOTE_HOST", "REMOTE_USER", "REMOTE_IDENT", "AUTH_TYPE", "API_VERSION", "THE_REQUEST",
        "IS_SUBREQ", "IPV6", "HTTPS", "REQUEST_SCHEME", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT", "SCRIPT_USER", "SCRIPT_GROUP", "ENV:PATH",
        "ENV:SCRIPT_URL", "ENV:SCRIPT_URI", "ENV:none", "SSL:SSL_PROTOCOL", "REQUEST_STATUS", "HANDLER", "HTTP2", "NONE", "X", "", "TIME_YEAR",
        "TIME_MON", "TIME_DAY", "TIME_WDAY", "LA-U:REQUEST_URI", "LA-U:IS_SUBREQ", "LA-U:REQUEST_FILENAME", "LA-U:ENV:SCRIPT_URL",
        "LA-F:REQUEST_URI", "LA-F:REQUEST_FILENAME", "la-u:REQUEST_METHOD")),
    ("a look ahead through other rules", rules("RewriteCond %{IS_SUBREQ} true", "RewriteRule ^/app - [E=SEEN:yes]",
                                               "RewriteRule ^ http://x.example/%{LA-U:ENV:SEEN} [R]"), get("/app/x")),
    ("REQUEST_FILENAME while it is rewritten", rules("RewriteRule ^/a /b", "RewriteRule ^ http://x.example/%{REQUEST_FILENAME}-%{REQUEST_URI} [R]"), get("/a")),
    ("QUERY_STRING while it is rewritten", rules("RewriteRule ^/a /b?n=1", "RewriteRule ^ http://x.example/?%{QUERY_STRING} [R]"), get("/a?o=1")),
    ("variables set", rules("RewriteRule ^ - [E=A:1,E=B:b%{REQUEST_METHOD},E=C,E=D:x:y,env=F:6]",
                            "RewriteRule ^ http://x.example/%{ENV:A}-%{ENV:B}-%{ENV:C}-%{ENV:D}-%{ENV:F} [R]"), get("/")),
    ("variables taken away", rules("RewriteRule ^ - [E=A:1]", "RewriteRule ^ - [E=!A]", "RewriteRule ^ http://x.example/[%{ENV:A}] [R,NE]"), get("/")),
    ("variables set only with a match", rules("RewriteRule ^/z - [E=A:1]", "RewriteRule ^ http://x.example/[%{ENV:A}] [R,NE]"), get("/")),

    # ---- cookies
    *(("cookie " + words, rule("^/(.*) - [G,CO=%s]" % words), get("/c")) for words in (
        "n:v:example.org", "n:$1:.example.org:0", "n:v:example.org:0:/p", "n:v:example.org:0:/:secure", "n:v:example.org:0:/:true:true",
        "n:v:example.org:0:/:1:HttpOnly:strict", "n:v:example.org:0:/:0:0:false", "n:v", "n", ";n;a:b;example.org", "n::v:example.org",
        "n:v:example.org:x")),
    ("cookies set once", rules("RewriteRule ^ - [CO=a:1:x.org]", "RewriteRule ^ - [CO=a:2:x.org,cookie=b:3:x.org]", "RewriteRule ^ - [F]"), get("/")),
    ("cookie on a redirect", rule("^ http://x.example/ [R,CO=a:1:x.org]"), get("/")),
    ("cookie from a backend", rule("^/(.*) %s/$1 [P,CO=a:1:x.org]" % A), get("/")),

    # ---- maps
    *(("map %s" % words, rule(SHOW % words, more="RewriteMap m txt:%s/map.txt\nRewriteMap plain %s/map.txt\nRewriteMap r rnd:%s/rnd.txt\n"
                              "RewriteMap up int:toupper\nRewriteMap low int:tolower\nRewriteMap esc int:escape\nRewriteMap un int:unescape\n"
                              % (ROOT, ROOT, ROOT)), get("/Alpha%20x?k=alpha&e=%2541%2f%zz")) for words in (
        "[${m:alpha}]", "[${m:beta}]", "[${m:gamma}]", "[${m:novalue}]", "[${m:none}]", "[${m:none|dflt}]", "[${m:alpha|dflt}]", "[${m:|dflt}]",
        "[${m:}]", "[${none:alpha}]", "[${none:alpha|dflt}]", "[${m:#}]", "[${plain:beta}]", "[${r:one}]", "[${r:none|d}]",
        "[${up:%{REQUEST_METHOD}x}]", "[${low:ABC}]", "[${low:%{REQUEST_URI}}]", "[${esc:a b/c?d%e}]", "[${un:%{QUERY_STRING}}]",
        "[${m:${low:ALPHA}}]", "[${m:none|${up:x}}]", "[${m:none|${none:x|${m:beta}}}]", "[${m:alpha", "[${m}]", "[${m:none|}]",
        "[${m:none|a|b}]", "[${m:alpha}${m:beta}]")),
    ("map of a group", rule("^/(.*)$ http://x.example/${m:$1|no} [R]", more="RewriteMap m txt:%s/map.txt\n" % ROOT), get("/beta")),
    ("map in a condition", rule("^/(.*)$ http://x.example/%1 [R]", "${m:$1} ^(.*)$", more="RewriteMap m txt:%s/map.txt\n" % ROOT), get("/beta")),
    ("map named twice", rule(SHOW % "${m:ABC}", more="RewriteMap m txt:%s/map.txt\nRewriteMap m int:tolower\n" % ROOT), get("/")),

    # ---- local results
    ("a file of the root", rule("^/a$ /dir/in.txt") + "\n<Directory %s/dir>\nRequire all denied\n</Directory>" % ROOT, get("/a")),
    ("the root itself in front", rule("^/a$ %s/dir/in.txt" % ROOT) + "\n<Directory %s/dir>\nRequire all denied\n</Directory>" % ROOT, get("/a")),
    ("the root by its variable", rule("^/a$ %{DOCUMENT_ROOT}/dir/in.txt") + "\n<Directory %s/dir>\nRequire all denied\n</Directory>" % ROOT, get("/a")),
    ("elsewhere, as the rule has it", rule("^/a$ /etc/hostname") + "\n<Directory /etc>\nRequire all denied\n</Directory>", get("/a")),
    ("elsewhere, as the client has it", rule("^/x(.*)$ $1") + "\n<Directory /etc>\nRequire all denied\n</Directory>", get("/x/etc/hostname")),
    ("... allowed by the rule", rule("^/x(.*)$ $1 [UnsafePrefixStat]") + "\n<Directory /etc>\nRequire all denied\n</Directory>", get("/x/etc/hostname")),
    ("... allowed by the server", rule("^/x(.*)$ $1", more="RewriteOptions UnsafePrefixStat\n") + "\n<Directory /etc>\nRequire all denied\n</Directory>",
     get("/x/etc/hostname")),
    ("climbing out", rule("^/x(.*)$ /dir/../../../etc/hostname"), get("/x")),
    ("a local path beats ProxyPass", rule("^/a$ /none") + "\nProxyPass / %s/" % A, get("/a")),
    ("a local path beats Redirect", rule("^/a$ /none") + "\nRedirect /a http://x.example/", get("/a")),
]


def moved(peer, request):
    port = peer.getsockname()[1]
    peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/there\r\nContent-Length: 0\r\n\r\n" % port)


@pytest.fixture(scope="module")
def pair():
    modules = ["rewrite", "alias", "proxy_balancer", "lbmethod_byrequests", "slotmem_shm"]
    return within_an_hour(lambda: Pair(ROWS, {"moved": moved}, modules=modules, level="info"))


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_rewrites_as_apache(pair, row):
    apache, weir = pair.of(row[0])
    assert weir.status == apache.status, (apache.raw, weir.raw)
    for name in ("Location", "Set-Cookie", "Vary"):
        assert weir.all(name) == apache.all(name)
    assert weir.seen == apache.seen

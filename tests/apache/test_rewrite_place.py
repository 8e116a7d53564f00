"""RewriteRule in sections, where the request has been mapped already; what virtual hosts and sections inherit."""
import atexit
import os
import shutil
import tempfile

import pytest

from apache import HANDSHAKE, Pair, get

ROOT = tempfile.mkdtemp(prefix="weir-rewrite-")
os.chmod(ROOT, 0o755)
atexit.register(shutil.rmtree, ROOT, True)
for name in ("dir/in.txt", "dir/sub/deep.txt", "aliased/a.txt"):
    path = os.path.join(ROOT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("text")

A, B = "http://127.0.0.1:@A@", "http://127.0.0.1:@B@"
WS = "ws://127.0.0.1:@A@"
SHOW = "RewriteRule (.*) \"http://show.example/[$1]\" [R,NE,L]"


def host(text):
    return "DocumentRoot %s\n%s" % (ROOT, text)


def section(kind, *lines, more="", engine="RewriteEngine On"):
    name = kind.split()[0]
    return host("<%s>\n%s\n%s\n</%s>\n%s" % (kind, engine, "\n".join(lines), name, more))


def location(*lines, at="/app", more=""):
    return section("Location " + at, *lines, more=more)


def directory(*lines, at="", more=""):
    return section("Directory \"%s%s\"" % (ROOT, at), *lines, more=more)


def up(path="/app/x"):
    return get(path, *HANDSHAKE, "X-Script: upgrade")


PROXY = "\nProxyPass /app %s/b\nProxyPass /next %s/next" % (A, B)

ROWS = [
    # ---- what patterns see
    ("location sees the file", location(SHOW), get("/app/x/y?q")),
    ("location sees the file's path info", location(SHOW, at="/dir"), get("/dir/in.txt/more")),
    ("location with a slash", location(SHOW, at="/app/"), get("/app/x")),
    ("location of the root", location(SHOW, at="/"), get("/none/x")),
    ("location by pattern", section("LocationMatch ^/a(pp)", SHOW), get("/app/x")),
    ("location that is proxied", location(SHOW, more=PROXY), get("/app/x?q")),
    ("location that is proxied by itself", location("ProxyPass %s/c" % A, SHOW), get("/app/x?q")),
    ("directory sees what is below", directory(SHOW), get("/dir/in.txt")),
    ("directory sees what is missing", directory(SHOW), get("/none/x/y")),
    ("directory and path info", directory(SHOW, at="/dir"), get("/dir/in.txt/more")),
    ("inner directory", directory(SHOW, more="<Directory %s/dir>\n%s\n</Directory>" % (ROOT, SHOW)), get("/dir/in.txt")),
    ("inner directory without rules", directory(SHOW, more="<Directory %s/dir>\nRewriteEngine On\n</Directory>" % ROOT), get("/dir/none")),
    ("inner directory without lines", directory(SHOW, more="<Directory %s/dir>\nRequire all granted\n</Directory>" % ROOT), get("/dir/in.txt")),
    ("directory by pattern", section("DirectoryMatch \"^%s/d(.*)\"" % ROOT, SHOW), get("/dir/in.txt")),
    ("directory itself", directory(SHOW, at="/dir"), get("/dir")),
    ("directory itself, AllowNoSlash", directory("RewriteOptions AllowNoSlash", SHOW, at="/dir"), get("/dir")),
    ("directory itself with a slash", directory(SHOW, at="/dir"), get("/dir/")),
    ("files", section("Files in.txt", SHOW), get("/dir/in.txt")),
    ("files by pattern", section("FilesMatch ^in", SHOW), get("/dir/in.txt")),
    ("if", section("If \"true\"", SHOW), get("/app/x")),
    ("if in a location", host("<Location /app>\n<If \"true\">\nRewriteEngine On\n%s\n</If>\n</Location>" % SHOW), get("/app/x")),
    ("proxy section", section("Proxy %s/*" % A, SHOW, more=PROXY), get("/app/x")),
    ("limit in a location", location("<Limit POST>\n" + SHOW + "\n</Limit>"), get("/app/x")),
    ("an alias", directory(SHOW, at="/aliased", more="Alias /al %s/aliased" % ROOT), get("/al/a.txt")),
    ("the engine of the server", host("RewriteEngine On\n<Location /app>\n%s\n</Location>" % SHOW), get("/app/x")),
    ("no engine", host("<Location /app>\n%s\n</Location>" % SHOW), get("/app/x")),
    ("engine off within", location(SHOW, more="<Location /app/x>\nRewriteEngine Off\n</Location>"), get("/app/x")),
    ("the query", location("RewriteCond %{QUERY_STRING} a=(.*)", "RewriteRule ^ http://show.example/%1 [R]"), get("/app/x?a=5")),
    ("REQUEST_URI", location("RewriteRule ^ http://show.example%{REQUEST_URI} [R]"), get("/app/x")),
    ("REQUEST_FILENAME", directory("RewriteRule ^ \"http://show.example/[%{REQUEST_FILENAME}][%{PATH_INFO}]\" [R,NE]"), get("/dir/in.txt/more")),
    ("REQUEST_FILENAME of what is proxied", location("RewriteRule ^ \"http://show.example/[%{REQUEST_FILENAME}]\" [R,NE]", more=PROXY), get("/app/x")),
    ("CONTEXT_PREFIX", location("RewriteRule ^ \"http://show.example/[%{CONTEXT_PREFIX}][%{CONTEXT_DOCUMENT_ROOT}]\" [R,NE]", at="/al",
                                more="Alias /al %s/aliased" % ROOT), get("/al/a.txt")),
    ("LA-U", directory("RewriteRule ^ \"http://show.example/[%{LA-U:REQUEST_URI}][%{LA-U:REQUEST_FILENAME}]\" [R,NE]"), get("/dir/in.txt")),
    ("LA-U with a base", directory("RewriteBase /base", "RewriteRule ^ \"http://show.example/[%{LA-U:REQUEST_URI}]\" [R,NE]"), get("/dir/in.txt")),
    ("LA-F", directory("RewriteRule ^ \"http://show.example/[%{LA-F:REQUEST_FILENAME}]\" [R,NE]"), get("/dir/in.txt")),
    ("-U of what is denied", location("RewriteCond /dir/in.txt -U", "RewriteRule ^ http://show.example/ [R]",
                                      more="<Location /dir>\nRequire all denied\n</Location>"), get("/app/x")),
    ("-U of what is granted", location("RewriteCond /dir/in.txt -U", "RewriteRule ^ http://show.example/ [R]"), get("/app/x")),
    ("-F of what is denied", location("RewriteCond %s/dir/in.txt -F" % ROOT, "RewriteRule ^ http://show.example/ [R]",
                                      more="<Directory %s/dir>\nRequire all denied\n</Directory>" % ROOT), get("/app/x")),
    ("-F of what is granted", location("RewriteCond %s/dir/in.txt -F" % ROOT, "RewriteRule ^ http://show.example/ [R]"), get("/app/x")),
    ("-f and the rest to a backend", directory("RewriteCond %{REQUEST_FILENAME} !-f", "RewriteRule ^(.*)$ %s/$1 [P,QSA]" % A), get("/none/x?q")),
    ("-d and the rest to a backend", directory("RewriteCond %{REQUEST_FILENAME} !-d", "RewriteRule ^(.*)$ %s/$1 [P,QSA]" % A), get("/dir/in.txt?q")),

    ("SetEnv is not seen", location("SetEnv X 1", "RewriteCond %{ENV:X} 1", "RewriteRule ^ http://seen.example/ [R]", more=PROXY), get("/app/x")),
    ("SetEnvIf is seen", location("SetEnvIf Host . X=1", "RewriteCond %{ENV:X} 1", "RewriteRule ^ http://seen.example/ [R]", more=PROXY), get("/app/x")),
    ("SetEnvIf of the server is seen by the server", host("SetEnvIf Host . X=1\nRewriteEngine On\nRewriteCond %{ENV:X} 1\n"
                                                         "RewriteRule ^ http://seen.example/ [R]"), get("/app/x")),
    ("SetEnv after a variable of a rule", location("SetEnv X 2", "RewriteRule ^ - [E=X:1]", "RequestHeader set X-X %{X}e", more=PROXY), get("/app/x")),
    ("a variable of a rule in a header", location("RewriteRule ^ - [E=X:1]", "RequestHeader set X-X %{X}e", more=PROXY), get("/app/x")),
    ("a variable of the server's rule in a header", host("RewriteEngine On\nRewriteRule ^ - [E=X:1]\nRequestHeader set X-X %%{X}e%s" % PROXY), get("/app/x")),
    ("... which SetEnv replaces", host("RewriteEngine On\nSetEnv X 2\nRewriteRule ^ - [E=X:1]\nRequestHeader set X-X %%{X}e%s" % PROXY), get("/app/x")),

    # ---- [P]
    ("proxy from a location", location("RewriteRule /app/(.*)$ %s/$1 [P]" % A), get("/app/x/y?q")),
    ("proxy from a directory", directory("RewriteRule ^d(.*)$ %s/$1 [P]" % A), get("/dir/in.txt?q")),
    ("proxy NE from a directory", directory("RewriteRule ^d(.*)$ %s/$1 [P,NE]" % A), get("/dir/in.txt?q=%20")),
    ("proxy of what is proxied", location("RewriteRule ^/?(.*) %s/$1 [P,L]" % WS, more=PROXY), up()),
    ("proxy of what is proxied, by another pattern", location("RewriteRule /b/(.*)$ %s/other/$1 [P,L]" % WS, more=PROXY), up()),
    ("the idiom in a location with ProxyPass", location("ProxyPass %s/c/" % B, "RewriteCond %{HTTP:Upgrade} websocket [NC]",
                                                       "RewriteCond %{HTTP:Connection} upgrade [NC]", "RewriteRule /(.*) %s/$1 [P,L]" % WS, at="/app/"), up()),
    ("the idiom in a location with ProxyPass, plain", location("ProxyPass %s/c/" % B, "RewriteCond %{HTTP:Upgrade} websocket [NC]",
                                                              "RewriteRule /(.*) %s/$1 [P,L]" % WS, at="/app/"), get("/app/x")),
    ("the idiom with REQUEST_URI", location("RewriteCond %{HTTP:Upgrade} =websocket [NC]", "RewriteRule .* %s%%{REQUEST_URI} [P,L]" % WS, more=PROXY), up()),
    ("the idiom in an if", host("<If \"req('Upgrade') =~ /websocket/i\">\nRewriteEngine On\nRewriteRule ^ %s%%{REQUEST_URI} [P]\n</If>%s" % (WS, PROXY)), up()),
    ("denied before it is proxied", location("Require all denied", "RewriteRule ^ %s/ [P]" % A), get("/app/x")),
    ("a path of what is proxied", location("RewriteRule ^ next [P]", more=PROXY), get("/app/x")),
    ("a relative path of what is proxied", location("RewriteRule ^ next", more=PROXY), get("/app/x")),
    ("a path, proxied to oneself", directory("RewriteRule ^dir /next/x [P]", more=PROXY), get("/dir/in.txt")),

    # ---- redirects
    ("redirect", directory("RewriteRule ^d(.*)$ http://x.example/$1 [R=301]"), get("/dir/in.txt?q")),
    ("redirect of a path", directory("RewriteRule ^d(.*)$ /other/$1 [R]"), get("/dir/in.txt?q")),
    ("redirect of a relative path", directory("RewriteRule ^dir/(.*)$ other/$1 [R]"), get("/dir/in.txt?q")),
    ("redirect of a relative path with a base", directory("RewriteBase /base/", "RewriteRule ^dir/(.*)$ other/$1 [R]"), get("/dir/in.txt?q")),
    ("redirect of a relative path with a base without slash", directory("RewriteBase /base", "RewriteRule ^dir/(.*)$ other/$1 [R]"), get("/dir/in.txt?q")),
    ("redirect of a relative path with a base of /", directory("RewriteBase /", "RewriteRule ^dir/(.*)$ other/$1 [R]"), get("/dir/in.txt?q")),
    ("redirect of a relative path in a location", location("RewriteRule ^ other [R]"), get("/app/x")),
    ("redirect escapes", directory("RewriteRule ^(.*)$ http://x.example/$1 [R]"), get("/dir/a%20b%22")),
    ("redirect NE", directory("RewriteRule ^(.*)$ http://x.example/$1 [R,NE]"), get("/dir/a%22")),
    ("redirect 404", directory("RewriteRule ^dir - [R=404]"), get("/dir/in.txt")),
    ("forbidden", location("RewriteRule /x - [F]"), get("/app/x")),
    ("forbidden where it is proxied", location("RewriteRule /x - [F]", more=PROXY), get("/app/x")),
    ("gone for handshakes", location("RewriteCond %{HTTP:Upgrade} websocket", "RewriteRule ^ - [G]", more=PROXY), up()),
    ("cookie", location("RewriteRule ^ - [F,CO=a:b:x.org]"), get("/app/x")),
    ("variables set on the way to a backend", location("RewriteRule ^ - [E=X:1]", more=PROXY), get("/app/x")),
    ("Redirect in the same location", location("Redirect /app http://r.example/", SHOW), get("/app/x")),
    ("a query with a blank", directory("RewriteRule ^(.*)$ /next?q=$1"), get("/dir/a%20b")),
    ("a question mark of the client's", directory("RewriteRule ^(.*)$ /next/$1", more=PROXY), get("/dir/a%3fb")),
    ("Vary with a redirect", location("RewriteCond %{HTTP:X-A} .", SHOW), get("/app/x", "X-A: 1")),

    # ---- another path
    ("another path", directory("RewriteRule ^dir/(.*)$ /next/$1", more=PROXY), get("/dir/in.txt?q")),
    ("another path and query", directory("RewriteRule ^dir/(.*)$ /next/$1?n=1 [QSA]", more=PROXY), get("/dir/in.txt?q")),
    ("another path, decoded again", directory("RewriteRule ^dir/(.*)$ /next/\\%2561\\%20b/$1", more=PROXY), get("/dir/in.txt")),
    ("another path that is none", directory("RewriteRule ^dir /next/%zz", more=PROXY), get("/dir/in.txt")),
    ("another path with dots", directory("RewriteRule ^dir /x/../next//y", more=PROXY), get("/dir/in.txt")),
    ("another path with an encoded slash", directory("RewriteRule ^dir /next/a\\%2fb", more=PROXY), get("/dir/in.txt")),
    ("another path with a POST", directory("RewriteRule ^dir /next", more=PROXY), get("/dir/x", "Content-Length: 3", method="POST", body=b"abc")),
    ("another path for a handshake", directory("RewriteRule ^dir /ws", more="ProxyPass /ws %s/ws" % WS), up("/dir/x")),
    ("another relative path", directory("RewriteRule ^dir/(.*)$ other/$1", more="ProxyPass /other %s/o" % A), get("/dir/in.txt")),
    ("another relative path with a base", directory("RewriteBase /base", "RewriteRule ^dir/(.*)$ other/$1", more="ProxyPass /base %s/o" % A), get("/dir/in.txt")),
    ("another relative path below an alias", directory("RewriteRule ^a.txt$ b.txt", at="/aliased", more="Alias /al %s/aliased\nProxyPass /al/b.txt %s/o" % (ROOT, A)),
     get("/al/a.txt")),
    ("... without the context", directory("RewriteOptions IgnoreContextInfo", "RewriteRule ^a.txt$ b.txt", at="/aliased",
                                          more="Alias /al %s/aliased\nProxyPass /al/b.txt %s/o" % (ROOT, A)), get("/al/a.txt")),
    ("another path of what is proxied", location("RewriteRule ^ /next/y", more=PROXY), get("/app/x")),
    ("passed through means nothing here", directory("RewriteRule ^dir/(.*)$ /next/$1 [PT]", more=PROXY), get("/dir/in.txt")),
    ("the same path", directory("RewriteRule ^(.*)$ $1"), get("/dir/none")),
    ("a loop", directory("RewriteRule ^(.*)$ /x$1", more=""), get("/dir/none")),
    ("a loop that L does not end", directory("RewriteRule ^(.*)$ /dir/x/$1 [L]"), get("/dir/none")),
    ("a loop that END ends", directory("RewriteRule ^(.*)$ /next/$1 [END]", more="ProxyPass /next/dir %s" % A), get("/dir/none")),
    ("END, then the rules of the server", host("RewriteEngine On\nRewriteRule ^/next http://server.example/ [R]\n<Directory %s/dir>\nRewriteEngine On\n"
                                               "RewriteRule ^ /next [END]\n</Directory>%s" % (ROOT, PROXY)), get("/dir/in.txt")),
    ("L, then the rules of the server", host("RewriteEngine On\nRewriteRule ^/next http://server.example/ [R]\n<Directory %s/dir>\nRewriteEngine On\n"
                                             "RewriteRule ^ /next [L]\n</Directory>%s" % (ROOT, PROXY)), get("/dir/in.txt")),
    ("the redirect's own variables", directory("RewriteRule ^dir - [E=V:1]", "RewriteRule ^dir /next [L]",
                                               more="RewriteEngine On\nRewriteCond %{ENV:REDIRECT_V} 1\nRewriteRule ^/next http://seen.example/%{ENV:REDIRECT_STATUS} [R]"),
     get("/dir/in.txt")),
    ("SCRIPT_URL over a redirect", directory("RewriteRule ^dir /next [L]",
                                             more="RewriteEngine On\nRewriteRule ^/next http://seen.example%{ENV:SCRIPT_URL} [R]"), get("/dir/in.txt")),
    ("LimitInternalRecursion", "LimitInternalRecursion 2\n" + directory("RewriteRule ^(.*)$ /x$1"), get("/dir/none")),
    ("path info discarded", directory("RewriteRule ^dir/in.txt x [DPI]", "RewriteRule (.*) \"http://show.example/[$1]\" [R,NE]"), get("/dir/in.txt/more")),
    ("path info kept", directory("RewriteRule ^dir/in.txt x", "RewriteRule (.*) \"http://show.example/[$1]\" [R,NE]"), get("/dir/in.txt/more")),
    ("no links, no rules", directory("Options None", SHOW), get("/dir/in.txt")),
    ("owner's links are enough", directory("Options SymLinksIfOwnerMatch", SHOW), get("/dir/in.txt")),
    ("no links, engine off", section("Directory " + ROOT, "Options None", SHOW, engine="RewriteEngine Off"), get("/dir/none")),
    ("no links in a location", location("Options -FollowSymLinks", SHOW), get("/app/x")),

    # ---- inheriting
    ("sections do not inherit", directory("RewriteRule ^ http://outer.example/ [R]", more="<Directory %s/dir>\nRewriteRule ^zzz - \n</Directory>" % ROOT), get("/dir/none")),
    *(("sections with " + option, directory("RewriteRule ^ http://outer.example/ [R,L]", more="<Directory %s/dir>\nRewriteOptions %s\n"
                                            "RewriteRule ^ http://inner.example/ [R,L]\n</Directory>" % (ROOT, option)), get("/dir/in.txt"))
      for option in ("Inherit", "InheritBefore", "IgnoreInherit", "inherit MergeBase", "\"Inherit\"")),
    *(("sections below " + option, directory("RewriteOptions " + option, "RewriteRule ^ http://outer.example/ [R,L]", more="<Directory %s/dir>\n"
                                             "RewriteRule ^ http://inner.example/ [R,L]\n</Directory>" % ROOT), get("/dir/in.txt"))
      for option in ("InheritDown", "InheritDownBefore")),
    ("sections below InheritDown that ignore", directory("RewriteOptions InheritDownBefore", "RewriteRule ^ http://outer.example/ [R,L]",
                                                         more="<Directory %s/dir>\nRewriteOptions IgnoreInherit\nRewriteRule ^ http://inner.example/ [R,L]\n"
                                                         "</Directory>" % ROOT), get("/dir/in.txt")),
    ("base does not merge", directory("RewriteBase /outer", more="<Directory %s/dir>\nRewriteRule ^ x [R]\n</Directory>" % ROOT), get("/dir/in.txt")),
    ("base merges", directory("RewriteBase /outer", more="<Directory %s/dir>\nRewriteOptions MergeBase\nRewriteRule ^ x [R]\n</Directory>" % ROOT), get("/dir/in.txt")),
    ("a location after a directory", directory("RewriteRule ^ http://d.example/ [R]", more="<Location /dir>\nRewriteRule ^ http://l.example/ [R]\n</Location>"),
     get("/dir/in.txt")),
    ("a location that inherits a directory", directory("RewriteRule (.*) http://d.example/$1 [R]", more="<Location /dir>\nRewriteOptions Inherit\n</Location>"),
     get("/dir/in.txt")),
    ("the server's rules and the section's", host("RewriteEngine On\nRewriteRule ^/z http://server.example/ [R]\n<Location /app>\n%s\n</Location>" % SHOW), get("/app/x")),
]

MAIN = ("RewriteEngine On\nRewriteMap mm int:toupper\nRewriteRule ^/main http://main.example/ [R,L]\n"
        "<Location /mainloc>\nRewriteRule ^ http://mainloc.example/ [R]\n</Location>\n")
HOSTS = [
    ("nothing of its own", "", get("/main")),
    ("a section of the main server's", "", get("/mainloc")),
    ("a rule of its own without an engine", "RewriteRule ^/own http://own.example/ [R]", get("/own")),
    ("... and the main server's", "RewriteRule ^/own http://own.example/ [R]", get("/main")),
    ("engine off", "RewriteEngine Off\nRewriteRule ^/own http://own.example/ [R]", get("/own")),
    ("only an engine", "RewriteEngine On", get("/main")),
    *(("with " + option, "RewriteOptions %s\nRewriteRule ^/main http://own.example/${mm:x} [R,L]" % option, get("/main"))
      for option in ("Inherit", "InheritBefore", "IgnoreInherit")),
    ("with Inherit and nothing of its own", "RewriteOptions Inherit", get("/main")),
    ("only a rule in a section", "<Location /own>\nRewriteRule ^ http://own.example/ [R]\n</Location>", get("/main")),
    ("a map of the main server's", "RewriteRule ^/own http://own.example/[${mm:x}] [R,NE]", get("/own")),
    ("a map in a section without rules of its own", "", get("/mainmap")),
]
DOWN = [(name, text, request) for name, text, request in HOSTS] + [
    ("below, ignoring", "RewriteOptions IgnoreInherit\nRewriteRule ^/main http://own.example/ [R,L]", get("/main")),
    ("below, a rule of its own", "RewriteRule ^/main http://own.example/ [R,L]", get("/main")),
]


def compare(pair, name):
    apache, weir = pair.of(name)
    assert weir.status == apache.status, (apache.raw, weir.raw)
    for field in ("Location", "Set-Cookie", "Vary"):
        assert weir.all(field) == apache.all(field)
    assert weir.seen == apache.seen


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, modules=["rewrite", "alias", "env", "setenvif", "headers"])


@pytest.fixture(scope="module")
def hosts():
    return Pair(HOSTS, modules=["rewrite"], main=MAIN + "<Location /mainmap>\nRewriteRule ^ http://m.example/${mm:y} [R]\n</Location>\n")


@pytest.fixture(scope="module", params=["InheritDown", "InheritDownBefore"])
def down(request):
    return Pair(DOWN, modules=["rewrite"], main="RewriteOptions %s\n" % request.param + MAIN)


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_sections_as_apache(pair, row):
    compare(pair, row[0])


@pytest.mark.parametrize("row", HOSTS, ids=[r[0] for r in HOSTS])
def test_hosts_inherit_as_apache(hosts, row):
    compare(hosts, row[0])


@pytest.mark.parametrize("row", DOWN, ids=[r[0] for r in DOWN])
def test_hosts_are_left_rules_as_apache(down, row):
    compare(down, row[0])

"""Where modules meet: rules of sections and directories, handlers, types and fields, bodies and error documents."""
import os
import shutil
import tempfile

import pytest

from apache import Pair, get, ok

ROOT = tempfile.mkdtemp(prefix="weir-together-")
MODULES = ["alias", "rewrite", "headers", "setenvif", "env", "dir", "mime", "filter", "deflate", "authz_host",
           "allowmethods", "expires"]
BARE = "DocumentRoot %s\n" % ROOT
A = "http://127.0.0.1:@A@"


def make_tree():
    os.chmod(ROOT, 0o755)
    for name in ("index.html", "t.txt", "img.png", "noext", "dir/index.html", "dir/t.txt", "dir/sub/x.html", "bare/x.css",
                 "err/404.html"):
        path = os.path.join(ROOT, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write("this is %s\n" % name * 20)
        os.utime(path, (1700000000, 1700000000))


make_tree()


def site(*lines, inside=""):
    """Lines of a host, and of the section of its root."""
    return BARE + "<Directory %s>\nRequire all granted\n%s\n</Directory>\n" % (ROOT, inside) + "\n".join(lines)


def ask(path, *fields, **more):
    return get(path, "Connection: close", *fields, **more)


RULES = "RewriteEngine On\n"
CHUNKS = b"5\r\nhello\r\n3\r\n wo\r\n0\r\n\r\n"
TYPED = "expr=%{CONTENT_TYPE}|%{HANDLER}|%{REQUEST_STATUS}"

ROWS = [
    # ---- index files and rules
    ("a rule that sends an index back to its directory ends no request in a loop",
     site(RULES + "RewriteRule ^/index\\.html$ / [R=301,L]"), ask("/")),
    ("and acts when the file itself is asked for", site(RULES + "RewriteRule ^/index\\.html$ / [R=301,L]"), ask("/index.html")),
    ("the same in a directory", site(inside=RULES + "RewriteRule ^dir/index\\.html$ /dir/ [R,L]"), ask("/dir/")),
    ("the same in a section of files", site("<Files *.html>\n" + RULES + "RewriteRule ^ http://other.example/ [R]\n</Files>"), ask("/dir/")),
    ("rules for the request alone do not see its index", site(inside=RULES + "RewriteCond %{IS_SUBREQ} false\nRewriteRule html$ - [F]"), ask("/")),
    ("rules for the index do", site(inside=RULES + "RewriteCond %{IS_SUBREQ} true\nRewriteRule html$ /t.txt [L]"), ask("/")),
    ("SetEnvIf of a section does not see the index", site("<Location /index.html>\nSetEnvIf Host . SEEN=1\n</Location>\nHeader set X-Seen %{SEEN}e"), ask("/")),
    ("a directory without its slash, and a rule that leads elsewhere", site(inside=RULES + "RewriteRule ^ /t.txt [L]"), ask("/dir")),
    ("the same for a backend", site(inside=RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/dir")),
    ("a directory that a rule proxies has its index", site(inside=RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/")),
    ("even one that is not there", site(inside=RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/bare/")),
    ("and [END] is of the directory alone", site(inside=RULES + "RewriteRule ^(.*)$ %s/b/$1 [P,END]" % A), ask("/")),
    ("unless handlers are looked at", site(inside="DirectoryCheckHandler On\n" + RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/")),
    ("a file that a rule proxies keeps its type", site(inside=RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/t.txt")),
    ("a type of the backend comes before it", site(inside=RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/t.txt", "X-Script: typed")),
    ("a query is no extension", site(RULES + "RewriteRule ^/(.*)$ %s/b/$1 [P,NE]" % A), ask("/t.txt?x.html")),
    ("a rule's type is for want of the backend's", site(RULES + "RewriteRule ^/(x) %s/b/$1 [P,T=text/x-rule]" % A), ask("/x")),
    ("and not instead of it", site(RULES + "RewriteRule ^/(x) %s/b/$1 [P,T=text/x-rule]" % A), ask("/x", "X-Script: typed")),
    ("a rule's type of a file", site(RULES + "RewriteRule \\.txt$ - [T=text/x-rule]"), ask("/t.txt")),
    ("Redirect in a section beats a rule's other path",
     site("<Location /dir>\nRedirect 302 http://other.example/\n</Location>", inside=RULES + "RewriteRule ^dir /t.txt [L]"), ask("/dir/t.txt")),
    *[("what is left of the path %s under a proxying rule in a %s" % (path, name), site("Header set X-Left \"expr=%{PATH_INFO}|%{REQUEST_FILENAME}\"\n"
      "RequestHeader set X-Left \"expr=%{PATH_INFO}\"\n" + section, inside=inside), ask(path))
      for name, inside, section in (("directory", RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A, ""),
                                    ("location", "", "<Location /t.txt>\n%sRewriteRule ^.*/t(.*)$ %s/b/$1 [P]\n</Location>" % (RULES, A)),
                                    ("host", "", RULES + "RewriteRule ^/(.*)$ %s/b/$1 [P]" % A))
      for path in ("/t.txt/a/b", "/dir/none/x", "/none/x", "/dir/t.txt/y", "/t.txt")],
    *[("a cookie of a rule for the index: %s, %s%s" % (index, flags, more), site(more, inside="DirectoryIndex %s\n%sRewriteRule %s [CO=a:b:.example%s]"
      % (index, RULES, rule, flags)), ask("/dir/"))
      for index, rule in (("none.html", "none -"), ("none.html t.txt", "none -"), ("none.html t.txt", ". -"), ("index.html", "index -"),
                          ("none.html", "none http://other.example/"))
      for flags in ("", ",F", ",R=401") for more in ("", "ErrorDocument 404 /t.txt\nErrorDocument 403 /t.txt", "FallbackResource /t.txt")],
    ("a cookie of a rule that a look ahead meets",
     site(RULES + "RewriteCond %{LA-U:REQUEST_FILENAME} x\nRewriteRule ^/dir - [E=A:b]", inside=RULES + "RewriteRule x - [CO=a:b:.example]"), ask("/dir/sub/x.html")),
    # ---- what nobody may translate
    ("[P] beside [PT]", site(RULES + "RewriteRule ^/x %s/ [P,PT]" % A), ask("/x")),
    ("[R] beside [PT]", site(RULES + "RewriteRule ^/x /y [R,PT]"), ask("/x")),
    ("[PT] to a path without its slash", site(RULES + "RewriteRule ^/x y [PT]"), ask("/x")),
    # ---- fields and what they say
    ("handler and type of a file", site("Header set X-Kind \"%s\"" % TYPED), ask("/t.txt")),
    ("of one without a type", site("Header set X-Kind \"%s\"" % TYPED), ask("/noext")),
    ("of a part of one", site("Header set X-Kind \"%s\"" % TYPED), ask("/t.txt", "Range: bytes=0-3")),
    ("of an error's page", site("Header always set X-Kind \"%s\"" % TYPED), ask("/nothing")),
    ("of a backend's answer", site("Header set X-Kind \"%s\"\nProxyPass /b %s/" % (TYPED, A)), ask("/b", "X-Script: typed")),
    ("of OPTIONS", site("Header set X-Kind \"%s\"" % TYPED), ask("/t.txt", method="OPTIONS")),
    *[("the type behind %s %s" % (line, of), site(line.replace(";", "\n"), "Header always set X-Kind \"expr=%{CONTENT_TYPE}\"",
      "Header set X-After \"expr=%{CONTENT_TYPE}\"", "ProxyPass /b " + A + "/"), request)
      for line in ("Header set Content-Type text/x-new", "Header always set Content-Type text/x-new", "Header unset Content-Type",
                   "Header append Content-Type x", "Header edit Content-Type text t", "Header add Content-Type text/x-new",
                   "Header setifempty Content-Type text/x-new", "Header merge Content-Type text/x-new",
                   "RequestHeader set Content-Type text/x-new", "Header always unset Content-Type;Header set Content-Type text/x-new")
      for of, request in (("a file", ask("/t.txt")), ("a backend without one", ask("/b/x")), ("a backend", ask("/b/x", "X-Script: typed")),
                          ("a name that says one", ask("/b/x.html")), ("an error", ask("/nothing")))],
    ("no type at all", site("Header always unset Content-Type"), ask("/t.txt")),
    ("no type of a part", site("Header always unset Content-Type"), ask("/t.txt", "Range: bytes=0-3")),
    ("no type of a success", site("Header unset Content-Type"), ask("/t.txt")),
    ("a backend's type is in a table", site("Header always unset Content-Type\nProxyPass /b %s/" % A), ask("/b", "X-Script: typed")),
    ("a file's type is in none", site("Header setifempty Content-Type text/x-new"), ask("/t.txt")),
    ("a type on a 304", site("Header append Content-Type text/x-new"), ask("/t.txt", "If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT")),
    ("a type on OPTIONS", site("Header merge Content-Type text/x-new"), ask("/t.txt", method="OPTIONS")),
    ("Vary of nothing", site("Header always set Vary \"expr=%{REMOTE_USER}\"\nHeader append Vary \"\""), ask("/t.txt")),
    ("TRACE of a file passes no Header line", site("Header set X-New a\nHeader always set X-Other b"), ask("/t.txt", method="TRACE")),
    ("%{…}s without mod_ssl", site("Header set X-New %{REMOTE_ADDR}s\nProxyPass /b " + A), ask("/b")),
    ("a Location that cannot go out", site(RULES + "RewriteRule ^/x/(.*) http://other.example/$1 [R,NE]"), ask("/x/a%0Ab")),
    ("and its document", site("ErrorDocument 500 /err/404.html\n" + RULES + "RewriteRule ^/x/(.*) http://other.example/$1 [R,NE]"), ask("/x/a%0Ab")),
    ("a proxied path's own type is in no table", site("Header setifempty Content-Type text/x-new\nProxyPass /b " + A), ask("/b/t.txt")),
    ("RequestHeader acts once for a directory and its index",
     site(inside="RequestHeader add X-Once a\n" + RULES + "RewriteRule ^(.*)$ %s/b/$1 [P]" % A), ask("/dir/")),
    ("a look ahead at a directory finds its index",
     site(RULES + "RewriteCond %{LA-U:REQUEST_FILENAME} index\nRewriteRule ^(.*)$ http://other.example$1 [R]"), ask("/dir/")),
    ("a fragment in a rule's path is none of it", site("ProxyPass /b " + A, inside=RULES + "RewriteRule ^x/(.*) /b/$1 [L]"), ask("/x/a%23b")),
    # ---- a module's settings that httpd does not merge
    ("a host has the server's DeflateAlterETag", site(inside="SetOutputFilter DEFLATE"), ask("/t.txt", "Accept-Encoding: gzip")),
    ("but not with a line of its own", site("DeflateCompressionLevel 5", inside="SetOutputFilter DEFLATE"), ask("/t.txt", "Accept-Encoding: gzip")),
    # ---- errors of the pages of errors
    ("a document that a rule redirects", site("ErrorDocument 404 /gone\n" + RULES + "RewriteRule ^/gone http://other.example/ [R]"), ask("/nothing")),
    ("one that is not there", site("ErrorDocument 404 /gone"), ask("/nothing")),
    ("one of a backend that fails has one of its own",
     site("ProxyErrorOverride On\nErrorDocument 404 http://other.example/\nProxyPass /b %s/" % A, inside="ErrorDocument 404 /b/page"),
     ask("/nothing", "X-Script: lost")),
    ("and again, up to a limit", site("ProxyErrorOverride On\nErrorDocument 404 /b/page\nProxyPass /b %s/" % A), ask("/nothing", "X-Script: lost")),
    *[("a document that a rule ends with %s%s" % (flag, more), site("ErrorDocument 404 /gone\n" + more, RULES + "RewriteRule ^/gone - [%s]" % flag), get("/nothing"))
      for flag in ("F", "G", "R=404", "R=410", "R=503", "R=502") for more in ("", "ErrorDocument 410 gone", "ErrorDocument 503 /t.txt")],
    *[("the same in a directory, " + flag, site("ErrorDocument 404 /gone", inside=RULES + "RewriteRule ^gone - [%s]" % flag), get("/nothing"))
      for flag in ("F", "G", "R=404", "R=503")],
    ("a document of a backend that is not there", site("ErrorDocument 404 /b/page\nProxyPass /b http://127.0.0.1:@DEAD@/"), get("/nothing")),
    ("another site's for a 500", site("ErrorDocument 500 http://other.example/\n" + RULES + "RewriteRule ^/x - [R=500]"), get("/x")),
    # ---- the type of what is proxied, by its name
    *[("type by the name %s of %s" % (path, line), line.replace(";", "\n"), ask(path))
      for line in ("ProxyPass / %s/" % A, "ProxyPass / %s/ nocanon" % A, "ProxyPass / %s/b?x=1" % A, "ProxyPassMatch ^/(.*)$ %s/b?x=$1" % A,
                   "ProxyPassMatch ^/(.*)$ %s/b/$1?x=q.png" % A, RULES.replace("\n", ";") + "RewriteRule ^/(.*)$ %s/$1 [P,NE]" % A)
      for path in ("/y.html?q.txt", "/y.html?q/z.txt", "/y.html?", "/y.png?x.html=a", "/y%3f.txt")],
    # ---- bodies, ranges, connections
    ("a small chunked body has its length", site("ProxyPass /b " + A), ask("/b", "Transfer-Encoding: chunked", method="POST", body=CHUNKS)),
    ("an empty one, too", site("ProxyPass /b " + A), ask("/b", "Transfer-Encoding: chunked", method="POST", body=b"0\r\n\r\n")),
    ("a body before an error's document costs no connection", site("ErrorDocument 404 /err/404.html"),
     get("/nothing", "Content-Length: 5", method="POST", body=b"hello")),
    ("ranges beyond a backend's answer", site("ProxyPass /b " + A), ask("/b", "Range: bytes=50-60,70-")),
]


# Whether a page for a refusal, an index, another path of a rule is asked for its own right to be seen.
DENIED = BARE + "<Directory %s>\nRequire ip 10.0.0.0/8\n</Directory>\nErrorDocument 403 /dir/index.html\n" % ROOT
CHOSEN = BARE + "<Directory %s>\nRequire expr \"%%{REQUEST_URI} =~ m#^/(dir/)?(none)?$#\"\n%sRewriteRule ^dir/none$ /t.txt [L]\n" \
                "</Directory>\n" % (ROOT, RULES)
AROUND = {"": "", "with a location elsewhere": "<Location /else>\nRequire all granted\n</Location>", "with a location": "<Location />\nHeader set X-A b\n"
          "</Location>", "with files": "<Files *>\nHeader set X-A b\n</Files>", "with some files": "<Files *.html>\nHeader set X-A b\n</Files>",
          "with a condition": "<If \"true\">\nHeader set X-A b\n</If>"}
PATHS = ("/", "/dir", "/dir/", "/dir/none", "/dir/none/none", "/dir/t.txt", "/dir/index.html", "/dir/index.html/more", "/dir/sub",
         "/dir/sub/x.html", "/t.txt", "/none")
PROXIED = BARE + "ErrorDocument 403 /b/page\n<Location />\nRequire ip 10.0.0.0/8\n</Location>\nProxyPass /b " + A
ROWS += [("refused %s %s" % (around, path), DENIED + AROUND[around], ask(path)) for around in AROUND for path in PATHS] + \
        [("chosen %s %s" % (around, path), CHOSEN + AROUND[around], ask(path)) for around in AROUND for path in PATHS] + \
        [("refused by a location, a page of the backend %s" % path, PROXIED, ask(path)) for path in ("/b/x", "/b/page", "/t.txt")]


@pytest.fixture(scope="module")
def pair():
    scripts = {"typed": ok(extra=b"Content-Type: text/x-back\r\n"),
               "lost": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}
    yield Pair(ROWS, scripts=scripts, modules=MODULES, main="TypesConfig /etc/mime.types\nDeflateAlterETag NoChange\n")
    shutil.rmtree(ROOT, ignore_errors=True)


def kept(answer):
    """Fields without those that each server writes for itself, and the length and words of pages of our own."""
    page = b"<title>" in answer.body
    skipped = {"date", "server", "transfer-encoding"} | ({"content-length"} if page else set())
    if answer.all("Content-Encoding"):
        skipped = skipped | {"content-length"}
    fields = [(n.lower(), ",".join(sorted(v.split(","))) if n == "Allow" else v) for n, v in answer.fields]
    body = "page" if page else "coded" if answer.all("Content-Encoding") else answer.body
    return sorted(f for f in fields if f[0] not in skipped), body


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_both_answer_alike_and_ask_the_backend_alike(pair, name):
    apache, weir = pair.of(name)
    assert apache.status and (weir.status, weir.reason) == (apache.status, apache.reason)
    if "TRACE" not in name: # its body is the request with the port
        assert kept(weir) == kept(apache)
    assert [f for f in weir.fields if f[0].startswith("X-")] == [f for f in apache.fields if f[0].startswith("X-")]
    assert weir.seen == apache.seen


def test_a_faulty_path_of_a_rule_is_told_with_its_number(pair):
    for name in ("[P] beside [PT]", "[R] beside [PT]"):
        for side in ("apache", "weir"):
            assert [line for line in pair.logs[side, name] if line.ah == "00126" and line.level == "error"]

"""SetHandler "proxy:…": the file's name joined to the backend's URL, in each kind of section, and what then takes it."""
import os
import shutil
import tempfile

import pytest

from apache import HANDSHAKE, Pair, get, joined

ROOT = tempfile.mkdtemp(prefix="weir-handler-")
FILES = {"app/x.do": "x", "app/sub/y.html": "<p>y", "app/Case.do": "x", "doc/index.html": "<p>doc", "doc/a.do": "a",
         "ht/.htaccess": "SetHandler proxy:balancer://b\n", "ht/a.txt": "a", "ht/b/.htaccess": "SetHandler None\n", "ht/b/c.txt": "c",
         "hb/.htaccess": "AddHandler proxy:balancer://b .do\n<Files z.do>\nSetHandler default-handler\n</Files>\n", "hb/a.do": "a",
         "hb/z.do": "z", "hb/t.txt": "t",
         "he/.htaccess": "SetHandler proxy:%{req:X-To}\n", "he/a.txt": "a", "hf/.htaccess": "SetHandler %{file:/etc/hostname}\n", "hf/a.txt": "a"}
for name, text in FILES.items():
    os.makedirs(os.path.dirname(os.path.join(ROOT, name)), exist_ok=True)
    with open(os.path.join(ROOT, name), "w") as f:
        f.write(text)
with open(ROOT + "/types", "w") as f:
    f.write("text/html html\ntext/plain txt\n")
os.chmod(ROOT, 0o755)

DOCS = "DocumentRoot %s\n<Directory %s>\nAllowOverride None\nRequire all granted\n</Directory>\n" % (ROOT, ROOT)
MEMBER = "<Proxy balancer://b>\nBalancerMember http://127.0.0.1:@A@/m\n</Proxy>\n"
ALLOWED = "DocumentRoot %s\n<Directory %s>\nAllowOverride FileInfo\n</Directory>\n%s" % (ROOT, ROOT, MEMBER)
TO = "proxy:http://127.0.0.1:@A@"


def at(handler, section="Location /app", more=""):
    return '%s<%s>\nSetHandler "%s"\n%s</%s>\n' % (DOCS, section, handler, more, section.split()[0])


PATHS = ["/app", "/app/", "/app/x.do", "/app/x.do/info/more?q=1", "/app/none", "/app/none/more%20x?a", "/app/sub/y.html", "/app/sub",
         "/app/%C3%A4%3Fz%25", "/app/Case.do?A=%20B", "/app/x.do?", "/other", "/app/x%2Fy", "/doc/", "/doc/a.do"]
LINES = [
    ("location", at(TO)),
    ("with a slash", at(TO + "/")),
    ("with a path", at(TO + "/Deep")),
    ("location match", at(TO, "LocationMatch ^/(app|doc)/")),
    ("files match", at(TO, "FilesMatch \\.do$")),
    ("files", at(TO, "Files x.do")),
    ("directory", at(TO, "Directory %s/app" % ROOT)),
    ("directory match", at(TO, "DirectoryMatch /(app|doc)")),
    ("condition", at(TO, "If \"%{REQUEST_URI} =~ /x/\"")),
    ("handlers checked", at(TO, more="DirectoryCheckHandler On\n")),
    ("no slash", at(TO, more="DirectorySlash Off\n")),
    ("an extension", DOCS + 'AddHandler "%s/P" .do\n' % TO),
    ("a rule's", DOCS + 'RewriteEngine On\nRewriteRule \\.do$ - [H=%s]\n' % TO),
    ("a directory's rule", at("none", "Directory %s/app" % ROOT, "RewriteEngine On\nRewriteRule \\.do$ - [H=%s]\n" % TO)),
    ("an expression", at("proxy:http://127.0.0.1:@A@/%{REQUEST_METHOD}/%{QUERY_STRING}")),
    ("a socket", at("proxy:unix:@SOCK@|http://localhost")),
    ("a socket with a path", at("proxy:unix:@SOCK@|http://Local.Example/Z")),
    ("a socket, no host", at("proxy:unix:@SOCK@|http:")),
    ("a socket, no host and slashes", at("proxy:unix:@SOCK@|http://")),
    ("a socket, a path alone", at("proxy:unix:@SOCK@|http:///p")),
    ("a socket, one slash", at("proxy:unix:@SOCK@|http:/p")),
    ("a balancer", at("proxy:balancer://b") + MEMBER),
    ("nodecode", "AllowEncodedSlashes NoDecode\n" + at(TO)),
    ("decode", "AllowEncodedSlashes On\n" + at(TO)),
]
ROWS = [("%s %s" % (name, path), host, get(path)) for name, host in LINES for path in PATHS]
SINGLE = [
    ("POST", at(TO), get("/app/x.do", "Content-Length: 3", method="POST", body=b"abc")),
    ("HEAD", at(TO), get("/app/x.do", method="HEAD")),
    ("OPTIONS", at(TO), get("/app/x.do", method="OPTIONS")),
    ("OPTIONS to a directory", at(TO), get("/app/", method="OPTIONS")),
    ("DELETE of what is not there", at(TO), get("/app/none", method="DELETE")),
    ("PROPFIND", at(TO), get("/app/x.do", "Depth: 0", method="PROPFIND")),
    ("TRACE", at(TO), get("/app/x.do", method="TRACE")),
    ("no hops left", at(TO), get("/app/x.do", "Max-Forwards: 0")),
    ("no hops left, OPTIONS to a ProxyPass", "ProxyPass / http://127.0.0.1:@A@/\n", get("/x", "Max-Forwards: 0", method="OPTIONS")),
    ("no hops left, OPTIONS, no TRACE", "TraceEnable off\n" + at(TO), get("/app/x.do", "Max-Forwards: 0", method="OPTIONS")),
    ("no hops left, OPTIONS", at(TO), get("/app/x.do", "Max-Forwards: 0", method="OPTIONS")),
    ("hops", at(TO), get("/app/x.do", "Max-Forwards: 7")),
    ("Host", at(TO), get("/app/x.do", "X-A: b")),
    ("Host kept", at(TO, more="ProxyPreserveHost On\n"), get("/app/x.do")),
    ("no fields added", at(TO, more="ProxyAddHeaders Off\n"), get("/app/x.do")),
    ("a field of the request", at(TO, more="RequestHeader set X-Script ok\nRequestHeader set X-F %{REQUEST_FILENAME}e\n"), get("/app/x.do")),
    ("a field of the answer", at(TO, more="Header set X y\n"), get("/app/x.do")),
    ("a file's mark is no condition", at(TO), get("/app/x.do", "If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT")),
    ("a redirect", at(TO, more="ProxyPassReverse http://back.example/\n"), get("/app/x.do", "X-Script: moved")),
    ("a redirect, the file's path", at(TO, more="ProxyPassReverse http://back.example%s/app\n" % ROOT), get("/app/x.do", "X-Script: moved-file")),
    ("a redirect, of the host", DOCS + "ProxyPassReverse /r http://back.example/\n" + at(TO)[len(DOCS):], get("/app/x.do", "X-Script: moved")),
    ("a cookie", at(TO, more="ProxyPassReverseCookiePath /in /out\n"), get("/app/x.do", "X-Script: cookie")),
    ("an error of the backend", "ErrorDocument 404 nothing\n" + at(TO), get("/app/x.do", "X-Script: missing")),
    ("an error, overridden", "ErrorDocument 404 nothing\n" + at(TO, more="ProxyErrorOverride On\n"), get("/app/x.do", "X-Script: missing")),
    ("refused", at(TO, more="Require all denied\n"), get("/app/x.do")),
    ("nobody there", at("proxy:http://127.0.0.1:@DEAD@"), get("/app/x.do")),
    ("a bad port", at("proxy:http://127.0.0.1:99999"), get("/app/x.do")),
    ("a socket without a path", at("proxy:unix:|http://a"), get("/app/x.do")),
    ("a name that is none", at("proxy:http://nosuch.invalid"), get("/app/x.do")),
    ("no balancer of that name", at("proxy:balancer://nosuch"), get("/app/x.do")),
    ("a socket that is not there", at("proxy:unix:@SOCK@x|http://localhost"), get("/app/x.do")),
    ("a handshake", at("proxy:ws://127.0.0.1:@A@"), get("/app/x.do?q", *HANDSHAKE, "X-Script: upgrade")),
    ("a handshake to nothing on disk", at("proxy:ws://127.0.0.1:@A@"), get("/app/chat", *HANDSHAKE, "X-Script: upgrade")),
    ("a handshake to a socket", at("proxy:unix:@SOCK@|ws://localhost"), get("/app/chat", *HANDSHAKE, "X-Script: upgrade")),
    ("no handshake to ws:", at("proxy:ws://127.0.0.1:@A@"), get("/app/x.do")),
    ("a handshake to http:", at(TO), get("/app/x.do", *HANDSHAKE)),
    ("a handshake to http: with upgrade=", at(TO) + '<Proxy "http://127.0.0.1:@A@" upgrade=websocket>\n</Proxy>\n',
     get("/app/x.do", *HANDSHAKE, "X-Script: upgrade")),
    ("no handshake, no fallback", at("proxy:ws://127.0.0.1:@A@", more="ProxyWebsocketFallbackToProxyHttp Off\n"), get("/app/x.do")),
    ("a worker of that name", at(TO) + '<Proxy "http://127.0.0.1:@A@" status=D>\n</Proxy>\n', get("/app/x.do")),
    ("a worker's section", at(TO) + '<Proxy "http://127.0.0.1:@A@">\nRequire all denied\nHeader set X section\n</Proxy>\n', get("/app/x.do")),
    ("a worker's connection is kept", at(TO) + '<Proxy "http://127.0.0.1:@A@" enablereuse=on timeout=3>\n</Proxy>\n', get("/app/x.do")),
    ("a worker's connection is not kept", at(TO) + '<Proxy "http://127.0.0.1:@A@/">\nProxySet disablereuse=on\n</Proxy>\n', get("/app/x.do")),
    ("a worker of a ProxyPass elsewhere", "ProxyPass /else http://127.0.0.1:@A@ status=D\n" + at(TO), get("/app/x.do")),
    ("a worker with a path", at(TO + "/deep") + '<Proxy "http://127.0.0.1:@A@/deep" status=D>\n</Proxy>\n', get("/app/x.do")),
    ("a worker with another path", at(TO + "/deep") + '<Proxy "http://127.0.0.1:@A@/other" status=D>\n</Proxy>\n', get("/app/x.do")),
    ("a socket's worker", at("proxy:unix:@SOCK@|http://h") + '<Proxy "unix:@SOCK@|http://h" enablereuse=on>\n</Proxy>\n', get("/app/x.do")),
    ("a socket's worker, disabled", at("proxy:unix:@SOCK@|http://h") + '<Proxy "unix:@SOCK@|http://h" status=D>\n</Proxy>\n', get("/app/x.do")),
    ("a worker of the same host for a socket", at("proxy:unix:@SOCK@|http://h") + '<Proxy "http://h" status=D>\n</Proxy>\n', get("/app/x.do")),
    ("another socket's worker", at("proxy:unix:@SOCK@|http://h") + '<Proxy "unix:@SOCK@x|http://h">\nProxySet timeout=2\n</Proxy>\n', get("/app/x.do")),
    ("a ProxyPass comes first", "ProxyPass /app http://127.0.0.1:@B@/b\n" + at(TO), get("/app/x.do")),
    ("a ProxyPass that is none", "ProxyPass /app !\n" + at(TO), get("/app/x.do")),
    ("an Alias", "Alias /al %s/doc\n" % ROOT + at(TO, "Location /al"), get("/al/a.do")),
    ("taken away within", at(TO, "Location /") + "<Location /app/sub>\nSetHandler None\n</Location>\n", get("/app/sub/y.html")),
    ("another within", at(TO, "Location /") + "<Location /app>\nSetHandler default-handler\n</Location>\n", get("/app/x.do")),
    ("an expression within", at(TO, "Location /") + "<Location /app>\nSetHandler \"%{env:NOSUCH}none\"\n</Location>\n", get("/app/x.do")),
    ("letters", at("PROXY:HTTP://127.0.0.1:@A@/UP"), get("/app/x.do")),
    ("an expression's letters", at("Proxy:http://127.0.0.1:@A@/%{HTTP:X-Path}"), get("/app/x.do", "X-Path: /ABC")),
    ("an expression that is a page", at("%{env:N}server-status", "Location /status"), get("/status?auto", method="HEAD")),
    ("an expression that is nothing known", at("%{env:N}foo"), get("/app/x.do")),
    ("a path with a blank", at("proxy:http://127.0.0.1:@A@/%{HTTP:X-Path}"), get("/app/x.do", "X-Path: a b\tc?d")),
    ("a user in the URL", at("proxy:http://me@127.0.0.1:@A@"), get("/app/x.do")),
    (".htaccess", ALLOWED, get("/ht/a.txt")),
    (".htaccess, none within", ALLOWED, get("/ht/b/c.txt")),
    (".htaccess, an extension", ALLOWED, get("/hb/a.do")),
    (".htaccess, another within", ALLOWED, get("/hb/z.do")),
    (".htaccess, no such extension", ALLOWED, get("/hb/t.txt")),
    (".htaccess, an expression", ALLOWED, get("/he/a.txt", "X-To: balancer://b/e")),
    (".htaccess, a file's text", ALLOWED, get("/hf/a.txt")),
    (".htaccess, not allowed", ALLOWED.replace("FileInfo", "Limit"), get("/ht/a.txt")),
    ("a rule behind it", at(TO, "Directory %s/app" % ROOT, "RewriteEngine On\nRewriteRule x\\.do /doc/a.do\n"), get("/app/x.do")),
    ("an error's page", "ErrorDocument 404 /app/x.do\n" + at(TO), get("/other")),
    ("an error's page, overridden", "ErrorDocument 404 /app/x.do\n" + at(TO, more="ProxyErrorOverride On\n"), get("/other")),
    ("a rule that leads to it", at(TO, more="RewriteEngine On\n").replace("<Location", "RewriteEngine On\nRewriteRule ^/old /app/x.do?n [PT,QSA]\n<Location"),
     get("/old?q")),
    ("its index", at(TO, "Location /doc/index.html"), get("/doc/?q")),
    ("a login", at(TO, more="AuthType Basic\nAuthName x\nAuthUserFile /nowhere\nRequire valid-user\n"), get("/app/x.do")),
    ("a fallback", at(TO, more="FallbackResource /doc/a.do\n"), get("/app/none")),
    ("a look ahead", DOCS + "RewriteEngine On\nRewriteCond %{LA-U:REQUEST_FILENAME} (.*)\nRewriteRule ^/app/x.do - [E=F:%1]\n"
     "RequestHeader set X-F %{F}e\n" + at(TO)[len(DOCS):], get("/app/x.do")),
]
SCRIPTS = {
    "moved": b"HTTP/1.1 302 Found\r\nLocation: http://back.example/to/x\r\nContent-Length: 0\r\n\r\n",
    "moved-file": b"HTTP/1.1 302 Found\r\nLocation: http://back.example%s/app/y?q\r\nContent-Length: 0\r\n\r\n" % ROOT.encode(),
    "cookie": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/in/x\r\nContent-Length: 0\r\n\r\n",
    "missing": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nmine",
}
MODULES = ["auth_basic", "authn_core", "authn_file", "authz_user", "mime", "dir",
           "alias", "env", "status", "headers", "rewrite", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests"]
FIELDS = ["Location", "Set-Cookie", "Content-Type", "Upgrade", "X", "Allow"]


NUMBERS = {"00128", "00129", "00898", "01083", "01144", "01171", "02454", "00957", "01114", "00940", "02900", "03154", "10292", "01630",
           "10408", "10415"}


def said(pair, side, name):
    return [(line.module, line.level, line.ah) for line in pair.logs[side, name] if line.ah in NUMBERS]


def same(pair, name):
    apache, weir = pair.of(name)
    assert weir.status == apache.status, (name, weir.raw)
    assert [joined(request) for request in weir.seen] == [joined(request) for request in apache.seen], name
    for field in FIELDS:
        assert [v.lower() for v in weir.all(field)] == [v.lower() for v in apache.all(field)], (name, field)
    if b"<!DOCTYPE" not in apache.body and not apache.all("Transfer-Encoding"):
        assert weir.body == apache.body, name
    return apache.status == 200 and bool(apache.seen)


@pytest.fixture(scope="module")
def pair():
    yield Pair(ROWS, modules=MODULES, main="TypesConfig %s/types\n" % ROOT)
    shutil.rmtree(ROOT, ignore_errors=True)


@pytest.fixture(scope="module")
def singles(pair):
    return Pair(SINGLE, SCRIPTS, modules=MODULES, main="TypesConfig %s/types\n" % ROOT, own_hosts=True)


@pytest.mark.parametrize("line", LINES, ids=[n for n, _ in LINES])
def test_leads_where_apache_leads(pair, line):
    assert sum(same(pair, "%s %s" % (line[0], path)) for path in PATHS) >= 2


@pytest.mark.parametrize("row", SINGLE, ids=[r[0] for r in SINGLE])
def test_is_answered_as_by_apache(singles, row):
    same(singles, row[0])
    assert said(singles, "weir", row[0]) == said(singles, "apache", row[0])

"""Header and RequestHeader: each action on each table, over answers of a backend and of the server itself."""
import pytest

from apache import HANDSHAKE, Pair, as_any_server, get, joined, within_an_hour

MODULES = ["headers", "env", "setenvif", "ssl", "alias", "rewrite"]
EMPTY = "Content-Length: 0"


def answer(status, *fields):
    text = "HTTP/1.1 %s\r\n%s\r\n" % (status, "".join(f + "\r\n" for f in fields))
    return lambda peer, request: peer.sendall(text.encode())


SOME = ("Content-Type: text/html; charset=utf-8", "X-A: one", "X-A: two", "X-List: a, \"b, c\" ,d",
        "Set-Cookie: s=1; Path=/", "Set-Cookie: t=2", "Cache-Control: no-cache", "Vary: Accept, Cookie",
        "ETag: \"1\"", "Server: backend/1", "Date: Sun, 06 Nov 1994 08:49:37 GMT")
SCRIPTS = {
    "ok": answer("200 OK", *SOME, EMPTY),
    "missing": answer("404 Not Here", *SOME, EMPTY),
    "moved": answer("302 Found", "Location: http://other.example/x", "X-A: one", EMPTY),
    "failed": answer("500 Broken", "X-A: one", EMPTY),
    "same": answer("304 Not Modified", "X-A: one", "ETag: \"1\""),
    "empty": answer("204 No Content", "X-A: one"),
    "gone": lambda peer, request: False,
    "head": answer("200 OK", *SOME, "Content-Length: 7"),
}
HOST = """
ProxyPass /b http://127.0.0.1:@A@/
ProxyPass /dead http://127.0.0.1:@DEAD@/
<Location /denied>
Require all denied
</Location>
<Location /elsewhere>
Require all denied
ErrorDocument 403 http://other.example/page
</Location>
<Location /said>
Require all denied
ErrorDocument 403 "no entry here"
</Location>
<Location /shown>
Require all denied
ErrorDocument 403 /b/page
</Location>
<Location /b/over>
ProxyErrorOverride On
</Location>
Redirect 302 /redirected http://other.example/page
Redirect gone /gone
RewriteEngine On
RewriteRule ^/rewritten http://other.example/page [R=301,L,E=V:rule]
RewriteRule ^/forbidden - [F]
DocumentRoot /etc
"""
ASKED = [
    ("backend 200", get("/b/x", "X-Echo-Me: 1", "X-Echo-Me: 2", "X-Script: ok")),
    ("backend 404", get("/b/x", "X-Script: missing")),
    ("backend 302", get("/b/x", "X-Script: moved")),
    ("backend 204", get("/b/x", "X-Script: empty")),
    ("backend 304", get("/b/x", "X-Script: same")),
    ("overridden 404", get("/b/over", "X-Script: missing")),
    ("own 503", get("/dead/x")),
    ("own 502", get("/b/x", "Connection: close", "X-Script: gone")),
    ("own 403", get("/denied", "X-Echo-Me: 1")),
    ("own redirect", get("/elsewhere")),
    ("own text", get("/said")),
    ("page of the backend", get("/shown")),
    ("own OPTIONS", get("/", method="OPTIONS")),
    ("Redirect", get("/redirected")),
    ("Redirect gone", get("/gone")),
    ("rewritten", get("/rewritten")),
    ("rewritten to 403", get("/forbidden")),
    ("file", get("/debian_version")),
    ("file not modified", get("/debian_version", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")),
    ("no file", get("/no-such-file")),
    ("HEAD", get("/b/x", "X-Script: head", method="HEAD")),
]
LINES = {
    "set": "Header set X-A new",
    "set absent": "Header set X-New new",
    "set always": "Header always set X-A new",
    "set onsuccess": "Header onsuccess set X-A new",
    "set with colon": "Header set X-A: new",
    "set in another case": "Header set x-a new",
    "set empty": "Header set X-A \"\"",
    "setifempty": "Header setifempty X-A new\nHeader setifempty X-New new",
    "setifempty always": "Header always setifempty X-A new\nHeader always setifempty X-New new\nHeader always setifempty X-New newer",
    "add": "Header add X-A three",
    "add always": "Header always add X-A three\nHeader always add X-A four",
    "append": "Header append X-A three\nHeader append X-New three",
    "append always": "Header always append X-A three\nHeader always append X-A four",
    "merge": "Header merge X-List d\nHeader merge X-List e",
    "merge quoted": "Header merge X-List \"\\\"b, c\\\" \"\nHeader merge X-List \"\\\"b, c\\\"\"",
    "merge twice": "Header merge X-New a\nHeader merge X-New a\nHeader merge X-New A",
    "merge always": "Header always merge X-New a\nHeader always merge X-New b\nHeader always merge X-New a",
    "unset": "Header unset X-A",
    "unset always": "Header always unset X-A",
    "unset what always set": "Header always set X-New a\nHeader unset X-New\nHeader always unset X-New",
    "unset then set": "Header unset X-A\nHeader set X-A again",
    "both tables": "Header always set X-A always\nHeader set X-A success",
    "order of the tables": "Header set X-New expr=%{resp:X-Other}\nHeader always set X-Other seen",
    "echo": "Header echo ^X-Echo",
    "echo always": "Header always echo ^X-Echo",
    "echo in another case": "Header echo ^x-echo",
    "edit": "Header edit X-A o 0",
    "edit with groups": "Header edit X-A (.)(.) $2$1-$0",
    "edit all": "Header edit* X-A . <$0>",
    "edit all anchored": "Header edit* X-A ^. _",
    "edit always": "Header always set X-New abc\nHeader always edit X-New b B",
    "edit always of the backend": "Header always edit X-A o 0",
    "edit nothing": "Header edit X-None . x",
    "edit to nothing": "Header edit X-A one \"\"",
    "edit cookies": "Header edit Set-Cookie ^(.*)$ \"$1; Secure\"",
    "edit with a tag": "SetEnvIf Request_URI . P=q\nHeader edit X-A (o) \"$1%{P}e\"",
    "edit with an expression": "Header edit X-A o \"expr=%{REQUEST_METHOD}\"",
    "edit location": "Header edit Location ^http: https:",
    "edit location always": "Header always edit Location ^http: https:",
    "note": "Header note X-A seen\nHeader set X-Note \"expr=%{note:seen}\"",
    "note of nothing": "Header note X-None seen\nHeader set X-Note \"expr=%{note:seen}\"",
    "type set": "Header set Content-Type text/x-new",
    "type set always": "Header always set Content-Type text/x-new",
    "type unset": "Header unset Content-Type",
    "type unset always": "Header always unset Content-Type",
    "type added": "Header add Content-Type text/x-new",
    "type appended": "Header append Content-Type text/x-new",
    "type edited": "Header edit Content-Type html xml",
    "type edited always": "Header always edit Content-Type html xml",
    "type setifempty": "Header setifempty Content-Type text/x-new",
    "type setifempty always": "Header always setifempty Content-Type text/x-new",
    "server set": "Header set Server mine",
    "server always set": "Header always set Server mine",
    "server unset": "Header unset Server\nHeader always unset Server",
    "date unset": "Header unset Date",
    "vary merged": "Header merge Vary Origin\nHeader append Vary cookie",
    "vary unset": "Header unset Vary",
    "vary always": "Header always set Vary Origin",
    "connection closed": "Header set Connection close",
    "connection closed always": "Header always set Connection close",
    "hsts": "Header always set Strict-Transport-Security \"max-age=63072000; includeSubDomains\"",
    "cors": "SetEnvIf Host . O=$0\nHeader set Access-Control-Allow-Origin %{O}e env=O",
    "percent": "Header set X-New \"100%% %\"",
    "env": "SetEnv V v\nHeader set X-New \"a %{V}e b %{W}e\"",
    "ssl": "Header set X-New \"%{SSL_PROTOCOL}s\"",
    "escapes": "Header set X-New \"a\\\\tb\\c\\\\\\\\d\"",
    "expression": "Header set X-New \"expr=%{REQUEST_URI} %{resp:X-A}\"",
    "expression that fails": "Header set X-New \"expr=%{file:/nowhere/at/all}\"",
    "if env": "SetEnv V v\nHeader set X-New yes env=V\nHeader set X-Other yes env=W",
    "if not env": "SetEnv V v\nHeader set X-New yes env=!V\nHeader set X-Other yes env=!W",
    "unset if env": "SetEnv V v\nHeader unset X-A env=V\nHeader unset X-List env=!V",
    "edit if env": "SetEnv V v\nHeader edit X-A o 0 env=V\nHeader edit X-List a b env=!V",
    "if expression": "Header set X-New yes \"expr=%{REQUEST_STATUS} -lt 300\"\nHeader always set X-Big yes \"expr=%{REQUEST_STATUS} >= 400\"",
    "if expression of the answer": "Header set X-New yes \"expr=%{resp:X-A} == 'one'\"",
    "if expression of the type": "Header set X-New yes \"expr=%{CONTENT_TYPE} =~ m#^text/html#\"",
    "if expression of the request": "Header set X-New yes \"expr=%{HTTP_USER_AGENT} == ''\"",
    "if expression of a field": "Header set X-New yes \"expr=req('X-Script') == 'ok'\"",
    "if expression without vary": "Header set X-New yes \"expr=req_novary('X-Script') == 'ok'\"",
    "if expression that fails": "Header set X-New yes \"expr=file('/nowhere/at/all') == 'x'\"",
    "early": "Header set X-A early early\nHeader always set X-New early early",
    "early and late": "Header always set X-New early early\nHeader always append X-New late",
    "early cookie": "Header set Set-Cookie early=1 early",
    "early request": "RequestHeader set X-A early early\nRequestHeader append X-A late",
    "line feed": "Header set X-New \"a\\nb\"",
    "line feed always": "Header always set X-New \"a\\nb\"",
    "bad name": "Header set \"X New\" a",
    "empty name": "Header set \"\" a",
    "utf-8": "Header set X-New \"日本語\"",
    "location section": "<Location /b>\nHeader set X-New in\n</Location>\nHeader set X-New out",
    "sections in order": "<If \"true\">\nHeader append X-New if\n</If>\n<Location /b>\nHeader append X-New location\n</Location>\n"
                         "<Proxy *>\nHeader append X-New proxy\n</Proxy>\n<Location />\nHeader append X-New root\n</Location>\n"
                         "<Directory />\nHeader append X-New directory\n</Directory>\n<Files *>\nHeader append X-New files\n</Files>\n"
                         "Header append X-New host",
    "sections in order always": "<If \"true\">\nHeader always append X-New if\n</If>\n<Location /b>\nHeader always append X-New location\n"
                                "</Location>\n<Location />\nHeader always append X-New root\n</Location>\nHeader always append X-New host",
    "proxy section": "<Proxy http://127.0.0.1:@A@/>\nHeader set X-New in\nRequestHeader set X-New in\n</Proxy>",
    "upgrade set": "Header set Upgrade h2\nHeader merge Connection Upgrade",
}
REQUEST_LINES = {
    "set": "RequestHeader set X-A new",
    "set absent": "RequestHeader set X-New new",
    "setifempty": "RequestHeader setifempty X-A new\nRequestHeader setifempty X-New new",
    "add": "RequestHeader add X-New new",
    "append": "RequestHeader append X-A new\nRequestHeader append X-New new",
    "append to two": "RequestHeader append X-Two new",
    "merge": "RequestHeader merge X-List b\nRequestHeader merge X-List c",
    "merge to two": "RequestHeader merge X-Two 2\nRequestHeader merge X-Two 3",
    "unset": "RequestHeader unset X-A",
    "unset two": "RequestHeader unset x-two",
    "edit": "RequestHeader edit X-A (.*) <$1>",
    "edit one added": "RequestHeader add X-A new\nRequestHeader edit X-A (.*) <$1>",
    "edit one added to two": "RequestHeader add X-Two new\nRequestHeader edit X-Two (.*) <$1>",
    "edit before and after one is added": "RequestHeader edit X-Two ^ <\nRequestHeader add X-Two new\nRequestHeader edit* X-Two [0-9] /",
    "append to one added": "RequestHeader add X-Two new\nRequestHeader append X-Two end",
    "merge to one added": "RequestHeader add X-A new\nRequestHeader merge X-A new\nRequestHeader edit X-A new other",
    "add and set if empty": "RequestHeader add X-New a\nRequestHeader setifempty X-New b\nRequestHeader edit X-New a c",
    "edit two": "RequestHeader edit X-Two (.*) <$1>",
    "edit all of two": "RequestHeader edit* X-Two [0-9] <$0>",
    "host": "ProxyPreserveHost On\nRequestHeader set Host other.example",
    "host without preserving": "RequestHeader set Host other.example",
    "host unset": "ProxyPreserveHost On\nRequestHeader unset Host",
    "type": "RequestHeader set Content-Type text/x-new",
    "agent edited": "RequestHeader edit User-Agent ^ a",
    "forwarded proto": "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
    "forwarded for unset": "RequestHeader unset X-Forwarded-For",
    "forwarded for set": "RequestHeader set X-Forwarded-For 1.2.3.4",
    "real ip": "RequestHeader set X-Real-IP %{REMOTE_ADDR}s\nRequestHeader set X-Real-IP2 expr=%{REMOTE_ADDR}",
    "line feed": "RequestHeader set X-Env %{V}e\nSetEnvIfExpr \"unescape('a%0ab') =~ /(.*)/\" V=$1",
    "connection": "RequestHeader set Connection close\nRequestHeader set Keep-Alive 5",
    "connection names": "RequestHeader set Connection X-A",
    "upgrade unset": "RequestHeader unset Upgrade",
    "if env": "SetEnvIf X-A . V=1\nRequestHeader set X-New a env=V\nRequestHeader set X-Other a env=!V",
    "if expression": "RequestHeader set X-New a \"expr=%{HTTP_HOST} =~ /example/\"\nRequestHeader set X-Other a expr=false",
    "in sections": "<Location /x>\nRequestHeader append X-New x\n</Location>\n<Location /y>\nRequestHeader append X-New y\n</Location>\n"
                   "<If \"true\">\nRequestHeader append X-New if\n</If>\n<Proxy *>\nRequestHeader append X-New proxy\n</Proxy>\n"
                   "RequestHeader append X-New host",
    "expect unset": "RequestHeader unset Expect",
    "te": "RequestHeader set TE trailers",
    "authorization": "RequestHeader unset Authorization\nRequestHeader set Authorization \"Bearer x\"",
    "accept-encoding": "RequestHeader unset Accept-Encoding",
    "after setenv": "SetEnv V v\nRequestHeader set X-New \"%{V}e\"",
    "time": "RequestHeader set X-Ok expr=%{TIME_YEAR}",
}
SEND = get("/x", "X-A: one", "X-Two: 1", "X-Two: 2", "X-List: a, b", "User-Agent: me", "X-Forwarded-For: 9.9.9.9",
           "Authorization: Basic eDp5", "Accept-Encoding: gzip")
POST = get("/x", "X-A: one", "Content-Length: 3", method="POST", body=b"abc")
UPGRADES = {
    "set": "Header set X-New a\nHeader always set X-Other a",
    "unset": "Header unset Sec-WebSocket-Accept",
    "early": "Header set X-New a early\nHeader always set X-Other a early",
    "request": "RequestHeader set X-New a\nRequestHeader unset Sec-WebSocket-Extensions",
    "upgrade unset": "RequestHeader unset Upgrade",
}

# An error's own page that cannot go out: written down in docs/differences.md.
DIFFERS = {(line, "page of the backend") for line in ("line feed", "bad name", "empty name")}
ROWS = [("%s: %s" % (line, asked), LINES[line] + HOST, request) for line in LINES for asked, request in ASKED] + \
       [("> " + line, REQUEST_LINES[line] + "\nProxyPass / http://127.0.0.1:@A@/", SEND) for line in REQUEST_LINES] + \
       [("post > " + line, REQUEST_LINES[line] + "\nProxyPass / http://127.0.0.1:@A@/", POST)
        for line in ("set", "type", "edit")] + \
       [("101 " + line, UPGRADES[line] + "\nProxyPass / ws://127.0.0.1:@A@/", get("/x", *HANDSHAKE, "X-Script: upgrade"))
        for line in UPGRADES]


@pytest.fixture(scope="module")
def pair():
    return within_an_hour(lambda: Pair(ROWS, scripts=SCRIPTS, modules=MODULES, level="debug", main="Header append X-New main\n"))


def kept(answer):
    """Fields without those that each server writes for itself; Apache moves cookies to the end."""
    fields = []
    for name, value in answer.fields:
        value = as_any_server(name, value)
        if name.lower() == "allow":
            value = ",".join(sorted(value.split(",")))
        if name.lower() == "content-length" and answer.status >= 300:
            continue  # the page's
        if (name.lower(), value, answer.body) == ("connection", "close", b"") and answer.status == 500:
            continue  # httpd forgets to say so when a page's own head is bad
        fields.append((name, value))
    return sorted(fields)


def check(pair, name):
    apache, weir = pair.of(name)
    assert apache.status, apache.raw
    assert (weir.status, weir.reason) == (apache.status, apache.reason)
    assert kept(weir) == kept(apache)


@pytest.mark.parametrize("asked", [a[0] for a in ASKED])
@pytest.mark.parametrize("line", LINES)
def test_the_client_gets_the_same_fields(pair, line, asked):
    if (line, asked) in DIFFERS:
        return
    check(pair, "%s: %s" % (line, asked))


@pytest.mark.parametrize("name", [r[0] for r in ROWS if r[0].startswith(("> ", "post > "))])
def test_the_backend_sees_the_same_head(pair, name):
    apache, weir = pair.of(name)
    assert [joined(r) for r in weir.seen] == [joined(r) for r in apache.seen]
    check(pair, name)


@pytest.mark.parametrize("line", UPGRADES)
def test_the_101_is_the_same(pair, line):
    check(pair, "101 " + line)


def numbers(pair, side, name):
    return {line.ah for line in pair.logs[side, name] if line.level in ("error", "crit") and
            line.module in ("headers", "http", "core")}


@pytest.mark.parametrize("line", ["expression that fails", "if expression that fails", "line feed", "line feed always",
                                  "bad name", "empty name"])
def test_the_log_says_the_same(pair, line):
    name = line + ": backend 200"
    assert numbers(pair, "weir", name) == numbers(pair, "apache", name)

"""The head that the backend sees, byte by byte, and the fields that the client gets back."""
import re

import pytest

from apache import HANDSHAKE, Pair, as_any_server, get

TO = "ProxyPass / http://127.0.0.1:@A@/"
ONCE = TO + " disablereuse=on" # or httpd takes, now and then, a connection that the backend's last answer just ended
POST = dict(method="POST", body=b"abc")

SENT = [
    ("plain", TO, get("/x", "X-b: 1", "user-AGENT:   me  ", "Accept: */*")),
    ("preserved host", "ProxyPreserveHost On\n" + TO, get("/x")),
    ("preserved host without one", "ProxyPreserveHost On\n" + TO, b"GET http://HOST/x HTTP/1.0\r\n\r\n"),
    ("HTTP/1.0", TO, get("/x", version="1.0")),
    ("HTTP/1.0 keep-alive", TO, get("/x", "Connection: keep-alive", version="1.0")),
    ("nothing added", "ProxyAddHeaders Off\n" + TO, get("/x", "X-Forwarded-For: 1.1.1.1")),
    ("forwarded merged", TO, get("/x", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-Host: a", "X-Forwarded-Server: b")),
    ("forwarded twice", TO, get("/x", "X-Forwarded-For: 1.1.1.1", "X: y", "X-Forwarded-For: 2.2.2.2")),
    ("named in Connection", TO, get("/x", "Connection: X-Forwarded-For, Host, X-a;x-b  x-c", "X-Forwarded-For: 1.1.1.1", "X-A: 1",
                                    "X-B: 2", "x-C: 3", "X-D: 4")),
    ("host named in Connection", "ProxyPreserveHost On\n" + TO, get("/x", "Connection: Host")),
    ("quotes in Connection", TO, get("/x", "Connection: \"a, b\", c", "A: 1", "B: 2", "C: 3")),
    ("empty Connection", TO, get("/x", "Connection: ", "A: 1")),
    ("hop-by-hop", TO, get("/x", "Keep-Alive: 5", "TE: trailers", "Trailer: x", "Proxy-Connection: keep-alive", "Upgrade: h2c", "A: 1")),
    ("proxy authorization", TO, get("/x", "Proxy-Authorization: Basic eDp5", "Authorization: Basic eDp5")),
    ("via on", "ProxyVia On\n" + TO, get("/x", "Via: 1.0 a")),
    ("via full", "ProxyVia Full\n" + TO, get("/x")),
    ("via block", "ProxyVia Block\n" + TO, get("/x", "Via: 1.0 a")),
    ("via of HTTP/1.0", "ProxyVia On\n" + TO, get("/x", version="1.0")),
    ("max-forwards set", "ProxyMaxForwards 7\n" + TO, get("/x", "A: 1")),
    ("max-forwards counted", TO, get("/x", "Max-Forwards: 3", "A: 1")),
    ("length", TO, get("/x", "Content-Length: 3", "A: 1", **POST)),
    ("empty length", TO, get("/x", "Content-Length: 0", method="POST")),
    ("no body", TO, get("/x", method="DELETE")),
    ("handshake", "ProxyPass / ws://127.0.0.1:@A@/", get("/x", *HANDSHAKE, "X-Script: upgrade")),
    ("handshake without the fallback", "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://127.0.0.1:@A@/",
     get("/x", *HANDSHAKE, "X-Script: upgrade")),
    ("an Upgrade that RequestHeader wrote", "RequestHeader set Upgrade websocket\nRequestHeader set Connection upgrade\n"
     "ProxyPass / ws://127.0.0.1:@A@/", get("/x")),
    ("the same without a mapping that upgrades", "RequestHeader set Upgrade websocket\nRequestHeader set Connection upgrade\n" + TO, get("/x")),
    ("a handshake without Upgrade that RequestHeader completes", "RequestHeader set Upgrade websocket\n"
     "RequestHeader set Connection Upgrade\nProxyPass / ws://127.0.0.1:@A@/", get("/x", *[h for h in HANDSHAKE if "pgrade" not in h], "X-Script: upgrade")),
    ("handshake not asked for", TO, get("/x", *HANDSHAKE)),
    ("no reuse", TO + " disablereuse=on", get("/x")),
    ("no worker of that name", "ProxyPass / http://u:p@127.0.0.1:@A@/", get("/x")),
    ("unix socket", "ProxyPass / unix:@SOCK@|http://b.example:81/", get("/x")),
    ("unknown method", TO, get("/x", method="BREW")),
]
REVERSE = "ProxyPassReverse / http://127.0.0.1:@A@/\n" + TO
RECEIVED = [
    ("ok", TO, "plain"),
    ("redirect", REVERSE, "redirect"),
    ("redirect unmapped", TO, "redirect"),
    ("redirect into a path", "ProxyPassReverse /app http://127.0.0.1:@A@\n" + TO, "redirect"),
    ("redirect by path", "ProxyPassReverse /app/ /\n" + TO, "redirect"),
    ("redirect by the first of two", "ProxyPassReverse /one/ http://127.0.0.1:@A@/\nProxyPassReverse /two/ http://127.0.0.1:@A@/\n" + TO,
     "redirect"),
    ("redirect in a location", "<Location />\nProxyPassReverse http://127.0.0.1:@A@/log\n</Location>\n" + TO, "redirect"),
    ("relative redirect", REVERSE, "relative"),
    ("relative redirect mapped", "ProxyPassReverse /app/ /\n" + TO, "relative"),
    ("other fields with URLs", REVERSE, "urls"),
    ("cookies", "ProxyPassReverseCookiePath /in /out\nProxyPassReverseCookieDomain in.example out.example\n" + TO, "cookies"),
    ("hop-by-hop", TO, "hops"),
    ("both framings", TO, "both"),
    ("old dates", TO, "dates"),
    ("via on", "ProxyVia On\n" + TO, "via"),
    ("via full", "ProxyVia Full\n" + TO, "via"),
    ("via block", "ProxyVia Block\n" + TO, "via"),
    ("426 of a ws backend", "ProxyPass / ws://127.0.0.1:@A@/", "wants"),
    ("426 of an http backend", TO, "wants"),
    ("no content", TO, "empty"),
    ("not modified", TO, "unchanged"),
    ("not modified and no length", TO, "unchanged-empty"),
    ("own reason", TO, "reason"),
    ("own server", TO, "server"),
    ("error passed on", TO, "missing"),
    ("error overridden", "ProxyErrorOverride On\n" + TO, "missing"),
    ("other error overridden", "ProxyErrorOverride On 500 503\n" + TO, "missing"),
    ("challenge overridden", "ProxyErrorOverride On\n" + TO, "challenge"),
]


def answer(status, *fields):
    def send(peer, request):
        text = "HTTP/1.1 %s\r\n%s\r\n" % (status, "".join(f + "\r\n" for f in fields))
        peer.sendall(text.replace("PORT", str(peer.getsockname()[1])).encode())
        return False if not re.search("(?im)^content-length|^transfer", text) else None
    return send


EMPTY = "Content-Length: 0"
SCRIPTS = {
    "plain": answer("200 OK", "X-b: 1", "x-C:   two  ", EMPTY),
    "redirect": answer("302 Found", "Location: http://127.0.0.1:PORT/login?x=1", EMPTY),
    "relative": answer("302 Found", "Location: /login", EMPTY),
    "urls": answer("200 OK", "Content-Location: http://127.0.0.1:PORT/a", "URI: http://127.0.0.1:PORT/b",
                   "Destination: http://127.0.0.1:PORT/c", "Link: http://127.0.0.1:PORT/d", EMPTY),
    "cookies": answer("200 OK", "Set-Cookie: a=1; Path=/in; HttpOnly", "Set-Cookie: b=2; domain=IN.example; path=/in/deep",
                      "Set-Cookie: c=3; Path=/other; Domain=x.example", "Set-Cookie: path=/in;domain=in.example",
                      "Set-Cookie: d=/in; Path=", EMPTY),
    "hops": answer("200 OK", "Connection: x-hop, X-More;x-third", "X-Hop: 1", "X-More: 2", "X-Third: 3", "Keep-Alive: 5",
                   "Proxy-Authenticate: Basic", "TE: x", "Trailer: y", "Upgrade: h2c", "Proxy-Connection: x", "X-End: 1", EMPTY),
    "both": lambda peer, request: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                                               b"5\r\nhello\r\n0\r\n\r\n"),
    "dates": answer("200 OK", "Expires: Sunday, 06-Nov-94 08:49:37 GMT", "Last-Modified: Sun Nov  6 08:49:37 1994",
                    "X-Date: Sun Nov  6 08:49:37 1994", EMPTY),
    "via": answer("200 OK", "Via: 1.1 backend", EMPTY),
    "wants": answer("426 Upgrade Required", "Upgrade: websocket", "Connection: Upgrade", EMPTY),
    "empty": answer("204 No Content", "X: 1"),
    "unchanged": answer("304 Not Modified", "ETag: \"x\"", "X: 1"),
    "unchanged-empty": answer("304 Not Modified", EMPTY, "ETag: \"x\""),
    "reason": answer("299 Quite Fine", EMPTY),
    "server": answer("200 OK", "Server: backend/1", "Date: Sun, 06 Nov 1994 08:49:37 GMT", EMPTY),
    "missing": answer("404 Not Here", "X: 1", EMPTY),
    "challenge": answer("401 Unauthorized", "WWW-Authenticate: Basic realm=x", EMPTY),
}
ROWS = [("> " + name, conf, request) for name, conf, request in SENT] + \
       [("< " + name, conf.replace(TO, ONCE), get("/x", "X-Script: " + script)) for name, conf, script in RECEIVED]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, scripts=SCRIPTS, modules=["headers"])


def same_name(data):
    """Each server names itself in Via."""
    return [re.sub(rb"\((?:Apache|Weir)/[\w.]+\)", b"(SERVER)", d) for d in data]


@pytest.mark.parametrize("name", [r[0] for r in SENT])
def test_the_backend_sees_the_same_head(pair, name):
    apache, weir = pair.of("> " + name)
    assert apache.seen, apache.raw
    assert same_name(weir.seen) == same_name(apache.seen)
    assert weir.status == apache.status


def kept(answer):
    """Fields without those that each server writes for itself; Apache moves cookies to the end."""
    fields = []
    for name, value in answer.fields:
        value = as_any_server(name, value)
        if name.lower() == "content-length" and answer.status >= 400:
            continue  # the page's, or the backend's
        value = re.sub(r"\((?:Apache|Weir)/[\w.]+\)", "(SERVER)", value)
        fields.append((name, value))
    return sorted(fields)


@pytest.mark.parametrize("name", [r[0] for r in RECEIVED])
def test_the_client_gets_the_same_fields(pair, name):
    apache, weir = pair.of("< " + name)
    assert apache.seen, apache.raw
    assert (weir.status, weir.reason) == (apache.status, apache.reason)
    assert kept(weir) == kept(apache)


def test_chunks_are_streamed():
    """A deliberate difference: httpd waits for a small body and counts it, Weir passes chunks on as they come."""
    rows = [("chunks", TO, get("/x", "Transfer-Encoding: chunked", method="POST", body=b"3\r\nabc\r\n0\r\n\r\n"))]
    apache, weir = Pair(rows).of("chunks")
    assert b"\r\nContent-Length: 3\r\n" in apache.seen[0]
    assert b"\r\nTransfer-Encoding: chunked\r\n" in weir.seen[0] or weir.seen == apache.seen
    assert b"abc" in weir.seen[0]


def test_lines_of_one_name_are_not_joined():
    """A deliberate difference: httpd joins the client's repeated fields, Weir sends them as they came."""
    rows = [("twice", TO, get("/x", "X-Two: 1", "X-Two: 2"))]
    apache, weir = Pair(rows).of("twice")
    assert b"X-Two: 1, 2\r\n" in apache.seen[0]
    assert b"X-Two: 1\r\nX-Two: 2\r\n" in weir.seen[0] or weir.seen == apache.seen


READ = 'Header set R "expr=%{req:X}|%{HTTP:X}|%{req_novary:X}"\n'
ADDED = [ # what reads a field to which RequestHeader added a line: the client's lines are one, the added one is not seen
    "Header echo ^X$\n", "RequestHeader add X c\nHeader echo ^X$\n", "RequestHeader add X c early\nHeader echo ^X$\n",
    "RequestHeader append X c\nHeader echo ^X$\n", "RequestHeader merge X c\nHeader echo ^X$\n",
    "RequestHeader add X c\nRequestHeader add X d\nHeader echo ^X$\n" + READ,
    "RequestHeader add X c\nRequestHeader edit X (.*) <$1>\nHeader echo ^X$\n" + READ, "RequestHeader add X c\n" + READ,
    "RequestHeader add X c early\n" + READ, "RequestHeader set X c early\nRequestHeader add X d\n" + READ,
    "RequestHeader unset X\nRequestHeader add X c\nRequestHeader add X d\nHeader echo ^X$\n" + READ,
    "RequestHeader add X c early\nRewriteEngine On\nRewriteRule . - [E=V:%{HTTP:X}]\nHeader set R %{V}e\n",
    "RequestHeader add X c early\nSetEnvIf X (.*) V=$1\nHeader set R %{V}e\n", "RequestHeader add X c early\nSetEnvIf X c V=yes\nHeader set R %{V}e\n",
    "RequestHeader add X c early\n<Location />\nSetEnvIf ^X$ (.*) V=$1\n</Location>\nHeader set R %{V}e\n",
    "<If \"%{HTTP:X} =~ /c/\">\nHeader set R yes\n</If>\nRequestHeader add X c early\n",
]
GIVEN = [(), ("X: a",), ("X: a", "X: b"), ("X: a", "x: b", "X: c")]
ADDS = [("%r %r" % (line, given), line + TO, get("/", *given)) for line in ADDED for given in GIVEN]


@pytest.fixture(scope="module")
def adds():
    return Pair(ADDS, modules=["headers", "rewrite", "setenvif"])


@pytest.mark.parametrize("line", ADDED)
def test_a_line_that_was_added_stands_behind_the_clients(adds, line):
    for given in GIVEN:
        apache, weir = adds.of("%r %r" % (line, given))
        assert (weir.all("R"), weir.all("X")) == (apache.all("R"), apache.all("X")), given

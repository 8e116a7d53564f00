"""Which line takes a request, and which worker it goes through: the same under apache2 and under Weir."""
import pytest

from apache import HANDSHAKE, Pair, get

PLAIN = get("/app/x")
WS = get("/app/x", *HANDSHAKE, "X-Script: upgrade")

ROWS = [
    # name, virtual host, request, status that both must give
    ("prefix", "ProxyPass /app http://127.0.0.1:@A@/a", PLAIN, 200),
    ("prefix is case-sensitive", "ProxyPass /APP http://127.0.0.1:@A@/a", PLAIN, 404),
    ("whole segments", "ProxyPass /app http://127.0.0.1:@A@/a", get("/apple"), 404),
    ("slash at the end", "ProxyPass /app/ http://127.0.0.1:@A@/a", get("/app"), 404),
    ("runs of slashes in the pattern", "ProxyPass //app//x http://127.0.0.1:@A@/a", PLAIN, 200),
    ("first line wins", "ProxyPass /app http://127.0.0.1:@A@\nProxyPass /app/x http://127.0.0.1:@B@", PLAIN, 200),
    ("longer line first", "ProxyPass /app/x http://127.0.0.1:@B@\nProxyPass /app http://127.0.0.1:@A@", PLAIN, 200),
    ("excluded before", "ProxyPass /app/x !\nProxyPass /app http://127.0.0.1:@A@", PLAIN, 404),
    ("excluded after", "ProxyPass /app http://127.0.0.1:@A@\nProxyPass /app/x !", PLAIN, 200),
    ("excluded by pattern", "ProxyPassMatch x$ !\nProxyPass /app http://127.0.0.1:@A@", PLAIN, 404),
    ("location before server lines", "ProxyPass /app http://127.0.0.1:@A@\n<Location /app>\nProxyPass http://127.0.0.1:@B@\n</Location>",
     PLAIN, 200),
    ("location against an exclusion", "ProxyPass /app !\n<Location /app>\nProxyPass http://127.0.0.1:@B@\n</Location>", PLAIN, 200),
    ("exclusion in a location", "ProxyPass /app http://127.0.0.1:@A@\n<Location /app>\nProxyPass !\n</Location>", PLAIN, 404),
    ("last location wins", "<Location /app/x>\nProxyPass http://127.0.0.1:@A@\n</Location>\n<Location /app>\nProxyPass http://127.0.0.1:@B@\n"
     "</Location>", PLAIN, 200),
    ("location with a wildcard", "<Location \"/a[p]p/x\">\nProxyPass http://127.0.0.1:@A@\n</Location>", PLAIN, 200),
    ("location by pattern", "<LocationMatch ^/app/([x])$>\nProxyPass http://127.0.0.1:@A@/$1\n</LocationMatch>", PLAIN, 200),
    ("location by a pattern without * ? [", "<LocationMatch ^/app/(x)$>\nProxyPass http://127.0.0.1:@A@/$1\n</LocationMatch>", PLAIN, 404),
    ("location by plain pattern", "<LocationMatch /app>\nProxyPass http://127.0.0.1:@A@/q\n</LocationMatch>", PLAIN, 200),
    ("main server's lines come too", "ProxyPass /other http://127.0.0.1:@A@", get("/main/x"), 200),
    ("main server's lines come first", "ProxyPass /main http://127.0.0.1:@A@", get("/main/x"), 200),
    ("ProxyPassInherit Off changes nothing", "ProxyPassInherit Off", get("/main/x"), 200),
    ("pattern", "ProxyPassMatch ^/(\\w+)/x$ http://127.0.0.1:@A@/$1", PLAIN, 200),
    ("pattern without a group", "ProxyPassMatch ^/app http://127.0.0.1:@A@", PLAIN, 200),
    ("pattern in the middle", "ProxyPassMatch pp http://127.0.0.1:@A@/q", PLAIN, 200),
    ("pattern written with a tilde", "ProxyPass ~ ^/app/(.*)$ http://127.0.0.1:@A@/$1", PLAIN, 200),
    ("a line feed is any character to a pattern", "ProxyPassMatch ^/(app)/(.+)$ http://127.0.0.1:@A@/$2", get("/app/a%0Ab"), 200),
    ("a line feed is not before the end of a pattern", "ProxyPassMatch ^/app/x$ http://127.0.0.1:@A@/", get("/app/x%0A"), 404),
    ("pattern in the port", "ProxyPassMatch ^/(app|x)(/.*)?$ http://127.0.0.1:@A@$2", PLAIN, 200),
    ("nothing configured", "", PLAIN, 404),
    ("a Host that is none: a b", "", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("a Host that is none: <b>", "", b"GET / HTTP/1.1\r\nHost: <b>\r\n\r\n", 400),
    ("a Host that is none: a@b", "", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("a Host that is none: a,b", "", b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    ("a Host that is none: a:x", "", b"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400),
    ("a Host that is none: 'x'", "", b"GET / HTTP/1.1\r\nHost: \"x\"\r\n\r\n", 400),
    ("a Host that is none: 1.2.3", "", b"GET / HTTP/1.1\r\nHost: 1.2.3\r\n\r\n", 400),
    ("a Host that is none: a%41", "", b"GET / HTTP/1.1\r\nHost: a%41\r\n\r\n", 400),
    ("asterisk", "ProxyPass / http://127.0.0.1:@A@/", b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", 200),
    ("absolute form", "ProxyPass / http://127.0.0.1:@A@/", b"GET http://HOST/app/x?y HTTP/1.1\r\nHost: HOST\r\n\r\n", 200),
    ("disabled worker", "ProxyPass / http://127.0.0.1:@A@/ status=D", PLAIN, 503),

    ("ws takes handshakes", "ProxyPass /app ws://127.0.0.1:@A@/a", WS, 101),
    ("ws takes plain requests", "ProxyPass /app ws://127.0.0.1:@A@/a", PLAIN, 200),
    ("http does not upgrade", "ProxyPass /app http://127.0.0.1:@A@/a", get("/app/x", *HANDSHAKE), 200),
    ("http first, ws never", "ProxyPass /app http://127.0.0.1:@A@\nProxyPass /app ws://127.0.0.1:@B@", get("/app/x", *HANDSHAKE), 200),
    ("http with upgrade=websocket", "ProxyPass /app http://127.0.0.1:@A@ upgrade=websocket", WS, 101),
    ("http with upgrade=WebSocket", "ProxyPass /app http://127.0.0.1:@A@ upgrade=WebSocket", WS, 101),
    ("http with upgrade=websocket, asked for first", "ProxyPass /app http://127.0.0.1:@A@ upgrade=websocket",
     get("/app/x", HANDSHAKE[0], *HANDSHAKE[2:], "Upgrade: WebSocket, h2c", "X-Script: upgrade"), 101),
    ("http with upgrade=websocket, asked for last", "ProxyPass /app http://127.0.0.1:@A@ upgrade=websocket",
     get("/app/x", HANDSHAKE[0], *HANDSHAKE[2:], "Upgrade: h2c, websocket"), 200),
    ("http with upgrade=ANY", "ProxyPass /app http://127.0.0.1:@A@ upgrade=ANY", WS, 101),
    ("http with upgrade=NONE", "ProxyPass /app http://127.0.0.1:@A@ upgrade=NONE", get("/app/x", *HANDSHAKE), 200),
    ("no fallback: plain goes on", "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass /app ws://127.0.0.1:@A@\n"
     "ProxyPass /app http://127.0.0.1:@B@", PLAIN, 200),
    ("no fallback: handshake stays", "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass /app ws://127.0.0.1:@A@\n"
     "ProxyPass /app http://127.0.0.1:@B@", WS, 101),
    ("no fallback: nothing else", "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass /app ws://127.0.0.1:@A@", PLAIN, 404),
    ("no fallback: another protocol", "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass /app ws://127.0.0.1:@A@",
     get("/app/x", "Connection: Upgrade", "Upgrade: irc"), 426),
    ("no fallback in a location", "<Location /app>\nProxyWebsocketFallbackToProxyHttp Off\nProxyPass ws://127.0.0.1:@A@\n</Location>\n"
     "ProxyPass /app http://127.0.0.1:@B@", PLAIN, 200),
    ("tutorial", "ProxyPreserveHost On\nProxyPass /app/ ws://127.0.0.1:@A@/\nProxyPassReverse /app/ ws://127.0.0.1:@A@/\n"
     "<Location /app/>\nRequire all granted\n</Location>", WS, 101),

    ("unix socket", "ProxyPass /app unix:@SOCK@|http://b.example/q", PLAIN, 200),
    ("unix socket for ws", "ProxyPass /app unix:@SOCK@|ws://b.example/q", WS, 101),
    ("unix socket without a host", "ProxyPass /app/ unix:@SOCK@|http://localhost/q/", PLAIN, 200),
]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, main="ProxyPass /main http://127.0.0.1:@B@/from-main\n")


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_routes_as_apache(pair, row):
    apache, weir = pair.of(row[0])
    assert apache.status == row[3], apache.raw
    assert weir.status == apache.status, weir.raw
    assert weir.seen == apache.seen


def test_426_offers_the_protocol(pair):
    for answer in pair.of("no fallback: another protocol"):
        assert (answer.all("Upgrade"), answer.all("Connection")) == (["WebSocket"], ["Upgrade"])


def test_proxy_requests_on_leaves_the_reverse_proxy_as_it_is():
    answers = Pair([("r", "ProxyRequests On\nProxyPass /app ws://127.0.0.1:@A@/a", WS), ("p", "ProxyRequests On\nProxyPass /app ws://127.0.0.1:@A@/a", PLAIN)])
    for name, status in (("r", 101), ("p", 200)):
        apache, weir = answers.of(name)
        assert apache.status == weir.status == status and weir.seen == apache.seen

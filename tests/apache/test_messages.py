"""When a backend fails: the status, the body's reason, and the lines of the error log with their AH numbers."""
import re

import pytest

from apache import HANDSHAKE, Pair, get, silent

TO = "ProxyPass / http://127.0.0.1:@A@/"
WS = "ProxyPass / ws://127.0.0.1:@A@/"


def close(peer, request):
    return False


def raw(data):
    def send(peer, request):
        peer.sendall(data)
        return False
    return send


SCRIPTS = {
    "close": close,
    "silent": silent,
    "words": raw(b"this is no HTTP\r\n\r\n"),
    "garbage": raw(b"\x00\x01 this is no HTTP\r\n\r\n"),
    "http2": raw(b"HTTP/2.0 200 OK\r\n\r\n"),
    "cut-head": raw(b"HTTP/1.1 200 OK\r\nX: 1\r\n"),
    "no-colon": raw(b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nok"),
    "long-field": raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 9000 + b"\r\nContent-Length: 2\r\n\r\nok"),
    "other-upgrade": raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    "no-upgrade": raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "many-interim": raw(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 12 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
}
ROWS = [
    # name, virtual host, request, status of Apache, status of Weir where that differs by design
    ("refused", "ProxyPass / http://127.0.0.1:@DEAD@/", get("/x"), 503, None),
    ("refused ws", "ProxyPass / ws://127.0.0.1:@DEAD@/", get("/x", *HANDSHAKE), 503, None),
    ("refused without the fallback", "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://127.0.0.1:@DEAD@/",
     get("/x", *HANDSHAKE), 503, None),
    ("no such socket", "ProxyPass / unix:/nonexistent/x.sock|http://b.example/", get("/x"), 503, None),
    ("no such name", "ProxyPass / http://no-such-host.invalid/", get("/x"), 500, None),
    ("closed at once", TO, get("/x", "X-Script: close"), 502, None),
    ("words that are no HTTP", TO, get("/x", "X-Script: words"), 200, None),
    ("bytes that are no HTTP", TO, get("/x", "X-Script: garbage"), 502, None),
    ("HTTP/2 in the status line", TO, get("/x", "X-Script: http2"), 502, None),
    ("line without a colon", TO, get("/x", "X-Script: no-colon"), 502, None),
    ("line without a colon ignored", "ProxyBadHeader Ignore\n" + TO, get("/x", "X-Script: no-colon"), 200, None),
    ("field too long", TO, get("/x", "X-Script: long-field"), 502, None),
    ("field not too long", TO + " responsefieldsize=10000", get("/x", "X-Script: long-field"), 200, None),
    ("silence", TO + " timeout=1", get("/x", "X-Script: silent"), 502, 504),
    ("silence by ProxyTimeout", "ProxyTimeout 1\n" + TO, get("/x", "X-Script: silent"), 502, 504),
    ("another Upgrade", WS, get("/x", *HANDSHAKE, "X-Script: other-upgrade"), 502, None),
    ("no Upgrade", WS, get("/x", *HANDSHAKE, "X-Script: no-upgrade"), 502, None),
    ("a 101 that nobody asked for", TO, get("/x", "X-Script: other-upgrade"), 502, None),
    ("too many interim answers", TO, get("/x", "X-Script: many-interim"), 502, None),
    ("scheme without a module", "ProxyPass / fcgi://127.0.0.1:@A@/", get("/x"), 500, None),
    ("unknown scheme", "ProxyPass / gopher://127.0.0.1:@A@/", get("/x"), 500, None),
    ("no more hops", TO, get("/x", "Max-Forwards: 0"), 400, None),
    ("hops that are no number", TO, get("/x", "Max-Forwards: many"), 400, None),
    ("disabled worker", TO + " status=D", get("/x"), 503, None),
    ("worker twice", "ProxyPass /a http://127.0.0.1:@A@/a\nProxyPass /b http://127.0.0.1:@A@/a/b timeout=5", get("/b"), 200, None),
    ("unsafe nocanon", "ProxyPass /x http://127.0.0.1:@A@/ nocanon", get("/%78"), 200, None),
    ("TRACE forbidden", "TraceEnable Off\n" + TO, get("/x", method="TRACE"), 405, None),
    ("handshake required", "ProxyWebsocketFallbackToProxyHttp Off\n" + WS, get("/x", "Upgrade: irc", "Connection: Upgrade"), 426, None),
    ("forbidden", "<Location />\nRequire all denied\n</Location>\n" + TO, get("/x"), 403, None),
    ("forbidden before the scheme is looked at", "<Location />\nRequire all denied\n</Location>\nProxyPass / fcgi://h/", get("/x"), 403,
     None),
]
BY_DESIGN = {r[0] for r in ROWS if r[4]}


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, scripts=SCRIPTS, own_hosts=True)


def status_of(row, side):
    from apache import WEIR
    return row[4] if side == "weir" and row[4] and WEIR != "apache2" else row[3]


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_status(pair, row):
    apache, weir = pair.of(row[0])
    assert last_status(apache) == row[3], apache.raw
    assert last_status(weir) == status_of(row, "weir"), weir.raw


def last_status(answer):
    """Interim answers may stand before the one that counts."""
    found = re.findall(rb"(?m)^HTTP/1\.1 (\d{3})", answer.raw)
    return int(found[-1]) if found else 0


def notable(lines):
    """Warnings and worse, in order, as (module, level, number)."""
    return [(l.module, l.level, l.ah) for l in lines if l.level in ("warn", "error", "crit")]


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_error_log(pair, row):
    apache, weir = (notable(pair.logs[side, row[0]]) for side in ("apache", "weir"))
    assert weir == apache


@pytest.mark.parametrize("row", [r for r in ROWS if r[3] >= 400 and r[0] not in BY_DESIGN], ids=lambda r: r[0])
def test_reason_on_the_page(pair, row):
    apache, weir = pair.of(row[0])
    assert weir.reason == apache.reason
    assert reason_in(weir.body) == reason_in(apache.body)


def reason_in(body):
    found = re.search(rb"Reason: <strong>(.*?)</strong>", body)
    return found.group(1) if found else None


def test_methods_of_a_proxied_place_are_not_known(pair):
    for answer in pair.of("TRACE forbidden"):
        assert answer.all("Allow") == [""]


def text_after_number(line):
    return re.sub(r"^.*? AH\d{5}: ", "", line.text)


TEXTS = ["refused", "no such socket", "closed at once", "HTTP/2 in the status line", "another Upgrade", "no Upgrade",
         "a 101 that nobody asked for", "scheme without a module", "no more hops", "hops that are no number", "disabled worker",
         "unsafe nocanon", "no such name", "too many interim answers"]


@pytest.mark.parametrize("name", TEXTS)
def test_words_are_apaches(pair, name):
    apache, weir = ([text_after_number(l) for l in pair.logs[side, name] if l.ah and l.level in ("warn", "error")]
                    for side in ("apache", "weir"))
    assert apache
    assert weir == apache


def test_a_handshake_that_is_required_is_said_at_info(pair):
    apache, weir = ([text_after_number(l) for l in pair.logs[side, "handshake required"] if l.ah == "02900"]
                    for side in ("apache", "weir"))
    assert weir == apache == ["require upgrade for URL ws://127.0.0.1:A/x (Upgrade header is irc, expecting WebSocket)"]


def test_operating_systems_error_is_named(pair):
    for side in ("apache", "weir"):
        text = next(l.text for l in pair.logs[side, "refused"] if l.ah == "00957")
        assert "(111)Connection refused: AH00957: http: attempt to connect to 127.0.0.1:" in text
        assert "[client " not in text

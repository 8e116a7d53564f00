"""What may become a tunnel and what may not: both gates of the handshake, and every way that a backend can fail it."""
import pytest
from harness import (BINARY, TEXT, Backend, Weir, accept_of, answer, frame, handshake, request, switching)

WS = "ProxyPass / ws://127.0.0.1:{backend}/"


def refused(weir, backend, reply, close=True):
    """Sends a handshake, has the backend reply so, and returns what the client gets."""
    client = weir.connect().send(handshake("/path"))
    peer = backend.accept()
    head = peer.read_head()
    peer.send(reply(head) if callable(reply) else reply)
    if close:
        peer.half_close()
    return client.read_response()


def said_898(weir, text):
    line = weir.wait_for_log("AH00898: " + text)
    assert "[proxy:error]" in line and "[client 127.0.0.1:" in line and line.endswith(" returned by /path")


BAD_101 = {
    "wrong-accept": ([("Upgrade", "websocket"), ("Connection", "Upgrade"),
                      ("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")], "Unexpected Upgrade"),
    "no-accept": ([("Upgrade", "websocket"), ("Connection", "Upgrade")], "Unexpected Upgrade"),
    "no-upgrade": ([("Connection", "Upgrade")], r"Unexpected Upgrade: n/a \(expecting websocket\)"),
    "wrong-upgrade": ([("Upgrade", "h2c"), ("Connection", "Upgrade")],
                      r"Unexpected Upgrade: h2c \(expecting websocket\)"),
    "no-connection": ([("Upgrade", "websocket")], "Unexpected Upgrade"),
    "with-length": ([("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Content-Length", "5")],
                    "Unexpected Upgrade"),
    "chunked": ([("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Transfer-Encoding", "chunked")],
                "Unexpected Upgrade"),
}


@pytest.mark.parametrize("name", BAD_101)
def test_a_101_that_does_not_answer_what_was_asked_is_502(backend, name):
    fields, text = BAD_101[name]
    with Weir(WS, backend=backend) as weir:
        def reply(head):
            right = [] if any(n == "Sec-WebSocket-Accept" for n, _ in fields) or name == "no-accept" else \
                [("Sec-WebSocket-Accept", accept_of(head.get("Sec-WebSocket-Key")))]
            return answer(101, b"", fields + right, length=False)
        got = refused(weir, backend, reply, close=False)
        assert got.status == 502 and got.line == "HTTP/1.1 502 Proxy Error"
        assert b"Unexpected Upgrade" in got.body
        said_898(weir, text)


def test_a_101_nobody_asked_for_is_502(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(request(path="/path"))
        peer = backend.accept()
        peer.read_head()
        peer.send(switching())
        assert client.read_response().status == 502
        said_898(weir, "Unexpected Upgrade")


def test_a_broken_status_line_is_502(backend):
    with Weir(WS, backend=backend) as weir:
        assert refused(weir, backend, b"HTTP/1.1 banana\r\n\r\n").status == 502
        weir.wait_for_log("AH00898: Corrupt status line returned by remote server")


def test_a_backend_that_hangs_up_is_502(backend):
    with Weir(WS, backend=backend) as weir:
        got = refused(weir, backend, b"")
        assert got.status == 502 and b"Error reading from remote server" in got.body
        weir.wait_for_log("AH01102: error reading status line from remote server 127.0.0.1:%d" % backend.port)
        said_898(weir, "Error reading from remote server")


def test_a_backend_that_resets_is_502(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake("/path"))
        peer = backend.accept()
        peer.read_head()
        peer.reset()
        assert client.read_response().status == 502
        weir.wait_for_log(r"\(104\)Connection reset by peer.*AH01102")


@pytest.mark.parametrize("status,fields",
                         [(403, []), (426, [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]),
                                           (301, [("Location", "/there")]), (200, []), (500, [])])
def test_any_other_answer_is_passed_on_as_plain_http_and_the_log_says_whose_it_is(backend, status, fields):
    with Weir("LogLevel info\n" + WS, backend=backend) as weir:
        got = refused(weir, backend, answer(status, b"not here", fields), close=False)
        assert got.status == status and got.body == b"not here"
        for name, value in fields:
            assert name in got and value in got.get(name)
        weir.wait_for_log("no tunnel to ws://127.0.0.1:%d/path: the backend answered %d, not 101" % (backend.port, status))


def test_a_refused_client_may_ask_again_on_the_same_connection(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake("/path"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(401, b"who?", [("WWW-Authenticate", "Basic")]))
        assert client.read_response().status == 401
        client.send(handshake("/path", [("Authorization", "Basic eDp5")]))
        peer = backend.accept()
        peer.send(switching(peer.read_head()))
        assert client.read_head().status == 101


def test_interim_answers_before_the_101_are_passed_on(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake("/path"))
        peer = backend.accept()
        head = peer.read_head()
        peer.send(answer(103, b"", [("Link", "</x>; rel=preload")], length=False), switching(head))
        assert client.read_head().status == 103
        assert client.read_head().status == 101


def test_no_byte_of_the_clients_reaches_the_backend_before_its_101(backend):
    early = frame(TEXT, b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n", masked=True)
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake("/path") + early)
        peer = backend.accept()
        head = peer.read_head()
        assert peer.is_silent()
        peer.send(switching(head))
        assert peer.read(len(early)) == early
        assert client.read_head().status == 101


def test_bytes_after_a_refused_handshake_never_reach_the_backend(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake("/path") + frame(TEXT, b"x" * 100, masked=True))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(403, b"no"))
        assert client.read_response().status == 403
        peer.ends()
        assert not peer.buffer and backend.connections == 1


def test_bytes_that_come_with_the_101_are_not_lost(backend):
    first = frame(TEXT, b"welcome") + frame(BINARY, b"z" * 50000)
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake())
        peer = backend.accept()
        peer.send(switching(peer.read_head()) + first)
        assert client.read_head().status == 101
        assert client.read(len(first)) == first


def test_a_101_that_comes_byte_by_byte(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect()
        for byte in handshake():
            client.send(bytes([byte]))
        peer = backend.accept()
        for byte in switching(peer.read_head()) + frame(TEXT, b"hi"):
            peer.send(bytes([byte]))
        assert client.read_head().status == 101
        assert client.read_frame()[1] == b"hi"


def test_a_tunnels_backend_connection_is_never_used_again(backend):
    with Weir("ThreadsPerChild 1\n" + WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        client.close()
        assert peer.ends()
        other = weir.connect().send(request())
        peer = backend.accept()
        peer.read_head()
        peer.send(answer())
        assert other.read_response().status == 200
        assert backend.connections == 2


INSANE = {
    "post": (lambda: handshake().replace(b"GET", b"POST", 1), "the method is not GET"),
    "no-key": (lambda: handshake().replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
               "Sec-WebSocket-Key"),
    "short-key": (lambda: handshake(key="c2hvcnQ="), "Sec-WebSocket-Key"),
    "version-8": (lambda: handshake().replace(b"Version: 13", b"Version: 8"), "Sec-WebSocket-Version is not 13"),
    "body": (lambda: handshake(fields=[("Content-Length", "4")]) + b"body", "the request has a body"),
    "connection-close": (lambda: handshake().replace(b"Connection: Upgrade", b"Connection: keep-alive"),
                         "Connection does not name Upgrade"),
    "http-1.0": (lambda: handshake().replace(b"HTTP/1.1", b"HTTP/1.0", 1), "HTTP/1.1 is needed"),
}


@pytest.mark.parametrize("fallback", ["", "ProxyWebsocketFallbackToProxyHttp Off\n"], ids=["fallback", "no fallback"])
@pytest.mark.parametrize("name", INSANE)
def test_what_is_no_sane_handshake_is_forwarded_as_plain_http_and_the_log_says_why(backend, name, fallback):
    raw, why = INSANE[name]
    with Weir(fallback + WS, backend=backend) as weir:
        client = weir.connect().send(raw())
        peer = backend.accept()
        seen = peer.read_request()
        assert "Upgrade" not in seen and "upgrade" not in (seen.get("Connection") or "").lower()
        peer.send(answer(200, b"plain"))
        assert client.read_response().body == b"plain"
        weir.wait_for_log("no WebSocket handshake .*" + why)


LOST = {
    "upgrade lost on the way": (WS, lambda: handshake().replace(b"Upgrade: websocket\r\n", b""), "without its Upgrade field"),
    "both lost": (WS, lambda: request(fields=[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]),
                  "without its Upgrade field"),
    "a line that does not tunnel": ("ProxyPass / http://127.0.0.1:{backend}/", handshake,
                                    "whose line has neither ws: nor upgrade=websocket"),
}


@pytest.mark.parametrize("name", LOST)
def test_a_handshake_that_nobody_takes_for_one_is_told_of(backend, name):
    form, raw, why = LOST[name]
    with Weir(form, backend=backend) as weir:
        client = weir.connect().send(raw())
        peer = backend.accept()
        assert "Upgrade" not in peer.read_request()
        peer.send(answer(200, b"plain"))
        assert client.read_response().body == b"plain"
        assert "proxy_http:warn" in weir.wait_for_log("a WebSocket handshake .*" + why)


@pytest.mark.parametrize("form", ["http://127.0.0.1:{backend}/ upgrade=NONE", "ws://127.0.0.1:{backend}/"])
def test_an_ordinary_request_and_a_line_that_wants_no_tunnel_are_not_told_of(backend, form):
    with Weir("ProxyPass / " + form, backend=backend) as weir:
        client = weir.connect().send(handshake() if "NONE" in form else request())
        peer = backend.accept()
        peer.read_request()
        peer.send(answer(200, b"plain"))
        assert client.read_response().body == b"plain"
        weir.stop() # all lines are written then
        assert "WebSocket handshake" not in weir.error_log()


FORMS = {
    "http": ("http://127.0.0.1:{backend}/", False),
    "http-upgrade": ("http://127.0.0.1:{backend}/ upgrade=websocket", True),
    "http-upgrade-other-case": ("http://127.0.0.1:{backend}/ upgrade=WebSocket", True),
    "http-any": ("http://127.0.0.1:{backend}/ upgrade=ANY", True),
    "http-none": ("http://127.0.0.1:{backend}/ upgrade=NONE", False),
    "http-other": ("http://127.0.0.1:{backend}/ upgrade=h2c", False),
    "ws-none": ("ws://127.0.0.1:{backend}/ upgrade=NONE", False),
}


@pytest.mark.parametrize("name", FORMS)
def test_which_forms_of_proxypass_tunnel(backend, name):
    form, tunnels = FORMS[name]
    with Weir("ProxyPass / " + form, backend=backend) as weir:
        client = weir.connect().send(handshake())
        peer = backend.accept()
        seen = peer.read_head()
        assert ("Upgrade" in seen) == tunnels
        assert (seen.get("Connection") == "Upgrade") == tunnels
        peer.send(switching(seen) if tunnels else answer(200, b"plain"))
        assert client.read_head().status == (101 if tunnels else 200)


def test_upgrade_any_carries_other_protocols_too(backend):
    with Weir("ProxyPass / http://127.0.0.1:{backend}/ upgrade=ANY", backend=backend) as weir:
        client = weir.connect().send(request(path="/x", fields=[("Upgrade", "tunnel/1"), ("Connection", "upgrade")]))
        peer = backend.accept()
        seen = peer.read_head()
        assert seen.get("Upgrade") == "tunnel/1" and seen.get("Connection") == "Upgrade"
        peer.send(answer(101, b"", [("Upgrade", "tunnel/1"), ("Connection", "Upgrade")], length=False) + b"raw bytes")
        assert client.read_head().get("Upgrade") == "tunnel/1"
        assert client.read(9) == b"raw bytes"
        client.send(b"back")
        assert peer.read(4) == b"back"


def test_what_looks_like_close_frames_in_another_protocol_ends_nothing(backend):
    with Weir("ProxyPass / http://127.0.0.1:{backend}/ upgrade=ANY", backend=backend) as weir:
        client = weir.connect().send(request(fields=[("Upgrade", "chat/2"), ("Connection", "Upgrade")]))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(101, b"", [("Upgrade", "chat/2"), ("Connection", "Upgrade")], length=False))
        client.read_head()
        client.send(b"\x88\x80abcd")
        assert peer.read(6) == b"\x88\x80abcd"
        peer.send(b"\x88\x00")
        assert client.read(2) == b"\x88\x00"
        client.send(b"more")
        assert peer.read(4) == b"more" and client.is_silent()


def test_without_fallback_plain_requests_pass_the_ws_line_by(backend):
    with Backend() as pages, Weir("ProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://127.0.0.1:{backend}/\n"
                                  "ProxyPass / http://127.0.0.1:{pages}/", backend=backend, pages=pages) as weir:
        client = weir.connect().send(request())
        peer = pages.accept()
        peer.read_head()
        peer.send(answer(200, b"page"))
        assert client.read_response().body == b"page"
        weir.tunnel(backend)


def test_without_fallback_and_without_another_line_a_plain_request_is_404(backend):
    with Weir("ProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://127.0.0.1:{backend}/", backend=backend) as weir:
        assert weir.get("/no-such-file").status == 404


def test_a_client_that_leaves_before_the_101_ends_the_backends_connection(backend):
    with Weir(WS, backend=backend) as weir:
        client = weir.connect().send(handshake())
        peer = backend.accept()
        peer.read_head()
        client.reset()
        assert peer.ends()


def test_a_backend_that_never_answers_the_handshake_is_504(backend):
    with Weir("ProxyTimeout 1\n" + WS, backend=backend) as weir:
        client = weir.connect().send(handshake("/path"))
        peer = backend.accept()
        got = client.read_response()
        assert got.status == 504 and got.line == "HTTP/1.1 504 Gateway Timeout"
        assert peer.ends()


def test_many_handshakes_at_once_each_get_their_own_accept():
    def script(wire):
        wire.send(switching(wire.read_head()))
        wire.ends_within(100)

    with Backend(script) as backend, Weir(WS, backend=backend) as weir:
        clients = [weir.connect() for _ in range(100)]
        keys = ["%021dw==" % i for i in range(100)]
        for client, key in zip(clients, keys):
            client.send(handshake(key=key))
        for client, key in zip(clients, keys):
            head = client.read_head()
            assert head.status == 101 and head.get("Sec-WebSocket-Accept") == accept_of(key)

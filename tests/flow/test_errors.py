"""Backends that cannot be reached and clients that go too far: which status, which page, which line in the log."""
import os
import re
import socket
import time

import pytest
from harness import (SOON, Backend, Weir, answer, free_port, handshake, request, serve_hello, until, with_hosts)

HTTP = "ProxyPass / http://127.0.0.1:{backend}/"


# ---- backends out of reach

@pytest.mark.parametrize("scheme,raw", [("http", request(path="/a")), ("ws", handshake("/a"))])
def test_a_refused_connection_is_503_with_apaches_two_lines(scheme, raw):
    dead = free_port()
    with Weir("ProxyPass / %s://127.0.0.1:%d/" % (scheme, dead)) as weir:
        got = weir.ask(raw)
        assert got.line == "HTTP/1.1 503 Service Unavailable"
        assert b"<title>503 Service Unavailable</title>" in got.body and got.get("Content-Type").startswith("text/html")
        line = weir.wait_for_log("AH00957")
        assert re.search(r"\[proxy:error\] \[pid \d+:tid \d+\] \(111\)Connection refused: AH00957: %s: attempt to connect to "
                         r"127.0.0.1:%d \(127.0.0.1:%d\) failed$" % (scheme, dead, dead), line), line
        line = weir.wait_for_log("AH01114")
        assert re.search(r"\[proxy_http:error\] \[pid \d+:tid \d+\] \[client 127.0.0.1:\d+\] AH01114: "
                         r"HTTP: failed to make connection to backend: 127.0.0.1$", line), line


def test_the_backend_that_comes_up_later_is_used_at_once():
    port = free_port()
    with Weir("ProxyPass / http://127.0.0.1:%d/" % port) as weir:
        assert weir.get().status == 503
        with Backend(serve_hello, port=port):
            assert weir.get().status == 200 # a plain worker is never put aside


def test_a_name_that_does_not_resolve_is_500_as_in_apache():
    with Weir("ProxyPass / http://name.invalid/") as weir:
        got = weir.get("/a")
        assert got.line == "HTTP/1.1 500 Proxy Error"
        assert b"DNS lookup failure for: name.invalid" in got.body
        weir.wait_for_log("AH00898: DNS lookup failure for: name.invalid returned by /a")


def test_an_answer_that_does_not_come_is_504(backend):
    with Weir("ProxyTimeout 1\n" + HTTP, backend=backend) as weir:
        begun = time.monotonic()
        got = weir.get("/a")
        assert got.line == "HTTP/1.1 504 Gateway Timeout"
        assert 0.8 < time.monotonic() - begun < SOON
        weir.wait_for_log(r"\(110\)Connection timed out.*AH01102: error reading status line from remote server 127.0.0.1:%d" % backend.port)


def test_the_workers_timeout_goes_before_proxytimeout(backend):
    with Weir("ProxyTimeout 60\n" + HTTP + " timeout=1", backend=backend) as weir:
        assert weir.get("/a").status == 504


def test_an_answer_that_stops_in_the_middle_is_cut_after_the_timeout(backend):
    with Weir("ProxyTimeout 1\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"", [("Content-Length", "100")], length=False) + b"some")
        client.read_head()
        assert client.read_all() == b"some"
        weir.wait_for_log("AH01110: error reading response")


def test_a_connect_that_hangs_is_given_up_after_connectiontimeout():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [socket.socket() for _ in range(3)] # the queue is full: further SYNs are dropped
        for s in queued:
            s.setblocking(False)
            s.connect_ex(full.getsockname())
        with Weir("ProxyPass / http://127.0.0.1:%d/ connectiontimeout=500ms" % full.getsockname()[1]) as weir:
            begun = time.monotonic()
            assert weir.get().status == 503
            assert time.monotonic() - begun < SOON
            weir.wait_for_log(r"\(110\)Connection timed out.*AH00957")
        for s in queued:
            s.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_address_of_a_name_is_tried(host, tmp_path):
    prefix = with_hosts(tmp_path, "127.0.0.1 localhost two.test\n::1 localhost two.test\n")
    with Backend(serve_hello, host=host) as backend:
        with Weir("LogLevel debug\nProxyPass / http://two.test:{backend}/ disablereuse=on", backend=backend,
                  prefix=prefix) as weir:
            for _ in range(4):
                assert weir.get().status == 200
            weir.stop()
            assert "[proxy:error]" not in weir.error_log() # an address that failed is news only if none is left


def test_a_name_with_no_address_that_answers_is_503_and_says_each(tmp_path):
    prefix = with_hosts(tmp_path, "127.0.0.1 two.test\n::1 two.test\n")
    with Weir("LogLevel debug\nProxyPass / http://two.test:%d/" % free_port(), prefix=prefix) as weir:
        assert weir.get().status == 503
        weir.wait_for_log("AH01114")
        levels = re.findall(r"proxy:(\w+)\].*AH00957", weir.error_log())
        assert levels == ["debug", "error"]


def test_a_name_that_moved_is_asked_again_after_a_failed_connect(tmp_path):
    prefix = with_hosts(tmp_path, "127.0.0.2 moves.test\n")
    with Backend(serve_hello) as backend, Weir("ThreadsPerChild 1\nProxyPass / http://moves.test:{backend}/",
                                               backend=backend, prefix=prefix) as weir:
        assert weir.get().status == 503
        (tmp_path / "hosts").write_text("127.0.0.1 moves.test\n")
        assert weir.get().status == 200


def test_an_ipv6_backend_in_brackets():
    with Backend(serve_hello, host="::1") as backend, Weir("ProxyPass / http://[::1]:{backend}/",
                                                           backend=backend) as weir:
        assert weir.get().status == 200


# ---- unix sockets

def test_a_unix_backend_and_its_end():
    with Weir("ProxyPass /u unix:{dir}/sock|http://app.local/x\nProxyPass /ws unix:{dir}/sock|ws://app.local/",
              start=False) as weir:
        path = os.path.join(weir.dir, "sock")
        weir.start()
        with Backend(path=path) as backend:
            client = weir.connect().send(request(path="/u/a"))
            peer = backend.accept()
            seen = peer.read_head()
            assert seen.line == "GET /x/a HTTP/1.1" and seen.get("Host") == "app.local"
            peer.send(answer(200, b"by path"))
            assert client.read_response().body == b"by path"
            weir.tunnel(backend, "/ws")
        os.unlink(path)
        assert weir.get("/u").status == 503
        weir.wait_for_log(r"AH02454: http: attempt to connect to Unix domain socket .*/sock \(")
        weir.wait_for_log("AH01114: HTTP: failed to make connection to backend: app.local")


# ---- slots

def test_max_and_acquire_answer_503_when_no_slot_comes_free(backend):
    with Weir("ThreadsPerChild 1\n" + HTTP + " max=1 acquire=200", backend=backend) as weir:
        first = weir.connect().send(request(path="/1"))
        peer = backend.accept()
        peer.read_head()
        assert weir.get("/2").status == 503
        weir.wait_for_log(r"\[proxy:error\].*AH00941: http: failed to acquire connection for \(127.0.0.1:%d\)" % backend.port)
        peer.send(answer(200, b"one"))
        assert first.read_response().body == b"one"


def test_max_without_acquire_waits_in_turn(backend):
    with Weir("ThreadsPerChild 1\n" + HTTP + " max=1", backend=backend) as weir:
        clients = [weir.connect() for _ in range(3)]
        clients[0].send(request(path="/0"))
        peer = backend.accept()
        assert peer.read_head().line.startswith("GET /0 ")
        clients[1].send(request(path="/1"))
        assert clients[1].is_silent(0.2)
        clients[2].send(request(path="/2"))
        assert clients[2].is_silent(0.2) and backend.connections == 1
        for i in range(3):
            peer.send(answer(200, b"%d" % i, [("Connection", "close")]))
            assert clients[i].read_response().body == b"%d" % i
            if i < 2:
                peer = backend.accept()
                assert peer.read_head().line.startswith("GET /%d " % (i + 1))


def test_a_waiting_client_that_leaves_gives_its_place_up(backend):
    with Weir("ThreadsPerChild 1\n" + HTTP + " max=1", backend=backend) as weir:
        first = weir.connect().send(request(path="/1"))
        peer = backend.accept()
        peer.read_head()
        leaver = weir.connect().send(request(path="/2"))
        assert leaver.is_silent(0.2)
        leaver.reset()
        third = weir.connect().send(request(path="/3"))
        peer.send(answer(200, b"one", [("Connection", "close")]))
        first.read_response()
        peer = backend.accept()
        assert peer.read_head().line.startswith("GET /3 ")
        peer.send(answer(200, b"three"))
        assert third.read_response().body == b"three"


# ---- pages

def test_errordocument_as_text_path_and_url():
    dead = free_port()
    with Backend(serve_hello) as pages, Weir("""
        ProxyPass /text http://127.0.0.1:%d/
        ProxyPass /path http://127.0.0.1:%d/
        ProxyPass /url http://127.0.0.1:%d/
        ProxyPass /pages http://127.0.0.1:{pages}/pages
        <Location /text>
            ErrorDocument 503 "Back soon, <b>promised</b>"
        </Location>
        <Location /path>
            ErrorDocument 503 /pages/busy.html
        </Location>
        <Location /url>
            ErrorDocument 503 https://status.example.com/
        </Location>""" % (dead, dead, dead), pages=pages) as weir:
        got = weir.get("/text")
        assert got.status == 503 and got.body == b"Back soon, <b>promised</b>"
        got = weir.get("/path") # a page that a backend gives brings its own status, as in Apache
        assert got.status == 200 and got.body == b"hello from /pages/busy.html"
        got = weir.get("/url")
        assert got.status == 302 and got.get("Location") == "https://status.example.com/"


@pytest.mark.parametrize("fields", [[("Transfer-Encoding", "gzip")], [("Content-Length", "x")], [("Content-Length", "1"), ("Content-Length", "2")]])
def test_the_page_of_a_body_that_cannot_be_framed_comes_from_its_backend_and_the_connection_ends(fields):
    with Backend(serve_hello) as pages, Weir("ErrorDocument 400 /pages/bad\nErrorDocument 501 /pages/bad\n"
                                             "ProxyPass / http://127.0.0.1:{pages}/", pages=pages) as weir, weir.connect() as client:
        got = client.send(request("POST", "/x", fields)).read_response()
        assert got.body == b"hello from /pages/bad" and got.get("Connection") == "close"
        assert client.ends()


def test_an_errordocument_that_fails_itself_falls_back_to_the_plain_page():
    with Weir("ProxyPass / http://127.0.0.1:%d/\nErrorDocument 503 /also-dead" % free_port()) as weir:
        got = weir.get("/x")
        assert got.status == 503 and b"Service Unavailable" in got.body


def test_proxyerroroverride_puts_our_page_in_place_of_the_backends(backend):
    with Weir("ProxyErrorOverride On 500 404\nErrorDocument 500 ours\n" + HTTP, backend=backend) as weir:
        for status, body in ((500, b"ours"), (502, b"theirs"), (404, None), (200, b"theirs")):
            client = weir.connect().send(request())
            peer = backend.accept()
            peer.read_head()
            peer.send(answer(status, b"theirs", [("Connection", "close")]))
            got = client.read_response()
            assert got.status == status
            assert got.body == body if body else b"<title>404 " in got.body and b"theirs" not in got.body


def test_stricthostcheck_takes_no_name_that_is_not_configured():
    with Backend(serve_hello) as backend, Weir("""
        StrictHostCheck On
        <VirtualHost *:{port}>
            ServerName app.example
            ServerAlias *.app.example
            ProxyPass / http://127.0.0.1:{backend}/
        </VirtualHost>""", backend=backend) as weir:
        assert weir.get(host="other.example").status == 400
        assert weir.get(host="app.example").status == 200
        assert weir.get(host="a.app.example").status == 200


def serve_missing(wire):
    """A script: everything is missing but the page that says so."""
    m = wire.read_request()
    page = m.line.split(" ")[1] == "/page"
    wire.send(answer(200 if page else 404, b"a fine page" if page else b"none"))


def test_the_page_of_an_overridden_error_keeps_the_errors_status():
    with Backend(serve_missing) as backend, Weir("ProxyErrorOverride On\nErrorDocument 404 /page\n" + HTTP,
                                                 backend=backend) as weir:
        got = weir.get("/missing")
        assert (got.status, got.body) == (404, b"a fine page")


def test_a_page_to_head_has_no_body():
    with Weir("ProxyPass / http://127.0.0.1:%d/" % free_port()) as weir:
        client = weir.connect().send(request("HEAD"))
        got = client.read_head()
        assert got.status == 503 and int(got.get("Content-Length")) > 0
        assert got.get("Connection") == "close" # as after a 503 of httpd
        assert client.read_all() == b""


def test_what_a_client_sent_is_escaped_in_pages_and_logs():
    with Weir("ProxyPass /a http://127.0.0.1:%d/\nErrorLogFormat \"%%M\"" % free_port()) as weir:
        got = weir.get("/<script>%0a%1b[31m")
        assert b"<script>" not in got.body
        weir.stop()
        assert "\x1b" not in weir.error_log() and "\x1b" not in weir.access_log()


# ---- limits

@pytest.mark.parametrize("name,raw,status", [
    ("LimitRequestLine 100", request(path="/" + "x" * 200), 414),
    ("LimitRequestFieldSize 100", request(fields=[("X", "y" * 200)]), 400),
    ("LimitRequestFields 10", request(fields=[("X-%d" % i, "y") for i in range(20)]), 400),
])
def test_limits_of_the_head(backend, name, raw, status):
    with Weir(name + "\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(raw)
        assert client.read_response().status == status
        assert client.ends() and backend.connections == 0
        until(lambda: " %d " % status in weir.access_log(), "its access line")


@pytest.mark.parametrize("flood", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"\r\n"])
def test_an_endless_head_is_cut_off_with_little_memory(backend, flood):
    with Weir(HTTP, backend=backend) as weir:
        before, client = weir.rss(), weir.connect()
        try:
            client.send(flood)
            for _ in range(64):
                client.send((b"\r\n" if flood == b"\r\n" else b"xy") * (1 << 15))
            ended = False
        except OSError:
            ended = True
        assert ended or client.ends()
        assert weir.rss() - before < 8 << 20


def test_a_head_that_does_not_come_in_time_is_408(backend):
    with Weir("RequestReadTimeout header=1\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(b"GET / HTTP/1.1\r\n")
        begun = time.monotonic()
        got = client.read_response()
        assert got.status == 408 and time.monotonic() - begun < SOON
        assert client.ends()
        weir.wait_for_log(r"\[reqtimeout:info\].*AH01382: Request header read timeout")


def test_a_connection_that_says_nothing_is_closed_without_a_word(backend):
    with Weir("RequestReadTimeout header=1\n" + HTTP, backend=backend) as weir:
        client = weir.connect()
        assert client.ends() and not client.buffer


def test_a_body_that_does_not_come_in_time_is_408(backend):
    with Weir("RequestReadTimeout body=1\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(request("POST", "/", [("Content-Length", "100")]) + b"some")
        peer = backend.accept()
        assert client.read_response().status == 408
        assert peer.ends() and len(peer.seen.split(b"\r\n\r\n", 1)[1]) == 4


def test_five_hundred_slow_clients_do_not_hold_up_another():
    with Backend(serve_hello) as backend, Weir(HTTP, backend=backend) as weir:
        slow = [weir.connect().send(b"GET / HTTP/1.1\r\nX-Slow: ") for _ in range(500)]
        for turn in range(3):
            for client in slow:
                client.send(b"y")
            begun = time.monotonic()
            assert weir.get().status == 200
            assert time.monotonic() - begun < SOON # they have 20 s
        for client in slow:
            client.close()


def test_trace_and_connect_are_not_let_through_by_default(backend):
    with Weir("TraceEnable Off\n" + HTTP, backend=backend) as weir:
        assert weir.get(method="TRACE").status == 405
        assert weir.ask(request("CONNECT", "example.com:443")).status in (400, 405)
        assert backend.connections == 0


def test_require_all_denied_is_403(backend):
    with Weir(HTTP + "\n<Location /private>\nRequire all denied\n</Location>", backend=backend) as weir:
        assert weir.get("/private/x").status == 403
        got = weir.ask(handshake("/private"))
        assert got.status == 403
        weir.wait_for_log(r"AH01630: client denied by server configuration")
        assert backend.connections == 0


@pytest.mark.parametrize("path", ["/private/x", "//private/x", "/./private/x", "/x/../private/x", "/%70rivate/x",
                                  "/x/%2e%2e/private/x"])
def test_a_denied_place_is_denied_however_it_is_written(backend, path):
    with Weir(HTTP + "\n<Location /private>\nRequire all denied\n</Location>", backend=backend) as weir:
        assert weir.get(path).status in (400, 403)
        assert backend.connections == 0

"""Ordinary HTTP through the proxy: bodies both ways, framing, keep-alive, ends that come too early."""
import hashlib
import os
import threading
import time

import pytest
from harness import (PATIENCE, Backend, Weir, answer, request, serve_hello, until)

HTTP = "ProxyPass / http://127.0.0.1:{backend}/"
ONE = "ThreadsPerChild 1\n" # one worker, so that pooled connections are met again
MIB = 1 << 20


@pytest.fixture
def weir(backend):
    with Weir(ONE + HTTP, backend=backend) as w:
        yield w


def exchange(weir, backend, raw, reply, method="GET"):
    """One request all the way: (what the backend saw, what the client got)."""
    client = weir.connect().send(raw)
    peer = backend.accept()
    seen = peer.read_request()
    peer.send(reply)
    got = client.read_response(method)
    client.close()
    return seen, got


def chunked(*pieces, trailers=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n" + trailers + b"\r\n"


# ---- request bodies

def test_a_body_with_a_length(weir, backend):
    seen, got = exchange(weir, backend, request("POST", "/form", [("Content-Length", "11")], b"hello=world"), answer())
    assert seen.body == b"hello=world" and seen.all("Content-Length") == ["11"] and "Transfer-Encoding" not in seen
    assert got.status == 200 and got.body == b"hello"


def test_an_empty_body_keeps_its_length(weir, backend):
    seen, _ = exchange(weir, backend, request("POST", "/", [("Content-Length", "0")]), answer())
    assert seen.get("Content-Length") == "0"


def test_a_chunked_body_stays_chunked_and_its_trailers_come_along(weir, backend):
    raw = request("POST", "/", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")],
                  chunked(b"one ", b"two", trailers=b"X-Sum: 7\r\n"))
    seen, _ = exchange(weir, backend, raw, answer())
    assert seen.body == b"one two" and "Content-Length" not in seen
    assert seen.get("Transfer-Encoding") == "chunked"
    assert seen.trailers in ([], ["X-Sum: 7"])


def test_a_body_reaches_the_backend_while_it_is_still_coming(weir, backend):
    client = weir.connect().send(request("POST", "/", [("Transfer-Encoding", "chunked")]) + b"5\r\nfirst\r\n")
    peer = backend.accept()
    peer.read_head()
    peer.read_until(b"first\r\n")
    client.send(b"6\r\nsecond\r\n")
    peer.read_until(b"second\r\n")
    client.send(b"0\r\n\r\n")
    peer.read_until(b"0\r\n\r\n")
    peer.send(answer())
    assert client.read_response().status == 200


def test_forbidden_trailers_do_not_get_through(weir, backend):
    raw = request("POST", "/", [("Transfer-Encoding", "chunked")],
                  chunked(b"x", trailers=b"Host: evil\r\nContent-Length: 9\r\n"))
    seen, _ = exchange(weir, backend, raw, answer())
    assert not any(t.lower().startswith(("host", "content-length")) for t in seen.trailers)


# ---- response bodies

@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(weir, backend, status):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(status, b"", [("ETag", '"x"')], length=False))
    got = client.read_response()
    assert got.status == status and "Transfer-Encoding" not in got
    client.send(request(path="/again")) # the connection is in step
    assert peer.read_head().line.startswith("GET /again")
    peer.send(answer(200, b"second"))
    assert client.read_response().body == b"second"


def test_head_has_the_length_and_no_body(weir, backend):
    client = weir.connect().send(request("HEAD"))
    peer = backend.accept()
    assert peer.read_head().line.startswith("HEAD /")
    peer.send(answer(200, b"", [("Content-Length", "1234")], length=False))
    got = client.read_head()
    assert got.get("Content-Length") == "1234"
    client.send(request())
    peer.read_head()
    peer.send(answer(200, b"after"))
    assert client.read_response().body == b"after"


def test_a_chunked_answer_with_trailers(weir, backend):
    _, got = exchange(weir, backend, request(fields=[("TE", "trailers")]),
                      answer(200, b"", [("Transfer-Encoding", "chunked")],
                             length=False) + chunked(b"abc", b"def", trailers=b"X-End: yes\r\n"))
    assert got.body == b"abcdef" and got.get("Transfer-Encoding") == "chunked"
    assert got.trailers in ([], ["X-End: yes"])


def test_an_answer_that_ends_with_the_connection_becomes_chunked(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(b"HTTP/1.1 200 OK\r\n\r\nuntil ").send(b"the end").close()
    got = client.read_response()
    assert got.get("Transfer-Encoding") == "chunked" and got.body == b"until the end"
    client.send(request()) # which does not end with it
    peer = backend.accept()
    peer.read_head()
    peer.send(answer())
    assert client.read_response().status == 200


def test_an_answer_arrives_while_it_is_still_coming(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"", [("Transfer-Encoding", "chunked"), ("Content-Type", "text/event-stream")], length=False))
    client.read_head()
    for i in range(5):
        peer.send(b"8\r\ndata: %d\n\r\n" % i)
        client.read_until(b"data: %d\n" % i)


def test_the_headers_names_order_and_bytes_are_kept(weir, backend):
    seen, got = exchange(
        weir, backend,
        request(path="/p%C3%A4th?q=%20x&y",
                fields=[("x-LOWER", "1"), ("X-Twice", "a"), ("Cookie", "a=b; c=d"), ("X-Twice", "b,c"),
                                                    ("X-Bytes", "\xe9\xff"), ("X-Empty", "")]),
        answer(200, b"",
               [("sEt-cOOkie", "a=1"), ("X-B", "2"), ("Set-Cookie", "b=2"), ("X-A", "\xe9"), ("X-Empty", "")]))
    assert seen.line == "GET /p%C3%A4th?q=%20x&y HTTP/1.1"
    ours = [f for f in seen.fields if f[0] in ("x-LOWER", "X-Twice", "Cookie", "X-Bytes", "X-Empty")]
    assert ours == [("x-LOWER", "1"), ("X-Twice", "a"), ("Cookie", "a=b; c=d"), ("X-Twice", "b,c"),
                    ("X-Bytes", "\xe9\xff"), ("X-Empty", "")]
    theirs = [f for f in got.fields if f[0].lower() in ("set-cookie", "x-b", "x-a", "x-empty")]
    assert theirs == [("sEt-cOOkie", "a=1"), ("X-B", "2"), ("Set-Cookie", "b=2"), ("X-A", "\xe9"), ("X-Empty", "")]


def test_hop_by_hop_headers_are_taken_off_before_ours_are_added(weir, backend):
    seen, got = exchange(
        weir, backend,
        request(fields=[("Connection", "X-Forwarded-For, X-Secret, keep-alive"), ("X-Forwarded-For", "6.6.6.6"),
                        ("X-Secret", "1"),
                        ("Keep-Alive", "5"), ("TE", "gzip"), ("Proxy-Connection", "x"), ("Upgrade", "h2c"),
                        ("X-Stays", "1")]),
        answer(200, b"",
               [("Connection", "X-Hop, close"), ("X-Hop", "1"), ("Keep-Alive", "timeout=1"), ("X-Stays", "2")]))
    for name in ("X-Secret", "Keep-Alive", "Proxy-Connection", "Upgrade", "TE"):
        assert name not in seen, name
    assert seen.all("X-Forwarded-For") == ["127.0.0.1"] and seen.get("X-Stays") == "1"
    assert "X-Hop" not in got and got.get("X-Stays") == "2"


def test_a_forwarded_for_that_is_there_is_continued(weir, backend):
    seen, _ = exchange(weir, backend, request(fields=[("X-Forwarded-For", "192.0.2.1")]), answer())
    assert seen.all("X-Forwarded-For") == ["192.0.2.1, 127.0.0.1"]


# ---- 1xx and Expect

def test_early_hints_are_passed_on(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(103, b"", [("Link", "</style.css>; rel=preload")], length=False))
    hints = client.read_head()
    assert hints.status == 103 and hints.get("Link") == "</style.css>; rel=preload"
    peer.send(answer())
    assert client.read_response().status == 200


def test_a_1_0_client_gets_no_interim_answer(weir, backend):
    client = weir.connect().send(request(version="1.0"))
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(103, b"", length=False) + answer(200, b"final"))
    assert client.read_response().status == 200


def test_too_many_interim_answers_are_502(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(103, b"", length=False) * 50)
    while (got := client.read_response()).status == 103:
        pass
    assert got.status == 502
    weir.wait_for_log(r"AH00898: Too many \(\d+\) interim responses from origin server")


EXPECT = request("POST", "/upload", [("Expect", "100-continue"), ("Content-Length", "4")])


def test_expect_the_backend_says_continue(weir, backend):
    client = weir.connect().send(EXPECT)
    peer = backend.accept()
    seen = peer.read_head()
    if "Expect" in seen:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert client.read_head().status == 100
    client.send(b"body")
    assert peer.read(4) == b"body"
    peer.send(answer())
    got = client.read_response()
    assert got.status == 200


def test_expect_the_backend_refuses_at_once_and_the_body_is_never_sent(weir, backend):
    client = weir.connect().send(EXPECT)
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(413, b"too large"))
    got = client.read_response()
    if got.status == 100: # Weir may have asked for the body itself
        got = client.read_response()
    assert got.status == 413 and got.body == b"too large"
    assert client.ends() # the body may or may not follow: the connection cannot be used on


def test_expect_the_backend_says_nothing_and_the_client_sends_anyway(backend):
    with Weir("ProxyTimeout 5\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(EXPECT)
        peer = backend.accept()
        peer.read_head()
        assert not peer.buffer
        client.send(b"body") # clients wait only so long
        assert peer.read(4) == b"body"
        peer.send(answer())
        got = client.read_response()
        while got.status == 100:
            got = client.read_response()
        assert got.status == 200


def test_expect_the_client_sends_head_and_body_together(weir, backend):
    client = weir.connect().send(EXPECT + b"body")
    peer = backend.accept()
    peer.read_head()
    assert peer.read(4) == b"body"
    peer.send(answer())
    got = client.read_response()
    while got.status == 100:
        got = client.read_response()
    assert got.body == b"hello"


def test_another_expectation_is_417(weir, backend):
    assert weir.ask(request("POST", "/", [("Expect", "magic"), ("Content-Length", "0")])).status == 417
    assert backend.connections == 0


def test_an_early_answer_reaches_the_client_while_its_body_is_still_coming(weir, backend):
    client = weir.connect().send(request("POST", "/", [("Content-Length", str(10 * MIB))]) + b"x" * MIB)
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(403, b"stop that"))
    got = client.read_response()
    assert got.status == 403 and got.body == b"stop that"


def test_an_early_answer_and_a_close_reach_the_client_too(weir, backend):
    client = weir.connect()
    threading.Thread(target=lambda: quiet(lambda: client.send(
        request("POST", "/", [("Content-Length", str(50 * MIB))]), *[b"x" * MIB] * 50)), daemon=True).start()
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(413, b"too large", [("Connection", "close")]))
    peer.close() # with bytes unread: RST
    got = client.read_response()
    assert got.status == 413 and got.body == b"too large"


def quiet(action):
    try:
        action()
    except OSError:
        pass


# ---- ends that come too early

def test_a_client_that_resets_takes_its_request_to_the_backend_with_it(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    client.reset()
    assert peer.ends()


def test_a_client_that_closes_is_noticed_soon(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    client.close()
    assert peer.ends()


def test_a_client_that_leaves_in_the_middle_of_its_body(weir, backend):
    client = weir.connect().send(request("POST", "/", [("Content-Length", "1000")]) + b"x" * 500)
    peer = backend.accept()
    peer.read_head()
    peer.read(500)
    client.close()
    assert peer.ends() and not peer.buffer


def test_a_client_that_leaves_in_the_middle_of_an_answer(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"", [("Transfer-Encoding", "chunked")], length=False) + b"3\r\nabc\r\n")
    client.read_until(b"abc")
    client.reset()
    assert peer.ends()


def test_a_request_that_was_called_off_is_in_the_access_log_as_499_and_aborted(weir, backend):
    client = weir.connect().send(request(path="/gone"))
    peer = backend.accept()
    peer.read_head()
    client.reset()
    assert weir.wait_for_access("GET /gone ").endswith(" X")
    assert " 499 " in weir.access_log()


def test_a_client_that_takes_nothing_for_so_long_is_given_up(backend):
    with Weir("Timeout 1\n" + HTTP, backend=backend) as weir:
        client = weir.connect(receive_buffer=4096).send(request())
        peer = backend.accept()
        peer.read_head()
        thread = threading.Thread(target=lambda: quiet(lambda: peer.send(
            answer(200, b"", [("Content-Length", str(64 * MIB))], length=False), *[b"x" * MIB] * 64)), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive() # the backend is let go
        assert weir.wait_for_access("GET / 200").endswith(" X")
        assert client.discard()[0] < 64 * MIB


def test_a_script_that_half_closes_after_a_last_request_still_gets_its_answer(weir, backend):
    client = weir.connect().send(request(fields=[("Connection", "close")])).half_close()
    peer = backend.accept()
    peer.read_head()
    assert peer.is_silent(1.5)
    peer.send(answer(200, b"patience"))
    assert client.read_response().body == b"patience"


def test_a_backend_that_dies_in_the_middle_of_a_length_truncates_visibly(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"", [("Content-Length", "1000")], length=False) + b"x" * 100).close()
    head = client.read_head()
    assert head.get("Content-Length") == "1000"
    assert len(client.read_all()) == 100
    weir.wait_for_log("AH01110: error reading response")


def test_a_backend_that_dies_in_the_middle_of_chunks_truncates_visibly(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"", [("Transfer-Encoding", "chunked")], length=False) + b"3\r\nabc\r\n").close()
    client.read_head()
    rest = client.read_all()
    assert rest.startswith(b"3\r\nabc\r\n") and not rest.endswith(b"0\r\n\r\n")


def test_broken_chunks_of_a_backend_truncate_visibly(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"", [("Transfer-Encoding", "chunked")], length=False) + b"3\r\nabc\r\nzz\r\n")
    client.read_head()
    assert not client.read_all().endswith(b"0\r\n\r\n")


# ---- keep-alive

def test_pipelined_requests_are_answered_in_order(weir, backend):
    client = weir.connect().send(request(path="/1") + request("POST", "/2", [("Content-Length", "3")],
                                                              b"two") + request(path="/3"))
    peer = backend.accept()
    for path in ("/1", "/2", "/3"):
        seen = peer.read_request()
        assert seen.line.split(" ")[1] == path
        assert peer.is_silent(0.1) # one after the other
        peer.send(answer(200, path.encode()))
    for path in (b"/1", b"/2", b"/3"):
        assert client.read_response().body == path


def test_pipelined_requests_and_then_a_half_close_are_all_answered():
    with Backend(serve_hello) as backend, Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(*[request(path="/%d" % i) for i in range(5)]).half_close()
        for i in range(5):
            assert client.read_response().body == b"hello from /%d" % i
        assert client.read_all() == b""


def test_many_requests_share_one_backend_connection():
    with Backend(serve_hello) as backend, Weir(ONE + HTTP, backend=backend) as weir:
        for i in range(30):
            assert weir.get("/%d" % i).body == b"hello from /%d" % i
        assert backend.connections == 1


def test_disablereuse_makes_a_connection_for_each():
    with Backend(serve_hello) as backend, Weir(ONE + HTTP + " disablereuse=on", backend=backend) as weir:
        for _ in range(3):
            assert weir.get().status == 200
        assert backend.connections == 3


def test_a_backend_that_says_close_is_not_used_again(weir, backend):
    client = weir.connect().send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"one", [("Connection", "close")]))
    assert client.read_response().body == b"one"
    client.send(request())
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"two"))
    assert client.read_response().body == b"two"


def test_a_pooled_connection_that_the_backend_closed_meanwhile_costs_nothing(weir, backend):
    client = weir.connect().send(request(path="/1"))
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"one"))
    assert client.read_response().body == b"one"
    peer.close()
    client.send(request(path="/2"))
    peer = backend.accept()
    assert peer.read_head().line == "GET /2 HTTP/1.1"
    peer.send(answer(200, b"two"))
    assert client.read_response().body == b"two"


def test_a_pooled_connection_that_dies_under_the_request_is_tried_anew_once(weir, backend):
    client = weir.connect().send(request(path="/1"))
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"one"))
    client.read_response()
    client.send(request(path="/2"))
    peer.read_head()
    peer.close() # it saw the request, and says nothing
    peer = backend.accept()
    assert peer.read_head().line == "GET /2 HTTP/1.1"
    peer.send(answer(200, b"two"))
    assert client.read_response().body == b"two"


def test_a_post_that_a_backend_may_have_seen_is_not_sent_twice(weir, backend):
    client = weir.connect().send(request(path="/1"))
    peer = backend.accept()
    peer.read_head()
    peer.send(answer(200, b"one"))
    client.read_response()
    client.send(request("POST", "/order", [("Content-Length", "3")], b"one"))
    peer.read_request()
    peer.close()
    assert client.read_response().status == 502
    assert backend.connections == 1


def test_http_1_0_ends_with_the_connection(weir, backend):
    client = weir.connect().send(request(version="1.0"))
    peer = backend.accept()
    assert peer.read_head().line == "GET / HTTP/1.1"
    peer.send(answer(200, b"", [("Transfer-Encoding", "chunked")], length=False) + chunked(b"ab", b"cd"))
    got = client.read_head()
    assert got.get("Connection") == "close" and "Transfer-Encoding" not in got
    assert client.read_all() == b"abcd"


def test_http_1_0_with_keep_alive_is_kept(weir, backend):
    client = weir.connect()
    for body in (b"one", b"two"):
        client.send(request(version="1.0", fields=[("Connection", "keep-alive")]))
        if body == b"one":
            peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, body))
        got = client.read_response()
        assert got.body == body and "keep-alive" in got.get("Connection").lower()


def test_keepalive_off_and_the_clients_close_are_honoured(backend):
    with Weir("KeepAlive Off\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        peer.read_head()
        peer.send(answer())
        assert client.read_response().get("Connection") == "close"
        assert client.ends()


def test_the_request_after_maxkeepaliverequests_says_close(backend):
    """httpd counts the requests that follow another: with 2 the third is the last."""
    with Weir("MaxKeepAliveRequests 2\n" + ONE + HTTP, backend=backend) as weir:
        client = weir.connect()
        for turn in (1, 2, 3):
            client.send(request())
            if turn == 1:
                peer = backend.accept()
            peer.read_head()
            peer.send(answer())
            assert (client.read_response().get("Connection") == "close") == (turn == 3)
        assert client.ends()


def test_keepalivetimeout_ends_an_idle_connection(backend):
    with Weir("KeepAliveTimeout 1\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        peer.read_head()
        begun = time.monotonic()
        peer.send(answer())
        client.read_response()
        assert client.ends() and time.monotonic() - begun > 0.9


# ---- large

def upload(weir, n, piece):
    client = weir.connect()
    client.socket.settimeout(120)
    client.send(request("POST", "/", [("Content-Length", str(n))]))
    for _ in range(n // len(piece)):
        client.send(piece)
    return client


def digest_of(piece, times):
    digest = hashlib.md5()
    for _ in range(times):
        digest.update(piece)
    return digest.hexdigest()


def test_a_hundred_mebibytes_up_with_little_memory(weir, backend):
    piece, got, before = os.urandom(MIB), [], weir.rss()

    def serve():
        peer = backend.accept()
        peer.read_head()
        got.append(peer.discard(100 * MIB))
        peer.send(answer(200, b"done"))
    thread = threading.Thread(target=serve)
    thread.start()
    client = upload(weir, 100 * MIB, piece)
    assert client.read_response().body == b"done"
    thread.join()
    assert got == [(100 * MIB, digest_of(piece, 100))]
    assert weir.rss() - before < 16 * MIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_hundred_mebibytes_down_with_little_memory(weir, backend, framing):
    piece, before = os.urandom(MIB), weir.rss()

    def serve():
        peer = backend.accept()
        peer.read_head()
        if framing == "length":
            peer.send(answer(200, b"", [("Content-Length", str(100 * MIB))], length=False), *[piece] * 100)
        else:
            peer.send(answer(200, b"", [("Transfer-Encoding", "chunked")], length=False),
                      *[b"100000\r\n" + piece + b"\r\n"] * 100, b"0\r\n\r\n")
    thread = threading.Thread(target=serve)
    thread.start()
    client = weir.connect().send(request())
    head = client.read_head()
    if framing == "length":
        assert client.discard(100 * MIB) == (100 * MIB, digest_of(piece, 100))
    else:
        assert head.get("Transfer-Encoding") == "chunked"
        digest, count = hashlib.md5(), 0
        while (size := int(client.read_until(b"\r\n"), 16)):
            digest.update(client.read(size))
            count += size
            assert client.read(2) == b"\r\n"
        assert (count, digest.hexdigest()) == (100 * MIB, digest_of(piece, 100))
    thread.join()
    assert weir.rss() - before < 16 * MIB


def test_a_client_that_does_not_read_holds_the_backend_up(weir, backend):
    client = weir.connect(receive_buffer=4096).send(request())
    peer = backend.accept()
    peer.read_head()
    before = weir.rss()
    thread = threading.Thread(target=lambda: quiet(lambda: peer.send(
        answer(200, b"", [("Content-Length", str(64 * MIB))], length=False), *[b"x" * MIB] * 64)), daemon=True)
    thread.start()
    until(lambda: not thread.is_alive() or peer.is_stuck(), "no more to go in")
    assert thread.is_alive() and weir.rss() - before < 8 * MIB
    client.read_head()
    assert client.discard(64 * MIB)[0] == 64 * MIB


def test_a_backend_that_does_not_read_holds_the_client_up(weir, backend):
    before = weir.rss()
    client = []
    thread = threading.Thread(target=lambda: client.append(upload(weir, 64 * MIB, b"x" * MIB)), daemon=True)
    thread.start()
    peer = backend.accept()
    peer.read_head()
    thread.join(1)
    assert thread.is_alive() and weir.rss() - before < 8 * MIB
    assert peer.discard(64 * MIB)[0] == 64 * MIB
    peer.send(answer())
    thread.join(PATIENCE)
    assert client[0].read_response().status == 200


def test_many_clients_at_once():
    with Backend(serve_hello) as backend, Weir(HTTP, backend=backend) as weir:
        clients = [weir.connect() for _ in range(200)]
        for turn in range(3):
            for i, c in enumerate(clients):
                c.send(request(path="/%d/%d" % (turn, i)))
            for i, c in enumerate(clients):
                assert c.read_response().body == b"hello from /%d/%d" % (turn, i)
        until(lambda: weir.access_log().count("\n") == 600, "600 access lines")

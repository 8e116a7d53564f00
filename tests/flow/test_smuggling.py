"""What one side may take for one request and the other for two: refused, or framed anew; never a second request."""
import pytest
from harness import Weir, answer, request

HTTP = "ThreadsPerChild 1\nProxyPass / http://127.0.0.1:{backend}/"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n"


def post(*fields, body=b""):
    return request("POST", "/first", fields, body)


REFUSED = { # raw, status
    "two lengths": (post(("Content-Length", "5"), ("Content-Length", "6"), body=b"hello"), 400),
    "two equal lengths": (post(("Content-Length", "5"), ("Content-Length", "5"), body=b"hello"), 400),
    "a list of lengths": (post(("Content-Length", "5, 5"), body=b"hello"), 400),
    "a signed length": (post(("Content-Length", "+5"), body=b"hello"), 400),
    "a negative length": (post(("Content-Length", "-1")), 400),
    "a hexadecimal length": (post(("Content-Length", "0x5"), body=b"hello"), 400),
    "a huge length": (post(("Content-Length", "99999999999999999999999")), 400),
    "xchunked": (post(("Transfer-Encoding", "xchunked"), body=SECOND), 400),
    "chunked, then identity": (post(("Transfer-Encoding", "chunked, identity"), body=b"0\r\n\r\n" + SECOND), 400),
    "chunked twice": (post(("Transfer-Encoding", "chunked, chunked"), body=b"0\r\n\r\n" + SECOND), None),
    "gzip, chunked": (post(("Transfer-Encoding", "gzip, chunked"), body=b"0\r\n\r\n" + SECOND), 501),
    "a blank before the colon": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SECOND, 400),
    "a folded field": (b"POST / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n\r\n" + SECOND, 400),
    "a bare LF after a field": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\nX-B: c\r\n\r\n", 400),
    "a bare LF after the request line": (b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
    "a bare CR in a value": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\rContent-Length: 5\r\n\r\n", 400),
    "a NUL in a value": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n", 400),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a field without a name": (b"GET / HTTP/1.1\r\nHost: x\r\n: value\r\n\r\n", 400),
    "a blank in a name": (b"GET / HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a broken host": (b"GET / HTTP/1.1\r\nHost: a b/c\r\n\r\n", 400),
    "version 1.2.3": (b"GET / HTTP/1.2.3\r\nHost: x\r\n\r\n", 400),
    "a lower case http": (b"GET / http/1.1\r\nHost: x\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_the_connection_ends(backend, name):
    raw, status = REFUSED[name]
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(raw)
        got = client.read_response()
        assert got.status in ((status,) if status else (400, 501))
        assert client.ends(), "the connection went on"
        assert b"HTTP/1.1" not in client.buffer, "a second answer"
        assert backend.connections == 0


BAD_CHUNKS = {
    "a size that is no number": b"5 hello\r\nzz\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "no CRLF after the data": b"5\r\nhelloXX0\r\n\r\n",
    "a huge size": b"ffffffffffffffffff\r\nhello\r\n",
    "an endless extension": b"5;" + b"x" * 100000 + b"\r\nhello\r\n0\r\n\r\n",
    "a bare CR in an extension": b"5;a=\rb\r\nhello\r\n0\r\n\r\n",
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_broken_chunks_end_the_request_and_nothing_after_them_is_read_as_one(backend, name):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect()
        client.send(post(("Transfer-Encoding", "chunked")) + BAD_CHUNKS[name] + SECOND)
        try:
            assert client.read_response().status in (400, 413)
        except ConnectionResetError: # a refusal, too
            pass
        for wire in list(backend.wires):
            wire.ends()
            assert b"smuggled" not in wire.seen and not wire.seen.endswith(b"0\r\n\r\n")
        assert backend.connections <= 1


def test_length_and_chunked_together_are_framed_anew_and_the_connection_ends(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(post(("Content-Length", "4"), ("Transfer-Encoding", "chunked"),
                                          body=b"5\r\nhello\r\n0\r\n\r\n" + SECOND))
        peer = backend.accept()
        seen = peer.read_request()
        assert seen.body == b"hello" and seen.get("Content-Length") == "5" and "Transfer-Encoding" not in seen
        peer.send(answer(200, b"one"))
        assert client.read_response().get("Connection") == "close"
        assert client.ends() and not client.buffer
        peer.ends_within(0.5)
        assert b"smuggled" not in peer.seen and backend.connections == 1


def test_a_second_request_hidden_in_a_body_stays_a_body(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(post(("Content-Length", str(len(SECOND))), body=SECOND))
        peer = backend.accept()
        seen = peer.read_request()
        assert seen.body == SECOND
        peer.send(answer(200, b"one"))
        assert client.read_response().body == b"one"
        assert client.is_silent(0.2) and backend.connections == 1


@pytest.mark.parametrize("field", [("X-A", "b"), ("Expect", "something")])
@pytest.mark.parametrize("path", ["/a%2Fb", "/a%00b", "/elsewhere"])
def test_nor_is_the_body_of_a_refused_request_one(backend, path, field):
    with Weir("ThreadsPerChild 1\nProxyPass /first http://127.0.0.1:{backend}/", backend=backend) as weir:
        client = weir.connect().send(request("POST", path, [("Content-Length", str(len(SECOND))), field], SECOND))
        assert client.read_response().status in (404, 417)
        client.is_silent(0.2)
        assert b"HTTP/1.1" not in client.buffer, "a second answer"
        assert client.send(request("GET", "/second")).read_response().status == 404
        assert backend.connections == 0


def test_extensions_of_chunks_are_not_passed_on(backend):
    with Weir(HTTP, backend=backend) as weir:
        weir.connect().send(post(("Transfer-Encoding", "chunked"), body=b"5;name=\"value\"\r\nhello\r\n0;last\r\n\r\n"))
        peer = backend.accept()
        assert peer.read_request().body == b"hello"
        assert b"name" not in peer.seen.split(b"\r\n\r\n", 1)[1]


def test_a_second_answer_that_nobody_asked_for_is_never_anyones(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request(path="/1"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"one") + answer(200, b"poison"))
        assert client.read_response().body == b"one"
        client.send(request(path="/2"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"two"))
        assert client.read_response().body == b"two"


def test_a_late_second_answer_on_a_pooled_connection_is_never_anyones(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request(path="/1"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"one"))
        assert client.read_response().body == b"one"
        peer.send(answer(200, b"poison"))
        assert peer.ends()
        client.send(request(path="/2"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"two"))
        assert client.read_response().body == b"two"


BAD_ANSWERS = {
    "two lengths": answer(200, b"hello", [("Content-Length", "6")]),
    "a length that is no number": answer(200, b"", [("Content-Length", "five")], length=False),
    "a NUL in the head": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_that_can_be_read_in_two_ways_is_502(backend, name):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        peer.read_head()
        peer.send(BAD_ANSWERS[name])
        assert client.read_response().status == 502


def test_length_and_chunked_of_an_answer_are_framed_anew(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"", [("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
                         length=False) + b"5\r\nhello\r\n0\r\n\r\n")
        got = client.read_response()
        assert got.body == b"hello" and len(got.all("Content-Length")) + len(got.all("Transfer-Encoding")) == 1

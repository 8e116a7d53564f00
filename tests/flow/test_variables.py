"""Variables that change how a proxy speaks: bodies that are to have a length, interim answers, connections."""
from harness import Backend, Weir, answer, request, serve_hello

SITE = """
<VirtualHost *:{port}>
    ServerName example.com
    Timeout 5
    ProxyPass / http://127.0.0.1:{backend}/
    %s
</VirtualHost>
"""
CHUNKED = [("Transfer-Encoding", "chunked")]


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_chunked_body_that_comes_slowly_is_counted_before_the_backend_is_asked():
    with Backend() as backend, Weir(SITE % "SetEnv proxy-sendcl 1", backend=backend) as weir:
        client = weir.connect().send(request("POST", "/a", CHUNKED), chunk(b"one "))
        assert client.is_silent() and backend.connections == 0
        client.send(b"3\r\ntw", b"o\r\n0\r\n\r\n", request("GET", "/next"))
        peer = backend.accept()
        seen = peer.read_request()
        assert (seen.get("Content-Length"), seen.get("Transfer-Encoding"), seen.body) == ("7", None, b"one two")
        peer.send(answer(200, b"first"))
        assert client.read_response().body == b"first"
        assert peer.read_request().line == "GET /next HTTP/1.1"
        peer.send(answer(200, b"second"))
        assert client.read_response().body == b"second"


def test_a_long_chunked_body_is_counted_too():
    with Backend() as backend, Weir(SITE % "SetEnv force-proxy-request-1.0 1", backend=backend) as weir:
        body = bytes(range(256)) * 8192
        client = weir.connect().send(request("PUT", "/a", CHUNKED))
        for at in range(0, len(body), 50000):
            client.send(chunk(body[at:at + 50000]))
        client.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        peer = backend.accept()
        seen = peer.read_request()
        assert seen.line == "PUT /a HTTP/1.0" and seen.body == body
        peer.send(answer(200, b"ok"))
        assert client.read_response().body == b"ok"


def test_a_client_that_waits_for_100_is_told_to_go_on():
    with Backend() as backend, Weir(SITE % "SetEnv proxy-sendcl 1", backend=backend) as weir:
        client = weir.connect().send(request("POST", "/a", CHUNKED + [("Expect", "100-continue")]))
        assert client.read_head().status == 100
        client.send(chunk(b"x"), b"0\r\n\r\n")
        peer = backend.accept()
        seen = peer.read_request()
        assert seen.body == b"x" and seen.get("Expect") is None
        peer.send(answer(200, b"ok"))
        assert client.read_response().body == b"ok"


def test_what_is_too_much_to_collect_is_413_and_said():
    with Backend() as backend, Weir(SITE % "SetEnv proxy-sendcl 1\n    LimitRequestBody 1000", backend=backend) as weir:
        client = weir.connect().send(request("POST", "/a", CHUNKED), chunk(b"x" * 1001))
        assert client.read_response().status == 413
        weir.wait_for_log("a chunked body of more than 1000 bytes is not collected")
        assert backend.connections == 0


def test_a_bad_chunk_and_a_client_that_leaves_end_the_collecting():
    with Backend() as backend, Weir(SITE % "SetEnv proxy-sendcl 1", backend=backend) as weir:
        assert weir.connect().send(request("POST", "/a", CHUNKED), b"zz\r\n").read_response().status == 400
        weir.connect().send(request("POST", "/a", CHUNKED), chunk(b"x")).close()
        assert weir.connect().send(request("POST", "/a", CHUNKED), chunk(b"x"), b"0\r\n\r\n")
        assert backend.accept().read_request().body == b"x"


def test_a_client_that_sends_nothing_more_is_given_up():
    with Backend() as backend, Weir(SITE % "SetEnv proxy-sendcl 1\n    RequestReadTimeout body=1",
                                    backend=backend) as weir:
        client = weir.connect().send(request("POST", "/a", CHUNKED), chunk(b"x"))
        assert client.read_response().status == 408


def test_the_first_request_of_a_connection_gets_a_backend_connection_of_its_own():
    with Backend(serve_hello) as backend, Weir(SITE % "SetEnv proxy-initial-not-pooled 1", backend=backend) as weir:
        for turn in (1, 2):
            client = weir.connect()
            for _ in range(3):
                client.send(request("GET", "/a"))
                assert client.read_response().status == 200
            assert backend.connections == turn
            client.close()


def test_interim_answers_can_be_kept_from_clients():
    with Backend() as backend, Weir(SITE % "SetEnvIf X-Quiet . proxy-interim-response=Suppress", backend=backend) as weir:
        for fields, first in (((), 103), ((("X-Quiet", "1"),), 200)):
            client = weir.connect().send(request("GET", "/a", [*fields, ("Connection", "close")]))
            peer = backend.accept()
            peer.read_head()
            peer.send(answer(103, b"", [("Link", "</a>")], length=False), answer(200, b"ok", [("Connection", "close")]))
            assert client.read_head().status == first
            client.close()
            peer.close()


def test_an_old_client_is_answered_in_its_own_version():
    site = SITE % "BrowserMatch ^Old downgrade-1.0 force-response-1.0"
    with Backend(serve_hello) as backend, Weir(site, backend=backend) as weir:
        client = weir.connect().send(request("GET", "/a", [("User-Agent", "Old/1")]))
        seen = client.read_response()
        assert seen.line.startswith("HTTP/1.0 200 ")
        assert seen.get("Connection") == "close" and client.ends()

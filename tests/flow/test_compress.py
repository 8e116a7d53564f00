"""Compressed answers on their way: pieces arrive at once, slow readers hold the backend back, ends are told apart."""
import gzip
import random
import threading
import time
import zlib

import pytest
from harness import PATIENCE, Backend, Weir, answer, request, until

CONF = """
CustomLog {dir}/access.log "%>s %{ratio}n %{in}n %{out}n %B"
DeflateFilterNote ratio
DeflateFilterNote Input in
DeflateFilterNote Output out
SetOutputFilter DEFLATE
ProxyPass / http://127.0.0.1:{backend}/
"""
ASK = request("GET", "/", [("Accept-Encoding", "gzip")])
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


class Inflated:
    """What a client reads of a chunked gzip stream so far."""

    def __init__(self, wire):
        self.wire, self.inflate = wire, zlib.decompressobj(31)

    def read(self, n):
        text = b""
        while len(text) < n:
            size = int(self.wire.read_until(b"\r\n"), 16)
            assert size, "the stream ended after %r" % text
            text += self.inflate.decompress(self.wire.read(size))
            assert self.wire.read(2) == b"\r\n"
        return text


@pytest.mark.parametrize("chunked", [True, False])
def test_each_event_arrives_before_the_next_is_sent(chunked):
    with Backend() as backend, Weir(CONF, backend=backend) as weir, weir.connect() as c:
        c.send(ASK)
        with backend.accept() as b:
            b.read_request()
            b.send(STREAM + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n"))
            head = c.read_head()
            assert head.get("Content-Encoding") == "gzip" and head.get("Transfer-Encoding") == "chunked"
            stream = Inflated(c)
            for i in range(5):
                event = b"data: %d\n\n" % i
                b.send(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
                assert stream.read(len(event)) == event
            if chunked:
                b.send(b"0\r\n\r\n")
        if not chunked:
            assert c.read_until(b"0\r\n\r\n")


def test_a_backend_that_breaks_off_is_no_whole_answer():
    with Backend() as backend, Weir(CONF, backend=backend) as weir, weir.connect() as c:
        c.send(ASK)
        with backend.accept() as b:
            b.read_request()
            b.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        c.read_head()
        assert c.ends()
        assert not c.seen.endswith(b"0\r\n\r\n")


def test_a_slow_reader_holds_the_backend_back_and_memory_stays_small():
    sent = []

    def flood(wire):
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        chance = random.Random(1)
        try:
            for _ in range(600):
                wire.send(chance.randbytes(65536))
                sent.append(65536)
        except OSError:
            pass

    with Backend(flood) as backend, Weir(CONF, backend=backend) as weir:
        with weir.connect(receive_buffer=8192) as c:
            c.send(ASK)
            until(lambda: sent, "the first block")
            before = weir.rss()

            def stalled():
                n = len(sent)
                time.sleep(0.3)
                return n == len(sent)
            until(stalled, "the backend to be held back")
            assert len(sent) < 500
            assert weir.rss() - before < 16 << 20


def test_notes_tell_what_was_saved():
    body = b"hello " * 1000
    with Backend(lambda w: (w.read_request(), w.send(answer(200, body)))) as backend, Weir(CONF, backend=backend) as weir:
        reply = weir.ask(ASK)
        assert gzip.decompress(reply.body) == body
        status, ratio, before, after, sent = weir.wait_for_access().split()
        assert (status, before, sent) == ("200", "6000", str(len(reply.body)))
        assert int(after) == len(reply.body) - 18 and int(ratio) == int(after) * 100 // 6000


def test_many_at_once_and_kept_connections():
    body = b"a page " * 3000

    def serve(wire):
        try:
            while True:
                wire.read_request()
                wire.send(answer(200, body))
        except (AssertionError, OSError):
            pass

    with Backend(serve) as backend, Weir(CONF, backend=backend) as weir:
        bad = []

        def ask():
            with weir.connect() as c:
                for _ in range(20):
                    if gzip.decompress(c.send(ASK).read_response().body) != body:
                        bad.append(1)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        assert not bad and all(not t.is_alive() for t in threads)


def test_a_filter_that_is_not_there_is_named():
    weir = Weir("SetOutputFilter INFLATE", start=False)
    done = weir.run("-t")
    assert done.returncode == 0 and "SetOutputFilter: there is no filter INFLATE: answers go without it" in done.stderr
    weir.configure("AddOutputFilterByType INFLATE text/html")
    assert "the filter INFLATE is not part of Weir" in weir.run("-t").stderr
    weir.configure("AddOutputFilterByType NONSENSE text/html")
    assert "Unknown filter provider NONSENSE" in weir.run("-t").stderr


def test_a_part_of_a_long_answer_ends_with_the_part():
    """What a backend would still send is not fetched: its connection ends instead."""
    def flood(wire):
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        try:
            while True:
                wire.send(b"0123456789" * 10000)
        except OSError:
            ended.set()

    ended = threading.Event()
    conf = "ProxyPass / http://127.0.0.1:{backend}/"
    with Backend(flood) as backend, Weir(conf, backend=backend) as weir, weir.connect() as c:
        for start in (0, 5000000):
            ended.clear()
            c.send(request("GET", "/", [("Range", "bytes=%d-%d" % (start, start + 19))]))
            reply = c.read_response()
            assert (reply.status, reply.body) == (206, b"0123456789" * 2)
            assert reply.get("Content-Range") == "bytes %d-%d/10000000000" % (start, start + 19)
            assert ended.wait(PATIENCE)
        c.send(request("GET", "/", [("Range", "bytes=0-4,100000-100003")]))
        reply = c.read_response()
        assert reply.status == 206 and reply.body.count(b"Content-range") == 2
        c.send(request("GET", "/", [("Range", "bytes=10000000000-")]))
        assert c.read_response().status == 416


def test_a_part_leaves_the_backends_connection_for_the_next_request():
    def serve(wire):
        try:
            while True:
                wire.read_request()
                wire.send(answer(200, b"0123456789" * 100))
        except (AssertionError, OSError):
            pass

    with Backend(serve) as backend, Weir("ProxyPass / http://127.0.0.1:{backend}/", backend=backend, args=()) as weir, \
            weir.connect() as c:
        for _ in range(3):
            c.send(request("GET", "/", [("Range", "bytes=10-14")]))
            assert c.read_response().body == b"01234"
        assert backend.connections == 1


def test_a_file_that_cannot_be_edited_breaks_off(tmp_path):
    (tmp_path / "long.html").write_bytes(b"one foo\n" + b"x" * 5000000 + b"\nfoo")
    (tmp_path / "short.html").write_bytes(b"one foo\ntwo foo")
    tmp_path.chmod(0o755)
    with Weir("DocumentRoot %s\nSetOutputFilter SUBSTITUTE\nSubstitute s/foo/bar/\nSubstituteMaxLineLength 100k\n" % tmp_path) as weir:
        assert weir.ask(request("GET", "/short.html")).body == b"one bar\ntwo bar"
        with weir.connect() as c:
            rest = c.send(request("GET", "/long.html")).read_all()
        assert b"one bar\n" in rest and b"foo" not in rest and not rest.endswith(b"0\r\n\r\n")
        weir.wait_for_log("AH01328: Line too long, URI /long.html")

"""What an adversary found, each once: one exchange's bytes, memory or turns that reached another. No story may come back."""
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from harness import (SOON, PATIENCE, TEXT, Backend, Weir, answer, close_frame, frame, free_port, handshake, paces, request,
                     switching, until)

ONE = "ThreadsPerChild 1\n" # one worker, so that pooled connections and slots are met again
HTTP = ONE + "ProxyPass / http://127.0.0.1:{backend}/"
MIB = 1 << 20


@pytest.fixture
def pages():
    """A second backend, that the error pages come from."""
    with Backend() as b:
        yield b


def quietly(action, *args):
    with contextlib.suppress(OSError):
        action(*args)


@contextlib.contextmanager
def flood(wire, most):
    """Sends so many bytes, from a thread, for as long as the other side takes them."""
    thread = threading.Thread(target=quietly, args=(wire.send, *[b"y" * MIB] * (most // MIB)), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        quietly(wire.socket.shutdown, socket.SHUT_RDWR)
        thread.join(PATIENCE)


@contextlib.contextmanager
def standing_still(weir):
    """What happens meanwhile, Weir learns all at once."""
    weir.kill(signal.SIGSTOP)
    try:
        until(lambda: ") T " in open("/proc/%d/stat" % weir.pid).read(), "weir to stand still")
        yield
    finally:
        weir.kill(signal.SIGCONT)


# ---- connections kept to a backend

@pytest.mark.parametrize("total", [8192, 8192 + 32768], ids=["one read", "two reads"])
def test_an_answer_that_fills_the_read_buffer_exactly_leaves_a_usable_connection(backend, total):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request(path="/1"))
        peer = backend.accept()
        peer.read_head()
        head = answer(200, b"", [("Content-Length", "%05d" % 0)], length=False)
        n = total - len(head)
        peer.send(head.replace(b"00000", b"%05d" % n) + b"x" * n)
        assert client.read_response().body == b"x" * n
        client.send(request(path="/2"))
        begun = time.monotonic()
        assert peer.read_head().line.startswith("GET /2 ") and backend.connections == 1
        peer.send(answer(200, b"two"))
        assert client.read_response().body == b"two" and time.monotonic() - begun < SOON


@pytest.mark.parametrize("unasked", [answer(200, b"poison"), b"H", b"\r\n"], ids=["an answer", "a byte", "a blank line"])
def test_what_a_kept_backend_says_unasked_is_never_the_next_answer(backend, unasked):
    """The request is read before the loop has heard of the backend's bytes: only asking the socket itself tells."""
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request(path="/1"))
        first = backend.accept()
        first.read_head()
        first.send(answer(200, b"one"))
        assert client.read_response().body == b"one"
        with standing_still(weir):
            client.send(request(path="/2"))
            first.send(unasked)
        second = backend.accept()
        assert second.read_head().line.startswith("GET /2 ")
        second.send(answer(200, b"two"))
        assert client.read_response().body == b"two"
        assert first.ends() and b"/2" not in first.seen


def speak_first(wire):
    """A script: a server that is too busy to listen."""
    with contextlib.suppress(OSError):
        wire.send(answer(503, b"busy", [("Connection", "close")]))
        wire.read_all()


def test_backends_that_speak_before_they_are_asked_are_heard_at_once():
    """Many are dialled in one turn of the loop, so that some have spoken when it learns that they are there."""
    with Backend(speak_first) as backend, Weir(HTTP, backend=backend) as weir:
        clients = [weir.connect() for _ in range(250)]
        with standing_still(weir):
            for client in clients:
                client.send(request())
        for client in clients:
            assert client.read_response().body == b"busy"


def test_an_answer_with_a_length_and_chunks_is_the_connections_last(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request(path="/1"))
        first = backend.accept()
        first.read_head()
        first.send(answer(200, b"", [("Content-Length", "100"), ("Transfer-Encoding", "chunked")], length=False),
                   b"3\r\none\r\n0\r\n\r\n")
        assert client.read_response().body == b"one"
        assert first.ends()
        client.send(request(path="/2"))
        second = backend.accept()
        assert second.read_head().line.startswith("GET /2 ")
        second.send(answer(200, b"two"))
        assert client.read_response().body == b"two"


# ---- error pages that a backend gives

PAGES = ONE + """
ErrorDocument 400 /err
ErrorDocument 502 /err
ErrorDocument 503 /err
ProxyPass /err http://127.0.0.1:{pages}/err
ProxyPass / http://127.0.0.1:{backend}/
"""


@pytest.mark.parametrize("raw", [request("POST", "/a", [("Content-Length", "1000000000")]),
                                 b"GET /a HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n"], ids=["503", "400"])
def test_a_page_of_a_backend_arrives_while_the_client_goes_on_sending_and_memory_stays_bounded(pages, raw):
    with Weir(PAGES, pages=pages, backend=free_port()) as weir:
        before, client = weir.rss(), weir.connect().send(raw)
        peer = pages.accept()
        assert peer.read_head().line.startswith("GET /err ")
        with flood(client, 256 * MIB) as sending:
            until(lambda: not sending.is_alive() or client.is_stuck(), "no more to go in")
            assert sending.is_alive(), "Weir took the whole body, and for nobody"
            assert weir.rss() - before < 16 * MIB
            peer.send(answer(200, b"the page"))
            got = client.read_response()
            assert got.body == b"the page" and got.get("Connection") == "close"
            assert weir.rss() - before < 16 * MIB


def test_the_page_of_a_502_is_asked_for_after_a_backend_that_reset_an_upload(backend, pages):
    with Weir(PAGES, pages=pages, backend=backend) as weir:
        client = weir.connect().send(request("POST", "/a", [("Content-Length", "100000000")], b"x" * 1000))
        first = backend.accept()
        first.read_head()
        with flood(client, 100 * MIB) as sending:
            until(lambda: not sending.is_alive() or client.is_stuck(), "the backend's buffers to be full")
            first.reset()
            peer = pages.accept()
            seen = peer.read_head() # not a silent connection: the first backend's deafness was its own
            assert seen.line.startswith("GET /err ") and "Content-Length" not in seen
            peer.send(answer(200, b"the page"))
            got = client.read_response()
            assert got.body == b"the page" and got.get("Connection") == "close"


def test_a_location_made_of_the_request_cannot_split_the_answer():
    with Weir(ONE + 'ErrorDocument 404 "http://example.net/?u=%{REQUEST_URI}"') as weir:
        got = weir.get("/plain")
        assert got.status == 302 and got.get("Location") == "http://example.net/?u=/plain"
        for path in ("/a%0d%0aSet-Cookie:%20a=b", "/a%0aSet-Cookie:%20a=b", "/a%0dSet-Cookie:%20a=b", "/a%01"):
            got = weir.get(path)
            assert got.status == 500 and "Location" not in got, path
            assert "Set-Cookie" not in got and b"\r\n\r\n" not in got.body
        weir.wait_for_log("AH02430: Response header 'Location' value of ")


# ---- slots

UNIX = ONE + "ProxyTimeout 60\nProxyPass / unix:{dir}/sock|http://localhost/ max=1"
SMALL_STACK = ["sh", "-c", 'ulimit -s 1024 && exec "$@"', "sh"] # threads take theirs from it


def allow_files(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n:
        pytest.skip("%d descriptors are needed, %d are allowed" % (n, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n), hard))


@contextlib.contextmanager
def queue_for_a_slot(n, fields=(), **options):
    """(weir, its backend, the client that holds the only slot, those that wait); the socket's name is gone already, so that
    whoever gets the slot next fails at once."""
    with Weir(UNIX, start=False, **options) as weir, Backend(path=os.path.join(weir.dir, "sock")) as backend:
        weir.start()
        holder = weir.connect().send(request(path="/holder", fields=fields))
        backend.accept().read_head()
        clients = [weir.connect().send(request(path="/%d" % i, fields=fields)) for i in range(n)]
        until(lambda: weir.descriptors() > n, "all to be accepted")
        os.unlink(os.path.join(weir.dir, "sock"))
        try:
            yield weir, backend, holder, clients
        finally:
            for client in (holder, *clients):
                client.close()


def test_two_thousand_that_wait_for_a_slot_are_each_told_when_its_backend_is_gone():
    """One failure frees the slot for the next one, that fails too: as many turns, but not as many frames on the stack."""
    allow_files(5000)
    with queue_for_a_slot(2000, prefix=SMALL_STACK) as (weir, backend, holder, clients):
        assert clients[0].is_silent(0.1) and backend.connections == 1
        backend.close()
        assert holder.read_response().status == 502
        for client in clients:
            assert client.read_response().status == 503


def test_sigterm_ends_well_with_clients_in_the_queue_for_a_slot_that_have_said_all():
    """The first to be closed frees the slot: the next fails, is answered and closed too, while all are being closed."""
    with queue_for_a_slot(10, [("Connection", "close")]) as (weir, backend, holder, clients):
        for client in clients:
            client.half_close()
        assert all(client.is_silent(0.02) for client in clients) and backend.connections == 1
        weir.kill(signal.SIGTERM)
        assert weir.wait() == 0
        assert all(client.ends() for client in (holder, *clients))


def test_who_waits_for_a_slot_without_acquire_waits_no_longer_than_proxytimeout(backend):
    """A WebSocket holds the slot for as long as it likes."""
    with Weir(ONE + "ProxyTimeout 1\nProxyPass / ws://127.0.0.1:{backend}/ max=1", backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        begun = time.monotonic()
        waiting = weir.connect().send(request())
        assert waiting.socket.recv(12) == b"HTTP/1.1 503" and 0.8 < time.monotonic() - begun < SOON
        weir.wait_for_log("AH00941: .*failed to acquire connection for")
        peer.send(frame(TEXT, b"still here"))
        assert client.read_frame()[1] == b"still here" and backend.connections == 1


# ---- what a client is told, and when its connection ends

def test_with_proxy100continue_off_the_100_is_weirs_own(backend):
    with Weir("Proxy100Continue Off\n" + HTTP, backend=backend) as weir:
        client = weir.connect().send(request("POST", "/", [("Expect", "100-continue"), ("Content-Length", "4")]))
        peer = backend.accept()
        assert "Expect" not in peer.read_head() # so the backend has nothing to say yet
        assert client.read_head().status == 100
        client.send(b"body")
        assert peer.read(4) == b"body"
        peer.send(answer(200, b"done"))
        assert client.read_response().body == b"done"


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                                 b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
                                 b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"],
                         ids=["field", "no host", "path", "length"])
def test_a_400_says_that_it_is_the_last_answer(raw):
    with Weir("") as weir:
        client = weir.connect().send(raw)
        got = client.read_response()
        assert got.status == 400 and got.get("Connection") == "close"
        assert client.ends() and not client.buffer


def test_a_404_to_a_body_unread_says_close_and_to_a_body_that_is_here_does_not():
    with Weir("") as weir:
        client = weir.connect().send(request("POST", "/no", [("Content-Length", "3")], b"abc"))
        got = client.read_response()
        assert got.status == 404 and got.get("Connection") != "close"
        client.send(request("POST", "/no", [("Content-Length", "4000000")], b"abc"))
        got = client.read_response()
        assert got.status == 404 and got.get("Connection") == "close"
        assert client.ends() and not client.buffer


def test_a_client_that_goes_on_sending_slowly_after_its_answer_is_not_reset_in_two_seconds():
    """The two seconds are of silence; a reset would take the answer with it."""
    for pace in paces():
        with pace, Weir("") as weir:
            client = weir.connect().send(request("POST", "/no", [("Content-Length", "4000000")]))
            for _ in range(16): # 3.2 s; after a reset this fails, or the reading does
                client.send(b"x" * 1000)
                time.sleep(0.2)
                pace.within(1.8)
            assert client.read_response().status == 404
            assert client.ends() and weir.process.poll() is None # the end that was said at once
            client.send(b"x")
            client.half_close()


def test_keepalives_max_counts_as_apaches():
    with Weir("KeepAliveTimeout 5") as weir, weir.connect() as client:
        for left in range(100, 0, -1):
            got = client.send(request("OPTIONS", "*", [("Connection", "keep-alive")])).read_response()
            assert got.status == 200 and got.get("Keep-Alive") == "timeout=5, max=%d" % left
        got = client.send(request("OPTIONS", "*", [("Connection", "keep-alive")])).read_response()
        assert got.status == 200 and got.get("Connection") == "close" and "Keep-Alive" not in got
        assert client.ends() and not client.buffer


def test_an_end_in_the_same_packet_as_the_request_is_seen(backend):
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect()
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.send(request())
        client.close()
        peer = backend.accept()
        peer.read_head()
        assert peer.ends()


# ---- what is passed on

def test_trailers_that_vouch_for_the_client_do_not_reach_the_backend(backend):
    vouching = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-For: 10.0.0.1",
                "X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1", "Via: 1.1 inner", "Authorization: Basic YTpi",
                "Proxy-Authorization: Basic YTpi", "Cookie: a=b"]
    lines = [*vouching, "X-Checksum: 5d41402a", *[line.lower() for line in vouching]]
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect().send(request("POST", "/", [("Transfer-Encoding", "chunked")]),
                                     b"5\r\nhello\r\n0\r\n%s\r\n\r\n" % "\r\n".join(lines).encode())
        peer = backend.accept()
        seen = peer.read_request()
        assert seen.body == b"hello" and seen.trailers == ["X-Checksum: 5d41402a"]
        peer.send(answer())
        assert client.read_response().status == 200


def test_a_handshake_pending_at_a_graceful_stop_still_becomes_a_tunnel(backend):
    with Weir(ONE + "ProxyPass / ws://127.0.0.1:{backend}/", backend=backend) as weir:
        client = weir.connect().send(handshake())
        peer = backend.accept()
        head = peer.read_head()
        weir.kill(signal.SIGWINCH)
        weir.wait_for_log("AH00492")
        peer.send(switching(head))
        assert client.read_head().status == 101
        client.send(frame(TEXT, b"there", masked=True))
        assert peer.read_frame()[1] == b"there"
        peer.send(frame(TEXT, b"back"))
        assert client.read_frame()[1] == b"back" and weir.process.poll() is None
        client.send(close_frame(masked=True))
        peer.read_frame()
        peer.send(close_frame())
        assert weir.wait() == 0


# ---- memory and turns

def test_interim_answers_that_nobody_reads_stay_bounded(backend):
    hints = b"HTTP/1.1 103 Early Hints\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 62 + b"\r\n" # nearly the largest head that is taken
    with Weir(HTTP, backend=backend) as weir:
        client = weir.connect(receive_buffer=4096).send(request())
        peer = backend.accept()
        peer.read_head()
        quietly(peer.send, *[hints] * 9) # one less than are too many
        assert peer.ends(), "the backend may go on"
        assert client.read_until(b"HTTP/1.1 502") # after those that were taken
        weir.wait_for_log(r"AH00898: Too many \(\d\) interim responses from origin server")


# The kernel sends pages out of memory: far faster than anyone can take them, so that there is always more.
FLOODER = """
import os, socket, sys
memory = os.memfd_create("flood")
os.write(memory, sys.argv[3].encode() * (6 << 20))
size = os.fstat(memory).st_size
while True:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(sys.argv[2].encode())
    at = 0
    try:
        while True:
            at = (at + os.sendfile(s.fileno(), memory, at, size - at)) % size
    except OSError:
        pass
"""
DRAIN = """
import socket
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    s, _ = listening.accept()
    buffer = bytearray(1 << 22)
    while s.recv_into(buffer):
        pass
"""


@contextlib.contextmanager
def program(text, *args):
    """In a process of its own, so that it does not take this one's turns."""
    process = subprocess.Popen([sys.executable, "-c", text, *args], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_one_uploader_that_is_always_ahead_does_not_hold_up_the_others():
    """Chunks of one byte are the dearest to read and the cheapest to send."""
    head = "POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with program(DRAIN) as drain, Weir("ProxyPass /up http://127.0.0.1:{backend}/", args=["-X"],
                                       backend=int(drain.stdout.readline())) as weir:
        with program(FLOODER, str(weir.port), head, "1\r\na\r\n"):
            time.sleep(0.5) # till it has begun
            took = []
            for _ in range(20):
                begun = weir.cpu()
                assert weir.get("*", method="OPTIONS").status == 200
                took.append(weir.cpu() - begun) # what it has worked on meanwhile, however many others want the processor
            assert sorted(took)[-2] < 0.25, took # one may be the machine's own

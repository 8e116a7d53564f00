"""`weir echo` without a proxy before it: what it answers to messages, to broken frames, and to plain HTTP."""
import asyncio
import contextlib
import os
import re
import socket
import struct
import subprocess

import pytest
import websockets

from flow.harness import (BINARY, CLOSE, CONTINUATION, FAULTS, KEY, PATIENCE, PING, PONG, TEXT, WEIR, Wire, accept_of,
                          frame, handshake, request)


class Echo:
    def __init__(self, *args, addresses=1):
        self.process = subprocess.Popen([WEIR, "echo", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = [self.process.stdout.readline() for _ in range(addresses)]
        self.port = int(re.search(r":(\d+)/", self.said[0]).group(1)) if "ws://" in self.said[0] else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0 and not FAULTS.search(errors), errors

    @property
    def url(self):
        return "ws://127.0.0.1:%d" % self.port

    def connect(self, receive_buffer=None):
        s = socket.socket()
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.connect(("127.0.0.1", self.port))
        return Wire(s)

    def open(self, path="/", fields=(), **options):
        wire = self.connect(**options).send(handshake(path, fields))
        head = wire.read_head()
        assert head.status == 101 and head.get("Sec-WebSocket-Accept") == accept_of(KEY)
        return wire

    def ask(self, raw, method="GET"):
        with self.connect() as wire:
            return wire.send(raw).read_response(method)


@pytest.fixture(scope="module")
def echo():
    with Echo("-l", "0") as e:
        yield e


def code_of(wire):
    """The code of the Close that comes next; the server ends the connection after it."""
    opcode, payload, _ = wire.read_frame()
    assert opcode == CLOSE, (opcode, payload)
    assert wire.half_close().ends()
    return struct.unpack(">H", payload[:2])[0] if payload else None


# ---- messages

def test_text_and_binary_of_every_frame_size_come_back(echo):
    async def story():
        async with websockets.connect(echo.url + "/any/path?at=all", max_size=None) as client:
            for n in (0, 1, 125, 126, 65535, 65536, 3 << 20):
                await client.send(bytes(range(256)) * (n // 256) + b"x" * (n % 256))
                assert len(await client.recv()) == n
            await client.send("日本語 ✓ \U0001f30a")
            assert await client.recv() == "日本語 ✓ \U0001f30a"
    asyncio.run(story())


def test_fragments_come_back_as_one_message_and_a_ping_between_them_is_answered_first(echo):
    with echo.open() as c:
        c.send(frame(TEXT, "水".encode()[:2], fin=False, masked=True))
        c.send(frame(PING, b"still there?", masked=True))
        c.send(frame(CONTINUATION, "水".encode()[2:], fin=False, masked=True))
        c.send(frame(CONTINUATION, b"", masked=True))
        assert c.read_frame() == (PONG, b"still there?", True)
        assert c.read_frame() == (TEXT, "水".encode(), True)


def test_frames_may_arrive_a_byte_at_a_time_or_with_the_handshake(echo):
    with echo.connect() as c:
        c.send(handshake() + frame(TEXT, b"early", masked=True))
        assert c.read_head().status == 101
        assert c.read_frame()[1] == b"early"
        for byte in frame(BINARY, b"s" * 200, masked=True):
            c.send(bytes([byte]))
        assert c.read_frame() == (BINARY, b"s" * 200, True)


def test_the_first_offered_protocol_is_chosen(echo):
    async def story():
        async with websockets.connect(echo.url, subprotocols=["graphql-ws", "mqtt"]) as client:
            assert client.subprotocol == "graphql-ws"
    asyncio.run(story())


def test_who_does_not_read_is_not_read_from(echo):
    """Echoes wait for their reader instead of filling memory; nothing of them is lost."""
    piece, limit = frame(BINARY, b"z" * 60000, masked=True), 128 << 20
    with echo.open(receive_buffer=4096) as c:
        c.socket.setblocking(False)
        sent = 0
        stream = piece * 40
        with contextlib.suppress(BlockingIOError):
            while sent < limit:
                sent += c.socket.send(stream[sent % len(piece):])
        until_blocked = sent
        c.socket.settimeout(PATIENCE)
        assert until_blocked < limit, "the backend took %d bytes from one who reads none" % sent
        for _ in range(sent // len(piece)):
            assert c.read_frame() == (BINARY, b"z" * 60000, True)


# ---- ends

@pytest.mark.parametrize("payload, answered", [
    (b"", None), (struct.pack(">H", 1000), 1000), (struct.pack(">H", 4999) + "理由".encode(), 4999),
    (b"\x03", 1002), (struct.pack(">H", 1005), 1002), (struct.pack(">H", 999), 1002), (struct.pack(">H", 1000) + b"\xff", 1007),
])
def test_close_is_answered_with_close(echo, payload, answered):
    with echo.open() as c:
        assert code_of(c.send(frame(CLOSE, payload, masked=True))) == answered


@pytest.mark.parametrize("bytes_, code", [
    (frame(TEXT, b"bare"), 1002),
    (frame(3, b"", masked=True), 1002),
    (frame(CONTINUATION, b"of nothing", masked=True), 1002),
    (frame(TEXT, b"a", fin=False, masked=True) + frame(TEXT, b"b", masked=True), 1002),
    (frame(PING, b"", fin=False, masked=True), 1002),
    (b"\x89\xfe\x00\x7e" + bytes(4 + 126), 1002),
    (b"\xc1\x80" + bytes(4), 1002),
    (b"\x82\xff" + b"\x80" + bytes(7) + bytes(4), 1002),
    (b"\x82\xff" + struct.pack(">Q", 17 << 20) + bytes(4), 1009),
    (frame(TEXT, b"\xc0\xaf", masked=True), 1007),
    (frame(TEXT, b"\xed\xa0\x80", masked=True), 1007),
    (frame(TEXT, b"\xf4\x90\x80\x80", masked=True), 1007),
    (frame(TEXT, "水".encode()[:2], masked=True), 1007),
], ids=["unmasked", "reserved-opcode", "continuation-of-nothing", "message-in-message", "fragmented-ping", "long-ping",
        "reserved-bit", "length-with-top-bit", "too-big", "overlong", "surrogate", "beyond-unicode", "cut-short"])
def test_a_broken_frame_ends_the_socket_with_its_code(echo, bytes_, code):
    with echo.open() as c:
        assert code_of(c.send(bytes_)) == code


def test_fragments_together_are_bounded_too():
    with Echo("-l", "0", "--max-message", "1000") as small, small.open() as c:
        c.send(frame(TEXT, b"a" * 600, fin=False, masked=True), frame(CONTINUATION, b"a" * 401, masked=True))
        assert code_of(c) == 1009


def test_stopping_says_going_away():
    with Echo("-l", "0") as e, e.open() as c:
        c.send(frame(TEXT, b"x", masked=True))
        assert c.read_frame()[1] == b"x"
        e.process.terminate()
        assert code_of(c) == 1001


# ---- the chat

def test_the_room_hears_everyone_and_is_told_who_joins():
    async def story(url):
        async with websockets.connect(url + "/some/chat") as one:
            assert "1 here" in await one.recv()
            async with websockets.connect(url + "/chat") as two:
                assert "2 here" in await one.recv() and "2 here" in await two.recv()
                await two.send("こんにちは")
                assert await one.recv() == await two.recv() == "こんにちは"
                await one.send(b"bytes")
                with pytest.raises(websockets.ConnectionClosed):
                    await one.recv()
                assert one.close_code == 1003
                await two.send("alone")
                assert await two.recv() == "alone"
    with Echo("-l", "0") as e:
        asyncio.run(story(e.url))


def test_the_room_does_not_wait_for_the_slowest():
    with Echo("-l", "0") as e, e.open("/chat", receive_buffer=4096) as slow, e.open("/chat") as quick:
        quick.read_frame()
        for _ in range(400): # 24 MB: more than sockets hold
            quick.send(frame(TEXT, b"m" * 60000, masked=True))
            assert quick.read_frame() == (TEXT, b"m" * 60000, True)
        frames = [slow.read_frame() for _ in range(2)]
        while frames[-1][0] == TEXT:
            frames.append(slow.read_frame())
        assert frames[-1][0] == CLOSE and frames[-1][1][:2] == struct.pack(">H", 1013)
        assert len(frames) < 400


# ---- plain HTTP

def test_plain_requests_get_the_page_on_a_kept_connection(echo):
    with echo.connect() as c:
        page = c.send(request("GET", "/")).read_response()
        assert page.status == 200 and page.get("Content-Type") == "text/html; charset=utf-8"
        assert "日本語" in page.body.decode() and b"http://" not in page.body and b"https://" not in page.body
        head = c.send(request("HEAD", "/")).read_response("HEAD")
        assert head.get("Content-Length") == str(len(page.body))
        c.send(request("GET", "/healthz") * 2)
        assert [c.read_response().body for _ in range(2)] == [b"ok\n"] * 2


def test_what_is_no_handshake_is_refused_with_the_reason(echo):
    upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
    old = echo.ask(request("GET", "/", [*upgrade, ("Sec-WebSocket-Key", KEY.decode()), ("Sec-WebSocket-Version", "8")]))
    assert old.status == 426 and old.get("Sec-WebSocket-Version") == "13"
    keyless = echo.ask(request("GET", "/", [*upgrade, ("Sec-WebSocket-Version", "13")]))
    assert keyless.status == 400 and b"Sec-WebSocket-Key" in keyless.body
    posted = echo.ask(request("POST", "/", [("Content-Length", "5")], b"hello"))
    assert posted.status == 405 and posted.get("Allow") == "GET, HEAD" and posted.get("Connection") == "close"
    assert echo.ask(b"nonsense\r\n\r\n").status == 400


# ---- the command

def test_it_listens_where_it_is_told_and_leaves_no_socket_file(tmp_path):
    path = str(tmp_path / "echo.sock")
    for _ in range(2): # the second time over a file that a killed one left
        with Echo("-l", "unix:" + path, "-l", "127.0.0.1:0", addresses=2) as e:
            assert e.said[0] == "weir echo: listening on unix:%s\n" % path
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                assert Wire(s).send(request("GET", "/healthz")).read_response().body == b"ok\n"
        assert not os.path.exists(path)
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)


@pytest.mark.parametrize("args, status, said", [
    (["--version"], 0, "weir echo "), (["--help"], 0, "Usage: weir echo"), (["-l", "nowhere"], 2, "--help"),
    (["-l", "127.0.0.1:70000"], 2, "--help"), (["-m", "0"], 2, "--help"), (["surplus"], 2, "--help"),
    (["-l", "192.0.2.1:1"], 1, "192.0.2.1:1: Cannot assign requested address"),
])
def test_manners(args, status, said):
    done = subprocess.run([WEIR, "echo", *args], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status
    assert said in (done.stderr if status else done.stdout) and (status == 0 or not done.stdout)
    assert not FAULTS.search(done.stderr)

"""What passes on a connection: messages of HTTP, frames of WebSocket (RFC 6455 5.2), and a raw connection, either side."""
import base64
import hashlib
import select
import socket
import struct
import time

PATIENCE = 20 # seconds that anything may take before the story is called broken; sanitizers are slow
SOON = 15 # seconds in which an end comes that is not one of time: less than any time-out that a story does not set itself
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ==" # of RFC 6455 1.3


# ---- messages ---------------------------------------------------------------------------------------------------

class Message:
    """A head in parts, and the body when it was read too."""

    def __init__(self, head):
        lines = head.split(b"\r\n")
        self.raw = head
        self.line = lines[0].decode("latin-1")
        self.fields = []
        for line in lines[1:]:
            if line:
                name, _, value = line.decode("latin-1").partition(":")
                self.fields.append((name, value.strip()))
        self.body = b""
        self.trailers = []

    @property
    def status(self):
        return int(self.line.split(" ")[1])

    @property
    def names(self):
        return [name for name, _ in self.fields]

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name):
        found = self.all(name)
        return found[0] if found else None

    def __contains__(self, name):
        return bool(self.all(name))

    def __repr__(self):
        return "<%s %r %d bytes>" % (self.line, self.fields, len(self.body))


def request(method="GET", path="/", fields=(), body=b"", host="example.com", version="1.1"):
    lines = ["%s %s HTTP/%s" % (method, path, version)]
    if host is not None:
        lines.append("Host: %s" % host)
    lines += ["%s: %s" % field for field in fields]
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + body


def answer(status=200, body=b"hello", fields=(), reason="Whatever", length=True):
    lines = ["HTTP/1.1 %d %s" % (status, reason)] + ["%s: %s" % field for field in fields]
    if length:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + body


def handshake(path="/", fields=(), host="example.com", key=KEY.decode()):
    return request("GET", path, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key),
                                 ("Sec-WebSocket-Version", "13"), *fields], host=host)


def accept_of(key):
    key = key.encode() if isinstance(key, str) else key
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def switching(head=None, fields=()):
    """The 101 that belongs to a handshake."""
    key = head.get("Sec-WebSocket-Key") if head else KEY
    return answer(101, b"",
                  [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept_of(key)),
                             *fields], reason="Switching Protocols", length=False)


# ---- frames -----------------------------------------------------------------------------------------------------

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, masked=False):
    n = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if n < 126:
        head += bytes([mask_bit | n])
    elif n < 65536:
        head += struct.pack(">BH", mask_bit | 126, n)
    else:
        head += struct.pack(">BQ", mask_bit | 127, n)
    if not masked:
        return head + payload
    mask = b"\x11\x22\x33\x44"
    return head + mask + xor(payload, mask)


def xor(payload, mask):
    n = len(payload)
    long_mask = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(long_mask, "big")).to_bytes(n, "big")


def close_frame(code=1000, masked=False):
    return frame(CLOSE, struct.pack(">H", code), masked=masked)


# ---- wires ------------------------------------------------------------------------------------------------------

class Wire:
    """One raw connection, either side. `seen` is every byte that came."""

    def __init__(self, sock, timeout=PATIENCE):
        self.socket = sock
        self.socket.settimeout(timeout)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.seen = bytearray()
        self.buffer = bytearray()
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def fill(self, timeout=None):
        """Reads once; False at the end."""
        if timeout is not None:
            self.socket.settimeout(timeout)
        try:
            more = self.socket.recv(1 << 18)
        finally:
            if timeout is not None:
                self.socket.settimeout(PATIENCE)
        self.ended = not more
        self.seen += more
        self.buffer += more
        return bool(more)

    def take(self, n):
        taken = bytes(self.buffer[:n])
        del self.buffer[:n]
        return taken

    def read(self, n):
        while len(self.buffer) < n:
            assert self.fill(), "the connection ended after %r, %d bytes were due" % (bytes(self.buffer[:200]), n)
        return self.take(n)

    def read_until(self, end):
        start = 0
        while (at := self.buffer.find(end, start)) < 0:
            start = max(0, len(self.buffer) - len(end))
            assert self.fill(), "the connection ended before %r: %r" % (end, bytes(self.buffer[:200]))
        return self.take(at + len(end))

    def read_all(self):
        while self.fill():
            pass
        return self.take(len(self.buffer))

    def discard(self, n=None):
        """Reads and forgets n bytes, or all to the end; returns how many and their digest."""
        digest, count = hashlib.md5(), 0
        while n is None or count < n:
            if self.buffer:
                piece = self.take(len(self.buffer) if n is None else n - count)
            else:
                piece = self.socket.recv(1 << 18 if n is None else min(1 << 18, n - count))
                if not piece:
                    break
            digest.update(piece)
            count += len(piece)
        return count, digest.hexdigest()

    def read_head(self):
        return Message(self.read_until(b"\r\n\r\n"))

    def read_chunked(self, message):
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            message.body += self.read(size)
            assert self.read(2) == b"\r\n"
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            message.trailers.append(line.decode("latin-1").strip())

    def read_request(self):
        m = self.read_head()
        if (m.get("Transfer-Encoding") or "").lower() == "chunked":
            self.read_chunked(m)
        elif m.get("Content-Length"):
            m.body = self.read(int(m.get("Content-Length")))
        return m

    def read_response(self, method="GET"):
        m = self.read_head()
        if method == "HEAD" or m.status < 200 or m.status in (204, 304):
            return m
        if (m.get("Transfer-Encoding") or "").lower() == "chunked":
            self.read_chunked(m)
        elif "Content-Length" in m:
            m.body = self.read(int(m.get("Content-Length")))
        else:
            m.body = self.read_all()
        return m

    def read_frame(self):
        """(opcode, payload, fin), unmasked."""
        first, second = self.read(2)
        n = second & 127
        if n == 126:
            n = struct.unpack(">H", self.read(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.read(8))[0]
        mask = self.read(4) if second & 128 else None
        payload = self.read(n)
        return first & 15, xor(payload, mask) if mask else payload, bool(first & 128)

    def is_silent(self, seconds=0.3):
        """Nothing comes and it does not end; the one place where time has to pass."""
        poll = select.poll() # select() knows no descriptor above 1023
        poll.register(self.socket, select.POLLIN)
        return not self.buffer and not poll.poll(seconds * 1000)

    def ends_within(self, seconds):
        """The peer's FIN or RST comes in time; what comes before is kept."""
        end = time.monotonic() + seconds
        try:
            while self.fill(max(0.001, end - time.monotonic())):
                pass
            return True
        except ConnectionError:
            self.ended = True
            return True
        except (TimeoutError, socket.timeout):
            return False

    def is_stuck(self, seconds=0.5):
        """For so long the peer has taken nothing, and no more goes in."""
        poll = select.poll()
        poll.register(self.socket, select.POLLOUT)
        return not poll.poll(0) and not poll.poll(seconds * 1000)

    def ends(self):
        return self.ends_within(SOON)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

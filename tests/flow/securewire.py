"""TLS for the harness: a Wire over TLS, either side, and a backend that speaks it. The records go through memory, so
that a story can also half-close, cut a connection short, or ask what the peer's last word was."""
import contextlib
import socket
import ssl
import threading

from harness import PATIENCE, Backend, Wire, handshake, switching


class TlsSocket:
    """What Wire uses of a socket, over TLS. `.closed_by` is None, "close_notify" or "end of TCP"."""

    def __init__(self, sock, context, *, server=False, name=None, session=None):
        self.tcp, self.closed_by = sock, None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server, server_hostname=name,
                                    session=session)
        self.call(self.tls.do_handshake)

    def push(self):
        if self.outgoing.pending:
            self.tcp.sendall(self.outgoing.read())

    def call(self, what, *args):
        while True:
            try:
                result = what(*args)
                self.push()
                return result
            except ssl.SSLWantReadError:
                self.push()
                more = self.tcp.recv(1 << 18)
                if more:
                    self.incoming.write(more)
                else:
                    self.incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self.push() # the alert
                raise

    def recv(self, n):
        try:
            data = self.call(self.tls.read, n)
            self.closed_by = self.closed_by if data else "close_notify"
            return data
        except ssl.SSLZeroReturnError:
            self.closed_by = "close_notify"
            return b""
        except ssl.SSLError as e:
            if e.reason != "UNEXPECTED_EOF_WHILE_READING":
                raise
            self.closed_by = "end of TCP"
            return b""

    def sendall(self, data):
        view = memoryview(data)
        for at in range(0, len(view), 1 << 16):
            self.call(self.tls.write, view[at:at + (1 << 16)])

    def shutdown(self, _how):
        """Says close_notify and goes on reading."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.push()

    def __getattr__(self, name): # family, settimeout, setsockopt, fileno, close
        return getattr(self.tcp, name)


class SecureWire(Wire):
    @property
    def tls(self):
        return self.socket.tls

    @property
    def serial(self):
        return self.tls.getpeercert()["serialNumber"]

    def is_silent(self, seconds=0.3):
        if self.buffer:
            return False
        try:
            self.fill(seconds)
            return False
        except (TimeoutError, socket.timeout):
            return True


def connect(weir, context, name="example.com", session=None, port=None, receive_buffer=None):
    """A client's TLS connection to Weir; the handshake is over."""
    tcp = weir.connect(port, receive_buffer).socket
    try:
        return SecureWire(TlsSocket(tcp, context, name=name, session=session))
    except BaseException:
        tcp.close()
        raise


def tunnel(weir, backend, context, path="/", **options):
    """Client's and backend's Wire of a wss tunnel that is open; the backend has no script."""
    client = connect(weir, context, **options).send(handshake(path))
    peer = backend.accept()
    peer.send(switching(peer.read_head()))
    assert client.read_head().status == 101
    return client, peer


class TlsBackend(Backend):
    """A Backend that speaks TLS; `.names` is the SNI of each handshake, `.failures` those that did not come about."""

    def __init__(self, context, script=None, **options):
        self.context, self.names, self.failures = context, [], []
        context.sni_callback = lambda _tls, name, _context: self.names.append(name)
        super().__init__(script, **options)

    def take(self, peer):
        threading.Thread(target=self.shake_hands, args=(peer,), daemon=True).start()

    def shake_hands(self, peer):
        peer.settimeout(PATIENCE)
        try:
            wire = SecureWire(TlsSocket(peer, self.context, server=True))
        except (OSError, ssl.SSLError) as e:
            self.failures.append(e)
            peer.close()
            return
        self.keep(wire)

    @property
    def resumed(self):
        """For each connection, whether its session is an older one's."""
        return [wire.tls.session_reused for wire in self.wires]

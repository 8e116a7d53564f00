"""PROXY headers in front: in pieces, late, in front of TLS and of tunnels, over reloads; and who is the client then."""
import socket
import struct

import pki
import pytest
from harness import TEXT, Backend, Weir, Wire, answer, frame, handshake, request, serve_hello, switching
from secureweir import pair
from securewire import TlsSocket

V1 = b"PROXY TCP4 203.0.113.7 5.6.7.8 1000 2000\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x21]) + struct.pack(">H", 36) + socket.inet_pton(
    socket.AF_INET6, "2001:db8::7") + bytes(16) + struct.pack(">HH", 1000, 2000)
HOST = """
LogLevel debug
CustomLog {dir}/access.log "%a %{c}a %>s"
<VirtualHost *:{port}>
    ServerName example.com
    RemoteIPProxyProtocol On
    LINES
    ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
</VirtualHost>
"""


def start(backend, lines="", **options):
    return Weir(HOST.replace("LINES", lines), backend=backend, **options)


def test_a_header_in_pieces_is_put_together_and_kept_for_the_connection():
    with Backend() as backend, start(backend) as weir, weir.connect() as c:
        for i in range(0, len(V2), 7):
            c.send(V2[i:i + 7])
            if i == 14:
                assert c.is_silent(0.1)
        c.send(request())
        with backend.accept() as b:
            for again in (True, False): # the second request is the same client's
                assert b.read_request().get("X-Forwarded-For") == "2001:db8::7"
                b.send(answer(200, b"ok"))
                assert c.read_response().body == b"ok"
                if again:
                    c.send(request())
        assert weir.wait_for_access() == "2001:db8::7 127.0.0.1 200"


def test_header_and_request_in_one_segment():
    with Backend(serve_hello) as backend, start(backend) as weir:
        assert weir.ask(V1 + request()).body == b"hello from /"


def test_what_is_no_header_ends_the_connection_and_says_so():
    with Backend(serve_hello) as backend, start(backend) as weir:
        with weir.connect() as c:
            assert c.send(request()).ends() and not c.seen
        weir.wait_for_log(r"remoteip:error.*client 127\.0\.0\.1:\d+\] .*does not begin with a PROXY header")
        with weir.connect() as c:
            assert c.send(V1[:20]).half_close().ends() and not c.seen
            port = c.socket.getsockname()[1]
        weir.wait_for_log(r"remoteip:info.*127\.0\.0\.1:%d\] AH10634" % port)
        assert not backend.wires


def test_a_header_that_does_not_come_in_time_ends_the_connection():
    with Backend(serve_hello) as backend, start(backend, "RequestReadTimeout header=1") as weir, weir.connect() as c:
        c.send(V1[:10])
        assert c.ends()
        weir.wait_for_log("reqtimeout:info.*PROXY header")


def test_a_tunnel_is_logged_as_the_client_that_the_header_named():
    with Backend() as backend, start(backend) as weir, weir.connect() as c:
        c.send(V1 + handshake())
        with backend.accept() as b:
            b.send(switching(b.read_head()))
            assert c.read_head().status == 101
            c.send(frame(TEXT, b"hi", masked=True))
            assert b.read_frame() == (TEXT, b"hi", True)
        assert c.ends()
        c.close()
        assert weir.wait_for_access("101") == "203.0.113.7 127.0.0.1 101"
        weir.wait_for_log(r"client 203\.0\.113\.7:1000\] .*tunnel to")


@pytest.mark.parametrize("header", [V1, V2])
def test_tls_begins_behind_the_header(ca, header):
    with Backend(serve_hello) as backend, start(backend, "SSLEngine on\n" + pair(ca.leaf)) as weir:
        tcp = socket.create_connection(("127.0.0.1", weir.port), 10)
        tcp.sendall(header)
        with Wire(TlsSocket(tcp, pki.client_context(ca), name="example.com")) as c:
            assert c.send(request()).read_response().body == b"hello from /"
        assert weir.wait_for_access().endswith(" 127.0.0.1 200")


def test_reload_keeps_a_connections_client_and_the_new_setting_is_for_new_connections():
    with Backend(serve_hello) as backend, start(backend) as weir, weir.connect() as c:
        assert c.send(V1 + request()).read_response().status == 200
        weir.configure(HOST.replace("LINES", "").replace("RemoteIPProxyProtocol On", ""))
        weir.reload()
        assert c.send(request()).read_response().status == 200
        assert weir.get().status == 200
        weir.stop()
        assert sorted(weir.access_log().splitlines()) == ["127.0.0.1 127.0.0.1 200"] + ["203.0.113.7 127.0.0.1 200"] * 2

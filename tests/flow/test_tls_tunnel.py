"""Tunnels inside TLS: their ends, silence, back-pressure and first frames, and what the access log says of them: what the
handshake was, however long ago that is. When the tunnel begins, the connection gives back what only the handshake needed."""
import os
import re
import socket
import struct

import pki
import pytest
from harness import BINARY, CLOSE, TEXT, Backend, close_frame, frame, handshake, request, serve_echo, switching, until
from secureweir import V12, either_version, start
from securewire import connect, tunnel


@either_version
def test_a_half_closed_tunnel_still_carries_the_other_direction(ca, version):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca, version=version))
        client.half_close() # close_notify, the TCP connection stays
        assert peer.ends()
        peer.send(frame(TEXT, b"last words"))
        assert client.read_frame()[1] == b"last words"
        peer.close()
        assert client.ends() and client.socket.closed_by == "close_notify"


def test_the_backends_end_is_a_close_notify(ca):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        peer.send(frame(TEXT, b"bye")).close()
        assert client.read_frame()[1] == b"bye"
        assert client.ends() and client.socket.closed_by == "close_notify"


def test_who_ends_a_tunnel_without_close_notify_gets_none(ca):
    """As with Apache. Most have closed their socket, and its kernel would answer with a reset."""
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        client.socket.tcp.shutdown(socket.SHUT_WR)
        assert peer.ends()
        peer.send(frame(TEXT, b"last words")).close()
        assert client.read_frame()[1] == b"last words"
        assert client.ends() and client.socket.closed_by == "end of TCP"


def data_segments_in(sock):
    """struct tcp_info, tcpi_data_segs_in"""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160), 152)[0]


def test_the_last_frame_and_the_end_share_a_packet(ca):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        client.send(close_frame(1000, masked=True))
        assert peer.read_frame()[0] == CLOSE
        before = data_segments_in(client.socket.tcp)
        peer.send(close_frame(1000))
        assert client.read_frame()[0] == CLOSE
        assert client.ends() and client.socket.closed_by == "close_notify"
        assert data_segments_in(client.socket.tcp) == before + 1


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_vanishes_ends_the_backends_side(ca, how):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        getattr(client, how)()
        assert peer.ends()
        peer.close()
        weir.wait_for_access(" 101 ")


def test_an_aborted_request_ends_at_the_backend(ca):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client = connect(weir, pki.client_context(ca)).send(request())
        peer = backend.accept()
        peer.read_head()
        client.reset()
        assert peer.ends()


def test_idle_tunnels_stay_silent_and_alive(ca):
    with Backend() as backend, start(ca, "Timeout 1\nProxyTimeout 30\nRequestReadTimeout header=1 handshake=1",
                                     backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        assert client.is_silent(2.5) and peer.is_silent(0.1)
        client.send(frame(TEXT, b"awake", masked=True))
        assert peer.read_frame()[1] == b"awake"
        client.close()


def test_frames_in_the_first_flight_after_the_handshake(ca):
    """The WebSocket's handshake and its first frames in one TLS record."""
    with Backend() as backend, start(ca, backend=backend) as weir:
        early = frame(TEXT, b"early", masked=True)
        with connect(weir, pki.client_context(ca)) as client:
            client.send(handshake() + early)
            peer = backend.accept()
            peer.send(switching(peer.read_head()) + frame(TEXT, b"at once"))
            assert peer.read(len(early)) == early
            assert client.read_head().status == 101 and client.read_frame()[1] == b"at once"


def test_a_slow_reader_holds_the_backend_back_and_costs_no_memory(ca):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca), receive_buffer=16384)
        before = weir.rss()
        piece, sent = frame(BINARY, bytes(1 << 20)), 0
        peer.socket.settimeout(1)
        with pytest.raises((TimeoutError, socket.timeout)):
            while sent < 200:
                peer.send(piece)
                sent += 1
        assert sent < 60 and weir.rss() - before < 8 << 20, (sent, weir.rss() - before)
        peer.close()
        count, _ = client.discard()
        assert count >= sent * len(piece)


def test_bulk_passes_unchanged_in_both_directions(ca):
    with Backend(serve_echo) as backend, start(ca, backend=backend) as weir:
        with connect(weir, pki.client_context(ca)) as client:
            client.send(handshake())
            assert client.read_head().status == 101
            body = os.urandom(1 << 20) * 8
            client.send(frame(BINARY, body, masked=True))
            assert client.read_frame()[1] == body


# ---- the access log --------------------------------------------------------------------------------------------------

def test_the_access_log_counts_what_passed_inside_tls(ca):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        up, down = frame(BINARY, bytes(5000), masked=True), frame(BINARY, bytes(70000))
        client.send(up)
        assert peer.read(len(up)) == up
        peer.send(down)
        assert client.read(len(down)) == down
        asked, got = len(handshake()), len(client.seen)
        client.close()
        peer.close()
        line = weir.wait_for_access(" 101 ")
        found = re.search(r"in=(\d+) out=(\d+)", line)
        assert int(found.group(1)) == asked + len(up) and int(found.group(2)) == got, (line, asked, got)


LINES = """
    SSLCACertificateFile {ca}
    SSLVerifyClient optional
    SSLUserName SSL_CLIENT_S_DN_CN
    CustomLog {dir}/access.log "%>s %{SSL_PROTOCOL}x %{SSL_CIPHER}x %{SSL_TLS_SNI}x %{SSL_CLIENT_VERIFY}x \
%{SSL_CLIENT_S_DN_CN}x %{SSL_CLIENT_S_DN_OU}x %{SSL_CLIENT_M_SERIAL}x %{SSL_SERVER_S_DN_CN}x %{SSL_SESSION_RESUMED}x %u"
"""


def live(weir, backend, context, session=None, reload=False):
    """A tunnel from its opening to its line in the log; the client's session and that line."""
    client, peer = tunnel(weir, backend, context, session=session)
    client.send(frame(TEXT, b"up", masked=True))
    assert peer.read_frame()[1] == b"up"
    peer.send(frame(TEXT, b"down"))
    assert client.read_frame()[1] == b"down"
    if reload:
        weir.reload()
    session = client.tls.session
    before = weir.access_log().count("\n")
    client.close()
    peer.close()
    until(lambda: weir.access_log().count("\n") > before, "the tunnel's line")
    return session, weir.access_log().strip().split("\n")[before]


@either_version
def test_a_tunnels_line_names_the_clients_certificate(ca, version):
    agreed = "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384" if version == V12 else "TLSv1.3 TLS_AES_256_GCM_SHA384"
    alice = ca.issue("Alice", ou="chat")
    known = "101 %s example.com SUCCESS Alice chat %s example.com %%s Alice" % (agreed, alice.serial)
    with Backend() as backend, start(ca, LINES, backend) as weir:
        context = pki.client_context(ca, alice, version)
        session, line = live(weir, backend, context)
        assert line == known % "Initial"
        session, line = live(weir, backend, context, session, reload=True)
        assert line == known % "Resumed"
        _, line = live(weir, backend, pki.client_context(ca, version=version))
        assert line == "101 %s example.com NONE - - - example.com Initial -" % agreed

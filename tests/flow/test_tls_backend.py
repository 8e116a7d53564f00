"""TLS behind: backends of https:// and wss://, whom Weir believes, what it tells them, and what a failed handshake
comes to. What a client is answered in MATRIX was seen of apache2 2.4.71."""
import asyncio
import contextlib
import os
import re
import subprocess
import time

import pki
import pytest
import websockets
from harness import (BINARY, PATIENCE, SOON, TEXT, Backend, Weir, answer, frame, free_port, handshake, request, serve_echo,
                     serve_hello, switching, until, websockets_echo)
from secureweir import V12, either_version, pair
from securewire import TlsBackend, connect


@pytest.fixture(scope="module")
def ca(ca):
    ca.front, ca.leaf = ca.leaf, ca.issue("localhost", "localhost")
    return ca


def proxied(lines="", scheme="https", options=""):
    return "SSLProxyEngine on\n%s\nProxyPass / %s://localhost:{backend}/ %s" % (lines, scheme, options)


TRUST = "SSLProxyVerify require\nSSLProxyCACertificateFile {ca}\n"


# ---- it works ---------------------------------------------------------------------------------------------------

@either_version
def test_an_https_backend(ca, version):
    with TlsBackend(pki.server_context(ca.leaf, version=version), serve_hello) as backend:
        with Weir(proxied(TRUST), backend=backend, ca=ca.cert) as weir:
            assert weir.get("/a?b").body == b"hello from /a?b"
            assert weir.ask(request("POST", "/up", [("Content-Length", "3")], b"abc")).body == b"hello from /up"
            assert backend.names[0] == "localhost" and not backend.failures


def test_large_bodies_in_both_directions(ca):
    body = bytes(range(256)) * 20000

    def mirror(wire):
        with contextlib.suppress(AssertionError, OSError):
            while True:
                wire.send(answer(200, wire.read_request().body))

    with TlsBackend(pki.server_context(ca.leaf), mirror) as backend, Weir(proxied(), backend=backend) as weir:
        got = weir.ask(request("POST", "/", [("Content-Length", str(len(body)))], body))
        assert got.status == 200 and got.body == body


async def chat(url, **options):
    async with websockets.connect(url, max_size=None, **options) as socket:
        for message in ["hello", "こんにちは", b"\0\1\2", "x" * 1000000, b"y" * (1 << 20), ""]:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == message
        await socket.send(["in ", "three ", "fragments"])
        assert await asyncio.wait_for(socket.recv(), PATIENCE) == "in three fragments"
        await socket.close(4001, "bye")
        assert socket.close_code == 4001


@either_version
def test_a_wss_backend(ca, version):
    with websockets_echo(ssl=pki.server_context(ca.leaf, version=version)) as backend:
        with Weir(proxied(TRUST, "wss"), backend=backend, ca=ca.cert) as weir:
            asyncio.run(chat("ws://127.0.0.1:%d/chat?room=1" % weir.port))
            assert backend.paths == ["/chat?room=1"]


def test_tls_on_both_sides(ca):
    front = "SSLEngine on\n" + pair(ca.front)
    with websockets_echo(ssl=pki.server_context(ca.leaf)) as backend:
        with Weir(front + proxied(TRUST, "wss"), backend=backend, ca=ca.cert) as weir:
            asyncio.run(chat("wss://example.com:%d/" % weir.port, host="127.0.0.1", port=weir.port,
                             server_hostname="example.com", ssl=pki.client_context(ca)))


def test_an_https_backend_with_upgrade_takes_both(ca):
    def script(wire):
        head = wire.read_head()
        if head.get("Upgrade"):
            wire.send(switching(head))
            opcode, payload, _ = wire.read_frame()
            wire.send(frame(opcode, payload))
        else:
            wire.send(answer(200, b"plain"))

    with TlsBackend(pki.server_context(ca.leaf), script) as backend:
        with Weir(proxied("", "https", "upgrade=websocket"), backend=backend) as weir:
            assert weir.get().body == b"plain"
            with weir.connect() as client:
                assert client.send(handshake()).read_head().status == 101
                assert client.send(frame(TEXT, b"hello", masked=True)).read_frame()[1] == b"hello"


def test_a_backends_101_and_first_frames_in_one_record(ca):
    with TlsBackend(pki.server_context(ca.leaf)) as backend, Weir(proxied("", "wss"), backend=backend) as weir:
        client = weir.connect().send(handshake())
        peer = backend.accept()
        peer.send(switching(peer.read_head()) + frame(BINARY, bytes(30000)) + frame(TEXT, b"and more"))
        assert client.read_head().status == 101
        assert client.read_frame()[1] == bytes(30000) and client.read_frame()[1] == b"and more"
        client.close()
        peer.close()


def test_half_close_towards_a_tls_backend(ca):
    with TlsBackend(pki.server_context(ca.leaf)) as backend, Weir(proxied("", "wss"), backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        client.half_close()
        assert peer.ends() and peer.socket.closed_by == "close_notify"
        peer.send(frame(TEXT, b"last words"))
        assert client.read_frame()[1] == b"last words"
        peer.half_close()
        assert client.ends()
        peer.close()


# ---- whom to believe --------------------------------------------------------------------------------------------

CHECKS_OFF = "SSLProxyCheckPeerName off\nSSLProxyCheckPeerCN off\n"
ON, OFF = 200, 500
# settings, {backend's certificate: the client's status}
MATRIX = {
    "nothing but SSLProxyEngine": ("", dict(good=ON, name=OFF, expired=OFF, alien=ON, cn_only=ON, san_only=ON)),
    "SSLProxyVerify none": ("SSLProxyVerify none", dict(good=ON, name=OFF, expired=OFF, alien=ON)),
    "verified": (TRUST, dict(good=ON, name=OFF, expired=OFF, alien=OFF, cn_only=ON, san_only=ON)),
    "verified, names not": (TRUST + CHECKS_OFF, dict(good=ON, name=ON, expired=OFF, alien=OFF)),
    "verified, time not": (TRUST + "SSLProxyCheckPeerExpire off", dict(good=ON, name=OFF, expired=OFF)),
    "time not": ("SSLProxyCheckPeerExpire off", dict(good=ON, name=OFF, expired=ON)),
    "names not": (CHECKS_OFF, dict(good=ON, name=ON, expired=OFF, alien=ON)),
    "CheckPeerName off alone": ("SSLProxyCheckPeerName off", dict(good=ON, name=ON)),
    "CheckPeerCN off alone": ("SSLProxyCheckPeerCN off", dict(good=ON, name=ON)),
    "CheckPeerName on, CN off": ("SSLProxyCheckPeerName on\nSSLProxyCheckPeerCN off", dict(good=ON, name=OFF)),
    "the old CN check": ("SSLProxyCheckPeerName off\nSSLProxyCheckPeerCN on",
                         dict(good=ON, name=OFF, cn_only=ON, san_only=OFF)),
    "nothing checked": (CHECKS_OFF + "SSLProxyCheckPeerExpire off", dict(good=ON, name=ON, expired=ON, alien=ON)),
    "verified without a CA": ("SSLProxyVerify require", dict(good=OFF)),
    "optional": ("SSLProxyVerify optional\nSSLProxyCACertificateFile {ca}", dict(good=ON, alien=OFF, expired=OFF)),
    "optional_no_ca": ("SSLProxyVerify optional_no_ca\nSSLProxyCACertificateFile {ca}", dict(good=ON, alien=ON)),
    "revoked": (TRUST + "SSLProxyCARevocationFile {crl}\nSSLProxyCARevocationCheck leaf", dict(good=ON, revoked=OFF)),
    "revocation not looked at": (TRUST, dict(revoked=ON)),
    "a protocol that the backend has not": ("SSLProxyProtocol TLSv1.3", dict(good=ON, old=OFF)),
    "a suite that the backend has not": ("SSLProxyProtocol TLSv1.2\nSSLProxyCipherSuite ECDHE-RSA-AES128-GCM-SHA256",
                                         dict(good=OFF)),
}
CASES = [(case, leaf) for case, (_, leaves) in MATRIX.items() for leaf in leaves]


def matrix_backends(ca):
    leaves = {"good": ca.leaf, "name": ca.issue("wrong.example", "wrong.example"),
              "expired": ca.issue("localhost", "localhost", expired=True),
              "alien": ca.other.issue("localhost", "localhost"), "cn_only": ca.issue("localhost"),
              "san_only": ca.issue("wrong.example", "localhost"), "revoked": ca.issue("localhost", "localhost")}
    ca.revoke(leaves["revoked"])
    ca.crl()
    backends = {n: TlsBackend(pki.server_context(leaf), serve_hello) for n, leaf in leaves.items()}
    backends["old"] = TlsBackend(pki.server_context(ca.leaf, version=V12), serve_hello)
    return backends


def matrix_hosts(backends):
    text = ""
    for n, (lines, leaves) in enumerate(MATRIX.values()):
        passes = ["ProxyPass /%s/ https://localhost:%d/" % (leaf, backends[leaf].port) for leaf in leaves]
        text += "<VirtualHost *:{port}>\nServerName case%d.example\nSSLProxyEngine on\n%s\n%s\n</VirtualHost>\n" % (
            n, lines, "\n".join(passes))
    return text


@pytest.fixture(scope="module")
def matrix(ca):
    backends = matrix_backends(ca)
    with Weir(matrix_hosts(backends), ca=ca.cert, crl=ca.path("crl.pem")) as weir:
        yield weir
    for backend in backends.values():
        backend.close()


@pytest.mark.parametrize("case, leaf", CASES)
def test_whom_weir_believes(matrix, case, leaf):
    host = "case%d.example" % list(MATRIX).index(case)
    for _ in range(2): # and a session that was taken up is believed no more than the first
        got = matrix.get("/%s/" % leaf, host=host)
        assert got.status == MATRIX[case][1][leaf], got.body
    if got.status == 500:
        assert b"Error during SSL Handshake with remote server" in got.body


def test_the_log_says_what_was_wrong(matrix):
    for leaf, number, words in (("name", "AH02411", "Peer certificate does not match for hostname localhost"),
                                ("expired", "AH02003", "certificate has expired"),
                                ("alien", "AH02003", "unable to get local issuer certificate")):
        host = "case%d.example" % list(MATRIX).index("verified")
        assert matrix.get("/%s/" % leaf, host=host).status == 500
        matrix.wait_for_log("%s.*%s" % (number, words))
    assert matrix.get("/expired/", host="case0.example").status == 500
    matrix.wait_for_log("AH02004: .*SSL Proxy: Peer certificate is expired")
    host = "case%d.example" % list(MATRIX).index("the old CN check")
    assert matrix.get("/name/", host=host).status == 500
    matrix.wait_for_log("AH02005: .*CN mismatch: Certificate CN: wrong.example Requested hostname: localhost")


def test_a_failed_handshake_is_an_error_in_the_log(ca):
    """An administrator with the usual LogLevel has to see why there is a 500."""
    with TlsBackend(pki.server_context(ca.issue("wrong.example")), serve_hello) as backend:
        with Weir("LogLevel warn\n" + proxied(TRUST), backend=backend, ca=ca.cert) as weir:
            assert weir.get().status == 500
            weir.wait_for_log(r":error\].*(AH01097|AH01084|AH00898|does not match)")


@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_without_ssl_proxy_engine_nothing_is_sent(ca, scheme):
    with TlsBackend(pki.server_context(ca.leaf), serve_hello) as backend:
        with Weir("ProxyPass / %s://localhost:{backend}/" % scheme, backend=backend) as weir:
            assert weir.ask(handshake()).status == 500
            weir.wait_for_log("AH01961:  failed to enable ssl support")
            weir.wait_for_log(r"AH00961: %s: failed to enable ssl support for \S+ \(localhost\)" % scheme)
            assert backend.connections == 0


def test_a_handshake_refused_for_a_tunnel(ca):
    with TlsBackend(pki.server_context(ca.issue("wrong.example"))) as backend:
        with Weir(proxied(TRUST, "wss"), backend=backend, ca=ca.cert) as weir:
            assert weir.ask(handshake()).status == 500
            weir.wait_for_access(" 500 ")


def test_a_proxy_section_has_settings_of_its_own(ca):
    leaf = ca.issue("wrong.example")
    text = "<Proxy https://localhost:{lax}>\n" + CHECKS_OFF + """</Proxy>
SSLProxyEngine on
ProxyPass /strict/ https://localhost:{strict}/
ProxyPass /lax/ https://localhost:{lax}/"""
    with TlsBackend(pki.server_context(leaf), serve_hello) as lax, \
            TlsBackend(pki.server_context(leaf), serve_hello) as strict:
        with Weir(text, lax=lax, strict=strict) as weir:
            assert weir.get("/lax/").status == 200 and weir.get("/strict/").status == 500


# ---- what the backend is told -----------------------------------------------------------------------------------

def test_the_name_is_the_backends_or_the_clients(ca):
    leaf = ca.issue("localhost", "localhost", "example.com", "127.0.0.1")
    for line, host, name in (("ProxyPreserveHost Off", "example.com", "localhost"),
                             ("ProxyPreserveHost On", "example.com", "example.com"),
                             ("ProxyPreserveHost On", "example.com:8443", "example.com")):
        with TlsBackend(pki.server_context(leaf), serve_hello) as backend:
            with Weir(proxied(TRUST + line), backend=backend, ca=ca.cert) as weir:
                assert weir.get(host=host).status == 200 and backend.names == [name]


def test_a_preserved_name_that_the_certificate_has_not_is_refused(ca):
    with TlsBackend(pki.server_context(ca.leaf), serve_hello) as backend:
        with Weir(proxied("ProxyPreserveHost On"), backend=backend) as weir:
            assert weir.get(host="example.com").status == 500
            assert weir.get(host="localhost").status == 200


def test_an_address_is_no_name(ca):
    leaf = ca.issue("127.0.0.1", "127.0.0.1")
    with TlsBackend(pki.server_context(leaf), serve_hello) as backend:
        with Weir(proxied(TRUST).replace("localhost", "127.0.0.1"), backend=backend, ca=ca.cert) as weir:
            assert weir.get().status == 200 and backend.names == [None]


def test_a_connection_is_not_lent_to_another_name(ca):
    """With ProxyPreserveHost each name has connections of its own: the certificate was checked for one only."""
    leaf = ca.issue("localhost", "one.example", "two.example")
    with TlsBackend(pki.server_context(leaf), serve_hello) as backend:
        with Weir("ThreadsPerChild 1\n" + proxied("ProxyPreserveHost On"), backend=backend) as weir:
            for _ in range(2):
                for host in ("one.example", "two.example"):
                    assert weir.get(host=host).status == 200
            assert sorted(backend.names) == ["one.example", "two.example"]


@either_version
def test_a_certificate_of_our_own(ca, version):
    ours = ca.issue("weir")
    context = pki.server_context(ca.leaf, ca, version)
    with TlsBackend(context, serve_hello) as backend:
        with Weir(proxied("SSLProxyMachineCertificateFile " + ours.both), backend=backend) as weir:
            assert weir.get().status == 200
            assert backend.wires[0].serial == ours.serial
        with Weir(proxied(), backend=backend) as weir:
            assert weir.get().status in (500, 502)


@contextlib.contextmanager
def choosy(leaf, ca):
    """A backend that names the authority whose certificates it wants, and answers with what it got; yields its port."""
    port = free_port()
    process = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", leaf.cert, "-key", leaf.key,
                                "-CAfile", ca.cert, "-verify", "3", "-www"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: "ACCEPT" in process.stdout.readline(), "s_server")
        yield port
    finally:
        process.kill()
        process.communicate()


def shown(weir):
    """The common name of the certificate that the backend got, or None."""
    got = weir.get()
    assert got.status == 200, got.body
    found = re.search(rb"Client certificate(?s:.*?)Subject: .*CN ?= ?(\w+)", got.body)
    return found and found.group(1).decode()


@pytest.mark.parametrize("where", ["File", "Path"])
def test_the_authorities_that_a_backend_names_choose_the_certificate(ca, where):
    first, second = ca.other.issue("first"), ca.issue("second")
    with pki.folder() as folder:
        pki.write(os.path.join(folder, "1.pem"), pki.read(first.cert, first.key, second.key, second.cert))
        pki.write(os.path.join(folder, "README"), "no certificate\n")
        line = "SSLProxyMachineCertificate%s %s" % (where, os.path.join(folder, "1.pem") if where == "File" else folder)
        for authority, name in ((ca, "second"), (ca.other, "first")):
            with choosy(ca.leaf, authority) as backend, Weir(proxied(line), backend=backend) as weir:
                assert shown(weir) == name


def test_a_chain_leads_to_the_authority_that_a_backend_names(ca):
    with pki.folder() as folder:
        middle = pki.CA(folder, "Middle CA", ca)
        ours, stranger = middle.issue("weir"), ca.other.issue("stranger")
        both = pki.write(os.path.join(folder, "both"), pki.read(stranger.both, ours.both))
        lines = "SSLProxyMachineCertificateFile %s\nSSLProxyMachineCertificateChainFile %s" % (both, middle.cert)
        with choosy(ca.leaf, ca) as backend, Weir(proxied(lines), backend=backend) as weir:
            assert shown(weir) == "weir"
        with TlsBackend(pki.server_context(ca.leaf, ca), serve_hello) as backend: # which verifies it
            with Weir(proxied(lines.replace(both, ours.both)), backend=backend) as weir:
                assert weir.get().status == 200 and backend.wires[0].serial == ours.serial


def test_to_a_backend_that_trusts_none_of_them_none_is_shown(ca):
    line = "SSLProxyMachineCertificateFile " + ca.other.issue("stranger").both
    with choosy(ca.leaf, ca) as backend, Weir(proxied(line), backend=backend) as weir:
        assert shown(weir) is None


@pytest.mark.parametrize("where, number", [("File", "AH02252"), ("Path", "AH02206")])
def test_a_machine_certificate_without_its_key_ends_the_start(ca, where, number):
    ours = ca.issue("weir")
    with pki.folder() as folder:
        pki.write(os.path.join(folder, "cert.pem"), pki.read(ours.cert))
        path = os.path.join(folder, "cert.pem") if where == "File" else folder
        weir = Weir(proxied("SSLProxyMachineCertificate%s %s" % (where, path)), backend=9, start=False)
        done = weir.run()
        assert done.returncode == 1 and path in done.stderr + weir.error_log(), done
        assert number in done.stderr


# ---- economy ----------------------------------------------------------------------------------------------------

def test_connections_are_kept_and_used_again(ca):
    with TlsBackend(pki.server_context(ca.leaf), serve_hello) as backend:
        with Weir("ThreadsPerChild 1\n" + proxied(TRUST), backend=backend, ca=ca.cert) as weir:
            for i in range(20):
                assert weir.get("/%d" % i).body == b"hello from /%d" % i
            assert backend.connections == 1


@either_version
def test_sessions_are_used_again(ca, version):
    def once(wire):
        m = wire.read_request()
        wire.send(answer(200, m.line.encode(), [("Connection", "close")]))
        wire.half_close() # OpenSSL takes no session up again whose end was TCP's alone

    with TlsBackend(pki.server_context(ca.leaf, version=version), once) as backend:
        with Weir("ThreadsPerChild 1\n" + proxied(TRUST), backend=backend, ca=ca.cert) as weir:
            for _ in range(6):
                assert weir.get().status == 200
            assert backend.resumed == [False] + [True] * 5


def test_a_kept_connection_that_the_backend_ended_is_replaced(ca):
    with TlsBackend(pki.server_context(ca.leaf), serve_hello) as backend:
        with Weir("ThreadsPerChild 1\n" + proxied(), backend=backend) as weir:
            assert weir.get().status == 200
            backend.wires[0].socket.shutdown(0)
            backend.wires[0].close()
            assert weir.get().status == 200 and backend.connections == 2


def test_a_reload_renews_what_is_trusted(ca):
    with TlsBackend(pki.server_context(ca.leaf), serve_hello) as backend:
        with Weir(proxied(TRUST), backend=backend, ca=ca.cert) as weir:
            assert weir.get().status == 200
            weir.values["ca"] = ca.other.cert
            weir.configure(proxied(TRUST))
            weir.reload()
            assert weir.get().status == 500
            weir.values["ca"] = ca.path("none.pem")
            weir.configure(proxied(TRUST))
            weir.reload(good=False)
            assert "none.pem" in weir.wait_for_log("reload refused|none.pem")


# ---- backends that do not behave --------------------------------------------------------------------------------

def test_connectiontimeout_covers_the_handshake(ca):
    with Backend() as backend, Weir(proxied("", "https", "connectiontimeout=1"), backend=backend) as weir:
        begun = time.monotonic()
        got = weir.get()
        assert 0.8 < time.monotonic() - begun < SOON
        assert got.status == 503
        weir.wait_for_log(r":error\].*AH00957: https: attempt to connect to \S+ \(localhost:\d+\) failed")


def test_a_backend_that_speaks_plain_http(ca):
    def script(wire):
        wire.fill()
        wire.send(answer(400, b"what?"))

    with Backend(script) as backend, Weir(proxied(), backend=backend) as weir:
        got = weir.get()
        assert got.status == 500 and b"what?" not in got.body
        weir.wait_for_log("AH02003.*wrong version number")


@pytest.mark.parametrize("bytes_", [b"", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
                                    bytes(range(256))], ids=["close", "alert", "empty ServerHello", "noise"])
def test_a_backend_that_breaks_the_handshake(ca, bytes_):
    def script(wire):
        wire.fill()
        wire.send(bytes_)

    with Backend(script) as backend, Weir(proxied(), backend=backend) as weir:
        assert weir.get().status == 500
        weir.wait_for_log("AH02003: SSL Proxy")


def test_nothing_listens(ca):
    with Weir(proxied(), backend=free_port()) as weir:
        assert weir.get().status == 503
        weir.wait_for_log("AH00957: https: attempt to connect to .* failed")


def test_an_answer_cut_short_is_not_taken_for_whole(ca):
    """TCP's end without close_notify is not the end of an answer without a length."""
    def cut(wire):
        wire.read_request()
        wire.send(answer(200, b"half of i", length=False))
        wire.socket.tcp.close()

    with TlsBackend(pki.server_context(ca.leaf), cut) as backend, Weir(proxied(), backend=backend) as weir:
        with weir.connect() as client:
            client.send(request())
            everything = client.read_all()
            assert not everything.endswith(b"0\r\n\r\n"), everything


def test_a_slow_client_holds_a_tls_backend_back(ca):
    with TlsBackend(pki.server_context(ca.leaf)) as backend, Weir(proxied("", "wss"), backend=backend) as weir:
        client, peer = weir.tunnel(backend, receive_buffer=16384)
        before, sent, piece = weir.rss(), 0, frame(BINARY, bytes(1 << 20))
        peer.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            while sent < 200:
                peer.send(piece)
                sent += 1
        assert sent < 60 and weir.rss() - before < 8 << 20, (sent, weir.rss() - before)
        client.reset()
        peer.close()
        weir.wait_for_access(" 101 ")


def test_a_client_that_gives_up_during_the_backends_handshake(ca):
    with Backend() as backend, Weir(proxied(), backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        assert peer.read(1) == b"\x16"
        client.reset()
        assert peer.ends()
        weir.wait_for_access(".")


def test_tunnels_through_both_sides_live_through_a_reload(ca):
    front = "SSLEngine on\n" + pair(ca.front)
    with TlsBackend(pki.server_context(ca.leaf), serve_echo) as backend:
        with Weir(front + proxied(TRUST, "wss"), backend=backend, ca=ca.cert) as weir:
            clients = [connect(weir, pki.client_context(ca)).send(handshake()) for _ in range(20)]
            assert [c.read_head().status for c in clients] == [101] * 20
            for _ in range(3):
                weir.reload()
                for n, c in enumerate(clients):
                    assert c.send(frame(TEXT, b"%d" % n, masked=True)).read_frame()[1] == b"%d" % n
            for c in clients:
                c.close()
            until(lambda: weir.access_log().count(" 101 ") == 20, "their access lines")


# ---- members of a balancer ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("where", ["host", "section"])
def test_members_over_tls_fail_over_and_are_believed_as_the_section_says(ca, where):
    engine = "SSLProxyEngine on\n" + TRUST
    config = ("%s<Proxy balancer://p>\n%sBalancerMember https://localhost:{dead}\nBalancerMember https://localhost:{backend}\n"
              "</Proxy>\n<Proxy balancer://w>\n%sBalancerMember wss://localhost:{ws}\n</Proxy>\n"
              "ProxyPass /ws balancer://w/\nProxyPass / balancer://p/\n" %
              ((engine, "", "") if where == "host" else ("", engine, engine)))
    with TlsBackend(pki.server_context(ca.leaf), serve_hello) as backend, TlsBackend(pki.server_context(ca.leaf), serve_echo) as ws:
        with Weir(config, backend=backend, ws=ws, dead=free_port(), ca=ca.cert) as weir:
            assert weir.get("/a").body == b"hello from /a"
            client = weir.connect().send(handshake("/ws"))
            assert client.read_head().status == 101
            client.send(frame(TEXT, b"over TLS", masked=True))
            assert client.read_frame()[1] == b"over TLS"
            client.reset()
            assert backend.names == ["localhost"] and ws.names == ["localhost"]

"""TLS in front: what clients agree with Weir, clients as people have them, and what else comes to its port."""
import asyncio
import contextlib
import os
import re
import ssl
import subprocess
import time

import pki
import pytest
import websockets
from harness import PATIENCE, SOON, TEXT, Backend, Weir, answer, frame, request, serve_hello, until, websockets_echo
from secureweir import V12, agreed, ask, either_version, s_client, site, start
from securewire import connect, tunnel


def said_of(weir, wire, pattern):
    """The error log's line about this very connection."""
    return weir.wait_for_log(r"client 127\.0\.0\.1:%d\] .*(%s)" % (wire.socket.getsockname()[1], pattern))


# ---- what is agreed ---------------------------------------------------------------------------------------------

OLD = ["-cipher", "DEFAULT:@SECLEVEL=0"]


def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(ca):
    with start(ca) as weir:
        for wanted, args in {"TLSv1.3": ["-tls1_3"], "TLSv1.2": ["-tls1_2"]}.items():
            output = s_client(weir, "-CAfile", ca.cert, "-verify_hostname", "example.com", *args)
            assert "Verification: OK" in output and "Protocol version" not in output
            assert wanted in output and agreed(output)
        for args in (["-tls1_1", *OLD], ["-tls1", *OLD]):
            output = s_client(weir, *args)
            assert agreed(output) is None and "alert protocol version" in output, output
        assert weir.wait_for_log(r"AH02008: SSL library error 1 in handshake \(server example.com:\d+\)")


@pytest.mark.parametrize("words, versions", [("TLSv1.2", "2"), ("-all +TLSv1.3", "3"), ("all -TLSv1.3", "2"),
                                             ("all", "23"), ("-all +TLSv1.2 +TLSv1.3", "23")])
def test_ssl_protocol(ca, words, versions):
    with start(ca, "SSLProtocol " + words) as weir:
        for n in "23":
            assert bool(agreed(s_client(weir, "-tls1_" + n))) == (n in versions)


def test_cipher_suites_of_both_protocols(ca):
    with start(ca, """SSLCipherSuite ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256
                      SSLCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256
                      SSLHonorCipherOrder on""") as weir:
        assert agreed(s_client(weir))[1] == "TLS_CHACHA20_POLY1305_SHA256"
        assert agreed(s_client(weir, "-ciphersuites", "TLS_AES_256_GCM_SHA384", "-tls1_3")) is None
        both = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
        assert agreed(s_client(weir, "-tls1_2", "-cipher", both))[1] == "ECDHE-ECDSA-CHACHA20-POLY1305"
        assert agreed(s_client(weir, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384")) is None


SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"]


def chosen(weir, *args):
    return agreed(s_client(weir, *args))[1]


@pytest.mark.parametrize("line, first", [("", True), ("SSLHonorCipherOrder off", True), ("SSLHonorCipherOrder on", False)])
def test_of_the_suites_of_tls_1_3_the_client_chooses_unless_a_line_says_otherwise(ca, line, first):
    with start(ca, line) as weir:
        for suite in SUITES:
            others = [s for s in SUITES if s != suite]
            assert chosen(weir, "-ciphersuites", ":".join([suite, *others])) == (suite if first else SUITES[2])


def test_without_cipher_suites_the_order_of_tls_1_2_is_the_servers_but_chacha_is_for_who_asks_for_it_first(ca):
    """A phone without AES in its processor does."""
    with start(ca) as weir:
        assert chosen(weir, "-tls1_2", "-cipher", "ECDHE+AES128:ECDHE+AES256") == "ECDHE-ECDSA-AES256-GCM-SHA384"
        assert chosen(weir, "-tls1_2", "-cipher", "ECDHE+CHACHA20:ECDHE+AES128") == "ECDHE-ECDSA-CHACHA20-POLY1305"
    with start(ca, "SSLHonorCipherOrder off") as weir:
        assert chosen(weir, "-tls1_2", "-cipher", "ECDHE+AES128:ECDHE+AES256") == "ECDHE-ECDSA-AES128-GCM-SHA256"
    with start(ca) as weir: # one that also speaks 1.3, behind something that does not
        assert chosen(weir, "-no_tls1_3", "-cipher", "ECDHE+AES128:ECDHE+AES256") == "ECDHE-ECDSA-AES256-GCM-SHA384"


def test_with_cipher_suites_the_order_is_the_clients(ca):
    with start(ca, "SSLCipherSuite ECDHE+AESGCM") as weir:
        assert agreed(s_client(weir))[1] == "TLS_AES_256_GCM_SHA384"
        two = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
        assert agreed(s_client(weir, "-tls1_2", "-cipher", two))[1] == two.split(":")[0]


def test_alpn_is_http_1_1_where_the_client_offers_it(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        assert "ALPN protocol: http/1.1" in s_client(weir, "-alpn", "h2,http/1.1")
        assert "No ALPN negotiated" in s_client(weir)
        with connect(weir, pki.client_context(ca, alpn=["h2"])) as wire: # a browser would not, and gets HTTP/1
            assert wire.tls.selected_alpn_protocol() is None
            assert wire.send(request()).read_response().status == 200


def sessions(weir, context, times):
    """A full handshake, then as many with what the one before left; how many of these were short."""
    session, short = None, 0
    for i in range(times + 1):
        with connect(weir, context, session=session) as wire:
            assert wire.send(request(fields=[("Connection", "close")])).read_response().status == 200
            short += wire.tls.session_reused
            assert i or not wire.tls.session_reused
            session = wire.tls.session
    return short, session


@either_version
def test_sessions_are_taken_up_by_whichever_worker_and_across_a_reload(ca, version):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        context = pki.client_context(ca, version=version)
        short, session = sessions(weir, context, 12)
        assert short == 12
        weir.reload()
        with connect(weir, context, session=session) as wire:
            assert wire.tls.session_reused
            assert wire.send(request()).read_response().status == 200


def test_without_tickets_tls_1_2_begins_anew(ca):
    with Backend(serve_hello) as backend, start(ca, "SSLSessionTickets off", backend) as weir:
        assert sessions(weir, pki.client_context(ca, version=V12), 3)[0] == 0


def test_a_ticket_key_file_lets_two_servers_share_sessions(ca):
    with Backend(serve_hello) as backend, pki.folder() as folder:
        path = os.path.join(folder, "tickets")
        with open(path, "wb") as f:
            f.write(os.urandom(48))
        lines = "SSLSessionTicketKeyFile " + path
        context = pki.client_context(ca, version=V12)
        with start(ca, lines, backend) as one, start(ca, lines, backend) as two, start(ca, "", backend) as stranger:
            session = sessions(one, context, 0)[1]
            for weir, short in ((two, True), (stranger, False)):
                with connect(weir, context, session=session) as wire:
                    assert wire.tls.session_reused == short


def test_renegotiation_is_refused_and_the_connection_goes_on_or_ends(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        client = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % weir.port, "-tls1_2"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            until_line(client, "Verify return code")
            client.stdin.write("R\n")
            client.stdin.flush()
            said = until_line(client, "error|alert|closed|Verify return code")
        finally:
            client.kill()
            rest = client.communicate()[0]
        assert re.search("no renegotiation|handshake failure|closed", said + rest), said + rest
        assert ask(weir, pki.client_context(ca)).status == 200


def until_line(process, pattern):
    said = ""
    for line in process.stdout:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(said)


# ---- clients as people have them --------------------------------------------------------------------------------

def test_pipelined_requests_in_one_record_are_all_answered(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        with connect(weir, pki.client_context(ca)) as wire:
            wire.send(b"".join(request(path="/%d" % i) for i in range(5)))
            assert [wire.read_response().body for _ in range(5)] == [b"hello from /%d" % i for i in range(5)]


def test_a_body_up_and_down(ca):
    body = os.urandom(300000)

    def mirror(wire):
        wire.send(answer(200, wire.read_request().body))

    with Backend(mirror) as backend, start(ca, backend=backend) as weir:
        got = ask(weir, pki.client_context(ca), request("POST", "/", [("Content-Length", str(len(body)))], body))
        assert got.status == 200 and got.body == body


@pytest.mark.parametrize("why", ["Connection: close", "KeepAliveTimeout", "an answer without a length"])
def test_each_end_is_said_with_close_notify(ca, why):
    """Or a client could not tell an answer's end from an attacker's."""
    def unbounded(wire):
        wire.read_request()
        wire.send(answer(200, b"all of it", length=False))

    with Backend(unbounded if why.startswith("an") else serve_hello) as backend:
        with start(ca, "KeepAliveTimeout 1", backend) as weir, connect(weir, pki.client_context(ca)) as wire:
            wire.send(request(version="1.0" if why.startswith("an") else "1.1",
                              fields=[("Connection", "close")] if why.startswith("C") else []))
            assert wire.read_all().endswith(b"all of it" if why.startswith("an") else b"hello from /")
            assert wire.socket.closed_by == "close_notify"


def test_keys_change_on_request(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        client = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % weir.port, "-tls1_3", "-crlf"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for path in ("/first", "/second"):
                client.stdin.write("GET %s HTTP/1.1\nHost: example.com\n\n" % path)
                client.stdin.flush()
                until_line(client, "Content-Length")
                time.sleep(0.1) # s_client takes its commands from the beginning of what it reads
                client.stdin.write("K\n")
                client.stdin.flush()
                assert "KEYUPDATE" in until_line(client, "KEYUPDATE")
                time.sleep(0.1)
        finally:
            client.kill()
            client.communicate()


def test_a_name_that_asks_for_another_group_is_asked_again(ca):
    """HelloRetryRequest, after the name has changed the context."""
    hosts = site(ca.leaf, name="other.example") + site(ca.leaf, "SSLOpenSSLConfCmd Groups P-256")
    with Weir(hosts, backend=9) as weir:
        output = s_client(weir, "-groups", "X25519:P-256", "-tls1_3", "-CAfile", ca.cert)
        assert "Verification: OK" in output and "Server Temp Key: ECDH, prime256v1" in output
        assert "Server Temp Key: X25519" in s_client(weir, "-groups", "X25519:P-256", name="other.example")
        assert agreed(s_client(weir, "-groups", "X25519")) is None


def test_curl(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        done = subprocess.run(["curl", "-sS", "--cacert", ca.cert, "--resolve", "example.com:%d:127.0.0.1" % weir.port,
                               "-w", " %{http_code} %{ssl_verify_result} %{num_connects}",
                               *["https://example.com:%d/%d" % (weir.port, i) for i in range(3)]],
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.stdout == "hello from /0 200 0 1hello from /1 200 0 0hello from /2 200 0 0", done
        assert weir.wait_for_access(" /2 200 ")


TUTORIAL = """
<VirtualHost *:{port}>
    ServerName example.com
    SSLEngine on
    SSLCertificateFile {cert}
    SSLCertificateKeyFile {key}
    ProxyPreserveHost On
    ProxyPass /wss/ ws://localhost:{backend}/
    ProxyPassReverse /wss/ ws://localhost:{backend}/
    <Location /wss/>
        Require all granted
        Header set Upgrade "websocket"
        Header set Connection "Upgrade"
    </Location>
</VirtualHost>
"""


async def chat(port, context):
    url = "wss://example.com:%d/wss/chat?room=1" % port
    async with websockets.connect(url, host="127.0.0.1", port=port, ssl=context, server_hostname="example.com",
                                  max_size=None) as socket_:
        for message in ["hello", "こんにちは", b"\0\1\2", "x" * 1000000, b"y" * (1 << 20), ""]:
            await socket_.send(message)
            assert await asyncio.wait_for(socket_.recv(), PATIENCE) == message
        await socket_.send(["in ", "three ", "fragments"])
        assert await asyncio.wait_for(socket_.recv(), PATIENCE) == "in three fragments"
        await (await socket_.ping())
        await socket_.close(4001, "bye")
        assert socket_.close_code == 4001


@either_version
def test_the_tutorials_virtual_host_with_tls(ca, version):
    with websockets_echo() as backend:
        with Weir(TUTORIAL, cert=ca.leaf.cert, key=ca.leaf.key, backend=backend) as weir:
            asyncio.run(chat(weir.port, pki.client_context(ca, version=version)))
            assert backend.paths == ["/chat?room=1"]
            assert backend.heads[0]["Host"] == "example.com:%d" % weir.port
            weir.wait_for_access(" 101 ")


# ---- bad input --------------------------------------------------------------------------------------------------

def client_hello(name="example.com"):
    """The first flight of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = pki.client_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


SSL2_HELLO = bytes.fromhex("802e010002001500000010010080020080030080040080050080060040070 0c0".replace(" ", "")) + \
    os.urandom(16)
HELLO = client_hello()
GARBAGE = {
    "random": b"\x8b\xff\x02" + bytes(range(256)),
    "SSLv2 hello": SSL2_HELLO,
    "not a handshake": b"\x17\x03\x03\x00\x05hello",
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a record too long": b"\x16\x03\x01\xff\xff" + b"x" * 4096,
    "an empty record": b"\x16\x03\x01\x00\x00",
    "a hello of nonsense": b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03" + b"\xff" * 58,
    "a lying length": HELLO[:6] + b"\xff\xff\xff" + HELLO[9:],
    "zeros": bytes(512),
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_refused_at_once(ca, kind):
    with start(ca, "RequestReadTimeout handshake=1 header=3") as weir:
        with weir.connect() as wire:
            wire.send(GARBAGE[kind])
            assert wire.ends()
            assert kind == "CONNECT" or wire.seen[:1] in (b"\x15", b""), bytes(wire.seen[:40])
            said_of(weir, wire, "AH01382: Request handshake read timeout" if kind == "an empty record" else
                    r"AH02006: SSL handshake stopped|AH02008: SSL library error 1 in handshake|AH01996: ")
        assert agreed(s_client(weir))


def test_garbage_for_all_kinds_leaves_nothing_behind(ca):
    with start(ca, "RequestReadTimeout handshake=1 header=3") as weir:
        agreed(s_client(weir))
        before = weir.descriptors()
        for raw in [*GARBAGE.values(), HELLO, HELLO[:100], HELLO[:5], b""]:
            for _ in range(3):
                weir.connect().send(raw).close()
        until(lambda: weir.descriptors() <= before, "descriptors to be closed")


@pytest.mark.parametrize("sent", [0, 3, 100, len(HELLO)], ids=["nothing", "3 bytes", "half", "a whole hello"])
def test_a_handshake_that_stops_is_ended_in_time(ca, sent):
    with start(ca, "RequestReadTimeout handshake=1 header=20") as weir:
        begun = time.monotonic()
        with weir.connect() as wire:
            wire.send(HELLO[:sent])
            assert wire.ends()
            assert 0.8 < time.monotonic() - begun < SOON
            said_of(weir, wire, "AH01382: Request handshake read timeout")


def test_dripping_bytes_earn_no_time(ca):
    with start(ca, "RequestReadTimeout handshake=1 header=20") as weir, weir.connect() as wire:
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in HELLO[:180]:
                wire.send(bytes([byte]))
                if not wire.is_silent(0.1):
                    break
        assert wire.ends() and 0.8 < time.monotonic() - begun < SOON


def test_a_close_in_the_middle_of_a_handshake_is_noted(ca):
    with start(ca) as weir:
        with weir.connect() as wire:
            wire.send(HELLO[:100]).half_close()
            assert wire.ends()
            said_of(weir, wire, "AH02006: SSL handshake stopped: connection was closed")


def test_a_record_that_was_tampered_with_ends_the_tunnel(ca):
    with Backend() as backend, start(ca, backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        client.tls.write(frame(TEXT, b"tampered", masked=True))
        record = bytearray(client.socket.outgoing.read())
        record[-1] ^= 1
        client.socket.tcp.sendall(record)
        with pytest.raises(ssl.SSLError, match="(?i)bad.record.mac"):
            client.read(1)
        assert peer.ends() and not peer.seen.endswith(b"tampered")
        weir.wait_for_access(" 101 ")


def test_a_huge_chain_of_a_client_is_refused(ca):
    good = ca.issue("Alice")
    chain = pki.write(good.base + ".huge", pki.read(good.cert) + pki.read(ca.other.cert) * 400)
    with start(ca, "SSLCACertificateFile {ca}\nSSLVerifyClient optional") as weir:
        context = pki.client_context(ca)
        context.load_cert_chain(chain, good.key)
        before = weir.rss()
        for _ in range(5):
            with pytest.raises((ssl.SSLError, AssertionError, ConnectionError)):
                ask(weir, context)
        weir.wait_for_log("AH02008: .*excessive message size")
        assert weir.rss() - before < 16 << 20


def test_early_data_is_not_taken(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir, pki.folder() as folder:
        kept = os.path.join(folder, "session")
        early = pki.write(os.path.join(folder, "early"), "GET / HTTP/1.0\r\n\r\n")
        s_client(weir, "-tls1_3", "-sess_out", kept, "-ign_eof", text="GET / HTTP/1.0\r\n\r\n")
        output = s_client(weir, "-tls1_3", "-sess_in", kept, "-early_data", early, "-ign_eof",
                          text="GET / HTTP/1.0\r\n\r\n")
        assert "Early data was accepted" not in output and "Max Early Data: 0" in output, output

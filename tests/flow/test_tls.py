"""TLS in front: what clients agree with Weir, whose certificate they see, what Weir asks of theirs, and that tunnels
live through renewals of all of it."""
import asyncio
import contextlib
import os
import re
import socket
import ssl
import subprocess
import time

import pki
import pytest
import websockets
from harness import (BINARY, PATIENCE, SOON, TEXT, Backend, Weir, answer, frame, free_port, handshake, request, serve_echo,
                     serve_hello, switching, until, websockets_echo)
from securewire import SecureWire, TlsSocket, connect, tunnel

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SITE = """
<VirtualHost *:{port}>
    ServerName example.com
    SSLEngine on
    SSLCertificateFile {cert}
    SSLCertificateKeyFile {key}
    %s
    ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
</VirtualHost>
"""


@pytest.fixture(scope="module")
def ca():
    with pki.folder() as folder:
        ca = pki.CA(folder)
        ca.leaf = ca.issue("example.com", "example.com", "www.example.com", "localhost", "127.0.0.1")
        ca.other = pki.CA(folder, "Other CA")
        yield ca


def site(lines=""):
    return SITE % lines


def start(ca, lines="", backend=None, leaf=None, **options):
    leaf = leaf or ca.leaf
    return Weir(site(lines), cert=leaf.cert, key=leaf.key, ca=ca.cert, backend=backend or 9, **options)


def s_client(weir, *args, name="example.com", text=""):
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % weir.port, "-servername", name, *args],
                          input=text, capture_output=True, text=True, timeout=PATIENCE)
    return done.stdout + done.stderr


def said_of(weir, wire, pattern):
    """The error log's line about this very connection."""
    return weir.wait_for_log(r"client 127\.0\.0\.1:%d\] .*(%s)" % (wire.socket.getsockname()[1], pattern))


def agreed(output):
    """(protocol, cipher), or None when there was no handshake."""
    found = re.search(r"New, (\S+), Cipher is (\S+)", output)
    return found.groups() if found and found.group(2) != "(NONE)" else None


def ask(weir, context, raw=None, **options):
    with connect(weir, context, **options) as wire:
        return wire.send(raw or request(fields=[("Connection", "close")])).read_response()


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


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
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
    other = "<VirtualHost *:{port}>\nServerName other.example\nSSLEngine on\nSSLCertificateFile {cert}\n" \
        "SSLCertificateKeyFile {key}\n</VirtualHost>\n"
    with Weir(other + site("SSLOpenSSLConfCmd Groups P-256"), cert=ca.leaf.cert, key=ca.leaf.key, backend=9) as weir:
        output = s_client(weir, "-groups", "X25519:P-256", "-tls1_3", "-CAfile", ca.cert)
        assert "Verification: OK" in output and "Server Temp Key: ECDH, prime256v1" in output
        assert "Server Temp Key: X25519" in s_client(weir, "-groups", "X25519:P-256", name="other.example")
        assert agreed(s_client(weir, "-groups", "X25519")) is None


def test_a_hello_in_single_bytes(ca):
    """Also one that changes the context after all of it was read."""
    text, leaves = three(ca)
    with Backend(serve_hello) as backend, Weir(text, backend=backend) as weir:
        with weir.connect() as raw:
            class Slow: # the socket, a byte at a time
                def sendall(self, data):
                    for byte in data:
                        raw.socket.sendall(bytes([byte]))
                        time.sleep(0.0005)

                def __getattr__(self, name):
                    return getattr(raw.socket, name)

            wire = SecureWire(TlsSocket(Slow(), pki.client_context(ca), name="three.example"))
            assert wire.serial == leaves[2].serial
            assert wire.send(request(host="three.example")).read_response().body == b"hello from /three.example/"


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


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_the_tutorials_virtual_host_with_tls(ca, version):
    with websockets_echo() as backend:
        with Weir(TUTORIAL, cert=ca.leaf.cert, key=ca.leaf.key, backend=backend) as weir:
            asyncio.run(chat(weir.port, pki.client_context(ca, version=version)))
            assert backend.paths == ["/chat?room=1"]
            assert backend.heads[0]["Host"] == "example.com:%d" % weir.port
            weir.wait_for_access(" 101 ")


# ---- certificates -----------------------------------------------------------------------------------------------

CHAINS = {
    "in the certificate's file": "SSLCertificateFile {chain}\nSSLCertificateKeyFile {key}",
    "all in one file": "SSLCertificateFile {all}",
    "in SSLCertificateChainFile": "SSLCertificateFile {cert}\nSSLCertificateKeyFile {key}\n"
                                  "SSLCertificateChainFile {ca}",
}


@pytest.mark.parametrize("how", CHAINS)
def test_the_chain_is_sent(ca, how):
    with pki.folder() as folder:
        middle = pki.CA(folder, "Middle CA", ca)
        leaf = middle.issue("example.com", "example.com")
        chain = middle.chained(leaf)
        everything = pki.write(leaf.base + ".all", pki.read(leaf.key, chain))
        with Weir("SSLEngine on\n" + CHAINS[how], chain=chain, cert=leaf.cert, key=leaf.key, ca=middle.cert,
                  all=everything) as weir:
            output = s_client(weir, "-CAfile", ca.cert, "-verify_hostname", "example.com", "-showcerts")
            assert "Verification: OK" in output and output.count("BEGIN CERTIFICATE") == 2, output
            with connect(weir, pki.client_context(ca)) as wire:
                assert wire.serial == leaf.serial


def test_rsa_and_ecdsa_side_by_side(ca):
    rsa = ca.issue("example.com", "example.com", kind="rsa")
    with start(ca, "SSLCertificateFile %s\nSSLCertificateKeyFile %s" % (rsa.cert, rsa.key)) as weir:
        for algorithms, kind in (("ECDSA+SHA256", "ECDSA"), ("RSA-PSS+SHA256", "RSA-PSS")):
            output = s_client(weir, "-tls1_3", "-sigalgs", algorithms, "-CAfile", ca.cert)
            assert "Peer signature type: " + kind in output and "Verification: OK" in output, (algorithms, output)
        for cipher, leaf in (("ECDHE-RSA-AES128-GCM-SHA256", rsa), ("ECDHE-ECDSA-AES128-GCM-SHA256", ca.leaf)):
            with connect(weir, pki.client_context(ca, version=V12, ciphers=cipher)) as wire:
                assert wire.serial == leaf.serial


@pytest.mark.parametrize("fault", ["missing", "not a key", "another's", "missing certificate"])
def test_a_bad_pair_ends_the_start_with_the_reason(ca, fault):
    bad = pki.write(os.path.join(ca.folder, "garbage.key"), "nonsense\n")
    other = ca.issue("other.example", "other.example")
    key = {"missing": ca.path("none.key"), "not a key": bad, "another's": other.key}.get(fault, ca.leaf.key)
    cert = ca.path("none.pem") if fault == "missing certificate" else ca.leaf.cert
    weir = Weir(site(), cert=cert, key=key, backend=9, start=False)
    done = weir.run()
    said = done.stderr + weir.error_log()
    assert done.returncode == 1, said
    assert (cert if fault == "missing certificate" else key) in said, said
    assert {"not a key": "AH02564: ", "another's": "AH02565: "}.get(fault, "does not exist") in said, said


START_FAULTS = {
    "AH01895: Unable to configure verify locations for client authentication":
        "SSLCACertificateFile {bad}\nSSLVerifyClient require",
    "AH01901: Host example.com:443: unable to configure X.509 CRL storage for certificate revocation":
        "SSLCACertificateFile {ca}\nSSLCARevocationFile {bad}\nSSLCARevocationCheck chain\nSSLVerifyClient require",
    "AH01899: Host example.com:443: CRL checking has been enabled, but neither SSLCARevocationFile nor":
        "SSLCACertificateFile {ca}\nSSLCARevocationCheck chain\nSSLVerifyClient require",
    "AH01898: Unable to configure permitted SSL ciphers": "SSLCipherSuite NONSENSE",
    "AH10127: Unable to configure permitted TLSv1.3 ciphers": "SSLCipherSuite TLSv1.3 NONSENSE",
    "AH01903: Failed to configure CA certificate chain!": "SSLCertificateChainFile {bad}",
    "AH02287: Failed to read 48 bytes from": "SSLSessionTicketKeyFile {bad}",
    'AH02407: "SSLOpenSSLConfCmd Groups nonsense" failed for example.com:443': "SSLOpenSSLConfCmd Groups nonsense",
}


@pytest.mark.parametrize("said", START_FAULTS, ids=lambda said: said.split(":")[0])
def test_what_cannot_be_configured_ends_the_start_with_httpds_number(ca, said):
    bad = pki.write(os.path.join(ca.folder, "bad.pem"), "nonsense\n")
    weir = start(ca, START_FAULTS[said], bad=bad, start=False)
    done = weir.run()
    assert done.returncode == 1 and said in done.stderr and said in weir.error_log(), done.stderr + weir.error_log()
    assert "AH02312: Fatal error initialising mod_ssl, exiting." in done.stderr


# ---- whose certificate ------------------------------------------------------------------------------------------

NAMES = ["one.example", "two.example", "three.example"]


def three(ca, lines="", **more):
    """Three virtual hosts with a certificate each, and a backend that says whose it is."""
    leaves = [ca.issue(n, n, "*." + n) for n in NAMES]
    text = lines
    for i, name in enumerate(NAMES):
        text += """
<VirtualHost *:{port}>
    ServerName %s
    ServerAlias *.%s
    SSLEngine on
    SSLCertificateFile %s
    SSLCertificateKeyFile %s
    %s
    ProxyPass / http://127.0.0.1:{backend}/%s/
</VirtualHost>
""" % (name, name, leaves[i].cert, leaves[i].key, more.get(name.split(".")[0], ""), name)
    return text, leaves


def hello(host):
    return request(fields=[("Connection", "close")], host=host)


def test_the_name_chooses_the_certificate_and_the_first_is_for_all_others(ca):
    text, leaves = three(ca)
    anyone = pki.client_context()
    with Backend(serve_hello) as backend, Weir(text, backend=backend) as weir:
        for name, leaf in zip(NAMES, leaves):
            for asked in (name, name.upper(), "www." + name):
                with connect(weir, pki.client_context(ca), asked) as wire:
                    assert wire.serial == leaf.serial
                    assert wire.send(hello(asked)).read_response().body == b"hello from /%s/" % name.encode()
        for asked in ("unknown.example", None):
            with connect(weir, anyone, asked) as wire:
                der = wire.tls.getpeercert(True)
                assert der == ssl.PEM_cert_to_DER_cert(pki.read(leaves[0].cert))
                assert wire.send(hello("one.example")).read_response().status == 200


def test_a_host_of_another_certificate_is_misdirected(ca):
    text, _ = three(ca)
    with Backend(serve_hello) as backend, Weir(text, backend=backend) as weir:
        with connect(weir, pki.client_context(ca), "one.example") as wire:
            assert wire.send(request(host="one.example")).read_response().status == 200
            refused = wire.send(request(host="two.example")).read_response()
            assert refused.status == 421 and b"Misdirected Request" in refused.body
        weir.wait_for_log("AH02032: Hostname one.example provided via SNI and hostname two.example provided via HTTP "
                          "have no compatible SSL setup for policy 'secure'")
        assert ask(weir, pki.client_context(ca), hello("unknown.example"), name="one.example").status == 200
        assert ask(weir, pki.client_context(), hello("two.example"), name=None).status == 421
        weir.wait_for_log(r"AH02032: Hostname one.example \(default host as no SNI was provided\) and hostname "
                          "two.example provided via HTTP")


def test_names_that_share_a_certificate_share_connections(ca):
    leaf = ca.issue("one.example", *NAMES)
    text = "".join(site().replace("example.com", name) for name in NAMES[:2])
    with Backend(serve_hello) as backend, Weir(text, cert=leaf.cert, key=leaf.key, backend=backend) as weir:
        with connect(weir, pki.client_context(ca), "one.example") as wire:
            for name in NAMES[:2]:
                assert wire.send(request(host=name)).read_response().status == 200


@pytest.mark.parametrize("strict, refused", [("one", NAMES), ("two", ["two.example"])])
def test_strict_sni_refuses_clients_without_a_name(ca, strict, refused):
    """For all names where the first virtual host is strict, for its own where another is."""
    leaf = ca.issue("one.example", *NAMES)
    text = "".join(site("SSLStrictSNIVHostCheck on" if n.startswith(strict) else "").replace("example.com", n)
                   for n in NAMES)
    with Backend(serve_hello) as backend, Weir(text, cert=leaf.cert, key=leaf.key, backend=backend) as weir:
        for host in NAMES:
            got = ask(weir, pki.client_context(), hello(host), name=None)
            assert got.status == (403 if host in refused else 200), host
            assert ask(weir, pki.client_context(ca), hello(host), name=host).status == 200
        weir.wait_for_log("AH02033: No hostname was provided via SNI for a name based virtual host")


def test_a_name_in_the_handshake_and_none_in_the_request(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        nameless = request(host=None, version="1.0")
        assert ask(weir, pki.client_context(ca), nameless).status == 400
        weir.wait_for_log("AH02031: Hostname example.com provided via SNI, but no hostname provided in HTTP request")
        assert ask(weir, pki.client_context(), nameless, name=None).status == 200


def test_plain_http_on_the_tls_port(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        with weir.connect() as wire:
            refused = wire.send(request()).read_response()
            assert refused.status == 400
            assert b"You're speaking plain HTTP to an SSL-enabled server port. Instead use the HTTPS scheme" in refused.body
            assert wire.ends()
        assert backend.connections == 0
        weir.wait_for_log("AH01996: SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page")
        weir.wait_for_access(" 400 ")
        assert ask(weir, pki.client_context(ca)).status == 200


def test_a_listener_of_its_own_for_plain_http(ca):
    plain = free_port()
    text = "Listen 127.0.0.1:{port} https\nListen 127.0.0.1:%d\n" % plain + site().replace("SSLEngine on", "") + """
<VirtualHost *:%d>
    ServerName example.com
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>
""" % plain
    text = text.replace("*:{port}", "127.0.0.1:{port}")
    with Backend(serve_hello) as backend:
        with Weir(text, cert=ca.leaf.cert, key=ca.leaf.key, backend=backend) as weir:
            assert ask(weir, pki.client_context(ca)).status == 200
            with weir.connect(plain) as wire:
                assert wire.send(request()).read_response().status == 200


# ---- who the client is ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def clients(ca):
    """name: the certificate that a client comes with."""
    made = {"good": ca.issue("Alice", ou="chat"), "expired": ca.issue("Old", expired=True), "revoked": ca.issue("Bob"),
            "wrong CA": ca.other.issue("Mallory"), "none": None}
    ca.revoke(made["revoked"])
    ca.crl()
    return made


MUTUAL = "SSLCACertificateFile {ca}\nSSLCARevocationFile {crl}\nSSLCARevocationCheck leaf\nSSLVerifyClient %s"
VERDICTS = {"good": None, "none": "peer did not return a certificate", "expired": "certificate has expired",
            "revoked": "certificate revoked", "wrong CA": "unable to get local issuer certificate"}


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("mode", ["require", "optional"])
def test_client_certificates(ca, clients, mode, version):
    log = 'CustomLog {dir}/access.log "%{SSL_CLIENT_VERIFY}x %{SSL_CLIENT_S_DN_CN}x %{SSL_CLIENT_S_DN_OU}x"'
    lines = MUTUAL % mode + "\n" + log
    with Backend(serve_hello) as backend, start(ca, lines, backend, crl=ca.path("crl.pem")) as weir:
        for name, leaf in clients.items():
            why = None if name == "none" and mode == "optional" else VERDICTS[name]
            context = pki.client_context(ca, leaf, version)
            if why is None:
                assert ask(weir, context).status == 200, name
                continue
            with pytest.raises((ssl.SSLError, AssertionError, ConnectionError)):
                ask(weir, context)
            line = weir.wait_for_log(re.escape(why))
            assert "AH02008: SSL library error 1 in handshake (server example.com:" in line or "AH02276" in line, line
        weir.stop()
        assert sorted(weir.access_log().splitlines()) == ["NONE - -"] * (mode == "optional") + ["SUCCESS Alice chat"]


def test_optional_no_ca_lets_strangers_in_and_says_so(ca, clients):
    log = 'CustomLog {dir}/access.log "%{SSL_CLIENT_VERIFY}x"'
    with Backend(serve_hello) as backend:
        with start(ca, "SSLCACertificateFile {ca}\nSSLVerifyClient optional_no_ca\n" + log, backend) as weir:
            assert ask(weir, pki.client_context(ca, clients["wrong CA"])).status == 200
            assert "SUCCESS" not in weir.wait_for_access(".")


PLACES = """
<Location /secure>
    SSLRequireSSL
</Location>
<Location /alice>
    SSLRequire %{SSL_CLIENT_S_DN_CN} eq "Alice" and %{SSL_CLIENT_S_DN_OU} in {"chat", "post"}
</Location>
<Location /new>
    SSLRequire %{SSL_PROTOCOL} == "TLSv1.3" && %{HTTPS} == "on"
</Location>
"""


def test_places_that_ask_for_tls_and_names(ca, clients):
    plain = free_port()
    text = "Listen 127.0.0.1:{port}\nListen 127.0.0.1:%d\n" % plain + PLACES + site(
        "SSLCACertificateFile {ca}\nSSLVerifyClient optional") + """
<VirtualHost *:%d>
    ServerName example.com
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>""" % plain
    with Backend(serve_hello) as backend:
        with Weir(text, cert=ca.leaf.cert, key=ca.leaf.key, ca=ca.cert, backend=backend) as weir:
            def status(path, name="none", version=None):
                raw = request(path=path, fields=[("Connection", "close")])
                return ask(weir, pki.client_context(ca, clients[name], version), raw).status
            assert status("/secure") == 200
            with weir.connect(plain) as wire:
                assert wire.send(request(path="/secure")).read_response().status == 403
            weir.wait_for_log("AH02219: access to .* failed, reason: SSL connection required")
            assert status("/alice") == 403
            weir.wait_for_log("AH02229: access to .* failed, reason: SSL requirement expression not fulfilled")
            assert status("/alice", "good") == 200 and status("/alice", "revoked") == 403
            assert status("/new") == 200 and status("/new", version=V12) == 403


def test_require_ssl(ca):
    plain = free_port()
    text = "Listen 127.0.0.1:{port}\nListen 127.0.0.1:%d\n<Location />\nRequire ssl\n</Location>\n" % plain + site() + """
<VirtualHost *:%d>
    ServerName example.com
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>""" % plain
    with Backend(serve_hello) as backend, Weir(text, cert=ca.leaf.cert, key=ca.leaf.key, backend=backend) as weir:
        assert ask(weir, pki.client_context(ca)).status == 200
        with weir.connect(plain) as wire:
            assert wire.send(request()).read_response().status == 403
        weir.wait_for_log("AH01630: client denied by server configuration")
        weir.configure(text.replace("Require ssl", "Require ssl please"))
        weir.reload(good=False)
        assert "'Require ssl' does not take arguments" in weir.error_log()


def test_a_certificate_for_a_place_alone_is_refused(ca, clients):
    """Nothing is negotiated again for a place: who has shown a certificate may, others may not."""
    lines = "SSLCACertificateFile {ca}\nSSLVerifyClient %s\n<Location /secret>\nSSLVerifyClient require\n</Location>"
    for mode, with_good in (("none", 403), ("optional", 200)):
        with Backend(serve_hello) as backend, start(ca, lines % mode, backend) as weir:
            weir.wait_for_log("resuming normal operations")
            said = re.search(r"ssl:warn.*SSLVerifyClient at .*weir.conf:\d+ asks for a certificate", weir.error_log())
            assert bool(said) == (mode == "none")
            for name, status in (("good", with_good), ("none", 403)):
                raw = request(path="/secret", fields=[("Connection", "close")])
                assert ask(weir, pki.client_context(ca, clients[name]), raw).status == status, (mode, name)
            assert ask(weir, pki.client_context(ca)).status == 200


def test_what_a_session_is_known_by(ca, clients):
    lines = """SSLCACertificateFile {ca}
    SSLVerifyClient optional
    SSLOptions +StdEnvVars +ExportCertData
    SSLUserName SSL_CLIENT_S_DN_CN
    CustomLog {dir}/access.log "%{SSL_PROTOCOL}x %{SSL_CIPHER}x %{SSL_TLS_SNI}x %{SSL_CLIENT_S_DN_CN}x \
%{SSL_SERVER_S_DN_CN}x %{SSL_SESSION_RESUMED}x %{HTTPS}x %u %{version}c %{SSL_PROTOCOL}e" """
    with Backend(serve_hello) as backend, start(ca, lines, backend) as weir:
        assert ask(weir, pki.client_context(ca, clients["good"], V13)).status == 200
        assert weir.wait_for_access(".") == ("TLSv1.3 TLS_AES_256_GCM_SHA384 example.com Alice example.com Initial on "
                                             "Alice TLSv1.3 TLSv1.3")


# ---- renewal ----------------------------------------------------------------------------------------------------

TUNNELS = 500


async def renewal(ca, weir, port, renewed):
    """All tunnels echo while certificates are renewed under them."""
    context = pki.client_context(ca)
    gate = asyncio.Semaphore(20)

    async def open_one():
        async with gate:
            return await websockets.connect("wss://example.com:%d/" % port, host="127.0.0.1", port=port, ssl=context,
                                            server_hostname="example.com", ping_interval=None, compression=None,
                                            open_timeout=3 * PATIENCE)

    async def talk(socket_, n):
        for i in range(3):
            await socket_.send("%d of %d" % (i, n))
            assert await asyncio.wait_for(socket_.recv(), 3 * PATIENCE) == "%d of %d" % (i, n) # behind all the others

    open_ = await asyncio.gather(*(open_one() for _ in range(TUNNELS)))
    loop = asyncio.get_running_loop()
    for leaf in renewed:
        pki.install(leaf, weir.dir)
        talking = asyncio.gather(*(talk(s, n) for n, s in enumerate(open_)))
        await loop.run_in_executor(None, weir.reload)
        serial = await loop.run_in_executor(None, serial_now, weir, context)
        assert serial == leaf.serial
        await talking
    assert all(s.open for s in open_)
    await asyncio.gather(*(s.close() for s in open_))


def serial_now(weir, context):
    with connect(weir, context) as wire:
        return wire.serial


def test_five_hundred_tunnels_live_through_renewals(ca):
    leaves = [ca.issue("example.com", "example.com") for _ in range(3)]
    with websockets_echo(ping_interval=None, compression=None) as backend:
        weir = Weir(site(), cert="{dir}/live.pem", key="{dir}/live.key", backend=backend, start=False)
        weir.values.update(cert=weir.dir + "/live.pem", key=weir.dir + "/live.key")
        weir.configure(site())
        pki.install(leaves[0], weir.dir)
        with weir.start():
            assert serial_now(weir, pki.client_context(ca)) == leaves[0].serial
            asyncio.run(renewal(ca, weir, weir.port, leaves[1:]))
            until(lambda: weir.access_log().count(" 101 ") == TUNNELS, "their access lines")


def test_a_bad_pair_at_a_reload_keeps_what_is_there_and_says_why(ca):
    old, new = ca.issue("example.com", "example.com"), ca.issue("example.com", "example.com")
    with Backend() as backend:
        weir = Weir(site(), backend=backend, start=False)
        weir.values.update(cert=weir.dir + "/live.pem", key=weir.dir + "/live.key")
        weir.configure(site())
        pki.install(old, weir.dir)
        with weir.start():
            context = pki.client_context(ca)
            client, peer = tunnel(weir, backend, context)
            pki.write(weir.dir + "/live.pem", pki.read(new.cert)) # and the key is still the old one
            weir.reload(good=False)
            line = weir.wait_for_log("reload refused")
            assert "live.pem" in line and "live.key" in line and "mismatch" in line, line
            os.unlink(weir.dir + "/live.key")
            weir.reload(good=False)
            assert serial_now(weir, context) == old.serial
            client.send(frame(TEXT, b"still here", masked=True))
            assert peer.read_frame()[1] == b"still here"
            pki.install(new, weir.dir)
            weir.reload()
            assert serial_now(weir, context) == new.serial
            peer.send(frame(TEXT, b"me too"))
            assert client.read_frame()[1] == b"me too"
            client.close()


def test_a_kept_alive_client_stays_with_its_certificate(ca):
    """Its next request is served by the new configuration over the old session."""
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        with connect(weir, pki.client_context(ca)) as wire:
            assert wire.send(request()).read_response().body == b"hello from /"
            weir.reload()
            assert wire.send(request(path="/2")).read_response().body == b"hello from /2"


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


def test_a_huge_chain_of_a_client_is_refused(ca, clients):
    good = clients["good"]
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


# ---- tunnels ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
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

"""Certificates in front: what ends the start, whose is shown for which name, and what Weir asks of a client's."""
import os
import re
import ssl
import time

import pki
import pytest
from harness import Backend, Weir, free_port, request, serve_hello
from secureweir import V12, V13, ask, either_version, pair, s_client, site, start
from securewire import SecureWire, TlsSocket, connect

PLAIN = """
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{plain}
<VirtualHost *:{plain}>
    ServerName example.com
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>
"""


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
        chain = middle.chained(leaf).cert
        everything = pki.write(leaf.base + ".all", pki.read(leaf.key, chain))
        with Weir("SSLEngine on\n" + CHAINS[how], chain=chain, cert=leaf.cert, key=leaf.key, ca=middle.cert,
                  all=everything) as weir:
            output = s_client(weir, "-CAfile", ca.cert, "-verify_hostname", "example.com", "-showcerts")
            assert "Verification: OK" in output and output.count("BEGIN CERTIFICATE") == 2, output
            with connect(weir, pki.client_context(ca)) as wire:
                assert wire.serial == leaf.serial


def test_rsa_and_ecdsa_side_by_side(ca):
    rsa = ca.issue("example.com", "example.com", kind="rsa")
    with start(ca, pair(rsa)) as weir:
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
    weir = start(ca, leaf=pki.changed(ca.leaf, cert=cert, key=key), start=False)
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


def three(ca):
    """Three virtual hosts with a certificate each, and a backend that says whose it is."""
    leaves = [ca.issue(n, n, "*." + n) for n in NAMES]
    lines = "ServerAlias *.%s\nProxyPass / http://127.0.0.1:{backend}/%s/"
    return "".join(site(leaf, lines % (n, n), n) for leaf, n in zip(leaves, NAMES)), leaves


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
    text = "".join(site(leaf, name=name) for name in NAMES[:2])
    with Backend(serve_hello) as backend, Weir(text, backend=backend) as weir:
        with connect(weir, pki.client_context(ca), "one.example") as wire:
            for name in NAMES[:2]:
                assert wire.send(request(host=name)).read_response().status == 200


@pytest.mark.parametrize("strict, refused", [("one", NAMES), ("two", ["two.example"])])
def test_strict_sni_refuses_clients_without_a_name(ca, strict, refused):
    """For all names where the first virtual host is strict, for its own where another is."""
    leaf = ca.issue("one.example", *NAMES)
    text = "".join(site(leaf, "SSLStrictSNIVHostCheck on" if n.startswith(strict) else "", n) for n in NAMES)
    with Backend(serve_hello) as backend, Weir(text, backend=backend) as weir:
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


def test_plain_http_on_the_tls_port(ca):
    with Backend(serve_hello) as backend, start(ca, backend=backend) as weir:
        with weir.connect() as wire:
            refused = wire.send(request()).read_response()
            assert refused.status == 400
            assert b"You're speaking plain HTTP to an SSL-enabled server port. Instead use the HTTPS scheme" in refused.body
            assert wire.ends()
        assert backend.connections == 0
        weir.wait_for_log(r"\[ssl:info\] .*AH01996: SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page")
        weir.wait_for_access(" 400 ")
        assert ask(weir, pki.client_context(ca)).status == 200


def test_a_listener_of_its_own_for_plain_http(ca):
    plain = free_port()
    implied = site(ca.leaf).replace("SSLEngine on", "").replace("*:{port}", "127.0.0.1:{port}")
    text = PLAIN.replace("{port}", "{port} https") + implied
    with Backend(serve_hello) as backend, Weir(text, plain=plain, backend=backend) as weir:
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


@either_version
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
    text = PLAIN + PLACES + site(ca.leaf, "SSLCACertificateFile {ca}\nSSLVerifyClient optional")
    with Backend(serve_hello) as backend:
        with Weir(text, plain=plain, ca=ca.cert, backend=backend) as weir:
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
    text = PLAIN + "<Location />\nRequire ssl\n</Location>\n" + site(ca.leaf)
    with Backend(serve_hello) as backend, Weir(text, plain=plain, backend=backend) as weir:
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

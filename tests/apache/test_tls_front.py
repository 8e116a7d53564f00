"""TLS in front under both servers: whose certificate of a client is good enough, what is known of it, and which hosts a
handshake may be used for."""
import contextlib
import os
import shutil
import socket
import ssl
import tempfile
import time

import pytest

from apache import APACHE, Server, free_port, preamble, second_server, wait_until
from flow import pki


@pytest.fixture(scope="module")
def ca():
    with pki.folder() as folder:
        ca = pki.CA(folder)
        ca.other, ca.middle = pki.CA(folder, "Other CA"), pki.CA(folder, "Middle CA", ca)
        ca.leaf = ca.issue("example", "*.example", "one.example", "two.example")
        ca.second = ca.issue("example", "*.example")
        ca.clients = clients(ca)
        ca.crl()
        ca.middle.crl()
        shutil.copy(ca.path("crl.pem"), ca.path("fresh.pem"))
        pki.openssl("ca", "-config", "ca.cnf", "-gencrl", "-crlsec", "1", "-out", "stale.pem", folder=ca.folder)
        ca.all_crls = pki.write(ca.path("all.pem"), pki.read(ca.path("fresh.pem"), ca.middle.path("crl.pem")))
        time.sleep(1.1)
        yield ca


def clients(ca):
    """name: the file with the certificate, its chain and its key; or None."""
    revoked, below, revoked_below = ca.issue("Bob"), ca.middle.issue("Carol"), ca.middle.issue("Dan")
    ca.revoke(revoked)
    ca.middle.revoke(revoked_below)

    def chained(leaf):
        return pki.write(leaf.base + ".full", pki.read(leaf.cert, ca.middle.cert, leaf.key))
    return {"none": None, "good": ca.issue("Alice", "alice.example", ou="chat").both, "alien": ca.other.issue("Mallory").both,
            "expired": ca.issue("Old", expired=True).both, "revoked": revoked.both, "below": chained(below),
            "below, revoked": chained(revoked_below), "below, alone": below.both}


class Both:
    """The same text under both servers; `.each(function of the port and the folder)` gives both answers."""

    def __init__(self, text):
        self.servers, self.folders = [], []
        for program in (APACHE, second_server()):
            folder, port = tempfile.mkdtemp(prefix="weir-apache-"), free_port()
            os.chmod(folder, 0o755)
            self.folders.append(folder)
            head = preamble(folder, port, ["ssl", "socache_shmcb"])
            self.servers.append(Server(program, head + text.replace("@PORT@", str(port)).replace("@DIR@", folder), folder, port))

    def each(self, what):
        return [what(s.port, f) for s, f in zip(self.servers, self.folders)]

    def close(self):
        for server, folder in zip(self.servers, self.folders):
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)


def ask(port, sni, host, cert=None, version=None, address="127.0.0.1"):
    """The status, or None where the handshake came to nothing."""
    context = pki.client_context(version=version)
    if cert:
        context.load_cert_chain(cert)
    try:
        with contextlib.closing(context.wrap_socket(socket.create_connection((address, port), 10), server_hostname=sni)) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: x\r\nConnection: close\r\n\r\n" % host.encode())
            return int(s.recv(4096).split(b" ")[1])
    except (OSError, IndexError):
        return None


# ---- certificates of clients ------------------------------------------------------------------------------------

CA = "SSLCACertificateFile @CA@\n"
LISTS = CA + "SSLVerifyClient require\nSSLVerifyDepth 5\nSSLCARevocationFile @%s@\nSSLCARevocationCheck %s"
SETTINGS = {
    "require": CA + "SSLVerifyClient require",
    "optional": CA + "SSLVerifyClient optional",
    "optional_no_ca": CA + "SSLVerifyClient optional_no_ca",
    "depth 0": CA + "SSLVerifyClient require\nSSLVerifyDepth 0",
    "depth 2": CA + "SSLVerifyClient require\nSSLVerifyDepth 2",
    "lists of all": LISTS % ("ALL", "leaf"),
    "lists of all for the chain": LISTS % ("ALL", "chain"),
    "list of one": LISTS % ("CRL", "leaf"),
    "list of one is enough": LISTS % ("CRL", "chain no_crl_for_cert_ok"),
    "stale list": LISTS % ("STALE", "leaf"),
    "list that is not asked for": CA + "SSLVerifyClient require\nSSLCARevocationFile @CRL@",
    "no authority": "SSLVerifyClient require",
    "no authority, optional_no_ca": "SSLVerifyClient optional_no_ca",
    "a place that asks for less": CA + "SSLVerifyClient require\n<Location />\nSSLVerifyClient none\n</Location>",
    "SSLRequire": CA + "SSLVerifyClient optional\n<Location />\nSSLRequire %{SSL_CLIENT_VERIFY} eq \"SUCCESS\" and "
                       "%{SSL_CLIENT_S_DN_CN} =~ m/^(Alice|Bob)$/\n</Location>",
    "Require ssl": "<Location />\nRequire ssl\n</Location>",
    "Require ssl-verify-client": CA + "SSLVerifyClient optional_no_ca\n<Location />\nRequire ssl-verify-client\n</Location>",
    "Require expr": CA + "SSLVerifyClient optional\n<Location />\nRequire expr %{SSL_CLIENT_S_DN_CN} == 'Alice'\n</Location>",
    "SSLUserName": CA + "SSLVerifyClient optional\nSSLUserName SSL_CLIENT_S_DN_CN",
}
NAMES = """SSL_PROTOCOL SSL_CIPHER SSL_CIPHER_USEKEYSIZE SSL_CIPHER_EXPORT SSL_SECURE_RENEG SSL_COMPRESS_METHOD SSL_SESSION_RESUMED
SSL_TLS_SNI SSL_CLIENT_VERIFY SSL_CLIENT_M_VERSION SSL_CLIENT_M_SERIAL SSL_CLIENT_S_DN SSL_CLIENT_S_DN_CN SSL_CLIENT_S_DN_OU
SSL_CLIENT_S_DN_C SSL_CLIENT_SAN_DNS_0 SSL_CLIENT_SAN_DNS_1 SSL_CLIENT_I_DN SSL_CLIENT_V_START SSL_CLIENT_V_END
SSL_CLIENT_A_SIG SSL_CLIENT_A_KEY SSL_CLIENT_CERT SSL_CLIENT_CERT_CHAIN_0 SSL_CLIENT_CERT_CHAIN_1 SSL_CLIENT_CERT_RFC4523_CEA
SSL_SERVER_S_DN SSL_SERVER_I_DN_O SSL_SERVER_SAN_DNS_1 SSL_SERVER_M_SERIAL SSL_SERVER_A_KEY SSL_SERVER_CERT HTTPS SERVER_NAME
REQUEST_METHOD REMOTE_USER AUTH_TYPE HTTP_USER_AGENT""".split()
FORMAT = "|".join(["%u", "%>s", "%{version}c", "%{subjectdn}c", "%{errcode}c", "%{errstr}c"] + ["%%{%s}x" % n for n in NAMES] +
                  ["%%{%s}e" % n for n in ("SSL_CLIENT_S_DN_CN", "SSL_SERVER_CERT", "SSL_CLIENT_CERT", "SSL_TLS_SNI", "HTTPS")])


@pytest.fixture(scope="module")
def client_sites(ca):
    text = 'LogFormat "%s" all\n' % FORMAT
    for n, lines in enumerate(SETTINGS.values()):
        lines = lines.replace("@CA@", ca.cert).replace("@CRL@", ca.path("fresh.pem")).replace("@ALL@", ca.all_crls)
        text += "<VirtualHost *:@PORT@>\nServerName c%d.example\nSSLEngine on\nSSLCertificateFile %s\nSSLOptions +StdEnvVars " \
            "+ExportCertData\nCustomLog @DIR@/c%d.access all\n%s\n</VirtualHost>\n" % (
                n, ca.leaf.both, n, lines.replace("@STALE@", ca.path("stale.pem")))
    both = Both(text)
    yield both
    both.close()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_clients_certificate_is_judged_and_known_alike(ca, client_sites, setting):
    n = list(SETTINGS).index(setting)

    def verdicts(port, folder):
        name, log = "c%d.example" % n, os.path.join(folder, "c%d.access" % n)
        given = {(who, v.name): ask(port, name, name, cert, v) for who, cert in ca.clients.items()
                 for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)}
        answered = sum(status is not None for status in given.values())
        wait_until(lambda: len(lines_of(log)) >= answered)
        return given, sorted(lines_of(log)) # of one thread each

    apache, weir = client_sites.each(verdicts)
    assert weir[0] == apache[0]
    assert weir[1] == apache[1]


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as f:
        return f.read().splitlines()


# ---- hosts over one handshake -----------------------------------------------------------------------------------

PAIR = "SSLCertificateFile @CERT@\nSSLCertificateKeyFile @KEY@\n"
MUTUAL = PAIR + CA + "SSLVerifyClient optional\n"
TWO_SITES = { # what stands in one virtual host and what in the other
    "the same": (PAIR, PAIR),
    "another certificate": (PAIR, "SSLCertificateFile @SECOND@\n"),
    "the same in other files": (PAIR, "SSLCertificateFile @BOTH@\n"),
    "protocols": (PAIR, PAIR + "SSLProtocol -all +TLSv1.3\n"),
    "ciphers": (PAIR, PAIR + "SSLCipherSuite HIGH\n"),
    "suites": (PAIR, PAIR + "SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256\n"),
    "order": (PAIR, PAIR + "SSLHonorCipherOrder on\n"),
    "tickets": (PAIR, PAIR + "SSLSessionTickets off\n"),
    "an authority that is not asked for": (PAIR, PAIR + CA),
    "verification": (PAIR, MUTUAL),
    "another authority": (MUTUAL, PAIR + "SSLCACertificateFile @OTHER@\nSSLVerifyClient optional\n"),
    "depth": (MUTUAL, MUTUAL + "SSLVerifyDepth 3\n"),
    "a list": (MUTUAL, MUTUAL + "SSLCARevocationFile @CRL@\n"),
    "whether the list is asked": (MUTUAL + "SSLCARevocationFile @CRL@\n",
                                  MUTUAL + "SSLCARevocationFile @CRL@\nSSLCARevocationCheck leaf\n"),
    "how the list is asked": (MUTUAL + "SSLCARevocationFile @CRL@\nSSLCARevocationCheck leaf\n",
                              MUTUAL + "SSLCARevocationFile @CRL@\nSSLCARevocationCheck leaf no_crl_for_cert_ok\n"),
    "names of authorities": (MUTUAL, MUTUAL + "SSLCADNRequestFile @OTHER@\n"),
    "no TLS": (PAIR, None),
}
ASKED = [("one", "two"), ("two", "one"), ("two", "two"), (None, "one"), (None, "two"), ("nobody", "two"), ("one", "nobody")]


@pytest.fixture(scope="module", params=["secure", "authonly", "strict", "insecure"])
def pairs_of_sites(ca, request):
    text = "SSLVHostSNIPolicy %s\n" % request.param
    for n, pair in enumerate(TWO_SITES.values()):
        text += "Listen 127.0.0.%d:@PORT@\n" % (n + 2)
        for name, lines in zip(("one", "two"), pair):
            text += "<VirtualHost 127.0.0.%d:@PORT@>\nServerName %s.example\n%s</VirtualHost>\n" % (
                n + 2, name, "" if lines is None else "SSLEngine on\n" + lines)
    for word, value in (("CERT", ca.leaf.cert), ("KEY", ca.leaf.key), ("BOTH", ca.leaf.both), ("SECOND", ca.second.both),
                        ("CA", ca.cert), ("OTHER", ca.other.cert), ("CRL", ca.path("fresh.pem"))):
        text = text.replace("@%s@" % word, value)
    both = Both(text)
    yield both
    both.close()


@pytest.mark.parametrize("differ", TWO_SITES)
def test_a_handshake_serves_the_same_hosts(pairs_of_sites, differ):
    address = "127.0.0.%d" % (list(TWO_SITES).index(differ) + 2)

    def statuses(port, _folder):
        return {(sni, host): ask(port, sni and sni + ".example", host + ".example", address=address) for sni, host in ASKED}

    apache, weir = pairs_of_sites.each(statuses)
    assert weir == apache

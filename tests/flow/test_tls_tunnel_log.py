"""What the access log says of a tunnel inside TLS is what its handshake was, however long ago that is: when the tunnel
begins, the connection gives back what only the handshake needed."""
import ssl

import pki
import pytest
from harness import TEXT, Backend, Weir, frame, until
from securewire import tunnel

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SITE = """
<VirtualHost *:{port}>
    ServerName example.com
    SSLEngine on
    SSLCertificateFile {cert}
    SSLCertificateKeyFile {key}
    SSLCACertificateFile {ca}
    SSLVerifyClient optional
    SSLUserName SSL_CLIENT_S_DN_CN
    CustomLog {dir}/access.log "%>s %{SSL_PROTOCOL}x %{SSL_CIPHER}x %{SSL_TLS_SNI}x %{SSL_CLIENT_VERIFY}x \
%{SSL_CLIENT_S_DN_CN}x %{SSL_CLIENT_S_DN_OU}x %{SSL_CLIENT_M_SERIAL}x %{SSL_SERVER_S_DN_CN}x %{SSL_SESSION_RESUMED}x %u"
    ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
</VirtualHost>
"""


@pytest.fixture(scope="module")
def ca():
    with pki.folder() as folder:
        ca = pki.CA(folder)
        ca.leaf = ca.issue("example.com", "example.com")
        ca.alice = ca.issue("Alice", ou="chat")
        yield ca


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


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_a_tunnels_line_names_the_clients_certificate(ca, version):
    agreed = "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384" if version == V12 else "TLSv1.3 TLS_AES_256_GCM_SHA384"
    with Backend() as backend, Weir(SITE, cert=ca.leaf.cert, key=ca.leaf.key, ca=ca.cert, backend=backend) as weir:
        alice = pki.client_context(ca, ca.alice, version)
        known = "101 %s example.com SUCCESS Alice chat %s example.com %%s Alice" % (agreed, ca.alice.serial)
        session, line = live(weir, backend, alice)
        assert line == known % "Initial"
        session, line = live(weir, backend, alice, session, reload=True)
        assert line == known % "Resumed"
        _, line = live(weir, backend, pki.client_context(ca, version=version))
        assert line == "101 %s example.com NONE - - - example.com Initial -" % agreed

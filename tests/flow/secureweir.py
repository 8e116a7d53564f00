"""Weir with TLS in front: the virtual host that stories have for it, and what its clients see."""
import re
import ssl
import subprocess

import pki
import pytest
from harness import PATIENCE, Weir, request
from securewire import connect

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
either_version = pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
SITE = """
<VirtualHost *:{port}>
    ServerName %s
    SSLEngine on
    %s
    %s
    ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
</VirtualHost>
"""


def pair(leaf):
    return "SSLCertificateFile %s\nSSLCertificateKeyFile %s\n" % (leaf.cert, leaf.key)


def site(leaf, lines="", name="example.com"):
    return SITE % (name, pair(leaf), lines)


def start(ca, lines="", backend=None, leaf=None, **options):
    return Weir(site(leaf or ca.leaf, lines), ca=ca.cert, backend=backend or 9, **options)


def s_client(weir, *args, name="example.com", text=""):
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % weir.port, "-servername", name, *args],
                          input=text, capture_output=True, text=True, timeout=PATIENCE)
    return done.stdout + done.stderr


def agreed(output):
    """(protocol, cipher) of what s_client says, or None when there was no handshake."""
    found = re.search(r"New, (\S+), Cipher is (\S+)", output)
    return found.groups() if found and found.group(2) != "(NONE)" else None


def ask(weir, context, raw=None, **options):
    """One request on a connection of its own."""
    with connect(weir, context, **options) as wire:
        return wire.send(raw or request(fields=[("Connection", "close")])).read_response()


def serial(weir, ca):
    """Of the certificate that a new client is shown."""
    with connect(weir, pki.client_context(ca)) as wire:
        return wire.serial

"""What things cost, in the two figures that need no quiet machine: instructions in user mode (valgrind's callgrind) and
system calls (strace). Each figure is a slope: the same run once with FEW of everything and once with many more of one
kind, so that start, warm-up and end fall out. The story plays both ends, one thing at a time: nothing depends on speed.

`WEIR=build/release/weir … pytest -s` prints the table for docs/performance.md. Who makes something cheaper lowers its
bound; who has a reason to make it dearer raises it and says so.
"""
import collections
import glob
import os
import re
import shutil
import subprocess

import pytest

import pki
import securewire
from harness import BINARY, Backend, Weir, answer, frame, free_port, handshake, request, switching, until

CONFIG = """
LogLevel warn
MaxKeepAliveRequests 0
KeepAliveTimeout 100
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{tls}
Listen 127.0.0.1:{ruled}
ProxyPass /ws/ ws://127.0.0.1:{backend}/
ProxyPass / http://127.0.0.1:{backend}/
<VirtualHost 127.0.0.1:{tls}>
    ServerName example.com
    SSLEngine on
    SSLCertificateFile {cert}
    SSLCertificateKeyFile {key}
    ProxyPass /ws/ ws://127.0.0.1:{backend}/
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>
<VirtualHost 127.0.0.1:{ruled}>
    RULES
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>
""".replace("RULES", "RewriteEngine On\n" + "".join(
    "RewriteRule ^/old%d/(.*)$ /new/$1 [R=301,L]\nRewriteRule \\.cgi%d$ - [F]\nRewriteCond %%{HTTP_HOST} ^www%d\\.example\\.com$ [NC]\n"
    "RewriteRule ^/(.*)$ https://example.com/$1 [R=301,L]\nRewriteCond %%{HTTP_USER_AGENT} bot%d [NC]\nRewriteRule .* - [F]\n" % (n, n, n, n)
    for n in range(10)) + "".join("Header set X-%d value\nHeader always unset Y-%d\n" % (n, n) for n in range(10)) + "".join(
    "SetEnvIf User-Agent MSIE%d old\nSetEnvIfNoCase Referer evil%d bad\n" % (n, n) for n in range(5)))
FEW = 10
# How many of a kind are counted, and what one may cost: instructions, system calls. About a tenth more than was measured;
# an echo is two messages, a handshake is with one request upon it. What OpenSSL takes depends on the processor.
BOUNDS = {
    "echo": (1000, 2000, 6.6),
    "wss echo": (1000, 16400, 6.6),
    "connect": (100, 33200, 25.7),
    "request": (100, 18700, 6.6),
    "browser's request": (100, 26700, 6.6),
    "ruled request": (100, 68000, 6.7), # the browser's, through 40 RewriteRules, 20 conditions, 20 Header, 10 SetEnvIf lines
    "full handshake": (40, 2900000, 25.7),
    "resumed handshake": (40, 2740000, 24.2),
}
BROWSER = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Accept-Language", "ja,en-US;q=0.7,en;q=0.3"), ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "https://example.com/page"), ("Connection", "keep-alive"),
    ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"), ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "same-origin"), ("Priority", "u=0, i"),
]


class Callgrind:
    unit, at, command = "instructions", 1, "valgrind -q --tool=callgrind --separate-threads=yes --callgrind-out-file="

    @staticmethod
    def by_thread(files):
        return [int(n) for text in files for n in re.findall(r"^totals: (\d+)", text, re.M)]


class Strace:
    unit, at, command = "system calls", 2, "strace -D -f -qq -e signal=none -o " # -D: the pid that ends is Weir's

    @staticmethod
    def by_thread(files):
        return collections.Counter(n for text in files for n in re.findall(r"^(\d+) +\w+\(", text, re.M)).values()


class Load:
    """Each method does one thing of its kind; connections that are to live were made before."""

    def __init__(self, weir, backend, ca):
        self.weir, self.backend = weir, backend
        self.context = pki.client_context(ca)
        self.tunnels = {"echo": weir.tunnel(backend, "/ws/"), "wss echo": self.secure_tunnel()}
        self.page, self.ruled = weir.connect(), weir.connect(port=weir.values["ruled"])
        self.page.send(request())
        self.peer = backend.accept()
        self.reply(self.page)
        self.session = None

    def do(self, kind):
        getattr(self, kind.replace("'", "").replace(" ", "_"))()

    def secure_tunnel(self):
        return securewire.tunnel(self.weir, self.backend, self.context, "/ws/", port=self.weir.values["tls"])

    def reply(self, client):
        self.peer.read_head()
        self.peer.send(answer(fields=[("Content-Type", "text/plain"), ("Date", "Sat, 28 Nov 2026 00:00:00 GMT")]))
        assert client.read_response().body == b"hello"

    def echo_through(self, kind):
        client, peer = self.tunnels[kind]
        there, back = frame(BINARY, b"x" * 64, masked=True), frame(BINARY, b"x" * 64)
        client.send(there)
        assert peer.read(len(there)) == there
        peer.send(back)
        assert client.read(len(back)) == back

    def echo(self):
        self.echo_through("echo")

    def wss_echo(self):
        self.echo_through("wss echo")

    def connect(self):
        client = self.weir.connect().send(handshake("/ws/"))
        peer = self.backend.accept()
        peer.send(switching(peer.read_head()))
        assert client.read_head().status == 101
        client.close()
        assert peer.read_all() == b""
        peer.close()

    def request(self):
        self.reply(self.page.send(request()))

    def browsers_request(self):
        self.reply(self.page.send(request(fields=BROWSER)))

    def ruled_request(self):
        self.ruled.send(request(fields=BROWSER))
        self.reply(self.ruled)

    def secure_request(self, session):
        client = securewire.connect(self.weir, self.context, session=session, port=self.weir.values["tls"])
        assert client.tls.session_reused == bool(session)
        self.reply(client.send(request()))
        self.session = client.tls.session
        client.close()

    def full_handshake(self):
        self.secure_request(None)

    def resumed_handshake(self):
        self.secure_request(self.session)


def run(meter, ca, counted=None):
    """Instructions or system calls of a whole run in the worker's thread, which is the busiest. How many the logs' writer
    takes depends on how many lines it finds at a time."""
    with Backend() as backend:
        tls, ruled = free_port(), free_port()
        with Weir(CONFIG, backend=backend, tls=tls, ruled=ruled, cert=ca.leaf.cert, key=ca.leaf.key, start=False) as weir:
            weir.prefix = ("taskset -c %d %s%s/count" % (min(os.sched_getaffinity(0)), meter.command, weir.dir)).split(" ")
            weir.start()
            load = Load(weir, backend, ca)
            for kind in BOUNDS:
                for _ in range(FEW + (BOUNDS[kind][0] if kind == counted else 0)):
                    load.do(kind)
            weir.stop()
            until(lambda: not glob.glob("/proc/%d" % weir.pid), "the end of what counts")
            return max(meter.by_thread([pki.read(file) for file in glob.glob(weir.dir + "/count*")]))


def check(meter, ca):
    few = run(meter, ca)
    figures = {kind: (run(meter, ca, kind) - few) / BOUNDS[kind][0] for kind in BOUNDS}
    for kind, figure in figures.items():
        print("%-20s %10.1f %s, bound %.1f" % (kind, figure, meter.unit, BOUNDS[kind][meter.at]))
    dear = {kind: figure for kind, figure in figures.items() if figure > BOUNDS[kind][meter.at]}
    assert not dear, "more %s than the bounds that this file holds: %s" % (meter.unit, dear)


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_instructions_stay_within_their_bounds(ca):
    check(Callgrind, ca)


def may_trace():
    return shutil.which("strace") and subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.mark.skipif(not may_trace(), reason="strace is not installed or may not trace here")
def test_system_calls_stay_within_their_bounds(ca):
    check(Strace, ca)

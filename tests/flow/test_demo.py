"""The newcomer's way: `weir demo`, the page it names in a real browser, an echo, a chat, and Ctrl-C."""
import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile

import pytest

from flow.browser import Browser, chromedriver
from flow.harness import FAULTS, PATIENCE, TEXT, WEIR, Wire, frame, free_port, handshake, request, until


class Demo:
    def __init__(self, *args):
        self.dir = tempfile.mkdtemp(prefix="weir-test-")
        self.out = open(os.path.join(self.dir, "out"), "w+")
        self.process = subprocess.Popen([WEIR, "demo", *args], stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT,
                                        env=dict(os.environ, TMPDIR=self.dir), start_new_session=True)
        self.url = until(lambda: self.find(r"(http://localhost:\d+/)\n"), "the page's address")
        self.port = int(self.url.rstrip("/").rpartition(":")[2])
        self.tls_url = self.find(r"(https://localhost:\d+/)\n")
        self.tls_port = int(self.tls_url.rstrip("/").rpartition(":")[2])
        self.backend_port = int(self.find(r"ws://localhost:(\d+)/\n"))
        until(lambda: self.find("resuming normal operations"), "weir to serve")

    def said(self):
        with open(self.out.name) as f:
            return f.read()

    def find(self, pattern):
        assert self.process.poll() is None, self.said()
        found = re.search(pattern, self.said())
        return found and found.group(found.re.groups)

    def file(self, name):
        return os.path.join(os.path.dirname(self.find(r": +(/\S+tutorial\.conf)\n")), name)

    def fingerprint(self):
        """Of the certificate's key, as --ignore-certificate-errors-spki-list wants it."""
        key = subprocess.run(["openssl", "x509", "-in", self.file("localhost.pem"), "-noout", "-pubkey"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], check=True, input=key.stdout, capture_output=True)
        return base64.b64encode(hashlib.sha256(der.stdout).digest()).decode()

    def stop(self, tell):
        """Everything is gone with it: the backend, the ports, the files."""
        if self.process.returncode is None:
            tell()
        assert self.process.wait(PATIENCE) == 0, self.said()
        self.out.close()
        assert not FAULTS.search(self.said()), self.said()
        assert os.listdir(self.dir) == ["out"]
        for port in (self.port, self.tls_port, self.backend_port):
            with socket.socket() as s:
                assert s.connect_ex(("127.0.0.1", port)) != 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.stop(self.process.terminate)
        finally:
            shutil.rmtree(self.dir)


# ---- a browser --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def driver():
    with chromedriver() as url:
        yield url


@pytest.fixture
def browser(driver):
    b = Browser(driver)
    yield b
    b.end()


@contextlib.contextmanager
def browser_that_trusts(driver, demo):
    b = Browser(driver, "--ignore-certificate-errors-spki-list=" + demo.fingerprint())
    try:
        yield b
    finally:
        b.end()


def test_a_newcomer_gets_an_echo_and_a_chat(browser):
    with Demo("-p", "0", "-s", "0") as demo:
        browser.open(demo.url)
        browser.wait_for("#echo .state", "^● open$|^open$")
        browser.type("#echo .text", "Grüße, 世界")
        browser.click("#echo button.main")
        browser.wait_for("#echo .log", r"→ Grüße, 世界\n← Grüße, 世界 +\(\d+\.\d ms\)")
        browser.click("#echo .binary")
        browser.wait_for("#echo .log", r"← \[65536 B =\]")

        first = browser.tab()
        browser.wait_for("#chat .log", "1 here")
        browser.open_tab()
        browser.open(demo.url)
        browser.wait_for("#chat .log", "2 here")
        browser.type("#chat .name", "花子")
        browser.type("#chat .text", "聞こえますか")
        browser.click("#chat button.main")
        browser.wait_for("#chat .log", "花子: 聞こえますか")
        browser.switch(first)
        browser.wait_for("#chat .log", "2 here(?s:.*)花子: 聞こえますか")

        browser.click("#echo .toggle")
        browser.wait_for("#echo .why", "1000 normal.*, clean")
        browser.click("#language")
        browser.wait_for("#echo .why", "1000 正常終了.*、?正常")
        browser.wait_for("#chat .state", "接続済み")
        demo.stop(demo.process.terminate)
        browser.wait_for("#chat .why", r"^\d{4} ")


def test_over_https_the_page_opens_its_sockets_with_wss(driver):
    with Demo("-p", "0", "-s", "0") as demo, browser_that_trusts(driver, demo) as browser:
        browser.open(demo.tls_url)
        browser.wait_for("#echo .url", "^wss://localhost:%d/ws/echo$" % demo.tls_port)
        browser.wait_for("#echo .state", "^● open$|^open$")
        browser.type("#echo .text", "暗号化されていますか")
        browser.click("#echo button.main")
        browser.wait_for("#echo .log", r"→ 暗号化されていますか\n← 暗号化されていますか +\(\d+\.\d ms\)")


def test_wss_echoes_under_each_name_of_the_certificate_it_made():
    with Demo("-p", "0") as demo:
        assert stat.S_IMODE(os.stat(demo.file("localhost.key")).st_mode) == 0o600
        trust = ssl.create_default_context(cafile=demo.file("localhost.pem"))
        for name in ("localhost", "example.com", "127.0.0.1", "::1"):
            with trust.wrap_socket(socket.create_connection(("127.0.0.1", demo.tls_port)), server_hostname=name) as s:
                host = "[%s]" % name if ":" in name else name
                wire = Wire(s).send(handshake("/wss/echo", host="%s:%d" % (host, demo.tls_port)))
                assert wire.read_head().status == 101
                assert wire.send(frame(TEXT, name.encode(), masked=True)).read_frame() == (TEXT, name.encode(), True)


def test_each_demo_makes_a_certificate_of_its_own():
    with Demo("-p", "0", "-s", "0") as one, Demo("-p", "0", "-s", "0") as other:
        trust = ssl.create_default_context(cafile=one.file("localhost.pem"))
        with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", other.tls_port)) as s:
            trust.wrap_socket(s, server_hostname="localhost")


def test_control_c_ends_everything():
    with Demo("-p", "0", "-s", "0") as demo:
        with socket.create_connection(("127.0.0.1", demo.port)) as s:
            wire = Wire(s).send(handshake("/ws/echo"))
            assert wire.read_head().status == 101
            demo.stop(lambda: os.killpg(demo.process.pid, signal.SIGINT)) # as a terminal does: to the whole group
            assert wire.ends()


def test_a_closed_terminal_ends_everything_though_weir_itself_reloads_on_hangup():
    with Demo("-p", "0", "-s", "0") as demo:
        demo.stop(lambda: os.killpg(demo.process.pid, signal.SIGHUP))


def test_the_backend_does_not_outlive_a_demo_that_was_killed():
    with Demo("-p", "0", "-s", "0") as demo:
        demo.process.kill()
        demo.process.wait(PATIENCE)

        def gone():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", demo.backend_port)) != 0
        until(gone, "the backend to end")
        demo.process.returncode = 0 # it could not clean up
        for name in set(os.listdir(demo.dir)) - {"out"}:
            shutil.rmtree(os.path.join(demo.dir, name))


def test_the_configuration_it_names_is_the_tutorials_on_loopback_and_can_be_edited():
    with Demo("-p", "0", "-s", "0") as demo:
        path = demo.find(r": +(/\S+tutorial\.conf)\n")
        with open(path) as f:
            text = f.read()
        b = demo.backend_port
        tutorial = ("<VirtualHost *:%d>\n    ServerName example.com\n    ProxyPreserveHost On\n"
                    "    ProxyPass /ws/ ws://localhost:%d/\n    ProxyPassReverse /ws/ ws://localhost:%d/\n"
                    "    <Location /ws/>\n        Require all granted\n        Header set Upgrade \"websocket\"\n"
                    "        Header set Connection \"Upgrade\"\n    </Location>\n") % (demo.port, b, b)
        assert tutorial in text
        assert set(re.findall(r"(?m)^Listen (\S+):\d+$", text)) <= {"127.0.0.1", "[::1]"}
        assert subprocess.run([WEIR, "-t", "-f", path], timeout=PATIENCE, stderr=subprocess.DEVNULL).returncode == 0
        with socket.create_connection(("127.0.0.1", demo.port)) as s, open(path, "a") as f:
            wire = Wire(s).send(handshake("/ws/echo"))
            assert wire.read_head().status == 101
            f.write("ServerSignature Off\n")
            f.flush()
            demo.process.send_signal(signal.SIGUSR1)
            until(lambda: demo.find("configuration 2 is in charge"), "the reload")
            wire.send(b"\x89\x80" + bytes(4))
            assert wire.read(2) == b"\x8a\x00"


@pytest.mark.parametrize("option", ["-p", "-s"])
def test_a_port_that_was_asked_for_and_is_taken_is_said(option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([WEIR, "demo", option, str(port)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "Address already in use" in done.stderr


def test_one_port_is_not_asked_to_be_both():
    port = str(free_port())
    done = subprocess.run([WEIR, "demo", "-p", port, "-s", port], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "Address already in use" in done.stderr


@pytest.mark.parametrize("port, attribute", [(8080, "port"), (8443, "tls_port")])
def test_without_a_port_it_takes_8080_and_8443_or_says_that_it_took_another(port, attribute):
    with contextlib.ExitStack() as stack:
        taken = stack.enter_context(socket.socket())
        with contextlib.suppress(OSError): # taken by another program: just as well
            taken.bind(("127.0.0.1", port))
            taken.listen()
        demo = stack.enter_context(Demo())
        assert getattr(demo, attribute) != port and demo.find("Port %d is taken" % port)
        with socket.create_connection(("127.0.0.1", demo.port)) as s:
            assert Wire(s).send(request("GET", "/healthz")).read_response().body == b"ok\n"

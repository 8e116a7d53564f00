"""Chromium with an authority of our own among those that it trusts: a page over https opens its socket over wss, and what a
browser shows when a certificate will not do."""
import contextlib
import os
import shutil
import subprocess

import pytest

import pki
from browser import Browser, chromedriver
from harness import Backend, Weir, answer, until, websockets_echo
from secureweir import site

PAGE = """<!doctype html><title>x</title><p id=said>nothing<script>
const said = document.querySelector("#said"), socket = new WebSocket("wss://" + location.host + "/wss/")
socket.onopen = () => socket.send("聞こえますか")
socket.onmessage = e => said.textContent = "echo: " + e.data
socket.onerror = () => said.textContent = "error"
</script>"""


def serve_page(wire):
    with contextlib.suppress(AssertionError, OSError):
        while wire.read_request():
            wire.send(answer(200, PAGE.encode(), [("Content-Type", "text/html; charset=utf-8")]))


@pytest.fixture(scope="module")
def driver(ca):
    """With a home in which the authority is trusted."""
    if not shutil.which("certutil"):
        pytest.skip("certutil (libnss3-tools) is not there")
    store = ca.path(".pki/nssdb")
    os.makedirs(store)
    for args in (["-N", "--empty-password"], ["-A", "-n", "test", "-t", "C,,", "-i", ca.cert]):
        subprocess.run(["certutil", "-d", "sql:" + store, *args], check=True, capture_output=True)
    with chromedriver(HOME=ca.folder) as url:
        yield url


@pytest.fixture
def browser(driver):
    b = Browser(driver, "--host-resolver-rules=MAP * 127.0.0.1")
    yield b
    b.end()


@pytest.fixture
def serve(tmp_path):
    """A function of the certificate."""
    with Backend(serve_page) as page, websockets_echo() as echo:
        def start(leaf):
            pki.install(leaf, tmp_path)
            return Weir(site(pki.installed(tmp_path), "ProxyPass /wss/ ws://127.0.0.1:{echo}/"), backend=page, echo=echo)
        yield start


def test_the_page_of_a_trusted_authority_speaks_wss_also_after_a_renewal(ca, serve, browser, tmp_path):
    with serve(ca.issue("example.com", "example.com")) as weir:
        for _ in range(2):
            browser.open("https://example.com:%d/" % weir.port)
            browser.wait_for("#said", "^echo: 聞こえますか$")
            pki.install(ca.issue("example.com", "example.com"), tmp_path)
            weir.wait_for_log("was read anew")


@pytest.mark.parametrize("fault, shown", [("alien", "ERR_CERT_AUTHORITY_INVALID"), ("expired", "ERR_CERT_DATE_INVALID"),
                                          ("name", "ERR_CERT_COMMON_NAME_INVALID"),
                                          ("common name alone", "ERR_CERT_COMMON_NAME_INVALID")])
def test_what_a_browser_says_of_a_certificate_that_will_not_do(ca, serve, browser, fault, shown):
    leaf = {"alien": lambda: ca.other.issue("example.com", "example.com"),
            "expired": lambda: ca.issue("example.com", "example.com", expired=True),
            "name": lambda: ca.issue("other.test", "other.test"),
            "common name alone": lambda: ca.issue("example.com")}[fault]()
    with serve(leaf) as weir:
        browser.open("https://example.com:%d/" % weir.port)
        until(lambda: shown in browser.text("#error-code"), shown)
        if "NAME" in shown:
            assert shown in weir.wait_for_log("does NOT include an ID")
        weir.wait_for_log("AH02008: .*alert|AH02006: ")

"""OCSP stapling: the answer is there when a handshake asks, whatever the responder does, and no handshake waits for it."""
import contextlib
import os
import re
import subprocess
import time

import pki
import pytest
from harness import SOON, Backend, Weir, answer, free_port, until
from secureweir import pair, s_client, site

GLOBAL = "SSLStaplingCache shmcb:{dir}/stapling(32768)\nLogLevel info ssl:debug\n"
STAPLED = "SSLUseStapling on\n"
FORCED = "SSLStaplingForceURL http://127.0.0.1:{ocsp}/ask?it\n"


@pytest.fixture
def ca():
    """One for each story: they revoke, and change what stands in certificates."""
    with pki.authority() as ca:
        yield ca


def serve(hosts, ocsp, **options):
    return Weir(GLOBAL + hosts, ocsp=ocsp, backend=9, **options)


def start(ca, lines, ocsp, leaf=None):
    return serve(site(ca.chained(leaf or ca.leaf), STAPLED + lines), ocsp)


def open_responder(ca, args, port, signer):
    process = subprocess.Popen(["openssl", "ocsp", "-index", ca.path("index.txt"), "-port", str(port), "-CA", ca.cert,
                                "-rsigner", signer.cert, "-rkey", signer.key, *(args or ("-nmin", "5"))],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
    said = ""
    for line in process.stdout: # to its end: the port was taken meanwhile, or it stands
        said += line
        if "waiting for OCSP client" in line:
            process.port = port
            return process
    process.wait()
    process.stdout.close()
    assert "Address already in use" in said or "unable to bind" in said.lower(), said
    return None


@contextlib.contextmanager
def responder(ca, *args, port=None, signer=None):
    process = until(lambda: open_responder(ca, args, port or free_port(), signer or ca), "the responder")
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def stapled(weir, name="example.com", *args):
    """What a client is shown: 'good', 'revoked', 'trylater', …, or None."""
    output = s_client(weir, "-status", *args, name=name)
    if "OCSP response: no response sent" in output:
        return None
    status = re.search(r"OCSP Response Status: (\w+)", output)
    cert = re.search(r"Cert Status: (\w+)", output)
    return cert.group(1) if cert else status.group(1)


def shows(weir, what):
    until(lambda: stapled(weir) == what, "%s to be stapled" % what)


def test_a_good_answer_is_stapled(ca):
    with responder(ca) as ocsp, start(ca, FORCED, ocsp) as weir:
        shows(weir, "good")
        assert "AH03040" in weir.wait_for_log("success renewing response")


def test_the_certificate_names_its_responder(ca):
    port = free_port()
    text = pki.read(ca.path("ca.cnf")).replace("[leaf]\n", "[leaf]\nauthorityInfoAccess = OCSP;URI:http://localhost:%d/\n" % port)
    pki.write(ca.path("ca.cnf"), text)
    leaf = ca.issue("example.com", "example.com")
    with responder(ca, port=port) as ocsp, start(ca, "", ocsp, leaf) as weir:
        shows(weir, "good")


@pytest.mark.parametrize("errors, shown", [("on", "revoked"), ("off", None)])
def test_a_revoked_certificate(ca, errors, shown):
    ca.revoke(ca.leaf)
    with responder(ca) as ocsp, start(ca, FORCED + "SSLStaplingReturnResponderErrors " + errors, ocsp) as weir:
        line = weir.wait_for_log("AH02969")
        assert "certificate status revoked" in line and "serial number %s" % ca.leaf.serial in line
        until(lambda: stapled(weir) == shown, "%s to be stapled" % shown)


def test_an_answer_of_the_wrong_signer_is_not_shown(ca):
    with responder(ca, signer=ca.other) as ocsp, start(ca, FORCED, ocsp) as weir:
        weir.wait_for_log("AH01925")
        assert stapled(weir) is None


@pytest.mark.parametrize("lines, shown", [
    ("", "trylater"),
    ("SSLStaplingFakeTryLater off", None),
    ("SSLStaplingReturnResponderErrors off", None)])
def test_nobody_answers(ca, lines, shown):
    with start(ca, FORCED + lines, free_port()) as weir:
        assert "127.0.0.1:" in weir.wait_for_log("AH01974")
        weir.wait_for_log("AH01941")
        until(lambda: stapled(weir) == shown, "%s to be stapled" % shown)


def test_a_silent_responder_holds_up_neither_handshakes_nor_the_end(ca):
    with Backend() as ocsp, start(ca, FORCED + "SSLStaplingResponderTimeout 60", ocsp) as weir:
        ask = ocsp.accept()
        asked = ask.read_request()
        assert asked.line == "POST /ask?it HTTP/1.0" and asked.get("Content-Type") == "application/ocsp-request"
        assert asked.get("Host") == "127.0.0.1:%d" % ocsp.port
        begun = time.monotonic()
        assert stapled(weir) is None
        weir.stop()
        assert time.monotonic() - begun < SOON


def test_the_time_out_of_a_silent_responder(ca):
    with Backend() as ocsp, start(ca, FORCED + "SSLStaplingResponderTimeout 1", ocsp) as weir:
        ocsp.accept()
        weir.wait_for_log("AH01985")
        shows(weir, "trylater")


@pytest.mark.parametrize("said, why", [
    (answer(200, b"garbage"), "AH01988"),
    (answer(503, b"busy"), "AH01980.*503"),
    (answer(200, b"x" * 100000), "AH01986"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "AH01980"),
    (b"220 mail.example ESMTP\r\n", "AH01980"),
    (b"", "AH01980"),
    (answer(200, b"\x30\x03\x0a\x01\x06"), "AH01944.*unauthorized"),
], ids=["garbage", "503", "large", "cut short", "not http", "nothing", "unauthorized"])
def test_bad_answers(ca, said, why):
    def script(wire):
        wire.read_request()
        wire.send(said)

    with Backend(script) as ocsp, start(ca, FORCED, ocsp) as weir:
        line = weir.wait_for_log(why)
        assert "[ssl:error]" in line
        shows(weir, "unauthorized" if "AH01944" in why else "trylater")


def test_an_answer_is_renewed_and_kept_while_the_responder_is_away(ca):
    port = free_port()
    with responder(ca, port=port) as ocsp:
        weir = start(ca, FORCED + "SSLStaplingStandardCacheTimeout 1\nSSLStaplingErrorCacheTimeout 1", ocsp)
        with weir:
            until(lambda: weir.error_log().count("AH03040") >= 2, "a second fetch")
            ocsp.terminate()
            ocsp.wait()
            weir.wait_for_log("AH01941")
            assert stapled(weir) == "good" # it is valid for minutes yet
            ca.revoke(ca.leaf)
            with responder(ca, port=port):
                shows(weir, "revoked")


def test_an_answer_outlives_a_reload_and_a_renewal_asks_anew(ca):
    with responder(ca) as ocsp:
        with start(ca, FORCED, ocsp) as weir:
            shows(weir, "good")
            ocsp.terminate()
            ocsp.wait()
            weir.reload()
            assert stapled(weir) == "good"
            weir.stop()
            assert "AH01941" not in weir.error_log()
    with pki.folder() as folder, responder(ca) as ocsp:
        pki.install(ca.leaf, folder)
        chain = "SSLCertificateChainFile %s\n" % ca.cert
        with serve(site(pki.installed(folder), STAPLED + FORCED + chain), ocsp) as weir:
            shows(weir, "good")
            new = ca.issue("example.com", "example.com")
            pki.install(new, folder)
            weir.wait_for_log("was read anew")
            ocsp.terminate() # it has read its index: it does not know the new one
            ocsp.wait()
            with responder(ca, port=ocsp.port):
                weir.reload()
                shows(weir, "good")


@pytest.mark.parametrize("lines, cert, why", [
    ("", "chained", "AH02218"), ("SSLStaplingForceURL https://127.0.0.1/", "chained", "AH01940"),
    ("SSLStaplingForceURL what", "chained", "AH01939"), (FORCED, "alone", "AH02217")],
    ids=["no url", "https", "no uri", "no issuer"])
def test_what_cannot_be_stapled_is_said_and_served_all_the_same(ca, lines, cert, why):
    leaf = ca.chained(ca.leaf) if cert == "chained" else ca.leaf
    with serve(site(leaf, STAPLED + lines), 9) as weir:
        assert "[ssl:error]" in weir.wait_for_log(why)
        weir.wait_for_log("AH02604: Unable to configure certificate example.com:443:0 for stapling")
        assert stapled(weir) is None


def test_each_of_two_certificates_of_a_site_has_its_answer(ca):
    rsa = ca.issue("example.com", "example.com", kind="rsa")
    ca.revoke(rsa)
    with responder(ca) as ocsp, start(ca, FORCED + pair(ca.chained(rsa)), ocsp) as weir:
        for kind, what in (("ECDSA+SHA256", "good"), ("RSA-PSS+SHA256", "revoked")):
            until(lambda: stapled(weir, "example.com", "-sigalgs", kind) == what, "%s to be stapled" % what)


def test_two_sites_with_one_certificate_ask_once(ca):
    hosts = "".join(site(ca.chained(ca.leaf), STAPLED + FORCED, name) for name in ("example.com", "two.test"))
    with responder(ca) as ocsp, serve(hosts, ocsp) as weir:
        shows(weir, "good")
        until(lambda: stapled(weir, "two.test") == "good", "the second site's")
        weir.stop()
        assert weir.error_log().count("AH01938") == 1


def test_the_thread_starts_with_the_first_need(ca):
    with serve(site(ca.leaf), 9) as weir:
        weir.wait_for_log("resuming normal operations")
        before = len(os.listdir("/proc/%d/task" % weir.pid))
        weir.values["ocsp"] = free_port()
        weir.configure(GLOBAL + site(ca.leaf, STAPLED + FORCED))
        weir.reload()
        assert until(lambda: len(os.listdir("/proc/%d/task" % weir.pid)), "its threads") == before + 1

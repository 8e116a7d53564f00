"""Digest authentication as a conversation: the same challenges and answers under apache2 and Weir, step by step. What the
servers choose freely (nonces, numbers of clients) is named, not compared."""
import hashlib
import os
import re
import tempfile

import pytest

from apache import APACHE, Backend, Run, second_server

FILES = tempfile.mkdtemp(prefix="weir-digest-")
os.chmod(FILES, 0o755)
MODULES = ["authz_host", "authz_user", "auth_digest", "auth_basic", "authn_core", "authn_file"]


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


PASSWORDS = os.path.join(FILES, "digest")
with open(PASSWORDS, "w") as f:
    f.write("# realm r\ndora:other:0\ndora:r:%s\nodd \"user:r:%s\n" % (md5("dora:r:pass"), md5("odd \"user:r:pass")))
LOGIN = "AuthType Digest\nAuthName r\nAuthUserFile %s\nRequire valid-user\n" % PASSWORDS
HOSTS = {
    "plain": LOGIN, "counting": LOGIN + "AuthDigestNcCheck On\n", "once": LOGIN + "AuthDigestNonceLifetime 0\n",
    "short": LOGIN + "AuthDigestNonceLifetime 1\nAuthDigestNcCheck On\n", "endless": LOGIN + "AuthDigestNonceLifetime -1\n",
    "domain": LOGIN + "AuthDigestDomain /a http://b.example/\nAuthDigestAlgorithm md5\nAuthDigestQop auth\nAuthDigestProvider file\n",
    "nameless": LOGIN.replace("AuthName r\n", ""), "no file": LOGIN.replace(PASSWORDS, "/nonexistent/file"),
    "one user": LOGIN.replace("valid-user", "user zed"),
    "local domain": LOGIN + "AuthDigestDomain /a /b\n", "local once": LOGIN + "AuthDigestNonceLifetime 0\nAuthDigestDomain /a\n",
    "local soon": LOGIN + "AuthDigestNonceLifetime 20\n",
    "basic": LOGIN.replace("Digest", "Basic"),
    "over by name": LOGIN + "AuthDigestNcCheck On\n</Location>\n<Location /a>\nAuthName r\n",
    "over": LOGIN + "AuthDigestNcCheck On\n</Location>\n<Location /a>\nAuthDigestAlgorithm MD5\n", # begins anew
}
NAMES = list(HOSTS)


for name in ("a", "b"):
    with open(os.path.join(FILES, name), "w") as f:
        f.write("a file\n")


def config(name):
    proxied = "" if name.startswith("local") else "ProxyPass / http://127.0.0.1:@A@/\n"
    return "DocumentRoot %s\n%s<Location />\n%s</Location>" % (FILES, proxied, HOSTS[name])


class Talk:
    """One server's side: challenges are kept, and shown with what is free replaced."""

    def __init__(self, run):
        self.run, self.nonces, self.opaques, self.lines = run, [], [], []
        self.last = {}

    def shorten(self, text):
        for n, nonce in enumerate(self.nonces):
            text = text.replace(nonce, "NONCE%d" % n)
        text = re.sub(r"[A-Za-z0-9+/]{11}=[0-9a-g]{40}", "NONCE", text)
        text = re.sub(r"hash is not [0-9a-f]{40}", "hash is not H", text)
        return re.sub(r"(client |opaque=\"|user .*? )([0-9a-f]+)(?= (?:is no|not|found)|\")", r"\1N", text)

    def ask(self, host, path="/a", field=None, method="GET"):
        raw = "%s %s HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n%s\r\n" % (
            method, path, "Authorization: %s\r\n" % field if field else "")
        answer = self.run.ask(NAMES.index(host), raw.encode())
        shown = [host, path, answer.status]
        for value in answer.all("WWW-Authenticate"):
            self.last = {k: a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', value)}
            self.nonces.append(self.last.get("nonce", "none"))
            shown.append(self.shorten(value))
        for value in answer.all("Authentication-Info"):
            found = re.search(r'nextnonce="([^"]*)"', value)
            if found:
                self.nonces.append(found.group(1))
                self.last = dict(self.last, nonce=found.group(1))
            value = re.sub(r'rspauth="[0-9a-f]{32}"', "rspauth", value) # it has the nonce in it
            shown.append(self.shorten(value))
        self.lines.append(shown + [len(answer.seen)])
        return self.last

    def answer(self, challenge, uri="/a", user="dora", password="pass", method="GET", nc="00000001", leave=(), **other):
        realm = other.get("realm", "r")
        nonce = other.get("nonce", challenge.get("nonce", "none"))
        hashes = md5("%s:%s:%s" % (user, realm, password)), md5("%s:%s" % (method, uri))
        qop = other.get("qop", "auth")
        parts = dict(username=user.replace('"', '\\"'), realm=realm, nonce=nonce, uri=uri, qop=qop, nc=nc, cnonce="abc",
                     response=md5(":".join((hashes[0], nonce, nc, "abc", qop, hashes[1]))))
        if challenge.get("opaque"):
            parts["opaque"] = challenge["opaque"]
        parts.update(other)
        return "Digest " + ", ".join('%s="%s"' % p for p in parts.items() if p[0] not in leave)


def converse(t):
    for host in HOSTS:
        t.ask(host)
    c = t.ask("plain")
    good = t.answer(c)
    for field in (good, good, good.replace('"', ""), good.replace(", ", ","), good.replace("=", " = "), good + ", extra=1,,",
                  "Digest", "Digest x", "digest " + good[7:], "Basic ZG9yYTpwYXNz", "Bearer x", good[:60]):
        t.ask("plain", field=field)
    for parts in (dict(password="no"), dict(user="eve"), dict(user='odd "user'), dict(realm="other"), dict(qop="auth-int"),
                  dict(leave=("qop",)), dict(leave=("qop", "nc", "cnonce")), dict(leave=("nc",)), dict(leave=("cnonce",)),
                  dict(leave=("uri",)), dict(leave=("response",)), dict(leave=("username",)), dict(algorithm="MD5"),
                  dict(algorithm="SHA-256"), dict(uri="/b"), dict(uri=""), dict(uri="/a?x"), dict(uri="http://HOST/a"),
                  dict(uri="http://HOST:1/a"), dict(uri="http://[::1/a"), dict(uri="/%61"), dict(opaque="zz"), dict(opaque="5"),
                  dict(opaque=""), dict(nonce="x" * 52), dict(nonce="short"), dict(nonce=c["nonce"][:-1] + "g"),
                  dict(nonce="AAAAAAAAAAA=" + c["nonce"][12:]), dict(response="0"), dict(response="g" * 32), dict(response="A" * 32), dict(response="0" * 33), dict(username=""), dict(cnonce=""), dict(nc="x" * 40), dict(realm=""),
                  dict(method="POST")):
        t.ask("plain", field=t.answer(c, **parts))
    for path, uri in (("/%61", "/a"), ("/a?x=1", "/a?x=1"), ("/a?x=1", "/a?x=%31"), ("/a?x=1", "/a"), ("/a?", "/a?"), ("/a?", "/a"),
                      ("/a%3fx", "/a?x"), ("/b/../a", "/b/../a"), ("//a", "//a")):
        t.ask("plain", path, t.answer(c, uri=uri))
    for method in ("HEAD", "POST", "OPTIONS"):
        t.ask("plain", field=t.answer(c, method=method), method=method)
    c = t.ask("counting")
    t.ask("counting", field=t.answer(c, nc="0"))
    t.ask("counting", field=t.answer(c, nc=""))
    for nc in ("00000001", "00000001", "00000003", "00000002", "zz", "", "4", "0000000a", " 0000000b"):
        t.ask("counting", field=t.answer(c, nc=nc))
    t.ask("counting", field=t.answer(c, nc="00000010", leave=("opaque",)))
    t.ask("counting", field=t.answer(c, nc="00000010", opaque="77777"))
    first = t.ask("counting")
    second = t.ask("counting", field=t.answer(first, password="no"))
    for challenge, nc in ((second, "1"), (first, "9"), (second, "2"), (second, "2")):
        t.ask("counting", field=t.answer(challenge, nc=nc))
    t.ask("counting", field='Digest opaque="%s"' % first["opaque"])
    c = t.ask("once")
    for parts in ({}, {}, dict(nc="2"), dict(leave=("opaque",))):
        t.ask("once", field=t.answer(c, **parts))
    c = t.ask("endless")
    t.ask("endless", field=t.answer(c))
    c = t.ask("over")
    t.ask("over", field=t.answer(c))
    t.ask("over", field=t.answer(c))
    for host in ("no file", "one user", "domain", "nameless", "basic"):
        t.ask(host, field=t.answer(t.ask(host)))
    for host in ("local domain", "local soon"):
        t.ask(host, field=t.answer(t.ask(host)))
    c = t.ask("local once")
    c = t.ask("local once", field=t.answer(c))
    c = t.ask("local once", field=t.answer(c))
    t.ask("local once", "/b", t.answer(c, uri="/b"))
    t.ask("local once", "/b", t.answer(c, uri="/b"))
    c = t.ask("short")
    t.ask("short", field=t.answer(c))
    end = __import__("time").monotonic() + 2.1
    while __import__("time").monotonic() < end: # its second passes
        __import__("time").sleep(0.05)
    t.ask("short", field=t.answer(c, nc="2"))


@pytest.fixture(scope="module")
def talks():
    both = {}
    backends = {"A": Backend()}
    try:
        for side, program in (("apache", APACHE), ("weir", second_server())):
            run = Run(program, [config(name) for name in NAMES], backends, MODULES, "info auth_digest:debug authz_core:debug",
                      "AuthDigestShmemSize 100000\n")
            talk = Talk(run)
            try:
                converse(talk)
            finally:
                run.stop()
                talk.said = {name: [(line.module, line.level, talk.shorten(re.sub(r"^.*?(AH\d{5}: )", r"\1", line.text)))
                                    for line in run.log("c%d" % n) if line.module in ("auth_digest", "authz_core", "authn_file")]
                             for n, name in enumerate(NAMES)}
                run.clean()
            both[side] = talk
    finally:
        backends["A"].close()
    return both


def test_the_conversation_is_the_same(talks):
    for number, (ours, theirs) in enumerate(zip(talks["weir"].lines, talks["apache"].lines)):
        assert ours == theirs, "step %d" % number
    assert len(talks["weir"].lines) == len(talks["apache"].lines) > 110


@pytest.mark.parametrize("host", NAMES)
def test_the_same_lines_are_logged(talks, host):
    ours, theirs = talks["weir"].said[host], talks["apache"].said[host]
    for number, (a, b) in enumerate(zip(ours, theirs)):
        assert a == b, "line %d" % number
    assert len(ours) == len(theirs)

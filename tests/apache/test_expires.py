"""mod_expires: Expires and Cache-Control by type and default, in every form of a code."""
import re
import subprocess
import tempfile

import pytest

from apache import APACHE, MODULES, Pair, get, second_server

TO = "\nProxyPass / http://127.0.0.1:@A@/"
ON = "ExpiresActive On\n"


def answer(status, *fields):
    return ("HTTP/1.1 %s\r\n%sContent-Length: 2\r\n\r\nok" % (status, "".join(f + "\r\n" for f in fields))).encode()


SCRIPTS = {
    "html": answer("200 OK", "Content-Type: text/html"),
    "charset": answer("200 OK", "Content-Type: text/html;charset=utf-8"),
    "blank": answer("200 OK", "Content-Type: text/html ; charset=utf-8"),
    "upper": answer("200 OK", "Content-Type: TEXT/HTML"),
    "css": answer("200 OK", "Content-Type: text/css"),
    "png": answer("200 OK", "Content-Type: image/png"),
    "untyped": answer("200 OK"),
    "expires": answer("200 OK", "Content-Type: text/html", "Expires: Sun, 06 Nov 2044 08:49:37 GMT"),
    "control": answer("200 OK", "Content-Type: text/html", "Cache-Control: public, max-age=5"),
    "missing": answer("404 Not Found", "Content-Type: text/html"),
    "moved": answer("302 Found", "Content-Type: text/html", "Location: http://x/"),
    "failed": answer("500 Oh", "Content-Type: text/html"),
}
CODES = ["A3600", "A0", "A-5", "M3600", "access plus 1 month", "now plus 2 days 3 hours", "access 1 year", "a p 5 mi 3 s", "access",
         "modification plus 1 week", "ACCESS PLUS 2 WEEKS 3 SECONDS", "now plus 0 seconds", "Access plus 1 day", "A5 junk", "n 3 minutes"]
ROWS = [("code " + c, ON + 'ExpiresDefault "%s"' % c + TO, get("/x", "X-Script: html")) for c in CODES]
TYPES = ON + 'ExpiresByType text/html A60\nExpiresByType image/* A90\nExpiresDefault A30'
ROWS += [("%s by %s" % (script, kind), conf + TO, get("/x", "X-Script: " + script)) for script in SCRIPTS
         for kind, conf in (("default", ON + "ExpiresDefault A30"), ("type", TYPES), ("type only", ON + "ExpiresByType text/html A60"))]
ROWS += [
    ("not active", "ExpiresDefault A30" + TO, get("/x", "X-Script: html")),
    ("active elsewhere", "ExpiresDefault A30\n<Location /x>\nExpiresActive On\n</Location>" + TO, get("/x", "X-Script: html")),
    ("off inside", ON + "ExpiresDefault A30\n<Location /x>\nExpiresActive Off\n</Location>" + TO, get("/x", "X-Script: html")),
    ("another inside", TYPES + "\n<Location /x>\nExpiresByType text/html A77\n</Location>" + TO, get("/x", "X-Script: html")),
    ("a star outside", TYPES + "\n<Location /x>\nExpiresByType text/html A77\n</Location>" + TO, get("/x", "X-Script: png")),
    ("default inside", TYPES + "\n<Location /x>\nExpiresDefault A78\n</Location>" + TO, get("/x", "X-Script: css")),
    ("twice", ON + "ExpiresByType text/html A1\nExpiresByType TEXT/HTML A2" + TO, get("/x", "X-Script: html")),
    ("HEAD", TYPES + TO, get("/x", "X-Script: html", method="HEAD")),
    ("own 404", TYPES, get("/x")),
    ("backend down", ON + "ExpiresDefault A30\nProxyPass / http://127.0.0.1:@DEAD@/", get("/x")),
]
BAD = ["ExpiresDefault x", "ExpiresDefault ''", "ExpiresDefault 'access plus'", "ExpiresDefault 'access plus x'", "ExpiresDefault 'access plus 5'",
       "ExpiresDefault 'access plus 5 fortnights'", "ExpiresByType html A5", "ExpiresByType text/html", "ExpiresByType text/html 'now 1 q'",
       "ExpiresActive maybe", "ExpiresDefault 'access plus 5 m'", "ExpiresDefault access plus 5 minutes"]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, scripts=SCRIPTS, modules=["expires"], level="warn")


def fields(answer):
    """The time itself runs on between the two: what is counted is max-age."""
    expires = answer.all("Expires")
    return sorted(", ".join(answer.all("Cache-Control")).split(", ")), len(expires), expires if "2044" in "".join(expires) else None


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_the_same_answers_expire(pair, name):
    apache, weir = pair.of(name)
    assert weir.status == apache.status
    assert fields(weir) == fields(apache)


def test_some_do_and_some_do_not(pair):
    expiring = [row[0] for row in ROWS if pair.of(row[0])[0].all("Expires")]
    assert 20 < len(expiring) < len(ROWS) - 10


@pytest.mark.parametrize("line", BAD)
def test_bad_codes_have_the_same_fault(line):
    said = []
    for program in (APACHE, second_server()):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/x.conf", "w") as f:
                f.write("ServerRoot %s\nServerName x\nListen 127.0.0.1:1\nErrorLog %s/log\n" % (folder, folder))
                for name in ("mpm_event", "authz_core", "expires"):
                    f.write("LoadModule %s_module %s/mod_%s.so\n" % (name, MODULES, name))
                f.write(line + "\n")
            done = subprocess.run([program, "-t", "-f", folder + "/x.conf"], capture_output=True, text=True, timeout=30)
            said.append((done.returncode, re.sub(r"^AH00526.*\n", "", done.stderr).strip()))
    assert said[0] == said[1]

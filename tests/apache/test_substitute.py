"""mod_substitute: what its lines make of bodies, which answers it leaves alone, and which lines it refuses."""
import gzip
import re
import subprocess
import tempfile

import pytest

from apache import APACHE, LOADED, MODULES, WEIR, Pair, get

TO = "\nProxyPass / http://127.0.0.1:@A@/"
SET, TYPE = "SetOutputFilter SUBSTITUTE\n", "AddOutputFilterByType SUBSTITUTE text/html\n"
TEXT = b"aaab <base href=\"/\"> one\nfoo Foo FOO two\n\nlast"


def answer(status, *fields, body=TEXT, chunked=False):
    head = "HTTP/1.1 %s\r\nContent-Type: text/html\r\n%s" % (status, "".join(f + "\r\n" for f in fields))
    if chunked:
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
        return (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + pieces + b"0\r\n\r\n"
    return (head + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body


SCRIPTS = {
    "text": answer("200 OK", 'ETag: "x"', "Content-MD5: q"),
    "pieces": answer("200 OK", chunked=True),
    "missing": answer("404 Not Found"),
    "encoded": answer("200 OK", "Content-Encoding: x-thing"),
    "empty": answer("200 OK", body=b""),
    "long": answer("200 OK", body=b"x" * 70000 + b"\nfoo"),
    "head": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 44\r\n\r\n",
}
PATTERNS = [
    "s/^a//", "s/foo/bar/", "s/foo/bar/i", "s/foo/bar/n", "s/FOO/bar/in", "s/o f/-/ni", "s|base href=\"/\"|base href=\"/jitsi/\"|i",
    "s/(a+)/[$1$0&]/", "s/o$/X/", "s/st$/X/", r"s/\n/NL/", r"s/\n$/X/", r"s/\n\n/X/", r"s/two\n$/X/", "s/two./X/", "s/(?s)two./X/",
    r"s/foo/a\nb/", r"s/foo/\$1/", r"s/foo/\\$1/", "s/foo/$9x/", "s/f.*/Z/", "s/one.*foo/Z/", "s/foo/bar/q", "s/foo/bar/f", "s/foo/bar/QFI",
    "s/^foo/X/", r"s/\bF/X/", "s/(?<=o) F/X/", r"s/a\|b/X/", "s/foo/${x}/", "s/foo//", "s/foo/$/", "s/foo/$$/", "s/foo/$1/n",
    r"s/foo/\$1/n", "s/f.o/bar/n", "s/foo/bar", "S#foo#bar#", "sxfooxbarx", "s/\xe9|foo/bar/",
]
TWO = "\n<Location /x>\nSubstitute s/bar/qux/\nSubstitute s/foo/loc/\n"
ROWS = [(p, SET + 'Substitute "%s"' % p.replace("\\", "\\\\").replace('"', '\\"') + TO, "text") for p in PATTERNS]
ROWS += [("%s by %s" % (script, kind), conf + "Substitute s/foo/barbar/" + TO, script) for script in SCRIPTS if script != "head"
         for kind, conf in (("name", SET), ("type", TYPE))]
ROWS += [
    ("one after another", SET + "Substitute s/foo/bar/\nSubstitute s/bar/baz/" + TO, "text"),
    ("over an edge", SET + "Substitute s/foo/bar/\nSubstitute \"s/bar F/baz/n\"" + TO, "text"),
    ("inner lines first", SET + "Substitute s/foo/bar/" + TWO + "</Location>" + TO, "text"),
    ("outer lines first", SET + "SubstituteInheritBefore On\nSubstitute s/foo/bar/" + TWO + "</Location>" + TO, "text"),
    ("outer lines first, said inside", SET + "Substitute s/foo/bar/" + TWO + "SubstituteInheritBefore On\n</Location>" + TO, "text"),
    ("no lines", SET + TO, "text"),
    ("compressed afterwards", "SetOutputFilter SUBSTITUTE;DEFLATE\nSubstitute s/foo/longer-than-before/" + TO, "text"),
    ("compressed, by type", TYPE + "AddOutputFilterByType DEFLATE text/html\nSubstitute s/foo/longer-than-before/" + TO, "text"),
    ("filters that are not there", "AddOutputFilter Includes;FOO html\nSetOutputFilter INCLUDES;SUBSTITUTE\nSubstitute s/foo/bar/" + TO, "text"),
    ("at the most", SET + "Substitute s/foo/bar/\nSubstituteMaxLineLength 70001" + TO, "long"),
]
BROKEN = [
    ("a line too long", SET + "Substitute s/foo/bar/\nSubstituteMaxLineLength 1000" + TO, "long"),
    ("a match of nothing", SET + "Substitute s/x*/-/" + TO, "text"),
    ("an end that is matched", SET + "Substitute s/$/END/" + TO, "text"),
]
HEADS = [("HEAD by " + kind, conf + "Substitute s/foo/bar/" + TO, "head") for kind, conf in (("name", SET), ("type", TYPE))]


@pytest.fixture(scope="module")
def pair():
    rows = [(name, conf, get("/x.html", "X-Script: " + script, *(["Accept-Encoding: gzip"] if "DEFLATE" in conf else []),
                             method="HEAD" if script == "head" else "GET")) for name, conf, script in ROWS + BROKEN + HEADS]
    return Pair(rows, scripts=SCRIPTS, modules=["substitute", "filter", "deflate", "mime"], main="TypesConfig /etc/mime.types\n", own_hosts=True)


def text_of(answer):
    body = answer.body
    if answer.all("Transfer-Encoding") == ["chunked"]:
        parts = []
        while body and not body.startswith(b"0\r\n"):
            size, _, body = body.partition(b"\r\n")
            parts.append(body[:int(size, 16)])
            body = body[int(size, 16) + 2:]
        body = b"".join(parts)
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def head_of(answer):
    skip = ("date", "server") if not answer.all("Content-Encoding") else ("date", "server", "content-length", "transfer-encoding")
    return answer.status, sorted(f for f in answer.fields if f[0].lower() not in skip)


@pytest.mark.parametrize("name", [r[0] for r in ROWS + HEADS])
def test_bodies_are_edited_alike(pair, name):
    apache, weir = pair.of(name)
    assert apache.status in (200, 404)
    assert text_of(weir) == text_of(apache)
    assert head_of(weir) == head_of(apache)


@pytest.mark.parametrize("name", [r[0] for r in BROKEN])
def test_what_cannot_be_edited_is_no_whole_answer(pair, name):
    apache, weir = pair.of(name)
    assert apache.raw == b""
    assert WEIR == "apache2" or (weir.raw.startswith(b"HTTP/1.1 200") and not weir.raw.endswith(b"0\r\n\r\n"))
    for side in ("apache", "weir"):
        assert [l.text.split("AH01328: ")[1] for l in pair.logs[side, name] if l.level == "error"] == ["Line too long, URI /x.html"]


def test_a_filter_that_is_not_there_is_named_at_each_request(pair):
    """httpd says it in the log of the first virtual host, here it is the request's own."""
    said = [[re.sub("^.*AH", "AH", l.text) for host in hosts for l in pair.logs[side, host] if l.ah == "00082"]
            for side, hosts in (("apache", {r[0] for r in ROWS}), ("weir", ["filters that are not there"]))]
    assert sorted(said[0]) == sorted(said[1]) == ["AH00082: an unknown filter was not added: " + n for n in ("INCLUDES", "foo", "includes")]


LINES = ["Substitute " + w for w in (
    "s/a/X/g", "s/a/X", "s/a", "x/a/b/", "s", "S/a/b/", "\"s/foo/b/ i\"", "s//x/", "s/(/x/", "s/a/b/ii", "s///", "", "a b", "\"\"", "ss", "sasbs", "s/(/x/n",
    "s/a//i/", "s/a/b/\\")]
LINES += ["SubstituteMaxLineLength " + w for w in ("0", "-1", "1k", "1x", "2G", "3b", "3kb", "", "k", "99999999999999999999", "9999999999g", " m", "1 2")]
LINES += ["SubstituteInheritBefore maybe", "<Location /a>\nSubstituteInheritBefore On\nSubstituteMaxLineLength 5\n</Location>",
          "<Files a>\nSubstitute s/a/b/\n</Files>", "AddOutputFilterByType FOO text/html", "SetOutputFilter FOO", "AddOutputFilter FOO;DEFLATE a b"]


def said_about(program, line):
    with tempfile.TemporaryDirectory() as directory:
        text = "ServerRoot %s\nServerName x\nListen 127.0.0.1:1\nErrorLog %s/log\nPidFile %s/pid\nTypesConfig /dev/null\n" % ((directory,) * 3)
        loads = ["LoadModule %s_module %s/mod_%s.so\n" % (m, MODULES, m) for m in LOADED + ["substitute", "filter", "mime"]]
        with open(directory + "/c.conf", "w") as f:
            f.write("".join(loads) + text + line + "\n")
        run = subprocess.run([program, "-t", "-f", directory + "/c.conf"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
        lines = [l for l in run.stdout.splitlines() if "there is no filter" not in l]
        return run.returncode, [l.replace(directory, "DIR") for l in lines]


@pytest.mark.parametrize("line", LINES)
def test_lines_are_told_right_or_wrong_in_httpds_words(line):
    assert said_about(WEIR if WEIR != "apache2" else APACHE, line) == said_about(APACHE, line)

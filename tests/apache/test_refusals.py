"""Answers of the server itself to requests that have a body, ask for too much or name what is refused: which status,
what is shown of the path, and whether the connection goes on."""
import os
import shutil
import tempfile

import pytest

from apache import Pair, get

ROOT = tempfile.mkdtemp(prefix="weir-refusals-")
A = "http://127.0.0.1:@A@/"
KEEP = "Connection: keep-alive"
RULE = "RewriteEngine On\nRewriteRule ^/x %s\n"
SITE = "DocumentRoot %s\n<Directory %s>\nRequire all granted\n</Directory>\n" % (ROOT, ROOT)
SHUT = "DocumentRoot %s\n<Directory %s>\nRequire all denied\n</Directory>\n" % (ROOT, ROOT)


def make_tree():
    os.chmod(ROOT, 0o755)
    os.mkdir(os.path.join(ROOT, "dir"))
    with open(os.path.join(ROOT, "t.txt"), "w") as f:
        f.write("text\n")
    os.utime(os.path.join(ROOT, "t.txt"), (1700000000, 1700000000))


make_tree()


def post(path, *fields, method="POST", body=b"hello", **more):
    return get(path, "Content-Length: %d" % len(body), *fields, method=method, body=body, **more)


# ---- whether the connection goes on

CODES = (400, 401, 403, 404, 408, 410, 411, 413, 414, 415, 416, 417, 429, 431, 500, 502, 503, 504)
GOES_ON = []
for version, fields in (("1.1", ()), ("1.1", (KEEP,)), ("1.0", ()), ("1.0", (KEEP,))):
    name = version + "".join(" " + f for f in fields)
    GOES_ON += [("a rule's %d, %s" % (code, name), RULE % ("- [R=%d]" % code), get("/x", *fields, version=version)) for code in CODES]
    GOES_ON += [("its document for %d, %s" % (code, name), SITE + "ErrorDocument %d /t.txt\n" % code + RULE % ("- [R=%d]" % code),
                 get("/x", *fields, version=version)) for code in CODES]
    GOES_ON += [("a backend's %d, %s" % (code, name), "ProxyPass / " + A, get("/x", "X-Script: s%d" % code, *fields, version=version))
                for code in CODES]
    GOES_ON += [("a backend's overridden %d, %s" % (code, name), "ProxyErrorOverride On\nProxyPass / " + A,
                 get("/x", "X-Script: s%d" % code, *fields, version=version)) for code in CODES]
    GOES_ON += [("an expectation, " + name, SITE, get("/t.txt", "Expect: x", *fields, version=version)),
                ("one of a body, " + name, SITE, post("/t.txt", "Expect: x", *fields, version=version)),
                ("no such file, " + name, SITE, post("/none", *fields, version=version)),
                ("an escape that is none, " + name, SITE, get("/%zz", *fields, version=version)),
                ("an escaped slash, " + name, SITE, post("/a%2Fb", *fields, version=version)),
                ("no backend, " + name, "ProxyPass / http://127.0.0.1:@DEAD@/", post("/", *fields, version=version))]

# ---- LimitRequestBody: of what is answered here, and before whatever that would have been

LIMIT = "LimitRequestBody 3\n"
LIMITED = {
    "a redirect": (SITE + "Redirect /x http://other.example/", "/x"),
    "a rule's redirect": (RULE % "/y [R]", "/x"),
    "a rule's refusal": (RULE % "- [F]", "/x"),
    "a rule's 410 with a text": ("ErrorDocument 410 gone\n" + RULE % "- [G]", "/x"),
    "a refusal with another site's page": ("ErrorDocument 403 http://other.example/\n" + RULE % "- [F]", "/x"),
    "a rule's 503": (RULE % "- [R=503]", "/x"),
    "a rule's 502": (RULE % "- [R=502]", "/x"),
    "a directory without its slash": (SITE, "/dir"),
    "a file": (SITE, "/t.txt"),
    "no such file": (SITE, "/none"),
    "a directory that nobody may see": (SHUT, "/t.txt"),
    "an escaped slash": (SITE, "/a%2fb"),
    "an expectation": (SITE, "/t.txt"),
    "a backend": ("ProxyPass / " + A, "/x"),
    "a backend that nobody may ask": ("<Location />\nRequire all denied\n</Location>\nProxyPass / " + A, "/x"),
    "no backend": ("ProxyPass / http://127.0.0.1:@DEAD@/", "/x"),
    "a text for it": (SITE + "ErrorDocument 413 \"too much\"", "/none"),
}
BODIES = [("%s %s" % (method, name), LIMIT + host, post(path, *(["Expect: x"] if name == "an expectation" else []), method=method))
          for name, (host, path) in LIMITED.items() for method in ("POST", "GET", "OPTIONS")] + \
         [("just enough for " + name, LIMIT + host, post(path, body=b"hel")) for name, (host, path) in LIMITED.items()]

# ---- what is shown of a path with an escaped slash

SHOWN = "Header always set X-Path \"expr=%{REQUEST_URI}|%{QUERY_STRING}\"\nHeader always set X-Was %{REDIRECT_URL}e\n"
SLASHES = [("%s %s" % (path, name), SITE + document + SHOWN, get(path))
           for name, document in (("", ""), ("in a text", "ErrorDocument 404 \"%{REQUEST_URI}\"\n"), ("with a page", "ErrorDocument 404 /t.txt\n"))
           for path in ("/a%2fb", "/a%2Fb?q", "/d/%2f", "/a%2fb/../c", "//a//b%2f%41", "/a%2f..%2Fb%2520")]


def status(code):
    return b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % code


@pytest.fixture(scope="module")
def pair():
    yield Pair(GOES_ON + BODIES + SLASHES, scripts={"s%d" % code: status(code) for code in CODES},
               modules=["alias", "rewrite", "headers", "dir", "mime"], main="TypesConfig /etc/mime.types\n")
    shutil.rmtree(ROOT, ignore_errors=True)


def kept(answer):
    """Fields without those that each server writes for itself; pages differ in their words."""
    page = b"<title>" in answer.body
    skipped = {"date", "server"} | ({"content-length", "transfer-encoding"} if page or answer.status == 413 else set())
    return sorted((n.lower(), ",".join(sorted(v.split(","))) if n == "Allow" else v) for n, v in answer.fields if n.lower() not in skipped), \
        page or answer.body


@pytest.mark.parametrize("name", [row[0] for row in GOES_ON + BODIES + SLASHES])
def test_both_answer_alike(pair, name):
    apache, weir = pair.of(name)
    assert apache.status and weir.status == apache.status
    assert kept(weir) == kept(apache)
    assert weir.seen == apache.seen


def test_too_long_a_body_is_told_with_its_number(pair):
    for side in ("apache", "weir"):
        assert "01588" in {line.ah for line in pair.logs[side, "POST no such file"]}


def test_where_httpd_waits_for_a_body_weir_answers_at_once():
    """Deliberate differences: chunks are not counted before an answer that takes none; HTTP/1.0 knows no chunks, and the
    connection ends after them."""
    chunks = b"5\r\nhello\r\n0\r\n\r\n"
    rows = [("chunks", LIMIT + SITE, get("/none", "Transfer-Encoding: chunked", method="POST", body=chunks)),
            ("old", "ProxyPass / " + A, get("/x", "Transfer-Encoding: chunked", KEEP, version="1.0", method="POST", body=chunks))]
    pair = Pair(rows, modules=["dir"])
    apache, weir = pair.of("chunks")
    assert (apache.status, weir.status) == (413, 404)
    apache, weir = pair.of("old")
    assert (apache.all("Connection"), weir.all("Connection")) == (["Keep-Alive"], ["close"])


LINES_OF_09 = ["GET /", "POST /", "GET /#x", "GET x", "FOO /", "GET http://a:b@c/", "GET /.."]


@pytest.mark.parametrize("options", ["", "HttpProtocolOptions Require1.0\n", "HttpProtocolOptions Unsafe Require1.0\n"])
def test_a_refused_line_without_a_version_is_answered_with_a_head(options):
    rows = [(line, "ProxyPass / " + A, line.encode() + b"\r\n") for line in LINES_OF_09]
    pair = Pair(rows, main=options)
    for line in LINES_OF_09:
        apache, weir = pair.of(line)
        assert (weir.status, weir.all("Content-Type")) == (apache.status, apache.all("Content-Type")), line

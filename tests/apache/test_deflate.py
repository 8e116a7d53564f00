"""mod_deflate, mod_brotli and mod_filter: which answers are compressed, and what their heads say then."""
import gzip
import os
import re
import subprocess
import tempfile

import pytest

from apache import Pair, get

TO = "\nProxyPass / http://127.0.0.1:@A@/"
TEXT = b"".join(b"line %d of a text that compresses well\n" % i for i in range(60))
SET, TYPE = "SetOutputFilter DEFLATE" + TO, "AddOutputFilterByType DEFLATE text/html text/plain" + TO
BR = "SetOutputFilter BROTLI_COMPRESS" + TO
BOTH = "AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/html" + TO
SMART = "FilterDeclare Z CONTENT_SET\nFilterProvider Z DEFLATE \"%{CONTENT_TYPE} =~ m#^text/#\"\n"
GZIP = "Accept-Encoding: gzip"


def answer(status, *fields, body=TEXT, chunked=False):
    head = "HTTP/1.1 %s\r\n%s" % (status, "".join(f + "\r\n" for f in fields))
    if chunked:
        return (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    if body is None:
        return (head + "\r\n").encode()
    return (head + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body


HTML, TAG = "Content-Type: text/html", 'ETag: "abc"'
SCRIPTS = {
    "html": answer("200 OK", HTML, TAG, "Content-MD5: x", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"),
    "charset": answer("200 OK", "Content-Type: text/html; charset=utf-8"),
    "upper": answer("200 OK", "Content-Type: TEXT/HTML"),
    "json": answer("200 OK", "Content-Type: application/json"),
    "untyped": answer("200 OK"),
    "chunked": answer("200 OK", HTML, chunked=True),
    "small": answer("200 OK", HTML, body=b"x" * 68),
    "larger": answer("200 OK", HTML, body=b"x" * 69),
    "nothing": answer("200 OK", HTML, body=b""),
    "created": answer("201 Created", HTML),
    "missing": answer("404 Not Found", HTML),
    "nocontent": answer("204 No Content", HTML, body=None),
    "unchanged": answer("304 Not Modified", TAG, body=None),
    "partial": answer("206 Partial Content", HTML, "Content-Range: bytes 0-9/100", body=b"0123456789" * 10),
    "encoded": answer("200 OK", HTML, "Content-Encoding: x-thing"),
    "identity": answer("200 OK", HTML, "Content-Encoding: identity"),
    "vary": answer("200 OK", HTML, "Vary: Cookie"),
    "weak": answer("200 OK", HTML, 'ETag: W/"abc"'),
    "notag": answer("200 OK", HTML, "ETag: abc"),
    "fixed": answer("200 OK", HTML, TAG, "Cache-Control: public, no-transform"),
    "head": answer("200 OK", HTML, TAG, "Content-Length: 5000", body=None),
}
ACCEPT = ["gzip", "GZIP", "br, gzip", "gzip;q=0", "gzip; q=0.0", "gzip;q=0.001", "gzip;q=0.0000", "gzip;q=1, br", "deflate", "*", "x-gzip",
          "identity, gzip;q=0.5", "br;q=0,gzip;q=0", "", " gzip ", "gzip;level=9;q=0", "gzipped, gzip", ";q=0,gzip", ",gzip", "br,,gzip"]
ROWS = [("accept %r" % a, SET, get("/x", "X-Script: html", "Accept-Encoding: " + a)) for a in ACCEPT]
ROWS += [("no accept", SET, get("/x", "X-Script: html"))]
ROWS += [("%s by %s" % (script, kind), conf, get("/x", "X-Script: " + script, "Accept-Encoding: gzip, br"))
         for script in SCRIPTS if script != "head"
         for kind, conf in (("set", SET), ("type", TYPE), ("brotli", BR), ("both", BOTH),
                            ("smart", SMART + "FilterChain Z" + TO))]
ROWS += [("HEAD by " + kind, conf, get("/x", "X-Script: head", "Accept-Encoding: gzip, br", method="HEAD"))
         for kind, conf in (("set", SET), ("type", TYPE), ("brotli", BR))]
ROWS += [
    ("HTTP/1.0", SET, get("/x", "X-Script: html", GZIP, version="1.0")),
    ("both without br", BOTH, get("/x", "X-Script: html", GZIP)),
    ("no-gzip", "SetEnv no-gzip 1\n" + SET, get("/x", "X-Script: html", GZIP)),
    ("no-brotli", "SetEnv no-brotli 1\n" + BR, get("/x", "X-Script: html", "Accept-Encoding: br")),
    ("force-gzip", "SetEnv force-gzip 1\n" + SET, get("/x", "X-Script: html")),
    ("only html", "SetEnv gzip-only-text/html 1\n" + SET, get("/x", "X-Script: json", GZIP)),
    ("only html, and it is", "SetEnv gzip-only-text/html 1\n" + SET, get("/x", "X-Script: charset", GZIP)),
    ("only html 2", "SetEnv gzip-only-text/html 2\n" + SET, get("/x", "X-Script: json", GZIP)),
    ("etag kept", "DeflateAlterETag NoChange\n" + SET, get("/x", "X-Script: html", GZIP)),
    ("etag removed", "DeflateAlterETag Remove\n" + SET, get("/x", "X-Script: html", GZIP)),
    ("br etag kept", "BrotliAlterETag NoChange\n" + BR, get("/x", "X-Script: html", "Accept-Encoding: br")),
    ("br etag removed", "BrotliAlterETag Remove\n" + BR, get("/x", "X-Script: html", "Accept-Encoding: br")),
    ("two names", "SetOutputFilter DEFLATE;BROTLI_COMPRESS" + TO, get("/x", "X-Script: html", "Accept-Encoding: br")),
    ("level", "DeflateCompressionLevel 9\nDeflateMemLevel 1\nDeflateWindowSize 9\nDeflateBufferSize 100\n" + SET,
     get("/x", "X-Script: html", GZIP)),
    ("quality", "BrotliCompressionQuality 1\nBrotliCompressionWindow 10\nBrotliCompressionMaxInputBlock 16\n" + BR,
     get("/x", "X-Script: html", "Accept-Encoding: br")),
    ("errordocs too", "SetEnv filter-errordocs 1\n" + TYPE, get("/x", "X-Script: missing", GZIP)),
    ("types in two places", "<Location />\nAddOutputFilterByType DEFLATE application/json\n</Location>\n" + TYPE,
     get("/x", "X-Script: html", GZIP)),
    ("types in two places, the inner", "<Location />\nAddOutputFilterByType DEFLATE application/json\n</Location>\n" + TYPE,
     get("/x", "X-Script: json", GZIP)),
    ("chain emptied", "<Location />\nFilterChain !\n</Location>\n" + TYPE, get("/x", "X-Script: html", GZIP)),
    ("chain set anew", "<Location />\nFilterProvider Q DEFLATE \"%{REQUEST_URI} == '/x'\"\nFilterChain =Q\n</Location>\n" + TYPE,
     get("/x", "X-Script: json", GZIP)),
    ("chain less one", SMART + "FilterChain Z\nFilterChain -z" + TO, get("/x", "X-Script: html", GZIP)),
    ("chain at the front", SMART + "FilterChain @Z" + TO, get("/x", "X-Script: html", GZIP)),
    ("chain of a stranger", "FilterChain what" + TO, get("/x", "X-Script: html", GZIP)),
    ("provider does not match", "FilterProvider Q DEFLATE \"resp('X-No') == 'x'\"\nFilterChain Q" + TO, get("/x", "X-Script: html", GZIP)),
    ("provider by field", "FilterProvider Q DEFLATE \"resp('ETag') == '\\\"abc\\\"'\"\nFilterChain Q" + TO,
     get("/x", "X-Script: html", GZIP)),
    ("protocol transform", SMART + "FilterProtocol Z proxy=transform\nFilterChain Z" + TO, get("/x", "X-Script: fixed", GZIP)),
    ("protocol no proxy", SMART + "FilterProtocol Z proxy=no\nFilterChain Z" + TO, get("/x", "X-Script: html", GZIP)),
    ("set again inside", "<Location />\nSetOutputFilter BROTLI_COMPRESS\n</Location>\n" + SET,
     get("/x", "X-Script: html", "Accept-Encoding: gzip, br")),
    ("own error page", "SetOutputFilter DEFLATE\nProxyPass / http://127.0.0.1:@DEAD@/", get("/x", GZIP)),
]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, scripts=SCRIPTS, modules=["filter", "deflate", "brotli", "env"], level="warn")


def unchunked(answer):
    body, out = answer.body, b""
    if not answer.all("Transfer-Encoding"):
        return body
    while body:
        size, _, body = body.partition(b"\r\n")
        out, body = out + body[:int(size, 16)], body[int(size, 16) + 2:]
    return out


def text_of(answer):
    """The body as the client reads it."""
    body = unchunked(answer)
    coding = answer.all("Content-Encoding")
    if coding[-1:] == ["gzip"] and body:
        return gzip.decompress(body)
    if coding[-1:] == ["br"] and body:
        script = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(0)))"
        return subprocess.run(["node", "-e", script], input=body, capture_output=True, check=True, timeout=20).stdout
    return body


def head_of(answer):
    """Framing is each server's own: httpd counts what is short, Weir sends it as it comes."""
    framing = {"content-length", "transfer-encoding", "date", "server", "connection", "keep-alive"}
    if not answer.all("Content-Encoding"):
        framing.discard("content-length")
    return sorted((n.lower(), ",".join(dict.fromkeys(re.split(r",\s*", v)))) for n, v in answer.fields if n.lower() not in framing)


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_the_same_answers_are_compressed_in_the_same_words(pair, name):
    apache, weir = pair.of(name)
    if name == "own error page":
        assert not weir.all("Content-Encoding") and not apache.all("Content-Encoding")
        return
    assert (weir.status, head_of(weir)) == (apache.status, head_of(apache))
    assert text_of(weir) == text_of(apache)


def test_the_table_has_both(pair):
    coded = [row[0] for row in ROWS if pair.of(row[0])[0].all("Content-Encoding")]
    assert len(ROWS) * 0.3 < len(coded) < len(ROWS) * 0.8


def test_the_protocol_of_a_provider_changes_fields():
    """With httpd it holds for the filter wherever it is used, so that this row wants a server of its own."""
    rows = [("change", SMART + "FilterProtocol Z DEFLATE \"change=yes; cache=no\"\nFilterChain Z" + TO, get("/x", "X-Script: html", GZIP))]
    apache, weir = Pair(rows, scripts=SCRIPTS, modules=["filter", "deflate"]).of("change")
    assert ("cache-control", "no-cache") in head_of(apache)
    assert head_of(weir) == head_of(apache)


OF_FILES = [(path, conf) for path in ("/index.html", "/a.txt", "/a.txt.html", "/small.html", "/a.html.css")
            for conf in ("AddOutputFilter DEFLATE html", "AddOutputFilter DEFLATE .html\n<Location />\nRemoveOutputFilter html\n</Location>",
                         "AddOutputFilterByType DEFLATE text/html", "SetOutputFilter DEFLATE", "AddOutputFilter DEFLATE;BROTLI_COMPRESS css")]


def test_files_are_compressed_alike():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in ("index.html", "a.txt", "a.txt.html", "a.html.css", "small.html"):
            with open("%s/%s" % (folder, name), "wb") as f:
                f.write(b"x" * 60 if name == "small.html" else TEXT)
            os.utime("%s/%s" % (folder, name), (1700000000, 1700000000)) # the tag of a file that is a second old is weak
        place = "DocumentRoot %s\n<Directory %s>\nRequire all granted\n</Directory>\n" % (folder, folder)
        rows = [("%s with %s" % row, place + row[1], get(row[0], GZIP)) for row in OF_FILES]
        pair = Pair(rows, modules=["filter", "deflate", "brotli", "mime", "dir"], level="warn", main="TypesConfig /etc/mime.types\n")
    coded = 0
    for name, _, _ in rows:
        apache, weir = pair.of(name)
        assert (weir.status, head_of(weir), text_of(weir)) == (apache.status, head_of(apache), text_of(apache)), name
        coded += bool(apache.all("Content-Encoding"))
    assert 8 < coded < 20

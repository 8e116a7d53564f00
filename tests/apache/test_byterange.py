"""Parts of a backend's whole answer: Range, If-Range and what comes of them."""
import re

import pytest

from apache import Pair, get

TO = "ProxyPass / http://127.0.0.1:@A@/"
TEXT = b"".join(b"%03d," % i for i in range(100)) # 400 bytes
TAG, DATE = 'ETag: "abc"', "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"


def answer(status, *fields, body=TEXT, chunked=False):
    head = "HTTP/1.1 %s\r\n%s" % (status, "".join(f + "\r\n" for f in fields))
    if chunked:
        return (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return (head + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body


SCRIPTS = {
    "text": answer("200 OK", "Content-Type: text/plain", TAG, DATE, "Date: Sun, 06 Nov 2033 08:49:37 GMT"),
    "bare": answer("200 OK"),
    "ranges": answer("200 OK", "Accept-Ranges: bytes"),
    "norange": answer("200 OK", "Accept-Ranges: none"),
    "partial": answer("206 Partial Content", "Content-Range: bytes 0-399/900"),
    "ranged": answer("200 OK", "Content-Range: bytes 0-399/900"),
    "multi": answer("200 OK", "Content-Type: multipart/byteranges; boundary=x"),
    "missing": answer("404 Not Found"),
    "created": answer("201 Created"),
    "nothing": answer("200 OK", body=b""),
    "weak": answer("200 OK", 'ETag: W/"abc"'),
    "head": b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n",
}
RANGES = ["bytes=0-9", "bytes=10-19", "bytes=390-", "bytes=-10", "bytes=0-", "bytes=0-399", "bytes=0-400", "bytes=399-399", "bytes=400-",
          "bytes=500-600", "bytes=-0", "bytes=-500", "bytes=5-4", "bytes=a-b", "bytes=", "bytes", "chars=0-9", "BYTES=0-9", "bytes= 0-9",
          "bytes=0-9,20-29", "bytes=0-9, 20-29, -5", "bytes=0-9,10-19", "bytes=0-19,10-29", "bytes=0-9,500-", "bytes=500-,600-",
          "bytes=0-99,200-399", "bytes=0-9,x", "bytes=0-9,", "bytes=1-1,3-3,5-5", "bytes=0-0,-1"]
ROWS = [(r, TO, get("/x", "X-Script: text", "Range: " + r)) for r in RANGES]
ROWS += [(script, TO, get("/x", "X-Script: " + script, "Range: bytes=5-9")) for script in SCRIPTS if script not in ("head", "text")]
ROWS += [
    ("tag", TO, get("/x", "X-Script: text", "Range: bytes=5-9", 'If-Range: "abc"')),
    ("other tag", TO, get("/x", "X-Script: text", "Range: bytes=5-9", 'If-Range: "abd"')),
    ("weak tag", TO, get("/x", "X-Script: weak", "Range: bytes=5-9", 'If-Range: W/"abc"')),
    ("date", TO, get("/x", "X-Script: text", "Range: bytes=5-9", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT")),
    ("other date", TO, get("/x", "X-Script: text", "Range: bytes=5-9", "If-Range: Sun, 06 Nov 1994 08:49:38 GMT")),
    ("no validators", TO, get("/x", "X-Script: bare", "Range: bytes=5-9", 'If-Range: "abc"')),
    ("Request-Range", TO, get("/x", "X-Script: text", "Request-Range: bytes=5-9")),
    ("none allowed", "MaxRanges none\n" + TO, get("/x", "X-Script: text", "Range: bytes=5-9")),
    ("one of two allowed", "MaxRanges 1\n" + TO, get("/x", "X-Script: text", "Range: bytes=5-9,20-29")),
    ("HTTP/1.0", TO, get("/x", "X-Script: text", "Range: bytes=5-9", version="1.0")),
    ("POST", TO, get("/x", "X-Script: text", "Range: bytes=5-9", "Content-Length: 1", method="POST", body=b"x")),
    ("HEAD", TO, get("/x", "X-Script: head", "Range: bytes=5-9", method="HEAD")),
    ("compressed", "SetOutputFilter DEFLATE\n" + TO, get("/x", "X-Script: text", "Range: bytes=5-9", "Accept-Encoding: identity")),
]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, scripts=SCRIPTS, modules=["filter", "deflate"], level="debug")


def parts_of(answer):
    """Fields and body; the boundary is each server's own."""
    raw = answer.body if answer.status != 416 else b""
    types = answer.all("Content-Type")
    found = re.search(r"boundary=(\S+)", types[0]) if types else None
    own = {"date", "server", "connection", "keep-alive"}
    if found:
        own.add("content-length") # the boundary's length differs
        raw = raw.replace(found.group(1).encode(), b"BOUNDARY")
    if answer.status >= 400:
        own |= {"content-length", "content-type", "transfer-encoding"}
    fields = sorted((n.lower(), v.replace(found.group(1), "BOUNDARY") if found else v) for n, v in answer.fields if n.lower() not in own)
    return answer.status, fields, raw


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_the_same_part_is_sent(pair, name):
    apache, weir = pair.of(name)
    assert parts_of(weir) == parts_of(apache)


def test_a_counted_multipart_has_the_length_it_says(pair):
    for side in (0, 1):
        answer = pair.of("bytes=0-9,20-29")[side]
        assert answer.status == 206 and len(answer.body) == int(answer.all("Content-Length")[0])

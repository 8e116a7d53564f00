"""mod_remoteip: whom the logs, the backend and the variables take for the client."""
import re
import struct

import pytest

from apache import Pair, get

TO = "ProxyPass / http://127.0.0.1:@A@/"
LOG = 'CustomLog @DIR@/access.log "%v %a %{c}a %h %{remoteip-proxy-ip-list}n"\n'
TRUSTED = "RemoteIPHeader X-Forwarded-For\nRemoteIPProxiesHeader X-By\nRemoteIPTrustedProxy 127.0.0.1 8.8.8.8\n"
INTERNAL = "RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.0/8 10.0.0.0/8\nRemoteIPTrustedProxy 8.8.8.8\n"
VALUES = ["8.8.4.4", "10.0.0.1", "1.2.3.4, 8.8.8.8", "1.2.3.4, 8.8.8.8 , 9.9.9.9", "1.1.1.1,,8.8.8.8", "x, 8.8.8.8", ",8.8.8.8",
          "2001:DB8::1", "::ffff:1.2.3.4", "fe80::1", "[2001::1]", "8.8.8.8:99", "192.168.0.1, 10.0.0.1", "10.0.0.1, 8.8.8.8",
          "172.16.0.1, 8.8.8.8, 10.1.1.1", ""]
DENIED = TRUSTED + "<Location />\nRequire all denied\n</Location>\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, body):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack(">H", len(body)) + body


IP4 = bytes([1, 2, 3, 4, 5, 6, 7, 8]) + struct.pack(">HH", 1000, 2000)
IP6 = b"\x20\x01\x0d\xb8" + bytes(28) + b"\0\1\0\2"
HEADERS = {
    "v1": b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n",
    "v1 of IPv6": b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
    "v1 unknown": b"PROXY UNKNOWN x y\r\n",
    "v1 bad family": b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "v1 bad address": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "v1 bad port": b"PROXY TCP4 1.2.3.4 5.6.7.8 x 2\r\n",
    "v1 short": b"PROXY TCP4 1.2.3.4 5.6.7.8\r\n",
    "v1 long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
    "v2": v2(1, 0x11, IP4),
    "v2 of IPv6": v2(1, 0x21, IP6),
    "v2 with more": v2(1, 0x11, IP4 + b"\4\0\3abc"),
    "v2 local": v2(0, 0, b""),
    "v2 local with an address": v2(0, 0x11, IP4),
    "v2 unix": v2(1, 0x31, bytes(216)),
    "v2 unspecified": v2(1, 0, b""),
    "v2 datagram": v2(1, 0x12, IP4),
    "v2 command": v2(2, 0x11, IP4),
    "v2 short": v2(1, 0x11, IP4[:4]),
    "v2 long": v2(1, 0x11, IP4 + bytes(300)),
    "none": b"",
}
FIELDS = [("%s of %s" % (v or "nothing", kind), LOG + conf + TO, get("/x", "%s: %s" % (name, v)))
          for v in VALUES for kind, conf, name in (("trusted", TRUSTED, "X-Forwarded-For"), ("internal", INTERNAL, "X-Client"),
                                                   ("all", "RemoteIPHeader X-Client\n", "X-Client"))]
FIELDS += [("two lines", LOG + TRUSTED + TO, get("/x", "X-Forwarded-For: 1.2.3.4", "X: y", "X-Forwarded-For: 8.8.8.8")),
           ("no field", LOG + TRUSTED + TO, get("/x")),
           ("spoofed record", LOG + TRUSTED + TO, get("/x", "X-By: 6.6.6.6", "X-Forwarded-For: 1.2.3.4")),
           ("denied", LOG + DENIED + TO, get("/x", "X-Forwarded-For: 1.2.3.4"))]


@pytest.fixture(scope="module")
def pair():
    return Pair(FIELDS, modules=["remoteip"], own_hosts=True)


@pytest.mark.parametrize("name", [row[0] for row in FIELDS])
def test_the_backend_sees_the_same_fields(pair, name):
    apache, weir = pair.of(name)
    assert (weir.status, weir.seen) == (apache.status, apache.seen)
    assert apache.seen or name == "denied"


def test_the_error_log_names_the_client(pair):
    apache, weir = [[l for l in pair.logs[side, "denied"] if l.ah == "01630"] for side in ("apache", "weir")]
    assert "[client 1.2.3.4:0]" in apache[0].text and "[client 1.2.3.4:0]" in weir[0].text


CLAIMS = [("header " + name, LOG + "RemoteIPHeader X-Forwarded-For\n" + TO,
           header + get("/x", "X-Forwarded-For: 9.9.9.9")) for name, header in HEADERS.items()]


@pytest.fixture(scope="module")
def claims():
    return Pair(CLAIMS, modules=["remoteip"], main="RemoteIPProxyProtocol On\n", level="info")


@pytest.mark.parametrize("name", [row[0] for row in CLAIMS])
def test_a_proxy_header_is_taken_or_ends_the_connection(claims, name):
    apache, weir = claims.of(name)
    assert (weir.status, weir.seen) == (apache.status, apache.seen)


def test_a_bad_header_is_said_with_the_same_number(claims):
    def said(side):
        return [l.ah for l in claims.logs[side, CLAIMS[0][0]] if l.level == "error" and l.ah]
    assert len(said("apache")) > 8
    assert said("weir") == said("apache")


def test_exceptions_speak_without_a_header():
    rows = [("plain", "RemoteIPHeader X-Forwarded-For\n" + TO, get("/x", "X-Forwarded-For: 9.9.9.9"))]
    main = "RemoteIPProxyProtocol On\nRemoteIPProxyProtocolExceptions 127.0.0.0/8 ::1\n"
    apache, weir = Pair(rows, modules=["remoteip"], main=main).of("plain")
    assert apache.status == 200 and re.search(rb"X-Forwarded-For: 9\.9\.9\.9\r\n", apache.seen[0])
    assert (weir.status, weir.seen) == (apache.status, apache.seen)


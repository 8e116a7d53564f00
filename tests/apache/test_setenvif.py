"""SetEnvIf and its kin, SetEnv, PassEnv and UnsetEnv, and the variables that change what a proxy does."""
import re

import pytest

from apache import Pair, get, joined

MODULES = ["headers", "env", "setenvif", "alias", "ssl"]
SHOW = "".join("RequestHeader set X-%s \"%%{%s}e\"\n" % (v, v) for v in ("A", "B", "C", "HTTPS", "REDIRECT_A")) + \
       "ProxyPass /none !\nProxyPass / http://127.0.0.1:@A@/\n"
ASK = get("/Path/x?q=1", "User-Agent: Mozilla/5.0 (X11)", "X-One: 1", "X-Two: a", "X-Two: b", "x-low: L", "Referer: http://r/",
          "Authorization: Basic eDp5")
LINES = {
    "field": "SetEnvIf X-One 1 A",
    "field in another case": "SetEnvIf x-ONE 1 A",
    "field with a value": "SetEnvIf X-One 1 A=v B=w",
    "value with equals": "SetEnvIf X-One 1 A=v=w",
    "several equals": "SetEnvIf X-One 1 A==v",
    "value in quotes": "SetEnvIf X-One 1 \"A=v w\"",
    "value that begins with !": "SetEnvIf X-One 1 A=v\nSetEnvIf X-One 1 A=!x",
    "empty value": "SetEnvIf X-One 1 A=",
    "taken away": "SetEnvIf X-One 1 A B\nSetEnvIf X-One 1 !A",
    "taken away when another": "SetEnvIf X-One 1 A\nSetEnvIf X-One 2 !A",
    "set and taken away in one": "SetEnvIf X-One 1 A !A B",
    "twice": "SetEnvIf X-One 1 A=1\nSetEnvIf X-One 1 A=2",
    "absent field is empty": "SetEnvIf X-None ^$ A",
    "absent field does not match": "SetEnvIf X-None . A",
    "two lines are one": "SetEnvIf X-Two \"^a, b$\" A",
    "captures": "SetEnvIf Referer ^(.*?):(.*)$ A=$2 B=$1-$0 C=$9",
    "escaped dollar": "SetEnvIf Referer ^(h) A=\\$1 B=\\\\$1",
    "ampersand": "SetEnvIf Referer ^(h) A=&",
    "plain word has no captures": "SetEnvIf Referer http A=$0",
    "plain word with escapes": "SetEnvIf User-Agent \"5\\.0\" A=$0",
    "plain word that differs": "SetEnvIf User-Agent mozilla A",
    "plain word without case": "SetEnvIfNoCase User-Agent mozilla A",
    "plain word in no field": "SetEnvIf X-None word A\nSetEnvIfNoCase X-None word B",
    "pattern without case": "SetEnvIfNoCase User-Agent ^MOZ.* A=$0",
    "pattern with (?i)": "SetEnvIf User-Agent (?i)^MOZ A",
    "escape of a letter": "SetEnvIf User-Agent \\w+ A=$0",
    "name pattern": "SetEnvIf ^X-O ^1$ A",
    "name pattern of several": "SetEnvIf ^X- (.*) A=$1",
    "name pattern in another case": "SetEnvIf ^x-o ^1$ A\nSetEnvIfNoCase ^x-o ^1$ B\nSetEnvIf ^x-l L C",
    "name pattern none": "SetEnvIf ^No-Such ^$ A",
    "address": "SetEnvIf Remote_Addr ^(127\\..*) A=$1",
    "host": "SetEnvIf Remote_Host (.*) A=$1",
    "server address": "SetEnvIf Server_Addr (.*) A=$1",
    "method": "SetEnvIf Request_Method ^(.*)$ A=$1",
    "protocol": "SetEnvIf Request_Protocol ^(.*)$ A=$1",
    "path": "SetEnvIf Request_URI ^(.*)$ A=$1",
    "path in another case": "SetEnvIf REQUEST_uri ^/path A\nSetEnvIfNoCase REQUEST_uri ^/path B",
    "variable": "SetEnvIf X-One 1 A=x\nSetEnvIf A (.*) B=$1",
    "variable read once": "SetEnvIf A ^$ A=x\nSetEnvIf A x B",
    "variable read again": "SetEnvIf A ^$ A=x\nSetEnvIf X-One 1 C\nSetEnvIf A x B",
    "variable read once around an expression": "SetEnvIf A ^$ A=x\nSetEnvIfExpr true C\nSetEnvIf A x B",
    "variable before a field": "SetEnvIf X-One 1 X-One=9\nSetEnvIf X-Two . C\nSetEnvIf X-One (.*) A=$1",
    "variable of setenv is not there yet": "SetEnv B x\nSetEnvIf B x A",
    "setenv does not replace": "SetEnvIf X-One 1 A=if\nSetEnv A set",
    "setenv after unset": "SetEnvIf X-One 1 A=if\nSetEnv A set\nUnsetEnv A",
    "unsetenv does not reach": "SetEnvIf X-One 1 A=if\nUnsetEnv A",
    "setenv": "SetEnv A\nSetEnv B \"x y\"",
    "setenv of a field's name": "SetEnv X-One 2\nRequestHeader set X-D %{X-One}e",
    "passenv": "PassEnv PATH\nRequestHeader set X-D %{PATH}e env=!A",
    "unsetenv below": "SetEnv A x\nUnsetEnv a\nSetEnv B y\nUnsetEnv C\nSetEnv C z\n<Location />\nSetEnv D z\nUnsetEnv B D\n</Location>",
    "unsetenv of passenv": "PassEnv PATH\nUnsetEnv PATH\nRequestHeader set X-D %{PATH}e",
    "unsetenv in a section": "SetEnv A x\n<Location />\nUnsetEnv A\nSetEnv B y\n</Location>",
    "setenv in sections": "<Location /Path>\nSetEnv A in\n</Location>\nSetEnv A out\n<Location /other>\nSetEnv A other\n</Location>",
    "browser": "BrowserMatch Mozilla A\nBrowserMatch ^Moz B=$0\nBrowserMatch mozilla C",
    "browser without case": "BrowserMatchNoCase ^moz A=$0\nBrowserMatchNoCase mozilla B",
    "expression": "SetEnvIfExpr \"%{HTTP_USER_AGENT} =~ /(Moz)/\" A=$1 B",
    "expression without captures": "SetEnvIfExpr \"%{REQUEST_METHOD} == 'GET'\" A=x",
    "expression that is false": "SetEnvIfExpr \"%{REQUEST_METHOD} == 'PUT'\" A=x",
    "expression with two patterns": "SetEnvIfExpr \"%{HTTP_REFERER} =~ /(http)/ && %{REQUEST_URI} =~ /(Path)/\" A=$1",
    "expression of a variable": "SetEnvIf X-One 1 B=x\nSetEnvIfExpr \"reqenv('B') == 'x'\" A",
    "expression that fails": "SetEnvIfExpr \"file('/nowhere/at/all') == 'x'\" A",
    "expression that fails, not": "SetEnvIfExpr \"! file('/nowhere/at/all') == 'x'\" A",
    "section": "<Location /Path>\nSetEnvIf X-One 1 A\n</Location>\n<Location /other>\nSetEnvIf X-One 1 B\n</Location>",
    "section sees the server's": "<Location /Path>\nSetEnvIf B x A=$0\n</Location>\nSetEnvIf X-One 1 B=x",
    "server does not see the section's": "SetEnvIf B x A\n<Location /Path>\nSetEnvIf X-One 1 B=x\n</Location>",
    "sections in order": "<If \"true\">\nSetEnvIf X-One 1 A=if\n</If>\n<Location />\nSetEnvIf X-One 1 A=location\n</Location>",
    "proxy section": "<Proxy *>\nSetEnvIf X-One 1 A\n</Proxy>",
    "forwarded proto": "SetEnvIf X-Forwarded-Proto https HTTPS=on\nSetEnvIf X-One 1 HTTPS=maybe",
    "authorization": "SetEnvIf Authorization \"(.*)\" A=$1",
    "no-proxy": "SetEnvIf Request_URI ^/Path no-proxy",
    "if then header": "SetEnvIf X-One 1 A\nHeader set X-Answer yes env=A\nHeader set X-Other yes env=B",
    "early header sees nothing": "SetEnvIf X-One 1 A=x\nRequestHeader set X-B %{A}e early",
    "redirected": "SetEnvIf X-One 1 A=x\nErrorDocument 403 /shown\n<Location /Path>\nRequire all denied\n</Location>",
}
ROWS = [(name, LINES[name] + "\n" + SHOW, ASK) for name in LINES]

TO = "ProxyPass / http://127.0.0.1:@A@/\n"
CHUNKED = get("/x", "Transfer-Encoding: chunked", method="POST", body=b"3\r\nabc\r\n0\r\n\r\n")
LONG = get("/x", "Transfer-Encoding: chunked", method="POST", body=(b"4000\r\n" + b"a" * 16384 + b"\r\n") * 8 + b"0\r\n\r\n")
LENGTH = get("/x", "Content-Length: 3", method="POST", body=b"abc")
KEEP = ("Connection: keep-alive",)
SPECIAL = {
    "nokeepalive": ("SetEnv nokeepalive", get("/x")),
    "nokeepalive behind a proxy": ("SetEnv nokeepalive", get("/x", "Via: 1.1 p")),
    "downgrade": ("SetEnv downgrade-1.0", get("/x")),
    "downgrade and keep": ("SetEnv downgrade-1.0", get("/x", *KEEP)),
    "downgrade of chunks": ("SetEnv downgrade-1.0", get("/x", "X-Script: chunks")),
    "force response": ("SetEnv force-response-1.0", get("/x")),
    "force response of 1.0": ("SetEnv force-response-1.0", get("/x", *KEEP, version="1.0")),
    "downgrade and force": ("SetEnv downgrade-1.0\nSetEnv force-response-1.0", get("/x", *KEEP)),
    "msie": ("BrowserMatch MSIE nokeepalive ssl-unclean-shutdown downgrade-1.0 force-response-1.0",
             get("/x", "User-Agent: MSIE 6")),
    "no vary": ("SetEnv force-no-vary", get("/x", "X-Script: vary")),
    "no vary on an error": ("SetEnv force-no-vary\nHeader always set Vary x\n<Location />\nRequire all denied\n</Location>", get("/x")),
    "charset suppressed": ("SetEnvIf Host . suppress-error-charset\n<Location />\nRequire all denied\n</Location>", get("/x")),
    "request 1.0": ("SetEnv force-proxy-request-1.0", get("/x")),
    "request 1.0 with a body": ("SetEnv force-proxy-request-1.0", LENGTH),
    "request 1.0 with chunks": ("SetEnv force-proxy-request-1.0", CHUNKED),
    "request 1.0 and upgrade": ("SetEnv force-proxy-request-1.0", get("/x", "Connection: Upgrade", "Upgrade: websocket")),
    "backend closed": ("SetEnv proxy-nokeepalive", get("/x")),
    "not pooled at first": ("SetEnv proxy-initial-not-pooled", get("/x")),
    "length of chunks": ("SetEnv proxy-sendcl", CHUNKED),
    "length of long chunks": ("SetEnv proxy-sendcl", LONG),
    "length and chunks": ("SetEnv proxy-sendcl\nSetEnv proxy-sendchunks", LONG),
    "chunks": ("SetEnv proxy-sendchunked", LONG),
    "chunks of a length": ("SetEnv proxy-sendchunked", LENGTH),
    "no chain of authorization": ("", get("/x", "Proxy-Authorization: Basic eDp5")),
    "interim": ("", get("/x", "X-Script: hints")),
    "interim suppressed": ("SetEnv proxy-interim-response Suppress", get("/x", "X-Script: hints")),
    "interim by the book": ("SetEnv proxy-interim-response RFC", get("/x", "X-Script: hints")),
    "interim otherwise": ("SetEnv proxy-interim-response Sometimes", get("/x", "X-Script: hints")),
    "continue": ("", get("/x", "X-Script: goon")),
    "continue suppressed": ("SetEnv proxy-interim-response Suppress", get("/x", "X-Script: goon")),
    "continue by the book": ("SetEnv proxy-interim-response RFC", get("/x", "X-Script: goon")),
}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SCRIPTS = {
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "vary": b"HTTP/1.1 200 OK\r\nVary: Cookie\r\nContent-Length: 2\r\n\r\nok",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "goon": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
}
ROWS += [("special " + name, SPECIAL[name][0] + "\n" + TO, SPECIAL[name][1]) for name in SPECIAL]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, scripts=SCRIPTS, modules=MODULES, level="debug")


def kept(answer):
    fields = []
    for name, value in answer.fields:
        if name.lower() in ("server", "date") or name.lower() == "content-length" and answer.status >= 300:
            continue
        fields.append((name, value))
    return sorted(fields)


def lines(request):
    line, fields, body = joined(request)
    if b"chunked" in dict(fields).get(b"transfer-encoding", b""):
        body = b"".join(re.findall(rb"[0-9a-f]+\r\n(a*)\r\n", body))  # the sizes are each server's own
    return line, fields, body


def check(pair, name):
    apache, weir = pair.of(name)
    assert apache.status, apache.raw
    assert (weir.status, weir.reason) == (apache.status, apache.reason)
    assert kept(weir) == kept(apache)
    assert [lines(r) for r in weir.seen] == [lines(r) for r in apache.seen]


@pytest.mark.parametrize("name", LINES)
def test_the_variables_are_the_same(pair, name):
    check(pair, name)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_variables_act_the_same(pair, name):
    check(pair, "special " + name)
    apache, weir = pair.of("special " + name)
    assert weir.raw.split(b" ")[0] == apache.raw.split(b" ")[0]

"""ProxyPass … mapping=encoded and mapping=servlet: which path is taken, what the backend is asked for, and what the rest of
the file sees of the path then."""
import pytest

from apache import Pair, get, is_apache, second_server

TO = "http://127.0.0.1:@A@"
SHOW = "Header set X expr=%{REQUEST_URI}\nHeader merge X expr=%{REQUEST_FILENAME}\n"
PATHS = ["/app", "/app/", "/app/x", "/app//x", "/app/./x", "/app/a/../x", "/app/x?q=1&r=%20", "/app/x?", "/app/%41%7e%5e%2B+;p=1",
         "/app/a%20b", "/app/%C3%A4/\xe4", "/app/a%3Fb%23c", "/app/%25", "/app/%2541", "/app/a%2Fb", "/app/a%5Cb", "/%61pp/x", "/app/%00",
         "/app/%3b/x", "/app%2Fx", "/app/a%2f..%2fb", "/other", "/a%20b/x", "/a b/x", "/app/%zz", "//app/x",
         "/app/:@&=$,!*'()", "/app/%22%3C%3E%7B%7D%7C%60"]
SEGMENTS = ["/app;s=1", "/app;s=1/", "/app;s=1/x", "/app/;s=1", "/app/;s=1/x", "/app/x;s=1/y;t", "/;a/app/x", "/;a;b//app/x", "/app/.;x/y",
            "/app/..;x/y", "/app/y/..;x/z", "/app/y/..;x/../z", "/x/..;/app/z", "/x/..;/..;/app/z", "/..;/app/x", "/app/deep/..;/..;/secret",
            "/app/deep;a=b/er;c=d/x;e=f", "/app/deep/er", "/app/deep/er/", "/app/deep/er;x", "/app/deep/;/er/x", "/app/deep/.;/er/x", "/app;",
            "/app;/deep;/er;/x;", "/apps;x/y", "/ap;p/x", "/app/%2e%2e;/x", "/app/a;/../b", "/app//;x//b", "/app/a/.;/b", "/app/a/;x/b",
            "/app/..", "/app/..;", "/app/.;", "/app/a/..;", "/app/a;b%2Fc/d", "/app/a/..;/b;c?d;e", ";/app", "/;", "/", "/app/deep/x/..;/er/y"]
LINES = [
    ("encoded", "ProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, slash", "ProxyPass /app/ " + TO + "/n/ mapping=Encoded"),
    ("encoded, all", "ProxyPass / " + TO + "/ mapping=encoded"),
    ("encoded, nocanon", "ProxyPass /app " + TO + "/n nocanon mapping=encoded"),
    ("encoded, another before", "ProxyPass /app " + TO + "/one\nProxyPass /app " + TO + "/two mapping=encoded"),
    ("encoded, not", "ProxyPass /app/x ! mapping=encoded\nProxyPass /app " + TO + "/n mapping=encoded\nProxyPass / " + TO + "/plain/"),
    ("encoded, not, plain", "ProxyPass /app/x !\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, match", "ProxyPassMatch ^/app/(.*)$ " + TO + "/m/$1 mapping=encoded"),
    ("encoded, match nothing", "ProxyPassMatch ^/app " + TO + "/m mapping=encoded"),
    ("encoded, slashes", "AllowEncodedSlashes On\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, slashes kept", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, not merged", "MergeSlashes Off\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, location", "<Location /app>\nProxyPass " + TO + "/n mapping=encoded\n</Location>"),
    ("encoded, a location decoded", "<Location \"/a b\">\nProxyPass " + TO + "/n mapping=encoded\n</Location>\nProxyPass / " + TO + "/rest/"),
    ("encoded, a location as sent", "<Location \"/a%20b\">\nProxyPass " + TO + "/n mapping=encoded\n</Location>\nProxyPass / " + TO + "/rest/"),
    ("encoded, denied decoded", "ProxyPass / " + TO + "/ mapping=encoded\n<Location \"/a b\">\nRequire all denied\n</Location>"),
    ("encoded, denied as sent", "ProxyPass / " + TO + "/ mapping=encoded\n<Location \"/a%20b\">\nRequire all denied\n</Location>"),
    ("encoded, a condition", "<If \"%{REQUEST_URI} =~ /%/\">\nProxyPassInterpolateEnv On\nHeader set Y yes\n</If>\nProxyPass / " + TO + "/ mapping=encoded"),
    ("encoded, a balancer", "ProxyPass /app balancer://b/x mapping=encoded\n<Proxy balancer://b>\nBalancerMember " + TO + "/m\n</Proxy>"),
    ("encoded, a socket", "ProxyPass /app unix:@SOCK@|http://h/x mapping=encoded"),
    ("encoded, a rule first", "RewriteEngine On\nRewriteRule ^/app/x /elsewhere [PT]\nProxyPass /app " + TO + "/n mapping=encoded\nProxyPass /elsewhere " + TO
     + "/e"),
    ("encoded, a rule on the URL", "RewriteEngine On\nRewriteRule ^proxy:(.*)/n/(.*) $1/r/$2 [P]\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, a rule that redirects", "RewriteEngine On\nRewriteRule ^ https://h.example%{REQUEST_URI} [R=301]\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, a rule that leaves it", "RewriteEngine On\nRewriteRule ^ - [E=A:b]\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, a rule that forbids", "RewriteEngine On\nRewriteRule x - [F]\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, no proxy", "SetEnvIf Request_URI x no-proxy\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("encoded, a field", "RequestHeader set X-U expr=%{REQUEST_URI}\nProxyPass /app " + TO + "/n mapping=encoded"),
    ("servlet", "ProxyPass /app " + TO + "/n mapping=servlet"),
    ("servlet, slash", "ProxyPass /app/ " + TO + "/n/ mapping=SERVLET"),
    ("servlet, all", "ProxyPass / " + TO + "/ mapping=servlet"),
    ("servlet, deep", "ProxyPass /app/deep/er " + TO + "/n mapping=servlet"),
    ("servlet, deep, slash", "ProxyPass /app/deep/er/ " + TO + "/n/ mapping=servlet"),
    ("servlet, slashes in the line", "ProxyPass /app//deep " + TO + "/n mapping=servlet"),
    ("servlet, not", "ProxyPass /app/deep ! mapping=servlet\nProxyPass /app " + TO + "/n mapping=servlet"),
    ("servlet, match", "ProxyPassMatch ^/app/(.*)$ " + TO + "/m/$1 mapping=servlet"),
    ("servlet, location", "<Location /app>\nProxyPass " + TO + "/n mapping=servlet\n</Location>"),
    ("servlet, a section for what it comes to", "ProxyPass / " + TO + "/ mapping=servlet\n<Location /secret>\nRequire all denied\n</Location>"),
    ("servlet, not merged", "MergeSlashes Off\nProxyPass /app " + TO + "/n mapping=servlet"),
    ("servlet, both", "ProxyPass /app/deep " + TO + "/e mapping=encoded\nProxyPass /app " + TO + "/n mapping=servlet\nProxyPass / " + TO + "/plain/"),
]
ROWS = [("%s %s" % (name, path), line + "\n" + SHOW, get(path)) for name, line in LINES
        for path in (PATHS if name.startswith("encoded") else PATHS + SEGMENTS)]
ALL = ["00026", "10244", "01136", "01135", "10415", "10408", "01630", "00898"]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, modules=["rewrite", "headers", "setenvif", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests"])


def test_goes_back_within_the_lines_own_path_and_ignores_nocanon():
    if is_apache(second_server()):
        pytest.skip("this is about Weir")
    line = "ProxyPass /app/deep " + TO + "/n mapping=servlet nocanon\n"
    rows = [(path, line, get(path)) for path in ("/app/deep;/..;/deep/x;y", "/app/x/..;/deep/%20?q")]
    pair = Pair(rows)
    assert [pair.of(path)[1].seen[0].split(b" ")[1] for path, _, _ in rows] == [b"/n/x;y", b"/n/%20?q"]


def numbers(pair, side, name):
    return [line.ah for line in pair.logs[side, name] if line.ah in ALL]


@pytest.mark.parametrize("line", LINES, ids=[n for n, _ in LINES])
def test_maps_as_apache(pair, line):
    reached = 0
    for path in PATHS if line[0].startswith("encoded") else PATHS + SEGMENTS:
        apache, weir = pair.of("%s %s" % (line[0], path))
        assert (weir.status, weir.seen) == (apache.status, apache.seen), path
        for field in ("X", "Y", "Location"):
            assert weir.all(field) == apache.all(field), path
        reached += bool(apache.seen)
    assert reached >= 2 or "redirects" in line[0] or "forbids" in line[0]
    assert numbers(pair, "weir", "%s %s" % (line[0], PATHS[0])) == numbers(pair, "apache", "%s %s" % (line[0], PATHS[0]))

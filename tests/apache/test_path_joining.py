"""The request line that the backend sees: joining, decoding and encoding, nocanon, encoded slashes."""
import pytest

from apache import Pair, get

TO = "http://127.0.0.1:@A@"
PATHS = ["/app", "/app/", "/app/x", "/app//x", "/app/./x", "/app/a/../x", "/app/x?q=1&r=%20", "/app/x?", "/app/%41%7e%5e%2B+;p=1",
         "/app/a%20b", "/app/%C3%A4/\xe4", "/app/a%3Fb%23c", "/app/%25", "/app/%2541", "/app/a%2Fb", "/app/a%5Cb", "/%61pp/x",
         "/app/:@&=$,!*'()", "/app/%22%3C%3E%7B%7D%7C%60"]
LINES = [
    ("bare", "ProxyPass /app " + TO),
    ("slash", "ProxyPass /app " + TO + "/"),
    ("both slashes", "ProxyPass /app/ " + TO + "/"),
    ("path", "ProxyPass /app " + TO + "/deep/er"),
    ("path from a slash", "ProxyPass /app/ " + TO + "/deep"),
    ("root", "ProxyPass / " + TO + "/"),
    ("nocanon", "ProxyPass /app " + TO + "/n nocanon"),
    ("noquery", "ProxyPass /app " + TO + "/n noquery"),
    ("nodecode", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n"),
    ("decode", "AllowEncodedSlashes On\nProxyPass /app " + TO + "/n"),
    ("nodecode nocanon", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n nocanon"),
    ("nodecode beside a section", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n\n<Location /other>\nHeader set X y\n</Location>"),
    ("nodecode in a section", "AllowEncodedSlashes NoDecode\n<Location /app>\nProxyPass " + TO + "/n\n</Location>"),
    ("nodecode, a section of the backend", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n\n<Proxy *>\nRequire all granted\n"
     "</Proxy>"),
    ("nodecode, a section of the backend with more", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n\n<Proxy *>\n"
     "AllowOverride None\n</Proxy>"),
    ("nodecode, a condition", "AllowEncodedSlashes NoDecode\nProxyPass /app " + TO + "/n\n<If \"true\">\nHeader set X y\n</If>"),
    ("nodecode, a section, by a rule", "AllowEncodedSlashes NoDecode\nRewriteEngine On\nRewriteRule ^/app(.*) " + TO + "/n$1 [P]\n"
     "<Location />\nHeader set X y\n</Location>"),
    ("nodecode, a section, to a balancer", "AllowEncodedSlashes NoDecode\nProxyPass /app balancer://b/n\n<Proxy balancer://b>\n"
     "BalancerMember " + TO + "\n</Proxy>"),
    ("nodecode, a rule of a directory", "AllowEncodedSlashes NoDecode\nDocumentRoot /usr/lib/apache2\n<Directory /usr/lib/apache2>\nRewriteEngine On\n"
     "RewriteRule (.*) " + TO + "/n/$1 [P]\n</Directory>"),
    ("nodecode, a rule of files", "AllowEncodedSlashes NoDecode\nDocumentRoot /usr/lib/apache2\n<Files *>\nRewriteEngine On\n"
     "RewriteRule (.*) " + TO + "/n/$1 [P]\n</Files>"),
    ("nodecode nocanon in a section", "AllowEncodedSlashes NoDecode\n<Location /app>\nProxyPass " + TO + "/n nocanon\n</Location>"),
    ("decode in a section", "AllowEncodedSlashes On\n<Location /app>\nProxyPass " + TO + "/n\n</Location>"),
    ("no merging", "MergeSlashes Off\nProxyPass /app " + TO + "/n"),
    ("match", "ProxyPassMatch ^/app/(.*)$ " + TO + "/m/$1"),
    ("match nocanon", "ProxyPassMatch ^/app/(.*)$ " + TO + "/m/$1 nocanon"),
    ("match appended", "ProxyPassMatch ^/app " + TO + "/m"),
    ("location", "<Location /app>\nProxyPass " + TO + "/l\n</Location>"),
    ("location with a slash", "<Location /app/>\nProxyPass " + TO + "/l/\n</Location>"),
]
ROWS = [("%s %s" % (name, path), line, get(path)) for name, line in LINES for path in PATHS]
# What runs into the host: the name that is looked up does not exist, or the port is none.
JOINED = [
    ("letters behind a port", "ProxyPass /ws/ ws://127.0.0.1:@A@", get("/ws/a"), 500),
    ("digits behind a port", "ProxyPass /ws/ http://127.0.0.1:@A@", get("/ws/99999"), 400),
    ("a segment behind a host", "ProxyPass /ws/ http://127.0.0.1", get("/ws/.invalid"), 500),
    ("a blank behind a port", "ProxyPass / " + TO, get("/%20x/y"), 500),
    ("a line's end behind a host", "RewriteEngine On\nRewriteRule ^/(.*) http://127.0.0.1$1 [P]", get("/%0Ax"), 500),
    ("a user before an address", "RewriteEngine On\nRewriteRule ^/(.*) http://127.0.0.1:@A@$1 [P]", get("/@.invalid"), 500),
    ("a path without its slash in a location", "<Location />\nProxyPass " + TO + "\n</Location>", get("/%7fx"), 500),
    ("a decoded query behind a port", "ProxyPass / " + TO, get("/%3Fx/y"), 400),
    ("a decoded fragment behind a port", "ProxyPassMatch ^/(.*)$ " + TO + "$1", get("/%23"), 400),
    ("a port that is none", "ProxyPass / ws://127.0.0.1:99999/", get("/x"), 400),
    ("a port that is none, by a pattern", "ProxyPassMatch ^/(.*) http://127.0.0.1:65536/$1", get("/x"), 400),
    ("a port that is none, of a member", "ProxyPass / balancer://b/\n<Proxy balancer://b>\nBalancerMember http://127.0.0.1:99999\n</Proxy>", get("/x"), 400),
    ("a port that is none, of a socket", "ProxyPass / unix:@SOCK@|http://h:99999/", get("/x"), 400),
    ("a blank in a raw path", "ProxyPassMatch ^/ws/(.*)$ \"" + TO + "/a $1\" nocanon", get("/ws/x"), 403),
]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS + JOINED, modules=["rewrite", "headers", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests"])


@pytest.mark.parametrize("line", LINES, ids=[n for n, _ in LINES])
def test_joins_as_apache(pair, line):
    reached = 0
    for path in PATHS:
        apache, weir = pair.of("%s %s" % (line[0], path))
        assert (weir.status, weir.seen) == (apache.status, apache.seen), path
        reached += apache.status == 200
    assert reached >= 5


@pytest.mark.parametrize("row", JOINED, ids=[r[0] for r in JOINED])
def test_what_runs_into_the_host(pair, row):
    apache, weir = pair.of(row[0])
    assert apache.status == row[3], apache.raw
    assert weir.status == apache.status, weir.raw
    assert [l.ah for l in pair.logs["weir", row[0]] if l.level in ("error", "warn")] == \
           [l.ah for l in pair.logs["apache", row[0]] if l.level in ("error", "warn")]


def test_no_path_ends_a_host_early():
    """A deliberate difference: httpd asks the host for what is left of the path."""
    row = ("query", "ProxyPass / http://127.0.0.1", get("/%3Fx"))
    pair = Pair([row])
    weir = pair.of("query")[1]
    assert weir.status == 400 and [l.ah for l in pair.logs["weir", "query"] if l.level == "error"] == ["00898"]

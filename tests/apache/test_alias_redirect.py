"""Redirect in all its forms: status, Location and what the error log says."""
import pytest

from apache import Pair, get

PROXY = "ProxyPass /p http://127.0.0.1:@A@/\n"
TO = "http://to.example/new"

REDIRECTS = [
    # (name, virtual host, request, status, Location)
    ("prefix", "Redirect /old " + TO, get("/old/a?b=c"), 302, TO + "/a?b=c"),
    ("exactly", "Redirect /old " + TO, get("/old"), 302, TO),
    ("exactly with query", "Redirect /old " + TO, get("/old?q"), 302, TO + "?q"),
    ("no segment", "Redirect /old " + TO, get("/older"), 404, None),
    ("empty query", "Redirect /old " + TO, get("/old?"), 302, TO + "?"),
    ("many slashes", "MergeSlashes Off\nRedirect /old/x " + TO, get("//old//x//y"), 302, TO + "//y"),
    ("slash in the file", "Redirect /old/ " + TO + "/", get("/old/a"), 302, TO + "/a"),
    ("slash in the file only", "Redirect /old/ " + TO, get("/old"), 404, None),
    ("joined without slash", "Redirect /old/ " + TO, get("/old/a"), 302, TO + "a"),
    ("permanent", "Redirect permanent /old " + TO, get("/old"), 301, TO),
    ("temp", "Redirect temp /old " + TO, get("/old"), 302, TO),
    ("seeother", "Redirect SeeOther /old " + TO, get("/old"), 303, TO),
    ("gone", "Redirect gone /old", get("/old/x"), 410, None),
    ("number", "Redirect 307 /old " + TO, get("/old"), 307, TO),
    ("308", "Redirect 308 /old " + TO, get("/old"), 308, TO),
    ("305", "Redirect 305 /old " + TO, get("/old"), 305, TO),
    ("404 of its own", "Redirect 404 /old", get("/old"), 404, None),
    ("403 of its own", "Redirect 403 /old", get("/old"), 403, None),
    ("503 of its own", "Redirect 503 /old", get("/old"), 503, None),
    ("418 of its own", "Redirect 418 /old", get("/old"), 500, None),
    ("200 of its own", "Redirect 200 /old", get("/old"), 200, None),
    ("204 of its own", "Redirect 204 /old", get("/old"), 204, None),
    ("number without a meaning", "Redirect 999 /old", get("/old"), None, None),
    ("below 100", "Redirect 99 /old", get("/old"), None, None),
    ("RedirectPermanent", "RedirectPermanent /old " + TO, get("/old/y"), 301, TO + "/y"),
    ("RedirectTemp", "RedirectTemp /old " + TO, get("/old/y"), 302, TO + "/y"),
    ("POST", "Redirect /old " + TO, get("/old", method="POST", body=b""), 302, TO),
    ("HEAD", "Redirect /old " + TO, get("/old", method="HEAD"), 302, TO),
    ("OPTIONS", "Redirect /old " + TO, get("/old", method="OPTIONS"), 302, TO),
    ("another method", "Redirect /old " + TO, get("/old", method="FOO"), 302, TO),
    ("own path", "Redirect /old /new", get("/old/a"), 302, "http://HOST/new/a"),
    ("own path, canonical name", "UseCanonicalName On\nRedirect /old /new", get("/old"), 302, "http://HOST/new"),
    ("own path, physical port", "UseCanonicalPhysicalPort On\nRedirect /old /new", get("/old"), 302,
     "http://HOST:PORT/new"),
    ("own path, port in Host", "Redirect /old /new", b"GET /old HTTP/1.1\r\nHost: HOST:99\r\n\r\n", 302,
     "http://HOST:99/new"),
    ("relative", "RedirectRelative On\nRedirect /old /new", get("/old/a?x"), 302, "/new/a?x"),
    ("target with query", "Redirect /old %s?a=b" % TO, get("/old?c"), 302, TO + "?a=b"),
    ("target with query and rest", "Redirect /old %s?a=b" % TO, get("/old/r"), 302, TO + "?a=b/r"),
    ("target with fragment", "Redirect /old %s#f" % TO, get("/old?c"), 302, TO + "#f?c"),
    ("escaped anew", "Redirect /old " + TO, get("/old/a%20b%22%3Cc%3E%7B%7C%7D%5E%60"), 302, None),
    ("escapes of marks", "Redirect /old " + TO, get("/old/%3F%23%25%3B%3A%40%26%3D%2B%24%2C%27%28%29%2A%21~"), 302, None),
    ("escapes of high bytes", "Redirect /old " + TO, get("/old/%C3%A4%FF%01%7F"), 302, None),
    ("line ends", "Redirect /old " + TO, get("/old/a%0d%0aX-Evil:%201"), 302, None),
    ("dots", "Redirect /old " + TO, get("/old/a/../b/./c"), 302, TO + "/b/c"),
    ("the first wins", "Redirect /old http://one.example/\nRedirect /old/x http://two.example/", get("/old/x"), 302,
     "http://one.example//x"),
    ("case counts", "Redirect /Old " + TO, get("/old"), 404, None),
    ("root", "Redirect / https://secure.example/", get("/a/b?c"), 302, "https://secure.example/a/b?c"),
    ("root, itself", "Redirect / https://secure.example/", get("/"), 302, "https://secure.example/"),
    ("root permanent with port", "Redirect permanent / https://secure.example:8443/", get("/x"), 301,
     "https://secure.example:8443/x"),
    ("absolute form", "Redirect / https://secure.example/", b"GET http://HOST/q HTTP/1.1\r\nHost: HOST\r\n\r\n", 302,
     "https://secure.example/q"),
    ("HTTP/1.0", "Redirect / https://secure.example/", get("/q", version="1.0"), 302, "https://secure.example/q"),
    # patterns
    ("match", "RedirectMatch ^/old/(.*)$ %s/$1" % TO, get("/old/a/b?q"), 302, TO + "/a/b?q"),
    ("match in the middle", "RedirectMatch old " + TO, get("/x/older"), 302, TO),
    ("match with status", "RedirectMatch 301 ^/old(.*) %s$1" % TO, get("/old/a"), 301, TO + "/a"),
    ("match of gone", "RedirectMatch gone \\.php$", get("/a/b.php"), 410, None),
    ("match of 404", "RedirectMatch 404 ^/\\.git", get("/.git/config"), 404, None),
    ("match own path", "RedirectMatch ^/old$ /new", get("/old?x=1"), 302, "http://HOST/new?x=1"),
    ("match escapes", "RedirectMatch ^/old/(.*)$ %s/$1" % TO, get("/old/a%20b%3Cc"), 302, None),
    ("match with a question mark", "RedirectMatch ^/old/(.*)$ %s?p=$1" % TO, get("/old/a%20b?z"), 302, None),
    ("match with a fragment", "RedirectMatch ^/old/(.*)$ %s#$1" % TO, get("/old/a%20b?z"), 302, None),
    ("match with default port", "RedirectMatch ^/old$ http://to.example:80/x", get("/old"), 302, "http://to.example/x"),
    ("match with a port", "RedirectMatch ^/old$ http://to.example:8080/x", get("/old"), 302,
     "http://to.example:8080/x"),
    ("match with no URL", "RedirectMatch ^/old$ new", get("/old"), 500, None),
    ("match that lets the query in", "RedirectMatch ^/(old)(.*)$ http://$1.example$2", get("/old/x%3fy"), 302, None),
    ("match &", "RedirectMatch ^/old(.*)$ %s/&/\\$1/$0" % TO, get("/old/x"), 302, None),
    ("match against proxied", PROXY + "RedirectMatch ^/p/x$ " + TO, get("/p/x"), 200, None),
    # beside a proxy
    ("the proxy takes it first", PROXY + "Redirect /p " + TO, get("/p/x"), 200, None),
    ("excluded from the proxy", "ProxyPass /p/x !\n" + PROXY + "Redirect /p " + TO, get("/p/x"), 302, TO + "/x"),
    ("in a proxied Location", PROXY + "<Location /p/x>\nRedirect %s\n</Location>" % TO, get("/p/x/y"), 302, TO),
    # sections
    ("Location", "<Location /old>\nRedirect %s\n</Location>" % TO, get("/old/a?q"), 302, TO + "?q"),
    ("Location with status", "<Location /old>\nRedirect permanent %s\n</Location>" % TO, get("/old"), 301, TO),
    ("Location with number", "<Location /old>\nRedirect 307 %s\n</Location>" % TO, get("/old"), 307, TO),
    ("Location gone", "<Location /old>\nRedirect gone\n</Location>", get("/old"), 410, None),
    ("Location 404", "<Location /old>\nRedirect 404\n</Location>", get("/old/a"), 404, None),
    ("Location with path", "<Location /old>\nRedirect /old %s\n</Location>" % TO, get("/old/a"), 302, TO + "/a"),
    ("Location with three", "<Location /old>\nRedirect 301 /old/a %s\n</Location>" % TO, get("/old/a/b"), 301, TO + "/b"),
    ("Location with another path", "<Location /old>\nRedirect 301 /other %s\n</Location>" % TO, get("/old/a"), 404, None),
    ("Location match", "<Location /old>\nRedirectMatch 301 ^/old/(\\w+) %s/$1\n</Location>" % TO, get("/old/a/b"), 301,
     TO + "/a"),
    ("Location by expression", '<Location /old>\nRedirect "https://%{HTTP_HOST}%{REQUEST_URI}"\n</Location>',
     get("/old/a"), 302, "https://HOST/old/a"),
    ("LocationMatch with a name", '<LocationMatch "^/old/(?<rest>.*)">\nRedirect permanent '
     '"%s/%%{env:MATCH_REST}"\n</LocationMatch>' % TO, get("/old/a/b"), 301, TO + "/a/b"),
    ("Location escapes", '<Location /old>\nRedirect "%s%%{REQUEST_URI}"\n</Location>' % TO, get("/old/a%20b%3C"), 302,
     None),
    ("Location relative", "<Location /old>\nRedirectRelative On\nRedirect /new\n</Location>", get("/old"), 302, "/new"),
    ("Location own path", "<Location /old>\nRedirect /new\n</Location>", get("/old"), 302, "http://HOST/new"),
    ("Location that leads to nothing", "<Location /old>\nRedirect new\n</Location>", get("/old"), 500, None),
    ("inner Location", "<Location /old>\nRedirect http://one.example/\n</Location>\n"
     "<Location /old/in>\nRedirect http://two.example/\n</Location>", get("/old/in"), 302, "http://two.example/"),
    ("the server's before the Location's list", "Redirect /old http://one.example/\n"
     "<Location /old>\nRedirect /old http://two.example/\n</Location>", get("/old"), 302, "http://one.example/"),
    ("the Location's word before the server's list", "Redirect /old http://one.example/\n"
     "<Location /old>\nRedirect http://two.example/\n</Location>", get("/old"), 302, "http://two.example/"),
    ("Location's inner list first", "<Location /old>\nRedirect /old http://one.example/\n</Location>\n"
     "<Location /old/in>\nRedirect /old http://two.example/\n</Location>", get("/old/in"), 302,
     "http://two.example//in"),
    ("If", "<If \"%{QUERY_STRING} == 'go'\">\nRedirect /old " + TO + "\n</If>", get("/old?go"), 302, TO + "?go"),
    ("If not", "<If \"%{QUERY_STRING} == 'go'\">\nRedirect /old " + TO + "\n</If>", get("/old?no"), 404, None),
    ("denied first", "<Location /old>\nRequire all denied\nRedirect gone\n</Location>", get("/old"), 410, None),
    ("denied before a section's list", "<Location /old>\nRequire all denied\nRedirect /old %s\n</Location>" % TO,
     get("/old"), 403, None),
    ("page of an error", "ErrorDocument 410 \"no more here\"\nRedirect gone /old", get("/old"), 410, None),
    ("page of a redirect", "ErrorDocument 302 \"over there\"\nRedirect /old " + TO, get("/old"), 302, TO),
    ("error page beside a redirect", "ErrorDocument 404 /sorry\nRedirect /sorry " + TO, get("/none"), 404, None),
]

MAIN = [
    ("inherited", "Redirect /main-too http://own.example/", get("/main"), 302, "http://main.example/"),
    ("own before inherited", "Redirect /main http://own.example/", get("/main"), 302, "http://own.example/"),
]

MESSAGES = {"match with no URL": "00674", "Location that leads to nothing": "00674"}


@pytest.fixture(scope="module")
def pair():
    return Pair([row[:3] for row in REDIRECTS], modules=["alias"])


@pytest.fixture(scope="module")
def inherited():
    return Pair([row[:3] for row in MAIN], modules=["alias"], main="Redirect /main http://main.example/\n")


def compare(pair, row):
    name, text, request, status, location = row
    apache, weir = pair.of(name)
    host = b"c%d.example" % pair.number[name]
    assert status is None or apache.status == status, apache.raw
    assert weir.status == apache.status, (apache.raw, weir.raw)
    assert weir.reason == apache.reason
    assert weir.all("Location") == apache.all("Location")
    if location:
        assert apache.all("Location") == [location.replace("HOST", host.decode())]
    if b"HEAD" not in request and "ErrorDocument" not in text:
        assert (location is None) or apache.all("Location")[0].split("?")[0].encode()[:20] in weir.body


@pytest.mark.parametrize("row", REDIRECTS, ids=lambda row: row[0])
def test_redirects_as_apache(pair, row):
    compare(pair, row)


@pytest.mark.parametrize("row", MAIN, ids=lambda row: row[0])
def test_a_virtual_hosts_own_lines_come_first(inherited, row):
    compare(inherited, row)


@pytest.mark.parametrize("name", MESSAGES)
def test_says_what_apache_says(pair, name):
    for side in "apache", "weir":
        assert MESSAGES[name] in [line.ah for line in pair.logs[side, name]], side

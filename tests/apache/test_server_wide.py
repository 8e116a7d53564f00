"""Lines of the whole server that change what others mean: RegisterHttpMethod, and RegexDefaultOptions for each kind of pattern."""
import os
import shutil
import tempfile

import pytest

from apache import Pair, get

ROOT = tempfile.mkdtemp(prefix="weir-wide-")
for name, text in {"a.txt": "a", "ht/.htaccess": "RedirectMatch ^/ht/UP /met\n<FilesMatch \"^A\">\nHeader set X files\n</FilesMatch>\n", "ht/a.txt": "a"}.items():
    os.makedirs(os.path.dirname(os.path.join(ROOT, name)), exist_ok=True)
    with open(os.path.join(ROOT, name), "w") as f:
        f.write(text)
os.chmod(ROOT, 0o755)
DOCS = "DocumentRoot %s\n<Directory %s>\nAllowOverride All\n</Directory>\n" % (ROOT, ROOT)
MODULES = ["alias", "headers", "rewrite", "setenvif", "substitute", "filter", "allowmethods", "mime", "dir"]


@pytest.fixture(scope="module", autouse=True)
def root():
    yield
    shutil.rmtree(ROOT, ignore_errors=True)


TO = "ProxyPass /p http://127.0.0.1:@A@/p\n"
STRICT = "HttpProtocolOptions RegisteredMethods\n"
METHODS = [("%s %s %s" % (name, method, path), host, get(path, method=method))
           for name, host in [("plain", DOCS + TO), ("strict", STRICT + DOCS + TO),
                              ("limited", DOCS + TO + "<Location />\n<Limit FOO Mixed>\nRequire all denied\n</Limit>\n</Location>\n"),
                              ("limited strict", STRICT + DOCS + TO + "<Location />\n<LimitExcept GET OWN>\nRequire all denied\n</LimitExcept>\n</Location>\n"),
                              ("allowed", DOCS + TO + "<Location />\nAllowMethods GET FOO\n</Location>\n")]
           for method in ("GET", "FOO", "foo", "Mixed", "OWN", "OTHER", "PUT") for path in ("/a.txt", "/p", "/none")]


@pytest.fixture(scope="module")
def methods():
    return Pair(METHODS, modules=MODULES, main="TypesConfig /dev/null\nRegisterHttpMethod FOO Mixed FOO GET\n")


@pytest.mark.parametrize("row", METHODS, ids=lambda row: row[0])
def test_a_registered_method_is_known(methods, row):
    apache, weir = methods.of(row[0])
    assert (weir.status, weir.seen) == (apache.status, apache.seen)
    assert [l.ah for l in methods.logs["weir", row[0]] if l.level == "error"] == \
           [l.ah for l in methods.logs["apache", row[0]] if l.level == "error"]


LINES = [
    "RedirectMatch ^/UP /met", "RedirectMatch \"^/u.p/\\$?$\" /met", "RedirectMatch p$ /met", "AliasMatch ^/UP.* %s/a.txt" % ROOT,
    "RewriteEngine On\nRewriteRule ^/UP /met [R]", "RewriteEngine On\nRewriteRule ^/u.p$ /met [R]",
    "RewriteEngine On\nRewriteCond %{REQUEST_URI} ^/UP\nRewriteRule . /met [R]", "RewriteEngine On\nRewriteCond %{REQUEST_URI} !^/UP\nRewriteRule . /met [R]",
    "SetEnvIf Request_URI ^/UP A=1\nHeader set X %{A}e", "SetEnvIf Request_URI UP A=1\nHeader set X %{A}e", "SetEnvIfNoCase Request_URI U.?P A=1\nHeader set X %{A}e",
    "<LocationMatch ^/UP>\nHeader always set X y\n</LocationMatch>", "<Location ~ ^/UP>\nHeader always set X y\n</Location>",
    "<FilesMatch ^UP>\nHeader always set X y\n</FilesMatch>", "<DirectoryMatch WIDE>\nHeader always set X y\n</DirectoryMatch>",
    "<If \"%{REQUEST_URI} =~ /UP/\">\nHeader always set X y\n</If>", "<If \"%{REQUEST_URI} =~ m#u.p#\">\nHeader always set X y\n</If>",
    "<If \"%{REQUEST_URI} !~ /UP/\">\nHeader always set X y\n</If>", "Header always set X y expr=%{REQUEST_URI}=~/UP/",
    "Header always set X aAbB\nHeader always edit* X [AB] -", "ProxyPassMatch ^/UP http://127.0.0.1:@A@", "ProxyPassMatch ^/u.p(.*)$ http://127.0.0.1:@A@/$1",
    "ProxyPass /up http://127.0.0.1:@A@/up\n<ProxyMatch UP>\nHeader always set X y\n</ProxyMatch>",
    "ProxyPass /up http://127.0.0.1:@A@/up\nSubstitute s/HEL/-/\nSetOutputFilter SUBSTITUTE", DOCS,
    "<Location />\nRequire expr %{REQUEST_URI} =~ /UP/\n</Location>",
]
ASKED = ["/up", "/UP/x", "/u%0Ap", "/up%0A", "/ht/up", "/ht/a.txt"]
REGEX = [("%s | %s" % (line, path), line + "\n", get(path)) for line in LINES for path in ASKED]
OPTIONS = ["RegexDefaultOptions none", "RegexDefaultOptions +ICASE", "RegexDefaultOptions DOLLAR_ENDONLY", "RegexDefaultOptions -DOLLAR_ENDONLY",
           "RegexDefaultOptions -DOTALL +ICASE", "RegexDefaultOptions none ICASE", "RegexDefaultOptions ICASE DOTALL",
           "RedirectMatch ^/U /first\nRegexDefaultOptions +ICASE", "RegexDefaultOptions +ICASE\nRedirectMatch ^/U /first\nRegexDefaultOptions -ICASE"]


@pytest.mark.parametrize("options", OPTIONS)
def test_patterns_have_the_options_of_the_line_before_them(options):
    pair = Pair(REGEX, modules=MODULES, main="TypesConfig /dev/null\n%s\n" % options, level="crit")
    for name, _, _ in REGEX:
        apache, weir = pair.of(name)
        assert weir.status == apache.status, name
        assert (weir.all("X"), weir.all("Location"), weir.seen) == (apache.all("X"), apache.all("Location"), apache.seen), name
        assert (b"hello" in weir.body) == (b"hello" in apache.body), name

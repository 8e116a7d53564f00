"""Which <Directory> sections a file falls under: its own name counts, and a walk is taken again for a file beside it."""
import os
import tempfile

import pytest

from apache import Pair, get

ROOT = tempfile.mkdtemp(prefix="weir-sections-")
PAGES = ["index.html", "error.html", "closed.txt", "open.txt", "room/index.html", "room/x.txt", "room/deep/y.txt"]
for page in PAGES:
    path = os.path.join(ROOT, page)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(page)
for folder, _, _ in os.walk(ROOT):
    os.chmod(folder, 0o755)

HOST = "DocumentRoot %s\nErrorDocument 404 /error.html\nErrorDocument 403 /error.html\nAlias /alias %s/index.html\n" \
       "<Directory %s>\nAllowOverride None\nFallbackResource disabled\n</Directory>\n" % (ROOT, ROOT, ROOT)
PATHS = ["/", "/index.html", "/closed.txt", "/open.txt", "/none", "/none/none", "/room", "/room/", "/room/index.html", "/room/x.txt",
         "/room/none", "/room/deep/y.txt", "/index.html/more", "/alias", "/alias/more", "/rule", "/room/rule", "/room/beside"]
RULES = "RewriteEngine On\nRewriteRule ^/rule$ /open.txt\n<Directory %s/room>\nRewriteEngine On\nRewriteRule ^rule$ /open.txt\n" \
        "RewriteRule ^beside$ /room/x.txt\n</Directory>\n" % ROOT


def marked(*sections):
    return "".join("<Directory %s>\nHeader always append X-Mark %d\n</Directory>\n" % (s.replace("@", ROOT), i)
                   for i, s in enumerate(sections))


SECTIONS = {
    "wildcards": marked('"@/*"', '"@/*/"', '"@/*/*"', '"@/*/*/*"', '"@/r*"', '"@/*.txt"', '"@/ro?m/*.html"'),
    "names of files": marked('"@/index.html"', '"@/error.html/"', '"@/closed.txt"', '"@/open.txt/x"', '"@/room/x.txt"', '"@/none"'),
    "patterns": marked('~ "index.html$"', '~ "/room$"', '~ "/room/$"', '~ "txt"', '~ "none"', '~ "html/$"'),
    "closed by its name": '<Directory "%s/closed.txt">\nRequire all denied\n</Directory>\n' % ROOT + marked('"@/error.html"'),
    "closed by a wildcard": '<Directory "%s/*">\nRequire all denied\n</Directory>\n' % ROOT,
    "closed by a pattern": '<Directory ~ "html$">\nRequire all denied\n</Directory>\n',
}
ROWS = [("%s %s" % (name, path), HOST + RULES + SECTIONS[name], get(path)) for name in SECTIONS for path in PATHS]


@pytest.fixture(scope="module")
def pair():
    return Pair(ROWS, modules=["alias", "dir", "mime", "headers", "rewrite"], main="TypesConfig /dev/null\n")


@pytest.mark.parametrize("name", SECTIONS)
def test_the_same_sections_apply(pair, name):
    statuses = set()
    for path in PATHS:
        apache, weir = pair.of("%s %s" % (name, path))
        assert (weir.status, weir.all("X-Mark")) == (apache.status, apache.all("X-Mark")), path
        statuses.add((apache.status, tuple(apache.all("X-Mark"))))
    assert len(statuses) > 2, "the paths do not tell the sections apart"

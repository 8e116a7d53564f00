"""Trees with .htaccess files for both servers: a case is a tree, what the virtual host says of it, and a request."""
import os
import re
import shutil
import tempfile

from apache import Pair, get

MODULES = ["access_compat", "alias", "allowmethods", "auth_basic", "authn_core", "authn_file", "authz_host", "authz_user",
           "authz_groupfile", "autoindex", "deflate", "dir", "env", "expires", "filter", "headers", "macro", "mime",
           "negotiation", "rewrite", "setenvif", "substitute"]
TREE = {"a.txt": "a", "index.html": "<p>root", "sub/b.txt": "b", "sub/index.html": "<p>sub", "sub/deep/c.txt": "c",
        "other/o.html": "<p>other", "noindex/x.txt": "x"}
FIELDS = ["Location", "WWW-Authenticate", "Content-Type", "Content-Encoding", "Content-Language", "Allow", "Vary", "Expires",
          "Cache-Control", "Set-Cookie", "X", "X-A", "X-B", "X-C", "X-Frame-Options", "X-Content-Type-Options"]
OLD = 1700000000


def grown(path, tree):
    """Each file as old as can be kept in a cache; a value of None is left out, one that begins with -> is a link."""
    for name, text in tree.items():
        if text is None:
            continue
        at = os.path.join(path, name)
        os.makedirs(os.path.dirname(at), exist_ok=True)
        if isinstance(text, str) and text.startswith("->"):
            os.symlink(text[2:], at)
            continue
        with open(at, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.utime(at, (OLD, OLD))


def directory(text, below=""):
    return '<Directory "@TREE@%s">\n%s\n</Directory>\n' % (below, text)


ALL = directory("AllowOverride All")


class Grove:
    """Rows of (name, tree besides TREE, virtual host, request): a tree and a host for each pair of tree and text."""

    def __init__(self, rows, prepare=None, main="", modules=()):
        self.root = tempfile.mkdtemp(prefix="weir-htaccess-")
        os.chmod(self.root, 0o755)
        hosts, made, self.names = {}, [], {}
        for name, tree, text, request in rows:
            key = (tuple(sorted(tree.items())), text)
            if key not in hosts:
                hosts[key] = os.path.join(self.root, "%d" % len(hosts))
                grown(hosts[key], dict(TREE, **{k: self.fill(v, hosts[key]) for k, v in tree.items()}))
                if prepare:
                    prepare(name, hosts[key])
            host = "DocumentRoot %s\n%s" % (hosts[key], self.fill(text, hosts[key]))
            made.append((name, host, get(request) if isinstance(request, str) else request))
            self.names[name] = hosts[key]
        with open(self.root + "/types", "w") as f:
            f.write("text/html html\ntext/plain txt\ntext/css css\napplication/javascript js\nimage/svg+xml svg\n")
        self.pair = Pair(made, modules=MODULES + list(modules), main="TypesConfig %s/types\n%s" % (self.root, main))

    @staticmethod
    def fill(text, path):
        return text.replace("@TREE@", path) if isinstance(text, str) else text

    def remove(self):
        for folder, _, _ in os.walk(self.root):
            os.chmod(folder, 0o755)
        shutil.rmtree(self.root, ignore_errors=True)

    def faults(self, side, name):
        """The lines of error and above, without what names peers and sources."""
        found = []
        for line in self.pair.logs[side, name]:
            if line.level in ("emerg", "alert", "crit", "error"):
                text = re.sub(r"^(\[[^]]*\] )+", "", line.text)
                text = re.sub(r"(\S+\.c\(\d+\): )?\[client [^]]*\] ", "", text)
                found.append((line.level, escaped(re.sub(r"/tmp/weir-apache-\w+", "DIR", text))))
        return found


def escaped(text):
    """As httpd writes bytes beyond ASCII."""
    return "".join(c if ord(c) < 128 else "".join("\\x%02x" % b for b in c.encode("utf-8", "surrogateescape")) for c in text)


def seen(answer):
    own = b"<!DOCTYPE HTML PUBLIC" in answer.body or answer.all("Content-Encoding") == ["gzip"]
    fields = {name: sorted(answer.all(name)) for name in FIELDS}
    return answer.status, {k: v for k, v in fields.items() if v}, "" if own else answer.body

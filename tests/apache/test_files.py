"""Files below DocumentRoot: what is found, what is refused and why, its head and its bytes, side by side."""
import os
import re
import shutil
import tempfile

import pytest

from apache import Pair, get

ROOT = tempfile.mkdtemp(prefix="weir-files-")
TEXT = b"".join(b"line %04d of a text\n" % i for i in range(50))


def write(name, data=TEXT, age=1000000):
    path = os.path.join(ROOT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    stamp = 1700000000 - age
    os.utime(path, ns=(stamp * 10 ** 9 + 123456789, stamp * 10 ** 9 + 123456789))
    return path


def link(name, target):
    os.symlink(target, os.path.join(ROOT, name))


def make_tree():
    os.chmod(ROOT, 0o755)
    for name in ("a.txt", "a.html", "noext", ".hidden", ".htpasswd", "b.en.html.gz", "c.tar.gz", "d.var", "e.cgi",
                 "UPPER.TXT", "sp ace.txt", "f..txt", "g.xyz.html", "h.html.xyz", "per%cent.txt", "i.html.en.utf8"):
        write("www/" + name)
    write("www/empty.txt", b"")
    write("www/index.html", b"<p>root</p>\n")
    write("www/sub/index.html", b"<p>sub</p>\n")
    write("www/sub/other.htm", b"<p>other</p>\n")
    write("www/sub/deep/x.txt", b"deep\n")
    write("www/bare/x.txt", b"x\n")
    write("www/app/app.html", b"<p>app</p>\n")
    write("www/ht/.htaccess", b"Options +Indexes\n")
    write("www/ht/x.txt", b"x\n")
    write("www/htempty/.htaccess", b"")
    write("www/htempty/x.txt", b"x\n")
    write("www/closed/x.txt", b"x\n")
    write("other/o.txt", b"other tree\n")
    write("secret.txt", b"secret\n")
    link("www/link.txt", "a.txt")
    link("www/out.txt", "../secret.txt")
    link("www/linkdir", "sub")
    link("www/broken", "nowhere")
    link("www/loop", "loop")
    write("www/unreadable.txt")
    os.chmod(os.path.join(ROOT, "www/unreadable.txt"), 0)
    write("www/private/x.txt")
    os.chmod(os.path.join(ROOT, "www/private"), 0o700)
    os.chown(os.path.join(ROOT, "other/o.txt"), 12345, 12345) if os.geteuid() == 0 else None
    link("www/owner.txt", "../other/o.txt")
    write("types", b"# types\ntext/html html htm\ntext/plain txt\napplication/x-tar tar\napplication/gzip gz\n"
          b"  image/x-early early\napplication/none\n")


make_tree()

DOCS = "DocumentRoot %s/www\n<Directory %s>\nAllowOverride None\n</Directory>\n" % (ROOT, ROOT)


def directory(text, path="/www"):
    return DOCS + "<Directory %s%s>\n%s\n</Directory>\n" % (ROOT, path, text)


LINKS = "Options FollowSymLinks"

FILES = [
    # (name, virtual host, request)
    ("text", DOCS, get("/a.txt")),
    ("html", DOCS, get("/a.html")),
    ("no extension", DOCS, get("/noext")),
    ("empty file", DOCS, get("/empty.txt")),
    ("head", DOCS, get("/a.txt", method="HEAD")),
    ("head of an empty file", DOCS, get("/empty.txt", method="HEAD")),
    ("HTTP/1.0", DOCS, get("/a.txt", version="1.0")),
    ("query", DOCS, get("/a.txt?x=y")),
    ("missing", DOCS, get("/missing.txt")),
    ("missing directory", DOCS, get("/missing/x.txt")),
    ("case", DOCS, get("/A.txt")),
    ("hidden", DOCS, get("/.hidden")),
    ("blank", DOCS, get("/sp%20ace.txt")),
    ("percent", DOCS, get("/per%25cent.txt")),
    ("dots in a name", DOCS, get("/f..txt")),
    # methods
    ("post", DOCS, get("/a.txt", "Content-Length: 3", method="POST", body=b"abc")),
    ("post to nothing", DOCS, get("/missing.txt", "Content-Length: 0", method="POST")),
    ("put", DOCS, get("/a.txt", "Content-Length: 0", method="PUT")),
    ("delete", DOCS, get("/a.txt", method="DELETE")),
    ("options", DOCS, get("/a.txt", method="OPTIONS")),
    ("options of nothing", DOCS, get("/missing.txt", method="OPTIONS")),
    ("options of all", DOCS, get("*", method="OPTIONS")),
    ("unknown method", DOCS, get("/a.txt", method="FOO")),
    ("trace", DOCS, get("/a.txt", method="TRACE")),
    ("trace of a directory", DOCS, get("/sub", method="TRACE")),
    ("trace denied place", directory("Require all denied"), get("/a.txt", method="TRACE")),
    # directories
    ("root", DOCS, get("/")),
    ("sub", DOCS, get("/sub/")),
    ("sub without slash", DOCS, get("/sub")),
    ("sub without slash, query", DOCS, get("/sub?a=b%20c")),
    ("sub without slash, post", DOCS, get("/sub", "Content-Length: 0", method="POST")),
    ("sub without slash, put", DOCS, get("/sub", "Content-Length: 0", method="PUT")),
    ("sub without slash, odd name", DOCS, get("/sub/../sub%2e")),
    ("no slash added", DOCS + "DirectorySlash Off\n", get("/sub")),
    ("bare", DOCS, get("/bare/")),
    ("bare, head", DOCS, get("/bare/", method="HEAD")),
    ("bare, post", DOCS, get("/bare/", "Content-Length: 0", method="POST")),
    ("bare, put", DOCS, get("/bare/", "Content-Length: 0", method="PUT")),
    ("bare, options", DOCS, get("/bare/", method="OPTIONS")),
    ("index, post", DOCS, get("/sub/", "Content-Length: 0", method="POST")),
    ("index, head", DOCS, get("/sub/", method="HEAD")),
    ("index, query", DOCS, get("/sub/?q")),
    ("index of several", DOCS + "DirectoryIndex none.html other.htm index.html\n", get("/sub/")),
    ("index added", DOCS + "DirectoryIndex none.html\nDirectoryIndex other.htm\n", get("/sub/")),
    ("index local URL", DOCS + "DirectoryIndex none.html /app/app.html\n", get("/bare/")),
    ("index disabled", DOCS + "DirectoryIndex disabled\n", get("/sub/")),
    ("index disabled below", DOCS + "DirectoryIndex index.html\n<Location /sub>\nDirectoryIndex disabled\n</Location>\n",
     get("/sub/")),
    ("index disabled among others", DOCS + "DirectoryIndex disabled other.htm\n", get("/sub/")),
    ("index of a section", directory("DirectoryIndex other.htm", "/www/sub"), get("/sub/")),
    ("index redirect", DOCS + "DirectoryIndexRedirect On\n", get("/sub/?q")),
    ("index redirect permanent", DOCS + "DirectoryIndexRedirect permanent\n", get("/sub/")),
    ("index redirect 303", DOCS + "DirectoryIndexRedirect 303\n", get("/sub/")),
    ("index denied", DOCS + "<Files index.html>\nRequire all denied\n</Files>\n", get("/sub/")),
    ("first index denied", DOCS + "DirectoryIndex index.html other.htm\n<Files index.html>\nRequire all denied\n"
     "</Files>\n", get("/sub/")),
    ("index with path info", DOCS + "DirectoryIndex other.htm/x\n", get("/sub/")),
    ("index is a directory", DOCS + "DirectoryIndex deep\n", get("/sub/")),
    ("index proxied", DOCS + "ProxyPass /app http://127.0.0.1:@A@/\nDirectoryIndex /app/x\n", get("/bare/")),
    ("index redirected", DOCS + "Redirect /away http://to.example/\nDirectoryIndex /away\n", get("/bare/")),
    ("options indexes", directory("Options Indexes FollowSymLinks"), get("/sub/")),
    ("fallback", DOCS + "FallbackResource /app/app.html\n", get("/missing/page?q=1")),
    ("fallback, file there", DOCS + "FallbackResource /app/app.html\n", get("/a.txt")),
    ("fallback, directory", DOCS + "FallbackResource /app/app.html\n", get("/bare/")),
    ("fallback, directory with index", DOCS + "FallbackResource /app/app.html\n", get("/sub/")),
    ("fallback, index disabled", DOCS + "FallbackResource /app/app.html\nDirectoryIndex disabled\n", get("/sub/")),
    ("fallback, directory without slash", DOCS + "FallbackResource /app/app.html\n", get("/bare")),
    ("fallback, no slash added", DOCS + "FallbackResource /app/app.html\nDirectorySlash Off\n", get("/bare")),
    ("fallback, directory, put", DOCS + "FallbackResource /app/app.html\n",
     get("/bare/", "Content-Length: 0", method="PUT")),
    ("fallback, path info", DOCS + "FallbackResource /app/app.html\n", get("/a.txt/x")),
    ("fallback, below nothing", DOCS + "FallbackResource /app/app.html\n", get("/x/y/z")),
    ("fallback missing", DOCS + "FallbackResource /nothing.html\n", get("/missing")),
    ("fallback disabled", DOCS + "FallbackResource /app/app.html\n<Location /app2>\nFallbackResource disabled\n"
     "</Location>\n", get("/app2/x")),
    ("fallback in a section", directory("FallbackResource /app/app.html", "/www/sub"), get("/sub/none")),
    ("fallback out of a section", directory("FallbackResource /app/app.html", "/www/sub"), get("/none")),
    ("fallback proxied", DOCS + "ProxyPass /back http://127.0.0.1:@A@/\nFallbackResource /back/x\n", get("/none?q")),
    ("fallback denied", DOCS + "FallbackResource /app/app.html\n<Location /app>\nRequire all denied\n</Location>\n",
     get("/none")),
    ("fallback, post", DOCS + "FallbackResource /app/app.html\n", get("/none", "Content-Length: 0", method="POST")),
    # path info
    ("path info", DOCS, get("/a.txt/more/path")),
    ("path info accepted", DOCS + "AcceptPathInfo On\n", get("/a.txt/more/path")),
    ("path info refused", DOCS + "AcceptPathInfo Off\n", get("/a.txt/more/path")),
    ("slash behind a file", DOCS, get("/a.txt/")),
    ("slash behind a file, accepted", DOCS + "AcceptPathInfo On\n", get("/a.txt/")),
    # links
    ("link", DOCS, get("/link.txt")),
    ("link out", DOCS, get("/out.txt")),
    ("link to a directory", DOCS, get("/linkdir/index.html")),
    ("link to a directory, no slash", DOCS, get("/linkdir")),
    ("broken link", DOCS, get("/broken")),
    ("link to itself", DOCS, get("/loop")),
    ("no links", directory("Options None"), get("/link.txt")),
    ("no links, directory", directory("Options None"), get("/linkdir/index.html")),
    ("no links, plain file", directory("Options None"), get("/a.txt")),
    ("no links, missing", directory("Options None"), get("/none.txt")),
    ("links taken away", directory("Options -FollowSymLinks"), get("/link.txt")),
    ("links added again", directory("Options None") + "<Directory %s/www/linkdir>\nOptions +FollowSymLinks\n"
     "</Directory>\n" % ROOT, get("/linkdir/index.html")),
    ("links by owner, same", directory("Options SymLinksIfOwnerMatch"), get("/link.txt")),
    ("links by owner, other", directory("Options SymLinksIfOwnerMatch"), get("/owner.txt")),
    ("links by owner beside all", directory("Options FollowSymLinks SymLinksIfOwnerMatch"), get("/owner.txt")),
    ("owner differs, all", DOCS, get("/owner.txt")),
    ("links by owner, broken", directory("Options SymLinksIfOwnerMatch"), get("/broken")),
    ("options in a Location", DOCS + "<Location />\nOptions None\n</Location>\n", get("/link.txt")),
    ("options of the host", DOCS + "Options None\n", get("/link.txt")),
    ("options of the host, section over", "Options None\n" + directory(LINKS), get("/link.txt")),
    # access
    ("denied", directory("Require all denied"), get("/a.txt")),
    ("denied by <Directory />", DOCS + "<Directory />\nRequire all denied\n</Directory>\n", get("/a.txt")),
    ("granted below", DOCS + "<Directory />\nRequire all denied\n</Directory>\n<Directory %s/www>\nRequire all granted\n"
     "</Directory>\n" % ROOT, get("/a.txt")),
    ("denied and missing", directory("Require all denied"), get("/none.txt")),
    ("denied in a missing directory", DOCS + "<Directory %s/www/none>\nRequire all denied\n</Directory>\n" % ROOT,
     get("/none/x.txt")),
    ("Files", DOCS + "<Files a.txt>\nRequire all denied\n</Files>\n", get("/a.txt")),
    ("Files of .ht", DOCS + '<FilesMatch "^\\.ht">\nRequire all denied\n</FilesMatch>\n', get("/.htpasswd")),
    ("Files of .ht, missing", DOCS + '<FilesMatch "^\\.ht">\nRequire all denied\n</FilesMatch>\n', get("/.htnone")),
    ("Files, path info", DOCS + "<Files a.txt>\nRequire all denied\n</Files>\n", get("/a.txt/x")),
    ("Files, slash", DOCS + "<Files a.txt>\nRequire all denied\n</Files>\n", get("/a.txt/")),
    ("Files of a directory", DOCS + "<Files sub>\nRequire all denied\n</Files>\n", get("/sub")),
    ("Files of a directory with slash", DOCS + "<Files sub>\nRequire all denied\n</Files>\n", get("/sub/index.html")),
    ("DirectoryMatch", DOCS + '<DirectoryMatch "/closed">\nRequire all denied\n</DirectoryMatch>\n',
     get("/closed/x.txt")),
    ("DirectoryMatch, no slash", DOCS + '<DirectoryMatch "/closed/">\nRequire all denied\n</DirectoryMatch>\n',
     get("/closed")),
    ("DirectoryMatch of a file", DOCS + '<DirectoryMatch "a\\.txt$">\nRequire all denied\n</DirectoryMatch>\n',
     get("/a.txt")),
    ("Directory wildcard", DOCS + "<Directory %s/www/*/deep>\nRequire all denied\n</Directory>\n" % ROOT,
     get("/sub/deep/x.txt")),
    ("Directory by link's name", DOCS + "<Directory %s/www/linkdir>\nRequire all denied\n</Directory>\n" % ROOT,
     get("/linkdir/index.html")),
    ("Directory by link's target", DOCS + "<Directory %s/www/sub>\nRequire all denied\n</Directory>\n" % ROOT,
     get("/linkdir/index.html")),
    ("unreadable", DOCS, get("/unreadable.txt")),
    ("unreadable directory", DOCS, get("/private/x.txt")),
    ("unreadable directory itself", DOCS, get("/private/")),
    # .htaccess
    ("settings not read", DOCS, get("/ht/x.txt")),
    ("empty settings", directory("AllowOverride All"), get("/htempty/x.txt")),
    ("settings elsewhere", directory("AllowOverride All"), get("/sub/index.html")),
    ("settings of another name", directory("AllowOverride All") + "AccessFileName .other\n", get("/ht/x.txt")),
    # roots and aliases
    ("alias", DOCS + "Alias /o %s/other\n" % ROOT, get("/o/o.txt")),
    ("alias exactly", DOCS + "Alias /o %s/other/o.txt\n" % ROOT, get("/o")),
    ("alias to a directory", DOCS + "Alias /o %s/www/sub\n" % ROOT, get("/o")),
    ("alias to a directory with slash", DOCS + "Alias /o %s/www/sub\n" % ROOT, get("/o/")),
    ("alias with slashes", DOCS + "Alias /o/ %s/www/sub/\n" % ROOT, get("/o/")),
    ("alias with slashes, without", DOCS + "Alias /o/ %s/www/sub/\n" % ROOT, get("/o")),
    ("alias match", DOCS + "AliasMatch ^/o/(.*)\\.text$ %s/www/$1.txt\n" % ROOT, get("/o/a.text")),
    ("alias in a Location", DOCS + "<Location /o>\nAlias %s/other/o.txt\n</Location>\n" % ROOT, get("/o")),
    ("alias in a Location, more path", DOCS + "<Location /o>\nAlias %s/other\n</Location>\n" % ROOT, get("/o/o.txt")),
    ("alias in a Location, path kept", DOCS + "<Location /o>\nAliasPreservePath On\nAlias %s/other\n</Location>\n" % ROOT,
     get("/o/o.txt")),
    ("alias in a LocationMatch, path kept", DOCS + "<LocationMatch ^/o>\nAliasPreservePath On\nAlias %s/other\n"
     "</LocationMatch>\n" % ROOT, get("/o/o.txt")),
    ("alias by expression", DOCS + '<LocationMatch "^/o/(?<NAME>[a-z]+)$">\nAlias "%s/other/%%{env:MATCH_NAME}.txt"\n'
     '</LocationMatch>\n' % ROOT, get("/o/o")),
    ("alias beside a proxy", DOCS + "ProxyPass /o !\nProxyPass / http://127.0.0.1:@A@/\nAlias /o %s/other\n" % ROOT,
     get("/o/o.txt")),
    ("proxy before alias", DOCS + "ProxyPass /o http://127.0.0.1:@A@/\nAlias /o %s/other\n" % ROOT, get("/o/o.txt")),
    ("alias denied", DOCS + "Alias /o %s/other\n<Directory %s/other>\nRequire all denied\n</Directory>\n" % (ROOT, ROOT),
     get("/o/o.txt")),
    ("no document root", "", get("/none.html")),
    ("root missing", "DocumentRoot %s/nowhere\n" % ROOT, get("/")),
    # tricks
    ("up", DOCS, get("/../secret.txt")),
    ("up encoded", DOCS, get("/%2e%2e/secret.txt")),
    ("up, half encoded", DOCS, get("/.%2e/secret.txt")),
    ("up, encoded slash", DOCS, get("/..%2fsecret.txt")),
    ("up, slashes decoded", DOCS + "AllowEncodedSlashes On\n", get("/..%2fsecret.txt")),
    ("up, slashes decoded inside", DOCS + "AllowEncodedSlashes On\n", get("/sub%2f..%2f..%2fsecret.txt")),
    ("up, slashes kept", DOCS + "AllowEncodedSlashes NoDecode\n", get("/sub%2f..%2f..%2fsecret.txt")),
    ("up, twice encoded", DOCS, get("/%252e%252e/secret.txt")),
    ("up, backslash", DOCS, get("/..%5csecret.txt")),
    ("up from below", DOCS, get("/sub/../../secret.txt")),
    ("up, overlong", DOCS, get("/%c0%ae%c0%ae/secret.txt")),
    ("up, slashes", DOCS, get("//..//secret.txt")),
    ("down and up", DOCS, get("/sub/../a.txt")),
    ("up out of an alias", DOCS + "Alias /o/ %s/other/\n" % ROOT, get("/o/../o/../../secret.txt")),
    ("alias without slash", DOCS + "Alias /o %s/other/\n" % ROOT, get("/o../secret.txt")),
    ("nul", DOCS, get("/a.txt%00.html")),
    ("encoded slash decoded", DOCS + "AllowEncodedSlashes On\n", get("/sub%2findex.html")),
    ("slashes kept apart", DOCS + "MergeSlashes Off\n", get("/sub//index.html")),
    ("long name", DOCS, get("/" + "a" * 300)),
    ("long path", DOCS, get("/" + "ab/" * 2000)),
    ("control", DOCS, get("/a%01.txt")),
    ("colon", DOCS, get("/a.txt::$DATA")),
]

TYPES = """AddType text/x-special .xyz
AddType "text/html; charset=utf-16; level=1" .withargs
AddCharset UTF-8 .utf8
AddLanguage en .en
AddLanguage de .de
AddEncoding x-gzip gz
"""
for name in ("x.html", "x.en.html", "x.html.en.de", "x.html.utf8", "x.withargs", "x.withargs.utf8", "x.html.gz", "x.gz",
             "x.gz.gz", "x.HTML", "x.xyz", "x.html.xyz", "x.xyz.html", "html", ".html", "..html", "x.", "x..html",
             "x.early", "x.none", "x.unknown", "x.txt", "x.css", "utf8", "x.utf8", "x.bad"):
    write("types.d/" + name, b"content\n")
TYPED = "DocumentRoot %s/types.d\n<Directory %s>\nAllowOverride None\n</Directory>\n" % (ROOT, ROOT) + TYPES

MIME = [("type of " + name, TYPED, get("/" + name)) for name in sorted(os.listdir(ROOT + "/types.d"))] + [
    ("forced", TYPED + "ForceType text/forced\n", get("/x.html")),
    ("forced, encoding stays", TYPED + "ForceType text/forced\n", get("/x.en.html")),
    ("force undone", TYPED + "ForceType text/forced\n<Location />\nForceType none\n</Location>\n", get("/x.html")),
    ("default charset", TYPED + "AddDefaultCharset utf-8\n", get("/x.html")),
    ("default charset on", TYPED + "AddDefaultCharset On\n", get("/x.txt")),
    ("default charset, own", TYPED + "AddDefaultCharset utf-8\n", get("/x.html.utf8")),
    ("default charset, other type", TYPED + "AddDefaultCharset utf-8\n", get("/x.xyz")),
    ("default charset off", TYPED + "AddDefaultCharset utf-8\n<Location />\nAddDefaultCharset Off\n</Location>\n",
     get("/x.html")),
    ("default charset of a backend", TYPED + "AddDefaultCharset utf-8\nProxyPass /p http://127.0.0.1:@A@/\n",
     get("/p/x", "X-Script: html")),
    ("language of a backend", TYPED + "ProxyPass /p http://127.0.0.1:@A@/\n", get("/p/x.en.html", "X-Script: html")),
    ("encoding of a backend", TYPED + "ProxyPass /p http://127.0.0.1:@A@/\n", get("/p/x.html.gz", "X-Script: html")),
    ("default language of a backend", TYPED + "DefaultLanguage fr\nProxyPass /p http://127.0.0.1:@A@/\n",
     get("/p/x", "X-Script: html")),
    ("backend without a type", TYPED + "ProxyPass /p http://127.0.0.1:@A@/\n", get("/p/x.html")),
    ("default language", TYPED + "DefaultLanguage fr\n", get("/x.html")),
    ("default language, own", TYPED + "DefaultLanguage fr\n", get("/x.en.html")),
    ("removed type", TYPED + "<Location />\nRemoveType .html\n</Location>\n", get("/x.html")),
    ("removed own type", TYPED + "<Location />\nRemoveType .xyz\n</Location>\n", get("/x.html.xyz")),
    ("removed language", TYPED + "<Location />\nRemoveLanguage .en\n</Location>\n", get("/x.en.html")),
    ("removed charset", TYPED + "<Location />\nRemoveCharset utf8\n</Location>\n", get("/x.html.utf8")),
    ("removed encoding", TYPED + "<Location />\nRemoveEncoding .gz\n</Location>\n", get("/x.html.gz")),
    ("removed encoding of its own section", TYPED + "RemoveEncoding .gz\n", get("/x.html.gz")),
    ("removed and added", TYPED + "<Location />\nRemoveEncoding .gz\nAddEncoding gzip .gz\n</Location>\n",
     get("/x.html.gz")),
    ("added in a section", TYPED + "<Location />\nAddType text/other .html\n</Location>\n", get("/x.html")),
    ("path info counts", TYPED + "AcceptPathInfo On\n<Location />\nModMimeUsePathInfo On\n</Location>\n",
     get("/x.txt/y.html")),
    ("path info does not count", TYPED + "AcceptPathInfo On\n", get("/x.txt/y.html")),
    ("default handler", TYPED + "SetHandler default-handler\n", get("/x.html")),
    ("type-map taken away", TYPED + "AddHandler type-map .xyz\n<Location />\nSetHandler default-handler\n</Location>\n",
     get("/x.xyz")),
    ("etag none", TYPED + "FileETag None\n", get("/x.html")),
    ("etag all", TYPED + "FileETag All\n", get("/x.html")),
    ("etag inode", TYPED + "FileETag INode\n", get("/x.html")),
    ("etag more", TYPED + "FileETag +INode\n", get("/x.html")),
    ("etag less", TYPED + "FileETag -Size\n", get("/x.html")),
    ("etag of both", TYPED + "FileETag MTime Size\n<Location />\nFileETag +INode\n</Location>\n", get("/x.html")),
    ("etag none undone", TYPED + "FileETag None\n<Location />\nFileETag Size\n</Location>\n", get("/x.html")),
    ("etag size alone", TYPED + "FileETag Size\n", get("/x.html")),
    ("etag taken away", TYPED + "FileETag All\n<Location />\nFileETag -INode -MTime\n</Location>\n", get("/x.html")),
]

E304 = "\"%x-%x\"" % (len(TEXT), (1700000000 - 1000000) * 10 ** 6 + 123456)
WHEN = "Thu, 02 Nov 2023 08:26:40 GMT"
PARTS = [("range " + name, DOCS, get("/a.txt", *fields, method=method)) for name, method, fields in [
    ("first", "GET", ["Range: bytes=0-9"]),
    ("last", "GET", ["Range: bytes=-5"]),
    ("open", "GET", ["Range: bytes=990-"]),
    ("all", "GET", ["Range: bytes=0-"]),
    ("head", "HEAD", ["Range: bytes=0-9"]),
    ("beyond", "GET", ["Range: bytes=5000-"]),
    ("beyond head", "HEAD", ["Range: bytes=5000-"]),
    ("over the end", "GET", ["Range: bytes=995-5000"]),
    ("two", "GET", ["Range: bytes=0-1,5-6"]),
    ("two head", "HEAD", ["Range: bytes=0-1,5-6"]),
    ("blank", "GET", ["Range: bytes=0-1, 5-6"]),
    ("backwards", "GET", ["Range: bytes=5-6,0-1"]),
    ("touching", "GET", ["Range: bytes=0-1,2-3"]),
    ("malformed", "GET", ["Range: bytes=a-b"]),
    ("other unit", "GET", ["Range: lines=0-1"]),
    ("upper case", "GET", ["Range: BYTES=0-1"]),
    ("two fields", "GET", ["Range: bytes=0-1", "Range: bytes=3-4"]),
    ("many", "GET", ["Range: bytes=" + ",".join("%d-%d" % (i * 4, i * 4) for i in range(40))]),
    ("if etag", "GET", ["Range: bytes=0-1", "If-Range: " + E304]),
    ("if other etag", "GET", ["Range: bytes=0-1", "If-Range: \"x\""]),
    ("if weak etag", "GET", ["Range: bytes=0-1", "If-Range: W/" + E304]),
    ("if date", "GET", ["Range: bytes=0-1", "If-Range: " + WHEN]),
    ("if later date", "GET", ["Range: bytes=0-1", "If-Range: Thu, 02 Nov 2023 08:26:41 GMT"]),
    ("and none match", "GET", ["Range: bytes=0-1", "If-None-Match: " + E304]),
    ("none match", "GET", ["If-None-Match: " + E304]),
    ("none match head", "HEAD", ["If-None-Match: " + E304]),
    ("none match weak", "GET", ["If-None-Match: W/" + E304]),
    ("none match any", "GET", ["If-None-Match: *"]),
    ("none match list", "GET", ["If-None-Match: \"a\", " + E304]),
    ("none match lines", "GET", ["If-None-Match: \"a\"", "If-None-Match: " + E304]),
    ("none match other", "GET", ["If-None-Match: \"a\""]),
    ("match", "GET", ["If-Match: " + E304]),
    ("match other", "GET", ["If-Match: \"a\""]),
    ("match any", "GET", ["If-Match: *"]),
    ("since", "GET", ["If-Modified-Since: " + WHEN]),
    ("since before", "GET", ["If-Modified-Since: Thu, 02 Nov 2023 08:26:39 GMT"]),
    ("since in the future", "GET", ["If-Modified-Since: Thu, 02 Nov 2093 08:26:39 GMT"]),
    ("since of 850", "GET", ["If-Modified-Since: Thursday, 02-Nov-23 08:26:40 GMT"]),
    ("since of asctime", "GET", ["If-Modified-Since: Thu Nov  2 08:26:40 2023"]),
    ("since of nothing", "GET", ["If-Modified-Since: soon"]),
    ("since, other tag", "GET", ["If-Modified-Since: " + WHEN, "If-None-Match: \"a\""]),
    ("unmodified", "GET", ["If-Unmodified-Since: " + WHEN]),
    ("unmodified before", "GET", ["If-Unmodified-Since: Thu, 02 Nov 2023 08:26:39 GMT"]),
]] + [
    ("range of a page of an error", DOCS + "ErrorDocument 404 /a.txt\n", get("/none", "Range: bytes=0-1")),
    ("condition on a page of an error", DOCS + "ErrorDocument 404 /a.txt\n", get("/none", "If-None-Match: *")),
    ("page of an error", DOCS + "ErrorDocument 404 /a.html\n", get("/none")),
    ("page of an error, missing", DOCS + "ErrorDocument 404 /nope.html\n", get("/none")),
    ("page of an error, denied", directory("Require all denied") + "ErrorDocument 403 /a.html\n", get("/x")),
    ("page of a backend's error", DOCS + "ErrorDocument 503 /a.html\nProxyPass /p http://127.0.0.1:@DEAD@/\n", get("/p")),
    ("page of an error, post", DOCS + "ErrorDocument 405 /a.html\n", get("/a.txt", "Content-Length: 0", method="PUT")),
    ("no ranges", DOCS + "MaxRanges none\n", get("/a.txt", "Range: bytes=0-1")),
    ("ranges of one", DOCS + "MaxRanges 1\n", get("/a.txt", "Range: bytes=0-1,4-5")),
    ("ranges of one in a section", directory("MaxRanges 1"), get("/a.txt", "Range: bytes=0-1,4-5")),
    ("ranges without bound", DOCS + "MaxRanges unlimited\n", get("/a.txt", "Range: bytes=0-1,4-5")),
    ("no overlaps", DOCS + "MaxRangeOverlaps none\n", get("/a.txt", "Range: bytes=0-4,2-6")),
    ("no reversals", DOCS + "MaxRangeReversals none\n", get("/a.txt", "Range: bytes=4-6,2-4")),
    ("typed parts", TYPED, get("/x.html", "Range: bytes=0-1,4-5")),
    ("encoded parts", TYPED, get("/x.html.gz", "Range: bytes=0-1,4-5")),
]

ROWS = FILES + MIME + PARTS
SCRIPTS = {"html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"}
FIELDS = ["Location", "Last-Modified", "ETag", "Accept-Ranges", "Content-Type", "Content-Encoding", "Content-Language",
          "Content-Range", "Content-Length", "Transfer-Encoding", "Connection", "Vary"]
PAIR = dict(scripts=SCRIPTS, modules=["alias", "dir", "mime"], main="TypesConfig %s/types\n" % ROOT)
# Left to others: the sentences of pages, and what stands in docs/differences.md
OTHERS = {"encoding of a backend"}


@pytest.fixture(scope="module")
def pair():
    try:
        yield Pair([row[:3] for row in ROWS], own_hosts=True, **PAIR)
    finally:
        for folder, _, files in os.walk(ROOT):
            os.chmod(folder, 0o755)
        shutil.rmtree(ROOT, ignore_errors=True)


def is_page(answer):
    """One of the server's own sentences: they differ on purpose."""
    return b"<!DOCTYPE HTML PUBLIC" in answer.body


def fields_of(answer, head):
    found = {name: sorted(answer.all(name)) for name in FIELDS}
    if b"TRACE /" in answer.body or len(answer.body) > 3000:  # a length is always said here
        found["Content-Length"] = found["Transfer-Encoding"] = []
    if is_page(answer) or (head and answer.status >= 400):
        found["Content-Length"] = found["Transfer-Encoding"] = []
    found["Allow"] = sorted(re.split(r", *", ",".join(answer.all("Allow"))))
    boundary = re.search(r"boundary=(\w+)", "".join(found["Content-Type"]))
    if boundary:
        found["Content-Type"], found["Content-Length"] = ["multipart/byteranges"], []  # Apache's boundary varies
    return found


def body_of(answer):
    boundary = re.search(r"boundary=(\w+)", "".join(answer.all("Content-Type")))
    if answer.all("Transfer-Encoding") == ["chunked"]:
        rest, whole = answer.body, b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            whole += rest[:int(size, 16)]
            rest = rest[int(size, 16) + 2:]
    else:
        whole = answer.body
    return whole.replace(boundary.group(1).encode(), b"BOUNDARY") if boundary else whole


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_answers_as_apache(pair, row):
    apache, weir = pair.of(row[0])
    head = row[2].startswith(b"HEAD")
    assert (weir.status, weir.reason) == (apache.status, apache.reason), (apache.raw, weir.raw, pair.logs["weir", row[0]])
    assert fields_of(weir, head) == fields_of(apache, head), (apache.raw[:900], weir.raw[:900])
    if not is_page(apache) and not row[2].startswith(b"TRACE"):
        assert body_of(weir) == body_of(apache)


LISTED = [
    ("listed: bare", DOCS, get("/bare/")),
    ("listed: bare, head", DOCS, get("/bare/", method="HEAD")),
    ("listed: bare, post", DOCS, get("/bare/", "Content-Length: 0", method="POST")),
    ("listed: bare, several names", DOCS + "DirectoryIndex a.html b.html\n", get("/bare/")),
    ("listed: disabled", DOCS + "DirectoryIndex disabled\n", get("/sub/")),
    ("listed: no slash added", DOCS + "DirectorySlash Off\n", get("/bare")),
    ("listed: index there", DOCS, get("/sub/")),
    ("listed: a handler of nothing", DOCS + "SetHandler \"%{env:NOTSET}\"\n", get("/bare/")),
    ("listed: a handler of another name", DOCS + "SetHandler \"%{env:NOTSET}foo\"\n", get("/bare/")),
]


@pytest.fixture(scope="module")
def listed(pair):
    return Pair(LISTED, own_hosts=True, **dict(PAIR, modules=PAIR["modules"] + ["autoindex"]))


@pytest.mark.parametrize("row", LISTED, ids=lambda row: row[0])
def test_directories_are_not_listed_without_indexes(listed, row):
    apache, weir = listed.of(row[0])
    assert weir.status == apache.status
    assert said(listed, "weir", row[0]) == said(listed, "apache", row[0])


UNLOADED = [
    ("without mod_dir: directory", DOCS, get("/sub/")),
    ("without mod_dir: no slash", DOCS, get("/sub")),
    ("without mod_mime: text", DOCS, get("/a.txt")),
    ("without mod_mime: options", DOCS, get("/a.txt", method="OPTIONS")),
]


@pytest.fixture(scope="module")
def unloaded(pair):
    return Pair(UNLOADED, own_hosts=True)


@pytest.mark.parametrize("row", UNLOADED, ids=lambda row: row[0])
def test_a_module_that_is_not_loaded_does_nothing(unloaded, row):
    apache, weir = unloaded.of(row[0])
    assert weir.status == apache.status
    assert fields_of(weir, False) == fields_of(apache, False)
    assert said(unloaded, "weir", row[0]) == said(unloaded, "apache", row[0])


# Said by both, in the same words: everything of these numbers
NUMBERS = {"00026", "00035", "00036", "00037", "00038", "00127", "00128", "00129", "00130", "00131", "00132", "00125", "00135",
           "01276", "01630", "10244"}


def said(pair, side, name):
    lines = []
    for line in pair.logs[side, name]:
        if line.ah in NUMBERS:
            text = line.text[line.text.index("AH" + line.ah):]
            lines.append((line.module, line.level, line.ah, re.sub(r"client [0-9.:]+", "", text)))
    return lines


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_says_what_apache_says(pair, row):
    assert said(pair, "weir", row[0]) == said(pair, "apache", row[0])

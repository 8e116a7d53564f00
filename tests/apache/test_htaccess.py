""".htaccess: what AllowOverride lets in, what a file at fault does and says, where a file counts and in which order."""
import atexit
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from apache import APACHE, get, preamble, second_server
from htaccess import ALL, Grove, directory, seen

SAY = "Header set X here\n"
# A line of each class, which shows that it was taken
CLASS_LINES = {
    "AuthConfig": "Require all denied\n",
    "FileInfo": SAY,
    "Indexes": "DirectoryIndex other/o.html\n",
    "Limit": "Order deny,allow\nDeny from all\n",
    "Options": "Options -Indexes\n",
}
CLASSES = list(CLASS_LINES) + ["All", "None", "FileInfo Options", "AuthConfig Limit Indexes", "Nonfatal=All", "FileInfo Nonfatal=Override",
                               "FileInfo Nonfatal=Unknown", "Options=Indexes", "Options=All", "Options=", "all", "fileinfo"]
LINES = {
    # A directive of each family, for one class is not enough
    "Require": "Require all granted\n", "AuthType": "AuthType None\n", "AuthUserFile": "AuthUserFile /x\n", "Satisfy": "Satisfy any\n",
    "AuthGroupFile": "AuthGroupFile /x\n", "AuthMerging": "AuthMerging Off\n", "AuthBasicProvider": "AuthBasicProvider file\n",
    "RequireAll": "<RequireAll>\nRequire all granted\n</RequireAll>\n", "AddType": "AddType text/x .txt\n", "ErrorDocument": "ErrorDocument 404 no\n",
    "RewriteEngine": "RewriteEngine On\n", "SetEnv": "SetEnv A 1\n", "SetEnvIf": "SetEnvIf Host . A=1\n", "Redirect": "Redirect 404 /q\n",
    "ForceType": "ForceType text/x\n", "AcceptPathInfo": "AcceptPathInfo On\n", "FileETag": "FileETag None\n", "SetOutputFilter": "SetOutputFilter DEFLATE\n",
    "AddOutputFilterByType": "AddOutputFilterByType DEFLATE text/x\n", "Substitute": "Substitute s/a/b/\n", "EnableSendfile": "EnableSendfile Off\n",
    "ExpiresActive": "ExpiresActive On\n", "DirectorySlash": "DirectorySlash Off\n", "FallbackResource": "FallbackResource /index.html\n",
    "IndexOptions": "IndexOptions FancyIndexing\n", "AddIcon": "AddIcon /x .txt\n", "Allow": "Allow from all\n", "FilterDeclare": "FilterDeclare x\n",
    "LimitRequestBody": "LimitRequestBody 10\n", "ServerSignature": "ServerSignature Off\n", "ContentDigest": "ContentDigest Off\n",
    "Files": "<Files a.txt>\n</Files>\n", "If": "<If \"true\">\n</If>\n", "Limit": "<Limit GET>\n</Limit>\n", "LimitExcept": "<LimitExcept GET>\n</LimitExcept>\n",
    "IfModule": "<IfModule mod_headers.c>\n</IfModule>\n", "Error": "Error text\n", "LogIOTrackTTFB": "LogIOTrackTTFB Off\n",
    # nowhere in such a file
    "ServerName": "ServerName x\n", "Listen": "Listen 80\n", "DocumentRoot": "DocumentRoot /\n", "AllowOverride": "AllowOverride All\n",
    "AllowOverrideList": "AllowOverrideList None\n", "AccessFileName": "AccessFileName x\n", "Directory": "<Directory />\n</Directory>\n",
    "Location": "<Location />\n</Location>\n", "VirtualHost": "<VirtualHost *>\n</VirtualHost>\n", "Proxy": "<Proxy *>\n</Proxy>\n", "Alias": "Alias /x /y\n",
    "ProxyPass": "ProxyPass /x http://127.0.0.1:9/\n", "RewriteMap": "RewriteMap x txt:/x\n", "Include": "Include x\n", "IncludeOptional": "IncludeOptional x\n",
    "Define": "Define X\n", "UnDefine": "UnDefine X\n", "LoadModule": "LoadModule x y\n", "ServerRoot": "ServerRoot /\n", "ErrorLog": "ErrorLog x\n",
    "LogLevel": "LogLevel debug\n", "CustomLog": "CustomLog x common\n", "KeepAlive": "KeepAlive On\n", "AllowMethods": "AllowMethods GET\n",
    "UseCanonicalName": "UseCanonicalName On\n", "ModMimeUsePathInfo": "ModMimeUsePathInfo On\n", "TraceEnable": "TraceEnable Off\n",
}


def file(text, where="", **more):
    return dict({where + ".htaccess": text}, **more)


ROWS = [("class %s under %s" % (line, allowed), file(text), directory("AllowOverride " + allowed), "/" if line == "Indexes" else "/a.txt")
        for line, text in CLASS_LINES.items() for allowed in CLASSES]
ROWS += [("%s under %s" % (line, allowed), file(text), directory("AllowOverride " + allowed), "/a.txt")
         for line, text in LINES.items() for allowed in ("All", "AuthConfig", "FileInfo", "Indexes Limit Options")]
ROWS += [
    ("nothing written", file(SAY), "", "/a.txt"),
    ("nothing written, a comment", file("# nothing\n\n"), "", "/a.txt"),
    ("none at the root, all below", file(SAY, "sub/"), directory("AllowOverride None") + directory("AllowOverride All", "/sub"), "/sub/b.txt"),
    ("all at the root, none below", file(SAY, "sub/", **{".htaccess": "Header set X root\n"}), directory("AllowOverride All") + directory("AllowOverride None", "/sub"), "/sub/b.txt"),
    ("one word twice", file(SAY), directory("AllowOverride FileInfo\nAllowOverride Options"), "/a.txt"),
    ("none among others", file(SAY), directory("AllowOverride FileInfo None"), "/a.txt"),
    ("none and then others", file(SAY), directory("AllowOverride None FileInfo"), "/a.txt"),
    ("by pattern", file(SAY), '<DirectoryMatch ".">\nAllowOverride All\n</DirectoryMatch>\n' + directory("AllowOverride None"), "/a.txt"),
    ("by wildcard", file(SAY, "sub/"), directory("AllowOverride None") + directory("AllowOverride All", "/*"), "/sub/b.txt"),
    ("in a location", file(SAY), directory("AllowOverride None") + "<Location />\nAllowOverride All\n</Location>\n", "/a.txt"),
    # lists
    ("list", file(SAY), directory("AllowOverride None\nAllowOverrideList Header"), "/a.txt"),
    ("list, other case", file("header set X here\n"), directory("AllowOverride None\nAllowOverrideList HEADER"), "/a.txt"),
    ("list of another", file("Options None\n"), directory("AllowOverride None\nAllowOverrideList Header"), "/a.txt"),
    ("list and classes", file(SAY + "Require all granted\n"), directory("AllowOverride AuthConfig\nAllowOverrideList Header"), "/a.txt"),
    ("list of none", file(SAY), directory("AllowOverride None\nAllowOverrideList None"), "/a.txt"),
    ("list without None", file(SAY), directory("AllowOverrideList Header"), "/a.txt"),
    ("list without a section word", file("<IfModule mod_headers.c>\n" + SAY + "</IfModule>\n"), directory("AllowOverride None\nAllowOverrideList Header"), "/a.txt"),
    ("list with a section word", file("<IfModule mod_headers.c>\n" + SAY + "</IfModule>\n"), directory('AllowOverride None\nAllowOverrideList Header "<IfModule"'), "/a.txt"),
    ("list, in a section", file("<Files a.txt>\n" + SAY + "</Files>\n"), directory('AllowOverride None\nAllowOverrideList Header "<Files"'), "/a.txt"),
    ("list of what stands in sections", file("AllowMethods GET\n"), directory("AllowOverride None\nAllowOverrideList AllowMethods"), "/a.txt"),
    ("list of what is nothing", file(SAY), directory("AllowOverride None\nAllowOverrideList Foo Listen"), "/a.txt"),
    ("list below", file(SAY, "sub/"), directory("AllowOverride None\nAllowOverrideList Header"), "/sub/b.txt"),
    ("list taken back below", file(SAY, "sub/"), directory("AllowOverride None\nAllowOverrideList Header") + directory("AllowOverrideList None", "/sub"), "/sub/b.txt"),
    ("list of a redirect", file("Redirect /x http://other.example/\n"), directory("AllowOverride None\nAllowOverrideList Redirect RedirectMatch"), "/x"),
    # Nonfatal
    ("unknown, not fatal", file("Foo bar\n" + SAY), directory("AllowOverride All Nonfatal=Unknown"), "/a.txt"),
    ("unknown, forbidden not fatal", file("Foo bar\n" + SAY), directory("AllowOverride All Nonfatal=Override"), "/a.txt"),
    ("unknown and forbidden, not fatal", file("Foo bar\nOptions None\n" + SAY), directory("AllowOverride FileInfo Nonfatal=All"), "/a.txt"),
    ("forbidden, unknown not fatal", file("Options None\n" + SAY), directory("AllowOverride FileInfo Nonfatal=Unknown"), "/a.txt"),
    ("a forbidden section is left out whole", file("<Directory />\nFoo\n</Directory>\n" + SAY), directory("AllowOverride All Nonfatal=All"), "/a.txt"),
    ("a forbidden limit is left out whole", file("<Limit GET>\nRequire all denied\n</Limit>\n" + SAY), directory("AllowOverride FileInfo Nonfatal=All"), "/a.txt"),
    ("an unknown section is left out whole", file("<Foo x>\nRequire all denied\n</Foo>\n" + SAY), directory("AllowOverride All Nonfatal=All"), "/a.txt"),
    ("a forbidden condition is not", file("<IfModule mod_headers.c>\n" + SAY + "</IfModule>\n"), directory("AllowOverride Nonfatal=All\nAllowOverrideList Header"), "/a.txt"),
    ("a forbidden line of the language", file("Include x\n" + SAY), directory("AllowOverride All Nonfatal=All"), "/a.txt"),
    ("a wrong argument is fatal all the same", file("DirectorySlash maybe\n" + SAY), directory("AllowOverride All Nonfatal=All"), "/a.txt"),
    ("a forbidden option is fatal all the same", file("Options Includes\n" + SAY), directory("AllowOverride FileInfo Options=Indexes Nonfatal=All"), "/a.txt"),
    ("nonfatal taken back", file("Foo\n" + SAY), directory("AllowOverride Nonfatal=All All"), "/a.txt"),
    ("forbidden inside of files, not fatal", file("<Files a.txt>\nRequire all denied\n" + SAY + "</Files>\n"), directory("AllowOverride FileInfo Nonfatal=All"), "/a.txt"),
    # Options
] + [("options %s under %s" % (words, allowed), file("Options %s\n" % words + SAY), directory("AllowOverride FileInfo %s" % allowed), "/a.txt")
     for allowed in ("Options", "Options=Indexes", "Options=Indexes,FollowSymLinks", "Options=All", "Options=None", "Options=IncludesNOEXEC", "Options=Includes", "Options=MultiViews",
                     "Options= All", "Options=Indexes All")
     for words in ("Indexes", "-Indexes", "+FollowSymLinks", "None", "All", "SymLinksIfOwnerMatch", "Includes", "IncludesNOEXEC", "Nothing")] + [
    ("options: list above, all below", file("Options FollowSymLinks SymLinksIfOwnerMatch\n" + SAY, "sub/"),
     directory("AllowOverride Options=Indexes") + directory("AllowOverride All", "/sub"), "/sub/b.txt"),
    ("options mixed", file("Options +Indexes None\n"), ALL, "/a.txt"),
    ("options take the links", file("Options -FollowSymLinks\n", **{"l.txt": "->a.txt"}), ALL, "/l.txt"),
    ("options give the links", file("Options +FollowSymLinks\n", **{"l.txt": "->a.txt"}), directory("AllowOverride All\nOptions None"), "/l.txt"),
    ("options of a directory take the links further down", file("Options None\n", "sub/", **{"sub/l": "->deep"}), ALL, "/sub/l/c.txt"),
    ("options of a directory leave the link to itself", file("Options None\n", "sub/", **{"l": "->sub"}), ALL, "/l/b.txt"),
    ("options merged", file("Options -Indexes\n", "noindex/"), directory("AllowOverride All\nOptions Indexes FollowSymLinks"), "/noindex/"),
]
# ---- faults
ROWS += [("fault: " + name, file(text), ALL, "/a.txt") for name, text in [
    ("unknown", "Foo bar\n"), ("unknown section", "<Foo bar>\n</Foo>\n"), ("php", "php_value upload_max_filesize 8M\n"), ("php flag", "php_flag x On\n"),
    ("not closed", "<Files a.txt>\n" + SAY), ("closed otherwise", "<Files a.txt>\n</FilesMatch>\n"), ("closed alone", "</Files>\n"),
    ("two not closed", "<Files a.txt>\n<If true>\n"), ("condition not closed", "<IfModule mod_headers.c>\n" + SAY), ("condition that does not hold not closed", "<IfModule mod_no.c>\n" + SAY),
    ("crossed", "<IfModule mod_headers.c>\n<Files x>\n</IfModule>\n</Files>\n"), ("no bracket", "<Files a.txt\n</Files>\n"), ("no argument", "<Files>\n</Files>\n"),
    ("condition without an argument", "<IfModule>\n</IfModule>\n"), ("flag", "DirectorySlash maybe\n"), ("one argument", "ForceType\n"), ("two arguments", "ErrorDocument 404\n"),
    ("none", "RewriteEngine\n"), ("status", "ErrorDocument 999 x\n"), ("rule", "RewriteEngine On\nRewriteRule ( x\n"), ("cond", "RewriteEngine On\nRewriteCond a\n"),
    ("rule flags", "RewriteRule ^ x [Q]\n"), ("base", "RewriteBase x\n"), ("regex of files", "<FilesMatch (>\n</FilesMatch>\n"), ("if", "<If \"a b\">\n</If>\n"), ("else", "<Else>\n</Else>\n"),
    ("provider", "Require foo\n"), ("ip", "Require ip 300.1.1.1\n"), ("all", "Require all maybe\n"), ("empty container", "<RequireAll>\n</RequireAll>\n"),
    ("only negative, and another", "<RequireAll>\nRequire not all denied\n</RequireAll>\nRequire all granted\n"), ("none within all", "<RequireAll>\n<RequireNone>\nRequire all denied\n</RequireNone>\n</RequireAll>\n"),
    ("none alone", "<RequireNone>\nRequire all denied\n</RequireNone>\n"), ("negative alone", "Require not all denied\n"), ("only negative", "<RequireAll>\nRequire not all denied\n</RequireAll>\n"), ("order", "Order foo\n"), ("allow", "Allow from\n"), ("header", "Header foo X y\n"), ("header format", "Header set X %q\n"),
    ("setenvif", "SetEnvIf Host (\n"), ("expires", "ExpiresDefault \"access plus 1 fortnight\"\n"), ("redirect", "Redirect 301 /x y\n"), ("redirect match", "RedirectMatch ( /x\n"),
    ("limit of an unknown method", "<Limit FOOX>\nRequire all denied\n</Limit>\n"), ("limit of trace", "<Limit TRACE>\n</Limit>\n"), ("files in limit", "<Limit GET>\n<Files x>\n</Files>\n</Limit>\n"),
    ("error", "Error \"my own\"\n"), ("error with a variable", "Error \"${FOO}\"\n"), ("after good lines", SAY + "Options None\nFoo\n"), ("in a section", "<Files other>\nFoo\n</Files>\n"),
    ("in a condition", "<IfModule mod_headers.c>\nFoo\n</IfModule>\n"), ("not in a condition that does not hold", "<IfModule mod_no.c>\nFoo\n</IfModule>\n"),
    ("file function", "<If \"file('/etc/hostname') =~ /./\">\n</If>\n"), ("file function in Require", "Require expr \"file('/etc/hostname') =~ /./\"\n"),
    ("file function in Header", "Header set X \"expr=%{file:/etc/hostname}\"\n"), ("file function in a rule", "RewriteCond expr \"filesize('/etc/hostname') -gt 1\"\nRewriteRule ^ - [F]\n"),
    ("file function in SetEnvIfExpr", "SetEnvIfExpr \"file('/x') == 'a'\" X\n"), ("file function in ErrorDocument", "ErrorDocument 404 \"%{file:/etc/hostname}\"\n"),
    ("file function in AuthName", "AuthName %{file:/etc/hostname}\n"), ("file test", "<If \"-e '/etc/hostname'\">\n" + SAY + "</If>\n"),
    ("macro unknown", "Use Nothing\n"), ("macro of the server", "Use Main there\n"), ("macro of its own", "<Macro Own $x>\nHeader set X $x\n</Macro>\nUse Own mine\n"),
    ("macro arguments", "Use Main a b\n"), ("variable", "Header set X \"${FOO}-${NOTHING}\"\n"), ("ifdefine", "<IfDefine FOO>\n" + SAY + "</IfDefine>\n"), ("not ifdefine", "<IfDefine !FOO>\n" + SAY + "</IfDefine>\n"),
    ("ifversion", "<IfVersion >= 2.4>\n" + SAY + "</IfVersion>\n"), ("ifdirective", "<IfDirective Header>\n" + SAY + "</IfDirective>\n"), ("ifsection", "<IfSection VirtualHost>\n" + SAY + "</IfSection>\n"),
    ("iffile", "<IfFile /etc/hostname>\n" + SAY + "</IfFile>\n"), ("not iffile", "<IfFile /nowhere>\nFoo\n</IfFile>\n"), ("nothing but a backslash", "\\"), ("continued", "Header \\\nset \\\nX here"),
    ("crlf", "Header set X here\r\nOptions None\r\n"), ("control characters", "\x01\x02\n"), ("nul", "Header set X here\0more\nFoo\n"), ("no line end", "Header set X here"), ("mark", "\ufeffHeader set X here\n"),
    ("quotes", "Header set X \"here\n"), ("module that is not loaded", "SSLRequireSSL\n"), ("module that is not loaded, asked for", "<IfModule mod_ssl.c>\nSSLRequireSSL\n</IfModule>\n"),
    ("auth digest that is not loaded", "AuthDigestProvider file\n"), ("session", "Session On\n"), ("userdir", "UserDir x\n"),
]]
ROWS += [
    ("fault below, asked above", file("Foo\n", "sub/"), ALL, "/a.txt"),
    ("fault below, asked there", file("Foo\n", "sub/"), ALL, "/sub/b.txt"),
    ("fault below, asked deeper", file("Foo\n", "sub/"), ALL, "/sub/deep/c.txt"),
    ("fault below, asked for nothing there", file("Foo\n", "sub/"), ALL, "/sub/none/x"),
    ("fault, a page of its own", file("Foo\n"), ALL + "ErrorDocument 500 /sub/b.txt\n", "/a.txt"),
    ("fault below, a page of its own", file("Foo\n", "sub/"), ALL + "ErrorDocument 500 /a.txt\n", "/sub/b.txt"),
    ("fault, post", file("Foo\n"), ALL, get("/a.txt", "Content-Length: 2", method="POST", body=b"ab")),
    ("fault, head", file("Foo\n"), ALL, get("/a.txt", method="HEAD")),
    ("fault, options", file("Foo\n"), ALL, get("/a.txt", method="OPTIONS")),
    ("fault, the site's fields", file("Foo\n"), ALL + "Header always set X-A site\n", "/a.txt"),
    ("denied above, fault below", file("Foo\n", "sub/", **{".htaccess": "Require all denied\n"}), ALL, "/sub/b.txt"),
    # ---- where it counts
    ("the file itself", file(SAY), ALL, "/.htaccess"),
    ("the directory", file(SAY, "sub/"), ALL, "/sub/"),
    ("the directory without its slash", file(SAY, "sub/"), ALL, "/sub"),
    ("what is missing", file("Header always set X here\n", "sub/"), ALL, "/sub/none"),
    ("what is missing deeper", file("Header always set X here\n", "sub/"), ALL, "/sub/none/none"),
    ("path info", file(SAY, "sub/"), ALL, "/sub/b.txt/more"),
    ("beside", file(SAY, "sub/"), ALL, "/other/o.html"),
    ("behind an alias", file(SAY, "sub/"), ALL + "Alias /al @TREE@/sub\n", "/al/b.txt"),
    ("behind a link", file(SAY, "sub/", **{"l": "->sub"}), ALL, "/l/b.txt"),
    ("above the root", file(SAY), directory("AllowOverride All") + "DocumentRoot @TREE@/sub\n", "/b.txt"),
    ("for what is proxied", file("Require all denied\n"), ALL + "ProxyPass /a.txt http://127.0.0.1:@A@/\n", "/a.txt"),
    ("for a proxy rule", file("RewriteEngine On\nRewriteRule ^app/(.*)$ http://127.0.0.1:${BACKEND}/$1 [P]\n"), ALL, "/app/x"),
    ("a link", {".htaccess": "->real", "real": SAY}, ALL, "/a.txt"),
    ("a link where none is followed", {".htaccess": "->real", "real": SAY}, directory("AllowOverride All\nOptions None"), "/a.txt"),
    ("a link to nothing", {".htaccess": "->nowhere"}, ALL, "/a.txt"),
    ("a link to /dev/null", {".htaccess": "->/dev/null"}, ALL, "/a.txt"),
    ("a link to itself", {".htaccess": "->.htaccess"}, ALL, "/a.txt"),
    ("a directory of that name", {".htaccess/x": "x"}, ALL, "/a.txt"),
    ("an empty file", file(""), ALL, "/a.txt"),
    ("unreadable", file(SAY), ALL, "/a.txt?unreadable"),
    ("unreadable, none", dict(file(SAY), **{"d": "x"}), directory("AllowOverride None"), "/a.txt?unreadable"),
    ("other names", {".other": SAY, ".htaccess": "Foo\n"}, ALL + "AccessFileName .other\n", "/a.txt"),
    ("several names, the first", {".one": SAY, ".two": "Foo\n"}, ALL + "AccessFileName .one .two\n", "/a.txt"),
    ("several names, the second", {".two": SAY}, ALL + "AccessFileName .one .two\n", "/a.txt"),
    ("several names, the first is empty", {".one": "", ".two": SAY}, ALL + "AccessFileName .one .two\n", "/a.txt"),
    ("several names, neither", {}, ALL + "AccessFileName .one .two\n", "/a.txt"),
    ("a name in a directory", {"conf/ht": SAY}, ALL + "AccessFileName conf/ht\n", "/a.txt"),
    # ---- order
    ("inner over outer", file("Header set X outer\n", **{"sub/.htaccess": "Header set X inner\n"}), ALL, "/sub/b.txt"),
    ("inner adds to outer", file("Header set X-A outer\n", **{"sub/.htaccess": "Header set X-B inner\n"}), ALL, "/sub/b.txt"),
    ("three", file("Header set X-A 1\n", **{"sub/.htaccess": "Header set X-B 2\n", "sub/deep/.htaccess": "Header append X-A 3\n"}), ALL, "/sub/deep/c.txt"),
    ("file over its directory's section", file("Header set X file\n"), directory("AllowOverride All\nHeader set X section"), "/a.txt"),
    ("a section of a directory below over the file above", file("Header set X file\n"), ALL + directory("Header set X section", "/sub"), "/sub/b.txt"),
    ("a file below over a section below", file("Header set X file\n", "sub/"), ALL + directory("Header set X section", "/sub"), "/sub/b.txt"),
    ("a pattern over the file", file("Header set X file\n"), ALL + '<DirectoryMatch "@TREE@">\nHeader set X pattern\n</DirectoryMatch>\n', "/a.txt"),
    ("a wildcard of the same depth under the file", file("Header set X file\n", "sub/"), ALL + directory("Header set X wild", "/*"), "/sub/b.txt"),
    ("a wildcard of another depth over the file", file("Header set X file\n"), ALL + directory("Header set X wild", "/*"), "/sub/b.txt"),
    ("files of the server over the file", file("Header set X file\n"), ALL + "<Files a.txt>\nHeader set X files\n</Files>\n", "/a.txt"),
    ("files of the file over files of the server", file("<Files a.txt>\nHeader set X file\n</Files>\n"), ALL + "<Files a.txt>\nHeader set X files\n</Files>\n", "/a.txt"),
    ("files of the file over the file below", file("<Files b.txt>\nHeader set X outer\n</Files>\n", **{"sub/.htaccess": "Header set X inner\n"}), ALL, "/sub/b.txt"),
    ("files of the file above and below", file("<Files b.txt>\nHeader set X outer\n</Files>\n", **{"sub/.htaccess": "<Files b.txt>\nHeader set X inner\n</Files>\n"}), ALL, "/sub/b.txt"),
    ("location over the file", file("Header set X file\n"), ALL + "<Location /a.txt>\nHeader set X location\n</Location>\n", "/a.txt"),
    ("location over files of the file", file("<Files a.txt>\nHeader set X file\n</Files>\n"), ALL + "<Location /a.txt>\nHeader set X location\n</Location>\n", "/a.txt"),
    ("if of the file over a location", file("<If \"true\">\nHeader set X file\n</If>\n"), ALL + "<Location /a.txt>\nHeader set X location\n</Location>\n", "/a.txt"),
    ("if of the server and of the file", file("<If \"true\">\nHeader set X file\n</If>\n"), ALL + "<If \"true\">\nHeader set X server\n</If>\n", "/a.txt"),
    ("if, elseif, else", file("<If \"false\">\nHeader set X 1\n</If>\n<ElseIf \"%{REQUEST_URI} =~ /a/\">\nHeader set X 2\n</ElseIf>\n<Else>\nHeader set X 3\n</Else>\n"), ALL, "/a.txt"),
    ("else of the file", file("<If \"false\">\nHeader set X 1\n</If>\n<Else>\nHeader set X 3\n</Else>\n"), ALL, "/a.txt"),
    ("if in files", file("<Files a.txt>\n<If \"true\">\nHeader set X in\n</If>\n</Files>\n"), ALL, "/a.txt"),
    ("files in if", file("<If \"true\">\n<Files a.txt>\nHeader set X in\n</Files>\n</If>\n"), ALL, "/a.txt"),
    ("files by pattern", file("<FilesMatch \"\\.(txt|css)$\">\nHeader set X in\n</FilesMatch>\n"), ALL, "/a.txt"),
    ("files by tilde", file("<Files ~ \"^a\">\nHeader set X in\n</Files>\n"), ALL, "/a.txt"),
    ("files by wildcard", file("<Files *.txt>\nHeader set X in\n</Files>\n"), ALL, "/sub/b.txt"),
    ("files by another name", file("<Files b*>\nHeader set X in\n</Files>\n"), ALL, "/a.txt"),
    ("named groups", file("<FilesMatch \"^(?<LETTER>.)\\.txt\">\nHeader set X %{MATCH_LETTER}e\n</FilesMatch>\n"), ALL, "/a.txt"),
]


def prepare(name, path):
    if name.startswith("unreadable"):
        os.chmod(path + "/.htaccess", 0)


@pytest.fixture(scope="module")
def grove():
    g = Grove(ROWS, prepare, "Define FOO foo\nDefine BACKEND @A@\n<Macro Main $x>\nHeader set X $x\n</Macro>\n")
    atexit.register(g.remove)
    return g


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_answers_as_apache(grove, name):
    apache, weir = grove.pair.of(name)
    assert seen(weir) == seen(apache), (weir.raw[:600], grove.faults("weir", name), grove.faults("apache", name))


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_says_what_apache_says(grove, name):
    assert grove.faults("weir", name) == grove.faults("apache", name)


def test_that_it_is_no_file_stands_in_the_main_servers_log(grove):
    apache, weir = grove.faults("apache", None), grove.faults("weir", None)
    assert apache and all("AH00554" in text for _, text in apache)
    assert weir == apache


def test_names_that_no_list_can_let_in_are_warned_of():
    """Include, LogLevel, ProxySet and their like, which httpd lets in, are warned of besides: docs/differences.md."""
    line = 'AllowOverrideList HEADER Foo Listen AllowMethods "<Files" "<Files>" php_value RewriteRule DocumentRoot "<IfModule" None2'
    folder = tempfile.mkdtemp(prefix="weir-htaccess-")
    try:
        file = folder + "/list.conf"
        with open(file, "w") as f:
            f.write(preamble(folder, 1, ["headers", "rewrite"]) + "<Directory />\n%s\n</Directory>\n" % line)
        said = []
        for program in (APACHE, second_server()):
            text = subprocess.run([program, "-t", "-f", file], capture_output=True, text=True).stderr
            said.append(re.findall(r"\[core:warn\] .*?(AH\d+: Discarding .*? at \S+:\d+)", text))
        assert said[0] == said[1] and len(said[0]) == 7, said
    finally:
        shutil.rmtree(folder)

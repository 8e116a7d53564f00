"""Files and sockets on one host: large files to slow readers, files that change while they are sent, paths that would
lead out."""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile

import pki
import pytest
from harness import BINARY, Backend, Weir, frame, handshake, request, serve_echo, until
from secureweir import pair
from securewire import connect

MB = 1 << 20
SITE = """
DocumentRoot {root}
<Directory {root}>
    AllowOverride None
    Require all granted
</Directory>
"""


@pytest.fixture
def root():
    folder = tempfile.mkdtemp(prefix="weir-root-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def write(root, name, data):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def large(root, name="large.bin", size=48 * MB):
    """Bytes that are each in their place: a block's number is in it."""
    path = os.path.join(root, name)
    with open(path, "wb") as f:
        for i in range(size // 4096):
            f.write(b"%08d" % i * 512)
    return path


def sha(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def read_slowly(wire, weir, length):
    """Takes the body piece by piece and looks at the server's memory on the way: (digest, most memory)."""
    begun = bytes(wire.buffer)
    digest, left, most = hashlib.sha256(begun), length - len(begun), 0
    for rounds in range(length):
        if not left:
            break
        wire.seen.clear()
        assert wire.fill(), "ended %d bytes early" % left
        digest.update(wire.seen)
        left -= len(wire.seen)
        if rounds % 64 == 0:
            most = max(most, weir.rss())
            wire.buffer.clear()
    return digest.hexdigest(), most


@pytest.mark.parametrize("lines", ["", "EnableSendfile Off\n"], ids=["sendfile", "read and written"])
def test_a_large_file_reaches_a_slow_reader_whole_and_memory_stays_small(root, lines):
    path = large(root)
    with Weir(SITE + lines, root=root) as weir:
        before = weir.rss()
        with weir.connect(receive_buffer=16384) as c:
            head = c.send(request(path="/large.bin")).read_head()
            assert head.status == 200 and head.get("Content-Length") == str(48 * MB)
            digest, most = read_slowly(c, weir, 48 * MB)
        assert digest == sha(path)
        assert most < before + 24 * MB
        line = weir.wait_for_access("large.bin")
        assert "body=%d " % (48 * MB) in line and re.search(r"out=(\d+)", line).group(1) > str(48 * MB)


def test_a_large_file_goes_out_over_tls(ca, root):
    path = large(root, size=16 * MB)
    with Weir("SSLEngine on\n" + pair(ca.leaf) + SITE, root=root) as weir:
        before = weir.rss()
        with connect(weir, pki.client_context(ca), receive_buffer=16384) as c:
            assert c.send(request(path="/large.bin")).read_head().status == 200
            digest, most = read_slowly(c, weir, 16 * MB)
        assert digest == sha(path) and most < before + 24 * MB


def test_others_are_answered_while_large_files_go_out(root):
    large(root)
    write(root, "small.txt", b"small")
    with Weir(SITE + "ThreadsPerChild 1\n", root=root) as weir:
        readers = [weir.connect(receive_buffer=1 << 20).send(request(path="/large.bin")) for _ in range(4)]
        for _ in range(20):
            for reader in readers:
                reader.fill()
                reader.buffer.clear()
                reader.seen.clear()
            assert weir.get("/small.txt").body == b"small"
        for reader in readers:
            reader.close()
        until(lambda: weir.access_log().count("large.bin") == 4, "the readers that left in the log")
        assert weir.get("/small.txt").body == b"small"


@pytest.mark.parametrize("lines", ["", "EnableSendfile Off\n"], ids=["sendfile", "read and written"])
def test_a_file_that_is_cut_while_it_is_sent_ends_the_connection(root, lines):
    path = large(root)
    with Weir(SITE + lines, root=root) as weir:
        with weir.connect(receive_buffer=16384) as c:
            c.send(request(path="/large.bin")).read_head()
            os.truncate(path, 1 * MB)
            while c.fill():
                pass
            assert len(c.seen) < 48 * MB
        weir.wait_for_log("the file ended before its length was sent")
        assert weir.get("/large.bin").get("Content-Length") == str(1 * MB)


def test_descriptors_are_given_back_however_it_ends(root):
    large(root, size=8 * MB)
    write(root, "a.txt", b"text")
    with Weir(SITE, root=root) as weir:
        weir.get("/a.txt")
        before = weir.descriptors()
        for _ in range(5):
            weir.get("/a.txt")
            weir.get("/a.txt", method="HEAD")
            weir.get("/large.bin", [("Range", "bytes=0-5,10-20")])
            weir.get("/large.bin", [("Range", "bytes=99999999-")])
            weir.get("/a.txt", [("If-None-Match", "*")])
            weir.get("/a.txt/x")
            with weir.connect(receive_buffer=16384) as c:
                c.send(request(path="/large.bin")).read_head()
                c.reset()
        until(lambda: weir.descriptors() <= before, "descriptors to be given back")


def test_a_client_that_takes_nothing_is_let_go(root):
    large(root)
    with Weir(SITE + "Timeout 1\n", root=root) as weir:
        with weir.connect(receive_buffer=4096) as c:
            c.send(request(path="/large.bin"))
            weir.wait_for_log("client does not take the answer")
            weir.wait_for_access("large.bin")


def test_connections_are_kept_over_files_and_pipelined_requests(root):
    write(root, "a.txt", b"a" * 100000)
    write(root, "b.txt", b"b")
    with Weir(SITE, root=root) as weir, weir.connect() as c:
        c.send(request(path="/a.txt") + request(path="/b.txt") + request(path="/none") + request(path="/b.txt"))
        assert c.read_response().body == b"a" * 100000
        assert c.read_response().body == b"b"
        assert c.read_response().status == 404
        assert c.read_response().body == b"b"


@pytest.mark.parametrize("field, parts", [
    ("bytes=0-9", [(0, 9)]), ("bytes=-10", [(99990, 99999)]), ("bytes=99000-", [(99000, 99999)]),
    ("bytes=0-0,50000-90000,99999-", [(0, 0), (50000, 90000), (99999, 99999)])])
def test_parts_are_those_of_the_file(root, field, parts):
    data = os.urandom(100000)
    write(root, "r", data)
    with Weir(SITE, root=root) as weir:
        answer = weir.get("/r", [("Range", field)])
        assert answer.status == 206
        if len(parts) == 1:
            assert answer.get("Content-Range") == "bytes %d-%d/100000" % parts[0]
            assert answer.body == data[parts[0][0]:parts[0][1] + 1]
            return
        boundary = re.search("boundary=(.*)", answer.get("Content-Type")).group(1).encode()
        assert answer.body == b"".join(
            b"\r\n--%s\r\nContent-range: bytes %d-%d/100000\r\n\r\n%s" % (boundary, a, b, data[a:b + 1])
            for a, b in parts) + b"\r\n--%s--\r\n" % boundary


UPWARDS = ["..", "%2e%2e", ".%2e", "%2e.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "..%5c", "..;",
           ".. ", "..%20", "...", "%u002e%u002e", "..%2f..", "%2e%2e%2f%2e%2e", "..%255c..", "..//..", "/..", "..\\.."]


@pytest.mark.parametrize("slashes", ["Off", "On", "NoDecode"])
def test_no_way_of_writing_it_leads_above_the_root(root, slashes):
    write(root, "www/sub/x.txt", b"inside")
    write(root, "secret.txt", b"SECRET")
    with Weir("DocumentRoot {root}/www\nAllowEncodedSlashes %s\nAlias /a/ {root}/www/\nAlias /b {root}/www\n"
              "AliasMatch ^/c(.*) {root}/www/$1\n" % slashes, root=root) as weir:
        assert weir.get("/sub/x.txt").body == b"inside"
        for up in UPWARDS:
            for form in ("/%s/secret.txt", "/sub/%s/%s/secret.txt", "/a/%s/secret.txt", "/a%s/secret.txt",
                         "/b/%s/secret.txt", "/b%s/secret.txt", "/c%s/secret.txt", "/c/%s/secret.txt", "/sub/%s%%2fsecret.txt",
                         "/%s%%2fsecret.txt", "/./%s/secret.txt", "//%s/secret.txt"):
                path = form.replace("%s", up).replace("%%", "%").replace(" ", "%20")
                with weir.connect() as c:
                    answer = c.send(request(path=path, fields=[("Connection", "close")])).read_response()
                    assert answer.status >= 400 and b"SECRET" not in answer.body, path


def test_links_lead_out_only_where_they_may(root):
    write(root, "secret.txt", b"SECRET")
    os.makedirs(root + "/www")
    os.symlink("../secret.txt", root + "/www/out.txt")
    os.symlink("..", root + "/www/up")
    config = "DocumentRoot {root}/www\n<Directory {root}>\nAllowOverride None\nOptions %s\n</Directory>\n"
    with Weir(config % "None", root=root) as weir:
        assert weir.get("/out.txt").status == 403 and weir.get("/up/secret.txt").status == 403
        weir.wait_for_log("AH00037: Symbolic link not allowed or link target not accessible: .*/www/out.txt")
    with Weir(config % "FollowSymLinks", root=root) as weir:
        assert weir.get("/out.txt").body == b"SECRET"


def test_a_page_and_its_socket_share_one_host(root):
    write(root, "index.html", b"<script>new WebSocket('/socket')</script>")
    write(root, "style.css", b"p {}")
    write(root, "sorry.html", b"<h1>later</h1>")
    with Backend(serve_echo) as backend, \
            Weir(SITE + "ProxyPass /socket ws://127.0.0.1:{backend}/\nFallbackResource /index.html\n"
                 "ErrorDocument 503 /sorry.html\nProxyPass /dead http://127.0.0.1:9/\n", root=root,
                 backend=backend) as weir:
        page = weir.get("/")
        assert page.status == 200 and page.get("Content-Type") == "text/html" and b"WebSocket" in page.body
        assert weir.get("/style.css").get("Content-Type") == "text/css"
        assert weir.get("/rooms/7?x").body == page.body
        with weir.connect() as c:
            assert c.send(handshake("/socket")).read_head().status == 101
            c.send(frame(BINARY, b"hello", masked=True))
            assert c.read_frame()[1] == b"hello"
        answer = weir.get("/dead")
        assert answer.status == 503 and answer.body == b"<h1>later</h1>"


def test_a_page_that_is_on_disk_gets_what_every_answer_gets(root):
    write(root, "a.html", b"<p>" * 2000)
    with Weir(SITE + 'Header set X-Frame-Options DENY\nExpiresActive On\nExpiresDefault "access plus 1 hour"\n'
              "AddOutputFilterByType DEFLATE text/html\nAddDefaultCharset utf-8\n", root=root) as weir:
        plain = weir.get("/a.html")
        assert plain.get("X-Frame-Options") == "DENY" and plain.get("Cache-Control") == "max-age=3600"
        assert plain.get("Content-Type") == "text/html; charset=utf-8" and plain.body == b"<p>" * 2000
        packed = weir.get("/a.html", [("Accept-Encoding", "gzip")])
        assert packed.get("Content-Encoding") == "gzip" and len(packed.body) < 500
        assert packed.get("Vary") == "Accept-Encoding" and packed.get("ETag").endswith('-gzip"')


def test_nothing_but_files_is_opened(root):
    os.mkfifo(root + "/fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(root + "/sock")
        with Weir(SITE, root=root) as weir:
            assert weir.get("/fifo").status == 403 and weir.get("/sock").status == 403
            weir.wait_for_log("AH00038: Forbidden: .*/fifo doesn't point to a file or directory")


@pytest.mark.parametrize("line", ["AddHandler type-map var", "AddHandler Type-Map var", "AddType application/x-type-map .var",
                                  "<Files *.var>\nSetHandler type-map\n</Files>", "<Files *.var>\nForceType application/x-type-map\n</Files>"])
def test_what_would_have_to_be_read_is_not_sent_instead(root, line):
    write(root, "page.var", b"URI: page.en.html\n")
    with Weir("LogLevel notice\n" + SITE + line, root=root) as weir:
        weir.wait_for_log("(?i)core:notice.* type-map: files of it are answered with 500: Weir negotiates no contents"
                          if "x-type" not in line else "x-type-map: files of it are answered with 500: Weir negotiates no contents")
        assert weir.get("/page.var").status == 500
        weir.wait_for_log("AH00523: handler \".*type-map\" not found for: .*/page.var \\(Weir negotiates no contents / ")


def test_a_script_is_neither_run_nor_shown(root):
    write(root, "cgi/env.sh", b"#!/bin/sh\necho\nenv\n")
    with Weir(SITE + "ScriptAlias /cgi-bin/ {root}/cgi/\nScriptAliasMatch ^/run-(.*) {root}/cgi/$1.sh\n", root=root) as weir:
        weir.wait_for_log("ScriptAlias /cgi-bin/: files of it are answered with 500")
        for path in ("/cgi-bin/env.sh", "/run-env"):
            for method in ("GET", "POST"):
                answer = weir.get(path, [("Content-Length", "0")] if method == "POST" else [], method=method)
                assert answer.status == 500 and b"/bin/sh" not in answer.body
        weir.wait_for_log("AH00523: handler \"cgi-script\" not found for: .*/env.sh \\(Weir runs no scripts / ")
        assert weir.get("/cgi-bin/none").status == 404 and weir.get("/cgi-bin/").status == 404


@pytest.mark.parametrize("line", [
    "AddHandler cgi-script .php", "AddHandler Application/x-httpd-php82 .php", "SetHandler php-script",
    "SetHandler \"proxy:fcgi://127.0.0.1:9000\"", "SetHandler \"proxy:unix:/run/php.sock|fcgi://localhost/\"",
    "SetHandler proxy:unix:/run/app.sock|uwsgi://app",
    "SetHandler \"proxy:unix:/run/%{HTTP_HOST}.sock|fcgi://localhost\"",
    "AddType application/x-httpd-php .php",
    "ForceType Application/x-httpd-php", "AddType \"application/x-httpd-cgi; charset=utf-8\" .php"])
def test_a_file_of_a_program_is_not_shown_and_the_others_are(root, line):
    write(root, "index.php", b"<?php secret")
    write(root, "a.txt", b"text")
    page = "<FilesMatch \"\\.php$\">\n%s\n</FilesMatch>\n" % line
    with Weir(SITE + "DirectoryIndex index.php\n" + page, root=root) as weir:
        for path in ("/index.php", "/", "/index.php?x"):
            answer = weir.get(path)
            assert answer.status == 500 and b"secret" not in answer.body
        weir.wait_for_log("(Handler|Type) .*: files of it are answered with 500")
        weir.wait_for_log("AH00523: handler .* not found for: .*/index.php \\(Weir runs no scripts")
        assert weir.get("/a.txt").body == b"text"


@pytest.mark.parametrize("url", ["gopher://127.0.0.1", "", "://127.0.0.1"])
def test_a_file_is_not_shown_whose_handler_leads_to_a_backend_that_no_protocol_takes(root, url):
    write(root, "a.txt", b"secret")
    with Weir(SITE + "<Files *.txt>\nSetHandler \"proxy:%%{env:NONE}%s\"\n</Files>\n" % url, root=root) as weir:
        answer = weir.get("/a.txt")
        assert answer.status == 500 and b"secret" not in answer.body
        weir.wait_for_log("AH00523: handler \"proxy:%s\" not found for: .*/a.txt$" % url)
        assert weir.get("/b.txt").status == 404


def test_what_is_protected_by_a_password_asks_for_it_at_its_index_too(root):
    write(root, "private/index.html", b"private")
    write(root, "users", subprocess.run(["openssl", "passwd", "-apr1", "pw"], capture_output=True, check=True).stdout)
    with open(root + "/users", "r+") as f:
        hashed = f.read()
        f.seek(0)
        f.write("me:" + hashed)
    with Weir(SITE + "<Directory {root}/private>\nAuthType Basic\nAuthName x\nAuthUserFile {root}/users\n"
              "Require valid-user\n</Directory>\n<Files users>\nRequire all denied\n</Files>\n", root=root) as weir:
        assert weir.get("/private/").status == 401
        assert weir.get("/private/", [("Authorization", "Basic bWU6cHc=")]).body == b"private"
        assert weir.get("/private/", [("Authorization", "Basic bWU6eHg=")]).status == 401
        assert weir.get("/users").status == 403

"""Debian's layout: /etc/apache2 with its links, variables from envvars, and apache2ctl's ways to start, reload and stop."""
import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest
from harness import PATIENCE, WEIR, Backend, Wire, free_port, request, serve_hello, until

MODULES = """mpm_event authz_core authz_host auth_basic access_compat authn_core authn_file authz_user alias dir autoindex env mime
negotiation setenvif filter deflate status reqtimeout headers rewrite proxy proxy_http proxy_wstunnel ssl socache_shmcb""".split()
ENVVARS = """# envvars - default environment variables for apache2ctl
unset HOME
if [ "${APACHE_CONFDIR##/etc/apache2-}" != "${APACHE_CONFDIR}" ] ; then
\tSUFFIX="-${APACHE_CONFDIR##/etc/apache2-}"
else
\tSUFFIX=
fi
export APACHE_RUN_USER=www-data
export APACHE_RUN_GROUP=www-data
export APACHE_PID_FILE=DIR/run$SUFFIX/apache2.pid
export APACHE_RUN_DIR=DIR/run$SUFFIX
export APACHE_LOCK_DIR=DIR/lock$SUFFIX
export APACHE_LOG_DIR=DIR/log$SUFFIX
## The locale used by some modules like mod_dav
export LANG=C
#. /etc/default/locale
export LANG
"""
FILES = {
    "envvars": ENVVARS,
    "apache2.conf": """# Debian's main file, comments left out
DefaultRuntimeDir ${APACHE_RUN_DIR}
PidFile ${APACHE_PID_FILE}
Timeout 300
KeepAlive On
MaxKeepAliveRequests 100
KeepAliveTimeout 5
# These need to be set in /etc/apache2/envvars
User ${APACHE_RUN_USER}
Group ${APACHE_RUN_GROUP}
HostnameLookups Off
ErrorLog ${APACHE_LOG_DIR}/error.log
LogLevel warn
IncludeOptional mods-enabled/*.load
IncludeOptional mods-enabled/*.conf
Include ports.conf
<Directory />
\tOptions FollowSymLinks
\tAllowOverride None
\tRequire all denied
</Directory>
<Directory /usr/share>
\tAllowOverride None
\tRequire all granted
</Directory>
<Directory DIR/www/>
\tOptions Indexes FollowSymLinks
\tAllowOverride None
\tRequire all granted
</Directory>
AccessFileName .htaccess
<FilesMatch "^\\.ht">
\tRequire all denied
</FilesMatch>
LogFormat "%v:%p %h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" vhost_combined
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
LogFormat "%h %l %u %t \\"%r\\" %>s %O" common
LogFormat "%{Referer}i -> %U" referer
LogFormat "%{User-agent}i" agent
IncludeOptional conf-enabled/*.conf
IncludeOptional sites-enabled/*.conf
""",
    "ports.conf": """Listen 127.0.0.1:PORT
<IfModule ssl_module>
\tListen 127.0.0.1:SSLPORT
</IfModule>
<IfModule mod_gnutls.c>
\tListen 443
</IfModule>
""",
    "mods-available/alias.conf": """<IfModule alias_module>
\tAlias /icons/ "/usr/share/apache2/icons/"
\t<Directory "/usr/share/apache2/icons">
\t\tOptions FollowSymlinks
\t\tAllowOverride None
\t\tRequire all granted
\t</Directory>
</IfModule>
""",
    "mods-available/autoindex.conf": """<IfModule mod_autoindex.c>
\tIndexOptions FancyIndexing VersionSort HTMLTable NameWidth=* DescriptionWidth=* Charset=UTF-8
\tAddIconByEncoding (CMP,/icons/compressed.gif) x-compress x-gzip x-bzip2
\tAddIconByType (TXT,/icons/text.gif) text/*
\tAddIcon /icons/binary.gif .bin .exe
\tAddIcon /icons/blank.gif ^^BLANKICON^^
\tDefaultIcon /icons/unknown.gif
\tReadmeName README.html
\tHeaderName HEADER.html
\tIndexIgnore .??* *~ *# RCS CVS *,v *,t
</IfModule>
""",
    "mods-available/deflate.conf": """<IfModule mod_deflate.c>
\t<IfModule mod_filter.c>
\t\tAddOutputFilterByType DEFLATE text/html text/plain text/xml text/css text/javascript
\t\tAddOutputFilterByType DEFLATE application/x-javascript application/javascript application/ecmascript
\t\tAddOutputFilterByType DEFLATE application/rss+xml
\t\tAddOutputFilterByType DEFLATE application/wasm
\t\tAddOutputFilterByType DEFLATE application/xml
\t</IfModule>
</IfModule>
""",
    "mods-available/dir.conf": "DirectoryIndex index.html index.cgi index.pl index.php index.xhtml index.htm\n",
    "mods-available/mime.conf": """<IfModule mod_mime.c>
\tTypesConfig DIR/mime.types
\tAddType application/x-compress .Z
\tAddType application/x-gzip .gz .tgz
\tAddLanguage en .en
\tAddLanguage pt-BR .pt-br
\tRemoveType es
\tAddCharset us-ascii\t.ascii .us-ascii
\tAddCharset ISO-8859-1  .iso8859-1  .latin1
\tAddHandler type-map var
\t<IfModule mod_include.c>
\t\tAddType text/html .shtml
\t\tAddOutputFilter INCLUDES .shtml
\t</IfModule>
</IfModule>
""",
    "mods-available/mpm_event.conf": """StartServers            2
MinSpareThreads         25
MaxSpareThreads         75
ThreadLimit             64
ThreadsPerChild         25
MaxRequestWorkers       150
MaxConnectionsPerChild  0
""",
    "mods-available/negotiation.conf": """<IfModule mod_negotiation.c>
\tLanguagePriority en ca cs da de el eo es et fr he hr it ja ko ltz nl nn no pl pt pt-BR ru sv tr zh-CN zh-TW
\tForceLanguagePriority Prefer Fallback
</IfModule>
""",
    "mods-available/proxy.conf": "<IfModule mod_proxy.c>\n\t#ProxyRequests On\n</IfModule>\n",
    "mods-available/reqtimeout.conf": """<IfModule reqtimeout_module>
\tRequestReadTimeout header=20-40,minrate=500
\tRequestReadTimeout body=10,minrate=500
</IfModule>
""",
    "mods-available/setenvif.conf": """<IfModule mod_setenvif.c>
\tBrowserMatch "Mozilla/2" nokeepalive
\tBrowserMatch "MSIE 4\\.0b2;" nokeepalive downgrade-1.0 force-response-1.0
\tBrowserMatch "^gnome-vfs/1.0" redirect-carefully
</IfModule>
""",
    "mods-available/ssl.conf": """<IfModule mod_ssl.c>
\tSSLRandomSeed startup builtin
\tSSLRandomSeed connect file:/dev/urandom 512
\tAddType application/x-x509-ca-cert .crt
\tSSLPassPhraseDialog  exec:DIR/ask-for-passphrase
\tSSLSessionCache\t\tshmcb:${APACHE_RUN_DIR}/ssl_scache(512000)
\tSSLSessionCacheTimeout  300
\tSSLCipherSuite HIGH:!aNULL
\tSSLProtocol all -SSLv3
\tSSLSessionTickets off
</IfModule>
""",
    "mods-available/status.conf": """<IfModule mod_status.c>
\t<Location /server-status>
\t\tSetHandler server-status
\t\tRequire local
\t</Location>
\tExtendedStatus On
\t<IfModule mod_proxy.c>
\t\tProxyStatus On
\t</IfModule>
</IfModule>
""",
    "conf-available/charset.conf": "#AddDefaultCharset UTF-8\n",
    "conf-available/localized-error-pages.conf": "#Alias /error/ \"/usr/share/apache2/error/\"\n",
    "conf-available/other-vhosts-access-log.conf": "CustomLog ${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined\n",
    "conf-available/security.conf": "ServerTokens OS\nServerSignature On\nTraceEnable Off\n",
    "conf-available/serve-cgi-bin.conf": """<IfModule mod_alias.c>
\t<IfModule mod_cgi.c>
\t\tDefine ENABLE_USR_LIB_CGI_BIN
\t</IfModule>
\t<IfModule mod_cgid.c>
\t\tDefine ENABLE_USR_LIB_CGI_BIN
\t</IfModule>
\t<IfDefine ENABLE_USR_LIB_CGI_BIN>
\t\tScriptAlias /cgi-bin/ /usr/lib/cgi-bin/
\t\t<Directory "/usr/lib/cgi-bin">
\t\t\tAllowOverride None
\t\t\tOptions +ExecCGI -MultiViews +SymLinksIfOwnerMatch
\t\t\tRequire all granted
\t\t</Directory>
\t</IfDefine>
</IfModule>
""",
    "sites-available/000-default.conf": """<VirtualHost *:PORT>
\tServerAdmin webmaster@localhost
\tDocumentRoot DIR/www/html
\tErrorLog ${APACHE_LOG_DIR}/error.log
\tCustomLog ${APACHE_LOG_DIR}/access.log combined
</VirtualHost>
""",
    "sites-available/app.conf": """<VirtualHost *:PORT>
\tServerName app.example
\tErrorLog ${APACHE_LOG_DIR}/app-error.log
\tCustomLog ${APACHE_LOG_DIR}/app-access.log combined
\tProxyPreserveHost On
\tRequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}
\tRewriteEngine On
\tRewriteCond %{HTTP:Upgrade} =websocket [NC]
\tRewriteRule ^/?(.*) ws://127.0.0.1:BACKEND/$1 [P,L]
\tProxyPass / http://127.0.0.1:BACKEND/
\tProxyPassReverse / http://127.0.0.1:BACKEND/
</VirtualHost>
""",
}


class Tree:
    """A private /etc/apache2, enabled as the package's postinst, a2enmod and a2ensite do it."""

    def __init__(self, sites=("000-default", "app"), backend=9, modules=MODULES):
        self.dir = tempfile.mkdtemp(prefix="weir-debian-")
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        self.values = {"SSLPORT": free_port(), "PORT": self.port, "BACKEND": backend, "DIR": self.dir}
        self.etc = os.path.join(self.dir, "apache2")
        for name in ("run", "log", "lock", "www/html", "apache2"):
            os.makedirs(os.path.join(self.dir, name))
        self.write(os.path.join(self.dir, "www/html/index.html"), "<title>Apache2 Debian Default Page: It works</title>" + " " * 200)
        self.write(os.path.join(self.dir, "mime.types"), "text/html\t\t\thtml htm\ntext/plain\t\ttxt\n")
        self.write(os.path.join(self.dir, "ask-for-passphrase"), "#!/bin/sh\nexit 1\n")
        os.chmod(self.dir + "/ask-for-passphrase", 0o755)
        for name, text in FILES.items():
            self.write(os.path.join(self.etc, name), text)
        for name in modules:
            self.write(os.path.join(self.etc, "mods-available/%s.load" % name),
                       "# Depends: nothing\nLoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n" % (name, name))
            for end in ("load", "conf"):
                self.enable("mods", "%s.%s" % (name, end))
        for path in glob.glob(self.etc + "/conf-available/*.conf"):
            self.enable("conf", os.path.basename(path))
        for site in sites:
            self.enable("sites", site + ".conf")
        self.env = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def write(self, path, text):
        for name, value in self.values.items():
            text = re.sub(r"\b%s\b" % name, str(value), text)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    def enable(self, kind, name):
        os.makedirs("%s/%s-enabled" % (self.etc, kind), exist_ok=True)
        if os.path.exists("%s/%s-available/%s" % (self.etc, kind, name)):
            os.symlink("../%s-available/%s" % (kind, name), "%s/%s-enabled/%s" % (self.etc, kind, name))

    def run(self, *args):
        return subprocess.run([WEIR, "-d", self.etc, "-f", self.etc + "/apache2.conf", *args], env=self.env, capture_output=True,
                              text=True, timeout=PATIENCE)

    @property
    def pid(self):
        try:
            with open(self.dir + "/run/apache2.pid") as f:
                return int(f.read())
        except (OSError, ValueError):
            return 0

    def read(self, name):
        with contextlib.suppress(OSError):
            with open(os.path.join(self.dir, name), errors="replace") as f:
                return f.read()
        return ""

    def ask(self, raw):
        with Wire(socket.create_connection(("127.0.0.1", self.port), PATIENCE)) as c:
            return c.send(raw).read_response()

    def get(self, path="/", host="localhost", fields=()):
        return self.ask(request("GET", path, [*fields, ("Connection", "close")], host=host))

    def listening(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    @contextlib.contextmanager
    def started(self):
        done = self.run("-k", "start")
        assert done.returncode == 0, done.stderr
        try:
            until(self.listening, "the server to listen: " + self.read("log/error.log"))
            yield self
        finally:
            pid = self.pid
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                until(lambda: not self.listening(), "its end")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="User www-data needs root")


def test_the_stock_tree_is_good_and_its_hosts_are_shown():
    with Tree() as tree:
        done = tree.run("-t")
        assert done.returncode == 0 and "Syntax OK" in done.stderr, done.stderr
        shown = tree.run("-S")
        assert "*:%d" % tree.port in shown.stdout + shown.stderr
        assert re.search(r"namevhost app\.example \(%s/sites-enabled/app\.conf:1\)" % tree.etc, shown.stdout)
        assert 'PidFile: "%s/run/apache2.pid"' % tree.dir in shown.stdout
        assert 'User: name="www-data"' in shown.stdout


@needs_root
def test_start_graceful_and_stop_are_apache2ctls():
    with Backend(serve_hello) as backend, Tree(backend=backend.port) as tree, tree.started():
        pid = tree.pid
        assert pid and tree.get(host="app.example").body == b"hello from /"
        assert "already running" in (again := tree.run("-k", "start")).stderr + again.stdout
        generation = len(re.findall("is in charge|resuming normal operations", tree.read("log/error.log")))
        assert tree.run("-k", "graceful").returncode == 0
        until(lambda: tree.get(host="app.example").status == 200, "it to serve on")
        assert tree.pid == pid and generation >= 0
        assert tree.run("-k", "stop").returncode == 0
        until(lambda: not tree.listening(), "the end")
        until(lambda: tree.pid == 0, "the PidFile to go")


@needs_root
def test_a_proxied_site_logs_and_its_answers_are_compressed():
    def serve(wire):
        with contextlib.suppress(AssertionError, OSError):
            while True:
                wire.read_request()
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n" + b"x" * 500)

    with Backend(serve) as backend, Tree(backend=backend.port) as tree, tree.started():
        reply = tree.get(host="app.example", fields=[("Accept-Encoding", "gzip")])
        assert reply.get("Content-Encoding") == "gzip"
        assert re.match(r"Weir/[\d.]+ \(Unix\)|Weir", reply.get("Server") or "")
        until(lambda: '"GET / HTTP/1.1" 200' in tree.read("log/app-access.log"), "the access log's line")
        assert tree.get("/server-status?auto").body.startswith(b"localhost\nServerVersion: Weir/")


@needs_root
def test_the_default_page_is_served():
    with Tree() as tree, tree.started():
        reply = tree.get()
        assert reply.status == 200 and b"It works" in reply.body and reply.get("Content-Type") == "text/html"
        assert tree.get(fields=[("Accept-Encoding", "gzip")]).get("Content-Encoding") == "gzip"
        assert tree.get("/.htaccess").status == 403
        assert tree.get("/nothing").status == 404
        until(lambda: '"GET /nothing HTTP/1.1" 404' in tree.read("log/access.log"), "the access log's line")


# ---- envvars ----------------------------------------------------------------------------------------------------

def test_without_envvars_the_fault_is_httpds():
    with Tree() as tree:
        os.remove(tree.etc + "/envvars")
        done = tree.run("-t")
        assert done.returncode == 1
        assert "AH00111: Config variable ${APACHE_RUN_DIR} is not defined" in done.stderr
        assert "DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot" in done.stderr


def test_the_environment_goes_before_envvars():
    with Tree() as tree:
        tree.env.update(APACHE_RUN_DIR=tree.dir + "/lock", APACHE_PID_FILE=tree.dir + "/lock/x.pid", APACHE_LOG_DIR=tree.dir + "/log",
                        APACHE_RUN_USER="www-data", APACHE_RUN_GROUP="www-data")
        assert 'PidFile: "%s/lock/x.pid"' % tree.dir in tree.run("-S").stdout


def test_a_fault_in_envvars_is_said():
    with Tree() as tree:
        tree.write(tree.etc + "/envvars", "export APACHE_RUN_DIR=/tmp\nif then\n")
        done = tree.run("-t")
        assert done.returncode == 1 and "envvars" in done.stderr and "the shell found a fault in it" in done.stderr
        tree.write(tree.etc + "/envvars", "echo hello there\nfalse\n")
        assert "the shell found a fault in it" in tree.run("-t").stderr


@needs_root
def test_envvars_that_others_may_write_is_not_run():
    with Tree() as tree:
        os.chmod(tree.etc + "/envvars", 0o666)
        done = tree.run("-t")
        assert done.returncode == 1 and "anybody may write it" in done.stderr
        os.chmod(tree.etc + "/envvars", 0o644)
        os.chown(tree.etc + "/envvars", 33, 33)
        assert tree.run("-t").returncode == 1


@pytest.mark.skipif(not os.path.exists("/etc/apache2/apache2.conf"), reason="Debian's apache2 is not installed here")
def test_the_installed_tree_is_good():
    done = subprocess.run([WEIR, "-t"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr

"""A Debian with many modules enabled that Weir does not contain: it starts, says which, and goes without them."""
import os
import re
import socket

import pytest
from harness import PATIENCE, TEXT, Backend, Weir, Wire, frame, handshake, serve_echo
from test_debian import MODULES, Tree, needs_root

# What packages and a2enmod leave enabled; those of them whose .conf is empty or that have none.
OTHERS = """actions asis auth_form authn_anon authnz_ldap authz_dbm authz_owner buffer cache cgi charset_lite dav dbd expires
ext_filter include lbmethod_heartbeat lua md proxy_ajp proxy_connect proxy_express proxy_fcgi proxy_hcheck proxy_html proxy_http2
proxy_scgi proxy_uwsgi ratelimit request session session_cookie sed socache_memcache speling suexec unique_id usertrack vhost_alias
xml2enc""".split()
CONTAINED = ["expires"]


def tunnel(tree):
    wire = Wire(socket.create_connection(("127.0.0.1", tree.port), PATIENCE))
    assert wire.send(handshake("/chat", host="app.example")).read_head().status == 101
    return wire


@needs_root
def test_a_tree_with_many_modules_starts_and_a_websocket_passes():
    with Backend(serve_echo) as backend, Tree(backend=backend.port, modules=MODULES + OTHERS) as tree:
        tree.write(tree.dir + "/www/html/page.shtml", "<!--#echo var=A -->")
        with tree.started():
            with tunnel(tree) as wire:
                assert wire.send(frame(TEXT, b"hello", masked=True)).read_frame()[1] == b"hello"
                assert tree.run("-k", "graceful").returncode == 0
                assert wire.send(frame(TEXT, b"again", masked=True)).read_frame()[1] == b"again"
            assert tree.get().status == 200
            # serve-cgi-bin.conf names programs once cgi is loaded; mime.conf names a filter once include is.
            assert tree.get("/cgi-bin/x").status == 404
            assert tree.get("/page.shtml").body == b"<!--#echo var=A -->"
            log = tree.read("log/error.log")
    for name in OTHERS:
        said = "LoadModule %s_module: Weir does not contain this module" % name in log
        assert said == (name not in CONTAINED), name
    assert "there is no filter INCLUDES" in log and "ScriptAlias /cgi-bin/: files of it are answered with 500" in log


def test_a_check_and_the_list_of_modules_tell_them():
    with Tree(modules=MODULES + OTHERS) as tree:
        done = tree.run("-t")
        assert done.returncode == 0 and "Syntax OK" in done.stderr, done.stderr
        told = re.findall(r"\[so:warn\] .* LoadModule (\w+)_module: Weir does not contain this module: (.*?) / "
                          r"LoadModule \w+: Weir はこのモジュールを含みません: .* \(%s/mods-enabled/(\w+)\.load:2\)" % tree.etc, done.stderr)
        assert [name for name, _, _ in told] == [file for _, _, file in told]
        assert {name for name, _, _ in told} == set(OTHERS) - set(CONTAINED)
        assert {what for name, what, _ in told if name == "unique_id"} == {"requests have no UNIQUE_ID"}
        shown = tree.run("-M").stdout
        assert set(re.findall(r" (\w+)_module \(not contained\)", shown)) == set(OTHERS) - set(CONTAINED)
        assert " expires_module (shared)" in shown and " proxy_wstunnel_module (shared)" in shown
        assert "mod_include.c" not in tree.run("-l").stdout


# Debian's own .conf of each, as a2enmod links it.
TUNING = {
    "cache_disk": "<IfModule mod_cache_disk.c>\n\tCacheRoot /var/cache/x\n\tCacheDirLevels 2\n\tCacheDirLength 1\n</IfModule>\n",
    "cgid": "ScriptSock ${APACHE_RUN_DIR}/socks/cgisock\n",
    "dav_fs": "DAVLockDB ${APACHE_LOCK_DIR}/DAVLock\n",
    "proxy_ftp": "<IfModule mod_proxy_ftp.c>\n\tProxyFtpDirCharset UTF-8\n</IfModule>\n",
    "mime_magic": "<IfModule mod_mime_magic.c>\n\tMimeMagicFile /etc/apache2/magic\n</IfModule>\n",
    "userdir": "<IfModule mod_userdir.c>\n\tUserDir public_html\n\tUserDir disabled root\n\n\t<Directory /home/*/public_html>\n"
               "\t\tAllowOverride FileInfo AuthConfig Limit Indexes\n\t\tOptions MultiViews Indexes SymLinksIfOwnerMatch IncludesNoExec\n"
               "\t\tRequire method GET POST OPTIONS\n\t</Directory>\n</IfModule>\n",
    "proxy_html": "ProxyHTMLLinks  a           href\nProxyHTMLLinks  img  src longdesc usemap\nProxyHTMLEvents onclick \\\n\tonload\n",
}


@pytest.mark.parametrize("module", TUNING)
def test_what_only_tunes_one_of_them_is_taken_and_said_to_do_nothing(module):
    with Tree(modules=MODULES) as tree:
        tree.write(tree.etc + "/mods-available/%s.conf" % module, TUNING[module])
        tree.write(tree.etc + "/mods-available/%s.load" % module, "LoadModule %s_module x\n" % module)
        for end in ("load", "conf"):
            tree.enable("mods", "%s.%s" % (module, end))
        done = tree.run("-t")
        assert done.returncode == 0, done.stderr
        for name in set(re.findall(r"(?m)^\s*([A-Z]\w+)", re.sub(r"(?s)<Directory.*</Directory>", "", TUNING[module]))):
            assert "%s is accepted and has no effect: mod_%s is not part of Weir" % (name, module) in done.stderr


def enable_module(tree, module, conf):
    tree.write(tree.etc + "/mods-available/%s.conf" % module, conf)
    tree.write(tree.etc + "/mods-available/%s.load" % module, "LoadModule %s_module x\n" % module)
    for end in ("load", "conf"):
        tree.enable("mods", "%s.%s" % (module, end))


@pytest.mark.parametrize("module,conf,fault", [
    ("dav", "<IfModule mod_dav.c>\n\t<Location /dav>\n\t\tDav On\n\t</Location>\n</IfModule>\n", "DAV On: refused: mod_dav is not part of Weir"),
    ("lua", "<IfModule mod_lua.c>\n\tAddHandler lua-script .lua\n</IfModule>\n", "AddHandler lua-script .lua: refused: Weir has no such handler"),
    ("proxy_hcheck", "<Proxy balancer://x>\n\tBalancerMember http://127.0.0.1:9 hcmethod=GET\n</Proxy>\n",
     "BalancerMember unknown Worker parameter: hcmethod: Weir sends backends no requests of its own, mod_proxy_hcheck is not part of it / "),
])
def test_what_uses_one_of_them_is_refused_where_it_stands(module, conf, fault):
    with Tree(modules=MODULES) as tree:
        enable_module(tree, module, conf)
        done = tree.run("-t")
        assert done.returncode == 1 and fault in done.stderr, done.stderr
        assert re.search(r"on line \d of %s/mods-enabled/%s\.conf:" % (tree.etc, module), done.stderr)
        os.remove(tree.etc + "/mods-enabled/%s.conf" % module)
        assert tree.run("-t").returncode == 0


@pytest.mark.parametrize("name,why", [
    ("security2", "it may protect something, or run files that would be shown as text"), ("fcgid", "run files that would be shown"),
    ("auth_openidc", "it may protect something"), ("php", "files of PHP would be shown as text; leave PHP to an httpd on another port"),
    ("php7", "files of PHP would be shown")])
def test_a_module_that_is_not_httpds_is_refused_and_why(name, why):
    with Tree(modules=MODULES + [name]) as tree:
        done = tree.run("-t")
        assert done.returncode == 1 and "LoadModule %s_module: refused: Weir does not contain this module" % name in done.stderr
        assert why in done.stderr and "LoadModule %s_module: 受け付けません" % name in done.stderr
        assert done.stderr.count("(a2dismod %s)" % name) == 2


# Debian's own, and Nextcloud's manual.
PAGES = {
    "info": ("<Location /server-info>\n\tSetHandler server-info\n\tRequire local\n</Location>\n", "server-info: requests for it are answered with 500"),
    "ldap": ("<Location /ldap-status>\n\tSetHandler ldap-status\n\tRequire local\n</Location>\n", "ldap-status: requests for it are answered with 500"),
    "dav": ("<Directory /srv/nextcloud/>\n\t<IfModule mod_dav.c>\n\t\tDav off\n\t</IfModule>\n</Directory>\n", None),
    "userdir": ("UserDir public_html\n", "[core:warn]"),
}


@pytest.mark.parametrize("module", PAGES)
def test_what_stands_in_stock_files_of_a_module_stops_no_start(module):
    text, said = PAGES[module]
    with Tree(modules=MODULES) as tree:
        enable_module(tree, module, text)
        done = tree.run("-t")
        assert done.returncode == 0 and "Syntax OK" in done.stderr, done.stderr
        lines = [line for line in done.stderr.split("\n") if "%s.conf:" % module in line]
        assert (said is None and not lines) or any(said in line for line in lines), done.stderr


HTACCESS = """DocumentRoot {www}
<Directory {www}>
AllowOverride {allowed}
Require all granted
</Directory>
"""


@pytest.mark.parametrize("allowed,text,status", [
    ("All", "<IfModule mod_speling.c>\nCheckSpelling on\n</IfModule>\n", 500),
    ("Options Nonfatal=All", "CheckSpelling on\n", 500),
    ("All", "<IfModule !mod_speling.c>\nNonsense\n</IfModule>\n", 200),
    ("All", "<IfModule mod_userdir.c>\nNonsense\n</IfModule>\n", 200),
    ("All", "SSIEndTag x\n", 500),
    ("Options Nonfatal=All", "SSIEndTag x\n", 200),  # of what was not loaded: nobody knows it, as in httpd
])
def test_a_htaccess_says_what_it_is_refused_for(tmp_path, allowed, text, status):
    (tmp_path / "file").write_text("here")
    (tmp_path / ".htaccess").write_text(text)
    tmp_path.chmod(0o755)
    config = "LoadModule speling_module x\n" + HTACCESS
    with Weir(config, www=str(tmp_path), allowed=allowed) as weir:
        assert weir.get("/file").status == status
        if status == 500 and "Spelling" in text:
            weir.wait_for_log("CheckSpelling: refused: mod_speling is not part of Weir")

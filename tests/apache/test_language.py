"""Apache's configuration language under both servers: what a file means shows in the virtual hosts that come of it
(-t -D DUMP_VHOSTS) and in the files that were read (DUMP_INCLUDES), what it may not say in the message."""
import os
import re
import subprocess

import pytest

from apache import APACHE, preamble, second_server

MODULES = ("macro",)


def host(body, address="*:80"):
    return "<VirtualHost %s>\n%s\n</VirtualHost>" % (address, body)


def wrapped(section, argument, body="Colour red"):
    return "<%s %s>\n%s\n</%s>" % (section, argument, body, section)


QUOTING = [
    host('ServerName "a.b"'), host("ServerName 'a.b'"), host(r'ServerName "a\"b"'), host("ServerName a\\\n.b"), host("ServerName a \\\n"),
    host(r"ServerName a\ b"), host('ServerName "a b"'), "# a comment \\\nServerName x y z", host("ServerName a # b"), host("ServerName a#b"),
    "   \t<VirtualHost *:80>\nSERVERNAME q\n  </VIRTUALHOST>  ", "<VirtualHost *:80 >\nServerName a\n</VirtualHost >",
    "<VirtualHost *:80>x\n</VirtualHost>", "<VirtualHost *:80>\n</VirtualHost> x", "< VirtualHost *:80>\n</VirtualHost>",
    "<VirtualHost *:80>\nServerName a\n</virtualhost", "ServerName x\r\n" + host("ServerName y\r"), "ServerName x\\\r\n",
    "ServerName a" + "b" * 8000, "# " + "x" * 9000, host("ServerAlias " + "x " * 5000),
]
VARIABLES = [
    "Define X y\n" + host("ServerName ${X}.com"), "Define X\n" + host("ServerName a${X}b"), host("ServerName ${NOPE}"), host("ServerName ${NOPE"),
    host("ServerName $X"), host("ServerName ${}"), host("ServerName ${FROM_ENVIRONMENT}"),
    "Define X y\nUnDefine X\n" + host("ServerName ${X}"), "Define X y\nDefine X z\n" + host("ServerName ${X}"), "Define X:Y y", "Define",
    "Define A B C", "UnDefine", "UnDefine A B", "Define X a\nDefine Y ${X}${X}\n" + host("ServerName ${Y}"),
    'Define X "a b"\n' + host('ServerName "${X}"'), host("Define Q inner\nServerName ${Q}"), host("Define Q inner") + "\n" + host("ServerName ${Q}"),
]
CONDITIONS = [
    wrapped("IfDefine", "GIVEN"), wrapped("IfDefine", "!GIVEN"), wrapped("IfDefine", ""), wrapped("IfDefine", "A B"), "<IfDefine GIVEN>\n", "</IfDefine>",
    *(wrapped("IfModule", m) for m in ("mod_proxy.c", "proxy_module", "PROXY_MODULE", "mod_PROXY.c", "core.c", "http_core.c", "mod_so.c", "so_module",
                                       "mpm_event_module", "event.c", "mod_mpm_event.c", "prefork.c", "worker.c", "unixd_module", "mod_unixd.c",
                                       "log_config_module", "mod_ssl.c", "!mod_ssl.c", "mod_version.c", "mod_logio.c", "", "a b", '"mod_proxy.c"')),
    *(wrapped("IfVersion", v) for v in ("2.4", ">= 2.4", ">=2.4", "> 2.4.0", "== 2.4", "< 2.4", "!< 2.4", "~ ^2\\.4", "= /^2.4/", "!= 2.4.1", "=~ 2",
                                        "!2.4.71", "<= 2.4.71", ">= 3", "x 2", ">= x", "> = 2", "")),
    *(wrapped("IfFile", f) for f in ("/etc/passwd", '"/etc/passwd"', "!/nope", "/nope", "one.conf", "", "/etc/passwd /x")),
    *(wrapped("IfDirective", d) for d in ("ProxyPass", "proxypass", "!ProxyPass", "Nope", "!Nope", "", "ProxyPass ProxyVia")),
    *(wrapped("IfSection", s) for s in ("VirtualHost", "virtualhost", "!VirtualHost", "Nope", "", "IfDefine", "ElseIf", "Macro", "LimitExcept")),
]
MACROS = [
    "<Macro M $a $b>\n" + host("ServerName $a\nServerAlias $b") + '\n</Macro>\nUse M x y\nUse m "p q" z', wrapped("Macro", "M") + "\nUse M",
    wrapped("Macro", "M a", "Colour a") + "\nUse M xa", wrapped("Macro", "M $a $a"), wrapped("Macro", "M $a $ab", "Colour $ab") + "\nUse M 1 2",
    wrapped("Macro", ""), "<Macro M>\n", "</Macro>", wrapped("Macro", "M $x", "") + "\nUse M", "Use", "Use X", wrapped("Macro", "M", "Use M") + "\nUse M",
    wrapped("Macro", "M $x", "") + "\nUndefMacro M\nUse M a", "UndefMacro Q", wrapped("Macro", "M %x", "Colour %x") + "\nUse M ''",
    "<Macro A $x>\n<Macro B $y>\nColour $x $y\n</Macro>\n</Macro>\nUse A 1\nUse B 2",
]
INCLUDES = [
    "Include a b", "Include", "Include one.conf", "Include ./one.conf", "Include @DIR@/o*.conf", "Include nothing", "Include sub", "Include sub/*.conf",
    "IncludeOptional sub/x*.conf", "Include sub/x*.conf", "Include sub/*/z.conf", "Include 'sub/*.conf'", "Include nope/*.conf",
    "IncludeOptional nope/*.conf", "IncludeOptional nope.conf", "Include sub/[ab].conf", "Include on?.conf", host("Include one.conf"),
    "Include bad.conf", "Include outer.conf", "Include link.conf",
]
SECTIONS = [
    "<If true>\n</If>", "<If>\n</If>", '<If "-z \'\'">\n<If "true">\n</If>\n</If>', "<Else>\n</Else>", '<ElseIf "true">\n</ElseIf>',
    '<If "true">\n</If>\n<Else>\n</Else>\n<Else>\n</Else>', '<If "true">\n</If>\n<Else x>\n</Else>', '<If "true">\n</If>\nTimeout 5\n<Else>\n</Else>',
    '<If "true">\n<Location /x>\n</Location>\n</If>', '<Location /x>\n<If "true">\n</If>\n</Location>', "<Files x>\n<Location /x>\n</Location>\n</Files>",
    '<Directory /x>\n<Files y>\n<If "true">\n</If>\n</Files>\n</Directory>', "<Location /x>\n<Files y>\n</Files>\n</Location>",
    "<Directory x>\n</Directory>", "<Directory ~ x>\n</Directory>", "<Location ~ x y>\n</Location>", "<Location a b>\n</Location>",
    "<Location ~ (>\n</Location>", "<Files ~>\n</Files>", "<Files>\n</Files>", "<FilesMatch (>\n</FilesMatch>", "<DirectoryMatch>\n</DirectoryMatch>",
    "<Limit>\n</Limit>", "<Limit get>\n</Limit>", "<Limit TRACE>\n</Limit>", "<Limit FOOBAR>\n</Limit>", "<LimitExcept GET>\n<Limit GET>\n</Limit>\n</LimitExcept>",
    "<Limit GET>\n</LimitExcept>", "<Limit GET>\nTimeout 5\n</Limit>", "<Location /x>\n<LimitExcept GET>\nRequire all denied\n</LimitExcept>\n</Location>",
]
ADDRESSES = [host("ServerName q", a) for a in (
    "*", "*:*", "*:80 *:81", "_default_:443", "[::1]:80", "[::1]", "[::]:80", "127.0.0.1", "127.0.0.1:*", "localhost:80", "*:99999", "*:0", "*:x",
    '"*:80"', "[::1", ":80", "80", "_default_", "_default_:*", "127.0.0.1:80 [::1]:80 *:81", "")] + [
    host("ServerName " + n) for n in ("a:81", "http://a:81", "https://a", "a/b", "a:x", "a:", "http://", "a:0", "a:70000")] + [
    host("ServerName a\nServerAlias b *.c d?e") + "\n" + host("ServerName f") + "\n" + host("ServerName g", "127.0.0.1:80") + "\n" + host("", "*:81"),
    "Listen [::1]:81", "Listen 81 https", "Listen 0", "Listen 65536", "Listen 127.0.0.1", "Listen 80x", "Listen 127.0.0.1:81 foo", "Listen ::1:81",
    host("Listen 5"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    d = tmp_path_factory.mktemp("language")
    (d / "sub" / "sub").mkdir(parents=True)
    for name, text in (("one.conf", "ServerAdmin x@y"), ("bad.conf", "ServerAdmin q\nColour red"), ("outer.conf", "Include one.conf\nInclude bad.conf"),
                       ("sub/a.conf", host("ServerName from.a")), ("sub/b.conf", host("ServerName from.b")), ("sub/sub/z.conf", "ServerAdmin z")):
        (d / name).write_text(text + "\n")
    (d / "link.conf").symlink_to("one.conf")
    return str(d)


def said(program, folder, snippet):
    """Its exit status and what it says, less times, processes and the way each has of naming a file and itself."""
    path = os.path.join(folder, "server.conf")
    with open(path, "w") as f:
        f.write(preamble(folder, 65000, MODULES) + snippet.replace("@DIR@", folder) + "\n")
    env = dict(os.environ, FROM_ENVIRONMENT="env.example")
    run = subprocess.run([program, "-t", "-D", "GIVEN", "-D", "DUMP_VHOSTS", "-D", "DUMP_INCLUDES", "-f", path], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=60, env=env)
    text = run.stdout.decode("utf-8", "replace").replace("\\n\\t", "\n\t")
    text = re.sub(r"(?m)^apache2: (Syntax error on line \d+ of .*?:) ", r"AH00526: \1\n", text)
    text = re.sub(r" \(%s/\S+:\d+\)$" % re.escape(folder), "", text, flags=re.M)
    text = re.sub(r"\[[^]]*\] \[(\w+:\w+)\] \[pid[^]]*\] (\(EAI[^:]*: )?", r"[\1] ", text)
    if run.returncode:  # how far it came is no part of the fault
        text = re.sub(r"(?m)^(Included configuration files:| +\(.*)\n", "", text)
    return run.returncode, sorted(text.splitlines())  # notices come while reading in one, afterwards in the other


@pytest.mark.parametrize("snippet", QUOTING + VARIABLES + CONDITIONS + MACROS + INCLUDES + SECTIONS + ADDRESSES)
def test_a_file_means_the_same(folder, snippet):
    assert said(second_server(), folder, snippet) == said(APACHE, folder, snippet)

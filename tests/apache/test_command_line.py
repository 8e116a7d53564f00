"""httpd's command line: what the options print and how they end, the same under apache2 and under Weir."""
import os
import re
import subprocess

import pytest

from apache import APACHE, is_apache, preamble, second_server

HOSTS = """DocumentRoot /tmp
<VirtualHost *:65000>
ServerName one.example
ServerAlias *.one.example o.example
</VirtualHost>
<VirtualHost *:65000>
ServerName two.example
</VirtualHost>
<VirtualHost 127.0.0.1:65000 [::1]:80 _default_:443>
ServerName three.example:8080
</VirtualHost>
<VirtualHost *:*>
ServerName four
</VirtualHost>
Include more.conf
"""
OPTIONS = [
    "-t", "-S", "-M", "-tS", "-t -M", "-t -D DUMP_VHOSTS", "-t -D DUMP_RUN_CFG", "-t -D DUMP_INCLUDES", "-D DUMP_INCLUDES", "-t -D DUMP_MODULES",
    "-t -D DUMP_MODULES -D DUMP_VHOSTS", "-D DUMP_RUN_CFG -t", "-T -t", "-t -D DUMP_CERTS", "-S -k stop", "-t -D X", "-t -e error",
    "-t -c Colour", "-t -C Colour", "-t -c Timeout", "-C ServerName -t", "-t -d /nonexistent", "-t -E ERRORS", "-k stop", "-k graceful-stop",
]
MISUSED = ["-z", "-f", "extra", "-e loud", "-e", "-D"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    d = tmp_path_factory.mktemp("command")
    (d / "more.conf").write_text("ServerAdmin x@y\n")
    (d / "server.conf").write_text(preamble(str(d), 65000) + HOSTS)
    return str(d)


def run(program, folder, words):
    words = words.replace("ERRORS", os.path.join(folder, "errors")).split()
    command = [program, *words] if "-f" in words else [program, "-f", os.path.join(folder, "server.conf"), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    text = re.sub(r"(?m)^(Mutex .*|User: .*|Group: .*)\n", "", done.stdout)  # Weir has no mutex
    text = re.sub(r"^(httpd \(no pid file\)|weir \(\S+\))", "PROGRAM", text)
    return done.returncode, text, re.sub(r"\b(apache2|weir)\b", "PROGRAM", done.stderr)


@pytest.mark.parametrize("words", OPTIONS)
def test_an_option_says_the_same(folder, words):
    assert run(second_server(), folder, words) == run(APACHE, folder, words)


@pytest.mark.parametrize("words", MISUSED)
def test_misuse_is_said_alike_and_fails(folder, words):
    (weir, _, weir_said), (apache, _, apache_said) = run(second_server(), folder, words), run(APACHE, folder, words)
    assert weir == apache == 1
    assert [l for l in weir_said.splitlines() if " -- " in l] == [l for l in apache_said.splitlines() if " -- " in l]
    assert "-D name" in apache_said
    if not is_apache(second_server()):
        assert weir_said.endswith("Try 'PROGRAM -h'. / 'PROGRAM -h' を見てください。\n")  # a deliberate difference: the fault stays in sight


def test_a_relative_name_that_is_nowhere_is_told_with_both_places(tmp_path):
    """A deliberate difference: httpd looks below ServerRoot only, and names that place only."""
    if is_apache(second_server()):
        pytest.skip("this is about Weir")
    said = [subprocess.run([program, "-t", "-f", "nosuch.conf"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
            for program in (APACHE, second_server())]
    assert [s.returncode for s in said] == [1, 1]
    assert said[0].stderr == "apache2: Could not open configuration file /etc/apache2/nosuch.conf: No such file or directory\n"
    assert "nosuch.conf, neither below /etc/apache2 nor in %s: No such file or directory" % tmp_path in said[1].stderr

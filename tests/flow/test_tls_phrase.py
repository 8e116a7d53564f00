"""Encrypted keys: who is asked for the pass phrase, what they are told, and that nobody is asked twice."""
import os
import pty
import re
import select
import subprocess

import pki
import pytest
from harness import PATIENCE, WEIR, Weir, until
from secureweir import pair, serial, site


@pytest.fixture(scope="module")
def ca(ca):
    ca.new = ca.issue("example.com", "example.com")
    ca.rsa = ca.issue("example.com", "example.com", kind="rsa")
    ca.locked = pki.encrypted(ca.leaf, "open sesame")
    return ca


def program(folder, phrase, before=""):
    """Says the phrase, and writes down what it was asked."""
    return pki.write(os.path.join(folder, "dialog"),
                     '#!/bin/sh\n%s\necho "$@" >>%s/asked\necho %s\n' % (before, folder, phrase), 0o755)


def asked(folder):
    return pki.read(os.path.join(folder, "asked")).splitlines()


def test_a_program_is_told_whose_key_it_is(ca, folder):
    rsa = pki.encrypted(ca.rsa, "open sesame")
    dialog = "SSLPassPhraseDialog exec:" + program(folder, "open sesame")
    with Weir(dialog + site(ca.locked, pair(rsa)), backend=9) as weir:
        assert serial(weir, ca) in (ca.leaf.serial, ca.rsa.serial)
        assert asked(folder) == ["example.com:443 RSA"] # as httpd names the first key; the second has the same phrase


def test_each_key_may_have_its_own_phrase(ca, folder):
    rsa = pki.encrypted(ca.rsa, "open barley")
    dialog = "SSLPassPhraseDialog exec:" + program(folder, '"open $(test "$2" = RSA && echo sesame || echo barley)"')
    with Weir(dialog + site(ca.locked, pair(rsa)), backend=9) as weir:
        weir.reload()
        assert asked(folder) == ["example.com:443 RSA", "example.com:443 DSA"]


def test_a_reload_and_a_renewal_ask_nobody_for_what_is_known(ca, folder):
    pki.install(ca.locked, folder)
    dialog = "SSLPassPhraseDialog exec:" + program(folder, "open sesame")
    with Weir(dialog + site(pki.installed(folder)), backend=9) as weir:
        os.unlink(os.path.join(folder, "dialog"))
        pki.write(os.path.join(folder, "dialog"), "#!/bin/sh\nexit 1\n", 0o755)
        weir.reload()
        pki.install(pki.encrypted(ca.new, "open sesame"), folder)
        until(lambda: serial(weir, ca) == ca.new.serial, "the renewed certificate")
        assert len(asked(folder)) == 1


def test_a_piped_program_reads_the_question(ca, folder):
    before = 'read a; read b; echo "$a / $b" >>%s/asked' % folder
    dialog = 'SSLPassPhraseDialog "|%s one two"' % program(folder, "open sesame", before)
    with Weir(dialog + site(ca.locked), backend=9) as weir:
        assert serial(weir, ca) == ca.leaf.serial
        assert asked(folder) == ["Private key example.com:443:0 (%s) / Enter pass phrase:" % ca.locked.key, "one two"]


@pytest.mark.parametrize("phrase", ["open barley", "", "x" * 5000])
def test_a_wrong_phrase_ends_the_start_with_the_reason(ca, folder, phrase):
    dialog = "SSLPassPhraseDialog exec:" + program(folder, '"%s"' % phrase)
    weir = Weir(dialog + site(ca.locked), backend=9, start=False)
    done = weir.run()
    said = done.stderr + weir.error_log()
    assert done.returncode == 1 and "AH02564: " in said and ca.locked.key in said, said
    assert len(asked(folder)) == 1


# ---- a terminal -------------------------------------------------------------------------------------------------

class Terminal:
    def __init__(self, weir):
        self.ours, theirs = pty.openpty()
        self.said = ""
        weir.stderr = open(os.path.join(weir.dir, "stderr"), "ab")
        weir.process = self.process = subprocess.Popen([WEIR, "-f", weir.file], stdin=theirs, stdout=theirs, stderr=theirs,
                                                       env=weir.env)
        os.close(theirs)

    def wait_for(self, text):
        ours = select.poll()
        ours.register(self.ours, select.POLLIN)
        while text not in self.said:
            assert ours.poll(PATIENCE * 1000), self.said
            self.said += os.read(self.ours, 4096).decode("utf-8", "replace")

    def type(self, text):
        self.said = ""
        os.write(self.ours, text.encode())


def test_whoever_starts_it_is_asked_until_it_fits(ca):
    weir = Weir(site(ca.locked), backend=9, start=False)
    terminal = Terminal(weir)
    terminal.wait_for("Private key example.com:443:0 (%s)" % ca.locked.key)
    terminal.wait_for("Enter pass phrase")
    terminal.type("open barley\n")
    terminal.wait_for("Enter pass phrase")
    terminal.type("open sesamx\x7fe\n")
    weir.wait_listening()
    with weir:
        assert serial(weir, ca) == ca.leaf.serial
        assert "sesam" not in terminal.said
        weir.reload() # asks nobody
        assert serial(weir, ca) == ca.leaf.serial
        os.close(terminal.ours)


def test_control_c_is_an_answer_too(ca):
    weir = Weir(site(ca.locked), backend=9, start=False)
    terminal = Terminal(weir)
    terminal.wait_for("Enter pass phrase")
    terminal.type("open\x03")
    assert terminal.process.wait(PATIENCE) == 1
    assert "AH02564: " in weir.error_log()
    os.close(terminal.ours)


def test_after_the_start_nobody_sits_there(ca):
    """A reload must not wait for somebody to type."""
    weir = Weir(site(ca.leaf), backend=9, start=False)
    terminal = Terminal(weir)
    weir.wait_listening()
    with weir:
        weir.configure(site(ca.locked))
        weir.reload(good=False)
        assert re.search("AH02564: .*" + re.escape(ca.locked.key), weir.error_log())
        assert serial(weir, ca) == ca.leaf.serial
        os.close(terminal.ours)

"""What Weir's own command line says to who mistakes it, and how much of what it notices."""
import re
import socket
import subprocess

import pytest

from harness import WEIR, Weir

JAPANESE = re.compile("[぀-ヿ一-鿿]")
NOTED = "ThreadStackSize 65536\nScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\n"  # a notice and a warning


def run(*words, **keywords):
    return subprocess.run([WEIR, *words], capture_output=True, text=True, timeout=20, **keywords)


@pytest.mark.parametrize("words,fault", [
    (["-q"], "weir: illegal option -- q"), (["-f"], "weir: option requires an argument -- f"),
    (["-k", "foo"], "weir: -k foo: it takes start | restart"), (["-e", "bogus"], "weir: -e bogus: it takes emerg | alert"),
    (["ech"], "weir: ech is neither an option nor a verb"),
])
def test_a_slip_is_told_in_its_own_words_and_not_scrolled_away_by_the_help(words, fault):
    done = run(*words)
    first, hint = done.stderr.splitlines()
    assert done.returncode == 1 and not done.stdout
    assert first.startswith(fault) and hint.startswith("Try 'weir -h'") and JAPANESE.search(hint)


def test_a_default_file_that_is_missing_is_told_with_what_to_do(tmp_path):
    done = run("-t", "-d", str(tmp_path))
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    assert line.startswith("weir: Could not open configuration file %s/apache2.conf: No such file or directory" % tmp_path)
    assert "-f FILE" in line and "weir demo" in line and JAPANESE.search(line)


def test_e_says_down_to_what_level_something_is_noticed():
    with Weir(NOTED, start=False) as weir:
        for level, levels in ((None, {"notice", "warn"}), ("notice", {"notice", "warn"}), ("warn", {"warn"}), ("error", set()),
                              ("emerg", set())):
            done = run("-t", "-f", weir.file, *(["-e", level] if level else []))
            assert done.returncode == 0 and done.stderr.endswith("Syntax OK\n")
            assert set(re.findall(r"\[core:(\w+)\].*\(/", done.stderr)) == levels, (level, done.stderr)


@pytest.mark.parametrize("words,there", [([], True), (["-e", "error"], False)])
def test_e_holds_at_the_start_too(words, there):
    with Weir(NOTED, args=words) as weir:
        weir.stop()
        log = weir.error_log()
        assert ("ScriptAlias" in log) == ("ThreadStackSize" in log) == there
        assert "resuming normal operations" in log


def test_what_is_noticed_before_a_fault_is_hidden_by_e_and_the_fault_is_not():
    with Weir(NOTED + "Colour red\n", start=False) as weir:
        done = run("-t", "-e", "error", "-f", weir.file)
        assert done.returncode == 1 and "Invalid command 'Colour'" in done.stderr and "ThreadStackSize" not in done.stderr


def test_an_error_log_that_cannot_be_opened_is_named_once(tmp_path):
    with Weir("", start=False) as weir:
        text = open(weir.file).read()
        with open(weir.file, "w") as f:
            f.write(re.sub("(?m)^ErrorLog .*", "ErrorLog %s" % tmp_path, text))
        done = run("-f", weir.file)
        assert done.returncode == 1 and done.stderr == "weir: (21)Is a directory: AH00091: weir: could not open error log file %s.\n" % tmp_path


def test_a_port_that_is_taken_from_the_demo_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("demo", "-p", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith("weir demo: port %d of this machine: Address already in use" % port)
    assert JAPANESE.search(done.stderr)


def test_a_notice_names_its_place_once():
    with Weir("<Directory />\nOptions FollowSymLinks MultiViews\n</Directory>\n", start=False) as weir:
        said = run("-t", "-f", weir.file).stderr
        assert "Options FollowSymLinks MultiViews: MultiViews has no effect" in said and said.count(weir.file) == 1

"""docs/directives.md is what the rows say, and every row that acts begins a line of a configuration in a test."""
import os
import subprocess
import sys

from harness import WEIR

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "directives")


def run(option):
    return subprocess.run([sys.executable, SCRIPT, WEIR, option], capture_output=True, text=True, timeout=60)


def test_the_reference_is_not_stale():
    assert run("--check").returncode == 0, "docs/directives.md is stale: run scripts/directives WEIR"


def test_every_row_that_acts_is_in_a_test():
    done = run("--untested")
    assert done.returncode == 0, "no test has a line of: " + done.stdout

"""The soak in short: tunnels echo while the configuration is reloaded; none drops, nothing grows, one process."""
import os
import sys

import harness  # noqa: F401 (skips without WEIR)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "soak"))
import soak  # noqa: E402


def test_two_hundred_tunnels_echo_through_twenty_reloads():
    report = soak.soak(200, 20, print)
    assert report["dropped"] == 0 and report["fewest"] >= 20

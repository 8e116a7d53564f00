"""The bench does not rot: a moment of it with Weir alone and with no proxy; its load sees what comes back wrong."""
import json
import os
import resource
import subprocess
import sys

import harness
import pytest

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")
LOAD = os.path.join(os.path.dirname(harness.WEIR), "bench-load")
sys.path.insert(0, BENCH)
import bench  # noqa: E402
import report  # noqa: E402


def load(how, port, path="/"):
    done = subprocess.run([LOAD, *how.split(), "-t", "0.1", "-w", "0", str(port), path], capture_output=True, text=True,
                          timeout=harness.PATIENCE, check=False)
    return done.returncode, json.loads(done.stdout)


def run_bench(to, *more, **options):
    """-> (JSON, page, what was printed)"""
    done = subprocess.run(["/usr/bin/python3", "-B", BENCH + "/bench.py", "none", "--weir", harness.WEIR, "--json",
                           to / "json", "--html", to / "html", *more], capture_output=True, text=True, timeout=100,
                          check=False, **options)
    assert done.returncode == 0, done.stderr
    assert not harness.FAULTS.search(done.stderr), done.stderr
    return json.loads((to / "json").read_text()), (to / "html").read_text(), done.stdout


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    return run_bench(tmp_path_factory.mktemp("bench"), "--rounds", "1", "--seconds", "0.1", "--warm", "0.02", "--rate",
                     "200", "--idle", "20")


def test_each_column_gets_a_figure_for_weir_and_for_no_proxy(figures):
    for kind, columns in figures[0]["runs"].items():
        assert set(columns) == {c.key for c in bench.COLUMNS if kind in c.kinds} | {"idle"}
        for key, cells in columns.items():
            for name in ("weir", "direct") if key != "idle" else ("weir",):
                run = cells[name][0]
                assert run["errors"] == run["wrong"] == 0, (kind, key, name, run)
                # CPU clocks of others move with the tick: a short window may hold none
                assert run["figure"] is not None and run["figure"] >= 0, (kind, key, name, run)


def test_idle_tunnels_are_all_alive_at_the_end(figures):
    for columns in figures[0]["runs"].values():
        idle = columns["idle"]["weir"][0]
        assert idle["opened"] == idle["alive"] == 20


def test_more_tunnels_than_one_process_may_hold_go_through_several(tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (700, 700))
    found, _, _ = run_bench(tmp_path, "--tests", "", "--kinds", "plain", "--idle", "400", "--open-rate", "400",
                            preexec_fn=few_files)
    idle = found["runs"]["plain"]["idle"]["weir"][0]
    assert idle["instances"] == 2 and idle["opened"] == idle["alive"] == 400
    assert idle["others"]["total"] > 0 and idle["others"]["errors"] == 0


def test_the_page_and_the_tables_show_them(figures):
    _, page, printed = figures
    assert page.count("<svg") == len(bench.COLUMNS) * 2 - 1 + 2 # resumption is TLS's alone; idle tunnels
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert "| weir |" in printed and "| direct |" in printed


def flips_a_byte(wire):
    wire.send(harness.switching(wire.read_head()))
    opcode, payload, _ = wire.read_frame()
    wire.send(harness.frame(opcode, payload[:-1] + bytes([payload[-1] ^ 1])))
    wire.fill()


def answers_short(wire):
    wire.read_request()
    wire.send(harness.answer(200, b"short"))
    wire.fill()


def hangs_up(wire):
    wire.send(harness.switching(wire.read_head()))
    wire.read_frame()


@pytest.mark.parametrize("script, how, status, fault", [
    (flips_a_byte, "echo -c 1", 1, "a payload came back changed"),
    (answers_short, "http -c 1", 1, "not the answer: 200"),
    (hangs_up, "echo -c 1", 2, "the stream ended"),
])
def test_the_load_tells_of(script, how, status, fault):
    with harness.Backend(script) as backend:
        code, run = load(how, backend.port)
    assert code == status and run["fault"].startswith(fault), run


def test_a_good_backend_has_no_faults():
    with harness.Backend(harness.serve_echo) as backend:
        code, run = load("echo -c 2 -k 3 -s 300", backend.port)
    assert code == 0 and run["total"] > 0 and run["count"] * 300 == run["bytes"]


def test_a_ratio_is_that_of_each_round_to_the_peer_with_the_lowest_median():
    cells = {name: [{"figure": f} for f in found] for name, found in
             {"weir": [1, 2, 9], "a": [2, 4, 3], "b": [9, 1, 9]}.items()}
    assert report.best_of(cells, ["a", "b"]) == "a"
    assert report.ratio_cell(cells, "weir", ["a", "b"]) == "**0.50** (0.50 to 3.00) of a"

"""The bench does not rot: a moment of it with Weir alone and with no proxy; its load sees what comes back wrong."""
import contextlib
import ctypes
import errno
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import threading

import harness
import pytest
from harness import until

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")
LOAD = os.path.join(os.path.dirname(harness.WEIR), "bench-load")
RELAY = os.path.join(os.path.dirname(harness.WEIR), "bench-relay")
FLOORS = ["floor epoll", "floor splice", "floor io_uring"]
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


def is_refused(results, name):
    return any(note.startswith(name + " is left out: ") for note in results["machine"]["notes"])


def test_each_column_gets_a_figure_for_weir_for_no_proxy_and_for_bare_relays(figures):
    results = figures[0]
    relays = [name for name in FLOORS if not is_refused(results, name)]
    assert {"floor epoll", "floor splice"} <= set(relays)
    for kind, columns in results["runs"].items():
        assert set(columns) == {c.key for c in bench.COLUMNS if kind in c.kinds} | {"idle", "closed"}
        for key, cells in columns.items():
            names = ["weir"] if key in ("idle", "closed") else ["weir", "direct"] + (relays if kind == "plain" else [])
            assert list(cells) == sorted(cells, key=results["names"].index) and set(cells) == set(names)
            for name, (run,) in cells.items():
                assert run["errors"] == run["wrong"] == 0, (kind, key, name, run)
                # CPU clocks of others move with the tick: a short window may hold none
                assert run["figure"] is not None and run["figure"] >= 0, (kind, key, name, run)


def test_idle_tunnels_are_all_alive_at_the_end(figures):
    for columns in figures[0]["runs"].values():
        idle = columns["idle"]["weir"][0]
        assert idle["opened"] == idle["alive"] == 20
        assert 0 < idle["before"] and 0 < idle["memory"] and 0 < idle["after"]


def test_two_workers_are_compared_with_one(figures):
    rows = figures[0]["workers"]["rows"]
    assert list(rows) == ["weir"] and all(rows["weir"][n][0]["rate"] > 0 for n in ("1", "2"))


def test_more_tunnels_than_one_process_may_hold_go_through_several(tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (700, 700))
    found, _, _ = run_bench(tmp_path, "--tests", "", "--kinds", "plain", "--idle", "400", "--open-rate", "400",
                            preexec_fn=few_files)
    idle = found["runs"]["plain"]["idle"]["weir"][0]
    assert idle["instances"] == 2 and idle["opened"] == idle["alive"] == 400
    for when in ("quiet", "opening", "ending"): # what a few others notice
        assert idle[when]["total"] > 0 and idle[when]["errors"] == 0, idle


def test_the_page_and_the_tables_show_them(figures):
    _, page, printed = figures
    assert page.count("<svg") == sum(len(column.kinds) for column in bench.COLUMNS) + 4 # idle tunnels
    assert "http://" not in page and "https://" not in page and "<script" not in page
    for row in ("weir |", "direct |", "floor epoll |", "weir / lowest floor | **", "two workers against one |"):
        assert "| " + row in printed


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


# ---- the bare relay ------------------------------------------------------------------------------------------------

def without_rings():
    """For the process that is to be: io_uring_setup fails with EPERM, by a filter of system calls (seccomp(2))."""
    load_number, if_equal, give = 0x20, 0x15, 0x06
    code = b"".join(struct.pack("HBBI", *line) for line in (
        (load_number, 0, 0, 0), (if_equal, 0, 1, 425), (give, 0, 0, 0x50000 | errno.EPERM), (give, 0, 0, 0x7fff0000)))
    program = ctypes.create_string_buffer(struct.pack("HP", 4, ctypes.addressof(kept := ctypes.create_string_buffer(code))))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0) # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, program, 0, 0) == 0, kept # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


@contextlib.contextmanager
def relay(how, backend):
    port = harness.free_port()
    with subprocess.Popen([RELAY, how, str(port), str(backend)], stderr=subprocess.PIPE, text=True) as process:
        def listens():
            if process.poll() is not None:
                pytest.skip(process.stderr.read())
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        try:
            until(listens, "the relay to listen")
            yield port
            assert process.poll() is None, process.stderr.read()
        finally:
            process.terminate()


def slow_client(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.connect(("127.0.0.1", port))
    return harness.Wire(sock)


@pytest.mark.parametrize("how", ["epoll", "splice", "io_uring"])
def test_a_bare_relay_keeps_each_byte_when_the_other_side_is_slow(how):
    with harness.Backend() as backend, relay(how, backend.port) as port:
        backend.accept().close() # it was asked whether it listens
        clients = [slow_client(port) for _ in range(3)]
        peers = [backend.accept() for _ in clients]
        sent = [os.urandom(12_000_000) for _ in clients] # more than the kernel takes for them
        senders = [threading.Thread(target=peer.send, args=(data,)) for peer, data in zip(peers, sent)]
        for sender, peer in zip(senders, peers):
            sender.start()
            until(lambda s=sender, p=peer: not s.is_alive() or p.is_stuck(), "no more to go in")
        for client, data in zip(clients, sent):
            assert client.read(len(data)) == data
            client.send(b"there")
        for peer in peers:
            assert peer.read(5) == b"there"
            peer.half_close()
        assert all(client.read_all() == b"" for client in clients)
        for sender in senders:
            sender.join()


def test_a_machine_without_io_uring_leaves_out_its_row_and_says_why(tmp_path):
    found, page, printed = run_bench(tmp_path, "--tests", "echo", "--kinds", "plain", "--idle", "0", "--rounds", "1",
                                     "--seconds", "0.1", preexec_fn=without_rings)
    assert set(found["runs"]["plain"]["echo"]) == {"weir", "direct", "floor epoll", "floor splice"}
    assert is_refused(found, "floor io_uring")
    for text in (page, printed):
        assert "floor io_uring is left out" in text and "| floor io_uring |" not in text


# ---- ratios --------------------------------------------------------------------------------------------------------

def test_a_ratio_is_that_of_each_round_to_the_peer_with_the_lowest_median():
    cells = {name: [{"figure": f} for f in found] for name, found in
             {"weir": [1, 2, 9], "a": [2, 4, 3], "b": [9, 1, 9]}.items()}
    assert report.best_of(cells, ["a", "b"]) == "a"
    assert report.ratio_cell(cells, "weir", ["a", "b"]) == "**0.50** (0.50 to 3.00) of a"

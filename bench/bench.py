#!/usr/bin/python3
"""make bench: Weir side by side with other proxies, and with no proxy at all, in one run.

  bench.py [PEER ...]              nginx haproxy h2o lighttpd apache caddy; all without a name
  bench.py --quick                 the four best known, fewer columns, less than 90 seconds
  bench.py --peer old=/tmp/weir    one more row: another build of Weir, or a command with options
  bench.py --idle 100000 --tests '' --kinds plain nginx haproxy      how many tunnels

Rounds go through all servers before the next one begins; a ratio is the median of each round's own ratio to the best
peer of that column. The load and the backend share a core and the proxy has one to itself, so that CPU time per message
is what counts: messages a second are the harness's limit as often as the proxy's. docs/performance.md has the method.
Exit status: 0; 1 a payload was wrong.
"""
import argparse
import contextlib
import itertools
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

import idle
import page
import peers
import report
import workers
from machine import Machine
from peers import put
from report import DIRECT, Column
from stage import Stage, say

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
APACHE_TUNNELS = 2000       # a thread each


def per_count(run):
    return run["cpu_s"] / run["count"] * 1e6


def per_gigabyte(run):
    return run["cpu_s"] / run["bytes"] * 1e9


def p99(run):
    return run["p99_us"]


def per_resumed(run):
    """The first of each of 16 that go on side by side has nothing to resume."""
    return per_count(run) if run["resumed"] >= (run["total"] - 16) * 0.9 else None


COLUMNS = [
    Column("echo", "64 B echo", "CPU µs", "echo -c 100 -s 64", per_count),
    Column("e16k", "16 KiB echo", "CPU s/GB", "echo -c 16 -k 2 -s 16384", per_gigabyte),
    Column("e1m", "1 MiB echo", "CPU s/GB", "echo -c 4 -s 1048576", per_gigabyte),
    Column("push", "push of 64 KiB", "CPU s/GB", "push -c 4 -s 65536", per_gigabyte),
    Column("connect", "connect", "CPU µs", "connect -P 16", per_count),
    Column("resumed", "connect, resumed", "CPU µs", "connect -P 16 -x", per_resumed, kinds=("tls",)),
    Column("returns", "connect, each ticket once", "CPU µs", "connect -P 16 -X", per_count, kinds=("tls",)),
    Column("http", "HTTP request", "CPU µs", "http -c 64 -s 128", per_count, path="/http/"),
    Column("rate", "echo at a fixed rate", "p99 µs", "rate -c 100 -s 64 -r {rate}", p99, spread=True),
]
QUICK = ["echo", "push", "connect", "resumed", "http"]
HELD = [Column("idle", "idle tunnel", "bytes"), Column("closed", "kept when closed", "bytes a tunnel")]
WORKERS = "workers"         # a table of its own
TESTS = [c.key for c in COLUMNS] + [WORKERS]


# ---- speed ---------------------------------------------------------------------------------------------------------

def start_all(stage, rows):
    """-> {name: (process, {kind: port})} of those that run."""
    found = {}
    _, backend, _ = stage.backend(stage.stack, stage.machine.load_cpus)
    for name, peer in rows.items():
        if name == DIRECT: # the backend in the proxy's place: what one end costs, where a relay has two
            process, port, tls_port = stage.backend(stage.stack, stage.machine.proxy_cpus, tls=True)
            found[name] = process, {"plain": port, "tls": tls_port}
            continue
        place = stage.place(name, 500, backends=[backend])
        try:
            process = peers.start(peer, place)
        except (peers.Failed, OSError) as e:
            stage.leave_out(name, e)
            continue
        stage.stack.callback(peers.stop, process)
        found[name] = process, {kind: place.front(kind == "tls") for kind in peer.kinds}
    return found


def measure(stage, column, kind, name, server):
    o = stage.options
    process, ports = server
    pids = ",".join(map(str, peers.tree(process.pid)))
    path = column.path if column.key != "push" else column.path + "push"
    how = f"{column.load.format(rate=o.rate)} -t {o.seconds} -w {o.warm} -p {pids}"
    run = stage.result(stage.spawn_load(how, ports[kind], path, kind == "tls"), 60 + o.seconds)
    if run["errors"] or run["wrong"]:
        say(f"{name}, {kind}, {column.title}: {run['fault']}")
    run["figure"] = column.figure(run) if run["count"] and not run["wrong"] else None
    return run


def measure_all(stage, rows, columns, kinds):
    """-> {kind: {column: {name: [run of each round]}}}"""
    runs = {}
    servers = start_all(stage, rows)
    for turn in range(stage.options.rounds):
        for kind, column in itertools.product(kinds, columns):
            if kind not in column.kinds:
                continue
            for name, server in servers.items():
                if kind in server[1]:
                    run = measure(stage, column, kind, name, server)
                    runs.setdefault(kind, {}).setdefault(column.key, {}).setdefault(name, []).append(run)
        say(f"round {turn + 1} of {stage.options.rounds}")
    return runs


# ---- the command line ------------------------------------------------------------------------------------------------

def read_options(args):
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("peers", nargs="*", metavar="PEER", help="default: all; none: only Weir and no proxy")
    a.add_argument("--weir", default=TOP + "/build/weir", metavar="FILE")
    a.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="one more Weir")
    a.add_argument("--quick", action="store_true")
    a.add_argument("--rounds", type=int)
    a.add_argument("--seconds", type=float)
    a.add_argument("--warm", type=float)
    a.add_argument("--rate", type=int, default=2000, help="messages a second where latency is measured")
    a.add_argument("--tests", metavar="A,B", help=",".join(TESTS))
    a.add_argument("--kinds", default="plain,tls")
    a.add_argument("--idle", type=int, metavar="N", help="idle tunnels to hold; 0: none")
    a.add_argument("--open-rate", type=int, default=4000, help="and to open a second")
    a.add_argument("--load-cpus", metavar="N,N")
    a.add_argument("--proxy-cpus", metavar="N,N")
    a.add_argument("--json", metavar="FILE")
    a.add_argument("--html", metavar="FILE", default=TOP + "/build/bench/index.html")
    o = a.parse_args(args)
    o.peers = o.peers or (["nginx", "haproxy", "h2o"] if o.quick else list(peers.PEERS))
    o.peers = [] if o.peers == ["none"] else o.peers
    o.rounds = o.rounds or (2 if o.quick else 5)
    o.seconds = o.seconds or (0.3 if o.quick else 0.8)
    o.warm = (0.1 if o.quick else 0.2) if o.warm is None else o.warm
    if o.tests is None:
        o.tests = ",".join(QUICK if o.quick else TESTS)
    if o.idle is None:
        o.idle = 1000 if o.quick else min(8000, int(peers.FILES * 0.4))
    unknown = [n for n in o.peers if n not in peers.PEERS] or [t for t in o.tests.split(",") if t and t not in TESTS]
    if unknown:
        a.error("unknown: " + " ".join(unknown))
    return o


def choose_rows(options):
    """{name: Peer}, in the order of the table."""
    rows = {"weir": peers.Peer(peers.weir(shlex.quote(options.weir)))}
    for spec in options.peer:
        name, _, command = spec.partition("=")
        rows[name] = peers.Peer(peers.weir(command))
    for name in options.peers:
        if shutil.which(peers.PEERS[name].program):
            rows[name] = peers.PEERS[name]
        else:
            say(f"{name} is not installed: scripts/deps bench")
    rows.update(peers.floors(os.path.dirname(os.path.realpath(options.weir)) + "/bench-relay"))
    rows[DIRECT] = None
    return rows


def versions(rows):
    found = {}
    for name, peer in rows.items():
        if peer and peer.package:
            query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", peer.package], capture_output=True, text=True)
            found[name] = query.stdout
    return found


def hold_all(stage, rows, kinds):
    """-> {kind: {column: {name: [run]}}}, of those that are no bare relay"""
    runs = {}
    for kind, (name, peer) in itertools.product(kinds, rows.items()):
        if not peer or kind not in peer.kinds or peer.bare:
            continue
        tunnels = min(stage.options.idle, APACHE_TUNNELS) if name == "apache" else stage.options.idle
        held = idle.Idle(stage, peer, name, kind == "tls", tunnels).run()
        for key, run in idle.figures(held).items():
            runs.setdefault(kind, {}).setdefault(key, {})[name] = [run]
    return runs


def run(options, machine, rows):
    columns = [c for c in COLUMNS if c.key in options.tests.split(",")]
    kinds = options.kinds.split(",")
    results = {"machine": machine.describe(), "versions": versions(rows), "rounds": options.rounds,
               "seconds": options.seconds, "names": list(rows), "tunnels": options.idle,
               "peers": [n for n in rows if n in peers.PEERS], "floors": [n for n, p in rows.items() if p and p.bare]}
    with contextlib.ExitStack() as stack:
        dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-"))
        os.chmod(dir, 0o755)
        stage = Stage(options, machine, dir, stack)
        results["runs"] = measure_all(stage, rows, columns, kinds) if columns else {}
        for kind, found in (hold_all(stage, rows, kinds) if options.idle else {}).items():
            results["runs"].setdefault(kind, {}).update(found)
        if WORKERS in options.tests.split(","):
            results["workers"] = workers.compare(stage, rows)
    results["compared"], results["wrong"] = stage.compared, stage.wrong
    results["machine"]["load_after"] = os.getloadavg()[0]
    return results


def main(args):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    options = read_options(args)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)) # so that what runs is stopped
    resource.setrlimit(resource.RLIMIT_NOFILE, (peers.FILES, peers.FILES))
    rows = choose_rows(options)
    results = run(options, Machine(options), rows)
    columns = COLUMNS + HELD
    print(report.markdown(results, columns))
    if options.json:
        put(options.json, json.dumps(results, indent=1))
    os.makedirs(os.path.dirname(os.path.abspath(options.html)), exist_ok=True)
    put(options.html, page.html(results, columns))
    print(f"\n{options.html}: the same with plots / 図は {options.html} にあります")
    return 1 if results["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

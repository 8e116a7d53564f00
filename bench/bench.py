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
import ctypes
import fcntl
import itertools
import json
import os
import re
import resource
import select
import shlex
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import peers
import report
from report import Column

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
DIRECT = "direct"           # the backend in the proxy's place: what one end costs, where a relay has two
APACHE_TUNNELS = 2000       # a thread each
TO_A_BACKEND = 25000        # from one address to one port, of those that a namespace has at first


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
    Column("http", "HTTP request", "CPU µs", "http -c 64 -s 128", per_count, path="/http/"),
    Column("rate", "echo at a fixed rate", "p99 µs", "rate -c 100 -s 64 -r {rate}", p99),
]
QUICK = ["echo", "push", "connect", "resumed", "http"]
IDLE = Column("idle", "idle tunnel", "bytes", "idle", lambda run: run["bytes_each"])


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def get(path):
    with open(path) as f:
        return f.read()


# ---- the machine --------------------------------------------------------------------------------------------------

CLONE_NEWNET = 0x40000000
SYSCTLS = {"core/somaxconn": "65535", "ipv4/ip_local_port_range": "1024 65535",
           "ipv4/ip_local_reserved_ports": "8000-8999", "ipv4/tcp_max_syn_backlog": "65535",
           "ipv4/tcp_max_tw_buckets": "1000000", "ipv4/tcp_congestion_control": "cubic"}


def allow_cubic():
    """A namespace may only choose what the machine allows; returns what undoes it."""
    path = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
    was = get(path).split()
    if "cubic" not in was:
        with contextlib.suppress(OSError):
            put(path, " ".join(was + ["cubic"]))
    return lambda: "cubic" in was or put(path, " ".join(was))


def enter_namespace(notes):
    """A loopback of our own: ports that nobody has, sysctls that touch nobody else."""
    libc = ctypes.CDLL(None, use_errno=True)
    undo = allow_cubic()
    host = os.open("/proc/self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET) != 0:
        notes.append("no network namespace: " + os.strerror(ctypes.get_errno()))
        return False
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1 | 64)) # SIOCSIFFLAGS: up, running
    for name, value in SYSCTLS.items():
        try:
            put("/proc/sys/net/" + name, value)
        except OSError as e:
            notes.append(f"{name} stays as it is: {e.strerror}")
    ours = os.open("/proc/self/ns/net", os.O_RDONLY)
    libc.setns(host, CLONE_NEWNET)
    with contextlib.suppress(OSError):
        undo()
    libc.setns(ours, CLONE_NEWNET)
    os.close(host)
    os.close(ours)
    return True


def cpu_list(text):
    return {int(n) for n in text.split(",")}


class Machine:
    def __init__(self, options):
        may = sorted(os.sched_getaffinity(0))
        self.notes = []
        self.load_cpus = cpu_list(options.load_cpus) if options.load_cpus else {may[0]}
        self.proxy_cpus = cpu_list(options.proxy_cpus) if options.proxy_cpus else {may[-1]}
        if self.load_cpus & self.proxy_cpus:
            self.notes.append("the load and the proxy share a core")
        self.nice = -10 if peers.ROOT else 0
        self.own_net = peers.ROOT and enter_namespace(self.notes)
        if not peers.ROOT:
            self.notes.append("not root: the machine's own network, no priority")
        self.ports = itertools.count(8000)

    def port(self):
        if self.own_net:
            return next(self.ports)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def describe(self):
        return {"when": time.strftime("%Y-%m-%d %H:%M"), "kernel": os.uname().release, "load": os.getloadavg()[0],
                "load_cpus": sorted(self.load_cpus), "proxy_cpus": sorted(self.proxy_cpus), "notes": self.notes}


# ---- running things -------------------------------------------------------------------------------------------------

class Bench:
    def __init__(self, options, machine, dir, stack):
        self.options, self.machine, self.dir, self.stack = options, machine, dir, stack
        self.tools = os.path.dirname(os.path.realpath(options.weir))
        self.pem = os.path.join(dir, "both.pem")
        self.wrong = self.compared = 0
        certificate(self.pem)

    def fresh_dir(self, name):
        path = tempfile.mkdtemp(prefix=name + "-", dir=self.dir)
        os.chmod(path, 0o777)
        return path

    def place(self, name, tunnels, **more):
        m = self.machine
        return peers.Place(**{"dir": self.fresh_dir(name), "port": m.port(), "tls_port": m.port(), "pem": self.pem,
                              "threads": len(m.proxy_cpus), "tunnels": tunnels, "cpus": m.proxy_cpus, "nice": m.nice,
                              **more})

    def backend(self, stack, cpus, tls=False):
        """-> (process, port, TLS port)"""
        port, tls_port = self.machine.port(), self.machine.port()
        command = [self.tools + "/bench-backend", "-p", str(port)]
        if tls:
            command += ["-c", self.pem, "-T", str(tls_port)]
        process = peers.spawn(command, self.dir, cpus, self.machine.nice)
        stack.callback(peers.stop, process)
        peers.wait_for(port, process)
        return process, port, tls_port

    def load_command(self, how, port, path, tls):
        return [self.tools + "/bench-load"] + how.split() + (["-S"] if tls else []) + [str(port), path]

    def spawn_load(self, how, port, path, tls):
        return peers.spawn(self.load_command(how, port, path, tls), self.dir, self.machine.load_cpus,
                           self.machine.nice, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def result(self, process, patience):
        """The JSON that a load prints last."""
        try:
            out = process.communicate(timeout=patience)[0].splitlines()
            run = json.loads(out[-1])
        except (subprocess.TimeoutExpired, IndexError, ValueError) as e:
            process.kill()
            process.wait()
            return {"errors": 1, "wrong": 0, "count": 0, "fault": f"bench-load: {e!r}"}
        self.wrong += run["wrong"]
        self.compared += run["total"]
        return run

    # ---- speed

    def servers(self, rows):
        """Starts all rows; -> {name: (process, {kind: port})} of those that run."""
        found = {}
        _, backend, _ = self.backend(self.stack, self.machine.load_cpus)
        for name, peer in rows.items():
            if name == DIRECT:
                process, port, tls_port = self.backend(self.stack, self.machine.proxy_cpus, tls=True)
                found[name] = process, {"plain": port, "tls": tls_port}
                continue
            place = self.place(name, 500, backends=[backend])
            try:
                process = peers.start(peer, place)
            except peers.Failed as e:
                say(f"{name} is left out: {e}")
                continue
            self.stack.callback(peers.stop, process)
            found[name] = process, {"plain": place.port, "tls": place.tls_port}
        return found

    def measure(self, column, kind, name, server):
        o = self.options
        process, ports = server
        pids = ",".join(map(str, peers.tree(process.pid)))
        path = column.path if column.key != "push" else column.path + "push"
        how = f"{column.load.format(rate=o.rate)} -t {o.seconds} -w {o.warm} -p {pids}"
        run = self.result(self.spawn_load(how, ports[kind], path, kind == "tls"), 60 + o.seconds)
        if run["errors"] or run["wrong"]:
            say(f"{name}, {kind}, {column.title}: {run['fault']}")
        run["figure"] = column.figure(run) if run["count"] and not run["wrong"] else None
        return run

    def speed(self, rows, columns, kinds):
        runs = {}
        servers = self.servers(rows)
        for turn in range(self.options.rounds):
            for kind, column in itertools.product(kinds, columns):
                if kind not in column.kinds:
                    continue
                for name, server in servers.items():
                    run = self.measure(column, kind, name, server)
                    runs.setdefault(kind, {}).setdefault(column.key, {}).setdefault(name, []).append(run)
            say(f"round {turn + 1} of {self.options.rounds}")
        return runs

    # ---- memory

    def idle(self, name, peer, kind, tunnels):
        """N tunnels, each of which has been used before it idles."""
        try:
            with contextlib.ExitStack() as stack:
                return self.hold(stack, name, peer, (kind, tunnels))
        except peers.Failed as e:
            return {"errors": 1, "fault": str(e)}

    def spread(self, stack, name, peer, tunnels):
        """As many instances as the limit on files asks for, and to each as many backends as ports do.
        -> (processes, [(instance, tunnel path, tunnels)])"""
        instances = -(-tunnels * 2 // int(peers.FILES * 0.86))
        backends = -(-tunnels // instances // TO_A_BACKEND)
        each = -(-tunnels // (instances * backends))
        running, groups = [], []
        for _ in range(instances):
            ports = [self.backend(stack, self.machine.load_cpus)[1] for _ in range(backends)]
            place = self.place(name, each * backends, backends=ports)
            process = peers.start(peer, place)
            stack.callback(peers.stop, process)
            running.append(process)
            groups += [(place, peers.tunnel_path(i), each) for i in range(backends)]
        return running, groups

    def hold(self, stack, name, peer, what):
        kind, tunnels = what
        tls = kind == "tls"
        running, groups = self.spread(stack, name, peer, tunnels)
        for place, path, _ in groups: # what is allocated once is not a tunnel's
            self.result(self.spawn_load("echo -c 8 -t 0.1 -w 0", place.front(tls), path, tls), 30)
        time.sleep(0.3)
        before = memory(running)
        others = self.spawn_others(groups, tls, tunnels) if len(running) > 1 or tunnels > TO_A_BACKEND else None
        loads = [self.spawn_idle(stack, group, tls, len(groups)) for group in groups]
        ready = [self.ready(load) for load in loads]
        time.sleep(0.7)
        run = {"opened": sum(n for n, _ in ready), "open_s": max(s for _, s in ready), "memory": memory(running),
               "instances": len(running)}
        run["bytes_each"] = (run["memory"] - before) / max(run["opened"], 1)
        run["figure"] = run["bytes_each"] if run["opened"] else None
        run.update(self.finish_idle(loads))
        if others:
            run["others"] = self.result(others, tunnels / 1000 + 60)
        if run["errors"]:
            say(f"{name}, {kind}, idle: {run['fault']}")
        return run

    def spawn_others(self, groups, tls, tunnels):
        """A few that are busy while the many are opened."""
        place, path, _ = groups[0]
        seconds = tunnels / self.options.open_rate + 3
        return self.spawn_load(f"rate -c 20 -r 500 -w 0.5 -t {seconds:.1f}", place.front(tls), path, tls)

    def spawn_idle(self, stack, group, tls, n_groups):
        place, path, tunnels = group
        load = self.spawn_load(f"idle -c {tunnels} -P 32 -o {self.options.open_rate / n_groups}", place.front(tls), path, tls)
        stack.callback(load.kill)
        return load

    def ready(self, load):
        """-> (tunnels, seconds)"""
        patience = 60 + self.options.idle / 100
        if select.select([load.stdout], [], [], patience)[0]:
            found = re.match(r"ready (\d+) ([\d.]+)", load.stdout.readline())
            if found:
                return int(found[1]), float(found[2])
        return 0, 0.0

    def finish_idle(self, loads):
        for load in loads:
            with contextlib.suppress(BrokenPipeError):
                load.stdin.write("\n")
                load.stdin.flush()
        ends = [self.result(load, 120) for load in loads]
        return {"alive": sum(end["count"] for end in ends), "errors": sum(end["errors"] for end in ends),
                "wrong": sum(end["wrong"] for end in ends),
                "fault": next((end["fault"] for end in ends if end["fault"]), "")}


def memory_of(pid):
    """Bytes, those that are shared in part only (PSS); where that may not be read, all that is resident."""
    try:
        return int(re.search(r"^Pss:\s+(\d+)", get(f"/proc/{pid}/smaps_rollup"), re.M)[1]) * 1024
    except PermissionError:
        return int(get(f"/proc/{pid}/statm").split()[1]) * resource.getpagesize()


def memory(processes):
    return sum(memory_of(pid) for process in processes for pid in peers.tree(process.pid))


def certificate(pem):
    parts = [pem + ".cert", pem + ".key"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", parts[0], "-keyout",
                    parts[1]], check=True, stderr=subprocess.DEVNULL)
    put(pem, "".join(map(get, parts)))
    os.chmod(pem, 0o644) # a key for a minute; some servers read it after they gave root up


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


# ---- the command line ------------------------------------------------------------------------------------------------

def read_options(args):
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("peers", nargs="*", metavar="PEER", help="default: all; none: only Weir and no proxy")
    a.add_argument("--weir", default=TOP + "/build/weir", metavar="FILE")
    a.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="one more Weir")
    a.add_argument("--quick", action="store_true")
    a.add_argument("--rounds", type=int)
    a.add_argument("--seconds", type=float)
    a.add_argument("--warm", type=float, default=0.2)
    a.add_argument("--rate", type=int, default=2000, help="messages a second where latency is measured")
    a.add_argument("--tests", metavar="A,B", help=",".join(c.key for c in COLUMNS))
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
    if o.tests is None:
        o.tests = ",".join(QUICK if o.quick else [c.key for c in COLUMNS])
    if o.idle is None:
        o.idle = 1000 if o.quick else min(8000, int(peers.FILES * 0.4))
    unknown = [n for n in o.peers if n not in peers.PEERS] or [t for t in o.tests.split(",") if t and t not in
                                                               {c.key for c in COLUMNS}]
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
    rows[DIRECT] = None
    return rows


def versions(rows):
    found = {}
    for name, peer in rows.items():
        if peer and peer.package:
            query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", peer.package], capture_output=True, text=True)
            found[name] = query.stdout
    return found


def run(options, machine, rows):
    columns = [c for c in COLUMNS if c.key in options.tests.split(",")]
    kinds = options.kinds.split(",")
    with contextlib.ExitStack() as stack:
        dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-"))
        os.chmod(dir, 0o755)
        bench = Bench(options, machine, dir, stack)
        results = {"machine": machine.describe(), "versions": versions(rows), "rounds": options.rounds,
                   "seconds": options.seconds, "names": list(rows), "tunnels": options.idle}
        results["runs"] = bench.speed(rows, columns, kinds) if columns else {}
        for kind, (name, peer) in itertools.product(kinds if options.idle else [], rows.items()):
            if peer:
                tunnels = min(options.idle, APACHE_TUNNELS) if name == "apache" else options.idle
                idle = bench.idle(name, peer, kind, tunnels)
                results["runs"].setdefault(kind, {}).setdefault(IDLE.key, {})[name] = [idle]
    results["compared"], results["wrong"] = bench.compared, bench.wrong
    results["machine"]["load_after"] = os.getloadavg()[0]
    return results


def main(args):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    options = read_options(args)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)) # so that what runs is stopped
    resource.setrlimit(resource.RLIMIT_NOFILE, (peers.FILES, peers.FILES))
    rows = choose_rows(options)
    results = run(options, Machine(options), rows)
    columns = COLUMNS + [IDLE]
    print(report.markdown(results, columns, set(peers.PEERS)))
    if options.json:
        put(options.json, json.dumps(results, indent=1))
    os.makedirs(os.path.dirname(os.path.abspath(options.html)), exist_ok=True)
    put(options.html, report.html(results, columns, set(peers.PEERS)))
    print(f"\n{options.html}: the same with plots / 図は {options.html} にあります")
    return 1 if results["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

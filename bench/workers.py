"""Two worker threads against one. Every proxy gets two cores, the same for both; so do two loads and two backends, so
that none of them is what one thread is measured by. Where there are but two cores all of them share these."""
import contextlib
import os

import peers
from stage import say

LOADS = 2
HOW = "echo -c 50 -s 64"
THREADS = (1, 2)


def cores(machine):
    """-> (proxy's, load's)"""
    if len(machine.proxy_cpus) > 1:
        return machine.proxy_cpus, machine.load_cpus
    both = machine.proxy_cpus | machine.load_cpus
    return both, both


def start(stage, stack, name, peer, threads):
    """-> (process, place)"""
    proxy_cpus, load_cpus = cores(stage.machine)
    ports = [stage.backend(stack, load_cpus)[1] for _ in range(LOADS)]
    place = stage.place(name, 500, backends=ports, threads=threads, cpus=proxy_cpus)
    process = peers.start(peer, place)
    stack.callback(peers.stop, process)
    return process, place


def measure(stage, process, place):
    """Messages a second through all loads together, and the proxy's CPU for one."""
    pids = ",".join(map(str, peers.tree(process.pid)))
    o, (_, cpus) = stage.options, cores(stage.machine)
    how = f"{HOW} -t {o.seconds} -w {o.warm} -p {pids}"
    loads = [stage.spawn_load(how, place.port, peers.tunnel_path(i), False, cpus) for i in range(LOADS)]
    runs = [stage.result(load, 60 + o.seconds) for load in loads]
    if any(run["errors"] or run["wrong"] or not run["count"] for run in runs):
        return None
    rate = sum(run["count"] / run["seconds"] for run in runs)
    busy = sum(run["cpu_s"] / run["seconds"] for run in runs) / LOADS # each has seen all of it
    return {"rate": rate, "cpu_us": busy / rate * 1e6}


def compare(stage, rows):
    """-> {"cpus": those of the proxies, "alone": not the load's, "rows": {name: {threads: [run]}}}"""
    servers, found = {}, {}
    proxy_cpus, load_cpus = cores(stage.machine)
    with contextlib.ExitStack() as stack:
        for name, peer in rows.items():
            if not peer or not peer.threads:
                continue
            try:
                servers[name] = {n: start(stage, stack, name, peer, n) for n in THREADS}
            except peers.Failed as e:
                say(f"{name} with two workers is left out: {e}")
        for _ in range(stage.options.rounds):
            for name, by_threads in servers.items():
                for threads, server in by_threads.items():
                    run = measure(stage, *server)
                    if run:
                        found.setdefault(name, {}).setdefault(str(threads), []).append(run)
    return {"cpus": sorted(proxy_cpus), "alone": not proxy_cpus & load_cpus, "machine_cpus": os.cpu_count(),
            "rows": found}

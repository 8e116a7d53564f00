"""Idle tunnels: what one holds, how fast many are opened and what others notice of it, and what is given back."""
import contextlib
import re
import select
import time

import peers
from stage import memory, say

TO_A_BACKEND = 25000        # from one address to one port, of those that a namespace has at first
OTHERS_FROM = 2000          # tunnels: fewer are open before others could notice anything
SPARE = 200                 # tunnels beside them: those that were just closed, a few busy ones
AFTER_S = 2                 # the end of the last tunnel, what is kept is read


class Idle:
    """N tunnels of one proxy, each of which has been used before it idles."""

    def __init__(self, stage, peer, name, tls, tunnels):
        self.stage, self.peer, self.name, self.tls, self.tunnels = stage, peer, name, tls, tunnels
        self.rate = stage.options.open_rate

    def run(self):
        try:
            with contextlib.ExitStack() as stack:
                return self.hold(stack)
        except peers.Failed as e:
            return {"errors": 1, "fault": str(e)}

    def spread(self, stack):
        """As many instances as the limit on files asks for, and to each as many backends as ports do.
        -> (processes, [(instance, tunnel path, tunnels)])"""
        instances = -(-self.tunnels * 2 // int(peers.FILES * 0.86))
        backends = -(-self.tunnels // instances // TO_A_BACKEND)
        each = -(-self.tunnels // (instances * backends))
        running, groups = [], []
        for _ in range(instances):
            ports = [self.stage.backend(stack, self.stage.machine.load_cpus)[1] for _ in range(backends)]
            place = self.stage.place(self.name, each * backends + SPARE, backends=ports)
            process = peers.start(self.peer, place)
            stack.callback(peers.stop, process)
            running.append(process)
            groups += [(place, peers.tunnel_path(i), each) for i in range(backends)]
        return running, groups

    def hold(self, stack):
        running, groups = self.spread(stack)
        for group in groups: # what is allocated once is not a tunnel's
            self.stage.result(self.spawn("echo -c 64 -t 0.1 -w 0", group), 30)
        run, loads = {"instances": len(running)}, []

        def open_all():
            loads.extend(self.open(stack, group, len(groups)) for group in groups)
            ready = [self.ready(load) for load in loads]
            run.update(opened=sum(n for n, _ in ready), open_s=max(s for _, s in ready))

        def end_all():
            run["memory"] = memory(running)
            run.update(self.finish(loads))
            time.sleep(AFTER_S)
        watched = len(running) > 1 or self.tunnels >= OTHERS_FROM
        few = groups[0] if watched else None
        run["quiet"] = self.meanwhile(few, 1, lambda: None)
        run["before"] = memory(running)
        run["opening"] = self.meanwhile(few, self.tunnels / self.rate + 1, open_all)
        run["ending"] = self.meanwhile(few, AFTER_S, end_all)
        run["after"] = memory(running)
        if run["errors"]:
            say(f"{self.name}, {'tls' if self.tls else 'plain'}, idle: {run['fault']}")
        return run

    def meanwhile(self, group, seconds, act):
        """What a few busy tunnels of the group notice of an act, at a rate that is modest for all."""
        busy = self.spawn(f"rate -c 20 -r 500 -w 0.2 -t {seconds:.1f}", group) if group else None
        time.sleep(0.5 if busy else 0.2) # it is under way, and what was before is settled
        act()
        return self.stage.result(busy, seconds + 60) if busy else {}

    def spawn(self, how, group):
        place, path, _ = group
        return self.stage.spawn_load(how, place.front(self.tls), path, self.tls)

    def open(self, stack, group, n_groups):
        load = self.spawn(f"idle -c {group[2]} -P 32 -o {self.rate / n_groups}", group)
        stack.callback(load.kill)
        return load

    def ready(self, load):
        """-> (tunnels, seconds)"""
        if select.select([load.stdout], [], [], 60 + self.tunnels / 100)[0]:
            found = re.match(r"ready (\d+) ([\d.]+)", load.stdout.readline())
            if found:
                return int(found[1]), float(found[2])
        return 0, 0.0

    def finish(self, loads):
        for load in loads:
            with contextlib.suppress(BrokenPipeError):
                load.stdin.write("\n")
                load.stdin.flush()
        ends = [self.stage.result(load, 120) for load in loads]
        return {"alive": sum(end["count"] for end in ends), "errors": sum(end["errors"] for end in ends),
                "wrong": sum(end["wrong"] for end in ends),
                "fault": next((end["fault"] for end in ends if end["fault"]), "")}


def figures(run):
    """-> {column: run} of one that was measured."""
    def of(bytes):
        return dict(run, figure=max(bytes, 0) / run["opened"] if run.get("opened") else None)
    if not run.get("opened"):
        return {"idle": of(0), "closed": of(0)}
    return {"idle": of(run["memory"] - run["before"]), "closed": of(run["after"] - run["before"])}

"""Sequences of requests to balancers under apache2 and under Weir: who answered, what the backend saw, what the log said,
which variables were set. A row is (name, virtual host, requests)."""
import os
import re
import shutil
import tempfile

from apache import APACHE, Backend, Run, accept_upgrade, free_port, ok, second_server, silent, wait_until

MODULES = ("slotmem_shm", "proxy_balancer", "lbmethod_byrequests", "lbmethod_bytraffic", "lbmethod_bybusyness", "env", "authz_host", "headers", "rewrite")
VARIABLES = ["BALANCER_NAME", "BALANCER_WORKER_NAME", "BALANCER_WORKER_ROUTE", "BALANCER_SESSION_STICKY", "BALANCER_SESSION_ROUTE",
             "BALANCER_ROUTE_CHANGED"]
LOG = "CustomLog @DIR@/env.log \"%%V %%>s %s %%{session-sticky}n %%{session-route}n\"\n" % " ".join("[%%{%s}e]" % v for v in VARIABLES)


def long_answer(peer, request):
    peer.sendall(ok(b"x" * 5000))


SCRIPTS = {
    "upgrade": accept_upgrade,
    "silent": silent,
    "close": lambda peer, request: False,
    "long": long_answer,
    "busy": b"HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nx",
    "broken": b"HTTP/1.1 500 Broken\r\nContent-Length: 1\r\n\r\nx",
}


def pool(members, name="p", settings=""):
    """A section; a member is written as its URL's rest and parameters: "@A@ route=a"."""
    lines = "".join("BalancerMember %s\n" % (m if "//" in m or ":" in m else "http://127.0.0.1:" + m) for m in members)
    return "<Proxy balancer://%s>\n%s%s</Proxy>\n" % (name, lines, "ProxySet %s\n" % settings if settings else "")


def access_lines(run):
    path = os.path.join(run.directory, "env.log")
    if not os.path.exists(path): # httpd listens before it opens its logs
        return 0
    with open(path) as f:
        return f.read().count("\n")


class Told:
    """What one side told of one row."""

    def __init__(self):
        self.answers, self.log, self.variables = [], [], []

    @property
    def statuses(self):
        return [a.status for a in self.answers]

    @property
    def bodies(self):
        return [a.body for a in self.answers]

    @property
    def seen(self):
        return [a.seen for a in self.answers]


class Sequences:
    def __init__(self, rows, main="", wait=8.0, targets=()):
        self.rows, self.main, self.wait, self.targets = rows, main, wait, targets
        directory = tempfile.mkdtemp(prefix="weir-apache-")
        os.chmod(directory, 0o755)
        self.backends = {name: Backend() for name in "ABCD"}
        self.backends.update(DEAD=free_port(), DEAD2=free_port(), U=Backend(directory + "/backend.sock"), SOCK=directory + "/backend.sock")
        for name, backend in self.backends.items():
            if isinstance(backend, Backend):
                backend.scripts.update(SCRIPTS, ok=ok(name.encode()))
        self.told = {}
        try:
            for side, program in (("apache", APACHE), ("weir", second_server())):
                self.run(side, program)
        finally:
            for backend in self.backends.values():
                if isinstance(backend, Backend):
                    backend.close()
            shutil.rmtree(directory, ignore_errors=True)

    def run(self, side, program):
        run = Run(program, [row[1] for row in self.rows], self.backends, MODULES, "info", LOG + self.main)
        try:
            for number, row in enumerate(self.rows):
                told = self.told[side, row[0]] = Told()
                for request in row[2]:
                    before = access_lines(run)
                    told.answers.append(run.ask(number, self.with_targets(run, request), self.wait))
                    if "busyness" in row[1]: # httpd counts a request as busy until a moment after its answer
                        wait_until(lambda: access_lines(run) > before)
        finally:
            run.stop()
            self.read_logs(side, run)
            run.clean()

    def with_targets(self, run, request):
        """TO3 in a request is the URL of that number, ports and all."""
        return re.sub(rb"TO(\d+)", lambda m: run.fill(self.targets[int(m.group(1))]).encode(), request) if self.targets else request

    def hide(self, run, text):
        for name in ("DEAD2", "DEAD"):
            text = re.sub(r"\b%d\b" % self.backends[name], name, text)
        return text.replace(self.backends["SOCK"], "SOCK")

    def read_logs(self, side, run):
        variables = {}
        with open(os.path.join(run.directory, "env.log")) as f:
            for line in f:
                host, _, rest = self.hide(run, run.hide(line.encode()).decode()).strip().partition(" ")
                variables.setdefault(host, []).append(rest)
        for number, row in enumerate(self.rows):
            told = self.told[side, row[0]]
            told.variables = sorted(variables.get("c%d.example" % number, [])) # lines of several threads have no order
            if 101 in told.statuses: # httpd writes 101 or 500, as the client's end is a FIN or comes with unread bytes
                told.variables = [v.partition(" ")[2] for v in told.variables]
            told.log = [(l.module, l.level, l.ah, self.hide(run, message(l.text))) for l in run.log("c%d" % number)
                        if l.level in ("error", "warn") and l.ah]

    def of(self, name):
        return self.told["apache", name], self.told["weir", name]


def message(text):
    """From the AH number on, and the system's error before it; the address of the client is another one each time."""
    found = re.search(r"(\(\d+\)[^:]*: )?(?:\[client [^]]*\] )?(AH\d+: .*)", text)
    return re.sub(r"^\(20014\).*?: ", "", found.group(1) or "") + found.group(2) # APR's own for an end

"""What every measurement needs: places for proxies, backends, and loads whose JSON is read."""
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import peers
from peers import get, put


class Stage:
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

    def spawn_load(self, how, port, path, tls, cpus=None):
        return peers.spawn(self.load_command(how, port, path, tls), self.dir, cpus or self.machine.load_cpus,
                           self.machine.nice, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def leave_out(self, name, why):
        """The report says so as well: a row that is not there looks like one that was forgotten."""
        text = f"{name} is left out: {why}".strip()
        self.machine.notes.append(text)
        say(text)

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


def memory_of(pid):
    """Bytes that no file stands behind, those that are shared in part only (PSS): how much of a library is in memory
    changes with who else runs. Where that may not be read, all that is resident."""
    try:
        found = re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", get(f"/proc/{pid}/smaps_rollup"), re.M)
        return sum(map(int, found)) * 1024
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

"""What many connections at once cost: no lock between workers, no memory that stays. The load and its backend are the
bench's."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import pki
from harness import PATIENCE, WEIR, Weir, free_port, preload, until

TOOLS = os.path.dirname(WEIR)
TUNNELS = 1000
CONFIG = """
ThreadsPerChild 2
LogLevel warn
MaxKeepAliveRequests 0
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{tls}
ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
<VirtualHost 127.0.0.1:{tls}>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile {cert}
    SSLCertificateKeyFile {key}
    ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
</VirtualHost>
"""
# futex calls that one of each may cause. A line of the access log is freed by the thread that writes it, so malloc may
# make this one meet the worker: where each makes a line, one in a thousand may.
LOADS = {"echo -c 64": 0, "push -c 4": 0, "http -c 64": 0.001, "connect": 0.001}


@contextlib.contextmanager
def server(leaf, prefix=()):
    backend, tls = free_port(), free_port()
    peer = subprocess.Popen([TOOLS + "/bench-backend", "-p", str(backend)])
    try:
        with Weir(CONFIG, prefix=prefix, backend=backend, tls=tls, cert=leaf.cert, key=leaf.key) as weir:
            yield weir
    finally:
        peer.kill()
        peer.wait()


def load(how, port):
    """-> how many went through, a thousand at least."""
    path, total = "/push" if how.startswith("push") else "/", 0
    while total < 1000:
        done = subprocess.run([TOOLS + "/bench-load", *how.split(), "-t", "0.5", str(port), path], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        run = json.loads(done.stdout)
        assert done.returncode == 0 and run["total"] > 0, run
        total += run["total"]
    return total


FUTEX = "strace -D -f -qq --seccomp-bpf -ttt -e signal=none -e trace=futex"


def may_trace():
    return shutil.which("strace") and subprocess.run([*FUTEX.split(), "-o", "/dev/null", "true"], check=False,
                                                     capture_output=True).returncode == 0


@pytest.mark.skipif(not may_trace(), reason="strace is not installed or may not trace here")
def test_no_worker_waits_for_another_or_wakes_one(ca, tmp_path):
    file = str(tmp_path / "futex")
    spans = {}
    with server(ca.leaf, [*FUTEX.split(), "-o", file]) as weir:
        for how in LOADS:
            load(how, weir.port) # what happens once
            began = time.time()
            spans[how] = began, load(how, weir.port), time.time()
        assert len(weir.access_log()) > 0
    calls = [float(at) for at in re.findall(r"^\d+ +([\d.]+) futex\(", pki.read(file), re.M)]
    assert calls, "threads that start and end wait for each other, at least"
    for how, (began, total, ended) in spans.items():
        n = sum(began <= at <= ended for at in calls)
        assert n <= total * LOADS[how], "%s: %d futex calls for %d" % (how, n, total)


def held(weir):
    """Bytes that no file stands behind."""
    return int(re.search(r"^Pss_Anon:\s+(\d+)", pki.read("/proc/%d/smaps_rollup" % weir.pid), re.M)[1]) * 1024


def test_memory_goes_back_when_many_tunnels_ended(ca):
    with server(ca.leaf) as weir:
        load("echo -c 8 -S", weir.values["tls"])
        before = held(weir)
        idle = subprocess.Popen([TOOLS + "/bench-load", "idle", "-S", "-c", str(TUNNELS), str(weir.values["tls"]), "/"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert idle.stdout.readline().startswith("ready %d " % TUNNELS)
        most = held(weir) - before
        print("%d bytes an idle wss tunnel" % (most / TUNNELS))
        assert TUNNELS * 8000 < most < TUNNELS * 13300 # 14 KB before tunnels gave back what only a handshake needs
        idle.communicate("\n", timeout=PATIENCE)
        assert idle.returncode == 0
        until(lambda: held(weir) - before < most / 5, "four fifths of %d KB to go back" % (most // 1000))


TRIMS = """
#include <fcntl.h>
#include <unistd.h>
int malloc_trim(size_t pad)
{
    int fd = open("%s", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    return (int)pad + (int)write(fd, ".", 1) + close(fd);
}
"""


def test_clients_that_come_and_go_stop_a_worker_once_a_second_at_most(tmp_path):
    """Giving memory back is a walk through the heap, in which a worker stands still."""
    calls = tmp_path / "calls"
    with Weir("ThreadsPerChild 1\nListen 127.0.0.1:{port}", env=preload(tmp_path, TRIMS % calls)) as weir:
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            for client in [weir.connect() for _ in range(300)]:
                client.reset()
            weir.get() # all of those were seen
        until(calls.exists, "the first of them")
        made = calls.stat().st_size
        assert made <= time.monotonic() - began + 1, "%d in %.1f s" % (made, time.monotonic() - began)

"""The machine that a run has: which cores, and a loopback network of its own."""
import contextlib
import ctypes
import fcntl
import itertools
import os
import socket
import struct
import time

import peers
from peers import get, put

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

#!/usr/bin/python3
"""Thousands of tunnels echo while the configuration is reloaded again and again: none may drop, nothing may grow.

    tests/soak/soak.py --weir build/release/weir --tunnels 2000 --reloads 100

Between two reloads every tunnel has echoed at least once. Clients are one epoll loop, the echo backend is another
process; a tunnel costs two descriptors in each of the three.
"""
import argparse
import multiprocessing
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))

PAYLOAD = 32
DOWN = bytes([0x82, PAYLOAD])                   # the head of a frame from the backend
UP = bytes([0x82, 0x80 | PAYLOAD, 0, 0, 0, 0])  # and from a client, with a mask that changes nothing
# Under AddressSanitizer freed memory is held back: what one reload frees must not look like growth.
SMALL_QUARANTINE = {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=8"}
CONNECTING = 100                                # handshakes under way at once


# ---- the backend: one process, one loop ---------------------------------------------------------------------------

class EchoPeer:
    def __init__(self, sock):
        self.socket, self.buffer, self.open = sock, b"", False

    def on_bytes(self, switching):
        self.buffer += self.socket.recv(65536)
        if not self.open:
            head, end, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if not end:
                self.buffer = head
                return
            self.open = True
            self.socket.sendall(switching)
        size, out = len(UP) + PAYLOAD, b""
        while len(self.buffer) >= size:
            out += DOWN + self.buffer[len(UP):size]
            self.buffer = self.buffer[size:]
        if out:
            self.socket.sendall(out)


def echo_backend(listener, switching):
    epoll, peers = select.epoll(), {}
    epoll.register(listener, select.EPOLLIN)
    while True:
        for fd, events in epoll.poll():
            if fd == listener.fileno():
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[peer.fileno()] = EchoPeer(peer)
                epoll.register(peer, select.EPOLLIN | select.EPOLLRDHUP)
                continue
            try:
                if not events & ~select.EPOLLIN:
                    peers[fd].on_bytes(switching)
                    continue
            except OSError:
                pass
            epoll.unregister(fd)
            peers.pop(fd).socket.close()


# ---- the clients: one loop ----------------------------------------------------------------------------------------

class Client:
    def __init__(self, number, sock):
        self.number, self.socket = number, sock
        self.echoes, self.buffer, self.head = 0, b"", b""

    def message(self):
        return struct.pack(">QQ", self.number, self.echoes).ljust(PAYLOAD, b".")

    def speak(self):
        self.socket.sendall(UP + self.message())

    def on_bytes(self):
        """One message is on its way at a time, and its echo must be exactly that."""
        more = self.socket.recv(4096)
        if not more:
            raise ConnectionError("tunnel %d was closed after %d echoes" % (self.number, self.echoes))
        self.buffer += more
        if not self.head:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ConnectionError("tunnel %d was refused: %r" % (self.number, head))
            self.head, self.buffer = head, rest
            self.speak()
        if len(self.buffer) >= len(DOWN) + PAYLOAD:
            if self.buffer != DOWN + self.message():
                raise ConnectionError("tunnel %d got %r for %r" % (self.number, self.buffer, self.message()))
            self.echoes, self.buffer = self.echoes + 1, b""
            self.speak()


class Crowd:
    def __init__(self, port, handshake):
        self.address, self.handshake = ("127.0.0.1", port), handshake
        self.epoll, self.clients, self.failures = select.epoll(), {}, []

    def join(self, count):
        """Opens the tunnels, so many at a time; each speaks from then on."""
        for number in range(count):
            s = socket.create_connection(self.address)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clients[s.fileno()] = Client(number, s)
            self.epoll.register(s, select.EPOLLIN)
            s.sendall(self.handshake)
            while self.failures == [] and sum(not c.head for c in list(self.clients.values())[-CONNECTING:]) >= CONNECTING:
                self.turn()

    def turn(self):
        for fd, _ in self.epoll.poll(1):
            try:
                self.clients[fd].on_bytes()
            except OSError as e:
                self.failures.append(str(e))
                self.epoll.unregister(fd)

    def slowest(self):
        return min(c.echoes for c in self.clients.values())

    def round(self, patience):
        """Until every tunnel has echoed once more."""
        marks = {fd: c.echoes for fd, c in self.clients.items()}
        end = time.monotonic() + patience
        while marks and not self.failures:
            self.turn()
            marks = {fd: n for fd, n in marks.items() if self.clients[fd].echoes <= n}
            if time.monotonic() > end:
                self.failures.append("%d tunnels stood still for %d s" % (len(marks), patience))

    def leave(self):
        for c in self.clients.values():
            c.socket.close()


# ---- the soak -----------------------------------------------------------------------------------------------------

def children_of(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % entry) as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry))
        except OSError:
            pass
    return found


def reload_in_passing(weir, crowd, done, patience):
    """The signal, and echoes while the configuration changes hands, not before and after only."""
    weir.kill(10)
    pattern = "configuration %d is in charge" % (done + 2)
    end = time.monotonic() + patience
    while pattern not in weir.error_log()[-4000:] and not crowd.failures:
        crowd.turn()
        if time.monotonic() > end:
            crowd.failures.append("reload %d did not take charge within %d s" % (done + 1, patience))
    crowd.round(patience)


def soak(tunnels, reloads, say=lambda text: None, patience=60):
    """Raises AssertionError with what went wrong; returns a dictionary of what was measured."""
    from harness import Weir, handshake, switching
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    backend = multiprocessing.get_context("fork").Process(target=echo_backend, args=(listener, switching()),
                                                          daemon=True)
    backend.start()
    early = max(1, reloads // 5)
    config = "LogLevel notice\nMaxKeepAliveRequests 0\nProxyPass / ws://127.0.0.1:%d/" % listener.getsockname()[1]
    try:
        with Weir(config, env=SMALL_QUARANTINE) as weir:
            crowd, begun = Crowd(weir.port, handshake()), time.monotonic()
            crowd.join(tunnels)
            crowd.round(patience)
            sizes = {0: weir.rss()}
            say("%d tunnels are open, %.1f MiB" % (tunnels, sizes[0] / 2**20))
            for done in range(reloads):
                reload_in_passing(weir, crowd, done, patience)
                assert not crowd.failures, crowd.failures[:5]
                if done + 1 in (early, reloads):
                    sizes[done + 1] = weir.rss()
                    say("after %d reloads %.1f MiB" % (done + 1, sizes[done + 1] / 2**20))
            took = time.monotonic() - begun
            echoes = [c.echoes for c in crowd.clients.values()]
            assert children_of(weir.pid) == [], "more than one process"
            crowd.leave()
            grown = sizes[reloads] - sizes[early]
            assert grown < max(spare(), sizes[early] // 20), "grew from %d to %d bytes" % (sizes[early], sizes[reloads])
        return {"tunnels": tunnels, "reloads": reloads, "dropped": 0, "echoes": sum(echoes), "fewest": min(echoes),
                "grown": grown, "seconds": round(took, 1)}
    finally:
        backend.terminate()
        backend.join()
        listener.close()


def spare():
    """Bytes that a heap may still settle by. ThreadSanitizer's own records of threads and memory grow on and on."""
    with open(os.environ["WEIR"], "rb") as f:
        return 16 << 20 if b"__tsan_init" in f.read() else 4 << 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weir", default=os.environ.get("WEIR", "build/weir"))
    parser.add_argument("--tunnels", type=int, default=2000)
    parser.add_argument("--reloads", type=int, default=100)
    options = parser.parse_args()
    os.environ["WEIR"] = os.path.abspath(options.weir)
    try:
        print(soak(options.tunnels, options.reloads, lambda text: print(text, flush=True)))
    except AssertionError as e:
        sys.exit("FAILED: %s" % e)


if __name__ == "__main__":
    main()

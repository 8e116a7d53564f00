"""The end-to-end harness: the real weir among real peers, on ports that the kernel chose.

A story usually plays both ends itself, in order: `weir.connect()` is a client's raw connection, `backend.accept()` the
connection that Weir makes in turn, and both are a Wire, which keeps every byte it saw. Where a story needs a backend
that answers by itself there is `Backend(script)`, and `websockets_echo()` and `npm_echo()` for real WebSocket servers.
Stories have all of it from here, also what stands in ports.py and wire.py.
"""
import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from ports import free_port, hold, port_of
from wire import (BINARY, CLOSE, CONTINUATION, KEY, PATIENCE, PING, PONG, SOON, TEXT, Wire, accept_of, answer,
                  close_frame, frame, handshake, request, switching)

WEIR = os.environ.get("WEIR", "")
NPM = os.environ.get("WEIR_NPM", "")
FAULTS = re.compile(r"Sanitizer|runtime error:|ASSERT|assertion|core dumped", re.I)

if not WEIR:
    pytest.skip("WEIR=path of the program is not set", allow_module_level=True)


def until(condition, what, timeout=PATIENCE):
    """For what has no event of its own to wait for (a log's line, a process's size)."""
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "waited %d s in vain for %s" % (timeout, what)
        time.sleep(0.01)


class Pace:
    """`for pace in paces(): with pace: …` is for stories in which something happens before a time is up: `pace.within(s)`
    after each step. What goes wrong when the machine has been slower than that does not count, and is tried anew."""

    def __init__(self):
        self.late, self.done, self.since = False, False, time.monotonic()

    def within(self, seconds):
        now = time.monotonic()
        self.late = self.late or now - self.since >= seconds
        self.since = now

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.done = kind is None
        return self.late and kind is not None and issubclass(kind, (AssertionError, OSError))


def paces(tries=10):
    for _ in range(tries):
        pace = Pace()
        yield pace
        if pace.done:
            return
    pytest.skip("this machine is too slow to keep the time that the story needs")


# ---- backends ---------------------------------------------------------------------------------------------------

def serve_hello(wire):
    """A script: an ordinary keep-alive backend."""
    with contextlib.suppress(AssertionError, OSError):
        while True:
            m = wire.read_request()
            wire.send(answer(200,
                             b"" if m.line.startswith("HEAD") else b"hello from %s" % m.line.split(" ")[1].encode()))


def serve_text(text):
    """A script: a keep-alive backend that answers every request with the text."""
    def script(wire):
        with contextlib.suppress(AssertionError, OSError):
            while True:
                wire.read_request()
                wire.send(answer(200, text))
    return script


def serve_echo(wire):
    """A script: accepts any handshake and sends back, unmasked, whatever frame comes."""
    with contextlib.suppress(AssertionError, OSError):
        wire.send(switching(wire.read_head()))
        while True:
            opcode, payload, fin = wire.read_frame()
            wire.send(frame(opcode, payload, fin))
            if opcode == CLOSE:
                return


class Backend:
    """A listening socket. Without a script the story accepts the connections itself; with one, a callable that is given
    the Wire, each connection is served in a thread."""

    def __init__(self, script=None, host="127.0.0.1", port=0, path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
            os.chmod(path, 0o777)
            self.port = 0
        else:
            self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.held = None if port else hold() # so that the port stays nobody's when the backend is gone
            self.port = port or port_of(self.held)
            self.socket.bind((host, self.port))
        self.socket.listen(1024)
        self.wires = []
        self.queue = queue.Queue()
        self.script = script
        self.accepted, self.mark, self.marked = 0, None, threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, address = self.socket.accept()
            except OSError:
                return
            if address == self.mark:
                self.marked.set()
                peer.close()
                continue
            self.accepted += 1
            self.take(peer)

    def take(self, peer):
        self.keep(Wire(peer))

    def keep(self, wire):
        self.wires.append(wire)
        if self.script:
            threading.Thread(target=self.serve, args=(wire,), daemon=True).start()
        else:
            self.queue.put(wire)

    def serve(self, wire):
        with wire:
            self.script(wire)

    def accept(self, timeout=PATIENCE):
        try:
            return self.queue.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("no connection reached the backend within %d s" % timeout) from None

    @property
    def connections(self):
        """How many there were. One of our own comes last and is not counted: what the kernel had taken has been accepted then."""
        with socket.socket(self.socket.family) as last, contextlib.suppress(OSError): # it may listen no more
            last.bind("" if last.family == socket.AF_UNIX else self.socket.getsockname()[:1] + (0,))
            self.marked.clear()
            self.mark = last.getsockname()
            last.connect(self.socket.getsockname())
            assert self.marked.wait(PATIENCE)
        return self.accepted

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR) # wakes the accepting thread
        self.socket.close()
        for wire in self.wires:
            wire.close()


@contextlib.contextmanager
def websockets_echo(**options):
    """python3-websockets' server; what it was asked is in `.paths` and `.heads`."""
    import asyncio
    import websockets

    class Server:
        heads, paths, port = [], [], 0

    server, ready, loop = Server(), threading.Event(), asyncio.new_event_loop()

    async def echo(socket_, _path=None):
        server.heads.append(socket_.request_headers)
        server.paths.append(socket_.path)
        async for message in socket_:
            await socket_.send(message)

    async def main():
        server.stop = loop.create_future()
        async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, **options) as listening:
            server.port = listening.sockets[0].getsockname()[1]
            ready.set()
            await server.stop

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    yield server
    loop.call_soon_threadsafe(server.stop.set_result, None)
    thread.join(PATIENCE)


NPM_ECHO = """
const http = require('http'), { WebSocketServer } = require('ws');
const server = http.createServer((q, a) => { a.end('plain ' + q.method + ' ' + q.url); });
const sockets = new WebSocketServer({ server });
sockets.on('connection', (s, q) => {
  s.send(JSON.stringify({ url: q.url, headers: q.rawHeaders }));
  s.on('message', (m, binary) => s.send(m, { binary }));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


def run_node(script, *args, **options):
    if not NPM or not os.path.exists(os.path.join(NPM, "ws", "package.json")) or not shutil.which("node"):
        pytest.skip("npm's ws is not there: set WEIR_NPM to a node_modules that holds it (npm install ws)")
    env = dict(os.environ, NODE_PATH=NPM)
    return subprocess.Popen(["node", "-e", script, *args], env=env, text=True, stdout=subprocess.PIPE, **options)


@contextlib.contextmanager
def npm_echo():
    """npm's ws: says first, in JSON, what it was asked, then echoes. Also answers plain requests."""
    class Server:
        pass

    process = run_node(NPM_ECHO)
    server = Server()
    server.port = int(process.stdout.readline())
    try:
        yield server
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def with_hosts(folder, text):
    """A prefix for Weir under which /etc/hosts says this."""
    path = os.path.join(str(folder), "hosts")
    with open(path, "w") as f:
        f.write(text)
    prefix = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', path]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace of our own here: /etc/hosts cannot be replaced")
    return prefix


def preload(folder, source):
    """The environment for a Weir that calls these functions of C in the place of the C library's."""
    code, library = os.path.join(str(folder), "shim.c"), os.path.join(str(folder), "shim.so")
    with open(code, "w") as f:
        f.write("#define _GNU_SOURCE\n" + source)
    subprocess.run([shutil.which("gcc") or shutil.which("cc") or "clang", "-shared", "-fPIC", "-o", library, code], check=True)
    return {"LD_PRELOAD": library, "ASAN_OPTIONS": "verify_asan_link_order=0"}


# ---- weir -------------------------------------------------------------------------------------------------------

PREAMBLE = [
    ("ServerName", "ServerName main.example"),
    ("Listen", "Listen 127.0.0.1:{port}"),
    ("ErrorLog", "ErrorLog {dir}/error.log"),
    ("LogLevel", "LogLevel info"),
    ("PidFile", "PidFile {dir}/weir.pid"),
    ("KeepAliveTimeout", "KeepAliveTimeout 100"), # so that no end of a connection is this one's that a story does not mean
    ("CustomLog", 'CustomLog {dir}/access.log "%h %v %m %U%q %>s in=%I out=%O body=%B us=%D %X"'),
]


def fill_in(text, values):
    """{name} for the names that are given; Apache's own %{…} and ${…} stay."""
    def value(found):
        v = values.get(found.group(1), found.group(0))
        return str(getattr(v, "port", v))
    return re.sub(r"(?<![%$])\{(\w+)\}", value, text)


class Weir:
    """`with Weir('ProxyPass / ws://127.0.0.1:{backend}/', backend=b) as weir:` — {port} and {dir} are always there.

    What a file needs besides (Listen, logs, PidFile …) is put in front of it unless it says so itself. The end of the
    with-block stops it, and fails when it did not end well or a sanitizer spoke up."""

    def __init__(self, config, *, args=(), env=None, popen=None, prefix=(), start=True, **values):
        self.dir = tempfile.mkdtemp(prefix="weir-")
        os.chmod(self.dir, 0o755)
        self.held = hold()
        self.port = values.pop("port", None) or port_of(self.held)
        self.values = dict(values, port=self.port, dir=self.dir)
        self.file = os.path.join(self.dir, "weir.conf")
        self.args, self.popen, self.prefix = list(args), dict(popen or {}), list(prefix)
        self.env = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=8:malloc_context_size=8")
        self.env.update(env or {})
        self.process = None
        self.configure(config)
        if start:
            self.start()

    def configure(self, config):
        """Writes the file; a running server takes it at the next reload."""
        top = re.sub(r"(?ims)^[ \t]*<(VirtualHost|Location)\b.*?^[ \t]*</\1>", "", config)
        given = [line for name, line in PREAMBLE if not re.search(r"(?im)^[ \t]*%s\b" % name, top)]
        self.logs_here = any(line.startswith("ErrorLog ") for line in given) and "ErrorLogFormat" not in top
        with open(self.file, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(fill_in("\n".join(given) + "\n" + config + "\n", self.values))

    # -- life

    def start(self, wait=True):
        self.stderr = open(os.path.join(self.dir, "stderr"), "ab")
        self.process = subprocess.Popen([*self.prefix, WEIR, "-f", self.file, *self.args], stdin=subprocess.DEVNULL,
                                        stdout=self.stderr,
                                        stderr=self.stderr, env=self.env, **self.popen)
        if wait:
            self.wait_listening()
        return self

    def wait_listening(self):
        """Until it says that all of it is there; where its log is elsewhere, until the port is open, which is earlier."""
        def listening():
            assert self.process.poll() is None, "weir ended at once (%s): %s\n%s" % (
                self.process.returncode, self.stderr_text(), self.error_log())
            if self.logs_here:
                return "AH00489" in self.error_log()
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        until(listening, "weir to listen")

    def run(self, *args):
        """The program once, to its end: `weir.run("-t")`."""
        return subprocess.run([WEIR, "-f", self.file, *args], env=self.env, capture_output=True, text=True,
                              timeout=PATIENCE)

    @property
    def pid(self):
        return self.process.pid

    def kill(self, number):
        self.process.send_signal(number)

    def reload(self, number=signal.SIGUSR1, good=True):
        """Returns when the log says how it went: True for the new configuration in charge, False for refused."""
        done = r"configuration \d+ (is in charge|stays in charge)"
        before = len(re.findall(done, self.error_log()))
        self.kill(number)
        verdicts = until(lambda: re.findall(done, self.error_log())[before:], "the reload's verdict in the log")
        assert verdicts[0].startswith("is") == good, self.error_log()[-2000:]

    def wait(self, timeout=PATIENCE):
        return self.process.wait(timeout)

    def stop(self, number=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.kill(number)
        code = self.end_process()
        said = self.stderr_text()
        assert not FAULTS.search(said), said
        assert code == 0, "weir ended with %s\n%s\n%s" % (code, said, self.error_log()[-2000:])

    def end_process(self):
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("weir did not end within %d s of SIGTERM" % PATIENCE) from None
        finally:
            self.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
            shutil.rmtree(self.dir, ignore_errors=True)
            return
        print("---- weir's error log\n%s\n---- its stderr\n%s" % (self.error_log()[-6000:], self.stderr_text()[-6000:]))
        try:
            self.stop()
        except AssertionError as e: # the story's own failure is the one to report
            print("---- and its end: %s" % e)

    # -- what it says

    def read(self, name):
        try:
            with open(os.path.join(self.dir, name), encoding="utf-8", errors="backslashreplace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def stderr_text(self):
        return self.read("stderr")

    def error_log(self):
        return self.read("error.log")

    def access_log(self):
        return self.read("access.log")

    def wait_for_log(self, pattern, timeout=PATIENCE, name="error.log"):
        """The first line that the pattern is found in."""
        def line():
            return next((x for x in self.read(name).split("\n") if re.search(pattern, x)), None)
        return until(line, "%r in %s:\n%s" % (pattern, name, self.read(name)[-3000:]), timeout)

    def wait_for_access(self, pattern="", timeout=PATIENCE):
        return self.wait_for_log(pattern or ".", timeout, "access.log")

    def rss(self):
        """Resident bytes."""
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def cpu(self):
        """Seconds of processors so far."""
        with open("/proc/%d/stat" % self.pid) as f:
            return sum(int(ticks) for ticks in f.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    # -- clients

    def connect(self, port=None, receive_buffer=None):
        s = socket.socket()
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", port or self.port))
        return Wire(s)

    def ask(self, raw, method="GET"):
        """One request on a connection of its own."""
        with self.connect() as c:
            return c.send(raw).read_response(method)

    def get(self, path="/", fields=(), host="example.com", method="GET"):
        return self.ask(request(method, path, [*fields, ("Connection", "close")], host=host), method)

    def tunnel(self, backend, path="/", **options):
        """Client's and backend's Wire of a WebSocket that is open; the backend has no script."""
        client = self.connect(**options).send(handshake(path))
        peer = backend.accept()
        peer.send(switching(peer.read_head()))
        assert client.read_head().status == 101
        return client, peer


PROXY_ALL = """
ProxyPass / ws://127.0.0.1:{backend}/
"""

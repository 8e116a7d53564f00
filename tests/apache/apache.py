"""Differential harness: the same virtual hosts, raw requests and recording backends under apache2 and under Weir.

A table of cases becomes one configuration file, a virtual host each, so that a whole file of tests costs one start of
each server. WEIR names the second server; WEIR=apache2 runs apache2 on both sides, which checks the tables themselves.
"""
import collections
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from flow.ports import free_port

APACHE = shutil.which("apache2") or "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"
WEIR = os.environ.get("WEIR", "")
LOADED = ["mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel"]

if not os.path.exists(APACHE) or not WEIR:
    pytest.skip("needs apache2 and WEIR=…", allow_module_level=True)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# ---- backends -------------------------------------------------------------------------------------------------

def ok(body=b"hello", extra=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), extra, body)


class Backend:
    """Records each request byte by byte and answers as the request's X-Script field says."""

    def __init__(self, path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
            os.chmod(path, 0o777)
            self.port = 0
        else:
            self.socket = socket.socket()
            self.socket.bind(("127.0.0.1", 0))
            self.port = self.socket.getsockname()[1]
        self.socket.listen(64)
        self.scripts = {"ok": ok()}
        self.seen = []
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        data = b""
        with peer:
            while True:
                request, data = read_request(peer, data)
                if request is None:
                    return
                with self.lock:
                    self.seen.append(request)
                found = re.search(rb"(?im)^x-script: *([\w-]+)", request)
                answer = self.scripts[found.group(1).decode() if found else "ok"]
                if callable(answer):
                    if answer(peer, request) is False:
                        return
                    continue
                try:
                    peer.sendall(answer)
                except OSError:
                    return
                head = answer.split(b"\r\n\r\n")[0].lower()
                if b"content-length:" not in head and b"chunked" not in head and b" 204 " not in head:
                    return

    def take(self):
        with self.lock:
            seen, self.seen = self.seen, []
        return seen

    def close(self):
        self.socket.close()


def read_request(peer, data):
    """One request, head and body, as it came on the wire; (None, b"") at the end."""
    while b"\r\n\r\n" not in data:
        more = receive(peer)
        if not more:
            return None, b""
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    if length:
        while len(rest) < int(length.group(1)):
            more = receive(peer)
            if not more:
                return None, b""
            rest += more
        cut = int(length.group(1))
    elif re.search(rb"(?im)^transfer-encoding: *chunked", head):
        while not re.search(rb"(?:^|\r\n)0\r\n\r\n", rest):
            more = receive(peer)
            if not more:
                return None, b""
            rest += more
        cut = re.search(rb"(?:^|\r\n)0\r\n\r\n", rest).end()
    else:
        cut = 0
    return head + b"\r\n\r\n" + rest[:cut], rest[cut:]


def receive(peer):
    try:
        return peer.recv(65536)
    except OSError:
        return b""


# ---- servers --------------------------------------------------------------------------------------------------

def preamble(directory, port, modules=(), level="info"):
    lines = ["ServerRoot %s" % directory, "PidFile %s/pid" % directory, "DefaultRuntimeDir %s" % directory,
             "ServerName main.example", "Listen 127.0.0.1:%d" % port]
    for name in LOADED + list(modules):
        lines.append("LoadModule %s_module %s/mod_%s.so" % (name, MODULES, name))
    if os.geteuid() == 0:
        lines += ["User www-data", "Group www-data"]
    lines += ["ErrorLog %s/main.log" % directory, "LogLevel %s" % level, "Timeout 10"]
    return "\n".join(lines) + "\n"


class Server:
    def __init__(self, program, text, directory, port):
        self.file = os.path.join(directory, "server.conf")
        with open(self.file, "w") as f:
            f.write(text)
        command = [program, "-f", self.file]
        if is_apache(program):
            command += ["-D", "FOREGROUND"]
        self.port = port
        self.output = open(os.path.join(directory, "output"), "w+")
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT)
        self.wait_until_ready()

    def wait_until_ready(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.output.seek(0)
        said = self.output.read()
        self.stop()
        raise RuntimeError("%s did not start:\n%s" % (self.process.args[0], said))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def is_apache(program):
    return os.path.basename(program) in ("apache2", "httpd")


def second_server():
    return APACHE if WEIR == "apache2" else WEIR


# ---- cases ----------------------------------------------------------------------------------------------------

class Answer:
    """What one request gave: the reply in parts, what the backends saw, what the virtual host's error log says."""

    def __init__(self, raw, seen, seconds):
        self.raw, self.seen, self.seconds = raw, seen, seconds
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        words = lines[0].split(b" ", 2)
        self.status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        self.reason = words[2].decode("latin-1") if len(words) > 2 else ""
        self.fields = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.fields.append((name.decode("latin-1"), value.strip().decode("latin-1")))

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]


LogLine = collections.namedtuple("LogLine", "module level ah text")


class Run:
    """One server with one configuration made of all the cases' virtual hosts."""

    def __init__(self, program, cases, backends, modules=(), level="info", main=""):
        self.directory = tempfile.mkdtemp(prefix="weir-apache-")
        os.chmod(self.directory, 0o755)
        self.port = free_port()
        self.backends = backends
        text = preamble(self.directory, self.port, modules, level) + self.fill(main)
        for number, case in enumerate(cases):
            text += "<VirtualHost *:%d>\nServerName c%d.example\nErrorLog %s/c%d.log\n%s\n</VirtualHost>\n" % (
                self.port, number, self.directory, number, self.fill(case))
        self.server = Server(program, text, self.directory, self.port)

    def fill(self, text):
        for name, value in self.backends.items():
            text = text.replace("@%s@" % name, str(value.port if isinstance(value, Backend) else value))
        return text.replace("@DIR@", self.directory)

    def ask(self, number, request, wait=8.0):
        """request: bytes; HOST in it becomes the case's host name. The connection is half-closed only by the server."""
        raw = request.replace(b"HOST", b"c%d.example" % number)
        self.take()
        begun = time.monotonic()
        data = b""
        with socket.create_connection(("127.0.0.1", self.port), wait) as s:
            s.sendall(raw)
            s.settimeout(wait)
            while not complete(data, raw):
                more = receive(s)
                if not more:
                    break
                data += more
        return Answer(self.hide(data), [self.hide(r) for r in self.take()], time.monotonic() - begun)

    def hide(self, data):
        """Ports that the kernel chose differ between the runs."""
        for name, backend in self.backends.items():
            if isinstance(backend, Backend) and backend.port:
                data = data.replace(b"%d" % backend.port, name.encode())
        return data.replace(b"%d" % self.port, b"PORT")

    def take(self):
        seen = []
        for backend in self.backends.values():
            if isinstance(backend, Backend):
                seen += backend.take()
        return seen

    def log(self, name):
        """After stop(): the lines of an error log, "c0" of the first case, "main"."""
        path = os.path.join(self.directory, name + ".log")
        lines = []
        if os.path.exists(path):
            with open(path, errors="replace") as f:
                for line in f:
                    found = re.match(r"\[[^]]*\] \[(\w*):(\w+)\]", line)
                    number_of = re.search(r" AH(\d{5}): ", line)
                    if found:
                        lines.append(LogLine(found.group(1), found.group(2), number_of.group(1) if number_of else "",
                                             self.hide(line.encode()).decode("utf-8", "replace").strip()))
        return lines

    def stop(self):
        self.server.stop()

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def complete(data, request):
    """Is this a whole reply? Length and chunked framing are followed; others end with the connection."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    status = head.split(b" ")[1:2]
    if status and status[0] in (b"100", b"102", b"103"):
        return complete(body, request)
    if status and status[0] in (b"101", b"204", b"304") or request.startswith(b"HEAD "):
        return True
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    if length:
        return len(body) >= int(length.group(1))
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return body.endswith(b"0\r\n\r\n")
    return False


def get(path, *fields, method="GET", version="1.1", body=b""):
    """A request to the case's host; connections are not kept unless a field says so."""
    lines = ["%s %s HTTP/%s" % (method, path, version), "Host: HOST"] + list(fields)
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def silent(peer, request):
    """A script that gives no answer."""
    peer.settimeout(6)
    try:
        peer.recv(1)
    except OSError:
        pass
    return False


def accept_upgrade(peer, request):
    """The backend side of a handshake, then bytes are echoed until the client ends."""
    protocol = re.search(rb"(?im)^upgrade: *(.*?)\r$", request)
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" % (protocol.group(1) if protocol else b""))
    while True:
        data = receive(peer)
        if not data:
            return False
        peer.sendall(data)


class Pair:
    """Both servers over one table: rows of (name, virtual host, request, …). Answers are made once, all at the start.
    Rows with the same text share a virtual host, and so a log, unless own_hosts."""

    def __init__(self, rows, scripts=None, modules=(), level="info", main="", wait=8.0, own_hosts=False):
        texts = [row[1] for row in rows]
        self.hosts = texts if own_hosts else sorted(set(texts), key=texts.index)
        self.number = {row[0]: i if own_hosts else self.hosts.index(row[1]) for i, row in enumerate(rows)}
        self.backends = {"A": Backend(), "B": Backend(), "DEAD": free_port()}
        directory = tempfile.mkdtemp(prefix="weir-apache-")
        os.chmod(directory, 0o755)
        self.backends["U"] = Backend(directory + "/backend.sock")
        self.backends["SOCK"] = directory + "/backend.sock"
        for backend in self.backends.values():
            if isinstance(backend, Backend):
                backend.scripts["upgrade"] = accept_upgrade
                backend.scripts.update(scripts or {})
        self.answers, self.logs = {}, {}
        try:
            for side, program in (("apache", APACHE), ("weir", second_server())):
                self.run(side, program, rows, modules, level, main, wait)
        finally:
            for backend in self.backends.values():
                if isinstance(backend, Backend):
                    backend.close()
            shutil.rmtree(directory, ignore_errors=True)

    def run(self, side, program, rows, modules, level, main, wait):
        run = Run(program, self.hosts, self.backends, modules, level, main)
        try:
            for row in rows:
                self.answers[side, row[0]] = run.ask(self.number[row[0]], row[2], wait)
        finally:
            run.stop()
            for row in rows:
                self.logs[side, row[0]] = run.log("c%d" % self.number[row[0]])
            self.logs[side, None] = run.log("main")
            run.clean()

    def of(self, name):
        return self.answers["apache", name], self.answers["weir", name]


def within_an_hour(make):
    """What make() gives when no hour ended meanwhile: some of what is compared is the hour itself."""
    while True:
        hour, made = time.strftime("%d %H"), make()
        if time.strftime("%d %H") == hour:
            return made


def as_any_server(name, value):
    """A field's value without what each server says of itself."""
    if name.lower() == "server" and re.match("(Apache|Weir)", value):
        return "SERVER"
    if name.lower() == "date" and not value.startswith("Sun, 06 Nov 1994"):
        return "NOW"
    return value


def joined(request):
    """Line, fields and body of what a backend saw: sorted, with the lines of one name joined as httpd does."""
    head, _, body = request.partition(b"\r\n\r\n")
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return head.split(b"\r\n")[0], sorted((n, b", ".join(v)) for n, v in fields.items()), body

"""From the command line to the end: checks, signals, PidFile, daemon, privileges, systemd, and too few descriptors."""
import contextlib
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

import pytest
from harness import (PATIENCE, SOON, TEXT, WEIR, Backend, Weir, answer, close_frame, frame, free_port, request, serve_hello, until)

HTTP = "ProxyPass / http://127.0.0.1:{backend}/"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be started as root")


# ---- checks

def test_t_says_syntax_ok():
    with Weir("ProxyPass / ws://127.0.0.1:1/", start=False) as weir:
        done = weir.run("-t")
        assert done.returncode == 0 and "Syntax OK" in done.stdout + done.stderr


def test_t_names_file_line_and_fault_and_fails():
    with Weir("KeepAlive On\nKeepAlive perhaps", start=False) as weir:
        line = open(weir.file).read().split("\n").index("KeepAlive perhaps") + 1
        done = weir.run("-t")
        assert done.returncode == 1
        assert done.stderr.startswith("AH00526: Syntax error on line %d of %s:\nKeepAlive must be On or Off" % (line, weir.file))


def test_a_start_with_a_fault_says_the_same_and_opens_nothing():
    with Weir("Porxy On", start=False) as weir:
        done = weir.run()
        assert done.returncode == 1
        assert "Invalid command 'Porxy', perhaps misspelled or defined by a module not included in the server configuration" in done.stderr
        assert weir.error_log() == ""


@pytest.mark.parametrize("option,says", [(("-v",), "Weir/"), (("-V",), "Weir/"), (("-l",), "mod_proxy.c"),
                                         (("-L",), "ProxyPass"), (("-h",), "-k "),
                                         (("-M",), "proxy_module"), (("-t", "-D", "DUMP_VHOSTS"), "example.com"),
                                         (("-S",), "example.com")])
def test_options_that_tell_and_leave(option, says):
    with Weir("<VirtualHost *:{port}>\nServerName example.com\n</VirtualHost>", start=False) as weir:
        done = weir.run(*option)
        assert done.returncode == 0 and says in done.stdout + done.stderr


def test_c_and_big_c_lines_come_after_and_before_the_file():
    with Weir("<IfDefine SPECIAL>\nProxyPass / http://127.0.0.1:1/\n</IfDefine>", start=False) as weir:
        assert "Syntax OK" in "".join(str(x) for x in weir.run("-t", "-D", "SPECIAL", "-C", "Timeout 5", "-c",
                                                               "KeepAlive Off").__dict__.values())
        assert weir.run("-t", "-c", "KeepAlive perhaps").returncode == 1


def test_a_port_in_use_is_said_and_ends_the_start():
    with Backend() as other, Weir("", start=False, port=other.port) as weir:
        done = weir.run()
        assert done.returncode == 1
        assert "AH00072: make_sock: could not bind to address 127.0.0.1:%d" % other.port in done.stderr
        assert "Address already in use" in done.stderr


# ---- signals

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_end_it_well(number):
    with Weir("") as weir:
        assert os.path.exists(os.path.join(weir.dir, "weir.pid"))
        weir.stop(number)
        assert not os.path.exists(os.path.join(weir.dir, "weir.pid"))
        assert "AH00491: caught SIGTERM, shutting down" in weir.error_log()


def test_the_pid_file_holds_the_pid():
    with Weir("") as weir:
        assert weir.read("weir.pid").strip() == str(weir.pid)


def test_a_stop_during_requests_and_handshakes_is_clean():
    with Backend() as backend, Weir("ProxyPass / ws://127.0.0.1:{backend}/", backend=backend) as weir:
        clients = [weir.connect().send(request()) for _ in range(20)]
        peers = [backend.accept() for _ in clients]
        half = weir.connect().send(b"GET / HTTP/1.1\r\nHos")
        tunnels = [weir.tunnel(backend) for _ in range(5)]
        weir.stop()
        for wire in (*clients, *peers, half, *sum(tunnels, ())):
            assert wire.ends()


def test_graceful_stop_takes_nothing_new_and_lets_open_work_end():
    with Backend() as backend, Weir("ProxyPass / ws://127.0.0.1:{backend}/", backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        slow = weir.connect().send(request())
        slow_peer = backend.accept()
        slow_peer.read_head()
        weir.kill(signal.SIGWINCH)
        weir.wait_for_log("AH00492: caught SIGWINCH, shutting down gracefully")
        until(lambda: refused(weir.port), "the port to be closed")
        client.send(frame(TEXT, b"still", masked=True))
        assert peer.read_frame()[1] == b"still"
        slow_peer.send(answer())
        got = slow.read_response()
        assert got.status == 200 and got.get("Connection") == "close"
        assert weir.process.poll() is None
        client.send(close_frame(masked=True))
        peer.read_frame()
        peer.send(close_frame())
        assert weir.wait() == 0


def test_gracefulshutdowntimeout_ends_what_does_not_end_by_itself():
    with Backend() as backend, Weir("GracefulShutdownTimeout 1\nProxyPass / ws://127.0.0.1:{backend}/",
                                    backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        begun = time.monotonic()
        weir.kill(signal.SIGWINCH)
        assert weir.wait() == 0
        assert 0.8 < time.monotonic() - begun < SOON
        assert client.ends() and peer.ends()
        assert " 101 " in weir.access_log()


def refused(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


# ---- -k

def test_k_start_and_stop():
    with Backend(serve_hello) as backend, Weir(HTTP, backend=backend, start=False) as weir:
        try:
            done = weir.run("-k", "start") # which waits for the end of its output, too: the daemon may not hold it
            assert done.returncode == 0, done.stderr
            pid = int(weir.read("weir.pid"))
            assert weir.get().status == 200 # it listens when the command returns
            assert os.getsid(pid) != os.getsid(0)
            again = weir.run("-k", "start")
            assert "already running" in again.stderr and int(weir.read("weir.pid")) == pid
        finally:
            done = weir.run("-k", "stop")
        assert done.returncode == 0
        until(lambda: not os.path.exists("/proc/%d" % pid) or "Z" in open("/proc/%d/stat" % pid).read().split(")")[1],
              "the daemon's end")
        assert not os.path.exists(os.path.join(weir.dir, "weir.pid"))


def test_k_start_with_a_port_in_use_fails_visibly():
    with Backend() as other, Weir("", start=False, port=other.port) as weir:
        done = weir.run("-k", "start")
        assert done.returncode == 1 and "AH00072" in done.stderr


def test_k_stop_without_a_server_says_so():
    with Weir("", start=False) as weir:
        done = weir.run("-k", "stop")
        assert done.returncode == 0 and "not running" in done.stdout # as httpd


@pytest.mark.skipif(os.path.exists("/run/weir.pid"), reason="a server of this machine would be asked")
def test_k_graceful_without_a_pid_file_says_why_nothing_is_found_and_leaves_the_running_server_alone():
    with Backend(serve_hello) as backend, Weir(HTTP, backend=backend, start=False) as weir:
        lines = [l for l in open(weir.file).read().splitlines() if not l.startswith("PidFile")]
        with open(weir.file, "w") as f:
            f.write("\n".join(lines) + "\n")
        weir.start()
        done = weir.run("-k", "graceful")
        assert "weir (/run/weir.pid) not running, trying to start" in done.stdout and "No PidFile is named" in done.stdout
        assert done.returncode == 1 and "AH00072" in done.stderr # the port is the running one's
        assert weir.get().status == 200
        weir.stop()
        assert "in charge" not in weir.error_log()
        assert not os.path.exists("/run/weir.pid")


def test_a_file_without_f_is_told_how_it_is_named():
    with Weir("", start=False) as weir:
        for words in ([weir.file], ["-D", "X", weir.file], ["no-such-verb"]):
            done = subprocess.run([WEIR, *words], capture_output=True, text=True, timeout=20)
            first = (done.stdout + done.stderr).splitlines()[0]
            assert done.returncode == 1 and first.startswith("weir: %s is neither an option nor a verb" % words[-1]), first
            assert "-f" in first


def test_k_graceful_stop():
    with Weir("") as weir:
        assert weir.run("-k", "graceful-stop").returncode == 0
        assert weir.wait() == 0


# ---- privileges

def ids_of_threads(pid):
    found = set()
    for tid in os.listdir("/proc/%d/task" % pid):
        status = open("/proc/%d/task/%s/status" % (pid, tid)).read()
        found.add((re.search(r"Uid:\t(.*)", status).group(1), re.search(r"Gid:\t(.*)", status).group(1),
                   re.search(r"CapEff:\t(.*)", status).group(1)))
    return found


def keepers_of(weir):
    """A port listens before the keeper is there; the server says when all is."""
    weir.wait_for_log("AH00489")
    return children_of(weir.pid)


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and int(open("/proc/%s/stat" % entry).read().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(entry))
        except (OSError, IndexError):
            pass
    return found


NO_LEAKS = {"ASAN_OPTIONS": "quarantine_size_mb=8:detect_leaks=0"} # its own tracing is not allowed once privileges are dropped


@needs_root
def test_started_as_root_it_becomes_user_and_group_and_can_still_rotate_its_logs():
    nobody = pwd.getpwnam("nobody")
    with Backend(serve_hello) as backend, Weir("User nobody\nGroup nogroup\n" + HTTP, backend=backend,
                                               env=NO_LEAKS) as weir:
        assert stat.S_IMODE(os.stat(weir.dir).st_mode) == 0o755 # nobody may not write here
        uid, gid = "\t".join([str(nobody.pw_uid)] * 4), "\t".join([str(nobody.pw_gid)] * 4)
        assert weir.get("/before").status == 200 # its port is open before: who serves has dropped them
        assert ids_of_threads(weir.pid) == {(uid, gid, "0000000000000000")}
        weir.wait_for_access("/before")
        for name in ("access.log", "error.log"):
            os.rename(os.path.join(weir.dir, name), os.path.join(weir.dir, name + ".1"))
        weir.kill(signal.SIGUSR1)
        weir.wait_for_log("is in charge")
        assert weir.get("/after").status == 200
        weir.wait_for_access("/after")
        assert "/after" not in weir.read("access.log.1")
        assert os.stat(os.path.join(weir.dir, "access.log")).st_mode & 0o022 == 0


@needs_root
def test_the_keeper_ends_with_the_server_and_with_its_death():
    with Weir("User nobody", env=NO_LEAKS) as weir:
        keepers = keepers_of(weir)
        assert len(keepers) == 1
        weir.stop()
        until(lambda: not os.path.exists("/proc/%d" % keepers[0]), "the keeper's end")
    with Weir("User nobody", env=NO_LEAKS) as weir:
        keepers = keepers_of(weir)
        weir.process.kill()
        weir.process.wait()
        until(lambda: not os.path.exists("/proc/%d" % keepers[0]), "the keeper's end")
        weir.stderr.close()
        weir.process = None # nothing is left to stop


def low_port():
    for port in range(700, 1000):
        with contextlib.suppress(OSError):
            return free_port(port)
    pytest.skip("no port below 1024 is free")


@needs_root
def test_a_low_port_added_by_a_reload_is_opened_by_the_keeper():
    low = low_port()
    with Backend(serve_hello) as backend, Weir("User nobody\n" + HTTP, backend=backend, env=NO_LEAKS) as weir:
        weir.configure("User nobody\nListen 127.0.0.1:{port}\nListen 127.0.0.1:%d\n%s" % (low, HTTP))
        weir.reload()
        with weir.connect(low) as c:
            assert c.send(request()).read_response().status == 200


@needs_root
def test_the_keeper_holds_nothing_of_the_servers_and_a_removed_port_is_closed():
    with Backend(serve_hello) as backend, Weir("User nobody\n" + HTTP, backend=backend, env=NO_LEAKS) as weir:
        other = free_port()
        weir.configure("User nobody\nListen 127.0.0.1:{port}\nListen 127.0.0.1:%d\n%s" % (other, HTTP))
        weir.reload()
        weir.connect(other).close()
        weir.configure("User nobody\nListen 127.0.0.1:{port}\n" + HTTP)
        weir.reload()
        assert refused(other)
        keeper, = keepers_of(weir)
        links = [os.readlink("/proc/%d/fd/%s" % (keeper, fd)) for fd in os.listdir("/proc/%d/fd" % keeper)]
        sockets = [l for l in links if l.startswith("socket:")]
        assert len(sockets) == 1, links # the channel
        weir.configure("User nobody\nListen 127.0.0.1:{port}\nListen 127.0.0.1:%d\n%s" % (other, HTTP))
        weir.reload() # and it can come back
        weir.connect(other).close()


@needs_root
def test_k_start_with_user_returns_to_a_caller_that_reads_its_output_and_the_pid_file_goes_with_the_server():
    with Weir("User nobody", start=False, env=NO_LEAKS) as weir:
        assert weir.run("-k", "start").returncode == 0 # its pipes have closed
        pid_file = os.path.join(weir.dir, "weir.pid")
        assert os.path.exists(pid_file)
        assert weir.run("-k", "stop").returncode == 0
        until(lambda: not os.path.exists(pid_file), "the PidFile to go")


def test_a_pid_file_of_another_program_is_not_a_running_server():
    with Weir("", start=False) as weir:
        with open(os.path.join(weir.dir, "weir.pid"), "w") as f:
            f.write("%d\n" % os.getpid()) # a number that somebody else has now
        done = weir.run("-k", "stop")
        assert "not running" in done.stdout


@needs_root
def test_what_a_reload_cannot_change_is_said():
    with Weir("User nobody", env=NO_LEAKS) as weir:
        weir.configure("User daemon\nListen 127.0.0.1:{port}")
        weir.reload()
        weir.wait_for_log("User has changed")


@needs_root
def test_a_user_that_does_not_exist_ends_the_start():
    with Weir("User no-such-user", start=False) as weir:
        done = weir.run()
        assert done.returncode == 1 and "no-such-user" in done.stderr


# ---- systemd

def test_readiness_is_told_to_systemd_and_so_is_the_end():
    with Weir("", start=False) as weir, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = os.path.join(weir.dir, "notify")
        notify.bind(path)
        notify.settimeout(PATIENCE)
        weir.env["NOTIFY_SOCKET"] = path
        weir.start(wait=False)
        assert b"READY=1" in notify.recv(1000)
        weir.connect().close() # it does listen
        weir.reload()
        assert b"RELOADING=1" in notify.recv(1000)
        assert b"READY=1" in notify.recv(1000)
        weir.stop()
        assert b"STOPPING=1" in notify.recv(1000)


ACTIVATE = """
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(100)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True) # it is 3 already, as a rule: dup2 does nothing then
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_socket_of_systemds_is_taken_over_and_kept_over_reloads():
    port = free_port()
    with Backend(serve_hello) as backend:
        with Weir(HTTP, backend=backend, port=port, prefix=["/usr/bin/python3", "-c", ACTIVATE, str(port)]) as weir:
            for _ in range(8):
                assert weir.get().status == 200
            weir.reload()
            for _ in range(8):
                assert weir.get().status == 200


# ---- descriptors

def test_out_of_descriptors_accept_pauses_and_resumes_and_nothing_dies():
    with Backend(serve_hello) as backend, Weir("ThreadsPerChild 1\nKeepAliveTimeout 100\n" + HTTP, backend=backend,
                                               prefix=["sh", "-c", 'ulimit -n 64 && exec "$0" "$@"']) as weir:
        first = weir.connect().send(request())
        assert first.read_response().status == 200
        crowd = [weir.connect() for _ in range(100)]
        line = weir.wait_for_log("out of descriptors")
        assert "(24)Too many open files" in line
        first.send(request())
        assert first.read_response().status == 200 # those inside are served on
        for c in crowd:
            c.close()
        assert weir.get().status == 200
        assert weir.error_log().count("out of descriptors") < 100


def test_when_clients_have_all_they_may_have_those_inside_still_reach_backends_and_the_server_its_files():
    with Backend(serve_hello) as backend, Weir("ThreadsPerChild 1\nKeepAliveTimeout 100\n" + HTTP, backend=backend,
                                               prefix=["sh", "-c", 'ulimit -n 64 && exec "$0" "$@"']) as weir:
        crowd = [weir.connect() for _ in range(100)]
        weir.wait_for_log("out of descriptors")
        inside = crowd[0].send(request())
        assert inside.read_response().status == 200
        for name in ("access.log", "error.log"):
            os.rename(os.path.join(weir.dir, name), os.path.join(weir.dir, name + ".1"))
        weir.kill(signal.SIGUSR1)
        weir.wait_for_log("configuration 2 is in charge")
        assert inside.send(request()).read_response().status == 200
        weir.wait_for_access("GET")
        for c in crowd:
            c.close()
        assert weir.get().status == 200
        weir.wait_for_log("new connections are taken again")


def test_the_soft_limit_is_raised_to_the_hard_one_and_said():
    with Weir("", prefix=["sh", "-c", 'ulimit -S -n 256 && exec "$0" "$@"']) as weir:
        soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", open("/proc/%d/limits" % weir.pid).read()).groups()
        assert soft == hard
        assert "%s files" % hard in weir.wait_for_log("AH00489")


# ---- threads

def test_one_process_with_a_thread_for_each_core_and_threadsperchild_lowers_it():
    def workers(config):
        with Weir(config) as weir:
            return int(re.search(r"\((\d+) workers?,", weir.wait_for_log("AH00489")).group(1))
    cores = len(os.sched_getaffinity(0))
    assert workers("") in (cores, os.cpu_count())
    assert workers("ThreadsPerChild 1") == 1

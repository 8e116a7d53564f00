"""Rewriting in the running server: tunnels through [P], patterns and rules without end, maps and the programs behind them."""
import os
import signal
import sys
import time

import pytest
from harness import SOON, Backend, TEXT, Weir, frame, handshake, request, serve_echo, serve_hello, until

PROGRAM = """#!%s
import os, sys, time
open(sys.argv[1], "a").write("%%d\\n" %% os.getpid())
for line in sys.stdin:
    key = line.rstrip("\\n")
    if key == "hang":
        time.sleep(60)
    elif key == "die":
        sys.exit(0)
    elif key == "endless":
        while True:
            sys.stdout.write("x" * 65536)
    elif key == "extra":
        print("one\\ntwo", flush=True)
    else:
        print("NULL" if key == "none" else "long " * 3000 + "end" if key == "long" else key.upper(), flush=True)
""" % sys.executable

PRG = """Timeout 1
RewriteEngine On
RewriteMap p "prg:{program} {pids}"
RewriteRule ^/free - [F]
RewriteCond ${p:$1|otherwise} ^(.*)$
RewriteRule ^/ask/(.*)$ http://x.example/?%1 [R,NE,L]
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    tmp_path.chmod(0o755)
    return {"program": path, "pids": tmp_path / "pids"}


def pids(program, n):
    """Of the programs started so far, once there are n."""
    def read():
        text = program["pids"].read_text() if program["pids"].exists() else ""
        return text.split() if text.count("\n") >= n else None
    return [int(pid) for pid in until(read, "%d programs" % n)]


def runs(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


# ---- tunnels

IDIOM = """RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteCond %{HTTP:Connection} upgrade [NC]
RewriteRule ^/?(.*) "ws://127.0.0.1:{ws}/$1" [P,L]
ProxyPass / http://127.0.0.1:{http}/
"""


def test_the_documented_idiom_tunnels_and_leaves_the_rest_to_proxypass():
    with Backend(serve_echo) as ws, Backend(serve_hello) as http, Weir(IDIOM, ws=ws, http=http) as weir:
        assert weir.ask(request(path="/page")).body == b"hello from /page"
        with weir.connect() as client:
            assert client.send(handshake("/chat")).read_response().status == 101
            client.send(frame(TEXT, b"hello", masked=True))
            assert client.read_frame() == (TEXT, b"hello", True)


def test_reload_keeps_a_tunnel_that_a_rule_opened():
    with Backend(serve_echo) as ws, Backend(serve_hello) as http, Weir(IDIOM, ws=ws, http=http) as weir:
        with weir.connect() as client:
            assert client.send(handshake("/chat")).read_response().status == 101
            weir.configure("RewriteEngine On\nRewriteRule ^ - [G]\n")
            weir.reload()
            assert weir.ask(request(path="/page")).status == 410
            client.send(frame(TEXT, b"still", masked=True))
            assert client.read_frame() == (TEXT, b"still", True)


# ---- without end

BOMBS = """RewriteEngine On
RewriteRule ^/free - [F]
RewriteRule ^/rule/(a+)+$ /x [L]
RewriteCond %{REQUEST_URI} ^/cond/(a+)+$
RewriteRule ^/cond /x [L]
RewriteCond %{REQUEST_URI} !^/not/(a+)+$
RewriteRule ^/not /x [L]
<Location /place>
RewriteEngine On
RewriteRule /(a+)+$ - [F]
</Location>
"""


@pytest.mark.parametrize("path", ["rule", "cond", "not", "place"])
def test_a_pattern_that_would_never_end_is_500_and_a_line(path):
    with Weir(BOMBS) as weir:
        assert weir.ask(request(path="/%s/%s!" % (path, "a" * 60))).status == 500
        assert "(a+)+$" in weir.wait_for_log("rewrite:error.*gave up")
        assert weir.ask(request(path="/free")).status == 403


def test_rounds_without_end_are_500_and_cost_no_memory():
    with Weir("RewriteEngine On\nRewriteRule ^/a(.*)$ /a$1 [N]\nRewriteRule ^/b(.*)_(.*)$ /b$1-$2 [N]\nRewriteRule ^/b - [F]") as weir:
        assert weir.ask(request(path="/a" + "x" * 4000)).status == 500
        weir.wait_for_log(r"AH02596: RewriteRule '\^/a\(\.\*\)\$' and URI '/ax*' exceeded maximum number of rounds \(32000\) "
                          r"via the \[N\] flag")
        before = weir.rss()
        for _ in range(3):
            assert weir.ask(request(path="/b" + "_" * 4000)).status == 403
        assert weir.rss() - before < 40 << 20


def test_looks_ahead_that_begin_others_come_to_an_end_with_a_line():
    look = "RewriteCond %{REQUEST_URI}/x -U\nRewriteRule ^ - [E=SEEN:yes]\n"
    with Weir("RewriteEngine On\n" + 40 * look + "RewriteRule ^/free - [F]") as weir:
        before = weir.rss()
        assert weir.ask(request(path="/free")).status == 403
        assert weir.rss() - before < 60 << 20
        weir.wait_for_log("looked ahead 200 times")


def test_redirects_to_oneself_are_500():
    with Weir("<Location /a>\nRewriteEngine On\nRewriteRule ^ /a/x%{REQUEST_URI}\n</Location>") as weir:
        assert weir.ask(request(path="/a")).status == 500
        weir.wait_for_log("AH00124: Request exceeded the limit of 10 internal redirects")


# ---- text maps

def test_a_text_map_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "map"
    path.write_text("k one\n")
    tmp_path.chmod(0o755)
    with Weir("RewriteEngine On\nRewriteMap m txt:%s\nRewriteRule ^/(.*) http://x.example/${m:$1|none} [R]" % path) as weir:
        assert weir.get("/k").get("Location").endswith("/one")
        path.write_text("k another\n")
        assert weir.get("/k").get("Location").endswith("/another")
        path.unlink()
        assert weir.get("/k").get("Location").endswith("/none")
        weir.wait_for_log(r"\(2\)No such file or directory: .*AH00661: mod_rewrite: can't access text RewriteMap file")
        path.write_text("k back\n")
        assert weir.get("/k").get("Location").endswith("/back")


# ---- programs

def test_a_program_answers_one_request_at_a_time(program):
    with Weir(PRG, **program) as weir:
        for key, value in (("a", "A"), ("none", "otherwise"), ("b", "B"), ("extra", "one")):
            assert weir.get("/ask/" + key).get("Location") == "http://x.example/?" + value
        time.sleep(0.1)
        assert weir.get("/ask/c").get("Location") == "http://x.example/?C"  # not "two"
        assert weir.get("/ask/long").status == 403  # blanks in a query
        assert weir.get("/ask/x%0ay").get("Location") == "http://x.example/?otherwise"
        clients = [weir.connect().send(request(path="/ask/n%d" % i)) for i in range(12)]
        assert [c.read_response().get("Location")[-4:].lstrip("?/") for c in clients] == ["N%d" % i for i in range(12)]
        for c in clients:
            c.close()
        assert len(pids(program, 1)) == 1


def test_a_program_that_does_not_answer_is_500_and_holds_nobody_else(program):
    with Weir(PRG.replace("Timeout 1", "Timeout 4"), **program) as weir:
        with weir.connect() as client:
            begun = time.monotonic()
            client.send(request(path="/ask/hang"))
            assert weir.ask(request(path="/free")).status == 403
            assert client.is_silent(0)
            assert client.read_response().status == 500
            assert 3.9 < time.monotonic() - begun < SOON
        weir.wait_for_log("rewrite:error.*RewriteMap p: the program .* did not answer in time")
        until(lambda: not runs(pids(program, 1)[0]), "the program to be gone")
        until(lambda: weir.get("/ask/a").get("Location") == "http://x.example/?A", "another to answer")
        assert len(pids(program, 2)) == 2


def test_a_program_that_ended_is_started_again(program):
    with Weir(PRG, **program) as weir:
        first = pids(program, 1)[0]
        time.sleep(1.1)  # one start a second
        os.kill(first, signal.SIGKILL)
        until(lambda: not runs(first), "the program to be gone")
        assert weir.get("/ask/a").get("Location") == "http://x.example/?A"
        assert weir.get("/ask/die").status == 500
        weir.wait_for_log("RewriteMap p: the program .* (ended|does not start)")


def test_a_program_that_never_stops_talking_is_500(program):
    with Weir(PRG, **program) as weir:
        assert weir.get("/ask/endless").status == 500
        weir.wait_for_log("RewriteMap p: the program .* answers without end")


def test_a_client_that_leaves_meanwhile_harms_nobody(program):
    with Weir("ThreadsPerChild 1\n" + PRG, **program) as weir:
        client = weir.connect().send(request(path="/ask/hang"))
        assert weir.ask(request(path="/free")).status == 403 # whose turn came after
        client.reset()
        weir.wait_for_access("/ask/hang")
        assert weir.ask(request(path="/free")).status == 403


def test_reload_ends_the_old_program_and_the_end_ends_the_new(program):
    with Weir(PRG, **program) as weir:
        assert weir.get("/ask/a").get("Location") == "http://x.example/?A"
        first = pids(program, 1)[0]
        weir.reload()
        second = pids(program, 2)[1]
        until(lambda: not runs(first), "the old program to be gone")
        assert weir.get("/ask/b").get("Location") == "http://x.example/?B"
        assert runs(second)
    assert not runs(second)


def test_a_program_is_not_started_to_check_a_file_or_for_an_engine_that_is_off(program):
    with Weir(PRG, start=False, **program) as weir:
        assert weir.run("-t").returncode == 0
        weir.configure(PRG.replace("RewriteEngine On", "RewriteEngine Off") +
                       "<Location /place>\nRewriteEngine On\nRewriteRule ^ http://x.example/${p:x|none} [R]\n</Location>")
        weir.start()
        assert weir.get("/place").get("Location") == "http://x.example/none"
    assert not program["pids"].exists()


def test_a_program_that_cannot_be_executed_is_a_fault_of_the_file(tmp_path):
    path = tmp_path / "plain"
    path.write_text("no program\n")
    with Weir("RewriteEngine On\nRewriteMap p prg:%s" % path, start=False) as weir:
        got = weir.run("-t")
        if os.geteuid() == 0 and got.returncode == 0:
            pytest.skip("root may execute what others may not")
        assert "AH00654: mod_rewrite: could not start RewriteMap program %s" % path in got.stdout + got.stderr


# ---- looks ahead

def test_a_look_ahead_stands_in_no_way(program):
    config = ("RewriteEngine On\nRewriteCond %{LA-U:REQUEST_URI} ^/a\nRewriteRule ^ - [F]\nRewriteCond /denied -U\nRewriteRule ^/b - [F]\n"
              "<Location /denied>\nRequire all denied\n</Location>")
    with Weir(config) as weir:
        with weir.connect() as client:
            for path, status in (("/a", 403), ("/b", 404), ("/a", 403)):
                assert client.send(request(path=path)).read_response().status == status

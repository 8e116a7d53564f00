"""What is written down: access lines in Apache's formats, the error log's form, pipes, and rotation without a lost line."""
import os
import re
import socket
import subprocess
import threading

import pytest
from harness import (PATIENCE, Backend, Weir, free_port, request, serve_hello, until)

HTTP = "ProxyPass / http://127.0.0.1:{backend}/"


@pytest.fixture
def backend():
    with Backend(serve_hello) as b:
        yield b


def line_of(config, backend, ask):
    with Weir(config + "\n" + HTTP, backend=backend) as weir:
        ask(weir)
        return weir.wait_for_access().rstrip("\n"), weir


def test_the_common_and_combined_formats(backend):
    config = """
        LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
        CustomLog {dir}/access.log combined"""
    line, _ = line_of(config, backend, lambda w: w.get("/a?b=c", [("Referer", "http://r/"), ("User-Agent", 'me "x"')]))
    assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /a\?b=c HTTP/1\.1" 200 17 '
                        r'"http://r/" "me \\"x\\""', line), line


FORMATS = {
    "%%": "%", "%a": "127.0.0.1", "%A": "127.0.0.1", "%B": "17", "%b": "17", "%{c}a": "127.0.0.1", "%f": r".*",
    "%H": "HTTP/1.1",
    "%h": "127.0.0.1", "%k": "0", "%l": "-", "%m": "GET", "%P": r"\d+", "%{tid}P": r"\d+", "%q": r"\?q=1",
    "%r": r"GET /p\?q=1 HTTP/1.1",
    "%R": "proxy-server", "%s": "200", "%>s": "200", "%T": r"\d+", "%{ms}T": r"\d+", "%{us}T": r"\d+", "%D": r"\d+",
    "%u": "-", "%U": "/p",
    "%v": "main.example", "%V": "example.com", "%X": "-", "%I": r"\d{2,}", "%O": r"\d{2,}", "%S": r"\d{2,}",
    "%{X-A}i": "in", "%{X-None}i": "-",
    "%{Content-Length}o": "17", "%{local}p": r"{port}", "%{remote}p": r"\d+", "%{%Y}t": r"\d{4}", "%{sec}t": r"\d{10}",
    "%{msec_frac}t": r"\d{3}",
    "%{begin:%s}t": r"\d{10}", "%{NONE}e": "-", "%{NONE}n": "-", "%{sid}C": "abc", "%404{X-A}i": "-",
    "%!404{X-A}i": "in", "%200,201m": "GET",
    "%L": "-", "%p": r"\d+",
}


def test_every_format_of_mod_log_config(backend):
    config = "CustomLog {dir}/access.log \"%s\"" % "|".join(FORMATS)
    line, weir = line_of(config, backend, lambda w: w.get("/p?q=1", [("X-A", "in"), ("Cookie", "x=1; sid=abc")]))
    got = line.split("|")
    assert len(got) == len(FORMATS)
    wrong = {f: v for (f, pattern), v in zip(FORMATS.items(), got)
             if not re.fullmatch(pattern.replace("{port}", str(weir.port)), v)}
    assert wrong == {}


def test_what_a_client_sends_cannot_break_a_line(backend):
    config = 'CustomLog {dir}/access.log "%r %{X}i"'
    line, _ = line_of(config, backend, lambda w: w.get("/%0aforged", [("X", "a\tb\\\"\xe9")]))
    assert line == r'GET /%0aforged HTTP/1.1 a\tb\\\"\xe9'


REFUSED = {
    "a field that is none": (b"GET /p?q=1 HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n", "400 GET /p \\?q=1 HTTP/1.1 - 42"),
    "too many fields": (b"GET /p?q=1 HTTP/1.1\r\n" + b"A: b\r\n" * 150 + b"\r\n", "400 GET /p \\?q=1 HTTP/1.1 - 923"),
    "a field that is too long": (b"GET /p HTTP/1.1\r\nA: " + b"b" * 9000 + b"\r\n\r\n", "400 GET /p  HTTP/1.1 - 9\\d{3}"),
    "no Host": (b"GET /p HTTP/1.1\r\n\r\n", "400 GET /p  HTTP/1.1 - 19"),
    "no request": (b"\x16\x03\x01\r\n\r\n", "400 - -  HTTP/1.0 - 7"),
    "a head that does not come": (b"POST /slow?x HTTP/1.1\r\nHost: a\r\n", "408 POST /slow \\?x HTTP/1.1 - 32"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_request_is_in_the_log_with_what_came_of_it(backend, what):
    raw, line = REFUSED[what]
    config = 'RequestReadTimeout header=1\nCustomLog {dir}/access.log "%s %m %U %q %H %X %I"\n'
    with Weir(config + HTTP, backend=backend) as weir, weir.connect() as client:
        client.send(raw).read_all()
        assert re.fullmatch(line, weir.wait_for_access().rstrip("\n")), weir.access_log()


@pytest.mark.parametrize("config, fields, sign", [("", [], "+"), ("KeepAlive Off", [], "-"), ("", [("Connection", "close")], "-"),
                                                  ("ProxyPass /gone http://127.0.0.1:1/", [], "-")])
def test_x_says_whether_the_connection_lives_on(backend, config, fields, sign):
    config += '\nCustomLog {dir}/access.log "%X"\n'
    with Weir(config + HTTP, backend=backend) as weir, weir.connect() as client:
        client.send(request(path="/gone", fields=fields)).read_response()
        assert weir.wait_for_access().rstrip("\n") == sign


def test_conditions(backend):
    with Weir('CustomLog {dir}/a.log "%U" "expr=%{REQUEST_STATUS} == 404"\nCustomLog {dir}/b.log "%U" "expr=%{REQUEST_URI} =~ m#^/b#"\n'
              'CustomLog {dir}/access.log "%U"\nProxyPass /none !\n' + HTTP, backend=backend) as weir:
        for path in ("/b", "/none", "/c"):
            weir.get(path)
        weir.stop() # all lines are written then, those of several workers in no order
        assert sorted(weir.access_log().split()) == ["/b", "/c", "/none"]
        assert weir.read("a.log") == "/none\n" and weir.read("b.log") == "/b\n"


def test_a_condition_on_a_variable(backend):
    with Weir('CustomLog {dir}/dirty.log "%U %{quiet}e" env=!quiet\nCustomLog {dir}/quiet.log "%U %{quiet}e" env=quiet\n'
              'CustomLog {dir}/access.log "%U"\n<Location /health>\nSetEnv quiet yes\n</Location>\n' + HTTP, backend=backend) as weir:
        weir.get("/health")
        weir.get("/page")
        weir.stop()
        assert sorted(weir.access_log().split()) == ["/health", "/page"]
        assert weir.read("dirty.log") == "/page -\n" and weir.read("quiet.log") == "/health yes\n"


def test_a_hosts_own_logs_take_its_lines_and_globallog_takes_all(backend):
    with Weir("""
        GlobalLog {dir}/global.log "%v %U"
        CustomLog {dir}/main.log "%v %U"
        <VirtualHost *:{port}>
            ServerName default.example
            ProxyPass / http://127.0.0.1:{backend}/
        </VirtualHost>
        <VirtualHost *:{port}>
            ServerName own.example
            CustomLog {dir}/own.log "%v %U"
            ErrorLog {dir}/own-error.log
            ProxyPass / http://127.0.0.1:1/
        </VirtualHost>""", backend=backend) as weir:
        weir.get("/1", host="default.example")
        weir.get("/2", host="own.example")
        weir.stop()
        assert sorted(weir.read("global.log").splitlines()) == ["default.example /1", "own.example /2"]
        assert weir.read("main.log") == "default.example /1\n"
        assert weir.read("own.log") == "own.example /2\n"
        assert "AH01114" in weir.read("own-error.log") and "AH01114" not in weir.error_log()


def test_transferlog_takes_the_format_that_stands_before_it(backend):
    with Weir('LogFormat "T %U"\nTransferLog {dir}/t.log\n' + HTTP, backend=backend) as weir:
        weir.get("/x")
        until(lambda: weir.read("t.log") == "T /x\n", "its line")


# ---- the error log

def test_the_error_log_has_apaches_form():
    with Weir("ProxyPass / http://127.0.0.1:%d/" % free_port()) as weir:
        weir.get("/x", [("Referer", "http://from/")])
        line = weir.wait_for_log("AH01114")
        assert re.fullmatch(r"\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}\] \[proxy_http:error\] \[pid \d+:tid \d+\] "
                            r"\[client 127\.0\.0\.1:\d+\] AH01114: HTTP: failed to make connection to backend: 127\.0\.0\.1"
                            r"(, referer: http://from/)?", line), line
        assert "[pid %d:" % weir.pid in line


def test_errorlogformat_and_apaches_way_to_leave_out_what_is_empty():
    with Weir('ErrorLogFormat "<%m:%l> %a %F %E %M|%{X}i"\nProxyPass / http://127.0.0.1:' + str(free_port()) + "/") as weir:
        weir.get("/x", [("X", "mine")])
        line = weir.wait_for_log("AH01114")
        assert re.fullmatch(r"<proxy_http:error> 127\.0\.0\.1:\d+ connect\.c\(\d+\) "
                            r"AH01114: HTTP: failed to make connection to backend: 127\.0\.0\.1\|mine", line), line
        assert weir.wait_for_log("<proxy:error>").endswith("(111)Connection refused") # the item with %{X}i, %M and all


@pytest.mark.parametrize("level,says,silent",
                         [("warn", [], ["step:", "mpm_event:info"]), ("info", [], ["step:"]), ("error", [], ["step:"]),
                                               ("error proxy_http:crit", [], ["AH01114"]),
                                               ("crit proxy_http:error", ["AH01114"], ["AH00957"]),
                                               ("trace8", ["AH01114", "step: ", r"request\.c\(\d+\): \[client"], []),
                                               ("warn core:trace8", ["step: "], [])])
def test_loglevel_and_its_module_levels(level, says, silent):
    with Weir("LogLevel %s\nProxyPass / http://127.0.0.1:%d/" % (level, free_port())) as weir:
        assert weir.get("/x").status == 503
        for pattern in says:
            weir.wait_for_log(pattern)
        weir.stop()
        for pattern in silent:
            assert pattern not in weir.error_log()


def test_loglevel_of_a_host_and_of_a_location():
    dead = free_port()
    with Weir("""LogLevel emerg
        <VirtualHost *:{port}>
            ServerName loud
            LogLevel error
            ProxyPass / http://127.0.0.1:%d/
            <Location /quiet>
                LogLevel emerg
            </Location>
        </VirtualHost>""" % dead) as weir:
        weir.get("/quiet", host="loud")
        weir.get("/x", host="loud")
        weir.stop()
        assert weir.error_log().count("AH01114") == 1


# ---- pipes

def with_dev_log(folder):
    """A socket that is /dev/log, and a prefix for Weir that sees it there."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(os.path.join(folder, "log"))
    s.settimeout(PATIENCE)
    script = ('mkdir "$0/dev" && mount -t tmpfs none "$0/dev" && ln -s "$0/log" "$0/dev/log" && for f in null zero random urandom; '
              'do touch "$0/dev/$f" && mount --bind "/dev/$f" "$0/dev/$f" || exit 1; done && mount --rbind "$0/dev" /dev && exec "$@"')
    prefix = ["unshare", "-rm", "sh", "-c", script, folder]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace of our own here: /dev/log cannot be replaced")
    os.rmdir(os.path.join(folder, "dev"))
    return s, prefix


@pytest.mark.parametrize("spec, priority, tag", [("syslog", 23 * 8 + 3, "weir"), ("syslog:local3", 19 * 8 + 3, "weir"),
                                                 ("syslog:local3:front", 19 * 8 + 3, "front")])
def test_the_error_log_goes_to_syslog(tmp_path, spec, priority, tag):
    log, prefix = with_dev_log(str(tmp_path))
    with log, Weir("ErrorLog %s\nErrorLogFormat \"[%%l] %%M\"\nProxyPass / http://127.0.0.1:1/" % spec, prefix=prefix) as weir:
        assert weir.get().status == 503
        while "AH00957" not in (line := log.recv(4096).decode()):
            pass
        assert line.startswith("<%d>" % priority), line
        assert re.search(r" %s\[\d+\]: \[error\] AH00957: http: attempt to connect" % tag, line), line


def test_piped_logs_get_every_line_and_end_with_the_server(backend):
    with Weir('CustomLog "|/bin/cat >>{dir}/piped.log" "%U"\nCustomLog "||/usr/bin/tee {dir}/direct.log" "%U"\n'
              'ErrorLog "|$/bin/cat >>{dir}/piped-error.log"\n' + HTTP, backend=backend) as weir:
        for i in range(50):
            weir.get("/%d" % i)
        expected = sorted("/%d" % i for i in range(50)) # of several workers: in no order
        until(lambda: sorted(weir.read("direct.log").splitlines()) == expected, "fifty lines in a pipe")
        weir.wait_for_log("AH00489", name="piped-error.log")
        weir.stop()
        until(lambda: "AH00491" in weir.read("piped-error.log"), "the last word")


def test_a_log_program_that_dies_is_started_again(backend):
    script = "echo $$ >>%s; exec cat >>%s"
    with Weir("ErrorLog {dir}/error.log", start=False) as weir:
        weir.values["backend"] = backend
        with open(os.path.join(weir.dir, "logger"), "w") as f:
            f.write("#!/bin/sh\n" + script % (os.path.join(weir.dir, "pids"),
                                              os.path.join(weir.dir, "piped.log")) + "\n")
        os.chmod(os.path.join(weir.dir, "logger"), 0o755)
        weir.configure('CustomLog "|{dir}/logger" "%U"\n' + HTTP)
        weir.start()
        weir.get("/before")
        until(lambda: "/before" in weir.read("piped.log"), "the first line")
        os.kill(int(weir.read("pids").split()[0]), 9)
        until(lambda: (weir.get("/after"), "/after" in weir.read("piped.log"))[1], "a line in the new program")
        assert len(weir.read("pids").split()) >= 2


def test_a_log_program_that_does_not_read_blocks_nobody(backend):
    with Weir('CustomLog "|/bin/sleep 100" "%U ' + "x" * 2000 + '"\n' + HTTP, backend=backend) as weir:
        for _ in range(300):
            assert weir.get().status == 200 # in PATIENCE, which is less than the program sleeps


# ---- rotation

def test_rotation_under_load_loses_no_line(backend):
    with Weir('MaxKeepAliveRequests 0\nCustomLog {dir}/access.log "%U"\n' + HTTP, backend=backend) as weir:
        asked, stop = [0] * 4, threading.Event()

        def load(n):
            with weir.connect() as c:
                while not stop.is_set():
                    c.send(request(path="/%d-%d" % (n, asked[n])))
                    assert c.read_response().status == 200
                    asked[n] += 1
        threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        names = ["access.log"]
        for turn in range(10):
            until(weir.access_log, "a line in the file of this turn")
            os.rename(os.path.join(weir.dir, "access.log"), os.path.join(weir.dir, "access.log.%d" % turn))
            weir.reload()
            names.append("access.log.%d" % turn)
        until(weir.access_log, "a line in the last file")
        stop.set()
        for t in threads:
            t.join()
        weir.stop()
        lines = "".join(weir.read(name) for name in names).split("\n")[:-1]
        expected = {"/%d-%d" % (n, i) for n in range(4) for i in range(asked[n])}
        assert len(lines) == len(set(lines)) == sum(asked) and set(lines) == expected
        assert all(weir.read(name) for name in names)


def test_a_tunnel_that_outlives_a_rotation_writes_to_the_new_file():
    with Backend() as backend, Weir("ProxyPass / ws://127.0.0.1:{backend}/", backend=backend) as weir:
        client, peer = weir.tunnel(backend, "/long")
        os.rename(os.path.join(weir.dir, "access.log"), os.path.join(weir.dir, "old.log"))
        weir.reload()
        client.reset()
        weir.wait_for_access("GET /long 101 ")
        assert "/long" not in weir.read("old.log")


def test_buffered_logs_are_written_in_time(backend):
    with Weir("BufferedLogs On\n" + HTTP, backend=backend) as weir:
        weir.get("/x")
        weir.wait_for_access("GET /x")


def test_a_log_that_cannot_be_opened_stops_the_start_with_its_name():
    with Weir("CustomLog {dir}/no/such/folder/access.log \"%U\"", start=False) as weir:
        done = weir.run()
        assert done.returncode != 0 and "no/such/folder/access.log" in done.stderr


def test_a_name_that_no_logformat_has_is_warned_of_and_written_as_it_is(backend):
    with Weir("CustomLog {dir}/access.log combined\n" + HTTP, backend=backend) as weir:
        assert "combined: no LogFormat has this name" in weir.run("-t").stderr
        weir.get("/x")
        assert weir.wait_for_access() == "combined"

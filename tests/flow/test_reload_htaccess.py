"""Files of settings while the server runs: what a file says counts from the next request on, whoever answers it, and a file
at fault harms nobody but those below it."""
import os
import re
import shutil
import tempfile
import threading
import time

import pytest
from harness import TEXT, Backend, Weir, frame, request, serve_text, until

SITE = "DocumentRoot {root}\n<Directory {root}>\nAllowOverride All\nRequire all granted\n</Directory>\n"


@pytest.fixture
def root():
    folder = tempfile.mkdtemp(prefix="weir-htaccess-")
    os.chmod(folder, 0o755)
    for name in ("x.txt", "app/x.txt", "app/deep/x.txt"):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        write(folder, name, "text")
    yield folder
    shutil.rmtree(folder)


def write(root, name, text, age=0):
    """age: as if it had been written so many seconds ago, so that it may be kept."""
    path = os.path.join(root, name)
    with open(path, "w") as f:
        f.write(text)
    if age:
        stamp = os.stat(path).st_mtime - age
        os.utime(path, (stamp, stamp))
        time.sleep(0.06)


def ages(weir, path="/app/x.txt", times=12):
    """What X says, by whichever worker."""
    return {weir.get(path).get("X") for _ in range(times)}


@pytest.mark.parametrize("age", [0, 1000], ids=["young", "kept"])
def test_what_is_written_counts_with_the_next_request(root, age):
    with Weir(SITE, root=root) as weir:
        assert ages(weir) == {None}
        for i in range(30):  # of one length, within a tick of the clock
            write(root, "app/.htaccess", "Header set X %d\n" % (i % 10), age + i)
            assert ages(weir, times=3) == {"%d" % (i % 10)}
        assert weir.get("/x.txt").get("X") is None
        write(root, "new", "Header set X replaced\n", age)
        os.rename(root + "/new", root + "/app/.htaccess")
        assert ages(weir) == {"replaced"}
        os.remove(root + "/app/.htaccess")
        assert ages(weir) == {None}


def test_same_length_and_time_and_another_content(root):
    with Weir(SITE, root=root) as weir:
        for i in range(10):
            write(root, "app/.htaccess", "Header set X %d\n" % i)
            os.utime(root + "/app/.htaccess", (1700000000, 1700000000))
            assert ages(weir, times=3) == {"%d" % i}


@pytest.mark.parametrize("age", [0, 1000], ids=["young", "kept"])
def test_a_fault_is_a_500_below_it_that_is_said_until_it_is_mended(root, age):
    with Weir(SITE, root=root) as weir:
        write(root, "app/.htaccess", "Header set X good\n", age)
        assert ages(weir, "/app/deep/x.txt") == {"good"}
        write(root, "app/.htaccess", "Header set X good\nOptoins None\n", age)
        assert [weir.get("/app/deep/x.txt").status for _ in range(4)] == [500] * 4
        assert weir.get("/x.txt").body == b"text"
        weir.wait_for_log(r"\[core:alert\] \[pid \d+:tid \d+\] \[client [0-9.]+:\d+\] .*/app/\.htaccess: Invalid command 'Optoins', perhaps "
                          "misspelled or defined by a module not included in the server configuration$")
        until(lambda: len(re.findall("Optoins", weir.error_log())) == 4, "a line for each request")
        write(root, "app/.htaccess", "Header set X mended\n", age)
        assert ages(weir, "/app/deep/x.txt") == {"mended"}
        weir.stop()
        assert len(re.findall("Optoins", weir.error_log())) == 4


def test_what_cannot_be_read_is_a_403_until_it_can(root):
    with Weir(SITE, root=root) as weir:
        write(root, "app/.htaccess", "Header set X kept\n", 1000)
        assert ages(weir) == {"kept"}
        os.remove(root + "/app/.htaccess")
        os.mkdir(root + "/app/.htaccess")
        assert weir.get("/app/x.txt").status == 403
        weir.wait_for_log(r"\[core:crit\] .*\(9\)Bad file descriptor: .*AH00529: .*/app/\.htaccess pcfg_openfile: unable to check htaccess")
        os.rmdir(root + "/app/.htaccess")
        assert ages(weir) == {None}


def test_what_is_too_much_is_a_500(root):
    with Weir(SITE, root=root) as weir:
        write(root, "app/.htaccess", "# %s\n" % ("x" * 100) * 6000, 1000)
        assert weir.get("/app/x.txt").status == 500
        weir.wait_for_log(r"\[core:alert\] .*/app/\.htaccess: the file is larger \(\d+ bytes\) than the 524288 bytes that are read")
        write(root, "app/.htaccess", "Header set X good\n" + "# %s\n" % ("x" * 100) * 4000, 1000)
        assert ages(weir) == {"good"}
        write(root, "app/.htaccess", "<Macro A $x>\n" + "Header set $x $x$x$x$x$x$x$x\n" * 400 + "</Macro>\n" + ("Use A %s\n" % ("y" * 200)) * 100, 1000)
        assert weir.get("/app/x.txt").status == 500
        weir.wait_for_log("The configuration is larger than 4194304 bytes with its macros and includes")
        deep = "/".join(["d"] * 70)
        os.makedirs(root + "/" + deep)
        for i in range(1, 71):
            write(root, "/".join(["d"] * i) + "/.htaccess", "Header append X %d\n" % i)
        write(root, deep + "/x.txt", "text")
        assert weir.get("/" + "/".join(["d"] * 63) + "/none").status == 404
        assert weir.get("/" + deep + "/x.txt").status == 500
        weir.wait_for_log("more than 64 such files lie on the way to one file")


def test_what_has_no_effect_or_is_refused_is_said(root):
    with Weir(SITE, root=root) as weir:
        write(root, "app/.htaccess", "# icons\nAddIcon /x.gif .txt\nHeader set X taken\n", 1000)
        assert ages(weir) == {"taken"}
        weir.wait_for_log(r"\[core:notice\] .*/app/\.htaccess:2: AddIcon is accepted and has no effect")
        write(root, "app/.htaccess", "SetInputFilter DEFLATE\n", 1000)
        assert weir.get("/app/x.txt").status == 500
        weir.wait_for_log(r"\[core:alert\] .*/app/\.htaccess: SetInputFilter: refused")
        weir.stop()
        assert weir.error_log().count("AddIcon") == 2  # a line, in two languages


def test_many_files_are_not_all_kept(root):
    with Weir(SITE + "MaxKeepAliveRequests 0\n", root=root) as weir:
        for i in range(1500):
            os.mkdir(root + "/d%d" % i)
            write(root, "d%d/.htaccess" % i, "Header set X %d\n" % i)
            os.utime(root + "/d%d/.htaccess" % i, (1700000000, 1700000000))
            write(root, "d%d/x.txt" % i, "text")
        with weir.connect() as client:
            for i in list(range(1500)) + [0, 1499, 700]:
                client.send(request(path="/d%d/x.txt" % i))
                assert client.read_response().get("X") == "%d" % i
        assert weir.rss() < 200 << 20


def test_a_reload_begins_without_what_was_read(root):
    with Weir(SITE, root=root) as weir:
        write(root, "app/.htaccess", "Header set X before\n", 1000)
        assert ages(weir) == {"before"}
        weir.configure(SITE.replace("AllowOverride All", "AllowOverride None"))
        weir.reload()
        assert ages(weir) == {None}
        weir.configure(SITE.replace("AllowOverride All", "AllowOverride Indexes"))
        weir.reload()
        assert weir.get("/app/x.txt").status == 500
        weir.configure(SITE)
        weir.reload()
        assert ages(weir) == {"before"}


def test_a_tunnel_that_a_rule_of_a_file_opened_outlives_the_file(root):
    with Backend() as backend, Weir(SITE, root=root, backend=backend) as weir:
        write(root, ".htaccess", "RewriteEngine On\nRewriteCond %%{HTTP:Upgrade} websocket [NC]\nRewriteRule ^ws/(.*)$ ws://127.0.0.1:%d/$1 [P]\n" % backend.port, 1000)
        client, peer = weir.tunnel(backend, "/ws/room")
        write(root, ".htaccess", "Require all denied\n", 1000)
        assert weir.get("/ws/room").status == 403
        weir.reload()
        client.send(frame(TEXT, b"still here", masked=True))
        assert peer.read_frame()[1] == b"still here"
        client.reset()


def test_clients_ask_while_files_change_and_the_server_reloads(root):
    """Each answer is one that the file gave at some time: never another, never a 500."""
    with Backend(serve_text(b"backend")) as backend, Weir(SITE + "ProxyPass /backend http://127.0.0.1:{backend}/\n", root=root, backend=backend) as weir:
        write(root, "app/.htaccess", "Header set X 0\n", 1000)
        wrong, done = [], threading.Event()

        def ask():
            while not done.is_set():
                got = weir.get("/app/deep/x.txt")
                if got.status != 200 or not re.fullmatch(r"\d+", got.get("X") or ""):
                    wrong.append(got)

        askers = [threading.Thread(target=ask) for _ in range(6)]
        for a in askers:
            a.start()
        for i in range(1, 60):
            write(root, "new", "RewriteEngine On\nRewriteRule ^none - [F]\nHeader set X %d\n" % i, 1000 if i % 2 else 0)
            os.rename(root + "/new", root + "/app/.htaccess")
            if i % 20 == 0:
                weir.reload()
            assert weir.get("/app/x.txt").get("X") == "%d" % i
        done.set()
        for a in askers:
            a.join()
        assert not wrong, wrong[:3]

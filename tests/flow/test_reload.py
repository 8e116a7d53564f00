"""A new configuration in the running process: at once for new requests, never to the harm of an open tunnel."""
import os
import signal
import threading

import pytest
from harness import (TEXT, Backend, Weir, answer, frame, free_port, preload, request, serve_hello, serve_text, until, with_hosts)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP], ids=["graceful", "restart"])
def test_a_new_backend_takes_effect_at_once(number):
    with Backend(serve_text(b"old")) as old, Backend(serve_text(b"new")) as new:
        with Weir("ProxyPass / http://127.0.0.1:{old}/", old=old, new=new) as weir:
            assert weir.get().body == b"old"
            weir.configure("ProxyPass / http://127.0.0.1:{new}/")
            weir.reload(number)
            for _ in range(10): # whichever worker
                assert weir.get().body == b"new"


def test_a_kept_alive_client_sees_the_new_configuration_with_its_next_request():
    with Backend(serve_text(b"old")) as old, Backend(serve_text(b"new")) as new:
        with Weir("ProxyPass / http://127.0.0.1:{old}/", old=old, new=new) as weir:
            client = weir.connect().send(request())
            assert client.read_response().body == b"old"
            weir.configure("ProxyPass / http://127.0.0.1:{new}/")
            weir.reload()
            client.send(request())
            assert client.read_response().body == b"new"


def test_a_request_under_way_ends_as_it_began():
    with Backend() as old, Backend(serve_text(b"new")) as new:
        with Weir("ProxyPass / http://127.0.0.1:{old}/", old=old, new=new) as weir:
            client = weir.connect().send(request())
            peer = old.accept()
            peer.read_head()
            weir.configure("ProxyPass / http://127.0.0.1:{new}/")
            weir.reload()
            peer.send(answer(200, b"old"))
            assert client.read_response().body == b"old"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP], ids=["graceful", "restart"])
def test_open_tunnels_live_on_even_when_their_route_is_gone(number):
    with Backend() as backend, Weir("ProxyPass /ws ws://127.0.0.1:{backend}/", backend=backend) as weir:
        tunnels = [weir.tunnel(backend, "/ws") for _ in range(10)]
        weir.configure("ProxyPass /other ws://127.0.0.1:{backend}/")
        for _ in range(3):
            weir.reload(number)
        assert weir.get("/ws").status == 404
        for client, peer in tunnels:
            client.send(frame(TEXT, b"still here", masked=True))
            assert peer.read_frame()[1] == b"still here"
            peer.send(frame(TEXT, b"me too"))
            assert client.read_frame()[1] == b"me too"
            client.reset()
        until(lambda: weir.access_log().count(" 101 ") == 10, "their access lines")


BAD = {
    "unknown directive": ("Porxy On", "Invalid command 'Porxy'"),
    "open section": ("<Location /x>", "Location"),
    "bad value": ("KeepAlive maybe", "KeepAlive must be On or Off"),
    "missing include": ("Include {dir}/none.conf", "none.conf"),
    "bad listener": ("Listen 127.0.0.1:{taken}", "AH00072"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_changes_nothing_and_the_log_says_why(name):
    config, why = BAD[name]
    with Backend() as backend, Backend(serve_text(b"good")) as good:
        with Weir("ProxyPass /ws ws://127.0.0.1:{backend}/\nProxyPass / http://127.0.0.1:{good}/", backend=backend,
                  good=good,
                  taken=good.port) as weir:
            client, peer = weir.tunnel(backend, "/ws")
            weir.configure("Listen 127.0.0.1:{port}\nProxyPass / http://127.0.0.1:1/\n" + config)
            weir.reload(good=False)
            line = weir.wait_for_log("reload refused")
            assert why in line and ("weir.conf" in line or name == "bad listener")
            for _ in range(4):
                assert weir.get().body == b"good"
            client.send(frame(TEXT, b"here", masked=True))
            assert peer.read_frame()[1] == b"here"
            weir.configure("ProxyPass / http://127.0.0.1:{good}/better")
            weir.reload()
            assert weir.get().body == b"good"


def test_a_file_that_vanished_changes_nothing():
    with Backend(serve_hello) as backend, Weir("ProxyPass / http://127.0.0.1:{backend}/", backend=backend) as weir:
        os.rename(weir.file, weir.file + ".gone")
        weir.reload(good=False)
        assert weir.get().status == 200
        os.rename(weir.file + ".gone", weir.file)
        weir.reload()


def test_a_listener_is_added_and_removed():
    second = free_port()
    one, two = "Listen 127.0.0.1:{port}", "Listen 127.0.0.1:%d" % second
    with Backend(serve_hello) as backend:
        http = "\nProxyPass / http://127.0.0.1:{backend}/"
        with Weir(one + http, backend=backend) as weir:
            with pytest.raises(ConnectionRefusedError):
                weir.connect(second)
            weir.configure(one + "\n" + two + http)
            weir.reload()
            with weir.connect(second) as c:
                assert c.send(request()).read_response().status == 200
            kept = weir.connect(second).send(request())
            assert kept.read_response().status == 200
            weir.configure(one + http)
            weir.reload()
            assert refused(weir, second)
            kept.send(request()) # a connection that stands is not the listener
            assert kept.read_response().status == 200
            assert weir.get().status == 200


SLOW = """
#include <dlfcn.h>
#include <sys/epoll.h>
#include <unistd.h>
int epoll_wait(int fd, struct epoll_event *events, int most, int ms)
{
    int n = ((int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait"))(fd, events, most, ms);
    usleep(100000);
    return n;
}
"""


def test_in_charge_is_said_when_each_worker_has_it_however_slow(tmp_path):
    """A port that one reload gave up can be had by the next; it may be refused at once."""
    one, two = "Listen 127.0.0.1:{port}\n", "Listen 127.0.0.1:%d\n" % (second := free_port())
    with Weir(one + two, env=preload(tmp_path, SLOW)) as weir:
        for _ in range(3):
            weir.configure(one)
            weir.reload()
            assert refused(weir, second)
            weir.configure(one + two)
            weir.reload()
            weir.connect(second).close()


def refused(weir, port):
    try:
        weir.connect(port).close()
        return False
    except ConnectionRefusedError:
        return True


def test_no_connection_is_refused_or_dropped_during_thirty_reloads():
    with Backend(serve_hello) as backend, Weir("ProxyPass / http://127.0.0.1:{backend}/", backend=backend) as weir:
        done, failed, stop = [0] * 4, [], threading.Event()

        def load(n):
            try:
                while not stop.is_set():
                    with weir.connect() as c:
                        for _ in range(2):
                            assert c.send(request()).read_response().status == 200
                    done[n] += 1
            except Exception as e: # the story's verdict is below
                failed.append(repr(e))
        threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for _ in range(30):
            weir.reload()
        until(lambda: failed or min(done) > 0, "each of them to have asked")
        stop.set()
        for t in threads:
            t.join()
        assert not failed


def test_thirty_reloads_with_listeners_that_come_and_go_under_load():
    extra = [free_port() for _ in range(3)]
    with Backend(serve_hello) as backend:
        config = "Listen 127.0.0.1:{port}\n%s\nProxyPass / http://127.0.0.1:{backend}/"
        with Weir(config % "", backend=backend) as weir:
            stop, failed = threading.Event(), []

            def load():
                try:
                    while not stop.is_set():
                        assert weir.get().status == 200
                except Exception as e:
                    failed.append(repr(e))
            thread = threading.Thread(target=load)
            thread.start()
            for turn in range(30):
                weir.configure(config % "\n".join("Listen 127.0.0.1:%d" % p for i,
                                                  p in enumerate(extra) if turn >> i & 1))
                weir.reload()
            stop.set()
            thread.join()
            assert not failed


def test_graceful_through_the_pid_file():
    with Backend(serve_text(b"old")) as old, Backend(serve_text(b"new")) as new:
        with Weir("ProxyPass / http://127.0.0.1:{old}/", old=old, new=new) as weir:
            weir.configure("ProxyPass / http://127.0.0.1:{new}/")
            done = weir.run("-k", "graceful")
            assert done.returncode == 0, done.stderr
            weir.wait_for_log("configuration 2 is in charge")
            assert weir.get().body == b"new"


def test_graceful_with_a_bad_file_is_refused_before_the_server_is_asked():
    with Backend(serve_hello) as backend, Weir("ProxyPass / http://127.0.0.1:{backend}/", backend=backend) as weir:
        weir.configure("Porxy On")
        done = weir.run("-k", "graceful")
        assert done.returncode == 1 and "Invalid command 'Porxy'" in done.stderr
        assert weir.get().status == 200
        weir.stop()
        assert "refused" not in weir.error_log()


def test_an_access_rule_that_is_added_holds_at_once():
    with Backend(serve_hello) as backend, Weir("ProxyPass / http://127.0.0.1:{backend}/", backend=backend) as weir:
        client = weir.connect().send(request(path="/private"))
        assert client.read_response().status == 200
        weir.configure("ProxyPass / http://127.0.0.1:{backend}/\n<Location /private>\nRequire all denied\n</Location>")
        weir.reload()
        client.send(request(path="/private"))
        assert client.read_response().status == 403


@pytest.mark.parametrize("reuse", ["", " disablereuse=on"], ids=["pooled", "fresh"])
def test_a_backends_name_is_asked_again_after_a_reload(tmp_path, reuse):
    prefix = with_hosts(tmp_path, "127.0.0.2 moves.test\n")
    with Backend(serve_text(b"old"), host="127.0.0.2") as old, Backend(serve_text(b"new"), port=old.port):
        with Weir("ThreadsPerChild 1\nProxyPass / http://moves.test:{old}/" + reuse, old=old, prefix=prefix) as weir:
            assert weir.get().body == b"old"
            (tmp_path / "hosts").write_text("127.0.0.1 moves.test\n")
            assert weir.get().body == b"old"
            weir.reload()
            assert weir.get().body == b"new" # while the old one answers still


def test_reloads_under_load_do_not_grow_the_process():
    with Backend(serve_hello) as backend, Weir("ProxyPass / http://127.0.0.1:{backend}/\n" + "".join(
            "<Location /place%d>\nRequire all granted\n</Location>\n" % i for i in range(300)),
            backend=backend) as weir:
        for _ in range(10):
            weir.reload()
            assert weir.get().status == 200
        before, files = weir.rss(), weir.descriptors()
        for _ in range(30):
            weir.reload()
            assert weir.get().status == 200
        assert weir.rss() - before < 8 << 20
        until(lambda: weir.descriptors() <= files + 2, "the descriptors to be given back")

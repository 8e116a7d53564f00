"""What the key=value parameters of a worker do to its connections, seen from the backend and from the kernel."""
import re
import subprocess

import pytest
from harness import Backend, Weir, answer, free_port, paces, request, serve_hello, until, with_hosts


def proxy(parameters):
    return "ThreadsPerChild 1\nProxyPass / http://127.0.0.1:{backend}/ " + parameters + "\n"


def ask_all(weir, backend, n):
    """n requests at the same time, each on a backend connection of its own; all are answered and their clients stay."""
    clients = [weir.connect().send(request()) for _ in range(n)]
    peers = [backend.accept() for _ in clients]
    for peer in peers:
        peer.read_request()
        peer.send(answer())
    for client in clients:
        assert client.read_response().status == 200
    return clients, peers


def test_ttl_ends_an_idle_connection_and_a_busy_one_lives(backend):
    for pace in paces():
        with pace, Weir(proxy("ttl=1"), backend=backend) as weir:
            (client,), (peer,) = ask_all(weir, backend, 1)
            for _ in range(3):
                assert not peer.ends_within(0.4)
                client.send(request())
                peer.read_request()
                pace.within(0.9)
                peer.send(answer())
                assert client.read_response().status == 200
            assert peer.ends()


def test_without_ttl_an_idle_connection_stays(backend):
    with Weir(proxy(""), backend=backend) as weir:
        _, (peer,) = ask_all(weir, backend, 1)
        assert not peer.ends_within(2.5)


def test_smax_connections_are_kept_and_no_more(backend):
    with Weir(proxy("smax=2"), backend=backend) as weir:
        _, peers = ask_all(weir, backend, 5)
        until(lambda: sum(p.ended or p.ends_within(0.01) for p in peers) >= 3, "three connections to end")
        assert sum(p.ended or p.ends_within(0.3) for p in peers) == 3


@pytest.mark.parametrize("word, on", [("keepalive=On", True), ("", False)])
def test_keepalive_is_the_kernels(backend, word, on):
    with Weir(proxy(word), backend=backend) as weir:
        ask_all(weir, backend, 1)
        said = subprocess.run(["ss", "-tnoH", "dst", "127.0.0.1:%d" % backend.port], capture_output=True, text=True).stdout
        assert said and ("timer:(keepalive" in said) == on, said


def test_ping_holds_the_body_until_the_backend_has_spoken(backend):
    with Weir(proxy("ping=5"), backend=backend) as weir:
        client = weir.connect().send(request("POST", fields=[("Content-Length", "4")], body=b"body"))
        peer = backend.accept()
        head = peer.read_head()
        assert head.get("Expect").lower() == "100-continue"
        assert peer.is_silent()
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert peer.read(4) == b"body"
        peer.send(answer())
        assert client.read_response().status == 200 # the client asked for no 100 and gets none


def test_ping_that_is_not_answered_is_tried_once_more_and_then_503(backend):
    with Weir(proxy("ping=200ms"), backend=backend) as weir:
        client = weir.connect().send(request("POST", fields=[("Content-Length", "4")], body=b"body"))
        peers = [backend.accept(), backend.accept()]
        assert client.read_response().status == 503
        for peer in peers:
            peer.read_head()
            assert peer.ends() and not peer.buffer # no byte of the body
        weir.wait_for_log("AH00898: Timeout on 100-Continue")


def test_ping_does_not_touch_requests_without_a_body(backend):
    with Weir(proxy("ping=200ms"), backend=backend) as weir:
        client = weir.connect().send(request())
        peer = backend.accept()
        assert "Expect" not in peer.read_request()
        peer.send(answer())
        assert client.read_response().status == 200


def test_addressttl_asks_the_name_again(tmp_path):
    port = free_port()
    prefix = with_hosts(tmp_path, "127.0.0.2 moving.test\n")
    with Backend(serve_hello, host="127.0.0.2", port=port) as old, Backend(serve_hello, host="127.0.0.3", port=port) as new, \
            Weir("ThreadsPerChild 1\nProxyPass / http://moving.test:%d/ addressttl=1 disablereuse=on\n" % port, prefix=prefix) as weir:
        assert weir.get().status == 200 and (old.connections, new.connections) == (1, 0)
        (tmp_path / "hosts").write_text("127.0.0.3 moving.test\n")
        until(lambda: weir.get().status == 200 and new.connections, "the new address to be used")


def test_proxysourceaddress_is_where_connections_come_from(backend):
    with Weir("ProxySourceAddress 127.0.0.9\n" + proxy(""), backend=backend) as weir:
        _, (peer,) = ask_all(weir, backend, 1)
        assert peer.socket.getpeername()[0] == "127.0.0.9"


def test_receivebuffersize_is_the_sockets(backend):
    with Weir(proxy("receivebuffersize=8192"), backend=backend) as weir:
        ask_all(weir, backend, 1)
        said = subprocess.run(["ss", "-tnmH", "dst", "127.0.0.1:%d" % backend.port], capture_output=True, text=True).stdout
        assert re.search(r"rb16384\b", said), said # the kernel doubles it


def test_retry_is_nothing_to_a_worker_of_its_own():
    port = free_port()
    with Weir("ProxyPass / http://127.0.0.1:%d/ retry=3600\n" % port) as weir:
        assert weir.get().status == 503
        with Backend(serve_hello, port=port):
            assert weir.get().status == 200


def test_a_scheme_that_weir_does_not_speak_is_warned_of_before_it_is_asked_for():
    with Weir("ProxyPass /php/ fcgi://127.0.0.1:9000/\nProxyPass / ws://127.0.0.1:9/", start=False) as weir:
        said = weir.run("-t").stderr
        assert re.search(r"Weir does not speak fcgi: requests to fcgi://127.0.0.1:9000/ are answered 500 .*500 を返します \(.*:\d+\)\n", said)
        assert said.count("does not speak") == 1 and "Syntax OK" in said


LOADED = "LoadModule mpm_event_module x\nLoadModule authz_core_module x\nLoadModule proxy_module x\n"


@pytest.mark.parametrize("loads,line,missing", [
    ("", "ProxyPass /a ws://127.0.0.1:9/", "ws://127.0.0.1:9/ proxy_wstunnel"),
    ("", "ProxyPass /a http://127.0.0.1:9/", "http://127.0.0.1:9/ proxy_http"),
    ("proxy_wstunnel", "ProxyPass /a http://127.0.0.1:9/", "http://127.0.0.1:9/ proxy_http"),
    ("proxy_wstunnel", "ProxyPass /a ws://127.0.0.1:9/", None),
    ("proxy_http", "ProxyPass /a ws://127.0.0.1:9/", None), # as since httpd 2.4.47
    ("proxy_http", "ProxyPassMatch ^/a(.*) wss://127.0.0.1:9$1", "wss://127.0.0.1:9$1 ssl"),
    ("proxy_http ssl", "ProxyPass /a wss://127.0.0.1:9/", None),
    ("proxy_http", "ProxyPass /a balancer://b/", "balancer://b proxy_balancer"),
    ("slotmem_shm proxy_balancer lbmethod_byrequests", "ProxyPass /a balancer://b/\n<Proxy balancer://b>\nBalancerMember ws://127.0.0.1:9\n</Proxy>",
     "ws://127.0.0.1:9 proxy_wstunnel"),
])
def test_what_no_loaded_module_speaks_is_warned_of_before_it_is_asked_for(loads, line, missing):
    loads = LOADED + "".join("LoadModule %s_module x\n" % name for name in loads.split())
    with Weir(loads + "<VirtualHost *:{port}>\n</VirtualHost>\n" + line, start=False) as weir:
        said = weir.run("-t").stderr
        assert "Syntax OK" in said
        told = re.findall(r"requests to (\S+) are answered 500: no loaded module speaks (\w+) \(LoadModule (\w+)_module, a2enmod \3\) / "
                          r"\1 への要求には 500 を返します: \2 を扱うモジュールがロードされていません \(LoadModule \3_module, a2enmod \3\) \(.*:\d+\)", said)
        assert ["%s %s" % (url, module) for url, _, module in told] == [missing] * (missing is not None)


def test_it_is_so():
    with Weir(LOADED + "ProxyPass / ws://127.0.0.1:9/") as weir:
        assert weir.get().status == 500
        weir.wait_for_log("no loaded module speaks ws")
        weir.wait_for_log("AH01144")


def test_a_port_that_is_none_is_warned_of_before_it_is_asked_for():
    with Weir("ProxyPass / ws://localhost:99999/", start=False) as weir:
        said = weir.run("-t").stderr
        assert "ws://localhost:99999/: ports end at 65535: requests to it are answered 400" in said and "Syntax OK" in said
        assert re.search(r"400 を返します \(.*:\d+\)\n", said)

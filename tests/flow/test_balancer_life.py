"""Balancers over time: members that die and come back, tunnels that count, requests that wait for a member."""
import re
import time

from harness import SOON, TEXT, Backend, Weir, answer, frame, free_port, handshake, request, serve_echo, serve_text, switching, until


def pool(members, settings=""):
    lines = "".join("BalancerMember %s\n" % m for m in members)
    return "<Proxy balancer://p>\n%s%s</Proxy>\nProxyPass /p balancer://p/\n" % (lines, "ProxySet %s\n" % settings if settings else "")


MANAGER = "<Location /manager>\nSetHandler balancer-manager\n</Location>\n"
COLUMNS = ["url", "route", "redirect", "factor", "set", "status", "elected", "busy", "load", "to", "from"]


def shown(weir):
    """Rows of the manager's page, by the member's URL."""
    page = weir.get("/manager").body.decode()
    rows = re.findall(r"<tr>\n((?:<td>.*?</td>)+)</tr>", page)
    cells = [dict(zip(COLUMNS, [c.strip() for c in re.findall(r"<td>(.*?)</td>", row)])) for row in rows]
    return {c["url"]: c for c in cells if len(c) == len(COLUMNS)}


def bodies(weir, n, path="/p/x"):
    return [weir.get(path).body for _ in range(n)]


def open_tunnel(weir, path="/p/chat"):
    client = weir.connect().send(handshake(path))
    assert client.read_head().status == 101
    return client


def test_tunnels_live_on_while_their_member_is_out():
    with Backend(serve_echo) as a, Backend(serve_echo) as b:
        config = pool(["ws://127.0.0.1:{a}", "ws://127.0.0.1:{b}"]) + MANAGER
        with Weir(config, a=a, b=b) as weir:
            tunnels = [open_tunnel(weir) for _ in range(4)]
            a.socket.shutdown(2) # takes no more connections
            a.socket.close()
            tunnels += [open_tunnel(weir) for _ in range(3)]
            weir.wait_for_log("AH00959: ap_proxy_connect_backend disabling worker for")
            for client in tunnels:
                client.send(frame(TEXT, b"still here", masked=True))
                assert client.read_frame()[1] == b"still here"
            assert len(a.wires) == 2 and len(b.wires) == 5
            members = shown(weir)
            assert [members["ws://127.0.0.1:%d" % p.port]["busy"] for p in (a, b)] == ["2", "5"]
            assert members["ws://127.0.0.1:%d" % a.port]["status"] == "Init Err"
            for client in tunnels:
                client.reset()
            until(lambda: all(m["busy"] == "0" for m in shown(weir).values()), "the tunnels to be forgotten")


def test_a_tunnel_makes_its_member_busy():
    with Backend(serve_echo) as a, Backend(serve_echo) as b:
        with Weir(pool(["ws://127.0.0.1:{a}", "ws://127.0.0.1:{b} loadfactor=9"], "lbmethod=bybusyness"), a=a, b=b) as weir:
            tunnels = [open_tunnel(weir) for _ in range(6)]
            assert (len(a.wires), len(b.wires)) == (3, 3) # whatever the factors say
            for client in tunnels:
                client.reset()


def test_a_member_that_came_back_is_used_after_its_time():
    port = free_port()
    with Backend(serve_text(b"b")) as b:
        with Weir(pool(["http://127.0.0.1:{dead} retry=1", "http://127.0.0.1:{b}"]), dead=port, b=b) as weir:
            assert bodies(weir, 3) == [b"b"] * 3
            weir.wait_for_log("AH00957")
            with Backend(serve_text(b"a"), port=port):
                until(lambda: weir.get("/p/x").body == b"a", "the member to be asked again")
                assert sorted(bodies(weir, 4)) == [b"a", b"a", b"b", b"b"]


def test_a_member_that_stays_away_is_asked_again_only_now_and_then():
    with Backend(serve_text(b"b")) as b:
        with Weir(pool(["http://127.0.0.1:{dead} retry=60", "http://127.0.0.1:{b}"]), dead=free_port(), b=b) as weir:
            assert bodies(weir, 20) == [b"b"] * 20
            weir.stop()
            assert len(re.findall("AH00957", weir.error_log())) == 1


def test_nothing_is_sent_twice_once_a_byte_went_out():
    """A backend that takes the request and goes away: 502, and the other member is not bothered."""
    def takes_and_leaves(wire):
        wire.read_request()
    with Backend(takes_and_leaves) as a, Backend(serve_text(b"b")) as b:
        with Weir(pool(["http://127.0.0.1:{a}", "http://127.0.0.1:{b}"]), a=a, b=b) as weir:
            raw = request("POST", "/p/x", [("Connection", "close"), ("Content-Length", 4)], b"once")
            assert weir.ask(raw).status == 502
            assert (a.connections, b.connections) == (1, 0)
            assert weir.ask(raw).body == b"b"


def test_a_body_follows_to_the_second_member():
    got = []
    def keeps(wire):
        got.append(wire.read_request().body)
        wire.send(answer(200, b"thanks"))
    body = b"x" * 300000
    with Backend(keeps) as a:
        with Weir(pool(["http://127.0.0.1:{dead}", "http://127.0.0.1:{a}"]), dead=free_port(), a=a) as weir:
            assert weir.ask(request("PUT", "/p/x", [("Connection", "close"), ("Content-Length", len(body))], body)).body == b"thanks"
            assert got == [body]


def test_ping_fails_over_before_the_body_is_sent():
    """A member that does not say 100 in time is in an error; the body goes to the other."""
    def silent(wire):
        wire.read_head()
        wire.ends_within(100)
    def continues(wire):
        head = wire.read_head()
        assert head.all("X-Forwarded-For") == ["127.0.0.1"] and head.all("Expect") == ["100-Continue"]
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.read(int(head.get("Content-Length")))
        wire.send(answer(200, b"done"))
    with Backend(silent) as a, Backend(continues) as b:
        with Weir(pool(["http://127.0.0.1:{a} ping=200ms", "http://127.0.0.1:{b} ping=15"]) + MANAGER, a=a, b=b) as weir:
            raw = request("POST", "/p/x", [("Connection", "close"), ("Content-Length", 5)], b"hello")
            assert weir.ask(raw).body == b"done"
            assert shown(weir)["http://127.0.0.1:%d" % a.port]["status"] == "Init Err"
            assert b.connections == 1


def test_a_request_waits_for_a_member():
    port = free_port()
    with Weir(pool(["http://127.0.0.1:{dead} retry=1", "http://127.0.0.1:{dead2} status=+D"], "timeout=8"), dead=port, dead2=free_port()) as weir:
        assert weir.get("/p/x").status == 503 # found out: none is left
        with Backend(serve_text(b"a"), port=port): # there is one now, and that is not known yet
            assert weir.get("/p/x").body == b"a"


def test_the_wait_for_a_member_ends():
    with Weir(pool(["http://127.0.0.1:{dead} status=+D"], "timeout=1"), dead=free_port()) as weir:
        begun = time.monotonic()
        assert weir.get("/p/x").status == 503
        assert 0.9 < time.monotonic() - begun < SOON
        weir.wait_for_log("AH01170: balancer://p: All workers are in error state")


def test_a_client_may_leave_while_it_waits():
    with Weir(pool(["http://127.0.0.1:{dead} status=+D"], "timeout=60"), dead=free_port()) as weir:
        for _ in range(5):
            weir.connect().send(request("GET", "/p/x")).reset()
        until(lambda: weir.access_log().count("/p/x 499") == 5, "their lines in the access log")


def test_a_time_out_is_an_error_where_failontimeout_says_so():
    def silent(wire):
        wire.read_head()
        wire.ends_within(100)
    with Backend(silent) as a, Backend(serve_text(b"b")) as b:
        members = ["http://127.0.0.1:{a} timeout=1", "http://127.0.0.1:{b}"]
        with Weir(pool(members, "failontimeout=On"), a=a, b=b) as weir:
            assert weir.get("/p/x").status == 504
            weir.wait_for_log("AH02460: balancer://p: Forcing worker .* due to timeout and 'failontimeout' parameter being set")
            assert bodies(weir, 3) == [b"b"] * 3
        with Weir(pool(members), a=a, b=b) as weir:
            assert weir.get("/p/x").status == 504
            assert weir.get("/p/x").body == b"b"
            assert weir.get("/p/x").status == 504


def test_a_slow_member_is_dropped_for_another():
    """connectiontimeout= on an address that takes no connections: the backlog of a listener is full."""
    import socket
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(full.getsockname())
        fillers.append(s)
    with Backend(serve_text(b"b")) as b:
        with Weir(pool(["http://127.0.0.1:{full} connectiontimeout=300ms", "http://127.0.0.1:{b}"]), full=full.getsockname()[1], b=b) as weir:
            assert weir.get("/p/x").body == b"b"
            weir.wait_for_log("AH00959")
    for s in [full, *fillers]:
        s.close()


def test_a_handshake_goes_to_the_members_in_turn_and_sticks_by_its_cookie():
    def script(name):
        def serve(wire):
            wire.send(switching(wire.read_head()))
            wire.send(frame(TEXT, name))
            wire.ends_within(100)
        return serve
    with Backend(script(b"a")) as a, Backend(script(b"b")) as b:
        members = ["ws://127.0.0.1:{a} route=a", "ws://127.0.0.1:{b} route=b"]
        with Weir(pool(members, "stickysession=SID|sid"), a=a, b=b) as weir:
            def who(path="/p/chat", fields=()):
                client = weir.connect().send(handshake(path, fields))
                assert client.read_head().status == 101
                name = client.read_frame()[1]
                client.reset()
                return name
            assert sorted([who(), who()]) == [b"a", b"b"]
            assert [who(fields=[("Cookie", "SID=7.b")]) for _ in range(3)] == [b"b"] * 3
            assert [who("/p/chat;sid=7.a") for _ in range(3)] == [b"a"] * 3

"""Counters of balancers are one for all worker threads, and a reload keeps them."""
import threading

from harness import TEXT, Backend, Weir, frame, free_port, request, serve_echo, serve_text, until
from test_balancer_life import MANAGER, bodies, open_tunnel, pool, shown


def test_a_reload_keeps_counters_turns_and_errors():
    with Backend(serve_text(b"a")) as a, Backend(serve_text(b"b")) as b:
        config = pool(["http://127.0.0.1:{a}", "http://127.0.0.1:{b}", "http://127.0.0.1:{dead}"]) + MANAGER
        with Weir(config, a=a, b=b, dead=free_port()) as weir:
            assert len(bodies(weir, 9)) == 9
            before = shown(weir)
            dead = "http://127.0.0.1:%d" % weir.values["dead"]
            assert before[dead]["status"] == "Init Err"
            weir.reload()
            assert shown(weir) == before
            next_turns = bodies(weir, 4)
            assert sorted(next_turns) == [b"a", b"a", b"b", b"b"]
            weir.stop()
            assert weir.error_log().count("AH00957") == 1 # the error was known


def test_a_reload_counts_tunnels_of_before():
    with Backend(serve_echo) as a, Backend(serve_echo) as b:
        config = pool(["ws://127.0.0.1:{a}", "ws://127.0.0.1:{b}"], "lbmethod=bybusyness") + MANAGER
        with Weir(config, a=a, b=b) as weir:
            first = open_tunnel(weir)
            for _ in range(3):
                weir.reload()
            second = open_tunnel(weir) # to the one that is idle
            assert (len(a.wires), len(b.wires)) == (1, 1)
            for client in (first, second):
                client.send(frame(TEXT, b"x", masked=True))
                assert client.read_frame()[1] == b"x"
            weir.configure(config.replace("BalancerMember ws://127.0.0.1:{a}\n", "")) # the tunnel there outlives its member
            weir.reload()
            third = open_tunnel(weir)
            first.send(frame(TEXT, b"y", masked=True))
            assert first.read_frame()[1] == b"y"
            first.reset()
            weir.configure(config)
            weir.reload()
            for client in (second, third):
                client.reset()


def test_a_reload_with_new_members_and_factors():
    with Backend(serve_text(b"a")) as a, Backend(serve_text(b"b")) as b, Backend(serve_text(b"c")) as c:
        with Weir(pool(["http://127.0.0.1:{a}", "http://127.0.0.1:{b}"]), a=a, b=b, c=c) as weir:
            assert sorted(bodies(weir, 2)) == [b"a", b"b"]
            weir.configure(pool(["http://127.0.0.1:{c} loadfactor=3", "http://127.0.0.1:{b}"]))
            weir.reload()
            assert sorted(bodies(weir, 8)) == [b"b"] * 2 + [b"c"] * 6


def test_threads_share_the_turns_through_reloads():
    """Many clients at once, a reload now and then: no turn is lost or given twice."""
    with Backend(serve_text(b"a")) as a, Backend(serve_text(b"b")) as b, Backend(serve_text(b"c")) as c:
        config = pool(["http://127.0.0.1:{a}", "http://127.0.0.1:{b} loadfactor=2", "http://127.0.0.1:{c}"]) + MANAGER
        with Weir(config, a=a, b=b, c=c) as weir:
            got, clients, each = [], 6, 40

            def ask():
                for _ in range(each):
                    with weir.connect() as client:
                        got.append(client.send(request("GET", "/p/x", [("Connection", "close")])).read_response().body)
            threads = [threading.Thread(target=ask) for _ in range(clients)]
            for t in threads:
                t.start()
            for _ in range(4):
                weir.reload()
            for t in threads:
                t.join()
            assert len(got) == clients * each
            members = until(lambda: (m := shown(weir)) and all(x["busy"] == "0" for x in m.values()) and m, "all to be counted off")
            elected = [int(members["http://127.0.0.1:%d" % x.port]["elected"]) for x in (a, b, c)]
            assert elected == [got.count(x) for x in (b"a", b"b", b"c")]
            assert abs(elected[1] - clients * each // 2) <= clients
            assert sum(int(m["load"]) for m in members.values()) == 0

"""Bytes after the 101: ends, time, pressure, many at once, and what the logs say of it."""
import hashlib
import os
import threading
import time

import pytest
from harness import (BINARY, PATIENCE, SOON, TEXT, Backend, Weir, close_frame, frame, handshake, paces, serve_echo, until)

WS = "ProxyPass / ws://127.0.0.1:{backend}/"
MIB = 1 << 20


def feed(wire, n, piece=MIB):
    """Sends n bytes in a thread of its own; the result is their digest."""
    data, digest = os.urandom(piece), hashlib.md5()
    for _ in range(n // piece):
        digest.update(data)

    def run():
        try:
            for _ in range(n // piece):
                wire.send(data)
        except OSError:
            pass
    wire.socket.settimeout(120)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, digest.hexdigest()


# ---- ends

def test_a_clients_half_close_is_passed_on_and_the_backend_may_still_talk(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        client.send(frame(TEXT, b"last words", masked=True)).half_close()
        assert peer.read_frame()[1] == b"last words"
        assert peer.read_all() == b""
        peer.send(frame(TEXT, b"an answer"))
        assert client.read_frame()[1] == b"an answer"
        peer.close()
        assert client.read_all() == b""


@pytest.mark.parametrize("section", ["Location /room", "FilesMatch ^room", "Directory {dir}", "If \"%{REQUEST_URI} == '/room'\""])
def test_a_handler_that_names_a_websocket_tunnels_with_the_files_name_as_its_path(backend, section):
    with Weir("DocumentRoot {dir}\n<%s>\nSetHandler \"proxy:ws://127.0.0.1:{backend}/at\"\n</%s>"
              % (section, section.split()[0]), backend=backend) as weir:
        client, peer = weir.tunnel(backend, "/room?seat=1")
        assert peer.seen.startswith(b"GET /at%s/room?seat=1 HTTP/1.1\r\n" % weir.dir.encode())
        client.send(frame(TEXT, b"up", masked=True))
        assert peer.read_frame()[1] == b"up"
        peer.send(frame(TEXT, b"down"))
        assert client.read_frame()[1] == b"down"
        client.close()
        peer.close()
        assert "/room?seat=1 101" in weir.wait_for_access("GET /room")


def test_a_tunnel_by_an_encoded_path_asks_for_it_as_it_came(backend):
    with Weir("ProxyPass /app ws://127.0.0.1:{backend}/n mapping=servlet\n<Location /app/secret>\nRequire all denied\n</Location>",
              backend=backend) as weir:
        client, peer = weir.tunnel(backend, "/app;session=1/a%2Fb;v=2?seat")
        assert peer.seen.startswith(b"GET /n;session=1/a%2Fb;v=2?seat HTTP/1.1\r\n")
        client.send(frame(TEXT, b"up", masked=True))
        assert peer.read_frame()[1] == b"up"
        client.close()
        peer.close()
        assert weir.connect().send(handshake("/app/x/..;/secret;x/y")).read_head().status == 403


def test_a_backends_half_close_is_passed_on_and_the_client_may_still_talk(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        peer.send(frame(TEXT, b"bye")).half_close()
        assert client.read_frame()[1] == b"bye"
        assert client.read_all() == b""
        client.send(frame(TEXT, b"one more", masked=True))
        assert peer.read_frame()[1] == b"one more"
        client.half_close()
        assert peer.read_all() == b""


def test_proxy_nohalfclose_ends_both_sides_at_the_first_fin(backend):
    with Weir("SetEnv proxy-nohalfclose 1\n" + WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        peer.half_close() # and keeps its own reading side open
        assert client.read_all() == b""
        assert peer.ends()
        weir.wait_for_access(" 101 ") # the client has not closed either


@pytest.mark.parametrize("where", ["the host", "a location"])
def test_an_idle_end_is_told_by_the_level_of_its_own_place(backend, where):
    inside = "LogLevel info\n" if where == "the host" else "<Location />\nLogLevel info\n</Location>\n"
    with Weir("Timeout 1\nLogLevel error\n<VirtualHost *:{port}>\nServerName app.example\n" + inside + WS + "\n</VirtualHost>",
              backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        weir.wait_for_log("nothing moved for")


def test_a_half_close_comes_after_all_bytes_even_under_pressure(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend, receive_buffer=4096)
        thread, digest = feed(peer, 8 * MIB)
        time.sleep(0.2) # the pipe fills up
        threading.Thread(target=lambda: (thread.join(), peer.half_close()), daemon=True).start()
        assert client.discard() == (8 * MIB, digest)


def test_both_close_frames_end_both_connections_at_once(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        client.send(close_frame(masked=True))
        assert peer.read_frame()[0] == 8
        peer.send(close_frame())
        assert client.read_frame()[0] == 8
        assert client.ends() and peer.ends() # neither of them closes first
        weir.wait_for_access(" 101 ")


def test_close_frames_the_other_way_round_and_split(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        peer.send(frame(TEXT, b"a") + close_frame()[:1])
        assert client.read_frame()[1] == b"a"
        peer.send(close_frame()[1:3])
        peer.send(close_frame()[3:])
        assert client.read_frame()[0] == 8
        answer = close_frame(masked=True)
        client.send(answer[:5])
        assert peer.read(5) and client.is_silent(0.1)
        client.send(answer[5:])
        assert peer.read(len(answer) - 5)
        assert client.ends() and peer.ends()


def test_one_close_frame_alone_ends_nothing(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        client.send(close_frame(masked=True))
        assert peer.read_frame()[0] == 8
        peer.send(frame(TEXT, b"still telling"))
        assert client.read_frame()[1] == b"still telling"
        assert client.is_silent() and peer.is_silent()


def test_what_looks_like_a_close_frame_inside_a_message_is_none(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        peer.send(frame(BINARY, close_frame()))
        client.send(frame(BINARY, close_frame(masked=True), masked=True))
        assert client.read_frame()[1] == close_frame() and peer.read_frame()[1] == close_frame(masked=True)
        assert client.is_silent() and peer.is_silent()


def test_a_clients_reset_ends_the_backends_side(backend):
    with Weir("LogLevel debug\n" + WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        client.reset()
        assert peer.ends()
        assert "[proxy:info]" in weir.wait_for_log(r"\(104\)Connection reset by peer.*tunnel .* closed: client failed")


def test_a_backends_reset_ends_the_clients_side(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        peer.reset()
        assert client.ends()
        weir.wait_for_log("tunnel .* closed: backend failed")


def test_a_tunnel_that_ends_leaves_no_descriptor_behind(backend):
    with Weir(WS, backend=backend) as weir:
        weir.tunnel(backend)[0].reset()
        until(lambda: "failed" in weir.error_log(), "the first tunnel's end")
        before = weir.descriptors()
        for i in range(20):
            client, peer = weir.tunnel(backend)
            (client if i % 2 else peer).close()
            assert (peer if i % 2 else client).ends()
            (peer if i % 2 else client).close()
        until(lambda: weir.descriptors() <= before, "the descriptors to be given back")


# ---- pressure

def test_a_client_that_does_not_read_holds_the_backend_up_and_not_weirs_memory(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend, receive_buffer=4096)
        before = weir.rss()
        thread, digest = feed(peer, 64 * MIB)
        until(lambda: not thread.is_alive() or peer.is_stuck(), "no more to go in")
        assert thread.is_alive(), "64 MiB went somewhere while nobody read"
        assert weir.rss() - before < 8 * MIB
        assert client.discard(64 * MIB) == (64 * MIB, digest)
        thread.join(PATIENCE)
        assert weir.rss() - before < 16 * MIB


def test_a_backend_that_does_not_read_holds_the_client_up(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        before = weir.rss()
        thread, digest = feed(client, 32 * MIB)
        until(lambda: not thread.is_alive() or client.is_stuck(), "no more to go in")
        assert thread.is_alive() and weir.rss() - before < 8 * MIB
        peer.send(frame(TEXT, b"the other way is free"))
        assert client.read_frame()[1] == b"the other way is free"
        assert peer.discard(32 * MIB) == (32 * MIB, digest)


def test_much_in_both_directions_at_once(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        down, down_digest = feed(peer, 32 * MIB)
        up, up_digest = feed(client, 32 * MIB)
        got = []
        reader = threading.Thread(target=lambda: got.append(peer.discard(32 * MIB)))
        reader.start()
        assert client.discard(32 * MIB) == (32 * MIB, down_digest)
        reader.join()
        assert got == [(32 * MIB, up_digest)]


def test_one_busy_tunnel_does_not_hold_up_another(backend):
    with Weir("ThreadsPerChild 1\n" + WS, backend=backend) as weir:
        busy, busy_peer = weir.tunnel(backend)
        quiet, quiet_peer = weir.tunnel(backend)
        thread, _ = feed(busy_peer, 128 * MIB)
        reader = threading.Thread(target=lambda: busy.discard(128 * MIB))
        reader.start()
        slowest, all_begun = 0, time.monotonic()
        while reader.is_alive():
            begun = time.monotonic()
            quiet.send(frame(TEXT, b"?", masked=True))
            quiet_peer.read_frame()
            quiet_peer.send(frame(TEXT, b"!"))
            quiet.read_frame()
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < (time.monotonic() - all_begun) / 2


def test_a_trickle_of_single_bytes_arrives_at_once(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        for byte in frame(TEXT, b"drip drop" * 10):
            peer.send(bytes([byte]))
            assert client.read(1) == bytes([byte])


# ---- time

def test_an_idle_tunnel_is_closed_and_the_log_says_who_was_silent(backend):
    with Weir("Timeout 1\n" + WS, backend=backend) as weir:
        begun = time.monotonic()
        client, peer = weir.tunnel(backend)
        assert client.ends() and peer.ends()
        assert 0.8 < time.monotonic() - begun < SOON
        line = weir.wait_for_log(r"tunnel to ws://127.0.0.1:%d/ closed: nothing moved for 1\.\d s" % backend.port)
        assert "[proxy:info]" in line and "both silent alike" in line and "[client 127.0.0.1:" in line
        weir.wait_for_access(" 101 ")


@pytest.mark.parametrize("talker", ["client", "backend"])
def test_who_never_spoke_was_silent_longest_though_the_other_did_so_at_once_and_only_once(backend, talker):
    with Weir("Timeout 1\n" + WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        speaks, hears = (client, peer) if talker == "client" else (peer, client)
        speaks.send(frame(TEXT, b"once", masked=talker == "client"))
        assert hears.read_frame()[1] == b"once" and hears.ends()
        assert ("backend" if talker == "client" else "client") + " silent longest" in weir.wait_for_log("nothing moved for 1")


def test_the_longer_of_both_timeouts_holds_as_in_apache(backend):
    with Weir("Timeout 1\nProxyTimeout 3\n" + WS, backend=backend) as weir:
        begun = time.monotonic()
        client, _ = weir.tunnel(backend)
        assert client.ends() and time.monotonic() - begun > 2.8


def test_a_shorter_proxytimeout_does_not_shorten_tunnels(backend):
    with Weir("Timeout 3\nProxyTimeout 1\n" + WS, backend=backend) as weir:
        begun = time.monotonic()
        client, _ = weir.tunnel(backend)
        assert client.ends() and time.monotonic() - begun > 2.8


def test_the_workers_timeout_lengthens_it_too(backend):
    with Weir("Timeout 1\n" + WS + " timeout=3", backend=backend) as weir:
        begun = time.monotonic()
        client, _ = weir.tunnel(backend)
        assert client.ends() and time.monotonic() - begun > 2.8


@pytest.mark.parametrize("talker", ["client", "backend"])
def test_a_tunnel_that_talks_in_one_direction_is_not_idle(backend, talker):
    for pace in paces():
        with pace, Weir("Timeout 1\n" + WS, backend=backend) as weir:
            client, peer = weir.tunnel(backend)
            speaks, hears = (client, peer) if talker == "client" else (peer, client)
            for _ in range(6):
                speaks.send(frame(TEXT, b"tick", masked=talker == "client"))
                assert hears.read_frame()[1] == b"tick"
                time.sleep(0.4)
                pace.within(0.9)
            assert hears.ends()
            line = weir.wait_for_log(r"nothing moved for 1\.\d s")
            assert ("backend" if talker == "client" else "client") + " silent longest" in line


def test_a_tunnel_whose_client_takes_nothing_for_so_long_is_idle_too(backend):
    with Weir("Timeout 1\n" + WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend, receive_buffer=4096)
        thread, _ = feed(peer, 64 * MIB)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        weir.wait_for_log("nothing moved for 1")
        client.close()


def test_requestreadtimeout_does_not_reach_into_tunnels(backend):
    with Weir("RequestReadTimeout header=1 body=1\n" + WS, backend=backend) as weir:
        client, _ = weir.tunnel(backend)
        assert not client.ends_within(2)


# ---- records

def test_the_access_line_is_written_at_the_end_with_true_bytes_and_duration(backend):
    with Weir(WS, backend=backend) as weir:
        begun = time.monotonic()
        client, peer = weir.tunnel(backend, "/room?x=1")
        sent = len(frame(BINARY, b"u" * 5000, masked=True))
        client.send(frame(BINARY, b"u" * 5000, masked=True))
        peer.read(sent)
        down = frame(BINARY, b"d" * 70000)
        peer.send(down)
        client.read(len(down))
        assert client.is_silent(0.5)
        assert weir.access_log() == ""
        client.close()
        peer.close()
        line = weir.wait_for_access("GET /room")
        values = dict(x.split("=") for x in line.split() if "=" in x and "?" not in x)
        assert line.startswith("127.0.0.1 main.example GET /room?x=1 101 ")
        assert 0 < int(values["in"]) - sent < 400 # and the handshake's own bytes
        assert int(values["out"]) == len(client.seen)
        assert 500000 <= int(values["us"]) <= (time.monotonic() - begun + 1) * 1e6 # a turn of the loop may be counted twice


# ---- many

def test_five_hundred_tunnels_at_once():
    with Backend(serve_echo) as backend, Weir(WS, backend=backend) as weir:
        clients = [weir.connect().send(handshake()) for _ in range(500)]
        for client in clients:
            assert client.read_head().status == 101
        for turn in range(3):
            for i, client in enumerate(clients):
                client.send(frame(TEXT, b"%d of %d" % (turn, i), masked=True))
            for i, client in enumerate(clients):
                assert client.read_frame()[1] == b"%d of %d" % (turn, i)
        for client in clients:
            client.send(close_frame(masked=True))
        for client in clients:
            assert client.read_frame()[0] == 8 and client.ends()
            client.close()
        until(lambda: weir.access_log().count("\n") == 500, "500 access lines")


def test_weir_stops_at_once_with_tunnels_open(backend):
    with Weir(WS, backend=backend) as weir:
        client, peer = weir.tunnel(backend)
        begun = time.monotonic()
        weir.stop()
        assert time.monotonic() - begun < SOON
        assert client.ends() and peer.ends()
        assert " 101 " in weir.access_log()

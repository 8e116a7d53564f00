"""The virtual host as the tutorials write it, whole: what its backend sees, and what goes through."""
import asyncio
import json
import subprocess

import websockets
from harness import (BINARY, CONTINUATION, PATIENCE, TEXT, Backend, Weir, accept_of, answer, close_frame, frame,
                     handshake, npm_echo, request, run_node, switching, websockets_echo)

TUTORIAL = """
<VirtualHost *:{port}>
    ServerName example.com
    ProxyPreserveHost On
    ProxyPass /ws/ ws://localhost:{backend}/
    ProxyPassReverse /ws/ ws://localhost:{backend}/
    <Location /ws/>
        Require all granted
        Header set Upgrade "websocket"
        Header set Connection "Upgrade"
    </Location>
</VirtualHost>
"""


def test_the_backend_sees_the_handshake_as_apache_would_send_it():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        client = weir.connect().send(handshake("/ws/chat?room=1",
                                               [("Origin", "http://example.com"), ("X-Mine", "a  b")]))
        seen = backend.accept().read_head()
        assert seen.line == "GET /chat?room=1 HTTP/1.1"
        assert seen.names[0] == "Host" and seen.get("Host") == "example.com"
        assert seen.get("Upgrade") == "websocket" and seen.get("Connection") == "Upgrade"
        assert seen.get("Sec-WebSocket-Key") and seen.get("Sec-WebSocket-Version") == "13"
        assert seen.get("X-Mine") == "a  b"
        assert seen.get("X-Forwarded-For") == "127.0.0.1"
        assert seen.get("X-Forwarded-Host") == "example.com"
        assert seen.get("X-Forwarded-Server") == "example.com"
        order = [n for n in seen.names if n in ("Host", "Sec-WebSocket-Key", "Origin", "X-Mine", "X-Forwarded-For",
                                                "Connection")]
        assert order == ["Host", "Sec-WebSocket-Key", "Origin", "X-Mine", "X-Forwarded-For", "Connection"]
        client.close()


def test_the_clients_101_is_the_backends_and_the_header_lines_do_nothing_to_it():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        client = weir.connect().send(handshake("/ws/"))
        peer = backend.accept()
        peer.send(switching(peer.read_head(), [("Sec-WebSocket-Protocol", "chat"), ("X-Backend", "1")]))
        seen = client.read_head()
        assert seen.line == "HTTP/1.1 101 Switching Protocols"
        assert seen.all("Upgrade") == ["websocket"] and seen.all("Connection") == ["Upgrade"]
        assert seen.get("Sec-WebSocket-Accept") == accept_of("dGhlIHNhbXBsZSBub25jZQ==")
        assert seen.get("Sec-WebSocket-Protocol") == "chat" and seen.get("X-Backend") == "1"
        assert "Content-Length" not in seen and "Transfer-Encoding" not in seen
        assert not client.buffer
        client.close()


def test_frames_pass_unchanged_in_both_directions():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        client, peer = weir.tunnel(backend, "/ws/")
        odd = frame(TEXT, b"frag", fin=False, masked=True) + frame(9, b"ping", masked=True) + \
            frame(CONTINUATION, b"ment", masked=True)
        client.send(odd)
        assert peer.read(len(odd)) == odd
        even = frame(BINARY, bytes(range(256)) * 300) + frame(10, b"pong")
        peer.send(even)
        assert client.read(len(even)) == even
        client.close()


async def chat(url, host="example.com"):
    async with websockets.connect(url, max_size=None, extra_headers={"X-Test": "1"}) as socket:
        for message in ["hello", "こんにちは", b"\0\1\2", "x" * 1000000, b"y" * (1 << 20), ""]:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == message
        await socket.send(["in ", "three ", "fragments"])
        assert await asyncio.wait_for(socket.recv(), PATIENCE) == "in three fragments"
        await (await socket.ping())
        await socket.close(4001, "bye")
        assert socket.close_code == 4001


def test_a_chat_with_python_websockets_on_both_sides():
    with websockets_echo() as backend, Weir(TUTORIAL, backend=backend) as weir:
        asyncio.run(chat("ws://127.0.0.1:%d/ws/path?q=1" % weir.port))
        assert backend.paths == ["/path?q=1"]
        weir.wait_for_access(r"GET /ws/path\?q=1 101 ")


def test_compressed_messages_are_negotiated_end_to_end():
    with websockets_echo(compression="deflate") as backend, Weir(TUTORIAL, backend=backend) as weir:
        async def talk():
            async with websockets.connect("ws://127.0.0.1:%d/ws/" % weir.port, compression="deflate") as socket:
                assert any("deflate" in e.name for e in socket.extensions)
                await socket.send("a" * 100000)
                assert await socket.recv() == "a" * 100000
        asyncio.run(talk())


NPM_CLIENT = """
const WebSocket = require('ws');
const s = new WebSocket(process.argv[1], { headers: { Host: 'example.com' } });
const big = Buffer.alloc(1 << 20, 7); let step = 0;
s.on('message', (m, binary) => {
  if (step === 0) { console.log(m.toString()); s.send('text'); }
  if (step === 1) { if (binary || m.toString() !== 'text') process.exit(1); s.send(big); }
  if (step === 2) { if (!binary || !m.equals(big)) process.exit(2); s.send('fr', { fin: false }); s.send('ag', { fin: true }); }
  if (step === 3) { if (m.toString() !== 'frag') process.exit(3); s.close(4002, 'bye'); }
  step++;
});
s.on('close', (code) => { console.log(code); process.exit(code === 4002 ? 0 : 4); });
s.on('error', (e) => { console.log(String(e)); process.exit(5); });
"""


def test_a_chat_with_npm_ws_on_both_sides():
    with npm_echo() as backend, Weir(TUTORIAL, backend=backend) as weir:
        client = run_node(NPM_CLIENT, "ws://127.0.0.1:%d/ws/socket" % weir.port)
        said, _ = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, said
        asked = json.loads(said.split("\n")[0])
        assert asked["url"] == "/socket"
        assert "X-Forwarded-For" in asked["headers"]


def test_curl_gets_a_plain_page_through_the_same_line():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        curl = subprocess.Popen(["curl", "-sS", "-i", "-m", "20", "-H", "Host: example.com",
                                 "http://127.0.0.1:%d/ws/page" % weir.port],
                                stdout=subprocess.PIPE, text=True)
        peer = backend.accept()
        seen = peer.read_head()
        assert seen.line == "GET /page HTTP/1.1" and "Upgrade" not in seen
        peer.send(answer(200, b"a page", [("Content-Type", "text/plain")]))
        said = curl.communicate(timeout=PATIENCE)[0]
        assert said.startswith("HTTP/1.1 200") and said.endswith("\n\na page")


def test_a_redirect_of_the_backend_comes_back_under_ws():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        client = weir.connect().send(request(path="/ws/old"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(302, b"", [("Location", "ws://localhost:%d/new" % backend.port)]))
        assert client.read_response().get("Location").endswith("://example.com/ws/new")


def test_outside_of_ws_there_is_nothing():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        assert weir.get("/other").status == 404
        assert weir.get("/ws").status == 404
        assert backend.connections == 0


def test_the_header_lines_act_on_what_is_no_upgrade():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        client = weir.connect().send(request("GET", "/ws/x"))
        peer = backend.accept()
        peer.read_head()
        peer.send(answer(200, b"x"))
        seen = client.read_response()
        assert (seen.get("Upgrade"), seen.get("Connection")) == ("websocket", "Upgrade")


def test_two_chats_at_once_do_not_mix():
    with Backend() as backend, Weir(TUTORIAL, backend=backend) as weir:
        a, to_a = weir.tunnel(backend, "/ws/a")
        b, to_b = weir.tunnel(backend, "/ws/b")
        a.send(frame(TEXT, b"from a", masked=True))
        b.send(frame(TEXT, b"from b", masked=True))
        assert to_a.read_frame()[1] == b"from a" and to_b.read_frame()[1] == b"from b"
        to_b.send(frame(TEXT, b"to b"))
        to_a.send(frame(TEXT, b"to a"))
        assert a.read_frame()[1] == b"to a" and b.read_frame()[1] == b"to b"
        for wire in (a, b):
            wire.send(close_frame(masked=True))
            wire.close()

"""Passwords that take long to check: nothing else waits for them, and whatever happens meanwhile does no harm."""
import base64
import os
import signal
import threading
import time

import pytest
from harness import TEXT, Backend, Weir, answer, frame, handshake, request, serve_hello, switching, until

# bcrypt of "secret" at cost 14: two thirds of a second or more. And at cost 4, nothing to speak of.
SLOW = "$2y$14$abcdefghijklmnopqrstuug2/T3netL3BPRcnafSaAr9lEfTNoLyC"
SHA = "{SHA}" + base64.b64encode(bytes.fromhex("e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4")).decode()
CONFIG = """
ThreadsPerChild 1
LogLevel debug
ProxyPass /open ws://127.0.0.1:{backend}/
ProxyPass / ws://127.0.0.1:{backend}/
<Location />
    AuthType Basic
    AuthName here
    AuthUserFile {dir}/passwords
    AuthGroupFile {dir}/groups
    Require valid-user
</Location>
<Location /open>
    Require all granted
</Location>
<Location /ops>
    Require group ops
</Location>
"""


def basic(user="alice", password="secret"):
    return "Authorization", "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


def write(weir, name, text):
    """As htpasswd does: the file is never half there."""
    path = os.path.join(weir.dir, name)
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)


@pytest.fixture()
def place():
    """weir and its backend; alice's password takes long, bob's does not."""
    with Backend(serve_hello) as backend, Weir(CONFIG, backend=backend) as weir:
        write(weir, "passwords", "alice:%s\nbob:%s\n" % (SLOW, SHA))
        write(weir, "groups", "ops: bob\n")
        yield weir, backend


def begin(weir, password="secret", path="/", **options):
    """A request whose password is being checked when this returns."""
    asked = "denied (no authenticated user yet)"
    before = weir.error_log().count(asked)
    client = weir.connect().send(request(path=path, fields=[basic(password=password)], **options))
    until(lambda: weir.error_log().count(asked) > before, "the check to begin")
    return client


# ---- nobody else waits --------------------------------------------------------------------------------------------

def test_a_tunnel_of_the_same_worker_goes_on_while_passwords_are_checked():
    with Backend() as backend, Weir(CONFIG, backend=backend) as weir:
        write(weir, "passwords", "alice:%s\n" % SLOW)
        client, peer = weir.tunnel(backend, "/open")
        logins = [weir.connect().send(request(fields=[basic(password="wrong%d" % n)])) for n in range(6)]
        done, waits = threading.Event(), []

        def collect():
            for login in logins:
                assert login.read_response().status == 401
            done.set()

        threading.Thread(target=collect, daemon=True).start()
        while not done.is_set():
            begun = time.monotonic()
            client.send(frame(TEXT, b"there", masked=True))
            peer.send(frame(TEXT, peer.read_frame()[1]))
            assert client.read_frame()[1] == b"there"
            waits.append(time.monotonic() - begun)
        waits.sort()
        # A loop that waited for each of the six would have no more than about six turns meanwhile, and long ones.
        assert len(waits) > 20 and waits[len(waits) * 9 // 10] < sum(waits) / 12, waits[-10:]


def test_a_right_password_is_not_checked_anew_for_each_request(place):
    weir, _ = place
    begun = time.monotonic()
    assert weir.get(fields=[basic()]).status == 200
    first = time.monotonic() - begun
    begun = time.monotonic()
    with weir.connect() as client:
        for _ in range(20):
            assert client.send(request(fields=[basic()])).read_response().status == 200
    assert time.monotonic() - begun < 10 * first
    assert weir.get(fields=[basic(password="wrong")]).status == 401


# ---- meanwhile ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_client_that_leaves_is_noted_and_nothing_is_asked_of_the_backend(how):
    with Backend() as backend, Weir(CONFIG, backend=backend) as weir:
        write(weir, "passwords", "alice:%s\n" % SLOW)
        client = begin(weir)
        getattr(client, how)()
        if how == "reset":
            assert " 499 " in weir.wait_for_access(" / ")
            assert backend.connections == 0
        else: # a FIN alone may be a script's that has said all: it is asked for, and given up like any other
            backend.accept().read_head()
            weir.wait_for_access(" 499 ")


def test_a_reload_meanwhile_leaves_the_request_to_its_own_configuration(place):
    weir, _ = place
    with Backend(lambda wire: wire.send(answer(200, b"new"))) as new:
        client = begin(weir)
        weir.values["new"] = new
        weir.configure("ThreadsPerChild 1\nProxyPass / http://127.0.0.1:{new}/")
        weir.reload()
        assert weir.get().body == b"new"
        assert client.read_response().body == b"hello from /"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGWINCH], ids=["stop", "graceful-stop"])
def test_the_server_ends_in_order_while_passwords_are_checked(place, number):
    weir, _ = place
    clients = [begin(weir, "wrong%d" % n) for n in range(6)]
    weir.kill(number)
    if number == signal.SIGWINCH:
        for client in clients:
            assert client.read_response().status == 401
    else:
        assert all(client.ends_within(60) for client in clients) # a check that has begun is not broken off
    assert weir.wait(60) == 0


def test_a_request_with_a_body_and_one_behind_it_are_answered(place):
    weir, _ = place
    with weir.connect() as client:
        fields = [basic(), ("Content-Length", "5")]
        client.send(request("POST", "/a", fields, b"hello") + request(path="/b", fields=[basic()]))
        assert client.read_response().body == b"hello from /a"
        assert client.read_response().body == b"hello from /b"


# ---- handshakes ---------------------------------------------------------------------------------------------------

def test_a_handshake_without_the_password_never_reaches_a_backend():
    with Backend() as backend, Weir(CONFIG, backend=backend) as weir:
        write(weir, "passwords", "alice:%s\nbob:%s\n" % (SLOW, SHA))
        for fields in ([], [basic(password="wrong")], [basic("eve")]):
            refused = weir.ask(handshake(fields=fields))
            assert refused.status == 401 and refused.get("WWW-Authenticate") == 'Basic realm="here"'
        assert backend.connections == 0
        client = weir.connect().send(handshake(fields=[basic()]))
        peer = backend.accept()
        head = peer.read_head()
        assert head.get("Authorization") == basic()[1]
        peer.send(switching(head))
        assert client.read_head().status == 101
        client.send(frame(TEXT, b"in", masked=True))
        assert peer.read_frame()[1] == b"in"


# ---- the files ----------------------------------------------------------------------------------------------------

def test_changed_files_count_with_the_next_request(place):
    weir, _ = place
    login = [basic("bob")]
    assert weir.get(fields=login).status == 200
    assert weir.get("/ops", login).status == 200
    write(weir, "groups", "ops: alice\n")
    assert weir.get("/ops", login).status == 401
    write(weir, "passwords", "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n") # "password"
    assert weir.get(fields=login).status == 401
    assert weir.get(fields=[basic("bob", "password")]).status == 200
    write(weir, "passwords", "")
    assert weir.get(fields=[basic("bob", "password")]).status == 401
    weir.wait_for_log("AH01618: user bob not found: /")
    os.unlink(os.path.join(weir.dir, "passwords"))
    assert weir.get(fields=login).status == 500
    weir.wait_for_log("AH01620: Could not open password file: ")


# ---- too many -----------------------------------------------------------------------------------------------------

def test_more_checks_than_may_wait_are_503_and_those_given_up_wait_no_more(place):
    weir, _ = place
    clients = [weir.connect().send(request(fields=[basic(password="wrong%d" % n)])) for n in range(300)]
    refused = until(lambda: [c for c in clients if not c.is_silent(0)], "an answer")
    assert refused[0].read_response().status == 503
    weir.wait_for_log("256 requests wait for work that blocks")
    assert weir.get("/open").status == 200 # which needs none
    for client in clients:
        client.reset()
    assert weir.get(fields=[basic("bob")]).status == 200 # behind four that were under way at most
    until(lambda: weir.access_log().count(" 499 ") > 200, "the ends of those that left")

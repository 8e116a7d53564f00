"""Certificates over time: renewed under the running server, warned of before their end, and checked for their names."""
import asyncio
import os
import pwd
import re
import shutil
import signal

import pki
import pytest
import secureweir
import websockets
from harness import PATIENCE, TEXT, Backend, Weir, frame, request, serve_hello, until, websockets_echo
from secureweir import serial
from securewire import connect, tunnel


@pytest.fixture(scope="module")
def ca(ca):
    ca.old, ca.new = ca.leaf, ca.issue("example.com", "example.com")
    return ca


def site(folder, lines="", name="live"):
    return secureweir.site(pki.installed(folder, name), lines)


def is_served(weir, ca, leaf):
    until(lambda: serial(weir, ca) == leaf.serial, "the new certificate in a handshake")
    for _ in range(6): # whichever worker
        assert serial(weir, ca) == leaf.serial


def test_a_renewed_certificate_is_used_and_open_tunnels_stay(ca, folder):
    pki.install(ca.old, folder)
    with Backend() as backend, Weir(site(folder), backend=backend) as weir:
        tunnels = [tunnel(weir, backend, pki.client_context(ca)) for _ in range(20)]
        assert {client.serial for client, _ in tunnels} == {ca.old.serial}
        pki.install(ca.new, folder)
        is_served(weir, ca, ca.new)
        line = weir.wait_for_log("was read anew")
        assert "[ssl:notice]" in line and "live.pem" in line and ca.new.serial.lstrip("0").lower() in line.lower()
        for client, peer in tunnels:
            client.send(frame(TEXT, b"still here", masked=True))
            assert peer.read_frame()[1] == b"still here"
            peer.send(frame(TEXT, b"me too"))
            assert client.read_frame()[1] == b"me too"
        weir.stop()
        assert "configuration 2" not in weir.error_log()


def test_a_pair_that_does_not_fit_keeps_the_old_until_it_does(ca, folder):
    pki.install(ca.old, folder)
    with Weir(site(folder), backend=9) as weir:
        shutil.copy(ca.new.cert, os.path.join(folder, "live.pem")) # the key is yet to come
        line = weir.wait_for_log("stays in charge")
        assert "[ssl:error]" in line and "live.pem" in line and "live.key" in line
        assert serial(weir, ca) == ca.old.serial
        shutil.copy(ca.new.key, os.path.join(folder, "live.key"))
        is_served(weir, ca, ca.new)


def test_garbage_is_named_and_does_not_hold_up_another_site(ca, folder):
    pki.install(ca.old, folder)
    pki.install(ca.old, folder, "broken")
    two = site(folder) + site(folder, name="broken").replace("ServerName example.com", "ServerName other.test")
    with Weir(two, backend=9) as weir:
        pki.write(os.path.join(folder, "broken.pem"), "no certificate\n")
        assert "broken.pem" in weir.wait_for_log("stays in charge")
        pki.install(ca.new, folder)
        is_served(weir, ca, ca.new)


def certbot(folder, leaf, n):
    """live/*.pem are links to archive/*N.pem, which are moved one after the other."""
    for name in "live", "archive":
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for kind, ending in (("cert", "pem"), ("key", "key")):
        there = os.path.join(folder, "archive", "live%d.%s" % (n, ending))
        shutil.copy(getattr(leaf, kind), there)
        link = os.path.join(folder, "live", "live." + ending)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(os.path.relpath(there, os.path.dirname(link)), link)


def test_links_are_followed_as_certbot_moves_them(ca, folder):
    certbot(folder, ca.old, 1)
    with Weir(site(os.path.join(folder, "live")), backend=9) as weir:
        certbot(folder, ca.new, 2)
        is_served(weir, ca, ca.new)
        shutil.copy(ca.old.cert, os.path.join(folder, "archive", "live2.pem")) # and what they lead to
        shutil.copy(ca.old.key, os.path.join(folder, "archive", "live2.key"))
        is_served(weir, ca, ca.old)


def test_a_folder_that_a_link_swaps_as_a_whole(ca, folder):
    for name, leaf in (("one", ca.old), ("two", ca.new)):
        os.mkdir(os.path.join(folder, name))
        pki.install(leaf, os.path.join(folder, name))
    data = os.path.join(folder, "data")
    os.symlink("one", data)
    with Weir(site(data), backend=9) as weir:
        os.symlink("two", data + ".new")
        os.rename(data + ".new", data)
        is_served(weir, ca, ca.new)


def test_a_folder_that_is_removed_and_made_again(ca, folder):
    live = os.path.join(folder, "live")
    os.mkdir(live)
    pki.install(ca.old, live)
    with Weir(site(live), backend=9) as weir:
        shutil.rmtree(live)
        weir.wait_for_log("stays in charge")
        assert serial(weir, ca) == ca.old.serial
        os.mkdir(live)
        pki.install(ca.new, live)
        is_served(weir, ca, ca.new)


def test_after_a_reload_the_files_it_names_are_watched(ca, folder):
    pki.install(ca.old, folder)
    pki.install(ca.old, folder, "later")
    with Weir(site(folder), backend=9) as weir:
        weir.configure(site(folder, name="later"))
        weir.reload()
        pki.install(ca.new, folder, "later")
        is_served(weir, ca, ca.new)


NO_LEAKS = {"ASAN_OPTIONS": "quarantine_size_mb=8:detect_leaks=0"} # which may not trace once privileges are dropped


@pytest.mark.skipif(os.geteuid() != 0, reason="drops privileges")
@pytest.mark.parametrize("how", ["by itself", "by a reload"])
def test_keys_that_only_root_may_read(ca, folder, how):
    certbot(folder, ca.old, 1)
    for name in "live", "archive":
        os.chmod(os.path.join(folder, name), 0o700)
    text = "User www-data\nGroup www-data\n" + site(os.path.join(folder, "live"))
    with Weir(text, backend=9, env=NO_LEAKS) as weir:
        weir.wait_for_log("resuming normal operations")
        assert "Uid:\t%d\t" % pwd.getpwnam("www-data").pw_uid in open("/proc/%d/status" % weir.pid).read()
        certbot(folder, ca.new, 2)
        if how == "by a reload":
            weir.reload()
        is_served(weir, ca, ca.new)
        secret = pki.write(os.path.join(folder, "secret.key"), "of someone else\n", 0o600)
        os.unlink(os.path.join(folder, "live", "live.key"))
        os.symlink(secret, os.path.join(folder, "live", "live.key")) # out of the folders of the start
        weir.wait_for_log("restart weir to use it")
        assert serial(weir, ca) == ca.new.serial


# ---- by a reload -------------------------------------------------------------------------------------------------

TUNNELS = 500


async def renewal(ca, weir, folder, renewed):
    """All tunnels echo while certificates are renewed under them."""
    context = pki.client_context(ca)
    gate = asyncio.Semaphore(20)

    async def open_one():
        async with gate:
            return await websockets.connect("wss://example.com:%d/" % weir.port, host="127.0.0.1", port=weir.port, ssl=context,
                                            server_hostname="example.com", ping_interval=None, compression=None,
                                            open_timeout=3 * PATIENCE)

    async def talk(socket_, n):
        for i in range(3):
            await socket_.send("%d of %d" % (i, n))
            assert await asyncio.wait_for(socket_.recv(), 3 * PATIENCE) == "%d of %d" % (i, n) # behind all the others

    open_ = await asyncio.gather(*(open_one() for _ in range(TUNNELS)))
    loop = asyncio.get_running_loop()
    for leaf in renewed:
        pki.install(leaf, folder)
        talking = asyncio.gather(*(talk(s, n) for n, s in enumerate(open_)))
        await loop.run_in_executor(None, weir.reload)
        assert await loop.run_in_executor(None, serial, weir, ca) == leaf.serial
        await talking
    assert all(s.open for s in open_)
    await asyncio.gather(*(s.close() for s in open_))


def test_five_hundred_tunnels_live_through_renewals(ca, folder):
    pki.install(ca.old, folder)
    with websockets_echo(ping_interval=None, compression=None) as backend:
        with Weir(site(folder), backend=backend) as weir:
            assert serial(weir, ca) == ca.old.serial
            asyncio.run(renewal(ca, weir, folder, [ca.new, ca.old]))
            until(lambda: weir.access_log().count(" 101 ") == TUNNELS, "their access lines")


def test_a_bad_pair_at_a_reload_keeps_what_is_there_and_says_why(ca, folder):
    pki.install(ca.old, folder)
    with Backend() as backend, Weir(site(folder), backend=backend) as weir:
        client, peer = tunnel(weir, backend, pki.client_context(ca))
        shutil.copy(ca.new.cert, pki.installed(folder).cert) # and the key is still the old one
        weir.reload(good=False)
        line = weir.wait_for_log("reload refused")
        assert "live.pem" in line and "live.key" in line and "mismatch" in line, line
        os.unlink(pki.installed(folder).key)
        weir.reload(good=False)
        assert serial(weir, ca) == ca.old.serial
        client.send(frame(TEXT, b"still here", masked=True))
        assert peer.read_frame()[1] == b"still here"
        pki.install(ca.new, folder)
        weir.reload()
        assert serial(weir, ca) == ca.new.serial
        peer.send(frame(TEXT, b"me too"))
        assert client.read_frame()[1] == b"me too"
        client.close()


def test_a_kept_alive_client_stays_with_its_certificate(ca):
    """Its next request is served by the new configuration over the old session."""
    with Backend(serve_hello) as backend, secureweir.start(ca, backend=backend) as weir:
        with connect(weir, pki.client_context(ca)) as wire:
            assert wire.send(request()).read_response().body == b"hello from /"
            weir.reload()
            assert wire.send(request(path="/2")).read_response().body == b"hello from /2"


# ---- warnings ---------------------------------------------------------------------------------------------------

def lines(weir, pattern):
    return [line for line in weir.error_log().split("\n") if re.search(pattern, line)]


def test_an_end_within_thirty_days_is_warned_of_once(ca, folder):
    pki.install(ca.issue("example.com", "example.com", days=30), folder)
    with Weir(site(folder), backend=9) as weir:
        line = weir.wait_for_log("expires within")
        assert "[ssl:warn]" in line and "within 30 days" in line and "live.pem" in line and "証明書" in line
        weir.reload()
        weir.reload(signal.SIGHUP)
        assert len(lines(weir, "expires within")) == 1


def test_an_expired_certificate_is_an_error_in_its_sites_log(ca, folder):
    pki.install(ca.issue("example.com", "example.com", expired=True), folder)
    with Weir(site(folder, "ErrorLog {dir}/site.log"), backend=9) as weir:
        line = weir.wait_for_log("expired at 2020-02-01", name="site.log")
        assert "[ssl:error]" in line
        weir.stop()
        assert "expired" not in weir.error_log()


def test_names_that_the_certificate_lacks_are_named(ca, folder):
    pki.install(ca.issue("other.test", "other.test", "*.example.com"), folder)
    aliases = "ServerAlias www.example.com a.b.example.com *.example.com"
    with Weir(site(folder, aliases), backend=9) as weir:
        line = weir.wait_for_log("AH01909")
        assert "example.com:443:0 server certificate does NOT include an ID which matches the server name" in line
        assert "is for other.test, *.example.com, not for example.com, a.b.example.com (" in line
        assert "[ssl:warn]" in line and "含まれていません" in line


def test_a_common_name_alone_is_no_name_for_browsers(ca, folder):
    pki.install(ca.issue("example.com"), folder)
    with Weir(site(folder), backend=9) as weir:
        line = weir.wait_for_log("does NOT include an ID")
        assert "AH01909" not in line and "is for (none), not for example.com" in line # httpd itself is content with it


def test_a_certificate_for_all_names_is_not_warned_of(ca, folder):
    pki.install(ca.issue("x", "*.example.com", "example.com"), folder)
    with Weir(site(folder, "ServerAlias www.example.com"), backend=9) as weir:
        weir.wait_for_log("resuming normal operations")
        assert not lines(weir, "does NOT include")

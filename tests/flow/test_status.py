"""SetHandler server-status: httpd's keys for monitors, a page for people, and what is open right now."""
import re

import pytest
from harness import TEXT, Backend, Weir, frame, request, serve_hello, until

CONF = """
EXTRA
<Location /server-status>
    SetHandler server-status
</Location>
ProxyPass /server-status !
ProxyPass / ws://127.0.0.1:{backend}/
"""
KEYS = ["ServerVersion", "ServerMPM", "Server Built", "CurrentTime", "RestartTime", "ParentServerConfigGeneration",
        "ParentServerMPMGeneration", "ServerUptimeSeconds", "ServerUptime", "Load1", "Load5", "Load15", "Total Accesses", "Total kBytes",
        "Total Duration", "CPUUser", "CPUSystem", "CPUChildrenUser", "CPUChildrenSystem", "Uptime", "BusyWorkers", "GracefulWorkers",
        "IdleWorkers", "Processes", "Stopping", "ConnsTotal", "ConnsAsyncWaitIO", "ConnsAsyncWriting", "ConnsAsyncKeepAlive",
        "ConnsAsyncClosing", "Scoreboard"]


def start(backend, extra="", **options):
    return Weir(CONF.replace("EXTRA", extra), backend=backend, **options)


def auto(weir):
    reply = weir.get("/server-status?auto")
    assert reply.status == 200 and reply.get("Content-Type") == "text/plain; charset=ISO-8859-1"
    return dict(line.split(":", 1) for line in reply.body.decode().splitlines() if ":" in line)


def number(weir, key):
    return int(auto(weir)[key])


def told(weir, **numbers):
    """Waits until one answer tells all of these: what has gone or come is counted a moment after its last byte."""
    def status():
        found = auto(weir)
        return all(int(found[key]) == n for key, n in numbers.items()) and found
    return until(status, "the status to tell %r" % numbers)


def test_the_keys_are_httpds_in_their_order():
    with Backend(serve_hello) as backend, start(backend) as weir:
        weir.get("/")
        keys = list(auto(weir))
        assert [k for k in keys if k in KEYS] == KEYS
        assert weir.get("/server-status?auto").body.decode().splitlines()[0] == "example.com"


def test_requests_and_bytes_are_counted():
    with Backend(serve_hello) as backend, start(backend) as weir:
        before = number(weir, "Total Accesses")
        for _ in range(5):
            weir.get("/")
        until(lambda: number(weir, "Total Accesses") > before + 5, "five more")
        weir.reload()
        until(lambda: number(weir, "Total Accesses") > before + 6, "those before the reload to be counted still")
        assert number(weir, "ParentServerConfigGeneration") == 2


def test_open_tunnels_and_connections_are_told():
    with Backend() as backend, start(backend) as weir:
        c, b = weir.tunnel(backend)
        told(weir, OpenTunnels=1) # the 101 goes out before
        idle = weir.connect().send(request())
        with backend.accept() as other:
            other.read_request()
            assert "W" in told(weir, OpenTunnels=1, ConnsAsyncWriting=2, ConnsTotal=3)["Scoreboard"]
            other.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        idle.read_response()
        told(weir, ConnsAsyncKeepAlive=1)
        c.send(frame(TEXT, b"x" * 5000, masked=True))
        b.read_frame()
        c.close()
        b.close()
        told(weir, OpenTunnels=0)
        idle.close()
        told(weir, ConnsTotal=1) # nobody but the one who asks


def test_the_page_for_people_refreshes_itself():
    with Backend(serve_hello) as backend, start(backend) as weir:
        reply = weir.get("/server-status?refresh=7")
        assert reply.get("Refresh") == "7" and b"open tunnels" in reply.body and b"<table" in reply.body
        assert weir.get("/server-status?refresh").get("Refresh") == "10"
        assert b"<table" not in weir.get("/server-status?notable").body
        assert weir.get("/server-status", method="HEAD").status == 200
        assert weir.get("/server-status", method="POST").status == 405


def test_a_host_name_in_the_page_is_no_markup():
    with Backend(serve_hello) as backend, start(backend, "HttpProtocolOptions Unsafe") as weir:
        reply = weir.ask(request("GET", "/server-status", [("Connection", "close")], host="a<b>c"))
        assert b"<b>c" not in reply.body


def test_without_extended_status_no_totals_are_told():
    with Backend(serve_hello) as backend, start(backend, "ExtendedStatus Off") as weir:
        status = auto(weir)
        assert "Total Accesses" not in status and "BusyWorkers" in status


def test_access_rules_stand_before_it():
    with Backend(serve_hello) as backend, start(backend, "<Location /server-status>\nRequire all denied\n</Location>") as weir:
        assert weir.get("/server-status").status == 403


@pytest.mark.parametrize("handler,module", [("server-info", "info"), ("ldap-status", "ldap")])
def test_a_page_of_a_module_that_is_not_here_is_500_whatever_lies_there(handler, module):
    with Weir("<Location /i>\nSetHandler %s\n</Location>" % handler) as weir:
        weir.wait_for_log("core:warn.* SetHandler %s: requests for it are answered with 500: mod_%s is not part of Weir / " % (handler, module))
        assert weir.get("/i").status == 500
        weir.wait_for_log("AH00523: handler \"%s\" not found for: .*/i \\(mod_%s is not part of Weir / " % (handler, module))
        assert weir.get("/j").status == 404


def test_a_handler_of_nobody_is_refused_for_that():
    weir = Weir("<Location /i>\nSetHandler foo-handler\n</Location>", start=False)
    assert "SetHandler foo-handler: refused: Weir has no such handler / " in weir.run("-t").stderr

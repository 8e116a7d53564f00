"""Which member of a balancer a request goes to, and what happens when it fails: the same under apache2 and under Weir."""
import re

import pytest

from apache import HANDSHAKE, get
from balancers import Sequences, pool

ABC = ["@A@ route=a", "@B@ route=b", "@C@ route=c"]
TO = "ProxyPass / balancer://p/\n"
PLAIN = get("/x")


def cookie(value, path="/x", *more):
    return get(path, "Cookie: " + value, *more)


def sticky(settings="stickysession=SID", members=ABC):
    return pool(members, settings=settings) + TO


ROWS = [
    # the order of turns
    ("in turn", pool(ABC) + TO, [PLAIN] * 7),
    ("one member", pool(["@A@"]) + TO, [PLAIN] * 2),
    ("factors", pool(["@A@ loadfactor=1", "@B@ loadfactor=2.5", "@C@"]) + TO, [PLAIN] * 10),
    ("factor 50 each", pool(["@A@ loadfactor=50", "@B@ loadfactor=50"]) + TO, [PLAIN] * 4),
    ("by traffic", pool(ABC, settings="lbmethod=bytraffic") + TO,
     [get("/x", "X-Script: long")] + [PLAIN] * 6 + [get("/x", "X-Script: long")] + [PLAIN] * 4),
    ("by traffic with factors", pool(["@A@ loadfactor=4", "@B@"], settings="lbmethod=bytraffic") + TO, [PLAIN] * 10),
    ("by traffic, bodies up", pool(ABC, settings="lbmethod=bytraffic") + TO,
     [get("/x", "Content-Length: 3000", method="POST", body=b"x" * 3000)] + [PLAIN] * 6),
    ("by busyness, idle", pool(["@A@ loadfactor=2", "@B@", "@C@"], settings="lbmethod=bybusyness") + TO, [PLAIN] * 8),
    ("sets", pool(["@A@ lbset=1", "@B@ lbset=0", "@C@ lbset=2"]) + TO, [PLAIN] * 3),
    ("a set whose members are out", pool(["@A@ status=+D", "@B@ lbset=3", "@C@ lbset=3"]) + TO, [PLAIN] * 3),

    # states
    ("disabled", pool(["@A@ status=+D", "@B@", "@C@"]) + TO, [PLAIN] * 4),
    ("stopped", pool(["@A@ status=+S", "@B@"]) + TO, [PLAIN] * 2),
    ("in error from the start", pool(["@A@ status=+E", "@B@"]) + TO, [PLAIN] * 2),
    ("unhealthy", pool(["@A@ status=+C", "@B@"]) + TO, [PLAIN] * 2),
    ("all disabled", pool(["@A@ status=+D", "@B@ status=+S"]) + TO, [PLAIN] * 2),
    ("hot standby", pool(["@A@ status=+H", "@B@", "@C@"]) + TO, [PLAIN] * 3),
    ("hot standby steps in", pool(["@A@ status=+H", "@DEAD@"]) + TO, [PLAIN] * 3),
    ("spare", pool(["@A@ status=+R", "@B@", "@C@"]) + TO, [PLAIN] * 3),
    ("spare steps in", pool(["@A@ status=+R", "@B@", "@C@ status=+D"]) + TO, [PLAIN] * 4),
    ("two spares for one", pool(["@A@ status=+R", "@B@ status=+D", "@C@ status=+R", "@D@"]) + TO, [PLAIN] * 4),
    ("spares before standbys", pool(["@A@ status=+H", "@B@ status=+R", "@C@ status=+D"]) + TO, [PLAIN] * 3),
    ("draining", pool(["@A@ status=+N route=a", "@B@ route=b"], settings="stickysession=SID") + TO, [PLAIN, PLAIN, cookie("SID=1.a")]),
    ("all draining", pool(["@A@ status=+N route=a"]) + TO, [PLAIN]),
    ("no members", TO, [PLAIN]),
    ("no such balancer", "ProxyPassMatch ^/(.*) balancer://$1/\n", [PLAIN]),

    # sessions
    ("a cookie", sticky(), [cookie("SID=1.b")] * 2 + [cookie("a=b; SID=77.c")] + [PLAIN] * 3),
    ("cookies of odd forms", sticky(), [cookie("SID = 1.b"), cookie("XSID=1.b"), cookie("a,SID=1.b"), cookie("SID=\"1.b\""), cookie("SID="),
                                         cookie("SID=1.b,c"), cookie("SID=1.b; SID=1.c"), cookie("SIDx=1.a; SID=1.b"), cookie("sid=1.b"),
                                         cookie("SID=1.x.b"), cookie("SID=.b"), cookie("SID=b"), cookie("SID=1."), cookie("SID\t=1.c")]),
    ("two cookie lines", sticky(), [get("/x", "Cookie: a=b", "Cookie: SID=1.c")] * 2),
    ("a parameter", sticky(), [get("/x?SID=1.b")] * 2 + [get("/x?q=1&SID=1.c&r=2"), get("/x;SID=1.b"), get("/x;SID=1.b?q=1"), get("/xSID=1.c")]),
    ("a parameter before the cookie", sticky(), [cookie("SID=1.b", "/x?SID=1.c")] * 2),
    ("two names", sticky("stickysession=SID|sess"), [cookie("SID=1.b"), get("/x;sess=1.c"), get("/x?sess=1.b"), get("/x?SID=1.c"), cookie("sess=1.c")]),
    ("semicolons delimit", sticky("stickysession=SID scolonpathdelim=On"),
     [get("/x;SID=1.b;v=2"), get("/x;v=2;SID=1.c"), get("/x?SID=1.b;c"), get("/x;SID=;1.c")]),
    ("semicolons do not", sticky("stickysession=SID"), [get("/x;SID=1.b;v=2"), get("/x;SID=1.b")]),
    ("another separator", sticky("stickysession=SID stickysessionsep=!"), [cookie("SID=1!b"), cookie("SID=1.b"), cookie("SID=1.x!c")]),
    ("no separator", sticky("stickysession=SID stickysessionsep=Off"), [cookie("SID=b"), cookie("SID=1.b"), cookie("SID=c")]),
    ("an unknown route", sticky(), [cookie("SID=1.z")] * 3),
    ("an unknown route without failover", sticky("stickysession=SID nofailover=On"), [cookie("SID=1.z")] * 2),
    ("a disabled route", sticky(members=["@A@ route=a status=+D", "@B@ route=b", "@C@ route=c"]), [cookie("SID=1.a")] * 2),
    ("a disabled route without failover", sticky("stickysession=SID nofailover=On", ["@A@ route=a status=+D", "@B@ route=b"]),
     [cookie("SID=1.a"), cookie("SID=1.b"), PLAIN]),
    ("a redirected route", sticky(members=["@A@ route=a status=+D redirect=c", "@B@ route=b", "@C@ route=c"]), [cookie("SID=1.a")] * 2),
    ("redirects in a circle", sticky(members=["@A@ route=a status=+D redirect=b", "@B@ route=b status=+D redirect=a", "@C@ route=c"]),
     [cookie("SID=1.a")]),
    ("redirects in a row", sticky(members=["@A@ route=a status=+D redirect=b", "@B@ route=b status=+D redirect=c", "@C@ route=c"]),
     [cookie("SID=1.a")]),
    ("a redirect without failover", sticky("stickysession=SID nofailover=On", ["@A@ route=a status=+D redirect=b", "@B@ route=b"]),
     [cookie("SID=1.a")]),
    ("two members of a route", sticky(members=["@A@ route=a", "@B@ route=a", "@C@ route=a"]), [cookie("SID=1.a")] * 3 + [PLAIN]),
    ("a standby's route", sticky(members=["@A@ route=a status=+H", "@B@ route=a", "@C@ route=c"]), [cookie("SID=1.a")] * 2),
    ("a standby's own route", sticky(members=["@A@ route=a status=+H", "@B@ route=b"]), [cookie("SID=1.a")] * 2),
    ("turns count sessions", sticky(), [cookie("SID=1.a")] * 4 + [PLAIN] * 8),
    ("a parameter encoded in the path", sticky(), [get("/x;SID=1.%62"), get("/x%3FSID=1.c"), get("/x?SID=1.%62")]),
    ("in a raw path", pool(ABC, settings="stickysession=SID") + "ProxyPass / balancer://p/ nocanon\n",
     [get("/x%20y;SID=1.b"), get("/x?SID=1.c"), get("/%78;SID=1.%62")]),

    # URLs
    ("a member with a path", pool(["@A@/inner", "@B@/inner/"]) + "ProxyPass /app balancer://p/x\n", [get("/app/y?q=1"), get("/app/y")]),
    ("encoded characters", pool(["@A@/a%20b"]) + TO, [get("/x%20y%3Fz?q=%20#"), get("/%7Euser")]),
    ("without a slash", pool(["@A@"]) + "ProxyPass /app balancer://p\n", [get("/app"), get("/app/x"), get("/app?q")]),
    ("names in capitals", pool(["@A@"], "Pool") + "ProxyPass / balancer://POOL/X\n", [get("/y")]),
    ("a port in the name", pool(["@A@"], "p:80") + "ProxyPass / balancer://p:80/\n", [PLAIN]),
    ("a pattern", pool(ABC) + "ProxyPassMatch ^/(\\w+)/(.*)$ balancer://p/$2/$1\n", [get("/a/b")] * 2),
    ("a pattern without references", pool(["@A@"]) + "ProxyPassMatch ^/a balancer://p/q\n", [get("/a/b")]),
    ("in a location", pool(["@A@"]) + "<Location /app>\nProxyPass balancer://p/q\n</Location>\n", [get("/app/x")]),
    ("members outside of a section", "BalancerMember balancer://p http://127.0.0.1:@A@\nBalancerMember balancer://p http://127.0.0.1:@B@\n" + TO,
     [PLAIN] * 2),
    ("a socket", pool(["unix:@SOCK@|http://b.example/q"]) + TO, [PLAIN]),
    ("another scheme", pool(["ajp://127.0.0.1:@A@"]) + TO, [PLAIN]),
    ("the host is the member's", pool(["http://localhost:@A@"]) + TO, [PLAIN]),
    ("the host is the client's", pool(["http://localhost:@A@"]) + "ProxyPreserveHost On\n" + TO, [PLAIN]),
    ("a space in the path", pool(["@A@"]) + "ProxyPass / balancer://p/ nocanon\n", [get("/x%0a")]),
    ("TRACE", pool(["@A@"]) + TO, [get("/x", method="TRACE")]),
    ("Max-Forwards", pool(["@A@"]) + TO, [get("/x", "Max-Forwards: 3"), get("/x", "Max-Forwards: 0")]),

    # rewriting
    ("a rule", pool(ABC) + "RewriteEngine On\nRewriteRule ^/app/(.*) balancer://p/y/$1 [P]\n", [get("/app/z?q=1"), get("/app/a%20b")]),
    ("a rule for handshakes", pool(["@A@"]) + pool(["ws://127.0.0.1:@B@ route=b", "ws://127.0.0.1:@C@ route=c"], "w", "stickysession=SID") +
     "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} =websocket [NC]\nRewriteRule /(.*) balancer://w/$1 [P,L]\n"
     "RewriteRule /(.*) balancer://p/$1 [P,L]\n",
     [get("/chat", *HANDSHAKE, "X-Script: upgrade", "Cookie: SID=1.c"), PLAIN]),
    ("a rule in a location", pool(["@A@"]) + "<Location /app>\nRewriteEngine On\nRewriteRule .* balancer://p/y [P]\n</Location>\n", [get("/app/z?q=1")]),
    ("a rule to a balancer that nobody wrote", "RewriteEngine On\nRewriteRule ^/(.*) balancer://none/$1 [P]\n", [PLAIN]),

    # tunnels
    ("a tunnel", pool(["ws://127.0.0.1:@A@"]) + TO, [get("/chat", *HANDSHAKE, "X-Script: upgrade")]),
    ("a plain request to ws members", pool(["ws://127.0.0.1:@A@"]) + TO, [PLAIN]),
    ("a handshake to http members", pool(["@A@"]) + TO, [get("/chat", *HANDSHAKE)]),
    ("upgrade= of a member", pool(["@A@ upgrade=websocket"]) + TO, [get("/chat", *HANDSHAKE, "X-Script: upgrade")]),
    ("tunnels stick", pool(["ws://127.0.0.1:@A@ route=a", "ws://127.0.0.1:@B@ route=b"], settings="stickysession=SID") + TO,
     [get("/chat", *HANDSHAKE, "X-Script: upgrade", "Cookie: SID=1.b")] * 2),
    ("a tunnel fails over", pool(["ws://127.0.0.1:@DEAD@", "ws://127.0.0.1:@B@"]) + TO, [get("/chat", *HANDSHAKE, "X-Script: upgrade")]),

    # what people write around sessions
    ("a cookie for the route", "Header add Set-Cookie \"ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/\" env=BALANCER_ROUTE_CHANGED\n" +
     pool(ABC, settings="stickysession=ROUTEID") + TO, [PLAIN] * 3 + [cookie("ROUTEID=.b")] * 2 + [cookie("ROUTEID=.z")]),
    ("a request header with the balancer's name", "RequestHeader set X-Pool %{BALANCER_NAME}e\n" + pool(ABC) + TO, [PLAIN]),

    # exclusions
    ("an exclusion", pool(["@A@"]) + "ProxyPass /x !\n" + TO, [PLAIN, get("/y")]),
    ("a section's settings", pool(["@A@"]) + "<Proxy balancer://p/secret>\nRequire all denied\n</Proxy>\n" + TO, [get("/secret"), PLAIN]),
    ("a section closes the balancer", "<Proxy balancer://p>\nBalancerMember http://127.0.0.1:@A@\nRequire all denied\n</Proxy>\n" + TO, [PLAIN]),
]


@pytest.fixture(scope="module")
def sequences():
    return Sequences(ROWS)


@pytest.mark.parametrize("name", [r[0] for r in ROWS])
def test_as_apache(sequences, name):
    apache, weir = sequences.of(name)
    assert weir.statuses == apache.statuses
    if name != "two cookie lines": # Weir keeps them apart
        assert weir.seen == apache.seen
    assert [b for b, s in zip(weir.bodies, weir.statuses) if s == 200] == [b for b, s in zip(apache.bodies, apache.statuses) if s == 200]
    assert [a.all("Set-Cookie") for a in weir.answers] == [a.all("Set-Cookie") for a in apache.answers]
    assert weir.variables == apache.variables
    assert weir.log == apache.log


# ---- the manager's page -------------------------------------------------------------------------------------------------

SHOWN = ("<Location /bm>\nSetHandler balancer-manager\n</Location>\n" +
         pool(["@A@ route=a redirect=b", "@B@ route=b loadfactor=2.5 lbset=1 status=+D", "ws://127.0.0.1:@DEAD@ status=+H+N"],
              settings="stickysession=S|s timeout=7 nofailover=On maxattempts=9") +
         pool(["unix:/nonexistent/x|http:", "@C@/path status=+I+R"], "q", "lbmethod=bybusyness") +
         "ProxyPass /p balancer://p/\nProxyPass /q balancer://q/\nProxyPass /none balancer://none/\n")
PAGES = [
    ("at first", SHOWN, [get("/bm")]),
    ("after some requests", SHOWN, [get("/p/x"), get("/p/y", "X-Script: long"), get("/p/x", "Cookie: S=1.a"), get("/q/x"), get("/bm")]),
    ("for HEAD", SHOWN, [get("/bm", method="HEAD")]),
    ("for OPTIONS", SHOWN, [get("/bm", method="OPTIONS")]),
    ("for PUT", SHOWN, [get("/bm", method="PUT")]),
    ("below the location", SHOWN, [get("/bm/x?y")]),
    ("a backend goes first", pool(["@A@"]) + TO + "<Location /bm>\nSetHandler balancer-manager\n</Location>\n", [get("/bm")]),
    ("for those who may", SHOWN + "<Location /bm>\nRequire all denied\n</Location>\n", [get("/bm")]),
]


@pytest.fixture(scope="module")
def pages():
    return Sequences(PAGES)


def cells(answer):
    """Of the page's tables, as people read them."""
    body = answer.body
    if answer.all("Transfer-Encoding"):
        body, rest = b"", body
        while rest and (size := int(rest.split(b"\r\n")[0], 16)):
            rest = rest.split(b"\r\n", 1)[1]
            body, rest = body + rest[:size], rest[size + 2:]
    found = re.findall(r"<t[hd]>(.*?)(?=<t[hd]>|</tr>)", body.decode("latin-1").replace(" | ", "|"), re.S)
    return [re.sub(r"<[^>]*>", "", c).strip() for c in found]


@pytest.mark.parametrize("name", [r[0] for r in PAGES])
def test_the_manager_shows_the_same(pages, name):
    apache, weir = pages.of(name)
    assert weir.statuses == apache.statuses
    assert cells(weir.answers[-1]) == cells(apache.answers[-1])
    assert bool(cells(apache.answers[-1])) == (name in ("at first", "after some requests", "below the location"))


def test_the_manager_changes_nothing():
    body = b"b=p&w=http://127.0.0.1/&w_status_D=1"
    row = ("post", SHOWN, [get("/bm", "Content-Length: %d" % len(body), method="POST", body=body)])
    _, weir = Sequences([row]).of("post")
    assert weir.statuses == [405]

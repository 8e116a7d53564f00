"""apache2 -t and weir -t on balancers, members and their parameters: the same verdict, line and message."""
import pytest

from apache import APACHE, is_apache, second_server
from test_config_errors import check, fault

MODULES = ("slotmem_shm", "proxy_balancer", "lbmethod_byrequests", "lbmethod_bytraffic", "lbmethod_bybusyness")


def within(lines):
    return "<Proxy balancer://p>\n%s\n</Proxy>" % lines


LONG = "p" * 100
SNIPPETS = [
    # members outside of a section
    "BalancerMember http://h/", "BalancerMember balancer://p http://h/", "BalancerMember", "BalancerMember balancer://p",
    "BalancerMember p http://h/", "BalancerMember balancer:p http://h/", "BalancerMember balancer:// http://h/",
    "BalancerMember balancer://p http://h/ x", "BalancerMember balancer://p h/", "BalancerMember balancer://%s http://h/" % LONG,
    "<Location /x>\nBalancerMember http://h/\n</Location>", "<Location /x>\nBalancerMember balancer://p http://h/\n</Location>",
    "<Proxy balancer:p>\nBalancerMember http://h/\n</Proxy>", "<Proxy http://h/>\nBalancerMember http://a/\n</Proxy>",
    "<ProxyMatch balancer://p>\nBalancerMember http://h/\n</ProxyMatch>", "<Directory />\nBalancerMember http://h/\n</Directory>",
    # members
    *(within("BalancerMember" + m) for m in (
        "", " http://h/", " http://h/ x", " http://h/ # comment", " unix:/x|nothing", " unix:/x|http:", " unix:/x|ws://h/y", " foo",
        " http://h:8x/", " http:///", " balancer://x", " fcgi://h/", " wss://h/chat route=1", " http://h/ a=b",
        " http://h/ sticky=on", " http://h/ retry=-1", " http://h/ status=Q", " http://h/ status=+D-I",
        " http://h/ loadfactor=101", " http://h/ loadfactor=0.5", " http://h/ loadfactor=2.5", " http://h/ lbset=100", " http://h/ lbset=-1",
        " http://h/ route=" + "r" * 64, " http://h/ redirect=" + "r" * 64, " http://h/ redirect=b Route=a", " http://h/ timeout=0",
        " http://h/ smax=0 ttl=60 retry=60 loadfactor=50 keepalive=On", " http://h/ stickysession=x",
        " http://h/\nBalancerMember http://h/ timeout=5", " http://h/\nBalancerMember http://h/x timeout=0")),
    within("<Limit GET>\nBalancerMember http://h/\n</Limit>"), "<Proxy balancer://P>\nBalancerMember http://h/\n</Proxy>\nProxySet balancer://p/x timeout=4",
    "<Proxy \"balancer://p\">\nBalancerMember \"http://h/\" route=\"a b\"\nProxySet \"stickysession=S\"\n</Proxy>\nProxyPass \"/x\" \"balancer://p/\"",
    # parameters of balancers
    *(within("ProxySet " + p) for p in (
        "lbmethod=foo", "lbmethod=byRequests", "lbmethod=bytraffic", "lbmethod=", "stickysession=A|b", "stickysession=", "stickysession",
        "stickysession=" + "s" * 80, "stickysessionsep=ab", "stickysessionsep=", "stickysessionsep=Off", "stickysessionsep=/", "nofailover=x",
        "NoFailover=ON", "timeout=0", "timeout=500ms", "timeout=x", "maxattempts=-1", "maxattempts=x", "scolonpathdelim=1", "scolonpathdelim=on",
        "failonstatus=1", "failonstatus=503,x", "failonstatus=503,599", "\"failonstatus=500, 503\"", "failonstatus=600", "failonstatus=",
        "failontimeout=x", "failontimeout=off", "nonce=None", "nonce=" + "n" * 37, "nonce=" + "n" * 36, "growth=0", "growth=101", "growth=5",
        "forcerecovery=x", "forcerecovery=off", "route=x", "ping=5", "colour=red", "=x", "maxattempts=1 maxattempts=-1", "")),
    "ProxySet balancer://q lbmethod=byrequests", "<Location /x>\nProxySet balancer://q lbmethod=byrequests\n</Location>",
    "ProxyPass / balancer://p/\nProxySet balancer://p timeout=5", "ProxyPass / balancer://p/\n<Location /x>\nProxySet balancer://p timeout=0\n</Location>",
    "<Proxy balancer://p lbmethod=x>\n</Proxy>", "<Proxy balancer://p lbmethod=bytraffic>\n</Proxy>", "<Proxy balancer:p lbmethod=bytraffic>\n</Proxy>",
    "<Proxy balancer://p x>\n</Proxy>",
    # ProxyPass
    *("ProxyPass " + p for p in (
        "/ balancer://p", "/ balancer://p/", "/ Balancer://P/", "/ balancer:p", "/ balancer://", "/ balancer:/p", "/ balancer:///",
        "/ balancer://p/ lbmethod=x", "/ balancer://p/ route=x", "/ balancer://p/ x", "/ balancer://%s/" % LONG, "/%s balancer://p/" % LONG,
        "/ balancer://p/\nProxyPass /%s balancer://p/" % LONG, "/ balancer://p/ timeout=0", "/ balancer://p/ stickysession=S|s nofailover=On nocanon",
        "~ ^/(.*) balancer://p/$1 lbmethod=bytraffic")),
    "ProxyPassMatch ^/(.*) balancer://p/$1 maxattempts=2", "<Location /x>\nProxyPass balancer://p/ growth=3\n</Location>",
    # the server's
    "BalancerGrowth", "BalancerGrowth x", "BalancerGrowth -1", "BalancerGrowth 1001", "BalancerGrowth 5", "BalancerInherit x", "BalancerInherit Off",
    "BalancerPersist On", "BalancerPersist x", "ProxyPassInherit x", "<Location /x>\nBalancerInherit Off\n</Location>",
]
# Weir knows three methods; httpd says less of the fourth when its module is not loaded.
REFUSED = [within("ProxySet lbmethod=heartbeat")]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_same_verdict_and_words(snippet):
    apache_code, apache = check(APACHE, snippet, MODULES)
    weir_code, weir = check(second_server(), snippet, MODULES)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))


@pytest.mark.parametrize("snippet", ["ProxyPass / balancer://p/", within("ProxySet lbmethod=byrequests"), within("BalancerMember http://h/")])
def test_same_verdict_without_the_modules(snippet):
    apache_code, apache = check(APACHE, snippet)
    weir_code, weir = check(second_server(), snippet)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))


@pytest.mark.parametrize("snippet", ["ProxyPass / http://h/ hcmethod=GET", within("BalancerMember http://h/ hctemplate=x"),
                                     within("BalancerMember http://h/ HCuri=/ping")])
def test_health_checks_are_refused_as_by_an_apache_without_them(snippet):
    apache_code, apache = check(APACHE, snippet, MODULES)
    weir_code, weir = check(second_server(), snippet, MODULES)
    assert weir_code == apache_code == 1
    assert fault(weir).startswith(fault(apache)) and (is_apache(second_server()) or "mod_proxy_hcheck" in fault(weir))


@pytest.mark.parametrize("snippet", REFUSED)
def test_refused_by_name(snippet):
    if is_apache(second_server()):
        pytest.skip("this is about Weir")
    code, output = check(second_server(), snippet, MODULES)
    assert code == 1
    assert " / " in fault(output)

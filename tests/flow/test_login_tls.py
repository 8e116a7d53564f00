"""The holder of a certificate as a user: SSLOptions FakeBasicAuth and StrictRequire, as httpd's mod_ssl feeds mod_auth_basic."""
import base64
import os

import pki
import pytest
import secureweir
from harness import Backend, Weir, free_port, request, serve_hello

SECURE = """
    SSLCACertificateFile {ca}
    SSLVerifyClient optional
    <Location />
        AuthType Basic
        AuthName holders
        AuthUserFile {dir}/passwords
        Require valid-user
        SSLOptions +FakeBasicAuth
    </Location>
    <Location /named>
        SSLUserName SSL_CLIENT_S_DN_CN
    </Location>
    <Location /unnamed>
        SSLUserName SSL_CLIENT_S_DN_Email
    </Location>
    <Location /any>
        SSLRequire %{SSL_CLIENT_S_DN_CN} eq "nobody"
        Satisfy Any
    </Location>
    <Location /strict>
        SSLRequire %{SSL_CLIENT_S_DN_CN} eq "nobody"
        Satisfy Any
        SSLOptions +StrictRequire
    </Location>
"""
PLAIN = """
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{plain}
<VirtualHost *:{plain}>
    ServerName example.com
    ProxyPass / http://127.0.0.1:{backend}/
    <Location />
        AuthType Basic
        AuthName holders
        AuthUserFile {dir}/passwords
        Require valid-user
    </Location>
</VirtualHost>
"""
CRYPTED = "xxj31ZMTZzkVA" # "password", as mod_ssl's manual has it


def basic(user, password):
    return "Authorization", "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


@pytest.fixture(scope="module")
def place(ca):
    with Backend(serve_hello) as backend:
        with Weir(PLAIN + secureweir.site(ca.leaf, SECURE), plain=free_port(), ca=ca.cert, backend=backend) as weir:
            with open(os.path.join(weir.dir, "passwords"), "w") as f:
                f.write("/O=Weir/OU=chat/CN=Alice:%s\nAlice:%s\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n" % (CRYPTED, CRYPTED))
            os.chmod(os.path.join(weir.dir, "passwords"), 0o644)
            yield weir, ca.issue("Alice", ou="chat"), ca.issue("Eve", ou="chat"), ca.issue("a:b", ou="chat")


def ask(weir, leaf=None, path="/", fields=()):
    raw = request(path=path, fields=[("Connection", "close"), *fields])
    return secureweir.ask(weir, pki.client_context(leaf=leaf), raw)


def test_the_holder_of_a_certificate_is_a_user(place):
    weir, alice, eve, _ = place
    assert ask(weir, alice).status == 200
    weir.wait_for_log("AH02036: Faking HTTP Basic Auth header: \"Authorization: Basic ")
    assert ask(weir, eve).status == 401
    weir.wait_for_log("AH01618: user /O=Weir/OU=chat/CN=Eve not found: /")
    assert ask(weir).status == 401
    assert ask(weir, fields=[basic("bob", "secret")]).status == 200


def test_a_name_that_is_typed_in_is_no_certificate(place):
    weir, alice, _, _ = place
    spoof = basic("/O=Weir/OU=chat/CN=Alice", "password")
    assert ask(weir, fields=[spoof]).status == 403
    assert ask(weir, alice, fields=[spoof]).status == 403
    with weir.connect(port=weir.values["plain"]) as client:
        assert client.send(request(fields=[spoof])).read_response().status == 403
    weir.wait_for_log("AH02035: Encountered FakeBasicAuth spoof: /O=Weir/OU=chat/CN=Alice")


def test_ssluser_name_says_which_name(place):
    weir, alice, eve, colon = place
    assert ask(weir, alice, "/named").status == 200
    assert ask(weir, eve, "/named").status == 401
    assert ask(weir, colon, "/named").status == 403
    weir.wait_for_log("AH10096: Cannot use FakeBasicAuth for username containing a colon: a:b")
    assert ask(weir, alice, "/unnamed").status == 401
    weir.wait_for_log("AH02434: Failed to set FakeBasicAuth username to 'SSL_CLIENT_S_DN_Email'")


def test_strictrequire_takes_satisfy_any_its_way_out(place):
    weir, alice, _, _ = place
    assert ask(weir, alice, "/any").status == 200
    assert ask(weir, alice, "/strict").status == 403

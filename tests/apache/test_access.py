"""Who may see what: Require × containers × merging × Satisfy × Order × methods × who asks. The status, WWW-Authenticate,
what the backend saw, and every line that the modules of access control write, word for word."""
import base64
import itertools
import os
import re
import subprocess
import tempfile

import pytest

from apache import APACHE, HANDSHAKE, Pair, get, second_server
from test_config_errors import check, fault

FILES = tempfile.mkdtemp(prefix="weir-access-")
os.chmod(FILES, 0o755)


def write(name, text):
    path = os.path.join(FILES, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def crypt(password, salt):
    """libxcrypt by way of Perl, which everybody has."""
    return subprocess.run(["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, salt], check=True,
                          capture_output=True, text=True).stdout


HASHES = { # all of "secret"
    "apr": "$apr1$Vz3XvKyO$wd4hX3Tt8wf1j1P7vT/vy0", # replaced below by openssl's
    "sha": "{SHA}" + base64.b64encode(bytes.fromhex("e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4")).decode(),
    "bcrypt": crypt("secret", "$2y$05$abcdefghijklmnopqrstuu"),
    "sha256": crypt("secret", "$5$saltsalt"),
    "sha512": crypt("secret", "$6$rounds=1000$saltsalt"),
    "md5": crypt("secret", "$1$saltsalt"),
    "des": crypt("secret", "ab"),
}
HASHES["apr"] = subprocess.run(["openssl", "passwd", "-apr1", "-salt", "saltsalt", "secret"], check=True, capture_output=True,
                               text=True).stdout.strip()
USERS = {"alice": HASHES["apr"], "bob": HASHES["sha"]}
PASSWORDS = write("passwords", "# users\n\n" + "".join("%s:%s\n" % u for u in USERS.items()) +
                  "".join("%s:%s\n" % h for h in HASHES.items()) +
                  "empty:\nplain:secret\nextra:%s:more\n  blanks:%s  \nCase:%s\njoin\\\ned:%s\nalice:nothing\n"
                  % (HASHES["sha"], HASHES["sha"], HASHES["sha"], HASHES["sha"]))
GROUPS = write("groups", "# groups\nops: carol alice\nstaff : dave\n  \"bob\"\nStaff: bob\nops: zed\\\n bob2\n")
REALMS = write("realms", "dora:other:00\ndora:r:%s\n" % __import__("hashlib").md5(b"dora:r:secret").hexdigest())

LOGIN = "AuthType Basic\nAuthName r\nAuthUserFile %s\nAuthGroupFile %s\n" % (PASSWORDS, GROUPS)
TO = "ProxyPass / http://127.0.0.1:@A@/\n"


def basic(user, password="secret"):
    return "Authorization: Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


WHO = {
    "nobody": (), "alice": (basic("alice"),), "bob": (basic("bob"),), "wrong": (basic("alice", "wrong"),),
    "unknown": (basic("eve"),),
}
ROWS = []


def row(name, text, *fields, path="/", method="GET", location=True):
    if location:
        text = "<Location />\n%s\n</Location>" % text
    ROWS.append((name, TO + text, get(path, *fields, method=method)))


# ---- one Require line --------------------------------------------------------------------------------------------

for form, who in itertools.product((
        "all granted", "all denied", "valid-user", "valid-user words", "user alice", "user bob alice", "user \"alice\"",
        "user Alice", "user", "group ops", "group OPS staff", "group nothing", "group",
        "ip 127.0.0.1", "expr %{REMOTE_USER} == 'alice'", "expr %{REMOTE_ADDR} -ipmatch '10.0.0.0/8'",
        "user %{QUERY_STRING}"), WHO):
    row("Require %s, %s" % (form, who), LOGIN + "Require " + form, *WHO[who], path="/x?alice")

for form in ("ip 127", "ip 127.", "ip 127.0.0.0/8", "ip 127.0.0.0/255.0.0.0", "ip 10.0.0.1", "ip 10 192.168 127.0.0.1",
             "ip 127.0.0.1/32", "ip 127.0.0.2", "ip ::1", "ip 2001:db8::/32", "local", "local words",
             "method GET", "method POST", "method HEAD", "method POST OPTIONS", "method",
             "env HOME", "env", "host localhost", "host example.com", "host ocalhost", "host .localhost", "host localhost # why",
             "host #why", "host example.com localhost", "forward-dns localhost", "forward-dns no-such-host.invalid",
             "forward-dns no-such-host.invalid localhost", "forward-dns #no", "forward-dns localhost#yes",
             "expr true", "expr false", "expr \"%{REQUEST_METHOD} == 'GET'\"", "expr \"%{QUERY_STRING} =~ /x/\"",
             "expr \"file('/nonexistent') == 'x'\"", "not all granted", "ip 127.0.0.1\nRequire all denied"):
    if form != "not all granted": # a fault
        row("Require %s alone" % form, "Require " + form)
for method in ("HEAD", "POST", "OPTIONS", "DELETE", "PROPFIND", "BREW"):
    row("Require method for " + method, "Require method GET OPTIONS", method=method)

for form, variable in itertools.product(("Require env seen", "Require env other seen", "Deny from all\nAllow from env=seen",
                                         "Deny from all\nAllow from env=!seen", "Order allow,deny\nAllow from all\nDeny from env=SEEN",
                                         "<RequireAll>\nRequire all granted\nRequire not env seen\n</RequireAll>"), ("1", "0")):
    row("%s, %s" % (form, variable), "SetEnvIf X-Seen 1 seen\n<Location />\n%s\n</Location>" % form, "X-Seen: " + variable,
        location=False)

# ---- containers ----------------------------------------------------------------------------------------------------

LINES = ("all granted", "all denied", "valid-user", "user bob", "ip 10.1", "not ip 10.1", "not ip 127.0.0.1", "not user bob")
for pair in itertools.product(LINES, LINES):
    text = "".join("Require %s\n" % line for line in pair)
    for kind, who in itertools.product(("All", "Any"), ("nobody", "alice")):
        if kind == "Any" and "not" in text or all(line.startswith("not") for line in pair):
            continue # faults
        row("<Require%s> %s, %s, %s" % (kind, *pair, who), LOGIN + "<Require%s>\n%s</Require%s>" % (kind, text, kind), *WHO[who])
for inner, who in itertools.product((
        "<RequireNone>\nRequire ip 10.1\nRequire user bob\n</RequireNone>\nRequire valid-user",
        "<RequireNone>\nRequire ip 127.0.0.1\n</RequireNone>\nRequire all granted",
        "<RequireAny>\nRequire ip 10.1\nRequire user alice\n</RequireAny>\nRequire method GET",
        "<RequireAny>\nRequire user bob\n<RequireAll>\nRequire group ops\nRequire ip 127\n</RequireAll>\n</RequireAny>",
        "<RequireAll>\nRequire all granted\n<RequireAny>\nRequire local\nRequire user bob\n</RequireAny>\n</RequireAll>",
        "<RequireNone>\n<RequireAll>\nRequire valid-user\nRequire user bob\n</RequireAll>\n</RequireNone>\nRequire valid-user",
        "Require expr false\nRequire expr \"file('/nonexistent') == 'x'\""), ("nobody", "alice", "bob", "wrong")):
    row("nested %s, %s" % (inner, who), LOGIN + "<RequireAll>\n%s\n</RequireAll>" % inner, *WHO[who])

# ---- sections one over the other -----------------------------------------------------------------------------------

for merging, first, second, who in itertools.product(
        ("", "AuthMerging Off\n", "AuthMerging And\n", "AuthMerging Or\n"),
        ("all denied", "all granted", "valid-user", "ip 10.1"), ("user bob", "all granted", "all denied", None), ("nobody", "alice")):
    row("%s%s then %s, %s" % (merging, first, second, who),
        "<Location />\n%sRequire %s\n</Location>\n<Location /a>\n%s%s\n</Location>"
        % (LOGIN, first, merging, "Require " + second if second else "AuthzSendForbiddenOnFailure On"), *WHO[who], path="/a",
        location=False)
for name, text in {
    "another AuthType": "AuthType None\nRequire all granted", "AuthType None alone": "AuthType None",
    "another realm": "AuthName \"the other\"\nRequire valid-user", "another file": "AuthUserFile /nonexistent\nRequire valid-user",
    "another group file": "AuthGroupFile /nonexistent\nRequire group ops", "Satisfy Any": "Satisfy Any\nAllow from all",
    "Satisfy Any with Deny": "Satisfy Any\nOrder deny,allow\nDeny from all", "Satisfy alone": "Satisfy Any",
}.items():
    for who in ("nobody", "alice", "wrong"):
        row("%s in a later section, %s" % (name, who), "<Location />\n%sOrder allow,deny\nAllow from all\nRequire valid-user\n"
            "</Location>\n<Location /a>\n%s\n</Location>" % (LOGIN, text), *WHO[who], path="/a", location=False)
row("in <Proxy>", "<Proxy *>\n%sRequire user alice\n</Proxy>" % LOGIN, *WHO["alice"], location=False)
row("in <Proxy>, another", "<Proxy *>\n%sRequire user alice\n</Proxy>" % LOGIN, *WHO["bob"], location=False)
row("in <If>", "<If \"%%{QUERY_STRING} == 'x'\">\n%sRequire user alice\n</If>" % LOGIN, path="/?x", location=False)

# ---- Order, Allow, Deny, Satisfy -----------------------------------------------------------------------------------

SIDES = (None, "all", "127.0.0.1", "10.0.0.0/8")
for order, allow, deny in itertools.product((None, "allow,deny", "deny,allow", "mutual-failure"), SIDES, SIDES):
    text = "Order %s\n" % order if order else ""
    text += "Allow from %s\n" % allow if allow else ""
    text += "Deny from %s\n" % deny if deny else ""
    row("Order %s, Allow %s, Deny %s" % (order, allow, deny), text)
for side in ("127", "127.0", "127.0.0.0/255.255.0.0", "10 127.0.0.1", "localhost", ".localhost", "example.com", "env=HOME",
             "env=!HOME", "env=", "ALL", "::1", "10.0.0.1/32 example.com localhost"):
    row("Allow from " + side, "Order deny,allow\nDeny from all\nAllow from " + side)
    row("Deny from " + side, "Order allow,deny\nAllow from all\nDeny from " + side)
for satisfy, side, require, who in itertools.product(("", "Satisfy All\n", "Satisfy Any\n"), ("Allow from all", "Deny from all"),
                                                     ("Require valid-user", "Require all denied", "Require user bob", ""),
                                                     ("nobody", "alice", "wrong")):
    row("%s%s %s, %s" % (satisfy, side, require, who), LOGIN + satisfy + side + "\n" + require, *WHO[who])

# ---- methods ---------------------------------------------------------------------------------------------------------

for method, (name, text) in itertools.product(("GET", "HEAD", "POST", "OPTIONS", "BREW"), {
    "Limit": "<Limit POST>\nRequire valid-user\n</Limit>",
    "LimitExcept": "<LimitExcept GET OPTIONS>\nRequire valid-user\n</LimitExcept>",
    "Limit with a rest": "Require all granted\n<Limit POST DELETE>\nRequire user bob\n</Limit>",
    "Limit inside all": "<RequireAll>\nRequire all granted\n<Limit POST>\nRequire all denied\n</Limit>\n</RequireAll>",
    "Limit with Order": "Require all granted\n<Limit POST>\nOrder allow,deny\nDeny from all\n</Limit>",
    "Limit with Satisfy": "Deny from all\nRequire valid-user\n<Limit GET>\nSatisfy Any\nAllow from all\n</Limit>",
    "AllowMethods": "Require all granted\nAllowMethods GET POST",
    "AllowMethods reset": "AllowMethods GET\n</Location>\n<Location />\nAllowMethods reset",
    "AllowMethods and who": "AllowMethods POST\nRequire valid-user",
    "AllowMethods and Satisfy": "AllowMethods POST\nSatisfy Any\nRequire valid-user",
}.items()):
    row("%s, %s" % (name, method), LOGIN + text, method=method)
    row("%s, %s by alice" % (name, method), LOGIN + text, *WHO["alice"], method=method)

# ---- Basic -----------------------------------------------------------------------------------------------------------

for user, password in itertools.product([*HASHES, "empty", "plain", "extra", "blanks", "Case", "case", "joined", "# users", ""],
                                        ("secret", "wrong", "")):
    row("user %s, password %s" % (user, password), LOGIN + "Require valid-user", basic(user, password))
for field in ("Basic", "Basic ", "basic " + basic("alice")[21:], "Basic    " + basic("alice")[21:], "Basic !!!", "Basic YWxpY2U=",
              "Basic YWxpY2U6c2VjcmV0=garbage", "Basic YWxpY2U6c2VjcmV0 garbage", "Basic YWxpY2UAOnNlY3JldA==", "Bearer abc", "Basicx abc", "Digest username=\"alice\"",
              "Negotiate x"):
    row("Authorization: " + field, LOGIN + "Require valid-user", "Authorization: " + field)
BASIC = "AuthName r\nRequire valid-user\nAuthUserFile %s\n" % PASSWORDS
for name, text in {
    "no AuthType": BASIC, "AuthType None": "AuthType None\n" + BASIC, "AuthType in small letters": "AuthType basic\n" + BASIC,
    "unknown AuthType": "AuthType Form\n" + BASIC, "AuthType by an expression": "AuthType %{QUERY_STRING}\n" + BASIC,
    "no AuthName": "AuthType Basic\nRequire valid-user\nAuthUserFile " + PASSWORDS,
    "no AuthUserFile": "AuthType Basic\nAuthName r\nRequire valid-user",
    "no Require": "AuthType Basic\nAuthName r\nAuthUserFile " + PASSWORDS,
    "no such file": "AuthType Basic\nAuthName r\nRequire valid-user\nAuthUserFile /nonexistent/file",
    "a folder": "AuthType Basic\nAuthName r\nRequire valid-user\nAuthUserFile /tmp",
    "no group file": "AuthType Basic\nAuthName r\nRequire group ops\nAuthUserFile " + PASSWORDS,
    "no such group file": LOGIN + "AuthGroupFile /nonexistent/file\nRequire group ops",
    "quotes in the realm": "AuthType Basic\n" + BASIC + "AuthName 'a \"quoted\" \\\\\"realm'",
    "a realm by an expression": "AuthType Basic\n" + BASIC + "AuthName \"%{QUERY_STRING}-%{REQUEST_URI}\"",
    "provider file": "AuthType Basic\nAuthBasicProvider file\n" + BASIC,
    "not authoritative": "AuthType Basic\nAuthBasicAuthoritative Off\n" + BASIC,
    "not authoritative, no file": "AuthType Basic\nAuthBasicAuthoritative Off\nAuthName r\nRequire valid-user",
    "forbidden on failure": LOGIN + "AuthzSendForbiddenOnFailure On\nRequire user zed",
    "error page of the place": LOGIN + "ErrorDocument 401 \"please log in\"\nRequire valid-user",
}.items():
    for who in ("nobody", "alice", "wrong", "unknown"):
        row("%s, %s" % (name, who), text, *WHO[who], path="/x?Basic")
for user, password in (("dora", "secret"), ("dora", "wrong"), ("alice", "secret")):
    row("hashes of the realm, %s %s" % (user, password), "AuthType Basic\nAuthName r\nAuthBasicUseDigestAlgorithm MD5\nRequire "
        "valid-user\nAuthUserFile " + REALMS, basic(user, password))
for name, text in {"a user": "demo", "with a password": "demo pass", "off": "off", "by an expression": "%{QUERY_STRING} x",
                   "with an empty password": "demo %{QUERY_STRING}"}.items():
    for path in ("/", "/?who"):
        row("AuthBasicFake %s %s" % (name, path), "AuthBasicFake " + text, *WHO["alice"], path=path)
for kind in ("Basic", "basic", "%{QUERY_STRING}"):
    row("AUTH_TYPE of " + kind, LOGIN + "AuthType %s\nRequire valid-user\nRequestHeader set Authorization expr=%%{AUTH_TYPE}" % kind,
        *WHO["alice"], path="/x?BASIC")
row("Proxy-Authorization where a user is known", LOGIN + "Require valid-user", *WHO["alice"], "Proxy-Authorization: Basic eA==")
row("Proxy-Authorization where none is", "Require all granted", *WHO["alice"], "Proxy-Authorization: Basic eA==")

# ---- upgrades --------------------------------------------------------------------------------------------------------

for name, text in {"a user": LOGIN + "Require valid-user", "an address": "Require ip 10.1", "old style": "Deny from all",
                   "everybody": "Require all granted"}.items():
    for who in ("nobody", "alice", "wrong"):
        row("handshake for %s, %s" % (name, who), text, *WHO[who], *HANDSHAKE, "X-Script: upgrade")

# What differs by design, see docs/differences.md: Allow names what AllowMethods allows.
MODULES = ["authz_host", "authz_user", "authz_groupfile", "access_compat", "allowmethods", "auth_basic", "auth_digest", "authn_core",
           "authn_file", "setenvif", "headers"]
SPOKEN = {"authz_core", "authz_host", "authz_user", "authz_groupfile", "access_compat", "allowmethods", "auth_basic", "authn_core",
          "authn_file"}
LEVEL = "info " + " ".join(name + ":debug" for name in sorted(SPOKEN))


FAULTS = [
    *("Require " + form for form in (
        "", "nobody", "All granted", "all", "all maybe", "all granted too", "not", "not all granted", "ip", "ip foo", "ip 1.2.3.4.5",
        "ip 1.2.3.0/33", "ip 1.2.3.0/255.0.255", "ip ::1/200", "ip 300.1", "ip 10.", "ip 10..1", "ip 1.2.3.4,5.6.7.8",
        "method FOO", "method get", "method GET POST", "expr foo", "expr", "expr \"true", "expr true", "user %{", "user", "group %{x",
        "host %{", "forward-dns %{", "valid-user x", "local x", "env")),
    "<RequireAll>\n</RequireAll>", "<RequireAny x>\n</RequireAny>", "<RequireNone>\nRequire all granted\n</RequireNone>",
    "<RequireAll>\nRequire all granted\n<RequireNone>\nRequire not ip 10.1\n"
    "</RequireNone>\n</RequireAll>", "<RequireNotAll>\n</RequireNotAll>", "<RequireAll", "AuthMerging", "AuthMerging Xor",
    "AuthzSendForbiddenOnFailure maybe", "Order", "Order foo", "Order allow, deny", "Order allow,deny deny", "Allow", "Allow all",
    "Allow from", "Allow of all", "Allow from foo/8", "Allow from 1.2.3.4/99", "Allow from 300.1", "Allow from a#b", "Allow from # b",
    "Allow from 10.1 all env=x", "Deny from 1.2.3", "Satisfy", "Satisfy maybe", "Satisfy any all", "AllowMethods", "AllowMethods FOO",
    "AllowMethods GET +POST", "AllowMethods reset", "AllowMethods reset GET", "AllowMethods get", "AuthType", "AuthType Foo",
    "AuthType Basic x", "AuthType %{", "AuthName", "AuthName a b", "AuthName \"%{\"", "AuthUserFile", "AuthUserFile a b",
    "AuthUserFile relative/file", "AuthGroupFile", "AuthBasicProvider", "AuthBasicProvider foo", "AuthBasicProvider file file",
    "AuthBasicAuthoritative maybe", "AuthBasicUseDigestAlgorithm SHA", "AuthBasicUseDigestAlgorithm", "AuthBasicFake", "AuthBasicFake %{",
    "AuthBasicFake a %{", "AuthBasicFake a b c", "AuthDigestQop", "AuthDigestQop auth-int", "AuthDigestQop none", "AuthDigestQop auth auth",
    "AuthDigestAlgorithm MD5-sess", "AuthDigestAlgorithm foo", "AuthDigestAlgorithm", "AuthDigestNonceLifetime x",
    "AuthDigestNonceLifetime 5x", "AuthDigestNonceLifetime", "AuthDigestNonceLifetime -7", "AuthDigestProvider foo", "AuthDigestProvider",
    "AuthDigestNcCheck maybe", "AuthDigestDomain", "AuthDigestShmemSize 1000",
]
OUTSIDE = ["Require all granted", "Order allow,deny", "AuthType Basic", "AllowMethods GET", "Satisfy any", "AuthUserFile x",
           "AuthDigestShmemSize 1000k", "AuthDigestShmemSize 10q", "<Limit GET>\nRequire all denied\n</Limit>",
           "<RequireAll>\nRequire all granted\n</RequireAll>"]


@pytest.mark.parametrize("snippet", ["<Location />\n%s\n</Location>" % text for text in FAULTS] + OUTSIDE)
def test_the_same_verdict_and_words(snippet):
    apache_code, apache = check(APACHE, snippet, MODULES)
    weir_code, weir = check(second_server(), snippet, MODULES)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))


@pytest.fixture(scope="module")
def pair():
    assert len({r[0] for r in ROWS}) == len(ROWS), "two rows have one name"
    return Pair(ROWS, modules=MODULES, level=LEVEL, own_hosts=True)


def said(pair, side, name):
    """Only what these modules say: (module, level, text from its number on)."""
    lines = []
    for line in pair.logs[side, name]:
        if line.module in SPOKEN or line.ah == "00027":
            text = re.sub(r"^.*?(AH\d{5}: )", r"\1", line.text)
            if "Evaluation of expression from" not in text: # an echo of AH02320
                lines.append((line.module, line.level, text))
    return lines


@pytest.mark.parametrize("name", [r[0] for r in ROWS])
def test_the_same_answer_and_the_same_lines(pair, name):
    apache, weir = pair.of(name)
    assert weir.status == apache.status
    assert weir.all("WWW-Authenticate") == apache.all("WWW-Authenticate")
    assert len(weir.seen) == len(apache.seen), "does a backend see it"
    for ours, theirs in zip(weir.seen, apache.seen):
        credentials = rb"(?im)^(?:proxy-)?authorization:.*$"
        assert re.findall(credentials, ours) == re.findall(credentials, theirs)
    assert said(pair, "weir", name) == said(pair, "apache", name)


def test_a_look_ahead_never_takes_a_login_that_was_not_checked_for_one_that_fits():
    """A deliberate difference, on the safe side: only rules wait for a password's check; elsewhere -U is false then."""
    secret = "<Location /secret>\nAuthType Basic\nAuthName x\nAuthUserFile %s\nRequire valid-user\n</Location>\n" \
             % write("ahead", "u:%s\n" % HASHES["sha"])
    places = {"if": "<If \"-U '/secret'\">\nHeader set X-In 1\n</If>\n", "header": "Header set X-In 1 \"expr=-U '/secret'\"\n",
              "unless": "<If \"! -U '/secret'\">\nRequire all denied\n</If>\n",
              "rule": "RewriteEngine On\nRewriteCond /secret -U\nRewriteRule . - [E=V:1]\nHeader set X-In %{V}e env=V\n"}
    asked = {"nobody": (), "a guess": ("Authorization: Basic dTp4",), "the right one": ("Authorization: Basic dTpzZWNyZXQ=",)}
    rows = [("%s %s" % (place, who), secret + places[place] + "ProxyPass / http://127.0.0.1:@A@/", get("/x", *asked[who]))
            for place in places for who in asked]
    pair = Pair(rows, modules=["auth_basic", "authn_core", "authn_file", "authz_user", "headers", "rewrite"])
    for name in [row[0] for row in rows]:
        apache, weir = pair.of(name)
        if name.endswith("right one") and not name.startswith("rule"):
            assert not weir.all("X-In") and weir.status == (403 if name.startswith("unless") else 200), name
            assert any("-U and -F" in line.text for line in pair.logs["weir", name])
        else:
            assert (weir.status, weir.all("X-In"), len(weir.seen)) == (apache.status, apache.all("X-In"), len(apache.seen)), name

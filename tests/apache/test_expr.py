"""Apache expressions: conditions and templates evaluated over the same requests, and what is no expression."""
import re

import pytest
from test_config_errors import check, fault

from apache import Pair, get, within_an_hour

MODULES = ["headers", "env", "setenvif", "ssl"]

TEMPLATES = [
    # constants and quoting
    "plain", "a b", "", "100%", "%", "% {x}", "a%{REQUEST_METHOD}b", "%{REQUEST_METHOD}", "a\\tb", "\\101\\102", "\\\\", "\\%",
    "\\%{REQUEST_METHOD}", "$1", "$", "$x", "$$1", "'quoted'", "\"quoted\"", "{}", "}", "a.b", "a . b", "%{REQUEST_METHOD} . 'x'",
    "%{REQUEST_METHOD}%{REQUEST_SCHEME}", "\\x41", "\\'", "\\q", "日本語",
    # variables
    *("%%{%s}" % v for v in (
        "REQUEST_METHOD", "request_method", "REQUEST_SCHEME", "REQUEST_URI", "DOCUMENT_URI", "REQUEST_FILENAME", "SCRIPT_FILENAME",
        "REMOTE_HOST", "REMOTE_USER", "REMOTE_IDENT", "SERVER_ADMIN", "SERVER_NAME", "SERVER_PROTOCOL",
        "PATH_INFO", "QUERY_STRING",
        "IS_SUBREQ", "AUTH_TYPE", "THE_REQUEST", "CONTENT_TYPE", "HANDLER", "LAST_MODIFIED", "CONTEXT_PREFIX", "REQUEST_STATUS",
        "REMOTE_ADDR", "HTTPS", "IPV6", "CONN_REMOTE_ADDR", "HTTP2", "API_VERSION", "SCRIPT_USER", "SCRIPT_GROUP",
        "HTTP_USER_AGENT", "HTTP_PROXY_CONNECTION", "HTTP_REFERER", "HTTP_COOKIE", "HTTP_FORWARDED", "HTTP_HOST", "HTTP_ACCEPT",
        "SSL_PROTOCOL", "SSL_CIPHER", "SSL_NOTHING")),
    # functions in templates
    "%{req:X-One}", "%{http:X-One}", "%{HTTP:x-one}", "%{req_novary:X-One}", "%{req:X-Two}", "%{req:None}", "%{resp:X-Back}", "%{resp:X-Twice}",
    "%{resp:Content-Type}", "%{resp:X-Always}", "%{reqenv:V}", "%{env:V}", "%{env:PATH}", "%{osenv:PATH}", "%{osenv:V}", "%{note:V}", "%{reqenv:None}",
    "%{tolower:AbC-É}", "%{toupper:abc-é}", "%{escape:a b/c?d&e=f%g;h,i@j:k~l}", "%{unescape:a%20b%2fc%41}", "%{unescape:a%zz}", "%{unescape:a%}",
    "%{base64:hello}", "%{base64:a}", "%{base64:ab}", "%{unbase64:aGVsbG8=}", "%{unbase64:aGVsbG8}", "%{unbase64:a}", "%{unbase64:@@}",
    "%{md5:abc}", "%{sha1:abc}", "%{ldap:a*b(c)d\\\\e}", "%{filesize:/etc/debian_version}", "%{filesize:/nowhere}", "%{filesize:/etc}",
    "%{tolower:%{REQUEST_METHOD}}", "%{md5:%{REQUEST_URI}%{QUERY_STRING}}",
    "%{toupper:%{tolower:%{req:X-One}}x}", "%{TOLOWER:ABC}", "%{req:%{tolower:X-ONE}}", "%{tolower:a:b}", "%{ssl:SSL_PROTOCOL}", "%{SSL:HTTPS}",
    "%{tolower: A }", "%{tolower:A\\}B}",
    # parts that a log would take for something else
    "%{TIME_WDAY}", "%{TIME_YEAR}%{TIME_MON}%{TIME_DAY}%{TIME_HOUR}",
]
CONDITIONS = [
    "true", "false", "!true", "! false", "not true", "!!true", "not not true", "! ! ! true", "true && false", "true || false", "true and false",
    "true or false", "false || true && false", "(false || true) && false", "!true || true", "!(true || true)", "! true && false",
    "true && true && true && false", "false || false || true", "( ( ( true ) ) )",
    # comparing words
    "'a' == 'a'", "'a' = 'a'", "'a' == 'A'", "'a' != 'b'", "'a' < 'b'", "'b' <= 'a'", "'a' > 'b'", "'b' >= 'b'", "'10' < '9'", "'' == ''",
    "'a'=='a'", "\"a\" == 'a'", "'ab' == 'a' . 'b'", "'a' . 'b' . 'c' == 'abc'", "'a' < 'ab'", "'é' > 'z'", "12 == 12", "'12' == 12",
    "%{REQUEST_METHOD} == 'GET'", "'%{REQUEST_METHOD}' == 'GET'", "%{REQUEST_METHOD} . 'x' == 'GETx'", "%{HTTP_HOST} != ''",
    "'a\\'b' == \"a'b\"", "'\\101' == 'A'", "'%{REQUEST_METHOD}%{REQUEST_SCHEME}' == 'GEThttp'", "'%' == '%'", "'$0' == ''",
    # comparing numbers
    "10 -eq 10", "'10' -eq '10'", "9 -lt 10", "10 -le 9", "10 -gt 9", "9 -ge 9", "1 -ne 2", "10 eq 10", "9 lt 10", "10 le 9", "10 gt 9", "9 ge 9", "1 ne 2",
    "'x' -eq 0", "'' -eq 0", "'7x' -eq 7", "' 7' -eq 7", "'-7' -lt 0", "-7 -lt 0", "'+7' -eq 7", "'0x10' -eq 0", "'010' -eq 10",
    "99999999999999999999 -gt 1", "'99999999999999999999' -eq '99999999999999999998'", "%{REQUEST_STATUS} -eq 200",
    # patterns
    "'abc' =~ /b/", "'abc' =~ /^b/", "'abc' !~ /^b/", "'ABC' =~ /b/", "'ABC' =~ /b/i", "'abc' =~ m#b#", "'abc' =~ m,b,", "'abc' =~ m%b%",
    "'a/b' =~ m#a/b#", "'abc' =~ m'b'", "'abc' =~ m\"b\"", "'abc' =~ m|b|i", "'abc' =~ m!b!", "'abc' =~ m;b;", "'abc' =~ m:b:",
    "'abc' =~ m?b?", "'abc' =~ m-b-", "'abc' =~ m$b$", "'abc' =~ m^b^", "'abc' =~ m.b.", "'a\nb' =~ /a.b/", "'' =~ /^$/", "%{REQUEST_URI} =~ m#^/Path/(.*)#",
    "%{REQUEST_URI} =~ m#^/(.*)/(.)# && $1 == 'Path'", "%{REQUEST_URI} =~ m#^/(.*)/(.)# && '$2-$1-$0' == 'x-Path-/Path/x'",
    "'abc' =~ /(z)?b/ && '$1' == ''", "'abc' =~ /(b)/ && 'xyz' =~ /y/ && $1 == 'b'", "'abc' =~ /(b)/ && 'xyz' =~ /(q)/ || $1 == 'b'",
    "'abc' =~ /(b)/ && 'b' == \"$1\"", "'abc' =~ /(?<n>b)/ && $1 == 'b'", "'abc' !~ /(b)/ || $1 == 'b'", "'a.c' =~ /a\\.c/", "'abc' =~ /a\\.c/",
    "'aaa' =~ /^a{3}$/", "'tab\there' =~ /\\t/", "$9 == ''",
    # lists
    "'a' in { 'a', 'b' }", "'c' in { 'a', 'b' }", "%{REQUEST_METHOD} in { 'GET', 'HEAD' }", "'b' -in { 'a' , 'b' }", "'a' in { 'a' }",
    "'GET' in { %{REQUEST_METHOD} }", "'ab' in { 'a' . 'b' }", "! 'a' in { 'a' }", "'A' in { tolower('A'), 'x' }",
    # tests of one word
    "-n 'a'", "-n ''", "-z ''", "-z 'a'", "-n %{HTTP_REFERER}", "-z %{HTTP_COOKIE}", "! -n ''", "-T 'yes'", "-T 'no'", "-T '0'", "-T 'off'", "-T 'false'",
    "-T 'FALSE'", "-T ''", "-T 'x'", "-T '00'", "-T %{HTTPS}", "-d '/etc'", "-d '/etc/passwd'", "-f '/etc/passwd'", "-f '/etc'", "-e '/etc'", "-e '/nowhere'",
    "-s '/etc/passwd'", "-s '/dev/null'", "-L '/etc/passwd'", "-h '/proc/self'", "-L '/proc/self'", "-x '/bin/sh'", "-x '/etc/passwd'", "-f ''",
    "-R '127.0.0.1'", "-R '127.0.0.0/8'", "-R '10.0.0.0/8'", "-R '127.0.0.0/255.0.0.0'", "-R '127'", "-R '::1'",
    # tests of two words
    "%{REMOTE_ADDR} -ipmatch '127.0.0.0/8'", "'10.1.2.3' -ipmatch '10.1.0.0/16'", "'10.1.2.3' -ipmatch '10.2.0.0/16'", "'::1' -ipmatch '::1'",
    "'fe80::1' -ipmatch 'fe80::/10'", "'fe80::1' -ipmatch '10.0.0.0/8'", "'nonsense' -ipmatch '10.0.0.0/8'", "'' -ipmatch '10.0.0.0/8'",
    "'::ffff:10.1.2.3' -ipmatch '10.0.0.0/8'", "'10.1.2.3' -ipmatch '10.1'",
    "'abc' -strmatch 'a*'", "'abc' -strmatch 'a?c'", "'abc' -strmatch 'A*'", "'abc' -strcmatch 'A*'", "'a/b' -strmatch 'a*'", "'a/b' -fnmatch 'a*'",
    "'a/b' -fnmatch '*/b'", "'abc' -fnmatch 'a[a-c]c'", "'abc' -strmatch '[!a]bc'", "'a*c' -strmatch 'a\\\\*c'", "'.a' -fnmatch '*'", "'' -strmatch ''",
    "'' -strmatch '*'", "'a' -strmatch ''", "'ABC' -strcmatch 'abc'", "'abc' -STRMATCH 'a*'", "%{HTTP_HOST} -strmatch '*.example'",
    # functions in conditions
    "req('X-One') == '1'", "http('x-one') == '1'", "HTTP('X-One') == '1'", "req('None') == ''", "-z req('None')", "tolower('ABC') == 'abc'",
    "tolower(toupper('aBc')) == 'abc'", "tolower('A' . 'B') == 'ab'", "md5('abc') == '900150983cd24fb0d6963f7d28e17f72'", "resp('X-Back') == 'b'",
    "reqenv('V') == 'v w'", "env('V') == 'v w'", "note('x') == ''", "osenv('PATH') != ''", "file('/etc/debian_version') =~ /^1/", "-n file('/etc/hostname')",
    "filesize('/etc/debian_version') -gt 1", "unescape('%41') == 'A'", "escape('a b') == 'a%20b'",
    "base64('a') == 'YQ=='", "unbase64('YQ==') == 'a'", "sha1('') == 'da39a3ee5e6b4b0d3255bfef95601890afd80709'", "tolower(%{REQUEST_METHOD}) == 'get'",
    "req(tolower('X-ONE')) == '1'", "req('X-%{tolower:ONE}') == '1'", "file('/nowhere/at/all') == ''", "! file('/nowhere/at/all') == ''",
    "true || file('/nowhere/at/all') == ''", "false && file('/nowhere/at/all') == ''", "file('/dev/null') == ''",
    # what time it is
    "%{TIME} =~ /^20[0-9]{12}$/", "%{TIME_YEAR} -ge 2024", "%{TIME_HOUR} =~ /^[0-2][0-9]$/", "%{TIME_MIN} -lt 60", "%{TIME_SEC} -lt 61", "%{TIME_WDAY} -lt 7",
    "%{TIME_MON} -le 12 && %{TIME_DAY} -le 31", "%{REMOTE_PORT} -gt 0", "-n %{REQUEST_LOG_ID}", "-z %{CONN_LOG_ID}", "-n %{SERVER_SOFTWARE}",
    # blanks
    "  true", "true  ", "\ttrue", "'a'\t==\t'a'", "(true)", "(true)&&(true)", "'a'!='b'", "!(false)",
    # ways to look at a request
    "%{REQUEST_URI} -strmatch '/Path/*' && %{QUERY_STRING} == 'q=1'", "%{REMOTE_ADDR} in { '127.0.0.1', '::1' }",
    "%{HTTP_USER_AGENT} =~ /(curl|wget)/i || -z %{HTTP_ACCEPT}", "tolower(req('Upgrade')) == 'websocket'", "%{HTTP:Upgrade} == ''",
    "%{THE_REQUEST} =~ m#^GET /Path#", "-U '/Path/x'", "-F '/etc/passwd'",
]
# In a section these look at themselves, until httpd's stack ends.
LOOKS = ["-U '/Path/x'", "-F '/etc/passwd'"]
# What each server answers of its own, in its own words.
OWN = {"%{REQUEST_FILENAME}", "%{SCRIPT_FILENAME}", "%{SERVER_ADMIN}", "%{HANDLER}"}

FAULTS = [
    "", " ", "tru", "True", "TRUE", "true false", "true &&", "&& true", "true & true", "true | true", "(true", "true)", "()", "not", "!", "'a'", "'a' ==", "== 'a'", "'a' == 'b' == 'c'",
    "'a' 'b'", "'a", "\"a", "'a' =~ 'b'", "'a' =~ /b", "'a' =~ /(/", "'a' =~ m#b", "'a' =~ s/b/c/", "'a' =~", "'a' in", "'a' in {", "'a' in { 'b'", "'a' in { }", "'a' in { 'b', }",
    "'a' in ('b')", "'a' in tolower('b')", "'a' -in foo('b')", "-n", "-n -n 'a'", "-q 'a'", "-nn 'a'", "'a' -foo 'b'", "'a' -eq", "-eq 'a'", "%{FOO} == 'a'", "%{} == 'a'", "%{ == 'a'",
    "%{REQUEST_METHOD == 'a'", "%{REQUEST_METHOD} ~ 'a'", "%{REQUEST-METHOD} == 'a'", "%{foo:bar} == 'a'", "%{tolower:} == 'a'", "%{tolower} == 'a'", "%{:a} == 'a'", "foo('a') == 'a'",
    "tolower() == 'a'", "tolower('a' == 'a'", "tolower 'a' == 'a'", "tolower('a', 'b') == 'a'", "tolower(a) == 'a'", "REQUEST_METHOD == 'a'", "$a == 'a'", "$10 == 'a'", "a == b",
    "'a' -ipmatch 'x'", "'a' -ipmatch '10.0.0.0/33'", "'a' -ipmatch %{REMOTE_ADDR}", "'a' -ipmatch '10.0.0.0/8/8'", "-R 'x'", "-R %{REMOTE_ADDR}", "-R ''", "'a' -ipmatch ''",
    "'\\400' == 'a'", "'\\8' == 'a'", "'a' == 'b' and", "and", "or true", "'a' . == 'a'", ". 'a' == 'a'", "'a' <> 'b'", "'a' === 'b'", "'a' =! 'b'", "1 2", "1 + 1 -eq 2", "true;", "true #c",
    "@", "^", "'%{FOO}' == 'a'", "'%{foo:a}' == 'a'", "'%{REQUEST_METHOD' == 'a'", "replace('a','b','c') == 'a'", "split(/a/, 'b') == 'a'", "join('a') == 'a'", "%{TIME_FOO} == 'a'",
    "sub(s/a/b/, 'a') == 'b'", "'a' =~ /b/x", "'a' =~ m/b/g", "md5('a') = ", "-z", "'abc' =~ m_b_", "'a/b' =~ /a\\/b/",
]
TEMPLATE_FAULTS = ["%{FOO}", "%{REQUEST_METHOD", "%{", "a%{b", "%{}", "%{foo:a}", "%{tolower:a", "%{tolower:}", "%{base64:}", "%{tolower:%{FOO}}", "%{REQUEST METHOD}", "\\400", "\\9"]


def quote(text):
    return '"expr=%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def line(text):
    """What cannot stand in one line of a file is not asked."""
    return text.replace("\n", " ")


HOST = "SetEnv V \"v w\"\nProxyPass / http://127.0.0.1:@A@/\nHeader always set X-Always yes\n" + \
       "".join("Header set X-S%d %s\n" % (i, quote(line(t))) for i, t in enumerate(TEMPLATES)) + \
       "".join("Header set X-C%d yes %s\n" % (i, quote(line(c))) for i, c in enumerate(CONDITIONS))
SECTIONS = "ProxyPass / http://127.0.0.1:@A@/\n" + \
           "".join("<If \"%s\">\nHeader set X-I%d yes\n</If>\n" % (line(c).replace("\\", "\\\\").replace('"', '\\"'), i) for i, c in enumerate(CONDITIONS)
                   if c not in LOOKS) + \
           "<If \"false\">\nHeader set X-If a\n</If>\n<ElseIf \"%{REQUEST_METHOD} == 'GET'\">\nHeader set X-If b\n</ElseIf>\n" \
           "<Else>\nHeader set X-If c\n</Else>\n"
ASK = get("/Path/x?q=1", "X-One: 1", "X-Two: a", "X-Two: b", "Referer: http://r/", "X-Script: back")
SCRIPTS = {"back": b"HTTP/1.1 200 OK\r\nX-Back: b\r\nX-Twice: 1\r\nX-Twice: 2\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nok"}
ROWS = [("header", HOST, ASK), ("section", SECTIONS, ASK)]


@pytest.fixture(scope="module")
def pair():
    return within_an_hour(lambda: Pair(ROWS, scripts=SCRIPTS, modules=MODULES))


def values(pair, row, name):
    return [answer.all(name) for answer in pair.of(row)]


@pytest.mark.parametrize("text", TEMPLATES)
def test_templates_give_the_same_text(pair, text):
    apache, weir = values(pair, "header", "X-S%d" % TEMPLATES.index(text))
    assert weir == apache or text in OWN


@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions_hold_for_the_same_requests(pair, text):
    apache, weir = values(pair, "header", "X-C%d" % CONDITIONS.index(text))
    assert weir == apache


@pytest.mark.parametrize("text", CONDITIONS)
def test_sections_hold_for_the_same_requests(pair, text):
    apache, weir = values(pair, "section", "X-I%d" % CONDITIONS.index(text))
    assert weir == apache


def test_one_of_a_chain_of_sections_holds(pair):
    apache, weir = values(pair, "section", "X-If")
    assert weir == apache == ["b"]


def test_what_was_read_is_in_vary(pair):
    apache, weir = values(pair, "header", "Vary")
    assert apache and [sorted(v.split(",")) for v in weir] == [sorted(v.split(",")) for v in apache]


def same_fault(snippet):
    apache_code, apache = check("/usr/sbin/apache2", snippet, MODULES)
    weir_code, weir = check(*second(), snippet, MODULES)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))


def second():
    from apache import second_server
    return (second_server(),)


@pytest.mark.parametrize("text", FAULTS)
def test_faults_are_told_in_the_same_words(text):
    same_fault("Header set X y %s" % quote(text))


@pytest.mark.parametrize("text", TEMPLATE_FAULTS)
def test_faults_of_templates_are_told_in_the_same_words(text):
    same_fault("Header set X %s" % quote(text))

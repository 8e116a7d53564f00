"""How lines of mod_rewrite are read: the same verdict and words from apache2 -t and weir -t, warnings included."""
import re

import pytest

from apache import APACHE, is_apache, second_server
from test_config_errors import check, fault

MODULES = ("rewrite",)
FLAGS = ("", "L", "l", "last", "R=301", "R=3O1", "R=999", "R=99", "R=600", "R=418", "R=425", "R=103", "R=227", "R=foo", "R=", "R=500", "R=200",
         "FOO", "BNE", "BNE=", "BNE=a", "BNP", "BX", "B=", "BCTLS", "BCTLS=x", "C", "CX", "CO", "CO=a", "cookie=a:b:c", "D", "DXY", "DPI", "discardpath",
         "E", "E=", "E=a", "EX", "END", "F", "FX", "G", "H", "H=", "H=balancer-manager", "HX", "N", "N=", "N=x", "N=5", "NX", "NE", "NS", "NC", "P", "PX", "PT",
         "QSA", "QSD", "QSL", "QSX", "Q", "S", "S=x", "S=2", "SX", "T", "T=text/plain", "TX", "UnsafePrefixStat", "UnsafeAllow3F", "UNC", "U", "X",
         "L,R", "L,,R", "L,", ",L", "L=3", "noescape,nosubreq,nocase,next,proxy,passthrough,qsappend,qsdiscard,qslast",
         "redirect=permanent,skip=3,type=x,handler,env=a:b,forbidden,gone,chain,backrefescaping,backrefernoplus")
SNIPPETS = [
    "RewriteRule", "RewriteRule a", "RewriteRule a b", "RewriteRule a b c", "RewriteRule a b [L", "RewriteRule a b L]", "RewriteRule a b [L, R]",
    "RewriteRule a b \"[L, R]\"", "RewriteRule a b \"[ L , R ]\"", "RewriteRule a b \"[L, ]\"", "RewriteRule a b [L]x", "RewriteRule a b [L] x y",
    "RewriteRule a b [L] # comment", "RewriteRule a b # comment", "RewriteRule ( b", "RewriteRule a\\ b c", "RewriteRule \"a b\" 'c d' [L]",
    "RewriteRule \"a b", "RewriteRule \"a\" \"b", "RewriteRule \"\" -", "RewriteRule ^ \"\"", "RewriteRule ! b", "RewriteRule !( b",
    "RewriteRule [a b", "RewriteRule ^(?<x>a)$ b", "RewriteRule ^ -?", "RewriteRule ^ ?", "RewriteRule ^ - []",
    *("RewriteRule ^ /x [%s]" % f for f in FLAGS),
    "RewriteCond", "RewriteCond a", "RewriteCond a b", "RewriteCond a b c", "RewriteCond a b [NC", "RewriteCond a b [XX]", "RewriteCond a b [NC,OR]",
    "RewriteCond a b [NC, OR]", "RewriteCond a b \"[NC, OR]\"", "RewriteCond a b [ NC ]", "RewriteCond a b [nocase,ornext,novary,nv]", "RewriteCond a (",
    "RewriteCond a !(", "RewriteCond a \"\"", "RewriteCond a -f [NC]", "RewriteCond a -eq3 [NC]", "RewriteCond a =b [NC]", "RewriteCond a >b [NC]",
    "RewriteCond a !-d [NC]", "RewriteCond expr \"foo\"", "RewriteCond expr \"%{FOO} -eq 3\"", "RewriteCond expr \"true\" [NC]", "RewriteCond expr !\"true\"",
    "RewriteCond expr", "RewriteCond %{HTTP:Upgrade} websocket [NC]", "RewriteCond ${HTTP:Upgrade} websocket",
    "RewriteEngine", "RewriteEngine On", "RewriteEngine foo", "RewriteEngine On Off", "RewriteEngine On # yes",
    "RewriteOptions", "RewriteOptions Inherit InheritBefore InheritDown InheritDownBefore IgnoreInherit AllowNoSlash AllowAnyURI MergeBase",
    "RewriteOptions IgnoreContextInfo LegacyPrefixDocRoot UnsafePrefixStat", "RewriteOptions LongURLOptimization", "RewriteOptions foo",
    "RewriteOptions MaxRedirects=3", "RewriteOptions \"inherit mergebase\"", "RewriteOptions \"inherit foo\"",
    "RewriteBase /x", "RewriteBase", "<Location /x>\nRewriteBase x\n</Location>", "<Location /x>\nRewriteBase /x /y\n</Location>",
    "<If \"true\">\nRewriteBase /x\n</If>", "<Directory /x>\nRewriteBase /\n</Directory>",
    "RewriteMap", "RewriteMap a", "RewriteMap a int:tolower", "RewriteMap a INT:tolower", "RewriteMap a int:foo", "RewriteMap a txt:/nope",
    "RewriteMap a /nope", "RewriteMap a txt:@FILE@", "RewriteMap a rnd:@FILE@", "RewriteMap a @FILE@", "RewriteMap a dbmx", "RewriteMap a prg:/nope",
    "RewriteMap a prg:/bin/cat", "RewriteMap a \"prg:/bin/cat x y\"", "RewriteMap a b c d", "<Location /x>\nRewriteMap a int:tolower\n</Location>",
    "RewriteMap a \"txt:\"", "RewriteMap a rnd:nope", "RewriteRule ^ - [H=application/x-httpd-php]", "RewriteRule ^ - [H=$1]",
    "RewriteRule ^ - [T=application/x-httpd-php]", "RewriteRule ^ - [H=proxy:http://h]", "RewriteRule ^ - [H=proxy:fcgi://h]",
    "<VirtualHost *:1>\nRewriteMap a int:escape\nRewriteRule ^ ${a:x}\n</VirtualHost>", "<Limit GET>\nRewriteRule a b\n</Limit>",
    "<Files x>\nRewriteEngine On\nRewriteCond a b\nRewriteRule a b\n</Files>", "<Proxy *>\nRewriteRule a b\n</Proxy>",
]
REFUSED = ["RewriteMap a dbm:@FILE@", "RewriteMap a dbm=sdbm:@FILE@", "RewriteMap a dbd:x", "RewriteMap a fastdbd:x",
           "RewriteRule ^ - [H=foo]",
           "RewriteEngine On\nRewriteMap a prg:/bin/cat somebody:else"]


def warnings(output):
    return [re.sub(r" \(FILE:\d+\)$", "", line) for line in re.findall(r"(?m)(AH00\d+: Rewrite.*)$", output)]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_same_verdict_and_words(snippet):
    apache_code, apache = check(APACHE, "ErrorLog /dev/null\n" + snippet, MODULES)
    weir_code, weir = check(second_server(), "ErrorLog /dev/null\n" + snippet, MODULES)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))
    assert warnings(weir) == warnings(apache)


@pytest.mark.parametrize("snippet", REFUSED)
def test_refused_by_name(snippet):
    if is_apache(second_server()):
        pytest.skip("this is about Weir")
    code, output = check(second_server(), snippet, MODULES)
    assert code == 1 and "refused" in output and " / " in output

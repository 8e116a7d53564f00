"""Header, RequestHeader, SetEnvIf, SetEnv and their kin: what is taken, what is not, and in which words."""
import pytest
from test_config_errors import check, fault

from apache import APACHE, second_server

MODULES = ["headers", "setenvif", "env", "ssl"]
LINES = [
    "Header", "Header set", "Header set X", "Header set X a", "Header SET X a", "Header Always Set X a", "Header onsuccess always set X a", "Header always",
    "Header always set", "Header frob X a", "Header set X a b", "Header set X a early", "Header set X a EARLY", "Header set X a early b", "Header set X a b c d",
    "Header set X a b c d e", "Header add", "Header add X", "Header append X", "Header merge X", "Header setifempty X", "Header unset", "Header unset X",
    "Header unset X early", "Header unset X env=a", "Header unset X a", "Header unset X a b", "Header unset X early b", "Header echo", "Header echo X", "Header echo (",
    "Header echo X early", "Header echo X a b", "Header echo X a", "Header note X", "Header note X n", "Header note X n env=a", "Header edit", "Header edit X",
    "Header edit X a", "Header edit X ( b", "Header edit X a b", "Header edit X a b c", "Header edit X a b early", "Header edit X a b early d", "Header edit* X a b env=!c",
    "Header edit X a %q", "Header set X a env=", "Header set X a env=!", "Header set X a env=!!", "Header set X a ENV=b", "Header set X a expr=true", "Header set X a expr=",
    "Header set X a expr=tru", "Header set X a EXPR=true", "Header set X expr=%{FOO}", "Header set X expr=", "Header set X EXPR=%{FOO}", "Header set X %q",
    "Header set X %{a}q", "Header set X %{a", "Header set X %", "Header set X %%", "Header set X %{a}", "Header set X %{}e", "Header set X %{a}}e", "Header set X %D%t%l%i%b",
    "Header set X %E", "Header set \"\" a", "Header set : a", "Header set \"X Y\" a", "Header set X: a", "Header set X:Y a", "Header set X \"a b\" c", "Header \"set\" \"X\" 'a b'",
    "RequestHeader", "RequestHeader set X a", "RequestHeader always set X a", "RequestHeader onsuccess set X a", "RequestHeader echo X", "RequestHeader echo (",
    "RequestHeader note X n", "RequestHeader note X", "RequestHeader note", "RequestHeader unset X", "RequestHeader unset X a b", "RequestHeader edit X a", "RequestHeader edit X a b early",
    "RequestHeader a b c d e f", "RequestHeader set X a early", "<Location /x>\nHeader set X a early\n</Location>", "<Limit GET>\nHeader set X a\n</Limit>",
    "<Proxy *>\nHeader set X a\n</Proxy>", "<Files x>\nRequestHeader set X a\n</Files>", "<Directory />\nHeader set X a\n</Directory>", "<If true>\nHeader frob X\n</If>",
    "<RequireAll>\nHeader set X a\n</RequireAll>",
    "SetEnvIf", "SetEnvIf a", "SetEnvIf a b", "SetEnvIf a b c", "SetEnvIf \"\" b c", "SetEnvIf a \"\" c", "SetEnvIf a ( c", "SetEnvIf ^( b c", "SetEnvIf a b \"\"", "SetEnvIf a b =c",
    "SetEnvIf a b !", "SetEnvIf a b c d=e !f", "SetEnvIf a+ b c", "SetEnvIf OID(\"1.2.3\") b c", "SetEnvIf OID( b c", "SetEnvIfNoCase", "SetEnvIfNoCase a", "SetEnvIfNoCase a ( c",
    "SetEnvIfNoCase ( b c", "SetEnvIfNoCase a b", "SetEnvIfExpr", "SetEnvIfExpr true", "SetEnvIfExpr true a", "SetEnvIfExpr tru a", "SetEnvIfExpr \"%{FOO} == 1\" a",
    "SetEnvIfExpr \"\" a", "BrowserMatch", "BrowserMatch a", "BrowserMatch a b", "BrowserMatch ( b", "BrowserMatchNoCase", "BrowserMatchNoCase a", "BrowserMatchNoCase ( b",
    "<Location /x>\nSetEnvIf a\n</Location>", "<Limit GET>\nSetEnvIf a b c\n</Limit>", "<If true>\nBrowserMatch a b\n</If>",
    "SetEnv", "SetEnv a", "SetEnv a b", "SetEnv a b c", "SetEnv a=b", "SetEnv a=b c", "PassEnv", "PassEnv PATH", "PassEnv PATH HOME", "UnsetEnv", "UnsetEnv a b", "<Location />\nSetEnv\n</Location>",
]


@pytest.mark.parametrize("line", LINES)
def test_the_same_verdict_and_words(line):
    apache_code, apache = check(APACHE, line, MODULES)
    weir_code, weir = check(second_server(), line, MODULES)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))

"""apache2 -t and weir -t on the same faulty and good snippets: the same verdict, line and message."""
import os
import re
import subprocess
import tempfile

import pytest

from apache import APACHE, is_apache, preamble, second_server

SNIPPETS = [
    # the language
    "Colour red", "ProxyPas / http://h/", "<Foo>\n</Foo>", "</Location>", "<Location /x>", "<Location /x>\n</Directory>",
    "<VirtualHost *:80>\n<VirtualHost *:81>\n</VirtualHost>\n</VirtualHost>", "<Location>\n</Location>", "<Location /x\n</Location>",
    "<If \"true\">\nProxyPass / http://h/\n</If>", "<IfModule mod_proxy.c>\nColour red\n</IfModule>",
    "<IfModule !mod_proxy.c>\nColour red\n</IfModule>", "<IfDefine X>\nColour red\n</IfDefine>", "Include /nonexistent/file.conf",
    "IncludeOptional /nonexistent/*.conf", "Define A b\nTimeout ${A}", "<Location /x>\nServerName y\n</Location>",
    "Timeout", "Timeout abc", "Timeout 5 6", "KeepAlive maybe", "ServerName", "Listen", "Listen x:y:z", "LogLevel loud",
    "<If \"%{REQUEST_URI} ==\">\n</If>", "Use Nothing", "<LocationMatch \"(\">\n</LocationMatch>",
    "AllowEncodedSlashes maybe", "TraceEnable maybe", "LimitRequestLine -1", "LimitRequestFields x", "<VirtualHost>\n</VirtualHost>",
    # ProxyPass
    "ProxyPass", "ProxyPass /x", "ProxyPass /x h/y", "ProxyPass /x http:///y", "ProxyPass /x http://h:8x/", "ProxyPass /x http://[::1",
    "RegexDefaultOptions", "RegexDefaultOptions none +icase -DOTALL", "RegexDefaultOptions +EXTENDED", "RegexDefaultOptions x",
    "RegexDefaultOptions +", "RegexDefaultOptions +none", "RegexDefaultOptions \"\"", "<VirtualHost *:1>\nRegexDefaultOptions none\n</VirtualHost>",
    "<Location />\nRegexDefaultOptions none\n</Location>", "RegisterHttpMethod", "RegisterHttpMethod FOO BAR", "RegisterHttpMethod \"a b\"",
    "<VirtualHost *:1>\nRegisterHttpMethod FOO\n</VirtualHost>", "<Files x>\nRegisterHttpMethod FOO\n</Files>",
    "RegisterHttpMethod %s" % " ".join("M%d" % i for i in range(40)),
    "SetHandler \"%{req:X}\"", "SetHandler \"%{\"", "SetHandler \"%{nosuch:X}\"", "SetHandler \"proxy:http://%{HTTP_HOST}\"", "SetHandler",
    "ProxyPass /x http://h/ word", "ProxyPass /x http://h/ # comment", "ProxyPass /x !", "ProxyPass /x http://h/ nocanon noquery interpolate",
    "ProxyPass /x unix:/s|nothing", "ProxyPass /x unix:/s|http:", "ProxyPass /x unix:/s|http://h/", "ProxyPass ~ ( http://h/",
    "ProxyPass /x http://h/ mapping=other", "ProxyPass / http://h/ mapping=encoded nocanon mapping=servlet", "ProxyPass / http://h/ mapping", "ProxyPassMatch ~ ^/x http://h/", "ProxyPassMatch ^/(x http://h/", "ProxyPassMatch ^/x",
    "ProxyPassMatch ^/(.*)$ http://h/$1", "ProxyPassMatch ^/(a)(/.*)? http://h:81$2", "ProxyPass \"/x http://h/",
    "<Location /x>\nProxyPass http://h/\n</Location>", "<Location /x>\nProxyPass /x http://h/\n</Location>",
    "<Location /x>\nProxyPass http://h/ word\n</Location>", "<Location /x>\nProxyPass\n</Location>",
    "<Directory /x>\nProxyPass http://h/\n</Directory>", "<Files x>\nProxyPass http://h/\n</Files>",
    "<Limit GET>\nProxyPass /x http://h/\n</Limit>", "<Proxy http://h/>\nProxyPass http://h/\n</Proxy>",
    "ProxyPass / foo://h/", "ProxyPass / fcgi://h:9000/",
    # its parameters
    *("ProxyPass / http://h/ " + p for p in (
        "timeout=0", "timeout=5s", "timeout=x", "TIMEOUT=5", "connectiontimeout=0", "connectiontimeout=5", "connectiontimeout=5x",
        "connectiontimeout=1ms", "connectiontimeout=", "retry=-1", "retry=0", "ttl=0", "min=-1", "max=-1", "smax=-1", "max=5 smax=9",
        "acquire=0", "acquire=5", "acquire=5d", "keepalive=yes", "keepalive=ON", "disablereuse=1", "enablereuse=off", "ping=0",
        "ping=500ms", "ping=q", "flushpackets=auto", "flushpackets=2", "flushwait=1001", "flushwait=0", "iobuffersize=511",
        "iobuffersize=0", "receivebuffersize=1", "responsefieldsize=-1", "responsefieldsize=1", "loadfactor=0", "loadfactor=100.5",
        "lbset=100", "route=" + "r" * 64, "redirect=" + "r" * 64, "flusher=" + "f" * 16, "secret=" + "s" * 64,
        "upgrade=0123456789abcdef", "upgrade=0123456789abcde", "upgrade=ANY", "status=D", "status=Q", "status=+", "status=+I-H",
        "addressttl=-1", "addressttl=5", "addressttl=1500ms", "addressttl=x", "stickysession=x", "colour=red", "=x",
        "timeout=0 timeout=5")),
    # the others
    "ProxyPassReverse", "ProxyPassReverse /x", "ProxyPassReverse /x http://h/", "ProxyPassReverse /x http://h/ interpolate",
    "ProxyPassReverse a b c d", "<Location /x>\nProxyPassReverse http://h/\n</Location>",
    "<Location /x>\nProxyPassReverse /x http://h/\n</Location>", "<Directory /x>\nProxyPassReverse http://h/\n</Directory>",
    "ProxyPassReverseCookiePath /a", "ProxyPassReverseCookiePath /a /b", "ProxyPassReverseCookieDomain a",
    "<Location /x>\nProxyPassReverseCookieDomain a b\n</Location>", "ProxyPreserveHost", "ProxyPreserveHost maybe",
    "ProxyPreserveHost On # yes", "ProxyAddHeaders 1", "ProxyVia", "ProxyVia maybe", "ProxyVia Block", "ProxyTimeout 0", "ProxyTimeout x",
    "ProxyTimeout 86400", "<Location /x>\nProxyTimeout 5\n</Location>", "ProxyErrorOverride 404", "ProxyErrorOverride On 404 500",
    "ProxyErrorOverride Off 404", "ProxyErrorOverride On 399", "ProxyErrorOverride On x", "ProxyErrorOverride maybe",
    "ProxyMaxForwards 5", "ProxyMaxForwards x", "ProxyBadHeader Ignore", "ProxyBadHeader x", "ProxyReceiveBufferSize 5",
    "ProxyReceiveBufferSize 0", "ProxyIOBufferSize 5", "ProxyStatus On", "ProxyStatus x", "ProxyRequests Off", "ProxyRequests On", "ProxyRequests x", "ProxyDomain .example.com", "NoProxy 10.0.0.0/8",
    "ProxySourceAddress 127.0.0.1", "ProxySourceAddress not-an-address.invalid", "Proxy100Continue Off",
    "ProxyWebsocketFallbackToProxyHttp Off", "ProxyWebsocketFallbackToProxyHttp x", "ProxyWebsocketIdleTimeout 5",
    "ProxyWebsocketAsync On", "ProxyPassInherit Off", "ProxyPassInterpolateEnv On",
    "ProxySet http://h/ timeout=5", "ProxyPass / http://h/\nProxySet http://h/ timeout=5", "ProxyPass / http://h/\nProxySet http://h/ x",
    "ProxyPass / http://h/\nProxySet http://h/ timeout=0", "<Proxy http://h/>\nProxySet timeout=0\n</Proxy>",
    "<Proxy http://h/ timeout=5>\n</Proxy>", "<Proxy http://h/ timeout=0>\n</Proxy>", "<Proxy http://h/ x>\n</Proxy>",
    "<Proxy * timeout=5>\n</Proxy>", "<Proxy h timeout=5>\n</Proxy>", "<ProxyMatch ^http timeout=5>\n</ProxyMatch>",
    "<Proxy *>\nRequire all granted\n</Proxy>", "<ProxyMatch (>\n</ProxyMatch>", "<Proxy>\n</Proxy>",
    "<Location /x>\n<Proxy *>\n</Proxy>\n</Location>",
]
# mod_ssl's: @FILE@ is a file with something in it, @EMPTY@ one without, @DIR@ a directory.
SSL_SNIPPETS = [
    "SSLEngine", "SSLEngine on", "SSLEngine maybe", "<Location />\nSSLEngine on\n</Location>", "SSLCertificateFile", "SSLCertificateFile a b",
    "SSLCertificateFile /nonexistent", "SSLCertificateFile @EMPTY@", "SSLCertificateFile @DIR@", "SSLCertificateFile @FILE@",
    "SSLEngine on\nSSLCertificateFile @FILE@\nSSLCertificateKeyFile @FILE@\nSSLCertificateChainFile @FILE@",
    "SSLCertificateKeyFile /nonexistent", "SSLCertificateChainFile nonexistent.pem", "SSLSessionTicketKeyFile /nonexistent",
    "SSLSessionTickets maybe", "SSLProtocol", "SSLProtocol foo", "SSLProtocol SSLv2", "SSLProtocol SSLv3", "SSLProtocol -SSLv2 -SSLv3",
    "SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1", "SSLProtocol tlsv1.2 +TLSV1.3", "SSLProtocol TLSv1.2 TLSv1.3", "SSLProtocol all -TLSv9",
    "SSLProxyProtocol foo", "SSLProxyProtocol -all +TLSv1.2", "SSLCipherSuite HIGH", "SSLCipherSuite A B", "SSLCipherSuite TLSv1.3 x",
    "SSLCipherSuite SSL HIGH:!aNULL", "SSLCipherSuite a b c", "<Location />\nSSLCipherSuite TLSv1.3 x\n</Location>",
    "<Location />\nSSLCipherSuite A x\n</Location>", "SSLProxyCipherSuite A B", "SSLProxyCipherSuite TLSv1.3 x", "SSLHonorCipherOrder x",
    "SSLCompression off", "SSLCompression on", "SSLCryptoDevice builtin", "SSLFIPS off", "SSLInsecureRenegotiation off",
    "SSLVerifyClient x", "SSLVerifyClient Optional_No_CA", "<Location />\nSSLVerifyClient require\nSSLVerifyDepth 3\n</Location>",
    "<Location />\nSSLVerifyClient x\n</Location>", "SSLVerifyDepth -1", "SSLVerifyDepth x", "SSLCACertificateFile /nonexistent",
    "<Location />\nSSLCACertificateFile @FILE@\n</Location>", "<Location />\nSSLCACertificatePath @DIR@\n</Location>",
    "SSLCACertificatePath /nonexistent", "SSLCADNRequestFile /nonexistent", "SSLCADNRequestPath @FILE@", "SSLCARevocationFile @EMPTY@",
    "SSLCARevocationPath /nonexistent", "SSLCARevocationCheck", "SSLCARevocationCheck x", "SSLCARevocationCheck chain x",
    "SSLCARevocationCheck leaf no_crl_for_cert_ok", "SSLPassPhraseDialog foo", "SSLPassPhraseDialog builtin",
    "SSLPassPhraseDialog exec:/nonexistent", "SSLPassPhraseDialog exec:/bin/true", "SSLPassPhraseDialog |/bin/true",
    "SSLPassPhraseDialog exec:", "<VirtualHost *:80>\nSSLPassPhraseDialog builtin\n</VirtualHost>", "SSLSessionCache none",
    "SSLSessionCache nonenotnull", "SSLSessionCache shmcb:/tmp/x(512000)", "SSLSessionCache shmcb:", "SSLSessionCache foo",
    "SSLSessionCache dbm:/x", "SSLSessionCache shmcb:/tmp/x(1)", "SSLSessionCache shmcb:/tmp/x(1", "SSLSessionCache shmcb:/tmp/x)",
    "SSLSessionCache shmcb:/tmp/x(1k)", "SSLSessionCache shmcb:/tmp/x(9999999999)", "<VirtualHost *:80>\nSSLSessionCache none\n</VirtualHost>",
    "SSLSessionCacheTimeout -1", "SSLSessionCacheTimeout 600", "SSLStaplingCache foo", "SSLStaplingCache shmcb:/x(1000000)",
    "SSLUseStapling maybe", "SSLStaplingResponderTimeout -1", "SSLStaplingResponseMaxAge -1", "SSLStaplingResponseTimeSkew -1",
    "SSLStaplingStandardCacheTimeout -1", "SSLStaplingErrorCacheTimeout -5", "SSLStaplingForceURL x", "SSLStaplingReturnResponderErrors 1",
    "SSLOpenSSLConfCmd Foo bar", "SSLOpenSSLConfCmd Curves", "SSLOpenSSLConfCmd curves X25519", "SSLOpenSSLConfCmd -curves X25519",
    "SSLOpenSSLConfCmd DHParameters /nonexistent", "SSLOpenSSLConfCmd VerifyCAPath /nonexistent", "SSLStrictSNIVHostCheck x",
    "SSLVHostSNIPolicy strict", "SSLVHostSNIPolicy x", "<VirtualHost *:80>\nSSLVHostSNIPolicy secure\n</VirtualHost>",
    "SSLOCSPEnable off", "SSLOCSPEnable x", "SSLOCSPEnable off x", "SSLRandomSeed startup builtin", "SSLRandomSeed never builtin",
    "SSLRandomSeed startup /nonexistent", "SSLRandomSeed startup builtin 5", "SSLRandomSeed startup file:/dev/urandom 512",
    "SSLOptions", "SSLOptions foo", "SSLOptions +StdEnvVars -exportcertdata", "SSLRequireSSL", "<Location />\nSSLRequireSSL\n</Location>",
    "<Location />\nSSLRequireSSL now\n</Location>", "<If \"true\">\nSSLRequireSSL\n</If>", "SSLRequire true",
    "<Location />\nSSLRequire foo\n</Location>", "<Location />\nSSLRequire\n</Location>", "<Location />\nSSLRequire %{SSL_CIPHER} ~ x\n</Location>",
    "<Location />\nSSLRequire %{SSL_CIPHER} =~ m/x\n</Location>", "<Location />\nSSLRequire %{SSL_CIPHER} =~ m/(/\n</Location>",
    "<Location />\nSSLRequire %{SSL_CIPHER} !~ m/^(EXP|NULL)/ and %{SSL_CLIENT_S_DN_O} eq \"Snake Oil, Ltd.\"\n</Location>",
    "<Location />\nSSLRequire (%{SSL_CIPHER_USEKEYSIZE} >= 128 or not %{TIME_WDAY} < 5) and \"a\" in {\"a\", \"b\"}\n</Location>",
    "<Location />\nSSLRequire %{SSL_CIPHER_USEKEYSIZE} >=\n</Location>", "<Location />\nSSLRequire \"a\" eq\n</Location>",
    "<Location />\nSSLRequire %{NOT_THERE} eq \"x\"\n</Location>", "<Location />\nSSLRequire nothing(\"x\") eq \"x\"\n</Location>",
    "<Location />\nSSLRequire \"x\" in Nothing(\"x\")\n</Location>", "SSLRenegBufferSize 5", "<Location />\nSSLRenegBufferSize -1\n</Location>",
    "SSLUserName SSL_CLIENT_S_DN_CN", "SSLProxyEngine on", "SSLProxyEngine maybe", "<Proxy *>\nSSLProxyEngine on\n</Proxy>",
    "SSLProxyVerify x", "SSLProxyVerify require", "SSLProxyVerifyDepth -1", "SSLProxyCACertificateFile /nonexistent",
    "SSLProxyCACertificatePath /nonexistent", "SSLProxyCARevocationCheck x", "SSLProxyCARevocationFile /nonexistent",
    "SSLProxyMachineCertificateFile @EMPTY@", "SSLProxyMachineCertificatePath /nonexistent",
    "SSLProxyMachineCertificateChainFile /nonexistent", "SSLProxyCheckPeerCN x", "SSLProxyCheckPeerName x", "SSLProxyCheckPeerExpire off",
    "SSLLog x", "SSLLogLevel x", "ProxyPass / https://h/", "ProxyPass / wss://h:443/", "Protocol https", "Protocols h2 http/1.1",
    "<Location />\nProtocols http/1.1\n</Location>",
]
# Weir says no where Apache does not: what it would have to do is not built, or not what Weir is.
REFUSED = ["ProxyBlock example.com",
           "ProxyRemote * http://p:3128"]
SSL_REFUSED = ["SSLEngine optional", "SSLFIPS on", "SSLInsecureRenegotiation on", "SSLOCSPEnable on", "SSLOCSPDefaultResponder http://h/",
               "SSLSRPUnknownUserSeed x", "SSLCertificateFile pkcs11:x", "<Location />\nSSLCipherSuite HIGH\n</Location>",
               "<Location />\nSSLRequire \"x\" in PeerExtList(\"1.2.3\")\n</Location>", "<Location />\nSSLVerifyDepth 0\n</Location>"]
SSL = ("socache_shmcb", "ssl")


def check(program, snippet, modules=()):
    with tempfile.TemporaryDirectory(prefix="weir-apache-") as directory:
        path = os.path.join(directory, "server.conf")
        open(os.path.join(directory, "empty"), "w").close()
        for name, file in (("@FILE@", path), ("@EMPTY@", os.path.join(directory, "empty")), ("@DIR@", directory)):
            snippet = snippet.replace(name, file)
        with open(path, "w") as f:
            f.write(preamble("/tmp", 0, modules).replace("127.0.0.1:0", "127.0.0.1:65000") + snippet + "\n")
        run = subprocess.run([program, "-t", "-f", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return run.returncode, run.stdout.decode("utf-8", "replace").replace(path, "FILE").replace(directory, "DIR")


def fault(output):
    """The line that names the place, and the message behind it; logged notes (with a time) are no part of it."""
    # What httpd meets while it reads has another beginning than what it meets while it applies; Weir's is always the same.
    output = re.sub(r"(?m)^apache2: (Syntax error on line \d+ of FILE:) ", r"AH00526: \1\n", output)
    output = output.replace("known names: shmcb,default", "known names: default,shmcb")  # a table's order
    lines = [l for l in output.splitlines() if not re.match(r"\[[A-Z]\w\w \w\w\w ", l) and not l.startswith("AH00558")]
    return "\n".join(l for l in lines if l != "Syntax OK").strip()


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_same_verdict_and_words(snippet):
    apache_code, apache = check(APACHE, snippet)
    weir_code, weir = check(second_server(), snippet)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))
    assert ("Syntax OK" in weir) == (weir_code == 0)


@pytest.mark.parametrize("snippet", SSL_SNIPPETS)
def test_same_verdict_and_words_on_tls(snippet):
    apache_code, apache = check(APACHE, snippet, SSL)
    weir_code, weir = check(second_server(), snippet, SSL)
    assert (weir_code, fault(weir)) == (apache_code, fault(apache))
    assert ("Syntax OK" in weir) == (weir_code == 0)


@pytest.mark.parametrize("snippet", REFUSED + SSL_REFUSED)
def test_refused_by_name(snippet):
    modules = SSL if snippet in SSL_REFUSED else ()
    assert check(APACHE, snippet, modules)[0] in (0, 1)
    if is_apache(second_server()):
        pytest.skip("this is about Weir")
    code, output = check(second_server(), snippet, modules)
    assert code == 1
    assert "AH00526: Syntax error on line" in output or "SSLVerifyDepth" in snippet  # that one is known at the end
    assert " / " in fault(output)  # English / 日本語

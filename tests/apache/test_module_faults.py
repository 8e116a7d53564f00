"""Lines of the smaller modules under apache2 -t and weir -t: the same verdict and the same words."""
import re
import subprocess
import tempfile

import pytest

from apache import APACHE, MODULES, second_server

LINES = {
    "http2": ["H2MaxSessionStreams 0", "H2MaxSessionStreams 5", "H2WindowSize 5", "H2WindowSize 2048", "H2MinWorkers 0", "H2MaxWorkers x",
              "H2MaxWorkerIdleSeconds x", "H2MaxWorkerIdleSeconds 5", "H2StreamMaxMemSize 1023", "H2ModernTLSOnly maybe", "H2Upgrade on",
              "H2Upgrade 1", "H2Direct Off", "H2Direct x", "H2SessionExtraFiles 5", "H2TLSWarmUpSize 0", "H2TLSCoolDownSecs 0", "H2Push no",
              "H2Push off", "H2PushPriority * after 16", "H2PushPriority * before 16", "H2PushPriority * sideways", "H2PushPriority * 0",
              "H2PushPriority *", "H2PushDiarySize 3", "H2PushDiarySize 65536", "H2PushDiarySize -1", "H2PushDiarySize 256", "H2CopyFiles x",
              "H2PushResource /a", "H2PushResource add /a critical", "H2PushResource /a what", "H2PushResource /a critical x", "H2EarlyHints x",
              "H2EarlyHints on", "H2Padding 9", "H2Padding -1", "H2Padding 4", "H2OutputBuffering x", "H2StreamTimeout 5",
              "H2StreamTimeout x", "H2MaxDataFrameLen -1", "H2EarlyHint Link x", "H2EarlyHint Link ' '", "H2ProxyRequests x",
              "H2WebSockets maybe", "H2WebSockets on", "H2WebSockets", "H2SerializeHeaders off",
              "<Location /x>\nH2Push off\n</Location>", "<Location /x>\nH2Direct off\n</Location>"],
    "remoteip": ["RemoteIPHeader", "RemoteIPTrustedProxy 1.2.3.4.5", "RemoteIPTrustedProxy 1.2.3.4/99", "RemoteIPTrustedProxy a/8",
                 "RemoteIPInternalProxy ::1/129", "RemoteIPInternalProxy", "RemoteIPTrustedProxyList /nope", "RemoteIPProxyProtocol x",
                 "RemoteIPProxyProtocolExceptions", "RemoteIPProxyProtocolExceptions a", "RemoteIPProxyProtocolExceptions 1.2.3.4/77",
                 "<Location /x>\nRemoteIPHeader X\n</Location>"],
    "deflate": ["DeflateCompressionLevel 0", "DeflateWindowSize 16", "DeflateMemLevel x", "DeflateBufferSize 0", "DeflateFilterNote a b",
                "DeflateFilterNote", "DeflateAlterETag x", "DeflateInflateLimitRequestBody -1", "DeflateInflateRatioLimit 0",
                "DeflateInflateRatioBurst x", "DeflateCompressionLevel 9"],
    "brotli": ["BrotliCompressionQuality 12", "BrotliCompressionWindow 25", "BrotliCompressionMaxInputBlock 15", "BrotliFilterNote a b",
               "BrotliAlterETag x"],
    "filter": ["AddOutputFilterByType DEFLATE", "AddOutputFilterByType NOSUCH text/html", "FilterProvider Q NOSUCH true", "FilterTrace Q 1",
               "FilterProtocol Q change=yes", "FilterDeclare Q\nFilterProtocol Q X change=yes", "FilterChain", "FilterDeclare"],
    "reqtimeout": ["RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500", "RequestReadTimeout header=20-40",
                   "RequestReadTimeout header=x", "RequestReadTimeout header", "RequestReadTimeout foot=5", "RequestReadTimeout body=10,minrate=0",
                   "RequestReadTimeout header=40-20,minrate=5", "RequestReadTimeout handshake=5 header=0", "RequestReadTimeout body=-1",
                   "RequestReadTimeout header=5s", "RequestReadTimeout body=5,rate=7", "RequestReadTimeout",
                   "<Location /x>\nRequestReadTimeout header=5\n</Location>"],
    "authz_core": ["AccessFileName", "AccessFileName .a .b", "<Directory /x>\nAllowOverrideList None\n</Directory>", "AllowOverrideList None",
                   "MergeTrailers Off", "MergeTrailers maybe", "DefaultType none", "DefaultType", "EnableSendfile maybe", "EnableSendfile on"],
    "dir": ["DirectoryCheckHandler On", "DirectoryCheckHandler maybe"],
    "mime": ["RemoveHandler", "RemoveHandler .x y", "RemoveOutputFilter .x", "AddOutputFilter", "AddOutputFilter X"],
    "autoindex": ["FancyIndexing On"],
    "ssl": ["SSLProxyCARevocationPath /nope", "SSLProxyCARevocationPath"],
    "status": ["ExtendedStatus maybe", "ExtendedStatus Off", "<Location /s>\nExtendedStatus Off\n</Location>", "SeeRequestTail On"],
}
ROWS = [(module, line) for module, lines in LINES.items() for line in lines]


def verdict(program, module, line):
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/x.conf", "w") as f:
            f.write("ServerRoot %s\nServerName x\nListen 127.0.0.1:1\nErrorLog %s/log\n" % (folder, folder))
            for name in ("mpm_event", "authz_core", module):
                f.write("LoadModule %s_module %s/mod_%s.so\n" % (name, MODULES, name))
            f.write(line + "\n")
        done = subprocess.run([program, "-t", "-f", folder + "/x.conf"], capture_output=True, text=True, timeout=30)
    faults = re.findall(r"(?s)AH00526: Syntax error on line (\d+) of \S+\n(.*?)\n?$", done.stderr)
    return done.returncode, faults


@pytest.mark.parametrize("module,line", ROWS)
def test_the_same_verdict_and_words(module, line):
    assert verdict(second_server(), module, line) == verdict(APACHE, module, line)

"""A small certificate authority, by the openssl program: what a story needs to play both ends of TLS."""
import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile
from types import SimpleNamespace

CONFIG = """
[ca]
default_ca = it
[it]
dir = .
certificate = ca.pem
private_key = ca.key
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
copy_extensions = copy
default_md = sha256
default_days = 90
default_crl_days = 30
policy = any
email_in_dn = yes
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
[req]
distinguished_name = none
[none]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:false
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
KINDS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}


def openssl(*args, folder=None, **options):
    done = subprocess.run(["openssl", *args], cwd=folder, capture_output=True, text=True, **options)
    assert done.returncode == 0, "openssl %s: %s" % (" ".join(args), done.stderr)
    return done.stdout


def read(*paths):
    text = ""
    for path in paths:
        with open(path, encoding="ascii") as f:
            text += f.read()
    return text


def write(path, text, mode=0o644):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


class CA:
    """`ca.issue("example.com", "www.example.com")` has .cert, .key, .both (in one file) and .serial."""

    def __init__(self, folder, name="Test CA", parent=None):
        self.folder = os.path.join(folder, name.replace(" ", "-"))
        os.mkdir(self.folder)
        self.cert, self.key = self.path("ca.pem"), self.path("ca.key")
        self.issued = 0
        write(self.path("ca.cnf"), CONFIG)
        write(self.path("index.txt"), "")
        subject = "/O=Weir/CN=%s" % name
        common = ["req", "-config", "ca.cnf", "-newkey", *KINDS["ec"], "-nodes", "-keyout", "ca.key", "-subj", subject]
        if parent is None:
            openssl(*common, "-x509", "-days", "30", "-extensions", "root", "-out", "ca.pem", folder=self.folder)
        else:
            openssl(*common, "-new", "-out", "ca.csr", folder=self.folder)
            parent.sign(self.path("ca.csr"), self.cert, "root")

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, csr, out, extensions="leaf", dates=()):
        openssl("ca", "-config", "ca.cnf", "-batch", "-notext", "-extensions", extensions, "-in", csr, "-out", out,
                *dates, folder=self.folder)

    def issue(self, cn, *names, kind="ec", expired=False, ou=None, days=90):
        """The names are subjectAltNames; without any there is a common name alone."""
        self.issued += 1
        base = self.path("%d-%s" % (self.issued, cn.replace("*", "any").replace(" ", "-")))
        subject = "/O=Weir%s/CN=%s" % ("/OU=" + ou if ou else "", cn)
        alternative = ",".join(("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        extra = ["-addext", "subjectAltName=" + alternative] if names else []
        openssl("req", "-new", "-config", "ca.cnf", "-newkey", *KINDS[kind], "-nodes", "-keyout", base + ".key",
                "-subj", subject, "-out", base + ".csr", *extra, folder=self.folder)
        dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if expired else ["-days", str(days)]
        self.sign(base + ".csr", base + ".pem", dates=dates)
        serial = openssl("x509", "-in", base + ".pem", "-noout", "-serial").strip().split("=")[1]
        both = write(base + ".both", read(base + ".pem", base + ".key"))
        return SimpleNamespace(cn=cn, cert=base + ".pem", key=base + ".key", both=both, serial=serial, base=base)

    def chained(self, leaf):
        """With the file as public authorities hand it out: the leaf, then who signed it."""
        return changed(leaf, cert=write(leaf.base + ".chain", read(leaf.cert, self.cert)))

    def revoke(self, leaf):
        openssl("ca", "-config", "ca.cnf", "-revoke", leaf.cert, folder=self.folder)

    def crl(self):
        openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem", folder=self.folder)
        return self.path("crl.pem")


def changed(leaf, **files):
    return SimpleNamespace(**vars(leaf) | files)


def encrypted(leaf, phrase):
    openssl("pkey", "-in", leaf.key, "-aes256", "-passout", "pass:" + phrase, "-out", leaf.base + ".locked")
    return changed(leaf, key=leaf.base + ".locked")


def installed(folder, name="live"):
    """Where `install` puts a certificate and its key."""
    base = os.path.join(str(folder), name)
    return SimpleNamespace(cert=base + ".pem", key=base + ".key")


def install(leaf, folder, name="live"):
    """Copies it to where a configuration names it: as a renewal does, each file at once."""
    there = installed(folder, name)
    for source, target in ((leaf.cert, there.cert), (leaf.key, there.key)):
        shutil.copy(source, target + ".new")
        os.rename(target + ".new", target)


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="weir-pki-")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def authority():
    """A CA with a certificate for example.com and for where tests run, and `.other`, which nobody believes."""
    with folder() as path:
        ca = CA(path)
        ca.leaf = ca.issue("example.com", "example.com", "www.example.com", "localhost", "127.0.0.1")
        ca.other = CA(path, "Other CA")
        yield ca


def client_context(ca=None, leaf=None, version=None, alpn=None, ciphers=None):
    """A client that believes this CA alone, or anyone; with a certificate of its own perhaps."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF # Python takes TCP's end for close_notify unless told not to
    if ca:
        context.load_verify_locations(ca.cert)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if leaf:
        context.load_cert_chain(leaf.cert, leaf.key)
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def server_context(leaf, ca=None, version=None):
    """A server with this certificate; with a CA it wants one of the client's as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.load_cert_chain(leaf.cert, leaf.key)
    if ca:
        context.load_verify_locations(ca.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    if version:
        context.minimum_version = context.maximum_version = version
    return context

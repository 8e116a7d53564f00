"""The proxies that are compared: their configurations, tuned as people who know them would, and their processes.

Each maps /ws/ANY to a tunnel and /http/ANY to keep-alive HTTP/1.1 towards one backend (/ws1/ and so on to more of
them, where one has not ports enough), on a plain and on a TLS 1.3 port of 127.0.0.1. A bare relay maps nothing: the
backend takes these paths as well. Nothing here is a service; whatever was started is stopped by its pid.
"""
import os
import resource
import shlex
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field

def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def get(path):
    with open(path) as f:
        return f.read()


FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
ROOT = os.geteuid() == 0


def tunnel_path(i):
    return f"/ws{i or ''}/"


@dataclass
class Place:
    """Where one proxy runs and for how much."""
    dir: str
    port: int
    tls_port: int
    backends: list          # their ports
    pem: str                # certificate and key
    threads: int = 1
    tunnels: int = 1000     # that it must hold
    cpus: set = field(default_factory=set)
    nice: int = 0

    @property
    def ends(self):         # connections, for those that count both ends of a tunnel
        return min(self.tunnels * 2 + 1000, FILES - 100)

    def front(self, tls):
        return self.tls_port if tls else self.port

    @property
    def tunnel_routes(self):
        return [(tunnel_path(i), port) for i, port in enumerate(self.backends)]

    @property
    def routes(self):
        return self.tunnel_routes + [("/http/", self.backends[0])]

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        put(path, text)
        return path


# ---- configurations: Place -> command ---------------------------------------------------------------------------

def httpd_file(p, extra):
    """What Weir and Apache httpd both read."""
    passes = "".join(f"""
    ProxyPass {prefix} {"http" if prefix == "/http/" else "ws"}://127.0.0.1:{port}/""" for prefix, port in p.routes)
    return p.write("httpd.conf", f"""
ServerName localhost
ServerRoot {p.dir}
PidFile {p.dir}/httpd.pid
ErrorLog {p.dir}/error.log
LogLevel crit
Listen 127.0.0.1:{p.port}
Listen 127.0.0.1:{p.tls_port}
ListenBacklog 65535
Timeout 3600
KeepAliveTimeout 60
# 0: no limit
MaxKeepAliveRequests 0
{extra}
SSLProtocol TLSv1.3
<VirtualHost 127.0.0.1:{p.port}>{passes}
</VirtualHost>
<VirtualHost 127.0.0.1:{p.tls_port}>{passes}
    SSLEngine on
    SSLCertificateFile {p.pem}
    SSLCertificateKeyFile {p.pem}
</VirtualHost>
""")


def weir(program):
    """A path, or a command with options; from where it was said, not from the proxy's directory."""
    words = [os.path.abspath(w) if os.path.exists(w) else w for w in shlex.split(program)]
    return lambda p: words + ["-f", httpd_file(p, f"ThreadsPerChild {p.threads}")]


def apache(p):
    # a tunnel holds a thread of 2.4 for as long as it lives: all of them are there from the start
    need = max(p.tunnels + 100, 400)
    each = min(1000, need)
    processes = -(-need // each)
    modules = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in (
        "mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel", "socache_shmcb", "ssl"))
    return ["apache2", "-DFOREGROUND", "-f", httpd_file(p, f"""{modules}
User www-data
Group www-data
DefaultRuntimeDir {p.dir}
ServerTokens Prod
SSLSessionCache shmcb:{p.dir}/sessions(5120000)
ServerLimit {processes}
StartServers {processes}
ThreadLimit {each}
ThreadsPerChild {each}
MaxRequestWorkers {processes * each}
MinSpareThreads 1
MaxSpareThreads {processes * each}
MaxConnectionsPerChild 0
""")]


def nginx(p):
    upstreams = "".join(f"""
    upstream b{port} {{
        server 127.0.0.1:{port};
        keepalive 128;
        keepalive_requests 100000000;
    }}""" for port in p.backends)
    locations = "".join(f"""
        location {prefix} {{ proxy_pass http://b{port}/; }}""" for prefix, port in p.routes)
    return ["nginx", "-p", p.dir, "-e", f"{p.dir}/error.log", "-c", p.write("nginx.conf", f"""
# auto would count cores that it may not use
worker_processes {p.threads};
worker_rlimit_nofile {FILES};
pid {p.dir}/nginx.pid;
error_log {p.dir}/error.log crit;
daemon off;
{"user root;" if ROOT else ""}
events {{
    use epoll;
    multi_accept on;
    # with less than a sixteenth of them free, new connections are dropped
    worker_connections {p.ends};
}}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_body_temp_path {p.dir}/1; proxy_temp_path {p.dir}/2; fastcgi_temp_path {p.dir}/3;
    uwsgi_temp_path {p.dir}/4; scgi_temp_path {p.dir}/5;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}{upstreams}
    server {{
        listen 127.0.0.1:{p.port} backlog=65535;
        listen 127.0.0.1:{p.tls_port} ssl backlog=65535;
        ssl_certificate {p.pem};
        ssl_certificate_key {p.pem};
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_session_cache shared:s:20m;
        ssl_session_tickets on;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 1h;
        proxy_send_timeout 1h;
        # a tunnel's two buffers: 4k is the least memory, 16k moves large messages in fewer calls
        proxy_buffer_size 16k;
        proxy_buffers 4 16k;{locations}
    }}
}}
""")]


def haproxy(p):
    choices = "".join(f"\n    use_backend b{port} if {{ path_beg {prefix} }}" for prefix, port in p.tunnel_routes)
    backends = "".join(f"""
backend b{port}
    http-request replace-path /(ws[0-9]*|http)/(.*) /\\2
    server s 127.0.0.1:{port}""" for port in p.backends)
    return ["haproxy", "-db", "-q", "-f", p.write("haproxy.cfg", f"""
global
    nbthread {p.threads}
    maxconn {min(p.ends, FILES - 600) // 2}
    # for splicing; each is two files
    maxpipes 200
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-bind-curves X25519:P-256
defaults
    mode http
    timeout connect 5s
    timeout http-request 30s
    timeout http-keep-alive 60s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    option splice-auto
    http-reuse always
frontend f
    bind 127.0.0.1:{p.port} backlog 65535
    bind 127.0.0.1:{p.tls_port} ssl crt {p.pem} alpn http/1.1 backlog 65535
    default_backend b{p.backends[0]}{choices}
{backends}
""")]


def h2o(p):
    paths = "\n    paths:" + "".join(f"""
      "{prefix.rstrip("/")}":
        proxy.reverse.url: "http://127.0.0.1:{port}/"
        proxy.websocket: ON
        proxy.websocket.timeout: 3600000
        proxy.timeout.keepalive: 60000
        proxy.preserve-host: ON""" for prefix, port in p.routes)
    return ["h2o", "-m", "worker", "-c", p.write("h2o.conf", f"""
{"user: root" if ROOT else ""}
num-threads: {p.threads}
max-connections: {p.ends}
pid-file: {p.dir}/h2o.pid
error-log: {p.dir}/error.log
hosts:
  "default":
    listen:
      host: 127.0.0.1
      port: {p.port}{paths}
  "localhost:{p.tls_port}":
    listen:
      host: 127.0.0.1
      port: {p.tls_port}
      ssl:
        certificate-file: {p.pem}
        key-file: {p.pem}
        minimum-version: TLSv1.3{paths}
""")]


def lighttpd(p):
    routes = "".join(f"""
$HTTP["url"] =~ "^{prefix}" {{
    proxy.server = ("" => (("host" => "127.0.0.1", "port" => {port})))
    proxy.header = ("upgrade" => "enable", "map-urlpath" => ("{prefix}" => "/"))
}}""" for prefix, port in p.routes)
    return ["lighttpd", "-D", "-f", p.write("lighttpd.conf", f"""
server.modules = ("mod_openssl", "mod_proxy")
server.document-root = "{p.dir}"
server.bind = "127.0.0.1"
server.port = {p.port}
server.pid-file = "{p.dir}/lighttpd.pid"
server.errorlog = "{p.dir}/error.log"
server.upload-dirs = ("{p.dir}")
server.event-handler = "linux-sysepoll"
server.max-fds = {FILES}
server.max-connections = {p.ends // 2}
server.listen-backlog = 65535
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 60
server.max-worker = {p.threads if p.threads > 1 else 0}
server.max-read-idle = 3600
server.max-write-idle = 3600
# bytes go on as they come, not once a body is whole
server.stream-request-body = 2
server.stream-response-body = 2
$SERVER["socket"] == "127.0.0.1:{p.tls_port}" {{
    ssl.engine = "enable"
    ssl.pemfile = "{p.pem}"
    ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.3")
}}{routes}
""")]


def caddy(p):
    routes = "".join(f"""
    handle_path {prefix}* {{
        reverse_proxy 127.0.0.1:{port} {{
            transport http {{
                keepalive_idle_conns_per_host 128
            }}
        }}
    }}""" for prefix, port in p.routes)
    return ["env", f"HOME={p.dir}", f"XDG_DATA_HOME={p.dir}", f"XDG_CONFIG_HOME={p.dir}", f"GOMAXPROCS={p.threads}",
            "caddy", "run", "--adapter", "caddyfile", "--config", p.write("Caddyfile", f"""
{{
    admin off
    auto_https off
    default_sni localhost
    log {{
        output discard
    }}
    servers {{
        protocols h1 h2
    }}
}}
http://:{p.port} {{
    bind 127.0.0.1{routes}
}}
https://:{p.tls_port} {{
    bind 127.0.0.1
    tls {p.pem} {p.pem} {{
        protocols tls1.3
        curves x25519
    }}{routes}
}}
""")]


def bare(program, how):
    return lambda p: [program, how, str(p.port), str(p.backends[0])]


@dataclass
class Peer:
    command: callable
    program: str = ""       # from Debian; empty: one that is given
    package: str = ""
    kinds: tuple = ("plain", "tls")
    threads: bool = True    # it has as many as it is told
    bare: bool = False      # a relay that looks at nothing


PEERS = {
    "nginx": Peer(nginx, "nginx", "nginx-light"),
    "haproxy": Peer(haproxy, "haproxy", "haproxy"),
    "h2o": Peer(h2o, "h2o", "h2o"),
    "lighttpd": Peer(lighttpd, "lighttpd", "lighttpd"),
    "apache": Peer(apache, "apache2", "apache2-bin", threads=False),
    "caddy": Peer(caddy, "caddy", "caddy"),
}


def floors(program):
    """{name: Peer}: relays that look at nothing, the least that a proxy made of the same calls can take."""
    return {f"floor {how}": Peer(bare(program, how), kinds=("plain",), threads=False, bare=True)
            for how in ("epoll", "splice", "io_uring")}


# ---- processes ----------------------------------------------------------------------------------------------------

class Failed(Exception):
    pass


def spawn(command, place_dir, cpus, nice, **more):
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        os.sched_setaffinity(0, cpus)
        if nice:
            os.nice(nice)
    return subprocess.Popen(command, cwd=place_dir, preexec_fn=prepare, start_new_session=True, **more)


def start(peer, place):
    """-> its process, or Failed"""
    command = peer.command(place)
    with open(os.path.join(place.dir, "output"), "w") as log:
        process = spawn(command, place.dir, place.cpus, place.nice, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for kind in peer.kinds:
            wait_for(place.front(kind == "tls"), process)
    except Failed as e:
        stop(process)
        raise Failed(f"{command[0]}: {e}: {get(log.name)[-600:]}")
    return process


def wait_for(port, process, patience=20):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"nobody listens on {port}")


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def tree(pid):
    """pid and what descends from it."""
    children = {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        children.setdefault(parent(other), []).append(int(other))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def stop(process, patience=5):
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

"""Name servers that do not answer: who asked waits for them, and nobody else."""
import pytest
from harness import Backend, Weir, preload, request, serve_hello
from test_reload_login import CONFIG, SHA, basic, write

NAMES = CONFIG + """
<Location /named>
    Require host example.com
</Location>
"""
SHIM = """
#include <netdb.h>
#include <unistd.h>
int getnameinfo(const struct sockaddr *a, socklen_t n, char *host, socklen_t hn, char *service, socklen_t sn, int flags)
{
    (void)a, (void)n, (void)host, (void)hn, (void)service, (void)sn, (void)flags;
    while (access("%s", F_OK) != 0)
        usleep(10000);
    return EAI_AGAIN;
}
"""


@pytest.fixture()
def dead_resolver(tmp_path):
    """(the environment in which name servers say nothing, the file that ends it)"""
    end = tmp_path / "end"
    yield preload(tmp_path, SHIM % end), end
    end.touch()


def test_a_login_does_not_wait_for_name_servers(dead_resolver):
    env, end = dead_resolver
    with Backend(serve_hello) as backend, Weir(NAMES, backend=backend, env=env) as weir:
        write(weir, "passwords", "bob:%s\n" % SHA)
        waiting = [weir.connect().send(request(path="/named")) for _ in range(12)]
        for _ in range(3):
            client = weir.connect().send(request(path="/", fields=[basic("bob")]))
            assert client.read_response().status == 200
        assert all(client.is_silent(0) for client in waiting)
        end.touch()
        for client in waiting:
            assert client.read_response().status == 403
            client.close()

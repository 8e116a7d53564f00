"""Ports that nobody else is given while the stories run."""
import socket

held = [] # bound and not listening: a connect is refused, and a server that asks for SO_REUSEADDR may listen


def free_port(host="127.0.0.1", port=0):
    """The kernel's choice, or this one if it is free (OSError if it is not)."""
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.bind((host, port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) # from now on others may, too
    held.append(s)
    return s.getsockname()[1]

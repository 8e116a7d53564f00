"""Ports that nobody else is given while a story runs."""
import socket

held = []


def hold(port=0):
    """A socket that is bound to the kernel's choice, or to this port if it is free, on all addresses of both families. It does
    not listen: a connect is refused, and a server that asks for SO_REUSEADDR may listen there."""
    s = socket.socket(socket.AF_INET6)
    s.bind(("::", port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) # from now on others may, too
    return s


def port_of(held_socket):
    return held_socket.getsockname()[1]


def free_port(port=0):
    """Held until the program ends."""
    held.append(hold(port))
    return port_of(held[-1])

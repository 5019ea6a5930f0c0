"""Whether the service will be able to listen where it is told to."""

from __future__ import annotations

import errno
import socket

from manage.problems import CommandError


def check_port(host: str, port: int) -> None:
    """Bind as the service will, and let go again. Raises CommandError with what to change."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does; TIME_WAIT is not taken
            probe.bind(address)
    except OSError as error:
        raise CommandError(_sentence(host, port, error)) from error


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8008
        return f"Port {port} is taken: stop what listens there, or set PORT={other} (any free one)."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than you have: set PORT to one above 1023."
    return f"The service cannot listen on {host}: set HOST to an address of this machine ({error.strerror})."

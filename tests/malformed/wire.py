"""A server that says what it is told to, whether that is HTTP or not, and may then say nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def saying(content: bytes, hang: bool = False) -> Iterator[str]:
    """Its address. Whoever asks is told `content`; `hang`: then the connection stays open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []
        thread = threading.Thread(target=_serve, args=(server, content, hang, held), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for each in held:
                each.close()


def _serve(server: socket.socket, content: bytes, hang: bool, held: list[socket.socket]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with suppress(OSError):
            connection.recv(65_536)
            connection.sendall(content)
        if hang:
            held.append(connection)
        else:
            connection.close()

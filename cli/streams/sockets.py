"""Sockets that keep a deadline: a time-out bounds each read alone, and a byte now and then could hold a reader for ever."""

import socket
import ssl
from math import inf
from time import monotonic
from typing import Any

_SLICE = 1 << 16


class DeadlineError(TimeoutError):
    """It was over before what was waited for had come."""


class Deadline:
    """When an exchange must be over, for the socket that it goes over; none until it is set."""

    def __init__(self) -> None:
        self._until = inf

    def set(self, seconds: float) -> None:
        self._until = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raise DeadlineError where there are none."""
        left = self._until - monotonic()
        if left <= 0:
            raise DeadlineError("timed out")
        return left


class TimedSocket(socket.socket):
    """Reads end at the deadline; what is sent takes as long as it moves, _SLICE bytes in a time-out."""

    deadline = Deadline()

    def recv_into(self, *args: Any) -> int:
        patience, left = self.gettimeout(), self.deadline.left()
        if patience is not None and patience <= left:
            return super().recv_into(*args)
        self.settimeout(left if left < inf else None)
        try:
            return super().recv_into(*args)
        except TimeoutError:
            self.deadline.left()
            raise
        finally:
            self.settimeout(patience)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        view = memoryview(data).cast("B")
        for at in range(0, len(view), _SLICE):
            super().sendall(view[at : at + _SLICE], flags)


class TimedTls(TimedSocket, ssl.SSLSocket):
    """The same over TLS: what an SSLContext makes whose `sslsocket_class` this is."""


def timed(plain: socket.socket, deadline: Deadline) -> TimedSocket:
    """Return the socket that takes the place of *plain*, which is of no more use."""
    patience = plain.gettimeout()
    found = TimedSocket(fileno=plain.detach())
    found.settimeout(patience)
    found.deadline = deadline
    return found

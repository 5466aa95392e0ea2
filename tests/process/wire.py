"""A broker on the other end of a socket: the account lives in the parent, the house in a child that may be killed.

One request, one answer, both pickled behind their length. A request that was torn by the kill never reached the broker.
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Sequence
from typing import Any

from orderflow_tui.domain.order import Change, Order
from orderflow_tui.ports import NotSent

HEAD = struct.Struct("!I")


class Gone(Exception):
    """The other side is not there any more."""


def send(sock: socket.socket, message: object) -> None:
    """One message. Raises Gone."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    try:
        sock.sendall(HEAD.pack(len(body)) + body)
    except OSError as fault:
        raise Gone from fault


def receive(sock: socket.socket) -> Any:
    """One message. Raises Gone, also for a torn one."""
    (size,) = HEAD.unpack(_exactly(sock, HEAD.size))
    return pickle.loads(_exactly(sock, size))


def _exactly(sock: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        try:
            part = sock.recv(count - len(got))
        except OSError as fault:
            raise Gone from fault
        if not part:
            raise Gone
        got += part
    return bytes(got)


class WireBroker:
    """Implements ports.Broker by asking the parent; every answer brings the parent's time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.now_ns = 0
        self.ask("hello")

    def ask(self, name: str, *args: object) -> Any:
        """One request; raises NotSent when the broker refused it."""
        send(self._sock, (name, args))
        refused, result, self.now_ns = receive(self._sock)
        if refused is not None:
            raise NotSent(refused)
        return result

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        """Place."""
        self.ask("send", tuple(orders), now_ns)

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        """Modify."""
        self.ask("change", change, order, now_ns)

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        """Cancel."""
        self.ask("cancel", tuple(order_ids), now_ns)

    def cancel_everything(self, now_ns: int) -> None:
        """Global cancel."""
        self.ask("cancel_everything", now_ns)

    def ask_report(self, now_ns: int) -> None:
        """Report."""
        self.ask("ask_report", now_ns)

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        """Margin."""
        self.ask("ask_margin", instrument, now_ns)

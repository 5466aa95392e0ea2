"""How to reach the gateway and how patient to be; and what follows a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_line import Line


@dataclass(frozen=True, slots=True)
class IbSettings:
    """How to reach the gateway and how patient to be. Seconds where the name says so."""

    host: str
    port: int
    client_id: int
    analysis: str
    execution: str
    proof: Proof
    own_prefix: str
    account: str = ""
    not_ours: Callable[[str], str] = lambda _: ""  # why a proven account is not the one that what we remember is of
    roll_by_volume: bool = True
    library: str = "ib_insync"
    connect_limit_s: float = 15.0
    request_limit_s: float = 4.0
    probe_every_s: float = 1.0
    probe_limit_s: float = 1.5
    probe_misses: int = 2
    skew_limit_s: float = 5.0
    impaired_limit_s: float = 30.0
    good_again_s: float = 5.0
    broker_lost_limit_s: float = 120.0


class Follower(Protocol):
    """Feed and broker, as the session sees them."""

    def opened(self, line: Line) -> None:
        """A new line; nothing has been asked on it. Register taps."""
        ...

    def synced(self, keep_subscriptions: bool) -> None:
        """Account and contracts are known: subscribe, unless subscriptions were kept."""
        ...

    def lost(self, reason: str) -> None:
        """The line is gone, or nothing is behind it."""
        ...

    def impairment(self) -> str:
        """Why data cannot be trusted now; empty when it can."""
        ...

    def denied(self) -> str:
        """Why market data will not come at all (permission); empty otherwise."""
        ...

    def resubscribe(self) -> None:
        """Start subscriptions anew."""
        ...

    def on_notice(self, code: int, text: str) -> None:
        """A notice about the connection that does not move the link, such as a broken data farm."""
        ...

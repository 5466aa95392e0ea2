"""The modes as a table. Nothing else asks which mode it is: everything reads the row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FeedKind(Enum):
    """Where market data comes from."""

    SIMULATED = "simulated market"
    FILES = "recording"
    IB = "Interactive Brokers"


class BrokerKind(Enum):
    """Where orders go."""

    SIMULATED = "simulated broker"
    NONE = "no send path"
    IB = "Interactive Brokers"


class AccountProof(Enum):
    """What the account must prove before the first order."""

    NOT_NEEDED = "not needed"
    PAPER = "paper account"
    EXACT = "the configured live account, --live and its typed suffix"


@dataclass(frozen=True, slots=True)
class Mode:
    """One row. `waits_for_journal`: commits are awaited in the background (time is the wall clock's); else they are written
    on the spot, because in simulated time nothing may happen while the disk is waited for: a replay is a function of its
    file. `key_always`: resuming needs the safety key even when none is configured.
    """

    name: str
    feed: FeedKind
    broker: BrokerKind
    proof: AccountProof
    waits_for_journal: bool
    auto_roll: bool
    key_always: bool = False
    key_when_set: bool = False


MODES: tuple[Mode, ...] = (
    Mode("demo", FeedKind.SIMULATED, BrokerKind.SIMULATED, AccountProof.NOT_NEEDED, waits_for_journal=False, auto_roll=True),
    Mode("replay", FeedKind.FILES, BrokerKind.SIMULATED, AccountProof.NOT_NEEDED, waits_for_journal=False, auto_roll=True),
    Mode("backtest", FeedKind.FILES, BrokerKind.SIMULATED, AccountProof.NOT_NEEDED, waits_for_journal=False, auto_roll=True),
    Mode("monitor", FeedKind.IB, BrokerKind.NONE, AccountProof.NOT_NEEDED, waits_for_journal=True, auto_roll=False),
    Mode("sim", FeedKind.IB, BrokerKind.SIMULATED, AccountProof.NOT_NEEDED, waits_for_journal=True, auto_roll=True),
    Mode("paper", FeedKind.IB, BrokerKind.IB, AccountProof.PAPER, True, auto_roll=False, key_when_set=True),
    Mode("live", FeedKind.IB, BrokerKind.IB, AccountProof.EXACT, True, auto_roll=False, key_always=True, key_when_set=True),
)


class UnknownMode(ValueError):
    """A mode that does not exist; the message names those that do."""


def mode_named(name: str) -> Mode:
    """The row of a mode. Raises UnknownMode."""
    for mode in MODES:
        if mode.name == name:
            return mode
    raise UnknownMode(f"unknown mode {name!r}: one of {', '.join(m.name for m in MODES)}")

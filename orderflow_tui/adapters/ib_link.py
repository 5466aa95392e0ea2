"""The state machine of the broker connection, as a table. Pure; `ib_session` is the one supervisor that moves it.

What stands in a cell is the next state; a dot means the news changes nothing there. `ibkr` facts behind it: 1101 loses
subscriptions and 1102 keeps them, 1100 and 2110 leave the socket up with nothing behind it, a hung gateway is only found
by asking it something. Books that differ are no matter of the link: the desk fences and halts, and the line that tells
what the broker holds stays as it is.
"""

from __future__ import annotations

from enum import Enum

from orderflow_tui.domain.account import Link


class LinkNews(Enum):
    """What can happen to the connection."""

    START = "start"
    CONNECTED = "connected"
    REFUSED = "no connection"
    ID_IN_USE = "client id in use"
    NO_NUMBERS = "no order numbers left"
    SYNCED = "account known"
    SYNC_FAILED = "account not known"
    WRONG_ACCOUNT = "wrong account"
    WARM = "data flows"
    NO_PERMISSION = "no market data permission"
    STALE = "data impaired"
    FRESH = "data good again"
    GIVE_UP = "data stays impaired"
    SOCKET_LOST = "socket lost"
    HUNG = "gateway does not answer"
    BROKER_LOST = "broker unreachable"
    RESTORED_KEPT = "broker back, data kept"
    RESTORED_LOST = "broker back, data lost"
    WAITED = "waited long enough"
    ACKNOWLEDGED = "acknowledged by a person"
    STOP = "stop"


_STATES = (
    Link.OFF,
    Link.CONNECTING,
    Link.SYNCING,
    Link.WARMUP,
    Link.READY,
    Link.DEGRADED,
    Link.BROKER_LOST,
    Link.BACKOFF,
    Link.DATA_BLOCKED,
    Link.BLOCKED,
)
_LETTERS = dict(zip(["OF", "CO", "SY", "WA", "RE", "DE", "BL", "BA", "DB", "XX"], _STATES, strict=True))
_GRID = """
               OF CO SY WA RE DE BL BA DB XX
START          CO .  .  .  .  .  .  .  .  .
CONNECTED      .  SY .  .  .  .  .  .  .  .
REFUSED        .  BA .  .  .  .  .  .  .  .
ID_IN_USE      .  XX .  .  .  .  .  .  .  .
NO_NUMBERS     .  XX .  .  .  .  .  .  .  .
SYNCED         .  .  WA .  .  .  .  .  .  .
SYNC_FAILED    .  .  BA .  .  .  .  .  .  .
WRONG_ACCOUNT  .  .  XX .  .  .  .  .  .  .
WARM           .  .  .  RE .  .  .  .  .  .
NO_PERMISSION  .  .  .  DB DB DB .  .  .  .
STALE          .  .  .  .  DE .  .  .  .  .
FRESH          .  .  .  .  .  RE .  .  .  .
GIVE_UP        .  .  .  BA .  BA .  .  .  .
SOCKET_LOST    .  BA BA BA BA BA BA .  BA .
HUNG           .  .  BA BA BA BA BA .  BA .
BROKER_LOST    .  .  BL BL BL BL .  .  BL .
RESTORED_KEPT  .  .  .  SY SY SY SY .  SY .
RESTORED_LOST  .  .  .  SY SY SY SY .  SY .
WAITED         .  .  .  .  .  .  BA CO .  .
ACKNOWLEDGED   .  .  .  .  .  .  .  .  WA CO
STOP           .  OF OF OF OF OF OF OF OF OF
"""


def _read() -> dict[tuple[Link, LinkNews], Link]:
    head, *lines = _GRID.strip().splitlines()
    columns = [_LETTERS[letters] for letters in head.split()]
    table: dict[tuple[Link, LinkNews], Link] = {}
    for line in lines:
        name, *cells = line.split()
        for state, cell in zip(columns, cells, strict=True):
            table[state, LinkNews[name]] = state if cell == "." else _LETTERS[cell]
    assert len(table) == len(_STATES) * len(LinkNews), "a cell for every state and news"
    return table


TABLE = _read()


def after(link: Link, news: LinkNews) -> Link:
    """The next state."""
    return TABLE[link, news]


UP = frozenset({Link.WARMUP, Link.READY, Link.DEGRADED, Link.DATA_BLOCKED})
"""States in which the account is known and requests reach the broker: orders that lower risk may go out."""

"""What the journal tells that cannot become state here: rows this program cannot read, open latches of a kind it does not know,
orders and positions in instruments that are not configured (any more).

Theory. Such rows are another version's or another configuration's, and a start that died of them would leave nobody to
flatten. They stay rows. What could still matter locks, with a sentence: no price, no stop and no order of ours reaches it, so
a person must. What is over matters no more: a closed trade counts in its day with the figures of its own row. A person who
clears the lock has seen to everything that was told until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from orderflow_tui.domain.action import Row, Tier
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Fill
from orderflow_tui.trading import rows
from orderflow_tui.trading.blotter import Blotter
from orderflow_tui.trading.trade import RoundTrip

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor

CHAIN = LatchKind.BROKEN_CHAIN  # what it locks with: the journal cannot be relied on
OTHER_VERSION = "start the version that wrote it, or compare position and orders with the broker and resume with the safety key"
NOT_CONFIGURED = (
    "put it back into instruments.toml and start again, or close it and cancel its orders in the broker's own program, then "
    "resume with the safety key"
)


@dataclass(slots=True)
class Evidence:
    """Filled by the replay. `blotter` holds what is not configured; nothing in it is ever sent, asked about or booked."""

    unread: list[str] = field(default_factory=list)
    latches: dict[str, str] = field(default_factory=dict)  # open, by the name of their kind: why
    blotter: Blotter = field(default_factory=Blotter)
    newest: dict[str, Fill] = field(default_factory=dict)  # the last execution of each instrument
    days: dict[str, date | None] = field(default_factory=dict)  # and its trade date

    def latch(self, row: Row) -> None:
        """A latch opened or cleared whose kind is not known here."""
        if row.payload.get("open"):
            self.latches.setdefault(row.ref, rows.text(row, "reason"))
        else:
            self.latches.pop(row.ref, None)

    def fill(self, fill: Fill, row: Row) -> None:
        """An execution in what is not configured."""
        if self.blotter.book(fill, row.ts_ns) is not None:
            self.newest[fill.instrument], self.days[fill.instrument] = fill, rows.day(row)

    def seen_to(self) -> None:
        """A person cleared the lock."""
        self.unread, self.latches, self.blotter, self.newest, self.days = [], {}, Blotter(), {}, {}

    def sentence(self, today: date | None, told: Mapping[str, RoundTrip]) -> str:
        """What locks, and what to do; empty where nothing does. `told`: the trades the journal has rows of."""
        found = (
            [f"the journal holds what this version cannot read: {self._unknown()}; {OTHER_VERSION}"] if self._unknown() else []
        )
        for symbol, what in self._open(today, told).items():
            found.append(f"the journal tells of {what}, and {symbol} is not configured: {NOT_CONFIGURED}")
        return ". ".join(found)

    def _unknown(self) -> str:
        more = f" and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
        latches = [f"latch {kind}, {reason}" for kind, reason in self.latches.items()]
        return "; ".join([*(f"{row}{more}" for row in self.unread[:1]), *latches])

    def _open(self, today: date | None, told: Mapping[str, RoundTrip]) -> dict[str, str]:
        """By instrument what is held, works, or has no known result today."""
        working = [ticket.order for ticket in self.blotter.live]
        found: dict[str, str] = {}
        for symbol in dict.fromkeys((*self.blotter.instruments, *(order.instrument for order in working))):
            words = []
            if self.blotter.position(symbol):
                words.append(f"{self.blotter.position(symbol):+d} {symbol} held")
            elif self._untold(symbol, today, told.values()):
                words.append(f"executions in {symbol} of today without their result")
            orders = [order.id for order in working if order.instrument == symbol]
            if orders:
                words.append(f"{len(orders)} order(s) in {symbol} working ({', '.join(orders)})")
            if words:
                found[symbol] = " and ".join(words)
        return found

    def _untold(self, symbol: str, today: date | None, told: Iterable[RoundTrip]) -> bool:
        """Whether its last execution is of today and closed a trade of which no row tells: that row died with the process."""
        newest = self.newest.get(symbol)
        if newest is None or today is None or self.days[symbol] != today:
            return False
        return all(trip.exit_ns < newest.ts_ns for trip in told if trip.instrument == symbol)


def lock_for(floor: Floor) -> None:
    """At the first instant: lock for what the replay found. A lock that stands already keeps its reason; then it is told."""
    sentence = floor.evidence.sentence(floor.trade_date, floor.told_trades)
    if not sentence:
        return
    if CHAIN in floor.board:
        floor.alert("journal", sentence, Tier.CRITICAL)
    floor.latch(CHAIN, sentence)

"""What the broker itself knows about danger: positions and the stops that would close them, whenever either changes.

A stop counts when it would really act: transmitted, awake, against the position, good till cancelled and outside regular
hours. Stops of one group count once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.gateway.house import House
from tests.gateway.orders import Working


@dataclass(frozen=True, slots=True)
class Exposed:
    """From this instant on: signed position, contracts that stops would close, whether a client could do anything."""

    ts_ns: int
    symbol: str
    position: int
    guarded: int
    reachable: bool


class ExposureLog:
    """Remembers every change."""

    def __init__(self) -> None:
        self.entries: list[Exposed] = []
        self._now: dict[str, tuple[int, int, bool]] = {}

    def look(self, house: House) -> None:
        """Note what changed since the last look."""
        reachable = house.broker_reachable and any(client.ready for client in house.clients)
        for holding in house.account.holdings.values():
            symbol = holding.listing.local_symbol
            seen = (
                holding.quantity,
                guarded(house.exchange.orders.values(), holding.listing.con_id, holding.quantity),
                reachable,
            )
            if self._now.get(symbol) != seen:
                self._now[symbol] = seen
                self.entries.append(Exposed(house.now_ns, symbol, *seen))


def guarded(orders: Iterable[Working], con_id: int, position: int) -> int:
    """Contracts of a position that stops would close."""
    groups: dict[str, int] = {}
    for order in orders:
        wanted = order.wanted
        awake = order.alive and not order.staged and not order.held and wanted.type == "STP"
        sound = wanted.tif == "GTC" and wanted.outside_rth and order.sign * position < 0
        if awake and sound and order.listing.con_id == con_id:
            group = wanted.oca_group or f"order {order.perm_id}"
            groups[group] = max(groups.get(group, 0), order.remaining)
    return sum(groups.values())


def longest_naked_s(entries: Sequence[Exposed], until_ns: int) -> float:
    """The longest stretch, in seconds, in which a position stood without all of its stop and somebody could have acted."""
    longest, since = 0, dict[str, int]()
    for entry in [*entries, *[Exposed(until_ns, s, 0, 0, True) for s in {e.symbol for e in entries}]]:
        naked = entry.reachable and entry.guarded < abs(entry.position)
        if entry.symbol in since:
            longest = max(longest, entry.ts_ns - since[entry.symbol])
        if not naked:
            since.pop(entry.symbol, None)
        else:
            since.setdefault(entry.symbol, entry.ts_ns)
    return longest / 1e9

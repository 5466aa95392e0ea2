"""The day's money as the oracle counts it: contract by contract, from executions alone, without a line of the product's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Fill


@dataclass(frozen=True, slots=True)
class Money:
    """What executions came to. Money in cents, prices in ticks.

    `closed_cents`: realised after the commissions of every execution. `lots`: entry price of each contract held, oldest first.
    `results`: net of each trade that went from flat to flat. `begun`: those and the one that is open.
    """

    closed_cents: int = 0
    lots: tuple[int, ...] = ()
    side: int = 0
    results: tuple[int, ...] = ()

    @property
    def begun(self) -> int:
        """Trades of the day."""
        return len(self.results) + bool(self.lots)

    @property
    def losses(self) -> int:
        """Losing trades in a row, by now; one that came to nothing does not count."""
        count = 0
        for result in self.results:
            count = count + 1 if result < 0 else count if not result else 0
        return count


def counted(fills: Iterable[Fill], instrument: Instrument) -> Money:
    """Go through executions in the order they were told, one contract at a time."""
    closed = result = side = 0
    lots: list[int] = []
    results: list[int] = []
    for fill in fills:
        for _ in range(fill.quantity):
            closed -= instrument.commission_cents
            result -= instrument.commission_cents
            if not lots or side == fill.side:
                lots.append(fill.price_ticks)
                side = int(fill.side)
                continue
            gain = (fill.price_ticks - lots.pop(0)) * side * instrument.tick_cents
            closed += gain
            result += gain
            if not lots:
                results.append(result)
                result = 0
    return Money(closed, tuple(lots), side if lots else 0, tuple(results))


def surely_open(fills: Iterable[Fill]) -> int:
    """Entries that still hold something, the fewest they can be: what took contracts and belongs to no entry is taken to have
    ended whole ones, the smallest first."""
    holds: Counter[str] = Counter()
    loose = side = 0
    for fill in fills:
        name = "" if fill.order_id is None else fill.order_id.rsplit("-", 1)[0]
        for _ in range(fill.quantity):
            if holds.total() == loose:
                holds, loose, side = Counter(), 0, int(fill.side)
            if side == fill.side:
                holds[name] += 1
            elif name and holds[name]:
                holds[name] -= 1
            else:
                loose += 1
    standing = sorted(left for left in holds.values() if left)
    while standing and loose >= standing[0]:
        loose -= standing.pop(0)
    return len(standing)


def worth(money: Money, price: int, instrument: Instrument) -> int:
    """What the day would leave if what is held were closed at a price."""
    gain = sum(price - lot for lot in money.lots) * money.side * instrument.tick_cents
    return money.closed_cents + gain - instrument.commission_cents * len(money.lots)


def peak(fills: Iterable[Fill], went: Mapping[int, tuple[int, int]], instrument: Instrument) -> int:
    """The most the day stood at, 0 at least: flat between two executions, or at the prices heard after so many of them."""
    told, best = list(fills), 0
    for many in range(len(told) + 1):
        money = counted(told[:many], instrument)
        prices = went.get(many, ()) if money.lots else (0,)
        best = max([best, *(worth(money, price, instrument) for price in prices)])
    return best


def wider(went: dict[int, tuple[int, int]], many: int, prices: Iterable[int]) -> None:
    """Prices were heard after so many executions."""
    known = (*went.get(many, ()), *prices)
    went[many] = (min(known), max(known))

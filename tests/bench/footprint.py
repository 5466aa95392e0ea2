"""How fast trades become footprints: `python -m tests.bench.footprint [--quick]`.

The parity tape is aggregated bar by bar and compared with the rate at which the same columns can be summed at all, in the
same run. Beside it the whole market state under the real driver, and what one small piece costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from time import process_time

import numpy as np

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.driver import Driver
from orderflow_tui.market.footprint import Fold, Frame, OpenBar, fold, highest, levels_of, lowest
from orderflow_tui.market.news import BarClosed
from tests.bench.make_ticks import RTH_CLOSE_NS, RTH_OPEN_NS, TRADES, make_ticks
from tests.market.days import Probe

FRAME = Frame("ES", 0, 0, True, 0, 0)
BAR_RATE = 100e6  # trades a second
BAR_SHARE = 0.25  # of the column-sum rate


def best(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the fastest of several runs; what other programs take does not count."""
    times = []
    for _ in range(repeats):
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


def sum_columns(tape: Trades) -> None:
    """The least anybody can do with a trade: read it."""
    for column in (tape.ts_ns, tape.price, tape.size, tape.aggressor, tape.method):
        column.sum()


def by_bar(tape: Trades) -> list[tuple[int, int]]:
    """First trade and end of every five-minute bar."""
    edges = np.searchsorted(tape.ts_ns, np.arange(RTH_OPEN_NS, RTH_CLOSE_NS + 1, 5 * MINUTE_NS)).tolist()
    return [(a, b) for a, b in pairwise(edges) if a < b]


def levels(tape: Trades) -> None:
    """Volume by side at every price of every bar: the footprint itself, and nothing else."""
    price, size, side = tape.price, tape.size, tape.aggressor
    for a, b in by_bar(tape):
        prices = price[a:b]
        levels_of(prices, size[a:b], side[a:b], int(lowest(prices)), int(highest(prices)))


def aggregate(tape: Trades) -> list[Fold]:
    """The whole fold: levels, totals, how sides were settled, and the lowest and highest point of the running delta."""
    price, size, side, method = tape.price, tape.size, tape.aggressor, tape.method
    return [fold(price[a:b], size[a:b], side[a:b], method[a:b]) for a, b in by_bar(tape)]


def as_bars(tape: Trades) -> list[FootprintBar]:
    """The same as bars with lists of levels."""
    bars = []
    for part in aggregate(tape):
        bar = OpenBar(part.first)
        bar.add(part)
        bars.append(bar.closed(FRAME))
    return bars


def through_state(tape: Trades) -> Probe:
    """The whole market state, cut by the driver."""
    return Probe().run(tape).until(RTH_CLOSE_NS)


def per_piece(tape: Trades, size: int) -> float:
    """Seconds a piece of `size` trades costs when the state is asked after each, so that nothing is put off."""
    pieces = [tape.cut(i * size, (i + 1) * size) for i in range(min(2000, len(tape) // size))]

    def feed() -> int:
        probe, asked = Probe(), 0
        driver = Driver(probe, lambda _: [])
        for piece in pieces:
            driver.step(piece)
            asked += probe.market.bar_volume_so_far
        return asked

    return best(feed, 3) / len(pieces)


def main() -> int:
    """Print the figures; 1 when neither bar is met."""
    quick = "--quick" in sys.argv
    tape, repeats = make_ticks(100_000 if quick else TRADES), 3 if quick else 20
    count = len(tape)
    probe = through_state(tape)
    bars = [n.bar for n in probe.news if isinstance(n, BarClosed)]
    assert [bar.ask for bar in bars] == [bar.ask for bar in as_bars(tape)], "the state's bars and the aggregator's must agree"
    summed = count / best(lambda: sum_columns(tape), repeats)
    placed = count / best(lambda: levels(tape), repeats)
    folded = count / best(lambda: aggregate(tape), repeats)
    built = count / best(lambda: as_bars(tape), repeats)
    whole = count / best(lambda: through_state(tape), repeats)
    met = placed >= BAR_RATE or placed >= BAR_SHARE * summed
    height = sum(bar.range_ticks + 1 for bar in bars) / len(bars)
    lines = [
        f"tape                {count:,} trades, {len(bars)} bars, {height:.1f} levels a bar",
        f"column sum          {summed / 1e6:8.1f} M trades/s",
        f"footprints          {placed / 1e6:8.1f} M trades/s, {placed / summed:.2f} of it "
        f"(bar: 100 M/s or {BAR_SHARE}): {'met' if met else 'MISSED'}",
        f"and delta's path    {folded / 1e6:8.1f} M trades/s, {folded / summed:.2f} of it (with totals and side methods)",
        f"with bars as lists  {built / 1e6:8.1f} M trades/s",
        f"whole market state  {whole / 1e6:8.1f} M trades/s in {probe.pieces} pieces",
        *(f"pieces of {size:<5}     {per_piece(tape, size) * 1e6:8.1f} µs a piece" for size in (1, 10, 100, 1000)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

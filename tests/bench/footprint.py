"""How fast trades become footprints: `python -m tests.bench.footprint [--quick]`.

The parity tape is aggregated bar by bar and compared with the rate at which the same columns can be summed at all, in the
same run. Beside it the whole market state under the real driver, and what one small piece costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.market.footprint import Frame, OpenBar, fold
from orderflow_tui.market.news import BarClosed
from tests.bench.make_ticks import RTH_CLOSE_NS, RTH_OPEN_NS, TRADES, make_ticks
from tests.market.days import Probe

FRAME = Frame("ES", 0, 0, True, 0, 0)
BAR_RATE = 100e6  # trades a second
BAR_SHARE = 0.25  # of the column-sum rate


def best(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def sum_columns(tape: Trades) -> None:
    """The least anybody can do with a trade: read it."""
    for column in (tape.ts_ns, tape.price, tape.size, tape.aggressor, tape.method):
        column.sum()


def aggregate(tape: Trades) -> list[list[int]]:
    """Five-minute footprints; the bid columns, so that nothing can be skipped."""
    edges = np.searchsorted(tape.ts_ns, np.arange(RTH_OPEN_NS, RTH_CLOSE_NS + 1, 5 * MINUTE_NS)).tolist()
    columns = []
    for a, b in zip(edges, edges[1:], strict=False):
        if a < b:
            bar = OpenBar(int(tape.price[a]))
            bar.add(fold(tape.price[a:b], tape.size[a:b], tape.aggressor[a:b], tape.method[a:b]))
            columns.append(bar.closed(FRAME).bid)
    return columns


def through_state(tape: Trades) -> Probe:
    """The whole market state, cut by the driver."""
    return Probe().run(tape).until(RTH_CLOSE_NS)


def main() -> int:
    """Print the figures; 1 when neither bar is met."""
    quick = "--quick" in sys.argv
    tape, repeats = make_ticks(100_000 if quick else TRADES), 3 if quick else 9
    count = len(tape)
    probe = through_state(tape)
    bars = [n.bar for n in probe.news if isinstance(n, BarClosed)]
    assert [bar.bid for bar in bars] == aggregate(tape), "bars of the state and of the aggregator must agree"
    summed = count / best(lambda: sum_columns(tape), repeats)
    folded = count / best(lambda: aggregate(tape), repeats)
    whole = count / best(lambda: through_state(tape), repeats)
    met = folded >= BAR_RATE or folded >= BAR_SHARE * summed
    print(
        f"tape                {count:,} trades, {len(bars)} bars, {sum(b.range_ticks + 1 for b in bars) / len(bars):.1f} levels a bar"
    )
    print(f"column sum          {summed / 1e6:8.1f} M trades/s")
    print(
        f"footprints          {folded / 1e6:8.1f} M trades/s = {folded / summed:.2f} of it; bar 100 M/s or 0.25: {'met' if met else 'MISSED'}"
    )
    print(f"whole market state  {whole / 1e6:8.1f} M trades/s in {probe.pieces} pieces")
    for size in (1, 10, 100, 1000):
        pieces = [tape.cut(i * size, (i + 1) * size) for i in range(min(2000, count // size))]

        def feed(pieces: list[Trades] = pieces) -> None:
            market = Probe().market
            for piece in pieces:
                if piece.ts_ns[-1] >= market.watch.due_ns:
                    market.on_time(int(piece.ts_ns[-1]))
                market.on_trades(piece)
                market.bar_volume_so_far  # noqa: B018  asked after every piece: nothing is put off

        seconds = best(feed, 3) / len(pieces)
        print(f"pieces of {size:<5}     {seconds * 1e6:8.1f} µs a piece, asked after each")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

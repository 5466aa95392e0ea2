"""Writes `data/sample`: 25 minutes of the simulated market, as any user's CSV would look. Run it as
`python -m tests.golden.make_sample`; the files are kept, so that golden results never depend on a random generator.

`es_sample_trades.csv`: ts_utc, price, size, side (B bought, S sold, ? unknown), bid, ask; one row a trade, quote as of it.
`es_sample_depth.csv`: ts_utc, bid, ask, bid_size_1 … bid_size_10, ask_size_1 … ask_size_10; one row a second, level 1 is
the best price and each further level lies one tick away.
Stamps are ISO 8601, UTC, nanoseconds; prices are decimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Depth, Trades
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS
from tests.contract.broker_contract import ES

FOLDER = Path(__file__).parents[2] / "data" / "sample"
TRADES, DEPTH = FOLDER / "es_sample_trades.csv", FOLDER / "es_sample_depth.csv"
DAY, SEED, MINUTES = date(2026, 10, 14), 5, 25
LEVELS = 10
SIDES = {-1: "S", 0: "?", 1: "B"}


def sample() -> list[MarketEvent]:
    """The events behind the files: from noon in New York."""
    table = session_table(date(2026, 10, 1), date(2026, 10, 20))
    day = table.day_of(DAY)
    assert day is not None, f"{DAY} is a trading day"
    start_ns = day.at(12, 0)
    market = SimMarket(ES, table, seed=SEED, start_ns=start_ns, clock=Pace(), depth_hz=8.0)
    return list(market.generate(start_ns + MINUTES * MINUTE_NS))


def stamp(ts_ns: int) -> str:
    """`2026-10-14T16:00:00.123456789Z`."""
    seconds, rest = divmod(ts_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def trade_rows(events: list[MarketEvent], spec: Instrument) -> Iterator[str]:
    """The lines of the trades file."""
    yield "ts_utc,price,size,side,bid,ask"
    for block in events:
        if isinstance(block, Trades) and block.bid is not None and block.ask is not None:
            columns = (block.ts_ns, block.price, block.size, block.aggressor, block.bid, block.ask)
            for ts, price, size, side, bid, ask in zip(*(c.tolist() for c in columns), strict=True):
                yield f"{stamp(ts)},{spec.text(price)},{size},{SIDES[side]},{spec.text(bid)},{spec.text(ask)}"


def depth_rows(events: list[MarketEvent], spec: Instrument) -> Iterator[str]:
    """The lines of the depth file: the first book of every second."""
    sizes = [f"{side}_size_{level}" for side in ("bid", "ask") for level in range(1, LEVELS + 1)]
    yield ",".join(["ts_utc", "bid", "ask", *sizes])
    told = -1
    for book in events:
        if isinstance(book, Depth) and book.ts_ns // SECOND_NS != told:
            told = book.ts_ns // SECOND_NS
            shown = [str(size) for _, size in (*book.bids[:LEVELS], *book.asks[:LEVELS])]
            yield ",".join([stamp(book.ts_ns), spec.text(book.bids[0][0]), spec.text(book.asks[0][0]), *shown])


def main() -> None:
    """Write both files."""
    events = sample()
    FOLDER.mkdir(parents=True, exist_ok=True)
    TRADES.write_text("\n".join(trade_rows(events, ES)) + "\n", encoding="ascii")
    DEPTH.write_text("\n".join(depth_rows(events, ES)) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()

"""What the engine costs: detectors on a closed bar, one trade on the live path, a bar's close, and how costs grow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from time import process_time, thread_time_ns

import numpy as np

from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.event import ClockTick
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.market.footprint import Frame, OpenBar, fold
from orderflow_tui.signals.catalogue import DETECTORS
from orderflow_tui.signals.detector import BarContext, signals_of
from orderflow_tui.signals.params import SignalParams
from orderflow_tui.stream import TradeStream
from tests.bench.make_ticks import RTH_CLOSE_NS, RTH_OPEN_NS
from tests.bench.parity import singles
from tests.bench.sessions import LIKE_THE_TAPE, begin, calendar, whole_engine
from tests.market.days import ES

BAR_NS = 5 * MINUTE_NS
EARLIER = 24
PATTERNS = ("setups.mode=patterns",)  # signals trade, so that gate and broker have work on a tape without setups


def bars_of(levels: int, count: int = 120, seed: int = 3) -> list[FootprintBar]:
    """`count` bars of exactly `levels` levels, each folded from two hundred trades a level."""
    draw, bars = np.random.default_rng(seed), []
    for number in range(count):
        price = 27_000 + draw.integers(0, levels, 200 * levels)
        price[:2] = 27_000, 27_000 + levels - 1
        side = draw.choice(np.array([-1, 1], dtype=np.int8), len(price))
        size, method = draw.geometric(0.55, len(price)), np.ones(len(price), dtype=np.int8)
        part = fold(price, size, side, method)
        bar = OpenBar(part.first)
        bar.add(part)
        start = RTH_OPEN_NS + number * BAR_NS
        bars.append(bar.closed(Frame("ES", start, start + BAR_NS, True, 0, 0)))
    return bars


def detectors_us(levels: int) -> float:
    """Microseconds all detectors take on a closed bar of so many levels, signals made; the fastest of several runs."""
    bars, best = bars_of(levels), float("inf")
    for _ in range(7):
        detectors = [build(SignalParams(), ES) for build in DETECTORS]
        start = process_time()
        for i, bar in enumerate(bars):
            view = BarContext(ES, LIKE_THE_TAPE, bars[max(0, i - EARLIER) : i], min(i, EARLIER), 40.0, float(bar.volume))
            signals_of(detectors, bar, view)
        best = min(best, (process_time() - start) / len(bars))
    return best * 1e6


def observed(pieces: list[Trades], *, streamed: bool = False) -> list[Observation]:
    """Everything the whole engine concludes from one day, its signals traded, however the day is cut."""
    seen: list[Observation] = []
    table = calendar()
    loop = whole_engine(table, seen.append, PATTERNS)
    day = table.day_at(RTH_OPEN_NS)
    assert day is not None, "the tape's date is a trading day"
    begin(loop, day, first=True)
    stream = TradeStream(loop.driver)
    for piece in pieces:
        if streamed:
            stream.step(piece)
        else:
            loop.feed(piece)
    stream.flush()
    loop.feed(ClockTick(RTH_CLOSE_NS))
    return seen


def cutting_differences(tape: Trades, cuttings: int) -> int:
    """Observations of the whole engine that differ from those of one block, over random cuttings and single trades."""
    whole, wrong = observed([tape]), 0
    for seed in range(cuttings):
        edges = np.sort(np.random.default_rng(seed).integers(1, len(tape), 50 * 4**seed)).tolist()
        wrong += unlike(whole, observed([tape.cut(a, b) for a, b in pairwise([0, *edges, len(tape)]) if a < b]))
    return wrong + unlike(whole, observed(singles(tape), streamed=True))


def unlike(one: list[Observation], other: list[Observation]) -> int:
    """How many places differ."""
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


@dataclass(frozen=True, slots=True)
class LiveCosts:
    """Microseconds of the engine's thread: one trade, and one bar's close with everything that follows from it."""

    trade_p50: float
    trade_p99: float
    close_p50: float
    close_p99: float


def live_costs(tape: Trades) -> LiveCosts:
    """The tape trade by trade through the live path of the whole engine."""
    table = calendar()
    loop = whole_engine(table, lambda _: None, PATTERNS)
    day = table.day_at(RTH_OPEN_NS)
    assert day is not None, "the tape's date is a trading day"
    begin(loop, day, first=True)
    stream, costs, closes, due = TradeStream(loop.driver), [], [], RTH_OPEN_NS + BAR_NS
    for trade in singles(tape):
        if int(trade.ts_ns[0]) >= due:
            start = thread_time_ns()
            stream.step(ClockTick(due))
            closes.append(thread_time_ns() - start)
            due += BAR_NS
        start = thread_time_ns()
        stream.step(trade)
        costs.append(thread_time_ns() - start)
    return LiveCosts(ranked(costs, 0.5), ranked(costs, 0.99), ranked(closes, 0.5), ranked(closes, 0.99))


def ranked(costs_ns: list[int], share: float) -> float:
    """The cost below which this share of all lie, in microseconds."""
    return sorted(costs_ns)[int(len(costs_ns) * share)] / 1000

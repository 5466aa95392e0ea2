"""The simulated market: deterministic, on the grid, and enough like a real one for the detectors to have work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from itertools import pairwise
from math import inf

import numpy as np
import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.sim_market import SimMarket, lively_start
from orderflow_tui.adapters.sim_market.draws import Draws
from orderflow_tui.adapters.sim_market.flow import EIGHTH_NS, Flow
from orderflow_tui.adapters.sim_market.hours import busyness
from orderflow_tui.adapters.sim_market.ladder import Iceberg, Ladder
from orderflow_tui.adapters.sim_market.mood import Episode
from orderflow_tui.adapters.sim_market.past import SESSIONS, SESSIONS_WITH_BARS
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.history import History
from orderflow_tui.domain.market import Depth, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay
from tests.contract.broker_contract import ES

TABLE = session_table(date(2026, 8, 1), date(2026, 10, 15))


def trading_day(day: int = 14) -> SessionDay:
    found = TABLE.day_of(date(2026, 10, day))
    assert found is not None
    return found


def market(seed: int = 3, hour: int = 9, minute: int = 31) -> SimMarket:
    return SimMarket(ES, TABLE, seed=seed, start_ns=trading_day().at(hour, minute), clock=Pace())


def joined(events: Iterable[MarketEvent]) -> Trades:
    blocks = [e for e in events if isinstance(e, Trades)]
    columns = [
        np.concatenate([getattr(b, name) for b in blocks])
        for name in ("ts_ns", "price", "size", "aggressor", "method", "bid", "ask")
    ]
    return Trades("ES", *columns)


def same(a: Trades, b: Trades) -> bool:
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("ts_ns", "price", "size", "aggressor", "bid", "ask"))


@lru_cache(maxsize=1)
def two_hours() -> tuple[MarketEvent, ...]:
    """Live flow from 09:31 to 11:31."""
    sim = market()
    return tuple(sim.generate(trading_day().at(11, 31)))


@lru_cache(maxsize=1)
def past() -> History:
    return market().history()


# --- determinism --------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_stream_however_it_is_cut() -> None:
    day = trading_day()
    whole, cut = market(), market()
    rng = np.random.default_rng(0)
    events = list(whole.generate(day.at(9, 41)))
    pieces: list[MarketEvent] = []
    for until in np.sort(rng.integers(day.at(9, 31), day.at(9, 41), 300)).tolist():
        pieces += cut.generate(until)
    pieces += cut.generate(day.at(9, 41))
    assert same(joined(events), joined(pieces))
    assert [e for e in events if isinstance(e, Depth)] == [e for e in pieces if isinstance(e, Depth)]


def test_pacing_changes_when_never_what() -> None:
    async def heard(speed: float) -> list[MarketEvent]:
        wall = [0.0]

        async def sleep(seconds: float) -> None:
            wall[0] += seconds
            await asyncio.sleep(0)

        pace = Pace(wall=lambda: wall[0], sleep=sleep)
        sim = SimMarket(ES, TABLE, seed=3, start_ns=trading_day().at(9, 31), clock=pace, speed=speed)
        events: list[MarketEvent] = []
        async for event in sim.events():
            if stamp_of(event) > trading_day().at(9, 33):
                break
            events.append(event)
        return events

    slow, fast = (asyncio.run(heard(speed)) for speed in (7.0, 1000.0))
    a, b = joined(slow), joined(fast)
    n = min(len(a), len(b))
    assert n > 1_000
    assert same(a.cut(0, n), b.cut(0, n))
    books = [e for e in slow if isinstance(e, Depth)]
    assert all(book in books for book in fast if isinstance(book, Depth) and book.ts_ns <= books[-1].ts_ns)


def test_another_seed_gives_another_stream() -> None:
    until = trading_day().at(9, 32)
    assert not same(joined(market(3).generate(until)), joined(market(4).generate(until)))


def test_going_live_without_asking_for_today_changes_nothing() -> None:
    until = trading_day().at(9, 32)
    asked, unasked = market(), market()
    warm = list(asked.warm_events())
    assert warm
    assert list(asked.warm_events()) == []
    assert same(joined(asked.generate(until)), joined(unasked.generate(until)))


# --- soundness ----------------------------------------------------------------------------------------------------------


def test_trades_happen_at_the_bid_or_the_ask_of_their_instant() -> None:
    tape = joined(two_hours())
    assert tape.bid is not None
    assert tape.ask is not None
    assert (tape.bid < tape.ask).all()
    assert np.array_equal(tape.price, np.where(tape.aggressor > 0, tape.ask, tape.bid))
    assert (tape.size > 0).all()


def test_the_book_has_ten_levels_and_is_never_crossed() -> None:
    books = [e for e in two_hours() if isinstance(e, Depth)]
    assert len(books) == 2 * 3600 * 8 - 1
    for book in books:
        assert len(book.bids) == len(book.asks) == 10
        assert book.bids[0][0] < book.asks[0][0] <= book.bids[0][0] + 3


def test_a_trade_meets_the_book_that_was_shown() -> None:
    """The first trade after a book is at one of its best prices."""
    events = two_hours()
    checked = 0
    for before, after in pairwise(events):
        if isinstance(before, Depth) and isinstance(after, Trades):
            assert int(after.price[0]) in (before.bids[0][0], before.asks[0][0])
            checked += 1
    assert checked > 1_000


@pytest.mark.parametrize(("hour", "minute"), [(3, 0), (9, 30), (10, 5), (14, 0), (16, 30)])
def test_today_so_far_joins_yesterday_and_the_live_market_without_a_jump(hour: int, minute: int) -> None:
    sim = market(hour=hour, minute=minute)
    today = joined(sim.warm_events())
    live = joined(sim.generate(trading_day().at(hour, minute + 2)))
    assert int(today.ts_ns[0]) >= trading_day().open_ns
    assert int(today.ts_ns[-1]) < int(live.ts_ns[0])
    assert abs(int(today.price[0]) - past().profiles[-1].close) <= 3
    assert abs(int(live.price[0]) - int(today.price[-1])) <= 3
    assert int(np.abs(np.diff(today.price)).max()) <= 8


def test_a_start_before_the_open_warms_up_the_night() -> None:
    sim = market(hour=8, minute=0)
    today = joined(sim.warm_events())
    assert int(today.ts_ns[-1]) < trading_day().at(8, 0)
    assert len(today) > 10_000


def test_the_market_closes_and_opens_again() -> None:
    day, following = trading_day(), trading_day(15)
    sim = market(hour=16, minute=58)
    tape = joined(sim.generate(following.open_ns + 10 * MINUTE_NS))
    closed = (tape.ts_ns >= day.close_ns) & (tape.ts_ns < following.open_ns)
    assert not closed.any()
    assert (tape.ts_ns >= following.open_ns).any()


def test_the_end_of_the_calendar_is_announced_once() -> None:
    last = TABLE.days[-1]
    sim = SimMarket(ES, TABLE, seed=1, start_ns=last.close_ns - MINUTE_NS, clock=Pace(), speed=inf)

    async def heard() -> list[MarketEvent]:
        return [event async for event in sim.events()]

    events = asyncio.run(heard())
    assert [e.state for e in events if isinstance(e, FeedStatus)] == [FeedState.LIVE, FeedState.ENDED]
    assert isinstance(events[-1], FeedStatus)


def test_a_demonstration_begins_in_the_newest_session_that_has_begun() -> None:
    assert lively_start(TABLE, trading_day(14).at(20, 0)) == trading_day(15).at(10, 5)  # Globex has opened for the 15th
    assert lively_start(TABLE, trading_day(14).at(17, 30)) == trading_day(14).at(10, 5)
    assert lively_start(TABLE, trading_day(12).open_ns - 3_600 * SECOND_NS) == trading_day(9).at(10, 5)  # Sunday
    assert lively_start(TABLE, 0) == TABLE.days[0].at(10, 5)


def test_a_start_outside_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot start"):
        SimMarket(ES, TABLE, seed=1, start_ns=0, clock=Pace())


def test_fewer_books_are_spread_evenly_and_change_no_trade() -> None:
    until = trading_day().at(9, 32)
    whole, thin = list(market().generate(until)), list(market().generate(until, most_books=4))
    assert same(joined(whole), joined(thin))
    every, told = ([e for e in events if isinstance(e, Depth)] for events in (whole, thin))
    assert len(told) == 4
    assert told[-1] == every[-1]
    assert all(book in every for book in told)
    assert len(thin) <= 9


# --- likeness -----------------------------------------------------------------------------------------------------------


def five_minutes(tape: Trades) -> list[Trades]:
    index = tape.ts_ns // (300 * SECOND_NS)
    edges = [0, *(np.flatnonzero(np.diff(index)) + 1).tolist(), len(tape)]
    return [tape.cut(a, b) for a, b in pairwise(edges)]


def test_magnitudes_are_those_of_the_real_market() -> None:
    parts = five_minutes(joined(two_hours()))[1:-1]
    volumes = [int(p.size.sum()) for p in parts]
    ranges = [int(p.price.max() - p.price.min()) for p in parts]
    assert 5_000 < np.median(volumes) < 25_000
    assert 10 <= np.median(ranges) <= 40
    opening = parts[0]
    assert 25 < len(opening) / 300 < 90
    sizes = np.concatenate([p.size for p in parts])
    assert np.median(sizes) <= 2
    assert 30 < sizes.max() <= 100


def test_activity_makes_a_u_over_regular_hours_and_sleeps_at_night() -> None:
    day = trading_day()
    opening, noon, closing = (busyness(day, day.at(*t)) for t in ((9, 31), (12, 30), (15, 58)))
    assert opening > 1.8 * noon
    assert closing > 1.5 * noon
    assert busyness(day, day.at(4, 0)) < noon / 3
    assert busyness(day, day.close_ns) == 0.0


def test_signs_persist_and_arrivals_cluster() -> None:
    tape = joined(two_hours())
    fresh = np.flatnonzero(np.diff(tape.ts_ns, prepend=-1))  # one row per aggressive order
    side = tape.aggressor[fresh].astype(np.int64)
    assert np.mean(side[:-1] * side[1:]) > 0.1
    assert np.mean(side[:-20] * side[20:]) > 0.01
    per_second = np.bincount((tape.ts_ns[fresh] - tape.ts_ns[0]) // SECOND_NS)
    assert per_second.var() > 1.3 * per_second.mean()
    assert len(fresh) < 0.7 * len(tape)


def test_book_sizes_are_modest_at_the_touch_and_deeper_behind() -> None:
    books = [e for e in two_hours() if isinstance(e, Depth)][::40]
    touch = np.median([b.bids[0][1] for b in books])
    behind = np.median([b.bids[5][1] for b in books])
    assert 20 < touch < 120
    assert 60 < behind < 250
    assert behind > touch


def test_an_iceberg_absorbs_until_its_reserve_is_gone_and_then_gives_way() -> None:
    ladder, chance = Ladder(1_000), Draws(1).chance
    ladder.iceberg = Iceberg(1_000, 1, shown=60, reserve=300)
    sold = 0
    while ladder.bid == 1_000:
        sold += ladder.hit(20, 0.0, chance)
    assert sold >= 300 + 60
    assert ladder.iceberg is None


def test_absorption_happens_and_price_bounces_from_it() -> None:
    """Icebergs that took a beating and held are followed by a move away from them."""
    day = trading_day()
    moves: list[int] = []
    taken: list[int] = []
    for seed in range(3):
        flow = Flow("ES", seed, day.at(10, 5), 26_800, EIGHTH_NS)
        episode, wall, until = flow.mood.episode, None, 0
        for now in range(day.at(10, 5), day.at(11, 30), SECOND_NS):
            flow.run(day, now)
            if flow.mood.episode is not episode:
                if episode is Episode.WALL and flow.mood.episode is Episode.TURN and flow.ladder.iceberg is not None:
                    ice = flow.ladder.iceberg
                    if ice.eaten >= 150:
                        wall, until = ice, now + 20 * SECOND_NS
                        taken.append(ice.eaten)
                episode = flow.mood.episode
            if wall is not None and now >= until:
                moves.append(wall.side * (flow.ladder.bid - wall.price))
                wall = None
    assert len(moves) >= 5
    assert np.mean(moves) > 1.0
    assert np.mean(taken) > 200


def test_footprints_show_stacks_absorption_exhaustion_and_unfinished_extremes() -> None:
    seen = Counter[str]()
    for part in five_minutes(joined(two_hours())):
        low = int(part.price.min())
        levels = int(part.price.max()) - low + 1
        bid = np.bincount(part.price - low, weights=part.size * (part.aggressor < 0), minlength=levels)
        ask = np.bincount(part.price - low, weights=part.size * (part.aggressor > 0), minlength=levels)
        buys = (ask[1:] >= 20) & (ask[1:] >= 3 * np.maximum(bid[:-1], 1))
        sells = (bid[:-1] >= 20) & (bid[:-1] >= 3 * np.maximum(ask[1:], 1))
        seen["stack"] += any(bool((side[2:] & side[1:-1] & side[:-2]).any()) for side in (buys, sells))
        seen["fading at the high"] += bool(levels > 3 and ask[-1] < 0.7 * ask[-2] and ask[-2] < ask[-3])
        seen["unfinished"] += bool((bid[-1] > 5 and ask[-1] > 0) or (ask[0] > 5 and bid[0] > 0))
        zone = bid[:3].sum() + ask[:3].sum()
        close = (int(part.price[-1]) - low) / max(1, levels - 1)
        seen["absorption"] += bool(zone >= 150 and bid[:3].sum() >= 0.6 * zone and close > 0.5)
    assert all(seen[kind] >= 1 for kind in ("stack", "fading at the high", "unfinished", "absorption")), seen


# --- the past -----------------------------------------------------------------------------------------------------------


def test_the_past_has_thirty_sessions_that_close_where_the_market_goes_on() -> None:
    history = past()
    dates = [p.trade_date for p in history.profiles]
    assert len(dates) == SESSIONS
    assert dates == sorted(set(dates))
    assert dates[-1] < trading_day().trade_date
    assert history.profiles[-1].close == 26_800


def test_profiles_are_whole() -> None:
    for p in past().profiles:
        assert p.low_tick == p.low
        assert len(p.volumes) == len(p.tpo) == p.high - p.low + 1
        assert sum(p.volumes) == p.volume == p.value.total
        assert p.low <= p.value.val <= p.value.poc <= p.value.vah <= p.high
        assert p.value.volume >= 0.7 * p.volume
        assert p.ib_high is not None
        assert p.on_high is not None
        assert p.vwap is not None
        assert p.low <= p.vwap <= p.high


def test_bars_add_up_to_their_session() -> None:
    history = past()
    assert len(history.bars) >= SESSIONS_WITH_BARS * 42
    for profile in history.profiles[-SESSIONS_WITH_BARS:]:
        bars = [b for b in history.bars if TABLE.trade_date(b.start_ns) == profile.trade_date]
        assert sum(b.volume for b in bars) == profile.volume
        assert (max(b.high for b in bars), min(b.low for b in bars)) == (profile.high, profile.low)
        assert bars[-1].cvd_rth == profile.delta == sum(b.delta or 0 for b in bars)
    for bar in history.bars:
        assert len(bar.bid) == len(bar.ask) == len(bar.unknown) == bar.range_ticks + 1
        assert sum(bar.bid) + sum(bar.ask) == bar.volume
        assert (bar.min_delta or 0) <= (bar.delta or 0) <= (bar.max_delta or 0)


def test_the_past_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert market(3).history() == past()
    assert market(4).history() != past()


def test_a_short_calendar_gives_a_short_past() -> None:
    table = session_table(date(2026, 10, 12), date(2026, 10, 15))
    day = table.day_of(date(2026, 10, 14))
    assert day is not None
    history = SimMarket(ES, table, seed=1, start_ns=day.at(10, 5), clock=Pace()).history()
    assert [p.trade_date.day for p in history.profiles] == [12, 13]

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import past
from tests.gateway.house import Settings
from tests.gateway.listening import connected, future, play, qualified
from tests.gateway.virtual import START_NS, Stage, VirtualLoop, run


@pytest.mark.parametrize(
    ("symbol", "exchange", "tick", "multiplier"),
    [
        ("ES", "CME", 0.25, "50"),
        ("MES", "CME", 0.25, "5"),
        ("NQ", "CME", 0.25, "20"),
        ("MNQ", "CME", 0.25, "2"),
        ("CL", "NYMEX", 0.01, "1000"),
        ("GC", "COMEX", 0.1, "100"),
    ],
)
def test_every_product_lists_its_expiries_with_grid_and_hours(symbol: str, exchange: str, tick: float, multiplier: str) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        details = await ib.reqContractDetailsAsync(future(symbol, "", exchange))
        expiries = [d.contract.lastTradeDateOrContractMonth for d in details]
        assert len(details) == 4
        assert expiries == sorted(expiries)
        assert details[0].minTick == tick
        assert details[0].contract.multiplier == multiplier
        assert details[0].timeZoneId == "US/Central"
        assert "20261118" in details[0].tradingHours

    play(scenario)


def test_an_unknown_contract_is_refused_with_200() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        assert await ib.reqContractDetailsAsync(future("XX")) == []
        assert codes == [200]

    play(scenario)


def test_prints_arrive_one_by_one_with_whole_seconds() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        rows: list[tuple[int, float, float]] = []
        contract = await qualified(ib)
        ib.wrapper.tickByTickAllLast = lambda rid, kind, at, price, size, *rest: rows.append((at, price, size))
        ib.reqTickByTickData(contract, "Last")
        await asyncio.sleep(5)
        assert 90 <= len(rows) <= 110
        assert all((price * 4).is_integer() and size > 0 for _, price, size in rows)
        assert rows[0][0] >= START_NS // 10**9

    play(scenario)


def test_quotes_never_cross_and_bracket_the_market() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        quotes: list[tuple[float, float]] = []
        contract = await qualified(ib)
        ib.wrapper.tickByTickBidAsk = lambda rid, at, bid, ask, *rest: quotes.append((bid, ask))
        ib.reqTickByTickData(contract, "BidAsk")
        await asyncio.sleep(5)
        assert len(quotes) > 20
        assert all(bid < ask for bid, ask in quotes)

    play(scenario)


def test_es_and_mes_move_together() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        await asyncio.sleep(10)
        es, mes, nq = (stage.do("quote", symbol=s)["last"] for s in ("ES", "MES", "NQ"))
        assert es == mes != nq

    play(scenario)


def test_depth_messages_rebuild_the_book_of_the_gateway() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        contract = await qualified(ib)
        sides: dict[int, list[tuple[float, float]]] = {0: [], 1: []}

        def update(rid: int, position: int, maker: str, operation: int, side: int, price: float, size: float, *_: Any) -> None:
            rows = sides[side]
            if operation == 0:
                rows.insert(position, (price, size))
                del rows[10:]
            elif operation == 1:
                rows[position] = (price, size)
            else:
                del rows[position]

        ib.wrapper.updateMktDepthL2 = update
        ib.reqMktDepth(contract, numRows=10)
        await asyncio.sleep(30)
        stage.do("play", on=False)
        await asyncio.sleep(0.1)
        truth = stage.do("quote", symbol="ES")
        for side, name in ((1, "bids"), (0, "asks")):
            assert [(round(p * 4), int(s)) for p, s in sides[side]] == [tuple(row) for row in truth[name][:10]]

    play(scenario)


def test_a_depth_reset_tells_317_and_sends_the_book_again() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        inserts: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        ib.reqMktDepth(await qualified(ib), numRows=10)
        await asyncio.sleep(1)
        stage.do("play", on=False)
        ib.wrapper.updateMktDepthL2 = lambda rid, position, maker, operation, *rest: inserts.append(operation)
        stage.do("reset-depth")
        await asyncio.sleep(0.5)
        assert codes == [317]
        assert inserts == [0] * 20

    play(scenario)


def test_level_one_comes_four_times_a_second() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        contract = await qualified(ib)
        lasts: list[float] = []
        ib.wrapper.priceSizeTick = lambda rid, kind, price, size: lasts.append(price) if kind == 4 else None
        ib.reqMktData(contract)
        await asyncio.sleep(10)
        assert 36 <= len(lasts) <= 41

    play(scenario)


def test_the_sixth_tick_by_tick_request_is_refused_with_10190() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        es, mes, nq = [await qualified(ib, s) for s in ("ES", "MES", "NQ")]
        for contract in (es, mes, nq):
            ib.reqTickByTickData(contract, "Last")
            ib.reqTickByTickData(contract, "BidAsk")
        await asyncio.sleep(1)
        assert codes == [10190]

    play(scenario)


def test_two_requests_for_one_instrument_within_the_spacing_are_refused_when_it_is_enforced() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        es = await qualified(ib)
        ib.reqTickByTickData(es, "Last")
        await asyncio.sleep(2)
        ib.reqTickByTickData(es, "BidAsk")
        await asyncio.sleep(15)
        ib.reqTickByTickData(es, "MidPoint")
        await asyncio.sleep(1)
        assert codes == [10190]

    play(scenario, Settings(tick_spacing_s=15))


@pytest.mark.parametrize(
    ("what", "code"),
    [("TICK_BY_TICK", 10189), ("TICK_BY_TICK", 10190), ("MARKET_DATA", 354), ("MARKET_DATA", 10090), ("DEPTH", 354)],
)
def test_market_data_is_refused_on_demand(what: str, code: int) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        es = await qualified(ib)
        stage.do("answer", what=what, code=code)
        {
            "TICK_BY_TICK": lambda: ib.reqTickByTickData(es, "Last"),
            "MARKET_DATA": lambda: ib.reqMktData(es),
            "DEPTH": lambda: ib.reqMktDepth(es),
        }[what]()
        await asyncio.sleep(1)
        assert codes == [code]

    play(scenario)


def test_a_competing_session_silences_the_data_and_says_10197() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        rows: list[float] = []
        codes: list[int] = []
        es = await qualified(ib)
        ib.wrapper.tickByTickAllLast = lambda rid, kind, at, price, *rest: rows.append(price)
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        ib.reqTickByTickData(es, "Last")
        await asyncio.sleep(1)
        stage.do("compete")
        await asyncio.sleep(0.1)
        seen = len(rows)
        await asyncio.sleep(2)
        assert codes == [10197]
        assert len(rows) == seen

    play(scenario)


def test_a_broken_farm_silences_the_data_until_it_is_back() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        rows: list[float] = []
        es = await qualified(ib)
        ib.wrapper.tickByTickAllLast = lambda rid, kind, at, price, *rest: rows.append(price)
        ib.reqTickByTickData(es, "Last")
        await asyncio.sleep(1)
        stage.do("farm", down=True)
        await asyncio.sleep(0.1)
        seen = len(rows)
        await asyncio.sleep(2)
        assert len(rows) == seen
        stage.do("farm", down=False)
        await asyncio.sleep(1)
        assert len(rows) > seen

    play(scenario)


def test_bars_of_the_past_agree_however_they_are_asked_for() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        es = await qualified(ib)
        end = datetime.fromtimestamp(START_NS / 1e9, UTC)
        long = await ib.reqHistoricalDataAsync(es, end, "2 D", "1 min", "TRADES", False, 2)
        short = await ib.reqHistoricalDataAsync(es, end, "1 D", "1 min", "TRADES", False, 2)
        assert list(long)[-len(short) :] == list(short)
        assert len(short) == 16 * 60  # from 17:00 of the evening before to 09:00
        assert all(b.low <= min(b.open, b.close) and b.high >= max(b.open, b.close) and b.volume > 0 for b in long)

    play(scenario)


def test_daily_bars_are_whole_regular_sessions_and_the_running_one() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        es = await qualified(ib)
        days = await ib.reqHistoricalDataAsync(es, "", "3 D", "1 day", "TRADES", True, 1)
        assert [f"{d.date:%m-%d}" for d in days][-2:] == ["11-17", "11-18"]
        assert days[-1].volume < days[-2].volume / 2

    play(scenario)


def test_the_same_history_twice_within_fifteen_seconds_is_a_pacing_violation() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        es = await qualified(ib)
        for _ in range(2):
            await ib.reqHistoricalDataAsync(es, "", "1 D", "5 mins", "TRADES", True, 2)
        assert codes == [162]

    play(scenario)


def test_historical_ticks_are_the_newest_prints_in_order() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        es = await qualified(ib)
        await asyncio.sleep(60)
        ticks = await ib.reqHistoricalTicksAsync(
            es, "", datetime.fromtimestamp(stage.loop.now_ns / 1e9, UTC), 500, "TRADES", False
        )
        assert len(ticks) == 500
        assert [t.time for t in ticks] == sorted(t.time for t in ticks)

    play(scenario)


def test_the_same_seed_plays_the_same_market() -> None:
    def prints(seed: int) -> list[float]:
        rows: list[float] = []

        async def scenario(stage: Stage, ib: Any) -> None:
            es = await qualified(ib)
            ib.wrapper.tickByTickAllLast = lambda rid, kind, at, price, *rest: rows.append(price)
            ib.reqTickByTickData(es, "Last")
            await asyncio.sleep(5)

        play(scenario, Settings(seed=seed))
        return rows

    assert prints(3) == prints(3) != prints(4)


def test_a_recording_is_played_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "tape.csv"
    path.write_text("price_ticks,size,bid_ticks,ask_ticks\n26800,1,26799,26800\n26801,2,26800,26801\n26799,3,26799,26800\n")

    async def whole(loop: VirtualLoop) -> None:
        stage = Stage(loop, Settings(recording=path, steps_per_second=0))
        ib = await connected()
        rows: list[tuple[float, float]] = []
        es = await qualified(ib)
        ib.wrapper.tickByTickAllLast = lambda rid, kind, at, price, size, *rest: rows.append((price, size))
        ib.reqTickByTickData(es, "Last")
        await asyncio.sleep(0.1)
        stage.do("step", count=5)
        await asyncio.sleep(0.1)
        assert rows == [(6700.25, 2.0), (6699.75, 3.0)]
        ib.disconnect()
        await stage.close()

    run(whole)


def test_in_the_first_minute_of_the_day_there_is_no_bar_of_it_yet() -> None:
    opening = datetime(2026, 11, 18, 8, 30, 20, tzinfo=past.CHICAGO)
    assert len(past.days(26_800, opening - timedelta(days=1), opening)) == 1
    assert len(past.days(26_800, opening - timedelta(days=1), opening + timedelta(minutes=1))) == 2

import asyncio
from typing import Any

import pytest

from tests.gateway.house import Settings
from tests.gateway.listening import play, qualified
from tests.gateway.test_orders import STILL, order
from tests.gateway.virtual import Stage


def test_average_cost_of_a_future_contains_the_multiplier_and_the_commission() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        buy = order(ib, "BUY", 2, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        (held,) = await ib.reqPositionsAsync()
        ask = stage.do("quote", symbol="MES")["ask"]
        assert held.avgCost == pytest.approx(ask * 5 + 0.62)
        assert held.contract.exchange == ""

    play(scenario, STILL)


def test_profit_is_the_move_times_the_multiplier_less_commissions() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        es = await qualified(ib, "ES")
        start = stage.do("quote", symbol="ES")["ask"]
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, es, buy)
        await asyncio.sleep(0.1)
        stage.do("jump", symbol="ES", price=start + 10)
        sell = order(ib, "SELL", 1, "MKT")
        bid = stage.do("quote", symbol="ES")["bid"]
        ib.client.placeOrder(sell.orderId, es, sell)
        await asyncio.sleep(0.1)
        house = stage.gateway.house
        assert float(house.account.realised()) == pytest.approx((bid - start) * 50 - 2.25)
        assert house.account.holdings[es.conId].quantity == 0

    play(scenario, STILL)


def test_account_values_arrive_by_updates_and_by_summary() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        values = {v.tag: float(v.value) for v in ib.accountValues()}
        assert values["NetLiquidation"] == 50_000.0
        summary = {v.tag: float(v.value) for v in await ib.accountSummaryAsync()}
        assert summary["ExcessLiquidity"] == 50_000.0

    play(scenario, Settings(cash=Settings().cash / 2, steps_per_second=0))


def test_profit_and_loss_comes_every_second() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        told: list[float] = []
        whole = ib.reqPnL("DU1234567")
        single = ib.reqPnLSingle("DU1234567", "", mes.conId)
        ib.pnlEvent += lambda pnl: told.append(pnl.dailyPnL)
        await asyncio.sleep(5.1)
        assert 4 <= len(told) <= 6
        assert single.position == 1
        assert whole.unrealizedPnL == single.unrealizedPnL

    play(scenario, STILL)

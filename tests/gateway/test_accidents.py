import asyncio
from typing import Any

from tests.gateway.listening import connected, play, qualified
from tests.gateway.test_orders import STILL, Log, bracket, order, states
from tests.gateway.virtual import Stage


def test_statuses_can_come_twice() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("duplicate", what="ORDER_STATUS")
        stage.do("duplicate", what="EXECUTION", count=1)
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        assert log.of("status")[-2:] == [(buy.orderId, "Filled")] * 2
        assert len(log.of("fill")) == 2

    play(scenario, STILL)


def test_an_execution_can_come_before_every_status() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("executions-first")
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        assert [line[0] for line in log.lines][:2] == ["fill", "fee"]

    play(scenario, STILL)


def test_messages_can_be_held_and_let_go_in_reverse() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("hold", what=["ORDER_STATUS", "EXECUTION"])
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(1)
        assert log.of("status") == []
        stage.do("release", backwards=True)
        await asyncio.sleep(0.1)
        assert [line[0] for line in log.lines if line[0] != "fee"] == ["fill", "status", "status"]

    play(scenario, STILL)


def test_acknowledgements_can_be_lost_while_the_order_lives() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("drop", what="ORDER_STATUS")
        stage.do("drop", what="OPEN_ORDER")
        buy = order(ib, "BUY", 1, "LMT", 6690.0, orderRef="l-E")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(1)
        assert log.lines == []
        assert states(stage) == {"E": "Submitted"}

    play(scenario, STILL)


def test_an_end_marker_can_be_missing() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        stage.do("drop", what="OPEN_ORDER_END", count=1)
        asked = asyncio.ensure_future(ib.reqAllOpenOrdersAsync())
        await asyncio.sleep(5)
        assert not asked.done()
        asked.cancel()

    play(scenario, STILL)


def test_a_correction_has_the_same_base_and_the_next_number() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        buy = order(ib, "BUY", 2, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        stage.do("correct", quantity=1, price=6699.0)
        await asyncio.sleep(0.1)
        first, second = (line[1] for line in log.of("fill"))
        assert first.rpartition(".")[0] == second.rpartition(".")[0]
        assert (first[-2:], second[-2:]) == ("01", "02")
        assert stage.do("state")["positions"] == {"MESZ6": 1}

    play(scenario, STILL)


def test_the_time_in_force_can_come_back_changed_with_10349() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("tif-echo", tif="DAY")
        buy = order(ib, "BUY", 1, "LMT", 6690.0)
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        assert log.of("error") == [(buy.orderId, 10349)]
        assert [t.order.tif for t in await ib.reqAllOpenOrdersAsync()] == ["DAY"]

    play(scenario, STILL)


def test_a_manual_trade_changes_the_position_without_a_reference() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        positions: list[tuple[str, float]] = []
        ib.positionEvent += lambda p: positions.append((p.contract.symbol, p.position))
        stage.do("manual", symbol="MES", side="SELL", quantity=3)
        await asyncio.sleep(0.1)
        assert positions == [("MES", -3.0)]
        fills = await ib.reqExecutionsAsync()
        assert [(f.execution.orderRef, f.execution.orderId, f.execution.liquidation) for f in fills] == [("", 0, 0)]

    play(scenario, STILL)


def test_a_liquidation_closes_what_is_open_and_says_so() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        bracket(ib, mes, quantity=2, entry=6705.0)
        await asyncio.sleep(0.1)
        stage.do("liquidate")
        assert stage.do("state")["positions"] == {}
        fills = await ib.reqExecutionsAsync()
        assert [f.execution.liquidation for f in fills] == [0, 1]

    play(scenario, STILL)


def test_positions_and_orders_survive_a_restart_that_resets_order_ids() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        for _ in range(3):
            buy = order(ib, "BUY", 1, "MKT")
            ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        stage.do("restart", reset_ids=True)
        await asyncio.sleep(1)
        again = await connected()
        assert [p.position for p in again.positions()] == [3.0]
        assert stage.gateway.house.exchange.next_valid_id(7) == 1
        again.disconnect()

    play(scenario, STILL)


def test_requests_made_while_the_broker_is_away_take_effect_when_it_is_back() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        stage.do("lose-broker")
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(5)
        assert stage.do("state")["positions"] == {}
        stage.do("regain-broker")
        assert stage.do("state")["positions"] == {"MESZ6": 1}

    play(scenario, STILL)

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.gateway.house import Settings
from tests.gateway.listening import connected, library, play, qualified
from tests.gateway.virtual import Stage

STILL = Settings(steps_per_second=0)


@dataclass
class Log:
    """Raw callbacks about orders, in order of arrival."""

    lines: list[tuple[Any, ...]] = field(default_factory=list)

    def tap(self, ib: Any) -> None:
        wrapper = ib.wrapper
        status, execution, commission = wrapper.orderStatus, wrapper.execDetails, wrapper.commissionReport

        def on_status(order_id: int, what: str, *rest: Any) -> None:
            self.lines.append(("status", order_id, what))
            status(order_id, what, *rest)

        def on_execution(request: int, contract: Any, done: Any) -> None:
            self.lines.append(("fill", done.orderId, done.execId, done.shares, done.price))
            execution(request, contract, done)

        def on_commission(report: Any) -> None:
            self.lines.append(("fee", report.execId, report.commission))
            commission(report)

        wrapper.orderStatus, wrapper.execDetails, wrapper.commissionReport = on_status, on_execution, on_commission
        ib.errorEvent += lambda request, code, text, contract: self.lines.append(("error", request, code))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [line[1:] for line in self.lines if line[0] == kind]


def order(ib: Any, action: str, quantity: int, kind: str, price: float | None = None, **more: Any) -> Any:
    prices: dict[str, Any] = {"LMT": {"lmtPrice": price}, "STP": {"auxPrice": price}}.get(kind, {})
    return library().Order(
        orderId=ib.client.getReqId(),
        action=action,
        totalQuantity=quantity,
        orderType=kind,
        tif="GTC",
        outsideRth=True,
        **prices,
        **more,
    )


def bracket(
    ib: Any, contract: Any, quantity: int = 1, entry: float = 6700.0, stop: float = 6695.0, target: float = 6710.0
) -> list[Any]:
    parent = order(ib, "BUY", quantity, "LMT", entry, transmit=False, orderRef="of1-t-1-E")
    group = {"parentId": parent.orderId, "ocaGroup": "of1-t-1", "ocaType": 1}
    profit = order(ib, "SELL", quantity, "LMT", target, transmit=False, orderRef="of1-t-1-T", **group)
    loss = order(ib, "SELL", quantity, "STP", stop, orderRef="of1-t-1-S", **group)
    for leg in (parent, profit, loss):
        ib.client.placeOrder(leg.orderId, contract, leg)
    return [parent, profit, loss]


def states(stage: Stage) -> dict[str, str]:
    return {o["ref"][-1]: o["status"] for o in stage.do("state")["orders"] if o["ref"]}


def test_a_market_order_fills_at_the_opposite_quote_and_pays_commission() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        buy = order(ib, "BUY", 2, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        ask = stage.do("quote", symbol="MES")["ask"]
        ((order_id, exec_id, shares, price),) = log.of("fill")
        assert (order_id, shares, price) == (buy.orderId, 2, ask)
        assert log.of("fee") == [(exec_id, 1.24)]
        assert log.of("status")[-1] == (buy.orderId, "Filled")
        assert stage.do("state")["positions"] == {"MESZ6": 2}

    play(scenario, STILL)


def test_nothing_of_a_bracket_lives_before_its_last_leg_is_transmitted() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        parent = order(ib, "BUY", 1, "MKT", transmit=False)
        ib.client.placeOrder(parent.orderId, mes, parent)
        await asyncio.sleep(0.1)
        assert stage.do("state")["orders"][0]["staged"]
        assert await ib.reqAllOpenOrdersAsync() == []

    play(scenario, STILL)


def test_a_bracket_sleeps_fills_wakes_its_children_and_ends_with_one_of_them() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        bracket(ib, mes, entry=6690.0, stop=6685.0, target=6700.0)
        await asyncio.sleep(0.1)
        assert states(stage) == {"E": "Submitted", "T": "PreSubmitted", "S": "PreSubmitted"}
        stage.do("jump", symbol="MES", price=6689.5)
        assert states(stage) == {"E": "Filled", "T": "Submitted", "S": "PreSubmitted"}
        assert stage.do("state")["positions"] == {"MESZ6": 1}
        stage.do("jump", symbol="MES", price=6701.0)
        assert states(stage) == {"E": "Filled", "T": "Filled", "S": "Cancelled"}
        assert stage.do("state")["positions"] == {}

    play(scenario, STILL)


def test_a_stop_triggers_on_a_print_and_takes_the_target_along() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        bracket(ib, mes, entry=6705.0)
        await asyncio.sleep(0.1)
        assert states(stage)["E"] == "Filled"
        stage.do("jump", symbol="MES", price=6694.0)
        assert states(stage) == {"E": "Filled", "T": "Cancelled", "S": "Filled"}
        assert stage.do("state")["positions"] == {}

    play(scenario, STILL)


def test_a_stop_without_outside_rth_sleeps_through_the_night() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        asleep, awake = order(ib, "SELL", 1, "STP", 6699.0, orderRef="n-D"), order(ib, "SELL", 1, "STP", 6699.0, orderRef="n-O")
        asleep.outsideRth = False
        for leg in (asleep, awake):
            ib.client.placeOrder(leg.orderId, mes, leg)
        stage.loop.now_s += 8 * 3600  # from 09:00 to 17:00 Chicago
        await asyncio.sleep(0.1)
        stage.do("jump", symbol="MES", price=6698.0)
        assert states(stage) == {"D": "PreSubmitted", "O": "Filled"}

    play(scenario, STILL)


def test_a_cancelled_parent_takes_its_children_along() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        parent, *_ = bracket(ib, mes, entry=6690.0)
        await asyncio.sleep(0.1)
        ib.client.cancelOrder(parent.orderId)
        await asyncio.sleep(0.1)
        assert states(stage) == {"E": "Cancelled", "T": "Cancelled", "S": "Cancelled"}
        assert log.of("error") == [(parent.orderId, 202)]

    play(scenario, STILL)


def test_partial_fills_come_one_by_one() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("habits", most_per_fill=1)
        buy = order(ib, "BUY", 3, "LMT", 6705.0)
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        assert [f[2] for f in log.of("fill")] == [1]
        stage.do("step", count=5)
        await asyncio.sleep(0.1)
        assert [f[2] for f in log.of("fill")] == [1, 1, 1]
        assert len({f[1] for f in log.of("fill")}) == 3

    play(scenario, STILL)


def test_a_changed_order_keeps_its_id_and_takes_the_new_price() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        buy = order(ib, "BUY", 1, "LMT", 6690.0, orderRef="m-E")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        buy.lmtPrice = 6691.0
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        (kept,) = stage.do("state")["orders"]
        assert (kept["limit"], kept["status"]) == (6691.0, "Submitted")

    play(scenario, STILL)


def test_changing_a_filled_order_is_refused_with_104() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        buy = order(ib, "BUY", 1, "LMT", 6705.0)
        for _ in range(2):
            ib.client.placeOrder(buy.orderId, mes, buy)
            await asyncio.sleep(0.1)
        assert log.of("error") == [(buy.orderId, 104)]

    play(scenario, STILL)


def test_an_id_below_an_earlier_one_is_a_duplicate_and_an_orphan_misses_its_parent() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        first = order(ib, "BUY", 1, "LMT", 6600.0)
        first.orderId = 500
        ib.client.placeOrder(500, mes, first)
        late = order(ib, "BUY", 1, "LMT", 6600.0)
        ib.client.placeOrder(499, mes, late)
        orphan = order(ib, "SELL", 1, "LMT", 6800.0, parentId=777)
        ib.client.placeOrder(501, mes, orphan)
        await asyncio.sleep(0.1)
        assert log.of("error") == [(499, 103), (501, 10006)]

    play(scenario, STILL)


def test_cancelling_what_is_unknown_or_over_is_refused() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        buy = order(ib, "BUY", 1, "MKT")
        ib.client.placeOrder(buy.orderId, mes, buy)
        ib.client.cancelOrder(buy.orderId)
        ib.client.cancelOrder(9999)
        await asyncio.sleep(0.1)
        assert log.of("error") == [(buy.orderId, 10148), (9999, 10147)]

    play(scenario, STILL)


def test_only_the_client_that_placed_an_order_can_cancel_it_but_all_can_see_it() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        buy = order(ib, "BUY", 1, "LMT", 6600.0, orderRef="c-E")
        ib.client.placeOrder(buy.orderId, mes, buy)
        other, log = await connected(client_id=8), Log()
        log.tap(other)
        other.client.cancelOrder(buy.orderId)
        await asyncio.sleep(0.1)
        assert log.of("error") == [(buy.orderId, 10147)]
        assert await other.reqOpenOrdersAsync() == []
        assert [t.order.orderRef for t in await other.reqAllOpenOrdersAsync()] == ["c-E"]
        other.disconnect()

    play(scenario, STILL)


def test_global_cancel_ends_everything_manual_orders_too() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        bracket(ib, mes, entry=6690.0)
        stage.do("manual", symbol="ES", side="BUY", type="LMT", limit=6600.0)
        await asyncio.sleep(0.1)
        assert len(await ib.reqAllOpenOrdersAsync()) == 4
        ib.client.reqGlobalCancel()
        await asyncio.sleep(0.1)
        assert await ib.reqAllOpenOrdersAsync() == []

    play(scenario, STILL)


def test_a_group_of_type_two_shrinks_instead_of_dying() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        legs = [
            order(ib, "SELL", 3, "LMT", price, ocaGroup="g", ocaType=2, orderRef=f"g-{i}")
            for i, price in enumerate((6720.0, 6730.0))
        ]
        for leg in legs:
            ib.client.placeOrder(leg.orderId, mes, leg)
        await asyncio.sleep(0.1)
        stage.do("fill", ref="g-0", quantity=1, price=6720.0)
        assert [(o["quantity"], o["filled"], o["status"]) for o in stage.do("state")["orders"]] == [
            (3, 1, "Submitted"),
            (2, 0, "Submitted"),
        ]

    play(scenario, STILL)


def test_a_slow_group_can_fill_twice() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        stage.do("habits", group_delay_s=2)
        bracket(ib, mes, entry=6705.0)
        await asyncio.sleep(0.1)
        stage.do("jump", symbol="MES", price=6711.0)
        stage.do("jump", symbol="MES", price=6690.0)
        assert states(stage) == {"E": "Filled", "T": "Filled", "S": "Filled"}
        assert stage.do("state")["positions"] == {"MESZ6": -1}

    play(scenario, STILL)


def test_open_and_completed_orders_and_executions_tell_the_whole_story() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        bracket(ib, mes, entry=6705.0)
        await asyncio.sleep(0.1)
        assert {t.order.orderRef[-1] for t in await ib.reqOpenOrdersAsync()} == {"T", "S"}
        completed = await ib.reqCompletedOrdersAsync(False)
        assert [(t.order.orderRef[-1], t.orderStatus.status) for t in completed] == [("E", "Filled")]
        log = Log()
        log.tap(ib)
        fills = await ib.reqExecutionsAsync()
        assert [(f.execution.orderRef, f.execution.shares) for f in fills] == [("of1-t-1-E", 1.0)]
        assert [fee for _, fee in log.of("fee")] == [0.62]

    play(scenario, STILL)


@pytest.mark.parametrize("manner", ["", "unset-first"])
def test_a_what_if_tells_margin_and_places_nothing(manner: str) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        stage.do("what-if", manner=manner)
        answers: list[str] = []
        opened = ib.wrapper.openOrder

        def on_open(number: int, contract: Any, asked: Any, state: Any) -> None:
            answers.append(state.initMarginAfter)
            opened(number, contract, asked, state)

        ib.wrapper.openOrder = on_open
        state = await asyncio.wait_for(ib.whatIfOrderAsync(mes, order(ib, "BUY", 2, "MKT")), 2)
        assert float(answers[-1]) == 3300.0
        assert len(answers) == (2 if manner else 1)
        assert state.commission in {1.24, 1.7976931348623157e308}
        assert stage.do("state")["orders"] == []

    play(scenario, STILL)


def test_a_what_if_can_stay_without_an_answer() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes = await qualified(ib, "MES")
        stage.do("what-if", manner="never")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ib.whatIfOrderAsync(mes, order(ib, "BUY", 1, "MKT")), 3)

    play(scenario, STILL)


REJECTS = (201, 203, 103, 106, 107, 109, 110, 111, 133, 163, 200, 321, 382, 383, 387, 388, 392, 434, 451)


@pytest.mark.parametrize("code", REJECTS)
def test_a_new_order_is_rejected_with_any_code_on_demand(code: int) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("order-fault", on="place", code=code, role="S")
        *_, stop = bracket(ib, mes, entry=6705.0)
        await asyncio.sleep(0.1)
        assert (stop.orderId, code) in log.of("error")
        assert "S" not in states(stage)

    play(scenario, STILL)


@pytest.mark.parametrize("code", [104, 105, 110, 134, 321, 329, 2102])
def test_a_change_fails_with_any_code_and_the_order_lives_on(code: int) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        buy = order(ib, "BUY", 1, "LMT", 6690.0, orderRef="x-E")
        ib.client.placeOrder(buy.orderId, mes, buy)
        stage.do("order-fault", on="change", code=code)
        buy.lmtPrice = 6691.0
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        (kept,) = stage.do("state")["orders"]
        assert (kept["limit"], kept["status"]) == (6690.0, "Submitted")
        assert log.of("error") == [(buy.orderId, code)]

    play(scenario, STILL)


@pytest.mark.parametrize("code", [135, 136, 161, 10147, 10148])
def test_a_cancel_fails_with_any_code_and_the_order_lives_on(code: int) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        buy = order(ib, "BUY", 1, "LMT", 6690.0, orderRef="x-E")
        ib.client.placeOrder(buy.orderId, mes, buy)
        stage.do("order-fault", on="cancel", code=code)
        ib.client.cancelOrder(buy.orderId)
        await asyncio.sleep(0.1)
        assert states(stage) == {"E": "Submitted"}
        assert log.of("error") == [(buy.orderId, code)]

    play(scenario, STILL)


@pytest.mark.parametrize("code", [399, 404, 10349, 2109, 2137, 10311, 507])
def test_an_order_can_be_warned_about_and_live(code: int) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        mes, log = await qualified(ib, "MES"), Log()
        log.tap(ib)
        stage.do("order-fault", on="place", code=code, alive=True)
        buy = order(ib, "BUY", 1, "LMT", 6690.0, orderRef="x-E")
        ib.client.placeOrder(buy.orderId, mes, buy)
        await asyncio.sleep(0.1)
        assert states(stage) == {"E": "Submitted"}
        assert log.of("error") == [(buy.orderId, code)]

    play(scenario, STILL)

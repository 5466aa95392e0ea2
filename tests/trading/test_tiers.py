"""Tiers choose the contract: the real engine on a tape of ES, orders in ES or MES, never one while the other is held."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from orderflow_tui.adapters.journal_memory import MemoryJournal
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.domain.action import Alert, Row
from orderflow_tui.domain.event import ClockTick, Command, HouseHealth, OperatorCommand
from orderflow_tui.domain.market import Quote, trades_of
from orderflow_tui.domain.order import Order
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.market.params import MarketParams
from orderflow_tui.signals.params import SignalParams
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.invariants import broken
from orderflow_tui.trading.limits import RiskLimits, TierRow, Timing, TradingParams
from orderflow_tui.window import WindowParams
from tests.builders import ES, MES, TABLE, at
from tests.trading.house import House

FLOOR_CENTS = 10_000_000
TWO = (TierRow(1, 0, "MES", 3, 30_000), TierRow(2, FLOOR_CENTS, "ES", 1, 50_000))
CHEAP_ES = replace(ES, margin_cents=600_000)


@dataclass
class Tape:
    """A tape of ES second by second, an engine with tiers, a simulated broker that executes both contracts on it."""

    balance_cents: int
    es: object = CHEAP_ES
    configured: str = "MES"
    rows: tuple[Row, ...] = ()
    alerts: list[Alert] = field(default_factory=list)
    price: int = 20_000
    keys: int = 0

    def __post_init__(self) -> None:
        instruments = {"ES": self.es, "MES": MES}
        tiered = ("ES",) if self.configured == "MES" else ("MES",)
        params = EngineParams(
            analysis=instruments["ES"],  # type: ignore[arg-type]
            execution=instruments[self.configured],  # type: ignore[arg-type]
            instruments=instruments,  # type: ignore[arg-type]
            table=TABLE,
            market=MarketParams(),
            signals=SignalParams(),
            trading=TradingParams(
                risk=RiskLimits(daily_loss_cents=100_000, max_drawdown_cents=100_000, max_contracts=1),
                timing=Timing(),
                tiers_enabled=True,
                tiers=TWO,
            ),
            window=WindowParams(),
            account="SIM",
            tiered=tiered,
        )
        self.now_ns = at(10, 30)
        self.journal = MemoryJournal()
        self.engine = Engine(params)
        self.engine.restore(self.rows)
        self.broker = SimBroker([self.es, MES], "ES", balance_cents=self.balance_cents, table=TABLE)  # type: ignore[list-item]
        self.loop = ClosedLoop(self.engine, self.broker, self.journal, alert=self.alerts.append)
        self.trade(self.price)
        self.broker.connect(self.now_ns)
        self.run(12)

    def trade(self, price: int) -> None:
        """A second passes, a trade comes; everything must hold after it."""
        self.now_ns += SECOND_NS
        self.price = price
        self.loop.feed(trades_of("ES", [self.now_ns], [price], [1], [1], bid=[price - 1], ask=[price]))
        self.loop.feed(ClockTick(self.now_ns + 500 * MS_NS))
        floor = self.engine.desk._floor
        assert not broken(floor)
        assert len({*floor.ledger.held, *(t.order.instrument for t in floor.blotter.live)}) <= 1, "never two contracts at once"

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.trade(self.price)

    def press(self, command: Command, **args: str) -> None:
        self.keys += 1
        self.loop.feed(OperatorCommand(self.now_ns + 600 * MS_NS, command, f"k{self.keys}", args))

    def buy(self) -> None:
        self.press(Command.ARM)
        self.press(Command.BRACKET, side="BUY", quantity="1")
        self.run(3)

    def lose(self) -> None:
        """The market falls through the stop."""
        for _ in range(30):
            self.trade(self.price - 1)
        self.run(3)

    @property
    def desk(self) -> Desk:
        return self.engine.desk

    @property
    def orders(self) -> list[Order]:
        return [ticket.order for ticket in self.desk._floor.blotter.tickets.values()]

    def sentences(self, kind: str) -> list[str]:
        return [a.text for a in self.alerts if a.kind == kind]

    def noted(self) -> list[str]:
        return [row.ref for row in self.journal.orders if row.kind == "instrument"]


@pytest.mark.parametrize("configured", ["MES", "ES"])
@pytest.mark.parametrize(("balance_cents", "symbol"), [(FLOOR_CENTS - 1, "MES"), (FLOOR_CENTS, "ES"), (3 * FLOOR_CENTS, "ES")])
def test_the_balance_at_the_sessions_start_decides_what_orders_go_out_in(
    balance_cents: int, symbol: str, configured: str
) -> None:
    tape = Tape(balance_cents, configured=configured)
    tape.buy()
    assert tape.desk.execution == symbol
    assert tape.desk.position(symbol) == 1, tape.desk.refusals
    assert {order.instrument for order in tape.orders} == {symbol}
    assert tape.desk.protection.value == "at broker"


def test_a_balance_that_falls_out_of_its_tier_changes_the_contract_only_when_flat() -> None:
    tape = Tape(FLOOR_CENTS + 5_000)
    tape.buy()
    tape.trade(tape.price - 8)  # deep enough in the red to be below the floor, were it closed now
    assert (tape.desk.execution, tape.desk.position("ES")) == ("ES", 1)
    tape.lose()
    tape.run(20)  # the next account report tells the new balance
    assert tape.desk.position("ES") == 0
    assert tape.desk.execution == "MES"
    assert tape.sentences("tier")
    tape.buy()
    assert tape.desk.position("MES") == 1
    assert tape.noted()[-1] == "MES"


def test_a_balance_that_rises_into_a_tier_waits_for_the_next_session() -> None:
    tape = Tape(FLOOR_CENTS - 1_000)
    tape.buy()
    for _ in range(30):
        tape.trade(tape.price + 1)
    tape.run(20)
    assert tape.desk.position("MES") == 0
    assert tape.desk.equity_cents is not None
    assert tape.desk.equity_cents > FLOOR_CENTS
    assert tape.desk.execution == "MES"


def test_an_entry_whose_margin_is_refused_in_es_is_tried_once_in_mes_and_the_next_one_in_es_again() -> None:
    dear = replace(ES, margin_cents=9_000_000)
    tape = Tape(FLOOR_CENTS + 50_000, es=dear)
    assert tape.desk.execution == "ES"
    tape.buy()
    assert tape.desk.position("MES") == 1, tape.desk.refusals
    assert {order.instrument for order in tape.orders} == {"MES"}
    assert [r.rule for r in tape.desk.refusals] == ["margin"]
    assert tape.sentences("margin") == ["ES refused for its margin: the same entry is tried in MES"]
    assert [row.kind for row in tape.journal.orders if row.kind in ("refusal", "instrument", "intent")][-3:] == [
        "refusal",
        "instrument",
        "intent",
    ]
    tape.press(Command.CANCEL_ENTRIES)
    tape.lose()
    assert tape.desk.position("MES") == 0
    tape.run(3)
    assert tape.desk.execution == "ES", "the tier decides again when flat"


def test_an_entry_refused_in_both_contracts_is_refused_and_one_refused_for_something_else_is_not_tried_again() -> None:
    tape = Tape(FLOOR_CENTS, es=replace(ES, margin_cents=9_000_000))
    tape.desk._floor.params = replace(tape.desk._floor.params, risk=replace(tape.desk.limits, margin_ceiling_cents=(("MES", 1),)))
    tape.buy()
    assert [r.rule for r in tape.desk.refusals] == ["margin", "margin ceiling"]
    assert tape.orders == []
    tape.press(Command.DISARM)
    tape.press(Command.BRACKET, side="BUY", quantity="1")
    assert [r.rule for r in tape.desk.refusals][2:] == ["armed"]


def test_after_a_restart_what_is_held_decides_before_the_tier_and_the_configuration() -> None:
    tape = Tape(FLOOR_CENTS)
    tape.buy()
    again = Engine(tape.engine.params)
    again.restore(tape.journal.orders)
    again.on(ClockTick(tape.now_ns + SECOND_NS))
    assert (again.desk.execution, again.desk.position()) == ("ES", 1)


def test_while_a_flatten_runs_the_contract_stays() -> None:
    tape = Tape(FLOOR_CENTS)
    tape.buy()
    tape.press(Command.FLATTEN)
    assert tape.desk.flattening
    assert tape.desk.execution == "ES"


def test_a_tier_in_a_contract_we_do_not_know_leaves_the_configured_one_and_size_zero_where_that_is_larger() -> None:
    params = TradingParams(tiers_enabled=True, tiers=(TierRow(1, 0, "MNQ", 3, 30_000),))
    desk = Desk(params, {"MES": MES, "ES": ES}, "ES", "U1", "t", tiered=("MES",))
    house = House(params, desk=desk)
    house.wait(1)
    assert house.desk.execution == "ES"
    assert house.desk.contracts_allowed == 0


def test_a_contract_a_tier_may_execute_in_must_be_known() -> None:
    with pytest.raises(ValueError, match="'MNQ' is not among MES"):
        Desk(TradingParams(), {"MES": MES}, "MES", "U1", "t", tiered=("MNQ",))


def test_the_configured_balance_never_chooses_the_contract_before_the_broker_has_told_the_accounts() -> None:
    """A paper account of 3,000 started in the tier of the 10,000 that the shipped file names for simulations."""
    risk = RiskLimits(starting_balance_cents=2 * FLOOR_CENTS, max_contracts=1)
    params = TradingParams(risk=risk, tiers_enabled=True, tiers=TWO)
    house = House(params, desk=Desk(params, {"MES": MES, "ES": ES}, "MES", "U1", "t", tiered=("ES",)))
    house.broker.mute_reports = True
    house.wait(1)
    assert house.desk.equity_cents == 2 * FLOOR_CENTS
    assert house.desk.execution == "MES"
    assert house.desk.tier == TWO[0]
    house.tell(replace(house.broker.report(house.now, 1), equity_cents=300_000))
    assert house.desk.execution == "MES"
    assert [row.ref for row in house.rows if row.kind == "tier"] == ["1"]


def test_a_restart_goes_on_with_the_sessions_tier_before_the_first_report() -> None:
    tape = Tape(FLOOR_CENTS)
    again = Engine(tape.engine.params)
    again.restore(tape.journal.orders)
    again.on(ClockTick(tape.now_ns + SECOND_NS))
    assert again.desk.tier == TWO[1]
    assert again.desk.loss_limit_cents == 50_000, "not the lowest tier's, which the day's loss may have passed"


# -- marks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_quotes", [False, True])
def test_the_days_loss_limit_follows_the_market_also_where_the_executed_contract_has_quotes_of_its_own(own_quotes: bool) -> None:
    tape = Tape(FLOOR_CENTS - 1)
    if own_quotes:
        tape.loop.feed(Quote("MES", tape.now_ns + 600 * MS_NS, tape.price - 1, tape.price))
    tape.buy()
    assert tape.desk.position("MES") == 1, tape.desk.refusals
    tape.press(Command.LIMIT, limit="daily_loss_cents", value="1500")
    for _ in range(12):
        tape.trade(tape.price - 1)
    assert "DAILY_LOSS" in {latch.kind.value for latch in tape.desk.latches}
    assert tape.desk.ledger.net_cents <= -1_500


@pytest.mark.parametrize("length", [1, 7, 40])
def test_tier_contract_and_health_do_not_depend_on_how_the_tape_is_cut(length: int) -> None:
    def life(cut: int) -> list[tuple[int, str, str]]:
        tape = Tape(FLOOR_CENTS + 5_000)
        tape.buy()
        tape.loop.feed(HouseHealth(tape.now_ns + 700 * MS_NS, loop_late_ms=1_500))
        tape.loop.feed(HouseHealth(tape.now_ns + 750 * MS_NS))
        stamps = [tape.now_ns + (i + 1) * SECOND_NS for i in range(40)]
        prices = [tape.price - min(i, 30) for i in range(40)]
        for at_ in range(0, 40, cut):
            ts, px = stamps[at_ : at_ + cut], prices[at_ : at_ + cut]
            ones = [1] * len(ts)
            tape.loop.feed(trades_of("ES", ts, px, ones, ones, bid=[p - 1 for p in px], ask=px))
        assert tape.desk.execution == "MES"
        return [(row.ts_ns, row.kind, row.ref) for row in tape.journal.orders]

    assert life(length) == life(13)

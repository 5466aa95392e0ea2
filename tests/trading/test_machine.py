"""A desk, a broker that drops words and fills when it likes, a journal that falls silent, a person who presses anything.

After every step the invariants hold; when the trouble ends, all is flat or protected, and both sides agree.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Send, SendChange
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Purpose, Role
from orderflow_tui.trading.limits import RiskLimits, TradingParams
from tests.trading.house import PRICE, House, TinyBroker

LIMITS = RiskLimits(
    starting_balance_cents=10_000_000,
    max_contracts=3,
    daily_loss_cents=200_000,
    max_drawdown_cents=200_000,
    max_consecutive_losses=100,
    max_trades_per_day=100,
)
PRESSED = [
    Command.FLATTEN,
    Command.HALT,
    Command.CANCEL_ENTRIES,
    Command.ARM,
    Command.DISARM,
    Command.RECONCILE,
    Command.REVERSE,
    Command.STOP,
    Command.UNATTENDED,
]


class Trading(RuleBasedStateMachine):
    """The invariants of the trading floor under any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(TradingParams(risk=LIMITS))
        self.past: list[House] = []
        self.rowless: set[str] = set()  # orders that left without their row before a restart
        self.epoch = 1

    @initialize()
    def connect(self) -> None:
        self.house.link(Link.READY, self.epoch)

    @rule(side=st.sampled_from(["BUY", "SELL"]), quantity=st.integers(1, 3))
    def enter(self, side: str, quantity: int) -> None:
        self.house.bracket(side, quantity)

    @rule(move=st.integers(-30, 30))
    def trade(self, move: int) -> None:
        self.house.trade(PRICE + move)

    @rule(ms=st.integers(1, 4_000))
    def wait(self, ms: int) -> None:
        self.house.wait(ms)

    @rule(command=st.sampled_from(PRESSED))
    def press(self, command: Command) -> None:
        self.house.press(command)

    @rule()
    def resume(self) -> None:
        self.house.press(Command.RESUME, word="RESUME", key_ok="1")

    @rule(mute=st.booleans(), deaf=st.booleans(), silent=st.booleans(), part=st.sampled_from([None, 1, 2]))
    def behave(self, mute: bool, deaf: bool, silent: bool, part: int | None) -> None:
        broker = self.house.broker
        broker.mute, broker.deaf, broker.mute_reports, broker.part = mute, deaf, silent, part

    @rule(role=st.sampled_from([None, Role.ENTRY, Role.STOP, Role.TARGET, Role.EMERGENCY, Role.FLATTEN]))
    def reject(self, role: Role | None) -> None:
        self.house.broker.reject = lambda order: order.role is role

    @rule(journal=st.sampled_from(["prompt", "silent", "failing"]))
    def write(self, journal: str) -> None:
        self.house.journal = journal

    @rule()
    def lose_the_line(self) -> None:
        self.house.link(Link.BACKOFF, self.epoch)
        self.epoch += 1
        self.house.link(Link.READY, self.epoch)

    @rule(is_open=st.booleans())
    def market(self, is_open: bool) -> None:
        self.house.changes["market_open"] = is_open

    @rule(revision=st.integers(1, 3), quantity=st.integers(0, 2))
    def repeat_or_correct(self, revision: int, quantity: int) -> None:
        """The broker says its last execution again, or takes part of it back."""
        broker = self.house.broker
        if not broker.fills:
            return
        last = broker.fills[-1]
        if revision > last.revision and quantity <= last.quantity:
            fixed = replace(last, exec_id=f"{last.base_id}.{revision:02d}", revision=revision, quantity=quantity)
            broker.position += last.side * (quantity - last.quantity)
            broker.fills[-1] = last = fixed
        self.house.tell(last)

    @rule()
    def restart(self) -> None:
        self.past.append(self.house)
        self.house.journal = "prompt"
        before = self.house
        sent = {o.id for s in before.all(Send) for o in s.orders}
        self.rowless |= sent - {row.ref for row in before.rows if row.kind == "order"}
        self.house = before.restart()
        self.house.changes = dict(before.changes)
        self.epoch += 1
        self.house.link(Link.READY, self.epoch)

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        houses = [*self.past, self.house]
        sent = [(o.id, o.revision) for h in houses for s in h.all(Send) for o in s.orders]
        sent += [(c.order.id, c.order.revision) for h in houses for c in h.all(SendChange)]
        assert len(sent) == len(set(sent))

    @invariant()
    def no_invariant_of_our_own_is_broken(self) -> None:
        """An exit that left without its row, which then died with the process, is a stranger with our name: that must lock."""
        broken = [latch.reason for latch in self.house.desk.latches if latch.kind is LatchKind.INVARIANT]
        assert all(any(order_id in reason for order_id in self.rowless) for reason in broken), broken

    @invariant()
    def our_entries_never_make_more_than_allowed(self) -> None:
        entries = sum(t.remaining for t in self.house.floor.blotter.entries() if t.cancel_ns is None)
        assert entries <= LIMITS.max_contracts
        assert len(self.house.floor.blotter.entries()) <= 1

    @invariant()
    def no_entry_leaves_under_a_latch(self) -> None:
        """Counted where it matters: what the broker got after the newest latch."""
        actions = self.house.done
        for i, action in enumerate(actions):
            if isinstance(action, Send) and any(o.purpose is Purpose.ENTRY for o in action.orders):
                before = [a for a in actions[:i] if type(a).__name__ == "Commit" and a.rows[0].kind == "latch"]  # type: ignore[union-attr]
                standing: set[str] = set()
                for commit in before:
                    row = commit.rows[0]  # type: ignore[union-attr]
                    (standing.add if row.payload["open"] else standing.discard)(row.ref)
                assert not standing

    @invariant()
    def every_execution_counts_once(self) -> None:
        for symbol in self.house.floor.held:
            assert self.house.desk.position(symbol) == self.house.floor.blotter.position(symbol)

    def teardown(self) -> None:
        """The trouble ends: in a minute all is flat or protected and both sides agree."""
        house, broker = self.house, self.house.broker
        broker.mute = broker.deaf = broker.mute_reports = False
        broker.part, broker.reject, house.journal = None, lambda _: False, "prompt"
        house.changes["market_open"] = True
        for _ in range(60):
            house.wait(999)
            house.trade(house.last)
        if house.state == "LOCKED":
            house.press(Command.FLATTEN)
            for _ in range(30):
                house.wait(999)
                house.trade(house.last)
        assert house.desk.position() == broker.position
        assert house.desk.flattening is None
        assert not house.floor.blotter.unresolved()
        assert not house.floor.recovering
        if broker.position:
            assert house.desk.protection.value == "at broker"
            assert house.assured == abs(broker.position)
        elif not house.floor.blotter.entries():
            assert [h.order.id for h in broker.orders.values() if h.alive] == []


TestTrading = Trading.TestCase
TestTrading.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_a_tiny_broker_is_a_fair_model() -> None:
    """An honest run makes the same money on both sides."""
    house = House(broker=TinyBroker()).enter(quantity=2)
    house.trade(PRICE + 40)
    bought, sold = house.broker.fills
    cash = (sold.price_ticks - bought.price_ticks) * 2 * 125 - 4 * 62
    assert house.desk.ledger.net_cents == cash

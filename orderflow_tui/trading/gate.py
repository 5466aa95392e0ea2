"""The gate: the only place where an order or a change comes into being.

Theory. A wish (`Intent`) becomes orders in two looks.

* First look. Every rule that binds the wish's purpose is asked, in the order of `RULES`; the first refusal ends it, and a
  refusal names the rule and its numbers. What passes becomes orders with ids that were never used before, and a `Commit`:
  the journal knows them before anybody else does.
* Second look, when the journal has answered. Between the two looks the world may have moved, so an entry is looked at
  again: no latch, no fence, no revocation, inside window and collar, not older than the commit wait. Only then is there a
  `Send`.

Entries and everything else are asymmetric on purpose. An entry that meets any doubt dies: it is revoked by halt, flatten
and disconnect, and it never leaves without its commit. Protection, reduction and flatten wait for the journal as long as
an entry may, and then leave without it, because a position without a stop is worse than a missing row; the row follows
and an alert is raised. There is no flag that lets anything around this file, not for flatten and not for tests.

Ids are `of1-<install>-<counter>-<role>`. The counter only grows, is restored from the journal, and is used up by a
proposal whether or not it is sent, so no id ever names two orders. Broker-side numbers are drawn with it, before the
commit, so that a deliberate second sending could only ever repeat the same number.

A live order is moved by a `Change`: a new revision with a new quantity or price. It is refused while an earlier change is
unanswered or when the revision moved meanwhile. Less is always allowed; more never is: growth is an additional
protective order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from orderflow_tui.domain.action import Commit, Json, Row, Send, SendChange
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.order import Change, Intent, Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading import rows, rules
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.look import Look, Refusal

Rule = Callable[[Look], Refusal | None]

EVERY = frozenset(Purpose)
ENTRY = frozenset({Purpose.ENTRY})
EXITS = EVERY - ENTRY
PROTECT = frozenset({Purpose.PROTECT})
ONCE = frozenset({Purpose.ENTRY, Purpose.REDUCE})

RULES: tuple[tuple[Rule, frozenset[Purpose]], ...] = (
    (rules.send_path, EVERY),
    (rules.known_instrument, EVERY),
    (rules.whole_quantity, EVERY),
    (rules.hard_caps, EVERY),
    (rules.cause_unused, ONCE),
    (rules.running, ENTRY),
    (rules.execution_instrument, ENTRY),
    (rules.armed, ENTRY),
    (rules.inside_window, ENTRY),
    (rules.before_expiry, ENTRY),
    (rules.carries_stop, ENTRY),
    (rules.anchored, ENTRY),
    (rules.quoted_lately, ENTRY),
    (rules.price_collar, ENTRY),
    (rules.size_allowed, ENTRY),
    (rules.one_entry, ENTRY),
    (rules.concurrent_trades, ENTRY),
    (rules.not_against_position, ENTRY),
    (rules.worst_case_position, ENTRY),
    (rules.worst_case_day, ENTRY),
    (rules.entry_rate, ENTRY),
    (rules.cooled_down, ENTRY),
    (rules.margin_share, ENTRY),
    (rules.margin_ceiling, ENTRY),
    (rules.excess_liquidity, ENTRY),
    (rules.notional_cap, ENTRY),
    (rules.leverage_cap, ENTRY),
    (rules.unlocked_or_person, EXITS),
    (rules.reduces, EXITS),
    (rules.stop_ahead, PROTECT),
)


class Fate(Enum):
    """What the second look says."""

    SEND = "SEND"
    SEND_UNCOMMITTED = "SEND_UNCOMMITTED"
    WAIT = "WAIT"
    DROP = "DROP"


class Answer(Enum):
    """What the journal said about a commit."""

    SILENT = "SILENT"
    COMMITTED = "COMMITTED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Passed the first look, waits for the journal. Either `orders` of one intent or one `change` with the order it makes.

    `ids` is what the commit goes by. `rows` are kept in case they must be written later.
    """

    ids: tuple[str, ...]
    rows: tuple[Row, ...]
    orders: tuple[Order, ...]
    change: Change | None
    proposed_ns: int
    purpose: Purpose
    intent: Intent | None = None

    @property
    def commit(self) -> Commit:
        """The action that asks for the first durability."""
        return Commit(self.rows, self.ids)

    @property
    def send(self) -> Send | SendChange:
        """The action that lets it out."""
        return Send(self.orders) if self.change is None else SendChange(self.change, self.orders[0])


class Gate:
    """Draws ids, asks the rules, makes orders and changes, and decides at the second look."""

    __slots__ = ("_account", "_counter", "_entry_timeout_ns", "_install", "_number", "_wait_ns")

    def __init__(self, install: str, account: str, commit_wait_ms: int, entry_timeout_ms: int) -> None:
        self._install = install
        self._account = account
        self._wait_ns = commit_wait_ms * MS_NS
        self._entry_timeout_ns = entry_timeout_ms * MS_NS
        self._counter = 0
        self._number = 0

    # -- ids ----------------------------------------------------------------------------------------------------------

    def draw_id(self) -> str:
        """A new intent id; used up from now on."""
        self._counter += 1
        return f"of1-{self._install}-{self._counter}"

    def owns(self, order_id: str) -> bool:
        """Whether an order id was drawn by this installation."""
        return order_id.startswith(f"of1-{self._install}-")

    def saw_id(self, name: str) -> None:
        """A name somebody has read: of an intent, or of an order of it. The counter never falls behind it."""
        drawn = name.split("-")[2] if self.owns(name) else ""
        if drawn.isdigit():
            self._counter = max(self._counter, int(drawn))

    def saw_number(self, number: int) -> None:
        """A broker-side number in use, by us or as the broker tells: the next one is higher."""
        self._number = max(self._number, number)

    def _draw_number(self) -> int:
        self._number += 1
        return self._number

    # -- first look ---------------------------------------------------------------------------------------------------

    def first_look(self, look: Look, context: dict[str, Json], oca_group: str = "") -> Proposal | Refusal:
        """Ask the rules; orders and their commit, or the first refusal. `oca_group` joins a protective order to a group."""
        purpose = look.intent.purpose
        for rule, binds in RULES:
            if purpose in binds:
                refusal = rule(look)
                if refusal is not None:
                    return refusal
        orders = self._bracket(look) if purpose is Purpose.ENTRY else (self._single(look, oca_group),)
        now_ns = look.facts.now_ns
        written = (
            rows.intent_row(look.intent, look.levels.anchor_ticks, context),
            *(rows.order_row(order, now_ns) for order in orders),
        )
        return Proposal(tuple(o.id for o in orders), written, orders, None, now_ns, purpose, look.intent)

    def _bracket(self, look: Look) -> tuple[Order, ...]:
        """Entry, target, stop: the children carry GTC and outside-RTH, live only after the entry and cancel each other."""
        intent, levels = look.intent, look.levels
        entry = self._order(intent, Role.ENTRY, intent.side, OrderType.LIMIT, "", limit=levels.limit_ticks, tif="DAY")
        entry = replace(entry, expires_ns=look.facts.now_ns + self._entry_timeout_ns)
        away, group = intent.side.opposite, intent.id
        legs = [entry]
        if levels.target_ticks is not None:
            target = self._order(intent, Role.TARGET, away, OrderType.LIMIT, group, limit=levels.target_ticks)
            legs.append(replace(target, parent_id=entry.id))
        stop = self._order(intent, Role.STOP, away, OrderType.STOP, group, stop=levels.stop_ticks)
        legs.append(replace(stop, parent_id=entry.id))
        return tuple(legs)

    def _single(self, look: Look, oca_group: str) -> Order:
        intent = look.intent
        if intent.purpose is Purpose.PROTECT:
            group = oca_group or intent.id
            return self._order(intent, Role.EMERGENCY, intent.side, OrderType.STOP, group, stop=look.levels.stop_ticks)
        return self._order(intent, Role.FLATTEN, intent.side, OrderType.MARKET, "", tif="DAY")

    def _order(
        self,
        intent: Intent,
        role: Role,
        side: Side,
        kind: OrderType,
        group: str,
        limit: int | None = None,
        stop: int | None = None,
        tif: str = "GTC",
    ) -> Order:
        return Order(
            id=f"{intent.id}-{role.value}",
            intent_id=intent.id,
            number=self._draw_number(),
            revision=0,
            instrument=intent.instrument,
            side=side,
            role=role,
            purpose=Purpose.PROTECT if role in (Role.STOP, Role.TARGET) else intent.purpose,
            type=kind,
            quantity=intent.quantity,
            limit_ticks=limit,
            stop_ticks=stop,
            oca_group=group,
            account=self._account,
            tif=tif,
        )

    # -- changes ------------------------------------------------------------------------------------------------------

    def shrink(self, ticket: Ticket, quantity: int, now_ns: int) -> Proposal | Refusal:
        """Ask for a smaller total quantity of a live order; its price stays."""
        order = ticket.order
        price = order.stop_ticks if order.type is OrderType.STOP else order.limit_ticks
        change = Change(order.id, max(order.revision, ticket.drawn) + 1, quantity, price, Purpose.PROTECT)
        reason = None
        if not ticket.live:
            reason = f"the order is {ticket.state.value}"
        elif ticket.change is not None:
            reason = f"change {ticket.change.revision} is unanswered"
        elif quantity >= order.quantity:
            reason = f"{quantity} is not less than {order.quantity}: growth is an additional protective order"
        elif quantity <= ticket.filled:
            reason = f"{ticket.filled} filled already: cancel instead"
        if reason is not None:
            return Refusal(now_ns, order.intent_id, order.id, "change", reason)
        changed = replace(order, revision=change.revision, quantity=quantity)
        ids = (f"{order.id}#{change.revision}",)
        return Proposal(ids, (rows.change_row(change, now_ns),), (changed,), change, now_ns, Purpose.PROTECT)

    # -- second look --------------------------------------------------------------------------------------------------

    def second_look(
        self, proposal: Proposal, answer: Answer, state: TradingState, now_ns: int, moved_on: str = ""
    ) -> tuple[Fate, str]:
        """What becomes of a proposal now, and why when it is dropped. Revoked proposals never come here. `moved_on`: what hour
        and price say against an entry by now."""
        age_ns = now_ns - proposal.proposed_ns
        if proposal.purpose is not Purpose.ENTRY:
            if answer is Answer.COMMITTED:
                return Fate.SEND, ""
            waits = answer is Answer.SILENT and age_ns < self._wait_ns
            return (Fate.WAIT, "") if waits else (Fate.SEND_UNCOMMITTED, "")
        if answer is Answer.FAILED:
            return Fate.DROP, "the journal could not commit it"
        if age_ns > self._wait_ns:
            return Fate.DROP, f"the commit took {age_ns // MS_NS} ms, {self._wait_ns // MS_NS} allowed"
        if answer is Answer.SILENT:
            return Fate.WAIT, ""
        if state is not TradingState.RUNNING:
            return Fate.DROP, f"{state.value} at the second look"
        if moved_on:
            return Fate.DROP, f"{moved_on} at the second look"
        return Fate.SEND, ""

    def due_ns(self, proposal: Proposal) -> int:
        """When a proposal the journal keeps silent about must be looked at."""
        wait = self._wait_ns + (1 if proposal.purpose is Purpose.ENTRY else 0)
        return proposal.proposed_ns + wait


def restated(order: Order, quantity: int, price_ticks: int | None, revision: int | None = None) -> Order:
    """The order as the broker says it stands."""
    revised = order.revision if revision is None else revision
    if price_ticks is None or order.type is OrderType.MARKET:
        return replace(order, quantity=quantity, revision=revised)
    if order.type is OrderType.STOP:
        return replace(order, quantity=quantity, stop_ticks=price_ticks, revision=revised)
    return replace(order, quantity=quantity, limit_ticks=price_ticks, revision=revised)


def restored_order(source: Row) -> Order:
    """The order of an `order` row of the journal."""
    p = source.payload
    parent = p.get("parent_id")
    return Order(
        id=source.ref,
        intent_id=rows.text(source, "intent_id"),
        number=rows.number(source, "number"),
        revision=rows.number(source, "revision"),
        instrument=rows.text(source, "instrument"),
        side=Side(rows.number(source, "side")),
        role=Role(p.get("role")),
        purpose=Purpose(p.get("purpose")),
        type=OrderType(p.get("type")),
        quantity=rows.number(source, "quantity"),
        limit_ticks=rows.maybe(source, "limit_ticks"),
        stop_ticks=rows.maybe(source, "stop_ticks"),
        parent_id=None if parent is None else str(parent),
        oca_group=rows.text(source, "oca_group"),
        account=rows.text(source, "account"),
        tif=rows.text(source, "tif"),
        outside_rth=bool(p.get("outside_rth")),
        expires_ns=rows.number(source, "expires_ns"),
    )

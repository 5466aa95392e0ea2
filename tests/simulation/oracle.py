"""The oracle: what must hold after every event, judged against the broker's books and the journal, never against hopes.

A correction that nobody's fault explains is a failure too: otherwise reconciliation would heal our bugs in silence.
What is judged at a departure is in `departures.py`, what had to follow from an event in `consequences.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orderflow_tui.adapters.sim_broker_orders import Stage as Where
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus, MarginFigure
from orderflow_tui.domain.event import Command, Committed, Event, HouseHealth, OperatorCommand, StopFileGone, StopFileSeen
from orderflow_tui.domain.latch import LatchKind, Severity
from orderflow_tui.domain.market import Depth, Quote, Trades
from orderflow_tui.domain.order import BrokerStatus, Change, Fill, Order, OrderState, OrderUpdate, Role, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.trading.blotter import covered
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.flatten import Stage
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.lifecycle import WORKING_STATES
from orderflow_tui.window import flat_at
from tests.simulation.agreement import hear_report, judge_asking, judge_round, speaks
from tests.simulation.consequences import judge_consequences, judge_latches
from tests.simulation.departures import cancel_leaves, change_leaves, orders_leave
from tests.simulation.grant import Grant
from tests.simulation.house import RESUME_WORD
from tests.simulation.limits import LATE_PEAK_NS, judge_limits
from tests.simulation.memory import FOREIGN, IDLE, SYMBOL, Broken, Memory, Since
from tests.simulation.money import wider, worth

NAKED_NS = 5 * SECOND_NS
LEFT_NS = 6 * SECOND_NS  # a second for the broker, three for its answer, and a report
SURPLUS_NS = 16 * SECOND_NS  # and twice what the broker may take to answer: the desk cannot act on what it cannot know
ENTRY_NS = SECOND_NS  # beyond an entry's time
FLATTEN_NS = 15 * SECOND_NS  # a campaign that began so late in the liveness phase is not judged by its end
CAMPAIGN_NS = 90 * SECOND_NS
QUICK_NS, BARE_NS = 10 * SECOND_NS, 5 * SECOND_NS  # where nothing but keys disturbs it
IDLE_NS = 60 * SECOND_NS
DISOBEDIENT = ("change_refused", "changes_refused", "change_lost", "cancel_refused", "cancel_lost", "fill_after_cancel")
DAY_LIMITS = frozenset({LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN, LatchKind.CONSECUTIVE_LOSSES})  # nothing is held behind them
DURABLE_NS = 2 * SECOND_NS
OVER = frozenset({OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.NOT_SENT, OrderState.ABANDONED})
NEVER_LEFT = frozenset({OrderState.NOT_SENT, OrderState.ABANDONED})
LATE_MS, OFF_MS, BROKER_OFF_S = 1_000, 2_000, 5  # of loop, clock and the broker's clock, beyond which entries wait
FLATTENING_KEYS = frozenset({Command.FLATTEN, Command.REVERSE})
HALTING_KEYS = frozenset({Command.HALT, Command.FLATTEN, Command.UNATTENDED})


class Oracle(Memory):
    """Hears what the engine hears, sees what it does, knows what is true."""

    # -- what the engine hears ----------------------------------------------------------------------------------------

    def told(self, event: Event) -> None:
        """The engine is about to process an event."""
        self.event, self.before = event, self.position
        self.link_was_up = can_send(self.link)
        if isinstance(event, Trades):
            self.data_ns, self.last, self.priced = int(event.ts_ns[-1]), int(event.price[-1]), True
            self.spread = (int(event.price.min()), int(event.price.max()))
            self.tape.trades(event, self.now_ns, self.spread)
            return
        self.spread = None
        match event:
            case Quote() | Depth():
                self.data_ns = event.ts_ns
                self.tape.book(event, self.now_ns)
                self.quoted = self.quoted or isinstance(event, Quote)
            case Fill():
                self.book(event)
                if event.order_id in self.working:
                    self.news[event.order_id] = self.now_ns
            case AccountReport():
                self._report(event)
            case MarginFigure():
                self._margin_told(event)
            case LinkStatus():
                self._link(event)
            case OrderUpdate():
                self._status(event)
            case HouseHealth():
                late, apart = event.loop_late_ms > LATE_MS, abs(event.clock_off_ms) > OFF_MS
                self.unwell = late or apart or abs(event.broker_off_s) > BROKER_OFF_S or event.broker_resets
                if self.unwell:
                    self.unwell_ns = self.now_ns
            case OperatorCommand():
                self._key(event)
            case StopFileSeen():
                self.wanted = self.wanted or event.action == "flatten"
                self.halted_by_stop = self.stop_known = True
                self.facts["stop seen"] += 1
            case StopFileGone():
                self.stop_known = False
            case _:
                return

    def _report(self, report: AccountReport) -> None:
        self.news = dict.fromkeys(self.news, self.now_ns)
        if speaks(self, report):
            self.reports, self.reported_ns = self.reports + 1, self.now_ns
            hear_report(self, report)
            for order in report.completed:
                if order.status is BrokerStatus.REJECTED:
                    self._rejected(order.order_id or "")
            told, left, self.told_ns = report.equity_cents, report.excess_liquidity_cents, self.now_ns
            self.equity_cents = self.equity_cents if told is None else told
            if left is not None:
                self.excess_cents, self.excess_ns = left, self.now_ns

    def _margin_told(self, figure: MarginFigure) -> None:
        if figure.instrument == SYMBOL:
            self.margin, self.told_ns = (figure.ts_ns, figure.init_margin_cents), self.now_ns
        if self.equity_cents is None and figure.equity_cents > 0:
            self.equity_cents = figure.equity_cents

    def _link(self, status: LinkStatus) -> None:
        if status.epoch != self.epoch or not (can_send(status.link) and self.link_was_up):
            self.agreements, self.agreed_ns = 0, None
            self.reached_ns = self.now_ns
        self.link, self.epoch = status.link, status.epoch
        longest_ns = self.setting.params.trading.timing.grant_link_ms * MS_NS
        self.grant.link(self.now_ns, longest_ns, up=can_send(status.link))
        if can_send(status.link):
            return
        if self.link_was_up:  # what was never up in this life cannot be lost: there the recovery holds entries back
            self.link_lost_ns = self.now_ns
            self.armed_ns = None

    def _status(self, update: OrderUpdate) -> None:
        if update.order_id in self.news:
            self.news[update.order_id] = self.now_ns
        if update.status is BrokerStatus.REJECTED:
            self._rejected(update.order_id)

    def _rejected(self, order_id: str) -> None:
        """The broker says so, in a status or a report, whatever was believed of an order not known to be over."""
        order, ticket = self.sent.get(order_id), self.floor.blotter.tickets.get(order_id)
        if order is None or ticket is None or order.role is not Role.ENTRY or order_id in self.rejected:
            return
        if ticket.live or ticket.state in NEVER_LEFT:
            self.rejected.add(order_id)
            self.cool_ns = self.now_ns + self.setting.params.trading.timing.cooldown_ms * MS_NS

    def _key(self, event: OperatorCommand) -> None:
        self.facts[f"key {event.command.value}"] += 1
        self.wanted = self.wanted or event.command in FLATTENING_KEYS
        if event.command in HALTING_KEYS:
            self.halted_by_person = True
        elif event.command is Command.STOP:
            self.halted_by_stop = True
        elif event.command is Command.ARM:
            self.armed_ns = None if self.board else self.now_ns
        elif event.command is Command.DISARM:
            self.armed_ns = None
        elif event.command is Command.AUTOMATION:
            mode = str(event.args.get("mode", "")).upper()
            self.grant.chosen(mode, self.trade_date(self.now_ns), armed=self.armed)
        elif event.command is Command.RESUME and event.args.get("word") == RESUME_WORD:
            self.halted_by_person, self.halted_by_stop = False, self.stop_known

    # -- what leaves --------------------------------------------------------------------------------------------------

    def leaving(self, orders: Sequence[Order], now_ns: int) -> None:
        """Orders are about to reach the line."""
        orders_leave(self, orders, now_ns)

    def refused(self, orders: Sequence[Order]) -> None:
        """The line refused them: they never left, their numbers are free."""
        for order in orders:
            del self.sent[order.id], self.standing[order.id]
            del self.numbers[order.number]
            self.unwritten.discard(order.id)

    def changing(self, change: Change, order: Order) -> None:
        """A change is about to reach the line."""
        change_leaves(self, change, order)

    def cancelling(self, order_ids: Sequence[str]) -> None:
        """A cancel is about to reach the line."""
        cancel_leaves(self, order_ids)

    def asking(self, now_ns: int) -> None:
        """A report is about to be asked for."""
        judge_round(self, now_ns)
        self.asked_ns, self.ask_within_ns = now_ns, None

    # -- the broker's books -------------------------------------------------------------------------------------------

    def matched(self) -> None:
        """The broker's books may have moved: an exit of a flatten must never take the position through zero."""
        self.time_the_flatten(max(self.now_ns, self.sim._now_ns))
        fills = self.sim._exchange.books._fills
        if len(fills) == self.books_seen:
            self.books_position = self.truth
            return
        fresh = list(fills.values())[self.books_seen :] if len(fills) > self.books_seen else []
        self.books_seen = len(fills)
        position = self.books_position
        for fill in fresh:
            after = position + fill.side * fill.quantity
            order = self.sent.get(fill.order_id or "")
            if order is not None and order.role is Role.FLATTEN and position * after <= 0 and after and not self.outsiders:
                raise Broken("flatten never reverses", f"{order.id} took the position from {position:+d} to {after:+d}")
            position = after
        self.books_position = self.truth

    # -- after every event --------------------------------------------------------------------------------------------

    def after(self) -> None:
        """The engine's actions are carried out: everything must hold."""
        floor = self.floor
        ours = floor.ledger.position(SYMBOL)
        assert self.engine is not None
        self.heard.held(
            max(self.engine.now_ns, self.awake_ns), not self.asleep and not self.hung and self.connected and can_send(self.link)
        )
        self._adjustments(floor)
        if ours != self.position:
            raise Broken("each execution once", f"the ledger holds {ours:+d}, executions told add up to {self.position:+d}")
        for price in (self.last, *(self.spread or ())):
            if price is not None:
                self.peak_most_cents = max(self.peak_most_cents, worth(self.money, price, self.setting.params.execution))
                wider(self.went, len(self.fills), (price,))
        judge_latches(self)
        judge_consequences(self)
        judge_asking(self)
        if isinstance(self.event, Committed):
            self.commits.append((self.now_ns, self.event.took_ms))
        self._campaigns(floor)
        self.day = floor.ledger.trade_date
        self.time_the_flatten(self.now_ns)
        self._protected(floor, ours)
        self._entries_end(floor)
        self._believed(floor)
        self._flattening(floor, ours)
        judge_limits(self)

    def _adjustments(self, floor: Floor) -> None:
        adjusted = floor.blotter._adjusted.get(SYMBOL, 0)
        if adjusted == self.adjusted:
            return
        if not self.facts["position_drift"] and not self.day_turned:
            raise Broken("no unexplained correction", f"an ADJUST of {adjusted - self.adjusted:+d} without a cause from outside")
        if LatchKind.MISMATCH not in floor.board:
            raise Broken("what must latch latches", f"an ADJUST of {adjusted - self.adjusted:+d}, and no MISMATCH is open")
        self.adjusted, self.booked_ns = adjusted, self.now_ns
        self.recount()

    def _campaigns(self, floor: Floor) -> None:
        """A flatten ended or began."""
        before, self.running = self.running, floor.campaign
        failed = before is not floor.campaign and before is not None and before.stage is Stage.FAILED
        if failed and LatchKind.FLATTEN_FAILED not in floor.board:
            raise Broken("what must latch latches", f"{before and before.reason} failed, and FLATTEN_FAILED is not open")
        self.wanted = self.wanted and floor.campaign is not None
        if floor.campaign is None or before is floor.campaign or self.wanted or self.latched_ns == self.now_ns:
            return
        if not self.truth and not any(r.order.id in self.sent for r in self.at_broker()):
            self.idle.append(self.now_ns)
            if len(self.idle) > IDLE and self.now_ns - self.idle[0] <= IDLE_NS:
                raise Broken(
                    "a flatten flattens something", f"{floor.campaign.reason}: the {len(self.idle)}th of nothing in a minute"
                )

    def _protected(self, floor: Floor, ours: int) -> None:
        truth = self.truth
        guarded, out = self.protection(truth)
        locked = floor.board.severity is Severity.LOCK
        aware = ours == truth and self.watching and self.settled_in
        waits = floor.campaign is not None and (floor.campaign.manual or not locked)  # for a campaign that sees to the stops
        stuck = locked and any(self.struck(kind) for kind in DISOBEDIENT)  # and a lock forbids the flatten that would end it
        bare = bool(truth) and guarded < abs(truth) and not self._misled(floor, truth)
        naked = self.naked.held(self.now_ns, aware and not locked and not waits and bare)
        self.naked_ns = max(self.naked_ns, naked)
        if naked > NAKED_NS:
            raise Broken("never naked", f"{truth:+d} with stops for {guarded} for {naked // MS_NS} ms")
        entering = any(r.order.role is Role.ENTRY for r in self.at_broker())
        known = aware and not waits and not stuck and self.informed and not entering and not self.lost_one_lives
        surplus = self.surplus.held(self.now_ns, known and guarded > abs(truth))
        patience_ns = 2 * self.sim._mischief.faults.longest_delay_ns
        if not truth and surplus > LEFT_NS + patience_ns and self.told_to_go.isdisjoint(self.exits_at_broker()):
            raise Broken(
                "leftovers are called off", f"flat, and nobody cancels {self.exits_at_broker()} for {surplus // MS_NS} ms"
            )
        adding = self.adding(truth)
        if self.turned.held(self.now_ns, known and bool(adding)) > LEFT_NS + patience_ns and self.told_to_go.isdisjoint(adding):
            raise Broken("exits of the other side go", f"{truth:+d} is held, {adding} would add to it, and nobody cancels them")
        if surplus > SURPLUS_NS + patience_ns:
            raise Broken("stops match the position", f"{truth:+d} with stops for {guarded} for {surplus // MS_NS} ms")
        outside = self.outside.held(self.now_ns, known and out > abs(truth))
        if outside > SURPLUS_NS + patience_ns:  # when nobody is awake, each of them may fill
            raise Broken(
                "exits match the position", f"{truth:+d} with exits for {out} in groups of their own for {outside // MS_NS} ms"
            )

    def _misled(self, floor: Floor, truth: int) -> bool:
        """A change took effect long after a report showed the order as it was, and its echo is still under way: nobody can know
        that the stop is smaller now."""
        if self.changed_ns is None or not self.struck("latency_jitter"):
            return False
        on_its_way = self.now_ns - self.changed_ns <= 2 * self.sim._mischief.faults.longest_delay_ns + SECOND_NS
        stops = floor.blotter.stops(Side.SELL if truth > 0 else Side.BUY)
        return on_its_way and covered(t for t in stops if t.state in WORKING_STATES and t.sound) >= abs(truth)

    def _entries_end(self, floor: Floor) -> None:
        """An entry that does not fill is cancelled: it must not stay at the broker."""
        alive = {r.order.id for r in self.at_broker() if r.order.role is Role.ENTRY} if self.watching else set()
        self.working = {order_id: self.working.get(order_id, self.now_ns) for order_id in sorted(alive)}
        longest_ns = self.setting.params.trading.timing.entry_timeout_ms * MS_NS + ENTRY_NS
        for order_id, since_ns in self.working.items():
            if self.now_ns - since_ns > longest_ns and self.settled_in:
                waited_ms = (self.now_ns - since_ns) // MS_NS
                raise Broken("entries time out", f"{order_id} works, and nobody tried to end it for {waited_ms} ms")
            rests = order_id in self.news and order_id not in self.told_to_go and self.settled_in
            rests = rests and any(f.order_id == order_id and f.quantity for f in self.fills.values())  # not all of it was busted
            waited_ms = (self.now_ns - max(since_ns, self.news[order_id])) // MS_NS if rests else 0
            if waited_ms > self.setting.params.trading.timing.partial_wait_ms + ENTRY_NS // MS_NS:
                raise Broken(
                    "entries time out", f"a part of {order_id} filled, and nobody tried to end the rest for {waited_ms} ms"
                )

    def _believed(self, floor: Floor) -> None:
        """No outcome is invented: what works at the broker, or is on its way there, is not believed over."""
        for resting in self.at_broker():
            ticket = floor.blotter.tickets.get(resting.order.id)
            if ticket is not None and ticket.state in OVER and resting.order.id in self.sent:
                where = "is on its way" if resting.stage is Where.TRANSIT else "works at the broker"
                raise Broken("no invented outcome", f"{resting.order.id} {where}, believed {ticket.state.value}")

    def _flattening(self, floor: Floor, ours: int) -> None:
        locked = floor.board.severity is Severity.LOCK
        running = floor.campaign is not None and self.watching and (floor.campaign.manual or not locked)
        lasts = self.campaign.held(self.now_ns, running)
        if lasts > CAMPAIGN_NS:
            raise Broken("a flatten ends", f"{floor.campaign and floor.campaign.reason}: still running after {lasts // MS_NS} ms")
        if lasts > QUICK_NS and self.honest:
            raise Broken(
                "a flatten is quick", f"{floor.campaign and floor.campaign.reason}: runs for {lasts // MS_NS} ms, undisturbed"
            )
        if self.flattens.bare_ns > BARE_NS and self.honest:
            raise Broken("a flatten is quick", f"without a stop for {self.flattens.bare_ns // MS_NS} ms, undisturbed")
        assert self.engine is not None
        now_ns = self.engine.now_ns  # it may be catching up
        flat_ns = flat_at(self.setting.params.window, self.setting.table.day_at(now_ns))
        if flat_ns is not None and now_ns >= flat_ns:
            self.grant.end()
        due = flat_ns is not None and now_ns >= flat_ns and self.setting.params.trading.auto_flatten
        free = floor.campaign is None and not locked and self.settled_in and not self.outsiders
        if due and ours and ours == self.truth and free:
            raise Broken("flat at the flat time", f"{ours:+d} is held after the session's flat time")
        limits = DAY_LIMITS & floor.board._open.keys()
        if limits and ours and ours == self.truth and free and not floor.reconciler.differences:
            raise Broken("flat behind a limit", f"{ours:+d} is held behind {sorted(kind.value for kind in limits)}")

    # -- death and birth ----------------------------------------------------------------------------------------------

    def dying(self) -> set[LatchKind]:
        """The process ends: the latches that must be on disk by now."""
        safe_ns = self.now_ns - DURABLE_NS
        troubled = max(self.trouble_ns, self.disk.full_until_ns, self.disk.stalled_until_ns) > safe_ns
        self._forget_the_peak(troubled)
        if troubled:
            return set()
        if isinstance(self.event, OperatorCommand) and self.event.command is Command.RESUME:
            return set()  # it died while clearing: either is right
        turning = self.engine is not None and self.floor.ledger.trade_date != self.day  # it died while the trade date turned
        return {kind for kind, since_ns in self.board.items() if since_ns <= safe_ns and not (turning and kind.daily)}

    def _forget_the_peak(self, troubled: bool) -> None:
        """What the next life surely knows of the day's peak."""
        noted_ns = self._ran_before(LATE_PEAK_NS)
        self.peak_cents = self.peaks[0][1] if troubled else next(c for at, c in reversed(self.peaks) if at <= noted_ns)
        self.peaks = [(0, self.peak_cents)]
        self.went_held = {}

    def _ran_before(self, span_ns: int) -> int:
        """The instant after which the engine has run for so long, its last sleep not counted."""
        if self.stalled_ns:
            return self.stalled_ns - span_ns
        ran_ns = self.now_ns - self.awake_ns
        return self.slept_ns + ran_ns - span_ns if self.slept_ns and ran_ns < span_ns else self.now_ns - span_ns

    def awake(self, now_ns: int) -> None:
        """The engine runs again: what it could not see does not count."""
        self.asleep, self.awake_ns, self.slept_ns, self.stalled_ns = False, now_ns, self.stalled_ns, 0
        self.naked, self.surplus, self.outside, self.turned = Since(), Since(), Since(), Since()
        self.campaign, self.heard = Since(), Since()
        self.working = {}

    def restored(self, engine: Engine, kept: set[LatchKind]) -> None:
        """A new engine stands on the journal: nothing that was safe may be gone."""
        self.engine = engine
        self.written.read(self.disk.rows)
        self.count_the_lost()
        floor, board = self.floor, self.floor.board._open
        gone = sorted({kind.value for kind in kept if kind not in board})
        if gone:
            raise Broken("latches survive a restart", f"{gone} were open and are not any more")
        if floor.arming.until_ns is not None or floor.automation.granted:
            raise Broken("a restart never re-arms", "armed after a restart")
        until_ns = floor.cooldown.until_ns or 0
        if until_ns < self.written.cooldown_ns and self.now_ns < self.written.cooldown_ns:
            left = (self.written.cooldown_ns - self.now_ns) // MS_NS
            raise Broken("a cool-down survives a restart", f"{left} ms of it were left and are forgotten")
        if self.written.failed and LatchKind.FLATTEN_FAILED not in board:
            raise Broken("a failed flatten locks", "the journal says that a flatten failed, and nothing is locked")
        if self.written.campaign is not None and floor.campaign is None:
            raise Broken("a flatten survives a restart", f"campaign {self.written.campaign} was forgotten")
        if self.booted and not floor.recovering:
            raise Broken("recovery first", "not RECOVERING after a restart")
        self._recall(floor)
        self.peak_most_cents = max(self.peak_most_cents, self.most())  # a correction may have died with the process
        self.board = {kind: latch.since_ns for kind, latch in board.items()}
        self.halted_by_person = LatchKind.OPERATOR in board or LatchKind.UNATTENDED in board
        self.halted_by_stop = LatchKind.STOP_FILE in board
        self.armed_ns = self.link_lost_ns = self.unwell_ns = None
        self.unwell = self.priced = self.quoted = False
        self.commits.clear()
        self.grant, self.running, self.wanted = Grant(), floor.campaign, self.written.manual
        self.link, self.epoch, self.agreements, self.agreed_ns, self.reached_ns = Link.OFF, 0, 0, None, None
        self.cool_ns = max(self.written.cooldown_ns, 0)
        self.stop_known, self.reports, self.reported_ns = False, 0, self.now_ns
        self.awake(self.now_ns)
        self.day = floor.ledger.trade_date
        self.equity_cents = self.excess_cents = self.margin = self.ask_within_ns = self.apart_ns = None
        self.apart = 0

    def _recall(self, floor: Floor) -> None:
        """The executions in the journal, and what the engine made of them."""
        self.fills, self.booked_ns = {}, -1
        for row in self.disk.rows:
            if row.kind in ("fill", "adjust"):
                self.booked_ns = row.ts_ns
            if row.kind == "fill" and row.payload["instrument"] == SYMBOL:
                got = {key: int(str(row.payload[key])) for key in ("revision", "side", "quantity", "price_ticks")}
                base = str(row.payload["base_id"])
                old = self.fills.get(base)
                if old is None or got["revision"] > old.revision:
                    side = Side(got["side"])
                    order_id = str(row.payload["order_id"] or "") or None
                    self.fills[base] = Fill(
                        row.ref, base, got["revision"], order_id, 0, SYMBOL, side, got["quantity"], got["price_ticks"]
                    )
        told: Counter[str] = Counter()
        for fill in self.fills.values():
            told[fill.order_id or ""] += fill.quantity
        for order_id, ticket in floor.blotter.tickets.items():
            if ticket.order.instrument == SYMBOL and ticket.filled != told[order_id]:
                raise Broken("each execution once", f"{order_id}: {told[order_id]} filled, restored as {ticket.filled}")
        self.adjusted = floor.blotter._adjusted.get(SYMBOL, 0)
        self.recount()
        ours = floor.ledger.position(SYMBOL)
        if ours != self.position:
            raise Broken("replay equals the journal", f"restored {ours:+d}, the journal's fills are {self.position:+d}")

    # -- at the end ---------------------------------------------------------------------------------------------------

    def settled(self, kept: set[LatchKind]) -> None:
        """After the liveness phase: flat or protected, one truth, nothing unknown, nothing forgotten."""
        floor, truth = self.floor, self.truth
        self.written.read(self.disk.rows)
        locked, ours = floor.board.severity is Severity.LOCK, floor.ledger.position(SYMBOL)
        # what no execution tells, or none of the day that ended during an outage, is adopted: not without a price
        untold = self.facts["position_drift"] or (self.day_turned and self.outsiders)
        priceless = untold and not self.market_open
        if ours != truth and not priceless:
            raise Broken("liveness: one position", f"broker {truth:+d}, ours {ours:+d}")
        guarded, exits = self.protection(truth)
        begun = self.campaign.ns is not None and self.now_ns - self.campaign.ns < FLATTEN_NS  # it may still be at work
        free = self.market_open and not locked and not begun
        if truth and guarded < abs(truth) and free:
            raise Broken("liveness: flat or protected", f"{truth:+d} with stops for {guarded}")
        if not truth and exits and free:
            raise Broken("liveness: no orphans", f"flat, and exits for {exits} still work")
        unknown = [t.order.id for t in floor.blotter.unresolved()]
        if unknown and not begun:
            raise Broken("liveness: nothing unknown", f"{unknown}")
        if floor.campaign is not None and not begun and self.market_open and (floor.campaign.manual or not locked):
            raise Broken("liveness: flatten finished", f"campaign stands at {floor.campaign.stage.value}")
        if floor.recovering and not priceless:
            raise Broken("liveness: recovered", "still RECOVERING")
        self._left_alone(floor)
        self._remembered(floor, kept)

    def _left_alone(self, floor: Floor) -> None:
        """What is not traded here: nothing left in it, nothing was booked of it, and while it is held trading is halted."""
        strange = [order.id for order in self.sent.values() if order.instrument != SYMBOL]
        if strange or set(floor.ledger.held) - {SYMBOL}:
            raise Broken("what is foreign is left alone", f"orders {strange}, held {floor.ledger.held}")
        held = self.sim._exchange.books.position(FOREIGN)
        if held and LatchKind.MISMATCH not in floor.board:
            raise Broken("liveness: what is foreign halts", f"the account holds {held:+d} {FOREIGN}, and nothing is latched")

    def _remembered(self, floor: Floor, kept: set[LatchKind]) -> None:
        gone = sorted({kind.value for kind in kept if kind not in floor.board and not kind.daily})
        if gone:
            raise Broken("liveness: latches kept", f"{gone} are gone")
        on_disk = {kind for kind, is_open in self.written.latches.items() if is_open}
        open_now = {kind.value for kind in floor.board._open}
        if on_disk != open_now:
            raise Broken("liveness: latches on disk", f"open here {sorted(open_now)}, in the journal {sorted(on_disk)}")
        for fill in self.sim._exchange.books.fills:
            if fill.instrument == SYMBOL and self.written.fills.get(fill.base_id, 0) < fill.revision:
                raise Broken("liveness: no fill lost", f"{fill.exec_id} is not in the journal")
        if self.written.doubled:
            raise Broken("each execution once", f"{self.written.doubled} were recorded twice")
        unwritten = sorted(self.sent.keys() - self.written.orders - self.lost)
        if unwritten:
            raise Broken("liveness: no order lost", f"{unwritten} left and are not in the journal")

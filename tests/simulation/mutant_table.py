"""Planted bugs: small patches of the product, each of which the simulation must catch.

A mutant is a file, the text to be replaced (it must occur there exactly once) and what it becomes. Each is the kind of
slip a person could make and a review could miss.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A planted bug. `also`: further places of the file, where two guards stand one behind the other."""

    name: str
    file: str
    old: str
    new: str
    also: tuple[tuple[str, str], ...] = ()


def _t(name: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, f"orderflow_tui/trading/{file}.py", old, new)


def _no_rule(rule: str) -> Mutant:
    return _t(f"no_rule_{rule}", "gate", f"    (rules.{rule}, ENTRY),\n", "")


GATE = (
    _t(
        "entry_without_commit",
        "desk",
        "                floor.latch(LatchKind.JOURNAL_FAILED, event.reason)\n"
        "                self._answered(event.ids, Answer.FAILED)\n",
        "                self._answered(event.ids, Answer.COMMITTED)\n",
    ),
    Mutant(
        "entry_after_any_wait",
        "orderflow_tui/trading/gate.py",
        "        if age_ns > self._wait_ns:\n",
        "        if age_ns > 100 * self._wait_ns:\n",
        (("        wait = self._wait_ns + (1 if", "        wait = 100 * self._wait_ns + (1 if"),),
    ),
    _t(
        "send_first",
        "proposing",
        "    floor.waiting[proposal.ids[0]] = Waiting(proposal)\n    floor.out.append(proposal.commit)\n",
        "    floor.waiting[proposal.ids[0]] = Waiting(proposal)\n    floor.out += [proposal.send, proposal.commit]\n",
    ),
    _t(
        "intent_counter_from_one",
        "gate",
        "            self._counter = max(self._counter, int(drawn))\n",
        "            self._counter = self._counter\n",
    ),
    _t("order_numbers_from_one", "gate", "        self._number = max(self._number, number)\n", "        del number\n"),
    _t(
        "order_numbers_follow_the_broker",
        "gate",
        "        self._number = max(self._number, number)\n",
        "        self._number = number\n",
    ),
    _t("stop_on_the_wrong_side", "gate", "Role.STOP, away, OrderType.STOP", "Role.STOP, intent.side, OrderType.STOP"),
    _t("children_for_the_day", "gate", '        tif: str = "GTC",\n', '        tif: str = "DAY",\n'),
    _t("entry_without_stop", "gate", "        legs.append(replace(stop, parent_id=entry.id))\n", "        del stop\n"),
    _t("no_account", "gate", "            account=self._account,\n", '            account="",\n'),
    _t("change_repeats_revision", "gate", "max(order.revision, ticket.drawn) + 1", "max(order.revision, 0) + 1"),
    Mutant(
        "trading_state_ignored",
        "orderflow_tui/trading/gate.py",
        "    (rules.running, ENTRY),\n",
        "",
        (("        if state is not TradingState.RUNNING:\n", "        if state is None:\n"),),
    ),
    _no_rule("armed"),
    _t(
        "window_never_shuts",
        "rules",
        "    if not facts.entries_open:\n",
        "    if not facts.entries_open and not facts.market_open:\n",
    ),
    _t("collar_of_any_width", "rules", 'return "" if away <= collar else', 'return "" if away <= collar + 1_000 else'),
    _no_rule("one_entry"),
    _no_rule("concurrent_trades"),
    _no_rule("not_against_position"),
    _no_rule("worst_case_day"),
    _no_rule("margin_share"),
    _no_rule("excess_liquidity"),
    _t(
        "worst_case_of_one_contract",
        "rules",
        "    return look.intent.quantity * (ticks * instrument.tick_cents",
        "    return (ticks * instrument.tick_cents",
    ),
    _t(
        "worst_case_forgets_the_drawdown",
        "standing",
        "    return max(-loss_limit_cents(floor), floor.ledger.peak_cents - floor.params.risk.max_drawdown_cents)\n",
        "    return -loss_limit_cents(floor)\n",
    ),
    _t(
        "margin_of_what_is_held",
        "rules",
        "e.working_sell_entries + look.intent.quantity\n    return margin",
        "1\n    return margin",
    ),
    _t("one_cause_many_entries", "gate", "    (rules.cause_unused, ONCE),\n", ""),
)
BOOKS = (
    _t(
        "no_dedupe",
        "blotter",
        "        if previous is not None and fill.revision <= previous.revision:\n",
        "        if previous is not None and fill.revision < 0:\n",
    ),
    _t(
        "exact_dedupe",
        "blotter",
        "        previous = self._fills.get(fill.base_id)\n        if previous is not None and fill.revision",
        "        previous = self._fills.get(fill.exec_id)\n        if previous is not None and fill.revision",
    ),
    _t(
        "filled_not_counted",
        "blotter",
        "        ticket.filled += more\n",
        "",
    ),
    _t("fills_not_journalled", "booking", "    floor.record(rows.fill_row(", "    str(rows.fill_row("),
    _t("reversal_unnoticed", "booking", "(before * after < 0 or from_nothing)", "(before * after < -99)"),
    _t("liquidation_unnoticed", "booking", "    if fill.liquidation:\n", "    if fill.liquidation and not fill.quantity:\n"),
    _t("other_account_unnoticed", "booking", "update.echoed_account != floor.account:", "update.echoed_account is None:"),
    _t(
        "no_cooldown",
        "rejection",
        "    floor.cooldown.begin(floor.now, floor.params.timing.cooldown_ms, reason)\n",
        "    floor.cooldown.begin(floor.now, 0, reason)\n",
    ),
    _t(
        "commissions_free",
        "ledger",
        "        return self.realised_cents + self._posted_cents - self.fees_cents\n",
        "        return self.realised_cents + self._posted_cents\n",
    ),
    _t(
        "one_lot_marked",
        "episode",
        "sum((at_ticks - lot.basis_ticks) * lot.quantity for lot in",
        "sum((at_ticks - lot.basis_ticks) for lot in",
    ),
)
LIFE = (
    _t("silence_means_cancelled", "lifecycle", "SILENCE         !  !  UN UN UN", "SILENCE         !  !  CA CA CA"),
    _t("silence_means_rejected", "lifecycle", "SILENCE         !  !  UN UN UN", "SILENCE         !  !  RE RE RE"),
    _t("link_loss_means_cancelled", "lifecycle", "LINK_LOST       NS NS UN UN UN", "LINK_LOST       NS NS CA CA CA"),
    _t("restart_means_not_sent", "lifecycle", "RESTARTED       UN UN UN UN UN", "RESTARTED       NS NS NS NS NS"),
    _t("absent_once_is_gone", "lifecycle", "ABSENT          !  !  UN UN UN", "ABSENT          !  !  CA CA CA"),
    _t("refused_cancel_means_filled", "lifecycle", "CANCEL_REFUSED  !  !  UN UN UN", "CANCEL_REFUSED  !  !  FI FI FI"),
    _t("unknown_never_given_up", "reconcile", "ticket.absent + 1 >= 2", "ticket.absent < 0"),
    _t(
        "missing_is_flat",
        "audit",
        "    if not report.complete or report.epoch != floor.epoch:\n",
        "    if report.epoch != floor.epoch:\n",
    ),
    Mutant(
        "adopted_at_first_sight",
        "orderflow_tui/trading/reconcile.py",
        "ADOPT_AFTER = 3\n",
        "ADOPT_AFTER = 1\n",
        (
            ("now_ns - self._first_ns >= GRACE_NS", "now_ns >= self._first_ns"),
            ("report.began_ns <= last_booked_ns", "report.began_ns < 0"),
        ),
    ),
    _t("mismatch_never_adopted", "reconcile", "ADOPT_AFTER = 3\n", "ADOPT_AFTER = 10_000\n"),
    _t("missing_position_agrees", "reconcile", "if broker.get(s, 0) != held)", "if broker.get(s, held) != held)"),
    _t("sign_of_the_position_ignored", "reconcile", "if broker.get(s, 0) != held)", "if abs(broker.get(s, 0)) != abs(held))"),
    _t(
        "mismatch_not_asked_about",
        "reconcile",
        "        self.ask_at(now_ns + self._requery_ns)\n        return Judgement.DIFFERS",
        "        return Judgement.DIFFERS",
    ),
    _t(
        "old_report_not_asked_again",
        "reconcile",
        "            self.ask_at(now_ns + self._requery_ns)\n            return Judgement.OLD",
        "            return Judgement.OLD",
    ),
    _t("no_recovery", "replay", "    floor.recovering = True\n", "    floor.recovering = False\n"),
    _t("recovered_at_once", "floor", "RECOVERED_AFTER = 2", "RECOVERED_AFTER = 0"),
    _t("unknown_at_broker_ignored", "audit", "    _foreign_orders(floor, report)\n", ""),
    _t("link_loss_keeps_the_hand_on_the_key", "audit", "    floor.doubt()\n    floor.disarm()\n", "    floor.doubt()\n"),
)
PROTECTION = (
    _t("turned_exits_stay", "surplus", "not in coming and t.order.side * position >= 0", "not in coming and not position"),
    _t("recovery_leaves_stops_alone", "campaigns", "    if not floor.agreed or not", "    if floor.recovering or not"),
    _t("parked_counts_as_working", "reconcile", "return News.SEEN_PENDING", "return News.SEEN_WORKING"),
    _t("no_naked_check", "naked", ">= need:\n            self._covered()\n", ">= 0:\n            self._covered()\n"),
    _t(
        "entries_of_one_position_are_one_trade",
        "standing",
        "    return len(entering) + sum(",
        "    return 1 if floor.ledger.held else len(entering) or sum(",
    ),
    _t("exits_stay_too_large", "surplus", "TOO_LARGE_NS = 10 * SECOND_NS\n", "TOO_LARGE_NS = 10**15\n"),
    _t(
        "orphans_stay",
        "surplus",
        "        self._over_ns = None\n        return GuardWish(cancel=",
        "        self._over_ns = None\n        return GuardWish() if left else GuardWish(cancel=",
    ),
    _t(
        "emergency_stop_wrong_side",
        "campaigns",
        "    side = closing(position)\n    intent = Intent(floor.gate.draw_id(), floor.now, symbol",
        "    side = closing(-position)\n    intent = Intent(floor.gate.draw_id(), floor.now, symbol",
    ),
    _t(
        "guard_asleep",
        "campaigns",
        "    for symbol in floor.held:\n        _guard(floor, symbol)\n",
        "    for symbol in floor.held[1:]:\n        _guard(floor, symbol)\n",
    ),
    _t(
        "flatten_no_cancel",
        "flatten",
        "report.began_ns >= since_ns and ended and not _ours(report):",
        "report.began_ns >= since_ns:",
    ),
    _t(
        "flatten_stale_position",
        "flatten",
        "report is not None and report.began_ns >= since_ns and ended",
        "report is not None and ended",
    ),
    _t("flatten_on_an_old_report", "flatten", "max(self._cancel_ns, self._ended_ns, scene.booked_ns or 0)", "self._cancel_ns"),
    _t(
        "flatten_one_too_many",
        "flatten",
        "closing(quantity), abs(quantity))",
        "closing(quantity), abs(quantity) + 1)",
    ),
    _t(
        "flatten_when_closed",
        "campaigns",
        "    if not floor.facts.market_open:\n        return",
        "    if floor.facts.market_open is None:\n        return",
    ),
    _t(
        "flatten_never_settles",
        "flatten",
        "report.began_ns - self._flat_ns >= SECOND_NS",
        "report.began_ns - self._flat_ns >= 10**15",
    ),
    _t(
        "flatten_forgotten_by_restart",
        "replay",
        '    if rows.text(row, "what") != "begin":\n',
        '    if rows.text(row, "what"):\n',
    ),
    _t(
        "flatten_key_does_nothing",
        "commands",
        '            begin_campaign(floor, "a person", ExitReason.MANUAL, manual=True)\n',
        "",
    ),
    _t(
        "stop_file_does_not_flatten",
        "commands",
        '        if event.action == "flatten":\n',
        '        if event.action == "FLATTEN":\n',
    ),
    _t(
        "entries_never_time_out",
        "timers",
        "    due = ticket.order.expires_ns\n",
        "    due = ticket.order.expires_ns + 10**15\n",
    ),
    _t(
        "no_breaker",
        "timers",
        "    for trip in breaker.trips(floor.ledger, floor.params.risk, loss_limit_cents(floor)):\n",
        "    for trip in breaker.trips(floor.ledger, floor.params.risk, 10**9):\n",
    ),
    Mutant(
        "breaker_halts_only",
        "orderflow_tui/trading/timers.py",
        "        if trip.flatten and (floor.ledger.held or floor.blotter.live):\n",
        "        if trip.flatten and not floor.ledger.held:\n",
        (("    if latch is None or floor.campaign is not None", "    if latch is None or floor.campaign is None"),),
    ),
    _t("no_flat_time", "timers", "    if flat_at is None or floor.now < flat_at:\n", "    if flat_at is None or floor.now:\n"),
    _t(
        "emergency_stop_far_away",
        "campaigns",
        "    side = closing(position)\n    intent = Intent(floor.gate.draw_id(), floor.now, symbol",
        "    side = closing(position)\n    price += 300 * side\n    intent = Intent(floor.gate.draw_id(), floor.now, symbol",
    ),
    _t(
        "emergency_stop_ignores_the_plan",
        "bracket",
        "    if planned is not None:\n        beyond",
        "    if planned is None:\n        beyond",
    ),
    _t("emergency_stop_from_the_average", "bracket", "round(average_ticks) if now is None else now\n", "round(average_ticks)\n"),
    _t(
        "change_moves_the_stop",
        "gate",
        "        changed = replace(order, revision=change.revision, quantity=quantity)\n",
        "        moved = None if order.stop_ticks is None else order.stop_ticks + 200 * order.side\n"
        "        changed = replace(order, revision=change.revision, quantity=quantity, stop_ticks=moved)\n",
    ),
    _t(
        "target_on_the_losing_side",
        "bracket",
        "target_ticks=None if target_ticks is None else at + side * target_ticks,",
        "target_ticks=None if target_ticks is None else at - side * 2,",
    ),
    _t(
        "target_twice_as_far",
        "bracket",
        "target_ticks=None if target_ticks is None else at + side * target_ticks,",
        "target_ticks=None if target_ticks is None else at + 2 * side * target_ticks,",
    ),
    _t(
        "flatten_takes_its_time",
        "flatten",
        "if report is not None and report.began_ns >= since_ns and ended and not _ours(report):",
        "waited = now - self._round_ns >= 9 * SECOND_NS\n"
        "        if report is not None and report.began_ns >= since_ns and ended and not _ours(report) and waited:",
    ),
    _t(
        "rest_of_an_entry_works_on",
        "timers",
        "    if ticket.filled:\n        due = min",
        "    if ticket.filled < 0:\n        due = min",
    ),
    _t(
        "entries_end_late", "timers", "    due = ticket.order.expires_ns\n", "    due = ticket.order.expires_ns + 3 * SECOND_NS\n"
    ),
    _t(
        "flatten_of_nothing_for_ever",
        "timers",
        "    if ours:\n        begin_campaign",
        "    if ours is not None:\n        begin_campaign",
    ),
)
LIMITS = (
    _t("no_drawdown", "breaker", "    drawdown,\n    profit_target,\n", "    profit_target,\n"),
    _t("no_profit_target", "breaker", "    profit_target,\n    consecutive_losses,\n", "    consecutive_losses,\n"),
    _t("no_consecutive_losses", "breaker", "    consecutive_losses,\n    trades_a_day,\n", "    trades_a_day,\n"),
    _t("no_trades_a_day", "breaker", "    consecutive_losses,\n    trades_a_day,\n", "    consecutive_losses,\n"),
    _t("one_trade_too_many", "breaker", "ledger.trades_begun < limits", "ledger.trades_begun <= limits"),
    _t("one_loss_too_many", "breaker", "-ledger.streak < limits", "-ledger.streak <= limits"),
    _t("target_counts_what_is_open", "breaker", "ledger.closed_cents < limits", "ledger.net_cents < limits"),
    _t(
        "losses_before_costs",
        "ledger",
        "(trip.net_cents > 0) - (trip.net_cents < 0)",
        "(trip.gross_cents > 0) - (trip.gross_cents < 0)",
    ),
    _t(
        "peak_of_what_is_closed",
        "ledger",
        "        self.peak_cents = max(self.peak_cents, self.value_cents)\n",
        "        self.peak_cents = max(self.peak_cents, self.closed_cents)\n",
    ),
    Mutant(
        "peak_forgotten_by_restart",
        "orderflow_tui/trading/replay.py",
        "max(floor.ledger.peak_cents, peak_cents)  # when",
        "floor.ledger.peak_cents  # when",
        (('        case "peak":\n            _peak(floor, row)\n', '        case "peak":\n            return\n'),),
    ),
)
LATCHES = (
    _t("halt_volatile", "replay", "    floor.board.restore(latch, ", "    str("),
    _t("latch_not_journalled", "floor", "        self.commit(rows.latch_row(latch, self.now, True))\n", ""),
    _t("latch_lost_with_its_commit", "floor", "        if not outdated:\n            self.record(row)\n", ""),
    _t(
        "halt_leaves_entries",
        "floor",
        '        self.revoke_entries(f"latch {kind.value}")\n        self.cancel_entries()\n',
        '        self.revoke_entries(f"latch {kind.value}")\n',
    ),
    _t(
        "resume_despite_stop_file",
        "commands",
        "    if floor.stop_file is not None:\n        standing",
        "    if floor.stop_file is None:\n        standing",
    ),
    _t(
        "resume_with_any_word",
        "commands",
        '    if event.args.get("word") != floor.params.resume_word:\n',
        '    if not event.args.get("word"):\n',
    ),
    _t("daily_latch_resumed", "latches", "    if latch.kind.daily:\n", "    if latch.kind.daily and needs_key:\n"),
    _t(
        "new_day_clears_all",
        "latches",
        "if latch.kind.daily and latch.trade_date != trade_date",
        "if latch.trade_date != trade_date",
    ),
    _t(
        "lock_without_key",
        "latches",
        "    if (needs_key or latch.kind.severity is Severity.LOCK) and not key_ok:\n",
        "    if needs_key and not key_ok:\n",
    ),
    _t("stop_swallow", "commands", "    floor.latch(LatchKind.STOP_FILE, event.detail)\n", ""),
    _t(
        "halt_key_does_nothing",
        "commands",
        '            floor.latch(LatchKind.OPERATOR, "halt by a person")\n',
        '            floor.say("", "halt by a person")\n',
    ),
    _t("journal_failure_unnoticed", "desk", "                floor.latch(LatchKind.JOURNAL_FAILED, event.reason)\n", ""),
    _t(
        "cooldown_forgotten_by_restart",
        "replay",
        '            floor.cooldown.restore(rows.number(row, "until_ns"), rows.text(row, "reason"))\n',
        '            floor.cooldown.restore(0, rows.text(row, "reason"))\n',
    ),
    _t(
        "fills_forgotten_by_restart",
        "replay",
        '        case "fill":\n            _fill(floor, row)\n',
        '        case "fill":\n            rows.fill_of(row)\n',
    ),
    _t("lock_is_only_a_halt", "standing", "worst.kind.severity is Severity.LOCK:", "worst.kind.severity is None:"),
    _t(
        "adopted_without_a_latch",
        "audit",
        '            floor.latch(LatchKind.MISMATCH, "; ".join(map(str, found)))\n',
        "",
    ),
    _t(
        "entry_rate_without_a_latch",
        "floor",
        "            self.latch(LatchKind.RATE_LIMIT, refusal.reason)\n",
        '            self.say("", refusal.reason)\n',
    ),
    Mutant(
        "trouble_unnoticed",
        "orderflow_tui/engine.py",
        "return self.desk.open_latch(event.latch, event.reason, self.facts())",
        "return self.desk.on_time(self.facts())",
    ),
    _t(
        "failed_flatten_without_a_latch",
        "campaigns",
        '        floor.latch(LatchKind.FLATTEN_FAILED, f"{campaign.rounds} rounds failed: {steps}")\n',
        '        floor.say("", steps)\n',
    ),
    _t(
        "grant_without_arming",
        "commands",
        '        return None if armed else "automatic trading is granted only while armed"\n',
        "        return None\n",
    ),
    _t("grant_survives_a_latch", "floor", '        self.end_grant(f"latch {kind.value}")\n', ""),
)
FENCES = (
    _t("stale_data_is_fine", "fences", "    if facts.data_age_ms > limit:\n", "    if facts.data_age_ms > 1000 * limit:\n"),
    _t("link_fence_gone", "fences", "    if facts.link is not Link.READY:\n", "    if facts.link is None:\n"),
    _t("settling_fence_gone", "fences", "doubts.doubt_age_ms < timing.fence_clear_ms:", "doubts.doubt_age_ms < 0:"),
    _t("unresolved_fence_gone", "fences", "    if doubts.unresolved:\n", "    if doubts.unresolved < 0:\n"),
    _t("late_loop_is_fine", "health", "    if doubtful(before) or doubtful(health):\n", "    if health.broker_off_s:\n"),
    _t("broker_clock_is_fine", "fences", "        if abs(off) > BROKER_OFF_S\n", "        if abs(off) > 10**6\n"),
    _t("reset_is_fine", "fences", "if facts.house.broker_resets else None", "if facts.house is None else None"),
    _t("clock_set_back_is_fine", "fences", "        if abs(off) > CLOCK_OFF_MS\n", "        if off > CLOCK_OFF_MS\n"),
    _t("old_report_is_fine", "fences", "    report_recent,\n    data_fresh", "    data_fresh"),
    _t("slow_journal_is_fine", "fences", "    journal_quick,\n    no_reset", "    no_reset"),
    _t("broker_never_asked", "reconcile", "now_ns + wait if wait else None", "now_ns + wait if soon else None"),
    _t("no_rate_limit", "rates", "        if short >= caps.ENTRIES_PER_10_S:\n", "        if short >= 1_000:\n"),
    Mutant(
        "outbox_ignores_stop",
        "orderflow_tui/outbox.py",
        "            if found is not None:\n",
        '            if found == "never":\n',
    ),
    Mutant(
        "failed_cancel_means_not_sent",
        "orderflow_tui/outbox.py",
        "        case SendChange():\n            return (",
        "        case Cancel():\n            return action.order_ids\n        case SendChange():\n            return (",
    ),
    Mutant(
        "engine_never_wakes_for_the_desk",
        "orderflow_tui/engine.py",
        "self._desk_watch = self._desk.watch(self._times())",
        "self._desk_watch = Watch()",
    ),
    Mutant(
        "engine_deaf_to_the_link",
        "orderflow_tui/engine.py",
        "                self.link, self.link_epoch, self.link_reason = event.link, event.epoch, event.reason\n",
        "                self.link, self.link_epoch, self.link_reason = Link.READY, event.epoch, event.reason\n",
    ),
)
MUTANTS: tuple[Mutant, ...] = GATE + BOOKS + LIFE + PROTECTION + LIMITS + LATCHES + FENCES

"""Sessions, changes of limits, the automation grant, and what a restart keeps of a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Automation, Command, JournalFailed
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.domain.signal import Regime
from orderflow_tui.trading.limit_change import LOOSER, changed, loosens, value_of
from orderflow_tui.trading.limits import LimitError, RiskLimits, TradingParams
from orderflow_tui.trading.rows import RowError
from orderflow_tui.trading.trade import trip_of
from tests.trading.house import PRICE, RICH, SLOW, START_NS, House, decision

TOMORROW = date(2026, 3, 6)
PARAMS = TradingParams(risk=RICH, analysis="ES", patterns=("VA_BREAKOUT", "RULE_80"))
KEYED = replace(PARAMS, resume_needs_key=True, auto_needs_key=True)


def opened(params: TradingParams = PARAMS) -> House:
    house = House(params)
    house.press(Command.OPEN_SESSION)
    return house


def session_rows(house: House, what: str) -> list[Row]:
    return [row for row in house.rows if row.kind == "session" and row.payload["what"] == what]


# -- begin and end ------------------------------------------------------------------------------------------------------


def test_a_session_begins_with_instrument_limits_and_enabled_patterns() -> None:
    house = opened()
    (row,) = session_rows(house, "begin")
    assert (row.payload["instrument"], row.payload["execution"]) == ("ES", "MES")
    assert row.payload["patterns"] == ["VA_BREAKOUT", "RULE_80"]
    limits = row.payload["limits"]
    assert isinstance(limits, dict)
    assert (limits["daily_loss_cents"], limits["margin_ceiling_cents"]) == (30_000, {})
    session = house.desk.session
    assert session is not None
    assert (session.id, session.began_ns) == (f"t-{START_NS}", START_NS)


def test_a_session_that_is_open_goes_on() -> None:
    house = opened()
    house.press(Command.OPEN_SESSION)
    assert len(session_rows(house, "begin")) == 1


def test_a_session_ends_with_its_trades_money_rule_breaks_and_refusals() -> None:
    house = opened()
    house.enter()
    house.trade(house.last - 40)  # a gap through the stop: worse than planned
    house.press(Command.BRACKET, side="UP")
    house.press(Command.BRACKET, side="UP")
    so_far = house.desk.session_so_far
    assert so_far is not None
    assert (so_far.trades, so_far.why) == (1, "open")
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    summary = house.desk.summary
    assert summary is not None
    assert (summary.trades, summary.wins, summary.why) == (1, 0, "the run stopped")
    assert summary.net_cents == house.desk.ledger.trips[0].net_cents < 0
    assert len(summary.breaks) == 1
    assert "planned at most" in summary.breaks[0]
    assert summary.refusals == (("bracket", 2),)
    (row,) = session_rows(house, "end")
    assert row.payload["net_cents"] == summary.net_cents
    text = " ".join(summary.lines())
    assert "1 trade(s), 0 won" in text
    assert "bracket 2" in text
    assert house.desk.session is None
    assert house.desk.session_so_far is None
    house.press(Command.CLOSE_SESSION)
    assert len(session_rows(house, "end")) == 1, "what is closed is not closed again"


def test_closing_writes_the_days_result_so_far() -> None:
    house = opened().enter()
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    (row,) = [r for r in house.rows if r.kind == "day"]
    assert row.ref == "2026-03-05"
    assert row.payload["broker_cents"] is None


def test_without_a_trade_date_a_close_writes_no_day() -> None:
    house = House(PARAMS)
    house.changes["trade_date"] = None
    house.press(Command.OPEN_SESSION)
    house.press(Command.LIMIT, limit="max_contracts", value="1")
    house.press(Command.CLOSE_SESSION)
    assert [r.kind for r in house.rows if r.kind in ("day", "session", "limit")] == ["session", "limit", "session"]


def test_a_new_trade_date_ends_the_session_and_begins_the_next_with_the_configured_limits() -> None:
    house = opened()
    house.press(Command.LIMIT, limit="daily_loss_cents", value="20000")
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last)
    assert [row.payload.get("why") for row in session_rows(house, "end")] == ["the trade date ended"]
    assert session_rows(house, "begin")[1].payload["trade_date"] == "2026-03-06"
    assert house.desk.limits.daily_loss_cents == 30_000


def test_a_date_that_turns_without_a_session_begins_none() -> None:
    house = House(PARAMS)
    house.trade(house.last)
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last)
    assert session_rows(house, "begin") == []


def test_a_quiet_day_is_not_told_and_a_traded_one_is_with_or_without_the_brokers_figure() -> None:
    quiet = opened()
    quiet.changes["trade_date"] = TOMORROW
    quiet.trade(quiet.last)
    assert quiet.alerts("day") == []
    house = opened().enter()
    house.floor.report = None
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last)
    (told,) = house.alerts("day")
    assert told.endswith("the broker told none")


def test_a_session_the_process_died_in_is_ended_by_the_next_start_from_the_journal() -> None:
    house = opened().enter()
    house.trade(house.last + 40)
    house.press(Command.BRACKET, side="UP")
    again = house.restart()
    again.press(Command.OPEN_SESSION)
    (end,) = session_rows(again, "end")
    assert (end.payload["why"], end.payload["trades"], end.payload["wins"]) == ("the process died", 1, 1)
    assert end.payload["refusals"] == {"bracket": 1}
    assert len(session_rows(again, "begin")) == 2
    third = again.restart()
    third.press(Command.OPEN_SESSION)
    assert len(session_rows(third, "end")) == 2


def test_a_trade_that_closed_while_nothing_ran_belongs_to_the_session_that_learns_of_it() -> None:
    house = opened().enter()
    house.wait(2_000)
    house.broker.match(PRICE - 31, PRICE - 29, PRICE - 30, house.now + 60 * SECOND_NS)
    house.now += 90 * SECOND_NS
    again = house.restart()
    again.press(Command.OPEN_SESSION)
    again.wait(30_000)
    (trade,) = again.desk.trades
    so_far = again.desk.session_so_far
    assert so_far is not None
    assert trade.exit_ns < so_far.began_ns
    assert (so_far.trades, so_far.wins, so_far.net_cents) == (1, 0, trade.net_cents)
    (cut_short,) = session_rows(again, "end")
    assert cut_short.payload["trades"] == 0
    third = again.restart()
    third.press(Command.OPEN_SESSION)
    assert [row.payload["trades"] for row in session_rows(third, "end")] == [0, 1]
    assert third.desk.session_so_far is not None
    assert third.desk.session_so_far.trades == 0


@pytest.mark.parametrize("older", [False, True])
def test_a_trade_of_an_earlier_session_is_not_counted_again_also_after_a_death(older: bool) -> None:
    house = opened().enter()
    house.trade(house.last + 40)
    house.press(Command.CLOSE_SESSION, why="a person")
    house.press(Command.OPEN_SESSION)
    assert session_rows(house, "begin")[1].payload["closed_before"] == [house.desk.trades[0].id]
    if older:  # rows of a version that did not name them
        for row in session_rows(house, "begin"):
            del row.payload["closed_before"]
    again = house.restart()
    again.press(Command.OPEN_SESSION)
    assert [row.payload["trades"] for row in session_rows(again, "end")] == [1, 0]


def test_the_end_of_a_session_written_late_does_not_end_the_next_one() -> None:
    house = opened()
    house.journal = "silent"
    house.press(Command.CLOSE_SESSION, why="a person")
    ended = next(key for key, row in house.floor.owed.items() if row.kind == "session")
    house.journal = "prompt"
    house.wait(1)
    house.press(Command.OPEN_SESSION)
    house.tell(JournalFailed(house.now, (ended,), "disk full"))
    again = house.restart()
    again.press(Command.OPEN_SESSION)
    assert [row.payload["why"] for row in session_rows(again, "end")] == ["a person", "the process died"]


# -- limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(LOOSER))
def test_every_limit_can_be_read_and_changed(key: str) -> None:
    old = value_of(RiskLimits(), key)
    new = changed(RiskLimits(), key, str(old + 1 if key != "margin_use_pct" else 79))
    assert value_of(new, key) != old


@pytest.mark.parametrize(
    ("key", "old", "new", "looser"),
    [
        ("daily_loss_cents", 100, 99, False),
        ("daily_loss_cents", 100, 100, False),
        ("daily_loss_cents", 100, 101, True),
        ("slippage_ticks", 2, 3, False),
        ("slippage_ticks", 2, 1, True),
        ("expiry_days", 5, 4, True),
        ("daily_profit_cents", 100, 0, True),
        ("daily_profit_cents", 0, 100, False),
        ("daily_profit_cents", 0, 0, False),
        ("max_notional_cents", 100, 200, True),
    ],
)
def test_looser_is_what_allows_more(key: str, old: int, new: int, looser: bool) -> None:
    assert loosens(key, old, new) is looser


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("daily_loss", "100", "no limit is called 'daily_loss'"),
        ("daily_loss_cents", "-100", "whole number"),
        ("daily_loss_cents", "²", "whole number"),
        ("daily_loss_cents", "0", "must be a positive number"),
        ("max_contracts", "11", "never more than 10"),
        ("margin_use_pct", "101", "never more than 100"),
    ],
)
def test_a_change_that_cannot_be_meant_says_what_was_expected(key: str, text: str, sentence: str) -> None:
    with pytest.raises(LimitError, match=sentence):
        changed(RiskLimits(), key, text)


def test_a_limit_is_lowered_at_once_and_journalled() -> None:
    house = opened(KEYED)
    house.press(Command.LIMIT, limit="max_contracts", value="1")
    house.bracket(quantity=2)
    assert house.refusal == "size"
    (row,) = [r for r in house.rows if r.kind == "limit"]
    assert (row.ref, row.payload["old"], row.payload["new"], row.payload["looser"]) == ("max_contracts", 3, 1, False)
    assert house.desk.session is not None
    assert house.desk.session.changes == 1


def test_a_limit_is_raised_with_the_key_only_where_one_is_asked_for() -> None:
    house = opened(KEYED)
    house.press(Command.LIMIT, limit="daily_loss_cents", value="30001")
    assert "the safety key is needed" in house.desk.refusals[-1].reason
    assert house.desk.limits.daily_loss_cents == 30_000
    house.press(Command.LIMIT, limit="daily_loss_cents", value="30001", key_ok="yes")
    assert house.desk.limits.daily_loss_cents == 30_001
    free = opened()
    free.press(Command.LIMIT, limit="daily_loss_cents", value="40000")
    assert free.desk.limits.daily_loss_cents == 40_000


def test_a_change_of_nothing_known_changes_nothing() -> None:
    house = House(PARAMS)
    house.press(Command.LIMIT, limit="everything", value="1")
    assert house.refusal == "limit"
    assert house.desk.limits == RICH


def test_a_lowered_daily_loss_trips_at_once_when_it_is_reached() -> None:
    house = opened().enter()
    house.trade(house.last - 8)
    assert house.latched == set()
    house.press(Command.LIMIT, limit="daily_loss_cents", value="1000")
    assert "DAILY_LOSS" in house.latched


def test_a_restart_keeps_what_tightens_today_and_nothing_that_loosens() -> None:
    house = opened()
    house.press(Command.LIMIT, limit="max_trades_per_day", value="3")
    house.press(Command.LIMIT, limit="daily_loss_cents", value="40000")
    house.rows.append(replace(house.rows[-1], ref="max_drawdown_of_old"))  # a limit of another version
    again = house.restart()
    again.press(Command.OPEN_SESSION)
    assert (again.desk.limits.max_trades_per_day, again.desk.limits.daily_loss_cents) == (3, 30_000)
    later = again.restart()
    later.changes["trade_date"] = TOMORROW
    later.press(Command.OPEN_SESSION)
    assert later.desk.limits == RICH


# -- patterns -----------------------------------------------------------------------------------------------------------


def test_a_pattern_that_is_switched_off_is_not_traded_until_it_is_on_again() -> None:
    house = opened()
    house.press(Command.PATTERN, pattern="VA_BREAKOUT", on="no")
    house.decide(decision())
    assert house.refusal == "pattern"
    assert house.desk.offers == ()
    house.press(Command.PATTERN, pattern="VA_BREAKOUT", on="yes")
    house.decide(decision())
    assert len(house.desk.offers) == 1
    assert [(r.ref, r.payload["on"]) for r in house.rows if r.kind == "pattern"] == [
        ("VA_BREAKOUT", False),
        ("VA_BREAKOUT", True),
    ]


def test_a_pattern_that_was_switched_off_stays_off_for_its_trade_date_after_a_restart() -> None:
    house = opened()
    for name, on in (("VA_BREAKOUT", "no"), ("RULE_80", "no"), ("RULE_80", "yes")):
        house.press(Command.PATTERN, pattern=name, on=on)
    again = house.restart()
    again.wait(3_000)
    again.press(Command.OPEN_SESSION)
    assert again.floor.session is not None
    assert again.floor.session.off == {"VA_BREAKOUT"}
    again.decide(decision())
    assert again.refusal == "pattern"
    again.changes["trade_date"] = TOMORROW
    again.wait(15_000)
    assert again.floor.session.off == set(), "a new trade date begins with what is configured"
    later = house.restart()
    later.changes["trade_date"] = TOMORROW
    later.press(Command.OPEN_SESSION)
    assert later.floor.session is not None
    assert later.floor.session.off == set()


@pytest.mark.parametrize("args", [{"pattern": "SMA", "on": "no"}, {"pattern": "RULE_80", "on": "off"}, {}])
def test_an_unknown_pattern_is_refused_with_those_there_are(args: dict[str, str]) -> None:
    house = opened()
    house.press(Command.PATTERN, **args)
    assert "VA_BREAKOUT, RULE_80" in house.desk.refusals[-1].reason


def test_without_a_session_no_pattern_is_switched() -> None:
    house = House(PARAMS)
    house.press(Command.PATTERN, pattern="RULE_80", on="no")
    assert "no session is open" in house.desk.refusals[-1].reason


# -- the automation grant -------------------------------------------------------------------------------------------------


def granted() -> House:
    """A headless run that may trade by itself."""
    house = opened()
    house.press(Command.AUTOMATION, mode="AUTO", unattended="yes")
    assert house.desk.automation is Automation.AUTO
    return house


def grants(house: House) -> list[bool]:
    return [bool(row.payload["granted"]) for row in house.rows if row.kind == "grant"]


def test_an_unattended_run_trades_a_decision_without_a_hand_on_the_key() -> None:
    house = granted()
    house.wait(120_000)
    assert house.desk.armed_left_ms(house.now) == 0, "the grant is not the arming, which times out"
    house.decide(decision(regime=Regime.TRENDING_UP))
    assert [order.quantity for order in house.sent()][:1] == [2]
    (row,) = [r for r in house.rows if r.kind == "grant"]
    assert (row.payload["trade_date"], row.payload["unattended"]) == ("2026-03-05", True)


def test_the_grant_ends_with_the_session() -> None:
    house = granted()
    house.press(Command.CLOSE_SESSION)
    assert house.desk.automation is Automation.ALERT
    assert grants(house) == [True, False]


def test_an_empty_journal_restores_nothing() -> None:
    house = House(PARAMS)
    house.desk.restore([])
    assert house.desk.session is None


def test_the_grant_ends_with_the_trade_date() -> None:
    house = granted()
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last)
    assert grants(house) == [True, False]


@pytest.mark.parametrize("command", [Command.HALT, Command.STOP, Command.FLATTEN, Command.UNATTENDED])
def test_any_latch_ends_the_grant(command: Command) -> None:
    house = granted()
    house.press(command)
    assert grants(house) == [True, False]


def test_a_lost_connection_ends_the_grant_after_two_minutes_and_not_before() -> None:
    house = granted()
    house.link(Link.BACKOFF)
    house.wait(119_999)
    assert grants(house) == [True]
    house.wait(1)
    assert grants(house) == [True, False]


def test_the_flat_time_ends_the_grant() -> None:
    house = granted()
    house.changes["flat_at_ns"] = house.now + 1_000_000
    house.wait(2)
    assert grants(house) == [True, False]


def test_a_restart_grants_nothing() -> None:
    again = granted().restart()
    assert again.desk.automation is Automation.ALERT


def refused(house: House, **args: str) -> str:
    house.press(Command.AUTOMATION, mode="AUTO", unattended="yes", **args)
    assert house.desk.automation is Automation.ALERT
    return house.desk.refusals[-1].reason


def test_an_unattended_run_is_refused_while_latched_after_the_flat_time_without_a_session_or_without_the_key() -> None:
    latched = opened()
    latched.press(Command.HALT)
    assert "OPERATOR: halt by a person" in refused(latched)
    late = opened()
    late.changes["flat_at_ns"] = late.now
    assert "flat time has come" in refused(late)
    nowhere = House(PARAMS)
    nowhere.changes["trade_date"] = None
    assert "no session is known" in refused(nowhere)
    keyed = opened(KEYED)
    assert "needs the safety key" in refused(keyed)
    keyed.press(Command.AUTOMATION, mode="AUTO", unattended="yes", key_ok="yes")
    assert keyed.desk.automation is Automation.AUTO


# -- what a restart keeps -------------------------------------------------------------------------------------------------


TIERED = replace(PARAMS, tiers_enabled=True, risk=replace(RICH, starting_balance_cents=340_000))


def tier_of(house: House) -> int:
    row = house.desk.tier
    assert row is not None
    return row.number


def test_a_restart_does_not_let_the_tier_rise_within_the_session() -> None:
    house = opened(TIERED)
    assert tier_of(house) == 1
    house.params = replace(TIERED, risk=replace(RICH, starting_balance_cents=900_000))
    again = house.restart()
    again.trade(again.last)
    assert tier_of(again) == 1
    again.changes["trade_date"] = TOMORROW
    again.trade(again.last)
    assert tier_of(again) == 4


def test_a_tier_that_is_no_longer_configured_is_fixed_anew() -> None:
    house = opened(TIERED)
    house.params = replace(TIERED, tiers=TIERED.tiers[1:])
    again = house.restart()
    again.trade(again.last)
    assert tier_of(again) == 2


def test_a_restart_forgives_no_drawdown_from_an_open_profit() -> None:
    limits = replace(RICH, max_drawdown_cents=3_000, daily_loss_cents=20_000)
    house = House(replace(PARAMS, risk=limits, timing=SLOW)).enter()
    house.trade(*range(house.last, house.last + 20))
    house.wait(10_000)
    peak = house.desk.ledger.peak_cents
    assert peak > 2_000
    again = house.restart()
    again.trade(again.last)
    assert again.desk.ledger.peak_cents == peak


def test_a_restart_in_mid_trade_forgets_no_excursion() -> None:
    house = House(replace(PARAMS, timing=SLOW)).enter()
    house.trade(house.last - 9, house.last + 6)
    house.wait(10_000)  # noted every ten seconds
    entry = house.desk.average_ticks()
    assert entry is not None
    again = house.restart()
    again.trade(PRICE)
    again.broker.match(again.last + 40, again.last + 41, again.last + 40, again.now)
    again._deliver()
    (trip,) = again.desk.trades
    assert (trip.mae_ticks, trip.mfe_ticks) == (entry - (PRICE - 9), 24)


def test_an_excursion_of_a_trade_that_is_over_moves_no_other() -> None:
    house = House(replace(PARAMS, timing=SLOW)).enter()
    house.trade(house.last - 9)
    house.wait(10_000)
    stale = next(row for row in reversed(house.rows) if row.kind == "excursion")
    house.rows += [replace(stale, ref="another"), replace(stale, payload={**stale.payload, "instrument": "ES"})]
    assert house.restart().desk.ledger.episode("MES") is not None


def test_the_account_is_noted_every_quarter_of_an_hour() -> None:
    house = House(PARAMS)
    house.wait(900_000 + 30_000)
    noted = [row for row in house.rows if row.kind == "account"]
    assert len(noted) == 2
    assert noted[0].payload["positions"] == {}


def test_a_new_day_has_a_new_peak_also_for_the_journal() -> None:
    house = House(PARAMS).enter(quantity=2)
    house.trade(house.last + 10)
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last, house.last + 12)
    house.wait(10_000)
    dates = [row.ref for row in house.rows if row.kind == "peak"]
    assert dates == sorted(dates)
    assert dates[-1] == "2026-03-06"


def test_a_trade_is_read_back_from_its_row_as_it_was() -> None:
    house = House(PARAMS).enter()
    house.trade(house.last + 40)
    (trip,) = house.desk.trades
    row = next(r for r in reversed(house.rows) if r.kind == "trade")
    assert trip_of(row) == trip


@pytest.mark.parametrize(
    ("key", "value"), [("reason", "LUNCH"), ("side", 0), ("mae_ticks", "1"), ("mae_ticks", True), ("quantity", 1.5)]
)
def test_a_trade_row_that_makes_no_sense_is_named(key: str, value: object) -> None:
    house = House(PARAMS).enter()
    house.trade(house.last + 40)
    row = next(r for r in reversed(house.rows) if r.kind == "trade")
    spoilt = Row(row.book, row.kind, row.ref, row.ts_ns, {**row.payload, key: value})  # type: ignore[dict-item]
    with pytest.raises(RowError, match="trade"):
        trip_of(spoilt)


def test_a_trade_row_of_an_older_version_has_neither_context_nor_breaks() -> None:
    house = House(PARAMS).enter()
    house.trade(house.last + 40)
    row = next(r for r in reversed(house.rows) if r.kind == "trade")
    bare = Row(row.book, row.kind, row.ref, row.ts_ns, {k: v for k, v in row.payload.items() if k not in ("context", "breaks")})
    trip = trip_of(bare)
    assert trip is not None
    assert (trip.context, trip.breaks) == ({}, ())


def test_an_entry_whose_stop_would_break_the_drawdown_is_refused_although_the_days_loss_has_room() -> None:
    house = House(replace(PARAMS, risk=replace(RICH, max_drawdown_cents=3_000))).enter()
    house.trade(house.last + 40)  # the day's peak is far above what is left of it
    value, floor = house.desk.ledger.value_cents, house.desk.ledger.peak_cents - 3_000
    assert value > floor > value - 2_500
    house.bracket()
    assert house.refusal == "worst-case day"
    assert f"limit {floor / 100:.2f}" in house.desk.refusals[-1].reason
    assert LatchKind.DRAWDOWN.value not in house.latched


def test_a_row_that_could_not_be_committed_follows_in_the_background() -> None:
    house = House(PARAMS, journal="failing")
    house.press(Command.LIMIT, limit="max_contracts", value="1")
    assert [row.kind for row in house.rows if row.kind == "limit"] == ["limit"]


def test_the_brokers_position_is_unknown_while_an_execution_overlaps_its_report() -> None:
    house = House(PARAMS).enter()
    house.wait(10)
    house.press(Command.RECONCILE)
    report = house.floor.report
    assert report is not None
    assert house.desk.broker_position == 1
    house.floor.executed.append((report.ts_ns, "ES", 1))
    assert house.desk.broker_position == 1
    house.floor.executed.append((report.ts_ns, "MES", 1))
    assert house.desk.broker_position is None


def test_a_refusal_outside_any_session_is_no_sessions_after_a_restart() -> None:
    made = House()
    made.press(Command.BRACKET, side="BUY")
    assert made.refusal == "trading state"
    assert [row.kind for row in made.rows if row.kind in ("refusal", "session")] == ["refusal"]
    assert made.restart().desk.session is None

"""The trade journal as it is read from outside: chain, days with both P&Ls, statistics, sessions, and what cannot be read."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from orderflow_tui.adapters.journal_memory import SyncJournal
from orderflow_tui.adapters.rows import row_of
from orderflow_tui.cli import app
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.order import Commission, Fill, Side
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.domain.signal import Direction, Pattern, Regime, RegimeReading, Setup, SetupReading
from orderflow_tui.ops.trade_journal import COLUMNS, document, read_books, text, write_csv
from orderflow_tui.ports import JournalError
from orderflow_tui.trading.limits import TradingParams
from tests.builders import ES, MES
from tests.trading.house import PRICE, RICH, SLOW, START_NS, TODAY, House, decision

INSTRUMENTS = {"MES": MES, "ES": ES}
SETUP = SetupReading(
    "s-d1",
    START_NS,
    Setup.VA_BREAKOUT,
    Direction.LONG,
    20_000,
    80.0,
    85.0,
    40.0,
    (("value", 0.5, 1.0), ("trend", 0.4, 0.8)),
    (Pattern.STACKED_BUY, Pattern.BUYING_ABSORPTION),
    True,
    "accepted above value",
)


def traded() -> House:
    """A session in which a setup reached its target, a manual trade was stopped out and an entry was refused."""
    house = House()
    house.press(Command.OPEN_SESSION)
    house.arm()
    house.press(Command.AUTOMATION, mode="AUTO")
    house.decide(decision())
    house.trade(house.last, house.last + 30)
    house.press(Command.AUTOMATION, mode="OFF")
    house.enter("SELL")
    house.trade(house.last + 20)
    house.press(Command.BRACKET, side="UP")
    house.press(Command.LIMIT, limit="daily_loss_cents", value="25000")
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    return house


def write(folder: Path, rows: list[Row], market: list[Row] | None = None) -> None:
    with SyncJournal(folder, "run", START_NS) as journal:
        journal.commit_now(rows)
        for row in market or ():
            journal.record(row)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    reading = RegimeReading(START_NS - 1, Regime.RANGING, Regime.RANGING, 0.8, (0.0, 0.0, 0.8, 0.0))
    market = [row_of(SETUP), row_of(decision()), row_of(reading)]
    write(tmp_path / "journal" / "paper", traded().rows, market)
    return tmp_path


def read(data: Path, on: date | None = None) -> dict[str, Any]:
    return document(read_books(data, "paper"), "paper", on, INSTRUMENTS)


def test_a_trade_tells_what_led_to_it_how_it_went_and_what_it_cost(data: Path) -> None:
    first, second = read(data)["trades"]
    assert (first["setup"], first["regime"], first["exit_reason"], first["confidence"]) == (
        "VA_BREAKOUT",
        "RANGING",
        "TARGET",
        80.0,
    )
    assert first["confidence_parts"] == [["value", 0.5, 1.0], ["trend", 0.4, 0.8]]
    assert first["patterns"] == ["STACKED_BUY", "BUYING_ABSORPTION"]
    assert [link["kind"] for link in first["chain"]] == ["setup", "decision", "intent", "fill", "fill"]
    assert first["net"] == round(first["gross"] - first["commission"], 2) > 0
    assert first["mfe_ticks"] >= 24
    assert (second["setup"], second["side"], second["exit_reason"]) == ("manual", "SELL", "STOP")
    assert second["regime"] == "RANGING", "what the market's journal said at the time"
    assert second["confidence_parts"] is None
    assert second["mae_ticks"] >= 16
    assert second["net"] < 0


def test_the_statistics_and_scorecards_are_those_of_the_trades(data: Path) -> None:
    found = read(data)
    nets = [trade["net"] for trade in found["trades"]]
    everything = found["statistics"]
    assert (everything["trades"], everything["wins"], everything["days"]) == (2, 1, 1)
    assert everything["net"] == pytest.approx(sum(nets))
    assert everything["expectancy"] == pytest.approx(sum(nets) / 2, abs=0.01)
    assert everything["profit_factor"] == pytest.approx(nets[0] / -nets[1], abs=0.001)
    assert everything["max_drawdown"] == pytest.approx(-nets[1])
    assert everything["expectancy_interval"] > 0
    assert {line["name"] for line in found["by_pattern"]} == {"VA_BREAKOUT", "manual"}
    assert [(line["name"], line["trades"]) for line in found["by_regime"]] == [("RANGING", 2)]
    assert {line["name"] for line in found["by_exit"]} == {"TARGET", "STOP"}


def test_a_day_shows_our_figure_the_brokers_and_the_difference() -> None:
    house = traded()
    assert house.floor.report is not None
    house.floor.report = replace(house.floor.report, began_ns=house.now, day_pnl_cents=house.desk.ledger.net_cents - 62)
    house.changes["trade_date"] = date(2026, 3, 6)
    house.trade(house.last)
    (row,) = [r for r in house.rows if r.kind == "day" and r.payload["broker_cents"] is not None]
    assert row.payload["difference_cents"] == 62
    (told,) = house.alerts("day")
    assert "difference 0.62" in told


def test_people_read_times_in_et_and_are_told_so(data: Path) -> None:
    found = read(data)
    told = text(found).splitlines()
    assert told[0] == "trades, mode paper, times of the exits in ET"
    left = datetime.fromisoformat(found["trades"][0]["exit_ts"][:19] + "+00:00").astimezone(ZoneInfo("America/New_York"))
    assert told[1].startswith(f"  {left:%Y-%m-%d %H:%M:%S}  BUY")


def test_figures_of_two_instants_have_no_difference_and_say_of_when_they_are(tmp_path: Path) -> None:
    house = traded()
    house.enter()
    house.wait(2_000)
    assert house.floor.report is not None
    house.floor.report = replace(house.floor.report, began_ns=house.now, ts_ns=house.now, day_pnl_cents=100)
    house.trade(house.last + 4)
    house.wait(3_000)
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    write(tmp_path / "journal" / "paper", house.rows)
    found = read(tmp_path)
    (day,) = found["days"]
    assert (day["open"], day["broker"], day["difference"]) == (house.desk.ledger.open_cents / 100, 1.0, None)
    assert day["broker_age_ms"] >= 3_000
    assert f"(open {day['open']:.2f})  broker 1.00 ({day['broker_age_ms'] // 1000} s earlier)  difference ?" in text(found)


def test_a_report_from_before_the_last_execution_is_not_compared() -> None:
    house = traded()
    assert house.floor.report is not None
    assert house.floor.booked_ns is not None
    house.floor.report = replace(house.floor.report, began_ns=house.floor.booked_ns - 1, day_pnl_cents=100)
    house.changes["trade_date"] = date(2026, 3, 6)
    house.trade(house.last)
    (told,) = house.alerts("day")
    assert told.endswith("s ago, not compared")


def test_what_the_broker_said_of_a_day_is_not_unsaid_by_the_start_on_the_next_one(tmp_path: Path) -> None:
    house = traded()
    assert house.floor.report is not None
    own = house.desk.ledger.net_cents
    told = own - 62
    house.floor.report = replace(house.floor.report, began_ns=house.now, day_pnl_cents=told)
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    again = house.restart()
    charged, cents = house.broker.fills[0].exec_id, again.desk.ledger.fees_cents
    again.tell(Commission(charged, again.now, 1))  # the day came to another result since, so it is written again
    own += cents - again.desk.ledger.fees_cents
    again.changes["trade_date"] = date(2026, 3, 6)
    again.trade(again.last)
    last = [r for r in again.rows if r.kind == "day"][-1]
    assert last.ref == TODAY.isoformat()
    assert last.payload["broker_cents"] is None, "this process never heard it"
    write(tmp_path / "journal" / "paper", again.rows)
    day = next(d for d in read(tmp_path)["days"] if d["date"] == TODAY.isoformat())
    assert (day["net"], day["broker"], day["difference"]) == (own / 100, round(told / 100, 2), (own - told) / 100)


def test_a_session_is_read_back_with_limits_changes_and_its_summary(data: Path) -> None:
    (session,) = read(data)["sessions"]
    assert session["begin"]["limits"]["daily_loss_cents"] == 30_000
    assert [(c["kind"], c["name"], c["old"], c["new"]) for c in session["changes"]] == [
        ("limit", "daily_loss_cents", 30_000, 25_000)
    ]
    assert (session["end"]["why"], session["end"]["trades"], session["end"]["wins"]) == ("the run stopped", 2, 1)
    assert session["end"]["refusals"] == {"bracket": 1}


def test_one_date_keeps_its_own_trades_days_and_sessions(data: Path) -> None:
    assert len(read(data, TODAY)["trades"]) == 2
    other = read(data, date(2026, 3, 6))
    assert (other["trades"], other["days"], other["sessions"], other["statistics"]["trades"]) == ([], [], [], 0)


def test_runs_of_a_simulated_mode_lie_side_by_side(tmp_path: Path) -> None:
    for run in ("a-demo", "b-demo"):
        write(tmp_path / "journal" / "demo" / run, traded().rows)
    found: Any = document(read_books(tmp_path, "demo"), "demo", None, INSTRUMENTS)
    assert [trade["run"] for trade in found["trades"]].count("a-demo") == 2
    assert found["statistics"]["trades"] == 4


def test_without_the_markets_journal_the_chain_is_shorter_and_nothing_is_invented(tmp_path: Path) -> None:
    write(tmp_path / "journal" / "paper", traded().rows)
    (tmp_path / "journal" / "paper" / "market.sqlite").unlink()
    first, second = read(tmp_path)["trades"]
    assert [link["kind"] for link in first["chain"]] == ["intent", "fill", "fill"]
    assert (first["confidence_parts"], second["regime"]) == (None, None)


@pytest.mark.parametrize(("minutes", "regime"), [(29, "RANGING"), (31, None), (21 * 24 * 60, None)])
def test_a_manual_trade_takes_no_reading_of_the_market_that_is_older_than_half_an_hour(
    tmp_path: Path, minutes: int, regime: str | None
) -> None:
    house = House().enter("SELL")
    house.trade(house.last + 20)
    at_ns = house.desk.trades[0].entry_ns - minutes * 60 * SECOND_NS
    reading = RegimeReading(at_ns, Regime.RANGING, Regime.RANGING, 0.8, (0.0, 0.0, 0.8, 0.0))
    write(tmp_path / "journal" / "paper", house.rows, [row_of(reading)])
    found = read(tmp_path)
    (trade,) = found["trades"]
    assert trade["regime"] == regime
    assert [line["name"] for line in found["by_regime"]] == [regime or "unknown"]


def test_an_average_price_is_told_to_the_cent(tmp_path: Path) -> None:
    house = House(TradingParams(risk=replace(RICH, max_contracts=3), timing=SLOW))
    for name, side, quantity, price in (("a", Side.BUY, 1, PRICE), ("b", Side.BUY, 2, PRICE + 1), ("c", Side.SELL, 3, PRICE)):
        house.tell(Fill(f"{name}.01", name, 1, None, house.now, "MES", side, quantity, price))
    write(tmp_path / "journal" / "paper", house.rows)
    (trade,) = read(tmp_path)["trades"]
    assert (trade["entry_price"], trade["exit_price"]) == (5000.17, 5000.0)


def test_the_panel_and_the_journal_round_what_a_trade_is_worth_alike(tmp_path: Path) -> None:
    house = House(TradingParams(risk=RICH, timing=SLOW))
    for n, cents in enumerate((62, 62, 61)):  # commissions: three losses that do not divide evenly
        for side in (Side.BUY, Side.SELL):
            house.tell(Fill(f"{n}{side}.01", f"{n}{side}", 1, None, house.now, "MES", side, 1, PRICE))
            house.tell(Commission(f"{n}{side}.01", house.now, cents))
    write(tmp_path / "journal" / "paper", house.rows)
    assert house.desk.ledger.net_cents == -370
    shown = house.desk.ledger.expectancy_cents
    assert shown == -123, "not -124: the nearer cent, also of a loss"
    assert read(tmp_path)["statistics"]["expectancy"] == shown / 100


def test_the_text_and_the_table_hold_every_trade(data: Path) -> None:
    found = read(data)
    shown = text(found)
    assert "VA_BREAKOUT · RANGING" in shown
    assert "few trades" in shown
    stream = io.StringIO()
    write_csv(found, stream)
    lines = list(csv.reader(io.StringIO(stream.getvalue())))
    assert tuple(lines[0]) == COLUMNS
    assert [line[COLUMNS.index("patterns")] for line in lines[1:]] == ["STACKED_BUY; BUYING_ABSORPTION", ""]


def test_the_newest_word_on_a_trade_counts_and_one_that_never_was_counts_nowhere(tmp_path: Path) -> None:
    house = traded()
    entry, leave = house.broker.fills[:2]
    house.tell(Commission(leave.exec_id, house.now, 99))
    second = house.broker.fills[-1]
    house.tell(replace(second, exec_id=f"{second.base_id}.02", revision=2, price_ticks=second.price_ticks + 4))
    write(tmp_path / "journal" / "paper", house.rows)
    first, stopped = read(tmp_path)["trades"]
    assert (first["commission"], first["setup"], first["regime"]) == (1.61, "VA_BREAKOUT", "RANGING")
    assert stopped["net"] == round(house.desk.trades[-1].net_cents / 100, 2)
    house.tell(replace(entry, exec_id=f"{entry.base_id}.02", revision=2, quantity=0))
    write(tmp_path / "journal" / "sim", house.rows)
    found: Any = document(read_books(tmp_path, "sim"), "sim", None, INSTRUMENTS)
    assert [trade["id"] for trade in found["trades"]] == [trip.id for trip in house.desk.trades]
    assert entry.base_id not in {trade["id"] for trade in found["trades"]}
    assert found["statistics"]["net"] == round(sum(trip.net_cents for trip in house.desk.trades) / 100, 2)
    assert found["statistics"]["trades"] == sum(line["trades"] for line in found["by_pattern"]) == len(house.desk.trades)


def test_a_slippage_that_nobody_knows_is_null_and_shown_as_such(tmp_path: Path) -> None:
    rows = [
        replace(row, payload={**row.payload, "slippage_ticks": None}) if row.kind == "trade" else row for row in traded().rows
    ]
    write(tmp_path / "journal" / "paper", rows)
    found = read(tmp_path)
    assert [trade["slippage_ticks"] for trade in found["trades"]] == [None, None]
    assert text(found).count(" slip ? ") == 2


def test_a_row_that_is_no_trade_is_named(tmp_path: Path) -> None:
    write(tmp_path / "journal" / "paper", [Row("orders", "trade", "t1", START_NS, {"reason": "LUNCH", "side": 1})])
    with pytest.raises(JournalError, match="trade t1"):
        read_books(tmp_path, "paper")


def test_figures_of_a_broken_chain_are_told_as_such_first_and_the_command_fails(data: Path, tmp_path: Path) -> None:
    path = data / "journal" / "paper" / "orders.sqlite"
    content = path.read_bytes()
    at = content.index(b'"gross_cents":') + len(b'"gross_cents":')
    path.write_bytes(content[:at] + (b"9" if content[at : at + 1] != b"9" else b"8") + content[at + 1 :])
    run = CliRunner().invoke
    told = run(app, ["journal", "--mode", "paper", "--data-dir", str(data), "--json"])
    [broken] = json.loads(told.stdout)["broken"]
    assert (broken["run"], broken["row"]) == ("", 1 + next(n for n, row in enumerate(stored(path)) if row == "trade"))
    assert "its content does not match its hash" in broken["reason"]
    assert f"BROKEN AT ROW {broken['row']}" in str(told.exception)
    shown = run(app, ["journal", "--mode", "paper", "--data-dir", str(data)])
    assert shown.stdout.startswith(f"BROKEN AT ROW {broken['row']}: {path} is damaged")
    csv_ = run(app, ["journal", "--mode", "paper", "--data-dir", str(data), "--csv", str(tmp_path / "t.csv")])
    assert "No figure from it can be trusted" in str(csv_.exception)
    assert [getattr(result.exception, "code", None) for result in (told, shown, csv_)] == [1, 1, 1]


def test_a_journal_that_lost_its_end_is_broken_and_one_that_is_gone_is_missed(data: Path) -> None:
    folder = data / "journal" / "paper"
    with SyncJournal(folder, "run", START_NS) as journal:
        journal.end(START_NS)
    backup = (folder / "orders.sqlite").read_bytes()
    with SyncJournal(folder, "run", START_NS) as journal:
        journal.end(START_NS)
    (folder / "orders.sqlite").write_bytes(backup)
    assert "committed rows up to row" in text(read(data)).splitlines()[0]
    assert read(data)["broken"][0]["row"] is not None
    conn = sqlite3.connect(folder / "orders.sqlite", isolation_level=None)
    conn.execute("DROP TRIGGER event_stays")
    conn.close()
    assert text(read(data)).startswith("BROKEN AS A WHOLE")
    (folder / "orders.sqlite").unlink()
    with pytest.raises(JournalError, match="it is empty"):
        read_books(data, "paper")


def test_a_whole_journal_says_nothing_of_it(data: Path) -> None:
    assert read(data)["broken"] == []
    assert text(read(data)).startswith("trades, mode paper")


def stored(path: Path) -> list[str]:
    conn = sqlite3.connect(path)
    kinds = [kind for (kind,) in conn.execute("SELECT kind FROM event ORDER BY seq")]
    conn.close()
    return kinds


def test_the_command_prints_the_document_writes_the_table_and_says_where_nothing_is(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    shown = run(app, ["journal", "--mode", "paper", "--data-dir", str(data), "--json"])
    assert json.loads(shown.stdout)["schema"] == "orderflow-tui/journal/1"
    written = run(app, ["journal", "--mode", "paper", "--data-dir", str(data), "--csv", "t.csv", "--date", "2026-03-05"])
    assert (written.exit_code, written.stdout) == (0, "")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 3
    assert "no journal of mode live" in str(run(app, ["journal", "--mode", "live", "--data-dir", str(data)]).exception)
    assert "not 'today'" in str(run(app, ["journal", "--date", "today", "--data-dir", str(data)]).exception)

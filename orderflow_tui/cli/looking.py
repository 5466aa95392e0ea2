"""`status`, `journal`, `doctor`: what is, what was, and whether all is ready."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from orderflow_tui.cli.doors import engine_folder
from orderflow_tui.cli.manners import CONFIGURATION, FAILED, USAGE, DataDir, Quit, Sets, Symbol, guarded, prove_writable, write
from orderflow_tui.modes import MODES


def status(
    json_: Annotated[bool, typer.Option("--json", help="Print the document.")] = False,
    data_dir: DataDir = None,
) -> None:
    """What the engine is doing, from its heartbeat. Works while the console runs.

    Example: orderflow-tui status --json
    """
    from orderflow_tui.ops.status import gone, status_of, status_text

    folder = engine_folder(data_dir)
    document = guarded(lambda: status_of(folder))
    sys.stdout.write((json.dumps(document) if json_ else status_text(document)) + "\n")
    if why := gone(document):
        raise Quit(FAILED, why)


def journal(
    date_: Annotated[str | None, typer.Option("--date", metavar="DATE", help="One trade date, such as 2026-03-05.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the document.")] = False,
    csv_: Annotated[Path | None, typer.Option("--csv", metavar="FILE", readable=False, help="Write the trades there.")] = None,
    mode: Annotated[str | None, typer.Option(help="Whose journal; the configured mode when none is given.")] = None,
    data_dir: DataDir = None,
) -> None:
    """The trade journal: trades, days, statistics, scorecards, sessions. Works while the console runs.

    Example: orderflow-tui journal --mode paper --date 2026-03-05
    """
    from orderflow_tui.console import Wish
    from orderflow_tui.ops.trade_journal import broken_text, document, read_books, text, write_csv
    from orderflow_tui.wiring import plan_of

    try:
        on = None if date_ is None else date.fromisoformat(date_)
    except ValueError:
        raise Quit(USAGE, f"--date takes a date such as 2026-03-05, not {date_!r}") from None
    plan = guarded(lambda: plan_of(Wish(mode=mode, live=True, data_dir=data_dir)))
    if csv_ is not None:
        prove_writable(csv_, "--csv")
    books = guarded(lambda: read_books(plan.data_dir, plan.mode.name))
    if not books:
        raise Quit(FAILED, f"no journal of mode {plan.mode.name} below {plan.data_dir / 'journal'}")
    found = guarded(lambda: document(books, plan.mode.name, on, plan.loaded.instruments))
    if csv_ is not None:
        guarded(lambda: write(csv_, lambda stream: write_csv(found, stream)))
    if json_ or csv_ is None:
        sys.stdout.write((json.dumps(found) if json_ else text(found)) + "\n")
    if found["broken"]:
        raise Quit(FAILED, broken_text(found))


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print the document.")] = False,
    paper_check: Annotated[
        bool, typer.Option("--paper-check", help="Watch the gateway without sending an order; record the paper checklist.")
    ] = False,
    send_test: Annotated[bool, typer.Option("--send-test", help="Send one alert that says it is a test.")] = False,
    mode: Annotated[str | None, typer.Option(help=f"Look for one of {', '.join(m.name for m in MODES)}.")] = None,
    instrument: Symbol = None,
    sets: Sets = None,
    data_dir: DataDir = None,
) -> None:
    """Preflight: configuration with sources, clock, disk, permissions, calendar, contracts, gateway, alerts.

    Example: orderflow-tui doctor --mode paper --paper-check
    """
    from orderflow_tui.console import Wish, keep_private
    from orderflow_tui.ops.doctor import examine

    keep_private()
    wish = Wish(mode=mode, instrument=instrument, live=True, data_dir=data_dir, sets=tuple(sets or ()))
    report = guarded(lambda: examine(wish, check_paper=paper_check, test_alert=send_test))
    sys.stdout.write((json.dumps(report.document()) if json_ else report.text()) + "\n")
    if report.failed:
        raise typer.Exit(FAILED if report.plan else CONFIGURATION)

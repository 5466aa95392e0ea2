"""The verbs. Each one reads its options, does its imports and says in one sentence what went wrong.

Exit codes: 0 done, 1 the job failed, 2 wrong usage, 3 refused for safety, 75 another instance holds the lock,
78 configuration, 130 and 143 interrupted after an orderly stop. Documents go to standard output, everything else to
standard error or the log.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from orderflow_tui.modes import MODES

T = TypeVar("T")
OK, FAILED, USAGE, REFUSED, LOCKED, CONFIGURATION = 0, 1, 2, 3, 75, 78

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A terminal trading console for CME index futures order flow. Without a verb it opens the console in demo mode.",
)

Sets = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a configuration key.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", envvar="ORDERFLOW_DATA", help="Where journal, tape, log, state and STOP live.")
]
Symbol = Annotated[str | None, typer.Option("--instrument", help="The instrument to analyse, such as ES.")]
Paths = Annotated[list[Path], typer.Argument(help="Files or folders of market data.", show_default=False)]


class Quit(Exception):
    """Ends a verb with a sentence on standard error and an exit code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def main() -> None:
    """Run the command line and exit."""
    try:
        app()
    except Quit as quit_:
        sys.stderr.write(f"orderflow-tui: {quit_}\n")
        sys.stderr.flush()
        sys.exit(quit_.code)


def _version(wanted: bool) -> None:
    if wanted:
        from orderflow_tui.ops.versions import versions_text

        sys.stdout.write(versions_text() + "\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - eager option
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print versions and leave.")
    ] = False,
) -> None:
    """Open the console in the configured mode when no verb is given."""
    if context.invoked_subcommand is None:
        context.invoke(run)


@app.command()
def run(
    mode: Annotated[str | None, typer.Option(help=f"One of {', '.join(m.name for m in MODES)}.")] = None,
    instrument: Symbol = None,
    headless: Annotated[bool, typer.Option("--headless", help="No screen: the engine alone.")] = False,
    auto: Annotated[bool, typer.Option("--auto", help="Headless paper: grant automation for this session.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Needed beside mode live.")] = False,
    account_suffix: Annotated[
        str | None, typer.Option("--account-suffix", metavar="XXXX", help="Mode live: the account's last four characters.")
    ] = None,
    seconds: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop in order after this long.")] = None,
    fps: Annotated[int | None, typer.Option(min=5, max=30, help="Frames a second.")] = None,
    sets: Sets = None,
    data_dir: DataDir = None,
) -> None:
    """Open the console, or run the engine without a screen.

    Example: orderflow-tui run --mode demo --set demo.speed=10
    """
    from orderflow_tui.console import Wish, open_house

    wish = Wish(
        mode=mode,
        instrument=instrument,
        auto=auto,
        live=live,
        account_suffix=account_suffix,
        seconds=seconds,
        fps=fps,
        data_dir=data_dir,
        sets=tuple(sets or ()),
    )
    _leave(_guarded(lambda: open_house(wish, headless=headless)))


@app.command()
def replay(
    paths: Paths,
    speed: Annotated[str, typer.Option(help="Times real time, or `max`.")] = "1",
    headless: Annotated[bool, typer.Option("--headless", help="No screen; with --speed max as fast as it goes.")] = False,
    instrument: Symbol = None,
    fps: Annotated[int | None, typer.Option(min=5, max=30, help="Frames a second.")] = None,
    seconds: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop in order after this long.")] = None,
    sets: Sets = None,
    data_dir: DataDir = None,
) -> None:
    """Play recordings through the console, or headless.

    Example: orderflow-tui replay data/sample/es_sample.csv --speed 20
    """
    from orderflow_tui.console import Wish, open_house

    try:
        pace = float("inf") if speed == "max" else float(speed)
    except ValueError:
        raise Quit(USAGE, f"--speed takes a number or `max`, not {speed!r}") from None
    if not pace > 0:
        raise Quit(USAGE, f"--speed must be positive, not {speed}")
    wish = Wish(
        mode="replay",
        instrument=instrument,
        seconds=seconds,
        fps=fps,
        data_dir=data_dir,
        sets=tuple(sets or ()),
        paths=tuple(paths),
        speed=pace,
    )
    _leave(_guarded(lambda: open_house(wish, headless=headless)))


@app.command()
def analyze(
    paths: Paths,
    instrument: Symbol = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the document there; `-` is standard output.")
    ] = None,
    bars: Annotated[int | None, typer.Option("--bars", metavar="SECONDS", help="Bar length.")] = None,
    no_levels: Annotated[bool, typer.Option("--no-levels", help="Leave the footprint levels out.")] = False,
    tz: Annotated[str | None, typer.Option(help="Time zone of files that do not say it.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Name the format instead of detecting it.")] = None,
    sets: Sets = None,
) -> None:
    """Run the engine over recordings and print what it found.

    Example: orderflow-tui analyze trades.csv --json -
    """
    from orderflow_tui.research import analyze as research

    wish = research.AnalyzeWish(
        tuple(paths), instrument, bars, not no_levels, tz, format_, tuple(sets or ()), lists=json_ is not None
    )
    found = _guarded(lambda: research.analyze(wish))
    if json_ == "-":
        found.write(sys.stdout)
    elif json_:
        with Path(json_).open("w", encoding="utf-8") as stream:
            found.write(stream)
    sys.stderr.write(found.summary() + "\n")


@app.command(name="import")
def import_(
    paths: Paths,
    instrument: Symbol = None,
    tz: Annotated[str | None, typer.Option(help="Time zone of files that do not say it.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Name the format instead of detecting it.")] = None,
    sets: Sets = None,
    data_dir: DataDir = None,
) -> None:
    """Import recordings into the tape.

    Example: orderflow-tui import ES_2026-03-05.csv --tz America/Chicago
    """
    from orderflow_tui.console import Wish, import_paths

    wish = Wish(instrument=instrument, data_dir=data_dir, sets=tuple(sets or ()), paths=tuple(paths))
    sys.stderr.write(_guarded(lambda: import_paths(wish, tz, format_)) + "\n")


def _door(verb: str) -> None:
    """Add a verb that speaks to the running engine through its second door."""

    def speak(
        word: Annotated[str, typer.Option("--word", help="resume: the word that clears a latch.")] = "",
        data_dir: DataDir = None,
    ) -> None:
        from orderflow_tui.adapters.control import NoAnswer, Refused, ask, control_path
        from orderflow_tui.console import data_folder

        try:
            answer = ask(control_path(data_folder(data_dir)), verb, {"word": word} if word else None)
        except (NoAnswer, Refused) as fault:
            raise Quit(FAILED, str(fault)) from fault
        sys.stderr.write(f"{verb} passed on, {answer.get('id')}; `orderflow-tui status` shows what became of it\n")

    speak.__doc__ = DOOR[verb] + f"\n\nExample: orderflow-tui {verb}"
    app.command(name=verb)(speak)


DOOR = {
    "flatten": "Tell the running engine to cancel everything, exit at market and halt.",
    "halt": "Tell the running engine to take no new entries; exits stay.",
    "resume": "Tell the running engine to clear latches that a typed word may clear.",
    "reconcile": "Tell the running engine to compare its orders and position with the broker now.",
    "roll": "Tell the running engine to trade the month it analyses; refused unless flat.",
}
for _verb in DOOR:
    _door(_verb)


@app.command()
def status(
    json_: Annotated[bool, typer.Option("--json", help="Print the document.")] = False,
    data_dir: DataDir = None,
) -> None:
    """What the engine is doing, from its heartbeat. Works while the console runs.

    Example: orderflow-tui status --json
    """
    from orderflow_tui.console import data_folder
    from orderflow_tui.ops.status import status_of, status_text

    document = _guarded(lambda: status_of(data_folder(data_dir)))
    sys.stdout.write((json.dumps(document) if json_ else status_text(document)) + "\n")
    if document["heartbeat_age_s"] is None:
        raise Quit(FAILED, "no engine has written a heartbeat here")


@app.command()
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
    from orderflow_tui.console import Wish
    from orderflow_tui.ops.doctor import examine

    wish = Wish(mode=mode, instrument=instrument, live=True, data_dir=data_dir, sets=tuple(sets or ()))
    report = _guarded(lambda: examine(wish, check_paper=paper_check, test_alert=send_test))
    sys.stdout.write((json.dumps(report.document()) if json_ else report.text()) + "\n")
    if report.failed:
        raise typer.Exit(FAILED)


def _guarded(job: Callable[[], T]) -> T:
    """Do a job; the faults people meet become a sentence and an exit code."""
    from orderflow_tui.adapters.heartbeat import HeartbeatFault
    from orderflow_tui.adapters.importers.source import ImportFault
    from orderflow_tui.adapters.instance_lock import LockHeld
    from orderflow_tui.config import ConfigFault
    from orderflow_tui.wiring.plan import Refused

    try:
        return job()
    except ConfigFault as fault:
        raise Quit(CONFIGURATION, str(fault)) from fault
    except LockHeld as fault:
        raise Quit(LOCKED, str(fault)) from fault
    except Refused as fault:
        raise Quit(REFUSED, str(fault)) from fault
    except (ImportFault, HeartbeatFault, OSError) as fault:
        raise Quit(FAILED, str(fault)) from fault


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)

"""The verbs. Each one reads its options, does its imports and says in one sentence what went wrong.

Exit codes: 0 done, 1 the job failed, 2 wrong usage, 3 refused for safety, 75 another instance holds the lock,
78 configuration, 130 and 143 interrupted after an orderly stop. Documents go to standard output, everything else to
standard error or the log.
"""

from __future__ import annotations

import errno
import getpass
import json
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer

from orderflow_tui.modes import MODES, FeedKind, UnknownMode

T = TypeVar("T")
OK, FAILED, USAGE, REFUSED, LOCKED, CONFIGURATION = 0, 1, 2, 3, 75, 78
RUN = tuple(mode.name for mode in MODES if mode.feed is not FeedKind.FILES)  # recordings are played by `replay`
LONGEST_S = 366 * 86_400.0

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A terminal trading console for CME index futures order flow. Without a verb it opens the console in demo mode.",
)

Sets = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a configuration key.")]
DataDir = Annotated[  # `readable=False`: whether it can be used is said in our words, with our exit code
    Path | None,
    typer.Option("--data-dir", envvar="ORDERFLOW_DATA", readable=False, help="Where journal, tape, log, state and STOP live."),
]
Symbol = Annotated[str | None, typer.Option("--instrument", help="The instrument to analyse, such as ES.")]
Seconds = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop in order after this long.")]
Paths = Annotated[list[Path], typer.Argument(help="Files or folders of market data.", readable=False, show_default=False)]


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
    mode: Annotated[str | None, typer.Option(help=f"One of {', '.join(RUN)}.")] = None,
    instrument: Symbol = None,
    headless: Annotated[bool, typer.Option("--headless", help="No screen: the engine alone.")] = False,
    auto: Annotated[
        bool, typer.Option("--auto", help="Headless demo, sim, paper or live: grant automation for this session.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Needed beside mode live.")] = False,
    account_suffix: Annotated[
        str | None, typer.Option("--account-suffix", metavar="XXXX", help="Mode live: the account's last four characters.")
    ] = None,
    seconds: Seconds = None,
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
        seconds=_lasting(seconds),
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
    seconds: Seconds = None,
    tz: Annotated[str | None, typer.Option(help="Time zone of files that do not say it.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Name the format instead of detecting it.")] = None,
    sets: Sets = None,
    data_dir: DataDir = None,
) -> None:
    """Play recordings through the console, or headless.

    Example: orderflow-tui replay data/sample/es_sample_trades.csv --speed 20
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
        seconds=_lasting(seconds),
        fps=fps,
        data_dir=data_dir,
        sets=tuple(sets or ()),
        paths=tuple(paths),
        speed=pace,
        tz=tz,
        format=format_,
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

    if json_ not in (None, "", "-"):
        _prove_writable(Path(json_), "--json")
    wish = research.AnalyzeWish(
        tuple(paths), instrument, bars, not no_levels, tz, format_, tuple(sets or ()), lists=json_ is not None
    )
    try:
        found = _guarded(lambda: research.analyze(wish))
    except Quit as quit_:
        option = f"--set bars.seconds={bars}: "
        if str(quit_).startswith(option):
            raise Quit(USAGE, f"--bars {bars}: {str(quit_).removeprefix(option)}") from None
        raise
    if json_ == "-":
        found.write(sys.stdout)
    elif json_:
        _guarded(lambda: _write(Path(json_), found.write))
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

    def speak(data_dir: DataDir = None) -> None:
        _pass_on(verb, {}, data_dir)

    speak.__doc__ = DOOR[verb] + f"\n\nExample: orderflow-tui {verb}"
    app.command(name=verb)(speak)


def _engine_folder(data_dir: Path | None) -> Path:
    """The data folder of the engine that is spoken to; a configuration that cannot be used is told and stands in no way."""
    from orderflow_tui.wiring.plan import brake_folder

    folder, warning = brake_folder(data_dir)
    if warning:
        sys.stderr.write(f"orderflow-tui: {warning}\n")
    return folder


def _instead(verb: str) -> str:
    """What else to do when no engine takes a verb."""
    if verb not in ("flatten", "halt"):
        return "--data-dir names another data folder"
    return (
        "stops rest at the broker. Flatten in the broker's own program (docs/runbook.md §4); --data-dir names another data folder"
    )


def _pass_on(verb: str, args: dict[str, str], data_dir: Path | None) -> None:
    from orderflow_tui.adapters.control import Declined, NoAnswer, Nobody, Refused, ask, control_path

    folder = _engine_folder(data_dir)
    try:
        answer = ask(control_path(folder), verb, args)
    except Nobody as fault:
        raise Quit(FAILED, f"no engine answers on {folder}, {verb} did nothing ({fault}): {_instead(verb)}") from fault
    except NoAnswer as fault:
        raise Quit(FAILED, f"{fault}; {_instead(verb)}") from fault
    except Declined as fault:
        raise Quit(REFUSED, f"{verb} was refused: {fault}") from fault
    except Refused as fault:
        raise Quit(FAILED, str(fault)) from fault
    how = "taken by the engine" if answer.get("done") else "passed on, the engine has not come to it yet"
    sys.stderr.write(f"{verb} {how}, {answer.get('id')}; `orderflow-tui status` shows where things stand\n")


DOOR = {
    "flatten": "Tell the running engine to cancel everything, exit at market and halt.",
    "halt": "Tell the running engine to take no new entries; exits stay.",
    "reconcile": "Tell the running engine to compare its orders and position with the broker now.",
    "roll": "Tell the running engine to trade the month it analyses; refused unless flat.",
}
for _verb in DOOR:
    _door(_verb)


@app.command()
def resume(
    word: Annotated[str, typer.Option("--word", help="The word that clears a latch; asked for at a terminal.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Tell the running engine to clear latches. Asks for the word, and for the safety key where one is needed.

    Example: orderflow-tui resume
    """
    from orderflow_tui.ops.resume import Unasked, resume_args

    folder = _engine_folder(data_dir)
    try:
        args = resume_args(folder, word, terminal=sys.stdin.isatty())
    except Unasked as fault:
        raise Quit(REFUSED, str(fault)) from fault
    _pass_on("resume", args, folder)


@app.command()
def limit(
    name: Annotated[str, typer.Argument(metavar="LIMIT", help="A key of [risk], such as daily_loss_cents.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value, in the unit of the key.")],
    raises: Annotated[bool, typer.Option("--raise", help="Ask for the safety key, which allowing more may need.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Tell the running engine to change a limit until the trade date ends. Tighter needs nothing.

    Example: orderflow-tui limit daily_loss_cents 20000
    """
    args = {"limit": name, "value": value}
    if raises:
        if not sys.stdin.isatty():
            raise Quit(REFUSED, "the safety key is typed at a terminal, it is never an argument")
        args["key"] = getpass.getpass("safety key: ")
    _pass_on("limit", args, data_dir)


@app.command()
def pattern(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A setup or pattern of the session; `status --json` lists them.")],
    on: Annotated[str, typer.Argument(metavar="on|off")],
    data_dir: DataDir = None,
) -> None:
    """Tell the running engine to trade a setup or pattern no longer in this session, or again.

    Example: orderflow-tui pattern RULE_80 off
    """
    if on not in ("on", "off"):
        raise Quit(USAGE, f"expected on or off, not {on!r}")
    _pass_on("pattern", {"pattern": name, "on": "yes" if on == "on" else "no"}, data_dir)


keys = typer.Typer(no_args_is_help=True, help="The safety key: asked for before risk may rise again on a real account.")
app.add_typer(keys, name="safety-key")


@keys.callback()
def _keys() -> None:
    """The safety key: asked for before risk may rise again on a real account."""


@keys.command(name="set")
def set_safety_key(data_dir: DataDir = None) -> None:
    """Ask twice for a safety key, without showing it, and keep its hash. The key itself is kept nowhere.

    Example: orderflow-tui safety-key set
    """
    from orderflow_tui.adapters.safety_key import KeyFault
    from orderflow_tui.console import keep_private
    from orderflow_tui.ops.enrol import ask_and_set
    from orderflow_tui.wiring.plan import data_folder

    if not sys.stdin.isatty():
        raise Quit(REFUSED, "the safety key is typed at a terminal, where nobody and nothing keeps it")
    keep_private()
    folder = _guarded(lambda: data_folder(data_dir))
    try:
        where = ask_and_set(folder)
    except KeyFault as fault:
        raise Quit(REFUSED, str(fault)) from None
    except OSError as fault:
        raise Quit(FAILED, f"the hash could not be kept: {_said(fault)}") from fault
    sys.stderr.write(f"set: the hash is in {where}; a running engine uses it from now on in live, in paper from its next start\n")


@app.command()
def status(
    json_: Annotated[bool, typer.Option("--json", help="Print the document.")] = False,
    data_dir: DataDir = None,
) -> None:
    """What the engine is doing, from its heartbeat. Works while the console runs.

    Example: orderflow-tui status --json
    """
    from orderflow_tui.ops.status import status_of, status_text

    folder = _engine_folder(data_dir)
    document = _guarded(lambda: status_of(folder))
    sys.stdout.write((json.dumps(document) if json_ else status_text(document)) + "\n")
    if document["heartbeat_age_s"] is None:
        raise Quit(FAILED, "no engine has written a heartbeat here")


@app.command()
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
    from orderflow_tui.ops.trade_journal import document, read_books, text, write_csv
    from orderflow_tui.wiring import plan_of

    try:
        on = None if date_ is None else date.fromisoformat(date_)
    except ValueError:
        raise Quit(USAGE, f"--date takes a date such as 2026-03-05, not {date_!r}") from None
    plan = _guarded(lambda: plan_of(Wish(mode=mode, live=True, data_dir=data_dir)))
    if csv_ is not None:
        _prove_writable(csv_, "--csv")
    books = _guarded(lambda: read_books(plan.data_dir, plan.mode.name))
    if not books:
        raise Quit(FAILED, f"no journal of mode {plan.mode.name} below {plan.data_dir / 'journal'}")
    found = _guarded(lambda: document(books, plan.mode.name, on, plan.loaded.instruments))
    if csv_ is not None:
        _guarded(lambda: _write(csv_, lambda stream: write_csv(found, stream)))
    if json_ or csv_ is None:
        sys.stdout.write((json.dumps(found) if json_ else text(found)) + "\n")


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
    from orderflow_tui.console import Wish, keep_private
    from orderflow_tui.ops.doctor import examine

    keep_private()
    wish = Wish(mode=mode, instrument=instrument, live=True, data_dir=data_dir, sets=tuple(sets or ()))
    report = _guarded(lambda: examine(wish, check_paper=paper_check, test_alert=send_test))
    sys.stdout.write((json.dumps(report.document()) if json_ else report.text()) + "\n")
    if report.failed:
        raise typer.Exit(FAILED if report.plan else CONFIGURATION)


def _lasting(seconds: float | None) -> float | None:
    """The time of `--for`."""
    if seconds is None or 0 < seconds <= LONGEST_S:
        return seconds
    raise Quit(USAGE, f"--for takes seconds, more than 0 and at most a year of them, not {seconds:g}")


def _prove_writable(path: Path, option: str) -> None:
    """Whether a file can be written there, asked before the work and not after it."""
    folder = path.absolute().parent
    if path.is_dir():
        raise Quit(FAILED, f"{option} {path} is a folder: name a file in it")
    if not folder.is_dir():
        raise Quit(FAILED, f"{option} {path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise Quit(FAILED, f"{option} {path} cannot be written: permission denied")


def _write(path: Path, write: Callable[[TextIO], None]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream)


def _guarded(job: Callable[[], T]) -> T:
    """Do a job; the faults people meet become a sentence and an exit code."""
    try:
        return job()
    except Exception as fault:
        code = _exit_code(fault)
        if code is None:
            raise
        raise Quit(code, _said(fault)) from fault


def _said(fault: Exception) -> str:
    """A fault in words; the system's own with the path it is about and what to do."""
    if not isinstance(fault, OSError) or fault.strerror is None:
        return str(fault)
    match fault.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            then = ": it must be ours to read and write; mend its owner and mode, or name another"
        case errno.ENOTDIR | errno.EEXIST:
            then = ": a file stands where a folder is needed; move it away, or name another"
        case errno.ENOSPC | errno.EDQUOT:
            then = ": make room, then start again"
        case _:
            then = ""
    place = f"{fault.filename}: " if fault.filename is not None else ""
    return f"{place}{fault.strerror.lower()}{then}"


def _exit_code(fault: Exception) -> int | None:
    """The exit code of a fault people meet, None for ours. The families are looked up when one was met, not at every start."""
    from orderflow_tui.adapters.heartbeat import HeartbeatFault
    from orderflow_tui.adapters.importers.source import ImportFault
    from orderflow_tui.adapters.instance_lock import LockHeld
    from orderflow_tui.adapters.journal import JournalError
    from orderflow_tui.config import ConfigFault
    from orderflow_tui.wiring.plan import Refused, WrongUsage

    match fault:
        case UnknownMode() | WrongUsage():
            return USAGE
        case ConfigFault():
            return CONFIGURATION
        case LockHeld():
            return LOCKED
        case Refused():
            return REFUSED
        case ImportFault() | HeartbeatFault() | JournalError() | OSError():
            return FAILED
        case _:
            return None


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)

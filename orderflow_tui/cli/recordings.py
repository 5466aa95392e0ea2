"""`analyze` and `import`: work on recordings without a console."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderflow_tui.cli.manners import USAGE, DataDir, Format, Paths, Quit, Sets, Symbol, Zone, guarded, prove_writable, write


def analyze(
    paths: Paths,
    instrument: Symbol = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the document there; `-` is standard output.")
    ] = None,
    bars: Annotated[int | None, typer.Option("--bars", metavar="SECONDS", help="Bar length.")] = None,
    no_levels: Annotated[bool, typer.Option("--no-levels", help="Leave the footprint levels out.")] = False,
    tz: Zone = None,
    format_: Format = None,
    sets: Sets = None,
) -> None:
    """Run the engine over recordings and print what it found.

    Example: orderflow-tui analyze trades.csv --json -
    """
    from orderflow_tui.research import analyze as research

    if json_ not in (None, "", "-"):
        prove_writable(Path(json_), "--json")
    wish = research.AnalyzeWish(
        tuple(paths), instrument, bars, not no_levels, tz, format_, tuple(sets or ()), lists=json_ is not None
    )
    try:
        found = guarded(lambda: research.analyze(wish))
    except Quit as quit_:
        option = f"--set bars.seconds={bars}: "
        if str(quit_).startswith(option):
            raise Quit(USAGE, f"--bars {bars}: {str(quit_).removeprefix(option)}") from None
        raise
    if json_ == "-":
        found.write(sys.stdout)
    elif json_:
        guarded(lambda: write(Path(json_), found.write))
    sys.stderr.write(found.summary() + "\n")


def import_(
    paths: Paths,
    instrument: Symbol = None,
    tz: Zone = None,
    format_: Format = None,
    sets: Sets = None,
    data_dir: DataDir = None,
) -> None:
    """Import recordings into the tape.

    Example: orderflow-tui import ES_2026-03-05.csv --tz America/Chicago
    """
    from orderflow_tui.console import Wish, import_paths

    wish = Wish(instrument=instrument, data_dir=data_dir, sets=tuple(sets or ()), paths=tuple(paths))
    sys.stderr.write(guarded(lambda: import_paths(wish, tz, format_)) + "\n")

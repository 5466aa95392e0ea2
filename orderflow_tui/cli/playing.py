"""`run` and `replay`: the console, or the engine without a screen."""

from __future__ import annotations

from typing import Annotated

import typer

from orderflow_tui.cli.manners import (
    USAGE,
    DataDir,
    Format,
    FramesPerSecond,
    Paths,
    Quit,
    Seconds,
    Sets,
    Symbol,
    Zone,
    guarded,
    lasting,
    leave,
)
from orderflow_tui.modes import MODES, FeedKind

RUN = tuple(mode.name for mode in MODES if mode.feed is not FeedKind.FILES)  # recordings are played by `replay`


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
    fps: FramesPerSecond = None,
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
        seconds=lasting(seconds),
        fps=fps,
        data_dir=data_dir,
        sets=tuple(sets or ()),
    )
    leave(guarded(lambda: open_house(wish, headless=headless)))


def replay(
    paths: Paths,
    speed: Annotated[str, typer.Option(help="Times real time, or `max`.")] = "1",
    headless: Annotated[bool, typer.Option("--headless", help="No screen; with --speed max as fast as it goes.")] = False,
    instrument: Symbol = None,
    fps: FramesPerSecond = None,
    seconds: Seconds = None,
    tz: Zone = None,
    format_: Format = None,
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
        seconds=lasting(seconds),
        fps=fps,
        data_dir=data_dir,
        sets=tuple(sets or ()),
        paths=tuple(paths),
        speed=pace,
        tz=tz,
        format=format_,
    )
    leave(guarded(lambda: open_house(wish, headless=headless)))

"""Verbs that speak to a running engine through its second door."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from orderflow_tui.cli.manners import FAILED, REFUSED, USAGE, DataDir, Quit

DOOR = {
    "flatten": "Tell the running engine to cancel everything, exit at market and halt.",
    "halt": "Tell the running engine to take no new entries; exits stay.",
    "reconcile": "Tell the running engine to compare its orders and position with the broker now.",
    "roll": "Tell the running engine to trade the month it analyses; refused unless flat.",
}
BRAKES = ("flatten", "halt")  # done however late the engine comes to them


def door(verb: str) -> Callable[[Path | None], None]:
    """A verb of DOOR as a command."""

    def speak(data_dir: DataDir = None) -> None:
        _pass_on(verb, {}, data_dir)

    speak.__doc__ = DOOR[verb] + f"\n\nExample: orderflow-tui {verb}"
    return speak


def resume(
    word: Annotated[str, typer.Option("--word", help="The word that clears a latch; asked for at a terminal.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Tell the running engine to clear latches. Asks for the word, and for the safety key where one is needed.

    Example: orderflow-tui resume
    """
    from orderflow_tui.ops.resume import Unasked, resume_args

    folder = engine_folder(data_dir)
    try:
        args = resume_args(folder, word, terminal=sys.stdin.isatty())
    except Unasked as fault:
        raise Quit(REFUSED, str(fault)) from fault
    _pass_on("resume", args, folder)


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


def engine_folder(data_dir: Path | None) -> Path:
    """The data folder of the engine that is spoken to; a configuration that cannot be used is told and stands in no way."""
    from orderflow_tui.wiring.plan import brake_folder

    folder, warning = brake_folder(data_dir)
    if warning:
        sys.stderr.write(f"orderflow-tui: {warning}\n")
    return folder


def _instead(verb: str) -> str:
    """What else to do when no engine takes a verb."""
    if verb not in BRAKES:
        return "--data-dir names another data folder"
    return (
        "stops rest at the broker. Flatten in the broker's own program (docs/runbook.md §4); --data-dir names another data folder"
    )


def _pass_on(verb: str, args: dict[str, str], data_dir: Path | None) -> None:
    from orderflow_tui.adapters.control import Declined, NoAnswer, Nobody, Refused, ask, control_path

    folder = engine_folder(data_dir)
    try:
        answer = ask(control_path(folder), verb, args)
    except Nobody as fault:
        raise Quit(FAILED, f"no engine answers on {folder}, {verb} did nothing ({fault}): {_instead(verb)}") from fault
    except NoAnswer as fault:
        later = "done as soon as it goes on" if verb in BRAKES else "not done later"
        raise Quit(FAILED, f"{fault}; {verb} is {later}; {_instead(verb)}") from fault
    except Declined as fault:
        raise Quit(REFUSED, f"{verb} was refused: {fault}") from fault
    except Refused as fault:
        raise Quit(FAILED, str(fault)) from fault
    how = "taken by the engine" if answer.get("done") else "passed on, the engine has not come to it yet"
    sys.stderr.write(f"{verb} {how}, {answer.get('id')}; `orderflow-tui status` shows where things stand\n")

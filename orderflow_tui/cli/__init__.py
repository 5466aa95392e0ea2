"""The command line. Each verb reads its options, does its imports and says in one sentence what went wrong (`manners.py`)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orderflow_tui.cli.doors import DOOR, door, limit, pattern, resume
from orderflow_tui.cli.looking import doctor, journal, status
from orderflow_tui.cli.manners import Quit
from orderflow_tui.cli.playing import replay, run
from orderflow_tui.cli.recordings import analyze, import_
from orderflow_tui.cli.safety_key import set_safety_key

__all__ = ["Quit", "app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A terminal trading console for CME index futures order flow. Without a verb it opens the console in demo mode.",
)
keys = typer.Typer(no_args_is_help=True, help="The safety key: asked for before risk may rise again on a real account.")


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


@keys.callback()
def _keys() -> None:
    """The safety key: asked for before risk may rise again on a real account."""


# the verbs, in the order in which --help lists them
app.command()(run)
app.command()(replay)
app.command()(analyze)
app.command(name="import")(import_)
for verb in DOOR:
    app.command(name=verb)(door(verb))
app.command()(resume)
app.command()(limit)
app.command()(pattern)
app.command()(status)
app.command()(journal)
app.command()(doctor)
keys.command(name="set")(set_safety_key)
app.add_typer(keys, name="safety-key")

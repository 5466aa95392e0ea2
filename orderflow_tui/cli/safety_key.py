"""`safety-key set`: the key is typed, its hash is kept."""

from __future__ import annotations

import sys

from orderflow_tui.adapters.faults import said
from orderflow_tui.cli.manners import FAILED, REFUSED, DataDir, Quit, guarded


def set_safety_key(data_dir: DataDir = None) -> None:
    """Ask twice for a safety key, without showing it, and keep its hash. The key itself is kept nowhere.

    Example: orderflow-tui safety-key set
    """
    from orderflow_tui.adapters.safety_key import KeyFault
    from orderflow_tui.console import brake_letters, keep_private
    from orderflow_tui.ops.enrol import ask_and_set
    from orderflow_tui.wiring.plan import configuration, data_folder

    if not sys.stdin.isatty():
        raise Quit(REFUSED, "the safety key is typed at a terminal, where nobody and nothing keeps it")
    keep_private()
    loaded = guarded(configuration)
    folder = data_folder(data_dir, loaded)
    try:
        where = ask_and_set(folder, brake_letters(loaded.keymap))
    except KeyFault as fault:
        raise Quit(REFUSED, str(fault)) from None
    except OSError as fault:
        raise Quit(FAILED, f"the hash could not be kept: {said(fault)}") from fault
    sys.stderr.write(f"set: the hash is in {where}; a running engine uses it from now on in live, in paper from its next start\n")

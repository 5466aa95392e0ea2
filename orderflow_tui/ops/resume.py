"""`resume` at a terminal: the word, and the safety key where the running engine asks for it."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from orderflow_tui.adapters.control import NoAnswer, Refused, ask, control_path
from orderflow_tui.domain.action import Json


class Unasked(Exception):
    """Something had to be typed and nobody is there: says what."""


def resume_args(data_dir: Path, word: str, *, terminal: bool) -> dict[str, str]:
    """What goes with `resume` through the second door. Asks for the word unless it is given, and for the key where the
    engine needs it to clear what is latched. Raises Unasked without a terminal."""
    status = _status(data_dir)
    if not word:
        if not terminal:
            raise Unasked("resume needs the word: type it at a terminal, or give --word")
        named = str(status.get("resume_word") or "").lower()
        sys.stderr.write(_latched(status) + f"type the word {named + ' ' if named else ''}to resume: ")
        sys.stderr.flush()
        word = sys.stdin.readline().strip()
    args = {"word": word.upper()}  # the word of the configuration is in capitals, and either case will do, as on screen
    key = status.get("safety_key")
    if isinstance(key, dict) and (key.get("needed") or status.get("trading_state") == "LOCKED"):
        if not terminal:
            raise Unasked("resume needs the safety key here: type it at a terminal, it is never an argument")
        if not key.get("set"):
            raise Unasked("resume needs the safety key here and none is set: `orderflow-tui safety-key set` asks for one")
        args["key"] = getpass.getpass("safety key: ")
    return args


def _status(data_dir: Path) -> dict[str, Json]:
    """The engine's own word; empty when nobody answers, which passing the command on will say."""
    try:
        answer = ask(control_path(data_dir), "status").get("status")
    except (NoAnswer, Refused):
        return {}
    return answer if isinstance(answer, dict) else {}


def _latched(status: dict[str, Json]) -> str:
    latches = status.get("latches")
    lines = [" · ".join(map(str, latch)) for latch in latches if isinstance(latch, list)] if isinstance(latches, list) else []
    return "".join(f"  {line}\n" for line in lines)

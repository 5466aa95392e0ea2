"""A script of commands: each entry names its moment in seconds since the start, `at`, or the request it follows, `after`.

`[{"at": 5, "do": "lose-broker"}, {"at": 9, "do": "regain-broker"}, {"after": "PLACE_ORDER", "do": "cut"}]`
"""

from __future__ import annotations

import json
from typing import Any

from tests.gateway import commands
from tests.gateway.gateway import Gateway
from tests.gateway.wire import Ask


class Script:
    """Entries still to come; each happens once."""

    def __init__(self, entries: list[dict[str, Any]], start_ns: int) -> None:
        self._start_ns = start_ns
        self._timed = sorted((e for e in entries if "at" in e), key=lambda e: float(e["at"]))
        self._following = [e for e in entries if "after" in e]
        for entry in entries:
            if ("at" in entry) == ("after" in entry):
                raise ValueError(f"expected either 'at' or 'after' in a script entry, got {entry}")

    @staticmethod
    def read(text: str, start_ns: int) -> Script:
        """From a JSON list."""
        entries = json.loads(text)
        if not isinstance(entries, list):
            raise ValueError("expected a JSON list of commands in the script")
        return Script(entries, start_ns)

    def play(self, gateway: Gateway, already_received: int) -> None:
        """Do what is due at the gateway's time and after the requests it got since `already_received`."""
        while self._timed and self._start_ns + float(self._timed[0]["at"]) * 1e9 <= gateway.house.now_ns:
            commands.run(gateway, self._timed.pop(0))
        fresh = {r.ask for r in list(gateway.received)[already_received:]} if self._following else set()
        for entry in [e for e in self._following if Ask[e["after"]] in fresh]:
            self._following.remove(entry)
            commands.run(gateway, entry)

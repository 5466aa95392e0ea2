"""What the person at the command line said about a file, and how an instrument is found where nothing was said."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orderflow_tui.adapters.importers.source import ImportFault, Reading
from orderflow_tui.adapters.importers.text_table import Head
from orderflow_tui.adapters.importers.times import known_zone
from orderflow_tui.domain.instrument import Instrument, root_of

_CONTRACT = re.compile(r"([A-Z0-9]{1,4}?)([FGHJKMNQUVXZ]\d{1,4})(?![A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Ask:
    """Known instruments by symbol, and what was named: an instrument or contract, a time zone. None: find out."""

    instruments: Mapping[str, Instrument]
    instrument: str | None = None
    tz: str | None = None

    def zone(self, default: str) -> str:
        """The named zone, checked, or the format's own."""
        return known_zone(self.tz) if self.tz is not None else default

    def resolve(self, path: Path, *hints: str) -> tuple[Instrument, str]:
        """The instrument and contract a file is about: the named one, else the first hint that says one, else its name.

        The contract is "" where only the root is known.
        """
        guesses = [found for hint in (*hints, path.name) if (found := self._guess(hint.upper())) is not None]
        if self.instrument is not None:
            named, contract = self._named(self.instrument)
            return named, contract or next((c for i, c in guesses if i is named), "")
        if guesses:
            return guesses[0]
        raise ImportFault(f"cannot tell which instrument {path.name} is about: name it, for example --instrument ES")

    def _named(self, text: str) -> tuple[Instrument, str]:
        found = self._guess(text.upper())
        if found is None:
            raise ImportFault(f'unknown instrument "{text}": known are {", ".join(sorted(self.instruments))}')
        return found

    def _guess(self, text: str) -> tuple[Instrument, str] | None:
        """A root or contract at the start of a text such as `ESH15-CME.scid`, `ES_Volumetric`, `es_2022-01-24`."""
        word = re.match(r"[A-Z0-9]+", text)
        if word is None:
            return None
        start = word.group()
        if start in self.instruments:
            return self.instruments[start], ""
        contract = _CONTRACT.match(start)
        if contract is None or root_of(contract.group(), tuple(self.instruments)) != contract.group(1):
            return None
        return self.instruments[contract.group(1)], contract.group()


@dataclass(frozen=True, slots=True)
class Importer:
    """One format: its name for --format, whether a file's first bytes are of it, and how it is opened."""

    name: str
    matches: Callable[[Head], bool]
    open: Callable[[Head, Ask], Reading]

"""What is told about a file that was read: how much of it became market data, and what was refused and why.

Nothing is lost silently: records + rejected = lines. A bad row is counted under its reason; only a bad file raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import I64, Bars, SideMethod, Trades

WARN_SHARE, FAULT_SHARE = 0.01, 0.20  # of bad rows in a file
EXAMPLES = 3
BLOCK_ROWS = 65_536
_EXAMPLE_CHARS = 80
_SIDE_WORDS = ("feed", "quote", "tick", "unknown")
_WORD_OF_METHOD = {
    SideMethod.FEED: "feed",
    SideMethod.QUOTE: "quote",
    SideMethod.QUOTE_PREV: "quote",
    SideMethod.MID_TICK: "tick",
    SideMethod.TICK: "tick",
    SideMethod.NONE: "unknown",
}


class ImportFault(Exception):
    """A file that cannot be used. The message is one sentence: which file, what was expected, what came, what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.split()))  # words of a library in it may bring line ends along


class Kind(StrEnum):
    """What a source holds."""

    TRADES = "trades"
    BARS = "bars"
    DEPTH = "depth"
    TRADES_DEPTH = "trades+depth"


class Rejection(StrEnum):
    """Why a row was refused."""

    MISSING_FIELD = "missing_field"
    EXTRA_FIELD = "extra_field"
    BAD_TIME = "bad_time"
    UNDEFINED_TIME = "undefined_time"
    BAD_PRICE = "bad_price"
    UNDEFINED_PRICE = "undefined_price"
    OFF_GRID = "off_grid"
    BAD_SIZE = "bad_size"
    UNDEFINED_SIZE = "undefined_size"
    BAD_SIDE = "bad_side"
    BAD_BAR = "bad_bar"
    BAD_RECORD = "bad_record"
    OUT_OF_ORDER = "out_of_order"
    EMPTY_BAR = "empty_bar"
    OTHER_INSTRUMENT = "other_instrument"


# Rows that are left out rightly: counted like the others, but no sign of a bad file.
_HARMLESS = frozenset({Rejection.EMPTY_BAR, Rejection.OTHER_INSTRUMENT})


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was understood. `sides` is volume by how its aggressor was settled; `late` trades ran backwards in
    time and carry the stamp of the trade before them. Complete only after the file was read to its end."""

    path: Path
    format: str
    kind: Kind
    instrument: str
    contract: str
    records: int
    rejected: dict[str, int]
    rejected_examples: tuple[str, ...]
    first_ns: int | None
    last_ns: int | None
    timezone: str
    sides: dict[str, int]
    late: int
    warnings: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """Counts while a file is read."""

    path: Path
    format: str
    kind: Kind
    instrument: str
    contract: str
    timezone: str
    sample: bool = False  # only the first rows are wanted: read little
    records: int = 0
    late: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    rejected: Counter[Rejection] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    sides: Counter[str] = field(default_factory=Counter)
    _examples: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, reason: Rejection, text: str) -> None:
        """Count one bad row; `line` counts from 1 in text files, records from 1 in binary ones."""
        self.rejected[reason] += 1
        if reason in _HARMLESS or (len(self._examples) == EXAMPLES and line >= self._examples[-1][0]):
            return
        shown = text.strip()
        shown = shown if len(shown) <= _EXAMPLE_CHARS else shown[: _EXAMPLE_CHARS - 1] + "…"
        self._examples.append((line, f'line {line} {reason} "{shown}"'))
        self._examples.sort()
        del self._examples[EXAMPLES:]

    def refuse_many(self, reason: Rejection, count: int) -> None:
        """Count bad rows whose first examples were told by `refuse`."""
        self.rejected[reason] += count

    def wants_examples(self) -> bool:
        """Whether fewer than the three promised examples are known."""
        return len(self._examples) < EXAMPLES

    def saw(self, stamps: I64) -> None:
        """Count accepted rows and widen the time range. Stamps never decrease."""
        self.records += len(stamps)
        if len(stamps):
            self.first_ns = int(stamps[0]) if self.first_ns is None else self.first_ns
            self.last_ns = int(stamps[-1])

    def saw_trades(self, trades: Trades) -> None:
        """Count accepted trades and how their sides were settled."""
        self.saw(trades.ts_ns)
        for method, volume in enumerate(np.bincount(trades.method, weights=trades.size)):
            if volume:
                self.sides[_WORD_OF_METHOD[SideMethod(method)]] += int(volume)

    def saw_bars(self, bars: Bars) -> None:
        """Count accepted bars; volume at the bid and at the ask is known from the feed, the rest has no side."""
        self.saw(bars.start_ns)
        total = int(bars.volume.sum())
        sided = 0 if bars.bid_volume is None or bars.ask_volume is None else int((bars.bid_volume + bars.ask_volume).sum())
        self.sides["feed"] += sided
        self.sides["unknown"] += total - sided

    def finish(self) -> None:
        """Judge the file as a whole: too many bad rows or nothing usable raise ImportFault, some bad rows warn."""
        bad = sum(count for reason, count in self.rejected.items() if reason not in _HARMLESS)
        lines = self.records + bad
        if lines and bad > FAULT_SHARE * lines:
            named = "; ".join(text for _, text in self._examples)
            raise ImportFault(f"{self.path.name}: {bad} of {lines} rows are unusable, so the file is; the first: {named}")
        if not self.records and not self.rejected:
            raise ImportFault(f"{self.path.name} holds no rows: it has a header and nothing below it")
        if bad > WARN_SHARE * lines:
            self.warnings.append(f"{bad} of {lines} rows were refused ({bad / lines:.1%})")
        if self.late:
            self.warnings.append(f"{self.late} trades ran backwards in time and got the stamp of the trade before them")

    def source(self) -> Source:
        """The figures so far."""
        return Source(
            path=self.path,
            format=self.format,
            kind=self.kind,
            instrument=self.instrument,
            contract=self.contract,
            records=self.records,
            rejected={str(reason): count for reason, count in sorted(self.rejected.items())},
            rejected_examples=tuple(text for _, text in self._examples),
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            timezone=self.timezone,
            sides={word: self.sides[word] for word in _SIDE_WORDS},
            late=self.late,
            warnings=tuple(self.warnings),
        )


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a file before its first row."""

    path: Path
    format: str
    kind: Kind
    instrument: str
    contract: str
    timezone: str

    def tally(self, *, sample: bool = False) -> Tally:
        """Fresh counts for one pass over the file."""
        return Tally(self.path, self.format, self.kind, self.instrument, self.contract, self.timezone, sample)


class Reading:
    """An opened source. `events()` may be called again and reads the file again from its start."""

    def __init__(self, about: About, produce: Callable[[Tally], Iterator[MarketEvent]]) -> None:
        self.about = about
        self._produce = produce
        self._tally = about.tally()

    @property
    def source(self) -> Source:
        """What was read so far; complete when `events()` ended."""
        return self._tally.source()

    def begins_ns(self) -> int:
        """The stamp of the first event; reads only the start of the file. Raises ImportFault when it has none."""
        tally = self.about.tally(sample=True)
        for event in self._produce(tally):
            return first_stamp(event)
        tally.finish()
        raise ImportFault(f"{self.about.path.name} holds nothing that can be used")

    def events(self) -> Iterator[MarketEvent]:
        """Market events in order of their stamps, blocks of at most 65,536 rows. Raises ImportFault for a bad file."""
        self._tally = self.about.tally()
        yield from self._produce(self._tally)
        self._tally.finish()

"""`analyze`: the engine over recordings, and everything it concluded in one document.

The engine is the one that trades; here it has no broker and no send path, and what it observes is collected. The same
files and the same configuration give the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO, assert_never

from orderflow_tui.adapters.importers import Source
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.domain.action import Json, Observation
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import DayState
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import FeedState, FeedStatus
from orderflow_tui.domain.signal import Context, Decision, Hypothesis, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.value import SessionProfile
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.research import document as form
from orderflow_tui.research.scorecard import Scorecard
from orderflow_tui.wiring.days import opened
from orderflow_tui.wiring.params import engine_params
from orderflow_tui.wiring.plan import configuration

LISTS = ("bars", "sessions", "signals", "regimes", "setups")


@dataclass(frozen=True, slots=True)
class AnalyzeWish:
    """What was asked for. `instrument`, `bar_seconds`, `tz` and `format` None: the files and the configuration say.
    `lists` False leaves out everything but the head and the summary: for runs whose document nobody reads."""

    paths: tuple[Path, ...]
    instrument: str | None = None
    bar_seconds: int | None = None
    levels: bool = True
    tz: str | None = None
    format: str | None = None
    sets: tuple[str, ...] = ()
    lists: bool = True


@dataclass(slots=True)
class Analysis:
    """What one run concluded, in the order it was concluded.

    Entries of the document are kept as the JSON they will be: seven years of them take a third of the memory of the
    objects. `contexts` holds the context at each session's close, `gaps` what the recording said was missing or rolled.
    """

    instrument: Instrument
    bar_seconds: int
    wish: AnalyzeWish
    sources: tuple[Source, ...] = ()
    gaps: list[str] = field(default_factory=list)
    sessions: list[SessionProfile] = field(default_factory=list)
    contexts: list[Context | None] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    _entries: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in LISTS})

    def observe(self, item: Observation, context: Callable[[], Context | None]) -> None:
        """Take in one observation; a completed session takes the context that stands at its close with it."""
        match item:
            case FootprintBar():
                self._keep("bars", lambda: form.bar_json(item, self.instrument, levels=self.wish.levels))
            case Signal():
                self._keep("signals", lambda: form.signal_json(item, self.instrument))
            case RegimeReading():
                self._keep("regimes", lambda: form.regime_json(item))
            case SetupReading():
                self._keep("setups", lambda: form.setup_json(item))
            case SessionProfile():
                stands = context()
                self.sessions.append(item)
                self.contexts.append(stands)
                self._keep("sessions", lambda: form.session_json(item, stands, self.instrument))
            case Decision():
                self.decisions["accepted" if item.accepted else item.rule] += 1
            case Hypothesis():
                self.counts["hypotheses"] += 1  # the session's context holds the last word of it
            case DayState():
                self.counts["days"] += 1  # for restarts, nothing to tell
            case _:
                assert_never(item)

    def document(self) -> dict[str, Json]:
        """The whole document as one object. For long runs `write` needs far less memory."""
        return self._head() | {name: [json.loads(text) for text in entries] for name, entries in self._entries.items()}

    def write(self, stream: TextIO) -> None:
        """Write the document, one entry a line."""
        stream.write(_text(self._head())[:-1])
        for name, entries in self._entries.items():
            stream.write(f',\n"{name}":[')
            for i, entry in enumerate(entries):
                stream.write(("\n" if i == 0 else ",\n") + entry)
            stream.write("]")
        stream.write("}\n")

    def summary(self) -> str:
        """A page for a person: sources with their warnings, counts, the scorecard."""
        lines = [line for source in self.sources for line in _source_lines(source)]
        lines += [f"gap: {gap}" for gap in self.gaps]
        told = ", ".join(f"{self.counts[name]:,} {name}" for name in LISTS)
        lines.append(f"{self.instrument.symbol}: {told}")
        if self.decisions:
            lines.append("decisions: " + ", ".join(f"{name} {count:,}" for name, count in sorted(self.decisions.items())))
        card = Scorecard.of(zip(self.sessions, self.contexts, strict=True))
        return "\n".join([*lines, *card.lines()])

    def _keep(self, name: str, entry: Callable[[], dict[str, Json]]) -> None:
        self.counts[name] += 1
        if self.wish.lists:
            self._entries[name].append(_text(entry()))

    def _head(self) -> dict[str, Json]:
        return {
            "schema": form.SCHEMA,
            "instrument": self.instrument.symbol,
            "tick": self.instrument.price(1),
            "bar_seconds": self.bar_seconds,
            "sources": [form.source_json(source) for source in self.sources],
        }


def analyze(wish: AnalyzeWish) -> Analysis:
    """Run the engine over the wished sources. Raises ImportFault for bad files, ConfigFault for a bad configuration."""
    sets = wish.sets if wish.bar_seconds is None else (*wish.sets, f"bars.seconds={wish.bar_seconds}")
    loaded = configuration(sets)
    sources, table = opened(loaded, wish.paths, instrument=wish.instrument, tz=wish.tz, format=wish.format)
    engine = Engine(engine_params(loaded, table, mode_named("monitor"), analysis=sources.instrument))
    found = Analysis(loaded.instruments[sources.instrument], engine.params.market.bar_seconds, wish)
    loop = ClosedLoop(engine, observe=lambda item: found.observe(item, lambda: engine.analyst.context))
    for event in sources.recording():
        if isinstance(event, FeedStatus) and event.state is FeedState.GAP:
            found.gaps.append(_gap_line(event))
        loop.feed(event)
    found.sources = sources.sources
    return found


def analyze_paths(wish: AnalyzeWish) -> tuple[dict[str, Json], str]:
    """Document and summary."""
    found = analyze(wish)
    return found.document(), found.summary()


_text: Callable[[Json], str] = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode  # made once


def _gap_line(gap: FeedStatus) -> str:
    """When and what; a roll by an unknown shift says what became of the levels."""
    anew = ": value begins anew, no level is carried over" if gap.rolled_to and gap.shift_ticks is None else ""
    return f"{form.iso(gap.ts_ns)[:16]}Z {gap.reason}{anew}"


def _source_lines(source: Source) -> Iterator[str]:
    shares = ", ".join(f"{word} {volume:,}" for word, volume in source.sides.items() if volume)
    about = f"{source.format}, {source.records:,} {source.kind}, {source.timezone}"
    yield f"{source.path.name}: {about}; volume by side: {shares or 'none'}"
    if source.rejected:
        yield f"  rejected: {', '.join(f'{reason} {count:,}' for reason, count in source.rejected.items())}"
    yield from (f"  {example}" for example in source.rejected_examples)
    yield from (f"  warning: {warning}" for warning in source.warnings)

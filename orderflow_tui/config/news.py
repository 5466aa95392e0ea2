"""news.toml: the scheduled releases the operator keeps. A time without its offset from UTC is refused, never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from orderflow_tui.config.analytics import News
from orderflow_tui.config.entry import read_entry
from orderflow_tui.config.fault import ConfigFault, Problem, shown
from orderflow_tui.config.section import Section
from orderflow_tui.config.toml_file import read_toml
from orderflow_tui.signals.news_window import NewsEvent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_NS = 86_400_000_000_000
Before = Annotated[int, Field(ge=0, le=240)]


class Release(Section):
    """One [[release]] of the file."""

    time: datetime
    name: str = Field(min_length=1, max_length=80)
    impact: Literal["high", "medium"]
    before_min: Before | None = None
    after_min: Before | None = None


def read_news(path: Path, defaults: News) -> tuple[NewsEvent, ...]:
    """Releases in order of time. Raises ConfigFault with all problems."""
    problems: list[Problem] = []
    tables = read_toml(path)
    problems += [Problem(str(path), f"unknown table {key}; expected [[release]] tables") for key in tables if key != "release"]
    listed = tables.get("release", [])
    if not isinstance(listed, list):
        raise ConfigFault([Problem(str(path), "release is a single table; write [[release]]")])
    found: dict[tuple[int, str], NewsEvent] = {}
    for number, table in enumerate(listed, 1):
        name = f"release {number}"
        entry = read_entry(Release, table, str(path), name, problems)
        if entry is None:
            continue
        if entry.time.tzinfo is None:
            said = f"{name}.time is {shown(entry.time)} without an offset from UTC; write 2026-12-09T14:00:00-05:00"
            problems.append(Problem(str(path), said))
            continue
        ts_ns = (entry.time - EPOCH) // timedelta(microseconds=1) * 1_000
        if (ts_ns, entry.name) in found:
            problems.append(Problem(str(path), f"{name}: {entry.name} at {entry.time.isoformat()} stands there twice; keep one"))
        before = defaults.before_min if entry.before_min is None else entry.before_min
        after = defaults.after_min if entry.after_min is None else entry.after_min
        found[(ts_ns, entry.name)] = NewsEvent(ts_ns, entry.name, entry.impact, before, after)
    if problems:
        raise ConfigFault(problems)
    return tuple(found[key] for key in sorted(found))


def is_stale(news: tuple[NewsEvent, ...], now_ns: int, stale_days: int) -> bool:
    """Whether the file has been forgotten: no release lies within the next days."""
    return not any(now_ns <= event.ts_ns <= now_ns + stale_days * DAY_NS for event in news)

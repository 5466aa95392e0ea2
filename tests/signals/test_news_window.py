"""The news calendar."""

from __future__ import annotations

from orderflow_tui.signals.news_window import NewsEvent, NewsParams, NewsWindows

MINUTE = 60_000_000_000
DAY = 1440 * MINUTE
AT = 100 * DAY
FOMC = NewsEvent(AT, "FOMC")


def test_a_window_is_half_open_around_the_release() -> None:
    news = NewsWindows([FOMC], NewsParams())
    edges = [AT - 15 * MINUTE - 1, AT - 15 * MINUTE, AT + 15 * MINUTE - 1, AT + 15 * MINUTE]
    assert [bool(news.blocked(t)) for t in edges] == [False, True, True, False]
    assert news.text(AT) == "NOW FOMC"
    assert news.text(AT - 40 * MINUTE) == "FOMC in 40 min"


def test_a_medium_release_does_not_block_by_default() -> None:
    medium = NewsEvent(AT, "PMI", impact="medium")
    assert NewsWindows([medium], NewsParams()).blocked(AT) == ""
    assert NewsWindows([medium], NewsParams(blocks=("high", "medium"))).blocked(AT) == "news window: PMI"


def test_a_long_window_is_found_behind_a_short_one() -> None:
    long = NewsEvent(AT, "long", before_min=0, after_min=120)
    short = NewsEvent(AT + 30 * MINUTE, "short", before_min=1, after_min=1)
    assert NewsWindows([short, long], NewsParams()).active(AT + 60 * MINUTE) is long


def test_a_stale_file_warns_or_blocks() -> None:
    assert NewsWindows([FOMC], NewsParams()).text(AT - 8 * DAY) == "news file stale"
    assert NewsWindows([FOMC], NewsParams()).blocked(AT - 8 * DAY) == ""
    assert NewsWindows([FOMC], NewsParams(stale_blocks=True)).blocked(AT - 8 * DAY) == "news file stale"
    assert NewsWindows([], NewsParams()).stale(0)


def test_a_stale_file_says_how_old_its_newest_entry_is() -> None:
    assert NewsWindows([FOMC], NewsParams()).text(AT + 12 * DAY) == "news file stale: newest entry 12 d old"
    assert NewsWindows([], NewsParams()).text(AT) == "news file stale: it is empty"


def test_how_many_days_make_it_stale_is_the_configurations() -> None:
    assert NewsWindows([FOMC], NewsParams(stale_days=3)).stale(AT - 4 * DAY)
    assert not NewsWindows([FOMC], NewsParams(stale_days=9)).stale(AT - 8 * DAY)
    assert NewsWindows([FOMC], NewsParams()).text(AT - 6 * DAY) == "no release soon"

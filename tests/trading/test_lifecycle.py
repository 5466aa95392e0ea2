"""The life of an order: every cell of the table, derived a second time from the rules in words."""

from __future__ import annotations

from itertools import product

import pytest

from orderflow_tui.domain.order import OrderState as S
from orderflow_tui.trading.lifecycle import TABLE, TERMINAL, UNSENT, IllegalNews, News, after, mermaid
from tests.trading.tables import PAGE, page

OURS = {News.COMMIT_DONE, News.COMMIT_FAILED, News.REVOKED, News.HANDED_OVER, News.SEND_FAILED, News.SEND_DOUBT}
ALIVE = {S.SENT, S.ACKED, S.PARTIAL}
DOUBTS = {News.CANCEL_REFUSED, News.SUSPECT, News.SILENCE, News.LINK_LOST, News.RESTARTED, News.ABSENT}
ENDS = {News.SAID_CANCELLED: S.CANCELLED, News.SAID_REJECTED: S.REJECTED, News.SAID_EXPIRED: S.EXPIRED}
SEEN_ENDS = {News.SEEN_CANCELLED: S.CANCELLED, News.SEEN_REJECTED: S.REJECTED, News.SEEN_EXPIRED: S.EXPIRED}
NEVER_THERE = {S.NOT_SENT, S.ABANDONED}


def own_step(state: S, news: News) -> S | None:
    """What we do ourselves is certain: a contradiction is illegal."""
    match news:
        case News.COMMIT_DONE:
            return S.COMMITTED if state is S.PROPOSED else state
        case News.COMMIT_FAILED:
            return {S.PROPOSED: S.NOT_SENT, S.COMMITTED: None}.get(state, state)
        case News.REVOKED:
            return S.NOT_SENT if state in UNSENT | {S.NOT_SENT} else None
        case News.HANDED_OVER:
            return S.SENT if state in UNSENT else None
        case News.SEND_FAILED:
            return S.NOT_SENT if state in {S.SENT, S.UNKNOWN, S.NOT_SENT} else None
        case _:
            return None if state in UNSENT | {S.NOT_SENT} else S.UNKNOWN if state is S.SENT else state


def broker_word(state: S, news: News) -> S | None:
    """A status or a report about something that never left is illegal; facts move, hints end or cast doubt."""
    if state in UNSENT:
        return {News.LINK_LOST: S.NOT_SENT, News.RESTARTED: S.UNKNOWN}.get(news)
    if news is News.GIVEN_UP:
        return S.ABANDONED if state in {S.UNKNOWN, S.ABANDONED} else None
    if news in {News.FULL_FILL, News.SEEN_FILLED} or state is S.FILLED:
        return S.FILLED
    if news is News.PART_FILL:
        return {S.SENT: S.PARTIAL, S.ACKED: S.PARTIAL, S.PARTIAL: S.PARTIAL, S.CANCELLED: S.CANCELLED, S.EXPIRED: S.EXPIRED}.get(
            state, S.UNKNOWN
        )
    if news in DOUBTS:
        return S.UNKNOWN if state in ALIVE else state
    if news in ENDS:
        return ENDS[news] if state in ALIVE else state
    if news in SEEN_ENDS:
        return SEEN_ENDS[news] if state in ALIVE | NEVER_THERE | {S.UNKNOWN} else state
    if news is News.SEEN_PENDING:
        return S.SENT if state is S.SENT else S.UNKNOWN
    if news is News.SEEN_WORKING:
        return state if state is S.PARTIAL else S.ACKED
    if news is News.SEEN_PARTIAL:
        return S.PARTIAL
    if news is News.PENDING:
        return S.UNKNOWN if state in NEVER_THERE else state
    if news in {News.WORKING, News.SAID_FILLED}:
        return S.ACKED if state is S.SENT else S.UNKNOWN if state in TERMINAL else state
    assert news is News.CHANGE_REFUSED
    return state


@pytest.mark.parametrize(("state", "news"), list(product(S, News)))
def test_every_cell_follows_from_the_rules(state: S, news: News) -> None:
    expected = own_step(state, news) if news in OURS else broker_word(state, news)
    assert TABLE[state, news] is expected
    if expected is None:
        with pytest.raises(IllegalNews, match=f"order o is {state.value} and was told '{news.value}'"):
            after("o", state, news)
    else:
        assert after("o", state, news) is expected


def test_nothing_is_ever_handed_over_twice() -> None:
    assert [s for s in S if TABLE[s, News.HANDED_OVER] is not None] == [S.PROPOSED, S.COMMITTED]
    assert all(result is not S.SENT for (state, news), result in TABLE.items() if state not in UNSENT and state is not S.SENT)


def test_unknown_is_left_by_whole_fills_reports_or_proof_only() -> None:
    leaving = {news for news in News if TABLE[S.UNKNOWN, news] not in (S.UNKNOWN, None)}
    reports = {n for n in News if n.name.startswith("SEEN_")} - {News.SEEN_PENDING}  # parked: what becomes of it is open
    assert leaving == {News.FULL_FILL, News.SEND_FAILED, News.GIVEN_UP} | reports


def test_a_fill_is_never_illegal_once_an_order_was_sent() -> None:
    for state in set(S) - UNSENT:
        assert TABLE[state, News.PART_FILL] is not None
        assert TABLE[state, News.FULL_FILL] is S.FILLED


def test_the_page_in_the_docs_is_the_one_the_tables_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.trading.tables"


def test_the_diagram_draws_every_move_once() -> None:
    lines = mermaid().splitlines()
    assert lines[0] == "stateDiagram-v2"
    moves = {(a, b) for (a, _), b in TABLE.items() if b is not None and a is not b}
    assert sum("-->" in line and "[*]" not in line for line in lines) == len(moves)
    assert any("SENT --> ACKED: status working" in line for line in lines)
    assert sum(line.endswith("--> [*]") for line in lines) == len(TERMINAL)

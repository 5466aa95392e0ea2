"""The life of an order: one table, every state against every piece of news, nothing left to the reader's imagination.

Theory. Three sources speak about an order and they do not weigh the same:

* our own steps (committed, handed over, revoked) are certain, so a contradiction there is our bug and illegal;
* executions are facts: they move an order whatever was said about it, also after CANCELLED or REJECTED;
* statuses are hints. A status may end an order we believe alive, but a status that contradicts what we believe, an
  error, silence, a lost link or a restart make it UNKNOWN. UNKNOWN is left by executions for the whole quantity, or by a
  complete account report (SEEN_…, GIVEN_UP) and by nothing else. A timeout never becomes a confirmed outcome, and
  nothing is ever sent a second time.

Cells: a state's letters, `.` stays, `!` illegal (the desk locks: INVARIANT).
"""

from __future__ import annotations

from enum import Enum

from orderflow_tui.domain.order import OrderState


class News(Enum):
    """Everything that can be said about an order."""

    COMMIT_DONE = "commit done"
    COMMIT_FAILED = "commit failed"
    REVOKED = "revoked"
    HANDED_OVER = "handed over"
    SEND_FAILED = "proven not sent"
    SEND_DOUBT = "perhaps not sent"
    PENDING = "status pending"
    WORKING = "status working"
    PART_FILL = "execution, part"
    FULL_FILL = "execution, whole"
    SAID_FILLED = "status filled"
    SAID_CANCELLED = "status cancelled"
    SAID_REJECTED = "status rejected"
    SAID_EXPIRED = "status expired"
    CHANGE_REFUSED = "change refused"
    CANCEL_REFUSED = "cancel refused"
    SUSPECT = "error named it"
    SILENCE = "no answer in time"
    LINK_LOST = "link lost"
    RESTARTED = "restarted"
    SEEN_PENDING = "report: parked or on its way"
    SEEN_WORKING = "report: working"
    SEEN_PARTIAL = "report: partly filled"
    SEEN_FILLED = "report: filled"
    SEEN_CANCELLED = "report: cancelled"
    SEEN_REJECTED = "report: rejected"
    SEEN_EXPIRED = "report: expired"
    ABSENT = "report: absent"
    GIVEN_UP = "absent twice, grace over"


class IllegalNews(Exception):
    """News that cannot be about an order in this state; names order, state and news."""

    def __init__(self, order_id: str, state: OrderState, news: News) -> None:
        super().__init__(f"order {order_id} is {state.value} and was told '{news.value}', which cannot happen")


_COLUMNS = "PR CO SE AC PA FI CA RE EX NS UN AB"
_GRID = """
COMMIT_DONE     CO .  .  .  .  .  .  .  .  .  .  .
COMMIT_FAILED   NS !  .  .  .  .  .  .  .  .  .  .
REVOKED         NS NS !  !  !  !  !  !  !  .  !  !
HANDED_OVER     SE SE !  !  !  !  !  !  !  !  !  !
SEND_FAILED     !  !  NS !  !  !  !  !  !  .  NS !
SEND_DOUBT      !  !  UN .  .  .  .  .  .  !  .  .
PENDING         !  !  .  .  .  .  .  .  .  UN .  UN
WORKING         !  !  AC .  .  .  UN UN UN UN .  UN
PART_FILL       !  !  PA PA .  .  .  UN .  UN .  UN
FULL_FILL       !  !  FI FI FI .  FI FI FI FI FI FI
SAID_FILLED     !  !  AC .  .  .  UN UN UN UN .  UN
SAID_CANCELLED  !  !  CA CA CA .  .  .  .  .  .  .
SAID_REJECTED   !  !  RE RE RE .  .  .  .  .  .  .
SAID_EXPIRED    !  !  EX EX EX .  .  .  .  .  .  .
CHANGE_REFUSED  !  !  .  .  .  .  .  .  .  .  .  .
CANCEL_REFUSED  !  !  UN UN UN .  .  .  .  .  .  .
SUSPECT         !  !  UN UN UN .  .  .  .  .  .  .
SILENCE         !  !  UN UN UN .  .  .  .  .  .  .
LINK_LOST       NS NS UN UN UN .  .  .  .  .  .  .
RESTARTED       UN UN UN UN UN .  .  .  .  .  .  .
SEEN_PENDING    !  !  .  UN UN .  UN UN UN UN .  UN
SEEN_WORKING    !  !  AC .  .  .  AC AC AC AC AC AC
SEEN_PARTIAL    !  !  PA PA .  .  PA PA PA PA PA PA
SEEN_FILLED     !  !  FI FI FI .  FI FI FI FI FI FI
SEEN_CANCELLED  !  !  CA CA CA .  .  .  .  CA CA CA
SEEN_REJECTED   !  !  RE RE RE .  .  .  .  RE RE RE
SEEN_EXPIRED    !  !  EX EX EX .  .  .  .  EX EX EX
ABSENT          !  !  UN UN UN .  .  .  .  .  .  .
GIVEN_UP        !  !  !  !  !  !  !  !  !  !  AB .
"""

_LETTERS = {
    "PR": OrderState.PROPOSED,
    "CO": OrderState.COMMITTED,
    "SE": OrderState.SENT,
    "AC": OrderState.ACKED,
    "PA": OrderState.PARTIAL,
    "FI": OrderState.FILLED,
    "CA": OrderState.CANCELLED,
    "RE": OrderState.REJECTED,
    "EX": OrderState.EXPIRED,
    "NS": OrderState.NOT_SENT,
    "UN": OrderState.UNKNOWN,
    "AB": OrderState.ABANDONED,
}

TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.NOT_SENT,
        OrderState.ABANDONED,
    }
)
UNSENT = frozenset({OrderState.PROPOSED, OrderState.COMMITTED})
LIFE = frozenset(
    {News.PENDING, News.WORKING, News.PART_FILL, News.SEEN_PENDING, News.SEEN_WORKING, News.SEEN_PARTIAL}
)  # it is at the broker
WORKING_STATES = frozenset({OrderState.ACKED, OrderState.PARTIAL})
SENT_STATES = WORKING_STATES | {OrderState.SENT}  # left, and nothing speaks against its being at the broker


def _read() -> dict[tuple[OrderState, News], OrderState | None]:
    """The grid as a table; None marks an illegal cell."""
    states = [_LETTERS[letters] for letters in _COLUMNS.split()]
    table: dict[tuple[OrderState, News], OrderState | None] = {}
    for line in _GRID.strip().splitlines():
        name, *cells = line.split()
        assert len(cells) == len(states), f"{name}: a cell for every state"
        for state, cell in zip(states, cells, strict=True):
            table[state, News[name]] = None if cell == "!" else state if cell == "." else _LETTERS[cell]
    assert len(table) == len(states) * len(News), "a row for every piece of news"
    return table


TABLE = _read()


def after(order_id: str, state: OrderState, news: News) -> OrderState:
    """The state after the news. Raises IllegalNews for a cell that cannot happen."""
    result = TABLE[state, news]
    if result is None:
        raise IllegalNews(order_id, state, news)
    return result


def mermaid() -> str:
    """The table as a mermaid state diagram: every move, the news that causes it; staying put is not drawn."""
    moves: dict[tuple[OrderState, OrderState], list[str]] = {}
    for (state, news), result in TABLE.items():
        if result is not None and result is not state:
            moves.setdefault((state, result), []).append(news.value)
    lines = ["stateDiagram-v2", "    [*] --> PROPOSED"]
    lines += [f"    {a.value} --> {b.value}: {' | '.join(news)}" for (a, b), news in moves.items()]
    lines += [f"    {state.value} --> [*]" for state in OrderState if state in TERMINAL]
    return "\n".join(lines) + "\n"

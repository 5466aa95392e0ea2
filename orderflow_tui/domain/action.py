"""Everything that can leave the engine. Nothing else can."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import DayState
from orderflow_tui.domain.order import Change, Order
from orderflow_tui.domain.signal import Decision, Hypothesis, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.value import SessionProfile

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Row:
    """One journal row. `kind` names the table's vocabulary (intent, order, fill, latch, bar, signal …), `ref` the thing
    it is about. Rows of orders go to `orders.sqlite` (FULL, hash chain), rows of the market to `market.sqlite` (batched)."""

    book: str  # "orders" | "market"
    kind: str
    ref: str
    ts_ns: int
    payload: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Commit:
    """Write these rows durably in one transaction, then report Committed(ids) or JournalFailed(ids)."""

    rows: tuple[Row, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Hand these orders to the broker, in this order, as one group. Only after the second look."""

    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class SendChange:
    """Hand a change of a live order to the broker."""

    change: Change
    order: Order  # as it will be after the change


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the broker to cancel these orders of ours."""

    order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelEverything:
    """The broker's global cancel: also manual orders. Only inside a flatten campaign."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskAccountReport:
    """Ask for a complete account snapshot."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskMargin:
    """Ask the broker what one contract costs in margin."""

    instrument: str


@dataclass(frozen=True, slots=True)
class WriteStopFile:
    """Create the STOP file with this first line."""

    word: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write a row in the background."""

    row: Row


Observation = FootprintBar | Signal | RegimeReading | SetupReading | Decision | Hypothesis | SessionProfile | DayState


@dataclass(frozen=True, slots=True)
class Observed:
    """Something the analytics concluded. The shell turns it into a market row, a document line, or nothing."""

    item: Observation


@dataclass(frozen=True, slots=True)
class RollContract:
    """Nothing is held and nothing works: trade the month that is analysed."""

    ts_ns: int


@dataclass(frozen=True, slots=True)
class AcknowledgeLink:
    """A person has seen why the link is held (BLOCKED, DATA_BLOCKED): it tries again."""

    ts_ns: int


class Tier(Enum):
    """How loud an alert is."""

    CRITICAL = 1
    WARNING = 2
    INFO = 3


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell the operator. `kind` and `subject` make the dedupe key."""

    ts_ns: int
    kind: str
    text: str
    tier: Tier = Tier.WARNING
    subject: str = ""


Action = (
    Commit
    | Send
    | SendChange
    | Cancel
    | CancelEverything
    | AskAccountReport
    | AskMargin
    | WriteStopFile
    | Record
    | Observed
    | Alert
    | RollContract
    | AcknowledgeLink
)

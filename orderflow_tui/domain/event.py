"""Everything that can enter the engine. Time is an input: every event carries the one stamp it got at the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from orderflow_tui.domain.account import AccountReport, ContractMonth, LinkStatus, MarginFigure
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades
from orderflow_tui.domain.order import Commission, Fill, OrderUpdate


@dataclass(frozen=True, slots=True)
class ClockTick:
    """Time moves although the market is quiet."""

    ts_ns: int


class Command(Enum):
    """What an operator can ask for."""

    FLATTEN = "flatten"
    HALT = "halt"
    CANCEL_ENTRIES = "cancel-entries"
    STOP = "stop"  # create the STOP file
    ARM = "arm"
    DISARM = "disarm"
    BRACKET = "bracket"  # args: side "BUY" | "SELL"
    RESUME = "resume"  # args: word, key_ok
    RECONCILE = "reconcile"
    AUTOMATION = "automation"  # args: mode
    TAKE_SETUP = "take-setup"  # args: id
    REVERSE = "reverse"
    UNATTENDED = "unattended"  # the terminal is gone
    OPEN_SESSION = "open-session"
    CLOSE_SESSION = "close-session"  # args: why
    LIMIT = "limit"  # args: limit, value, key_ok
    PATTERN = "pattern"  # args: pattern, on "yes" | "no"
    ROLL = "roll"  # trade the month that is analysed; only when flat


class Automation(Enum):
    """What the engine does with an accepted decision."""

    OFF = "OFF"
    ALERT = "ALERT"
    CONFIRM = "CONFIRM"
    AUTO = "AUTO"


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """A key, or the second door. `id` makes the order it may cause unique."""

    ts_ns: int
    command: Command
    id: str
    args: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StopFileSeen:
    """The STOP file is there (or cannot be proven absent). action `halt` or `flatten`; `detail` says what was found."""

    ts_ns: int
    action: str
    detail: str


@dataclass(frozen=True, slots=True)
class StopFileGone:
    """The STOP file is provably absent. The latch stays."""

    ts_ns: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The rows of a Commit are on disk."""

    ts_ns: int
    ids: tuple[str, ...]
    took_ms: int


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The journal could not commit. ids empty: a batch of records was lost, not an intent."""

    ts_ns: int
    ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SendFailed:
    """The outbox or the broker adapter did not pass an order on. Proven not sent: `proven`; else unknown."""

    ts_ns: int
    ids: tuple[str, ...]
    proven: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """The shell found something that must stop trading: which latch to open, and why."""

    ts_ns: int
    latch: LatchKind
    reason: str


@dataclass(frozen=True, slots=True)
class ContractNews:
    """What the contract month means for entries: why they must wait, empty when they need not. `apart`: the traded month is not
    the analysed one, whose prices say nothing of it."""

    ts_ns: int
    block: str
    apart: bool = False


@dataclass(frozen=True, slots=True)
class HouseHealth:
    """How the machine we run on does, told when it changes; all is well by default.

    `loop_late_ms`: how late the engine's loop was at its last beat. `clock_off_ms`: by how much wall and monotonic clock have
    come apart, positive when the wall clock leapt forward. `broker_off_s`: our clock minus the broker's. `broker_resets`: the
    broker's nightly reset runs or is near. Small figures are told as 0.
    """

    ts_ns: int
    loop_late_ms: int = 0
    clock_off_ms: int = 0
    broker_off_s: int = 0
    broker_resets: bool = False


WELL = HouseHealth(0)

MarketEvent = Trades | Bars | Quote | Depth | FeedStatus
BrokerEvent = OrderUpdate | Fill | Commission | AccountReport | LinkStatus | MarginFigure | ContractMonth
HouseEvent = (
    ClockTick
    | OperatorCommand
    | StopFileSeen
    | StopFileGone
    | Committed
    | JournalFailed
    | SendFailed
    | Trouble
    | ContractNews
    | HouseHealth
)
Event = MarketEvent | BrokerEvent | HouseEvent


def stamp_of(event: Event) -> int:
    """The instant an event is processed at: of a block, the instant of its last row."""
    if isinstance(event, Trades):
        return int(event.ts_ns[-1])
    if isinstance(event, Bars):
        return int(event.start_ns[-1]) + event.seconds * 1_000_000_000
    return event.ts_ns

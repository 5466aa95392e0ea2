"""How a simulated broker misbehaves: kinds of fault, their probabilities, and the draws.

Every kind has a random stream of its own and draws at every opportunity, whether or not its probability is zero. So
switching one kind off leaves the others where they were, and a failing run can be shrunk fault by fault.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from random import Random

from orderflow_tui.domain.session import MS_NS, SECOND_NS


@dataclass(frozen=True, slots=True)
class SimFaults:
    """Probabilities 0…1 per opportunity (named in the comment); the default broker is honest.

    `longest_delay_ns` bounds every drawn delay.
    """

    send_refused: float = 0.0  # per send: raises, proven not sent
    send_lost: float = 0.0  # per send: the group never arrives and nobody says so
    ack_lost: float = 0.0  # per acknowledgement
    ack_late: float = 0.0
    ack_duplicated: float = 0.0
    reject_entry: float = 0.0  # per arriving order of that role
    reject_stop: float = 0.0
    reject_target: float = 0.0
    tif_changed: float = 0.0  # per acknowledgement: the echo says DAY
    outside_rth_changed: float = 0.0  # the echo says regular hours only
    account_swapped: float = 0.0  # the echo names another account
    partial_fill: float = 0.0  # per fill of two or more contracts
    exec_lost: float = 0.0  # per fill: only an account report tells
    exec_late: float = 0.0
    exec_duplicated: float = 0.0
    exec_corrected: float = 0.0  # a second revision moves the price one tick against us
    exec_busted: float = 0.0  # a second revision takes the fill back
    status_lost: float = 0.0  # per fill: the fill is told, the order's status is not
    commission_late: float = 0.0
    stop_stuck: float = 0.0  # per triggered stop: it rests at its trigger price instead of filling
    cancel_lost: float = 0.0  # per cancel request
    cancel_refused: float = 0.0  # the order lives on
    fill_after_cancel: float = 0.0  # told CANCELLED, yet it had filled; the execution comes later
    change_lost: float = 0.0  # per change request
    change_refused: float = 0.0
    oca_delayed: float = 0.0  # per fill in an OCA group: siblings live on for a while
    oversize_children: float = 0.0  # per child: ignores that its parent filled only in part
    report_lost: float = 0.0  # per account report
    report_incomplete: float = 0.0  # an End marker never came
    report_stale: float = 0.0  # drawn up when asked for, delivered later
    report_late: float = 0.0
    manual_trade: float = 0.0  # per entry fill: later a person trades on the same account
    liquidation: float = 0.0  # per entry fill: later the broker closes the position
    latency_jitter: float = 0.0  # per request: takes longer
    oca_lost: float = 0.0  # per fill in an OCA group: siblings are never told
    exit_rests: float = 0.0  # per fill of two or more contracts of a stop or target: a part fills, the rest waits on for a while
    order_parked: float = 0.0  # per arriving stop or target: pending, it cannot fill, for a while or until it is cancelled
    longest_delay_ns: int = 3 * SECOND_NS


class Fault(Enum):
    """The kinds; each value is the field of `SimFaults` that holds its probability."""

    SEND_REFUSED = "send_refused"
    SEND_LOST = "send_lost"
    ACK_LOST = "ack_lost"
    ACK_LATE = "ack_late"
    ACK_DUPLICATED = "ack_duplicated"
    REJECT_ENTRY = "reject_entry"
    REJECT_STOP = "reject_stop"
    REJECT_TARGET = "reject_target"
    TIF_CHANGED = "tif_changed"
    OUTSIDE_RTH_CHANGED = "outside_rth_changed"
    ACCOUNT_SWAPPED = "account_swapped"
    PARTIAL_FILL = "partial_fill"
    EXEC_LOST = "exec_lost"
    EXEC_LATE = "exec_late"
    EXEC_DUPLICATED = "exec_duplicated"
    EXEC_CORRECTED = "exec_corrected"
    EXEC_BUSTED = "exec_busted"
    STATUS_LOST = "status_lost"
    COMMISSION_LATE = "commission_late"
    STOP_STUCK = "stop_stuck"
    CANCEL_LOST = "cancel_lost"
    CANCEL_REFUSED = "cancel_refused"
    FILL_AFTER_CANCEL = "fill_after_cancel"
    CHANGE_LOST = "change_lost"
    CHANGE_REFUSED = "change_refused"
    OCA_DELAYED = "oca_delayed"
    OVERSIZE_CHILDREN = "oversize_children"
    REPORT_LOST = "report_lost"
    REPORT_INCOMPLETE = "report_incomplete"
    REPORT_STALE = "report_stale"
    REPORT_LATE = "report_late"
    MANUAL_TRADE = "manual_trade"
    LIQUIDATION = "liquidation"
    LATENCY_JITTER = "latency_jitter"
    OCA_LOST = "oca_lost"
    EXIT_RESTS = "exit_rests"
    ORDER_PARKED = "order_parked"


HONEST = SimFaults()


class Mischief:
    """Decides at each opportunity whether a fault strikes. Without a random stream none ever does."""

    __slots__ = ("_delays", "_streams", "faults", "injected")

    def __init__(self, faults: SimFaults, rng: Random | None) -> None:
        assert rng is not None or faults == HONEST, "faults need a seeded random stream"
        self.faults = faults
        self.injected: Counter[Fault] = Counter()
        self._streams = {} if rng is None else {kind: Random(rng.getrandbits(64)) for kind in Fault}
        self._delays = dict.fromkeys(Fault, 0.0)

    def strikes(self, kind: Fault, *, acts: bool = True) -> bool:
        """Whether this opportunity is struck; always the same number of draws. It does not strike where it could not act."""
        stream = self._streams.get(kind)
        if stream is None:
            return False
        chance, self._delays[kind] = stream.random(), stream.random()
        probability: float = getattr(self.faults, kind.value)
        if chance >= probability or not acts:
            return False
        self.injected[kind] += 1
        return True

    def delay(self, kind: Fault) -> int:
        """A delay in ns for the fault that just struck: 1 ms … `longest_delay_ns`."""
        return MS_NS + int(self._delays[kind] * max(0, self.faults.longest_delay_ns - MS_NS))

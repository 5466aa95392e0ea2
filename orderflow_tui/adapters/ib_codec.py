"""From the wire's words to ours and back: pure functions, no connection, no clock.

Prices become ticks, statuses become `BrokerStatus`, execution ids fall into base and revision, error codes into what
they prove. An error proves little: the library would mark an order Cancelled that is alive, so here an error on a known
order is a reason to ask, never an end, except where the broker's own table says it is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from math import isnan
from typing import assert_never
from zoneinfo import ZoneInfo

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import BrokerStatus, Order, OrderType, Side
from orderflow_tui.domain.session import SECOND_NS

UNSET = 1.7e308  # beyond: the wire's "no value"
OCA_CANCEL_WITH_BLOCK = 1

REJECTS = frozenset({103, 106, 107, 109, 111, 133, 163, 200, 201, 203, 382, 383, 387, 388, 392, 434, 451})
REJECTS_IF_NEW = frozenset({110, 321})  # on a change they leave the original alive
CHANGE_FAILED = frozenset({104, 105, 110, 134, 321, 329, 2102})
CANCEL_FAILED = frozenset({135, 136, 161, 10147, 10148})
CANCELLED = 202
MISSING_PARENT = 10006  # proves nothing by itself: the parent may still be on its way
WARNINGS = frozenset({399, 404, 2109, 2137})

LOST = frozenset({1100, 2110})
RESTORED_LOST = 1101
RESTORED_KEPT = 1102
PORT_CHANGED = 1300
ID_IN_USE = 326
FARM_DOWN = frozenset({2103, 2105, 2157})
FARM_UP = frozenset({2104, 2106, 2158})
WARNING_CODES = range(2100, 2200)
FARM_DORMANT = frozenset({2107, 2108})
DEPTH_AGAIN = frozenset({316, 317})  # halted, reset: the book is to be asked for anew
NO_PERMISSION = frozenset({354, 10089, 10168, 10186, 10187})
NO_DEPTH = NO_PERMISSION | {309, 10092}  # too many books, no books of this kind
PARTIAL_PERMISSION = 10090
DELAYED = 10167
TICKS_REFUSED = frozenset({10189, 10190})
COMPETING = 10197

OLD_ZONES = {  # not every machine's table of zones still has them
    "US/Eastern": "America/New_York",
    "US/Central": "America/Chicago",
    "US/Mountain": "America/Denver",
    "US/Pacific": "America/Los_Angeles",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MET": "Europe/Brussels",
}
WRITTEN_TIME = re.compile(r"(\d{8})(-| +)(\d\d:\d\d:\d\d)(?: +(\S+))?")


class Phase(Enum):
    """What we last asked of an order when the error came."""

    NEW = "new"  # sent, never acknowledged
    LIVE = "live"  # acknowledged, nothing asked since
    CHANGING = "changing"
    CANCELLING = "cancelling"


def order_error(code: int, phase: Phase, last: BrokerStatus) -> BrokerStatus:
    """What an error about an order of ours means. `last` is its last known status, for mere warnings.

    Anything that is not proven by code and phase together is SUSPECT: ask the broker.
    """
    if code == CANCELLED:
        return BrokerStatus.CANCELLED
    if code in WARNINGS:
        return last
    match phase:
        case Phase.NEW:
            return BrokerStatus.REJECTED if code in REJECTS or code in REJECTS_IF_NEW else BrokerStatus.SUSPECT
        case Phase.CHANGING:
            return BrokerStatus.CHANGE_REFUSED if code in CHANGE_FAILED else BrokerStatus.SUSPECT
        case Phase.CANCELLING:
            return BrokerStatus.CANCEL_REFUSED if code in CANCEL_FAILED else BrokerStatus.SUSPECT
        case Phase.LIVE:
            return BrokerStatus.SUSPECT
        case _:
            assert_never(phase)


def live_status(word: str) -> BrokerStatus:
    """An order status as it happens. `Inactive` may be a rejection or a parked order: ask. A cancel under way may
    still fill."""
    match word:
        case "PendingSubmit" | "ApiPending":
            return BrokerStatus.PENDING
        case "PreSubmitted" | "Submitted" | "PendingCancel":
            return BrokerStatus.WORKING
        case "Filled":
            return BrokerStatus.FILLED
        case "Cancelled" | "ApiCancelled":
            return BrokerStatus.CANCELLED
        case _:
            return BrokerStatus.SUSPECT


def ended_status(word: str) -> BrokerStatus:
    """The status of an order in the list of completed ones."""
    match word:
        case "Filled":
            return BrokerStatus.FILLED
        case "Inactive":
            return BrokerStatus.REJECTED
        case "Expired":
            return BrokerStatus.EXPIRED
        case _:
            return BrokerStatus.CANCELLED


def execution_id(text: str) -> tuple[str, int]:
    """Base and revision: only the digits after the last dot differ between a fill and its corrections.

    An id without a numeric ending is its own base, revision 0.
    """
    base, dot, tail = text.rpartition(".")
    return (base, int(tail)) if dot and tail.isdigit() else (text, 0)


def zone_name(name: str) -> str:
    """A time zone by its present name."""
    return OLD_ZONES.get(name, name)


def instant_s(text: str) -> int | None:
    """UTC seconds of a time as the gateway writes it; None where nobody can say which instant is meant.

    `20260302-15:30:00` is UTC, `20260302 09:30:00 US/Central` names its zone; seconds since the epoch are written too. Without a
    zone it is the time of day at the place somebody chose at the login, which is not told. A zone that is in no table is no
    better, nor is an hour that a zone has twice, or not at all.
    """
    if text.isdecimal() and len(text) > len("YYYYMMDD"):
        return int(text)
    found = WRITTEN_TIME.fullmatch(text)
    if found is None:
        return None
    day, between, time, name = found.groups()
    if (between == "-") == bool(name):
        return None
    try:
        zone = ZoneInfo(zone_name(name)) if name else UTC
        local = datetime.strptime(f"{day} {time}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone)
    except (LookupError, ValueError, OSError):
        return None
    return int(local.timestamp()) if local.utcoffset() == local.replace(fold=1).utcoffset() else None


def known(value: float | str | None) -> float | None:
    """A number of the wire; None for its several ways to say nothing. Minus one is a number here: callers for whom
    it means "no data" check it."""
    if value is None or value == "":
        return None
    number = float(value)
    return None if isnan(number) or abs(number) >= UNSET else number


def cents(value: float | str | None) -> int | None:
    """Money in cents."""
    number = known(value)
    return None if number is None else round(number * 100)


def entry_price(average_cost: float, multiplier: int) -> float:
    """The price behind a future's average cost, which is price × multiplier with commission. Divide always."""
    return average_cost / multiplier


def nearest_ticks(instrument: Instrument, price: float) -> int:
    """Tick index of an execution price: facts are never dropped, so the nearest tick when it lies off the grid."""
    exact = instrument.ticks(price)
    return round(price * 1e9 / instrument.tick_e9) if exact is None else exact


def price_ticks(instrument: Instrument, kind: str, limit: float | None, stop: float | None) -> int | None:
    """The price that matters of an order as the broker echoes it."""
    value = known(limit) if kind == OrderType.LIMIT.value else known(stop) if kind == OrderType.STOP.value else None
    return None if value is None else instrument.ticks(value)


def side_of(word: str) -> Side:
    """BUY, SELL of orders and BOT, SLD of executions."""
    return Side.BUY if word in {"BUY", "BOT"} else Side.SELL


def type_of(word: str) -> OrderType:
    """The order type; the broker's many others act at the market for us."""
    return next((kind for kind in OrderType if kind.value == word), OrderType.MARKET)


def order_fields(
    order: Order, instrument: Instrument, number: int, parent: int, account: str, transmit: bool
) -> dict[str, object]:
    """The library's order fields of one of ours: everything explicit, so that no preset of the gateway applies."""
    fields: dict[str, object] = {
        "orderId": number,
        "action": order.side.name,
        "totalQuantity": float(order.quantity),
        "orderType": order.type.value,
        "tif": order.tif,
        "outsideRth": order.outside_rth,
        "account": order.account or account,
        "orderRef": order.id,
        "transmit": transmit,
        "parentId": parent,
        "ocaGroup": order.oca_group,
        "ocaType": OCA_CANCEL_WITH_BLOCK if order.oca_group else 0,
    }
    if order.type is OrderType.LIMIT and order.limit_ticks is not None:
        fields["lmtPrice"] = instrument.price(order.limit_ticks)
    if order.type is OrderType.STOP and order.stop_ticks is not None:
        fields["auxPrice"] = instrument.price(order.stop_ticks)
    return fields


def stamp(received_ns: int, exchange_s: int, last_ns: int) -> int:
    """The one stamp of a trade: its receive time, clamped into its exchange second, never before the last one."""
    begin = exchange_s * SECOND_NS
    return max(last_ns, min(max(received_ns, begin), begin + SECOND_NS - 1))


class Proof(Enum):
    """What the account must show before the first order."""

    NONE = "any account, nothing is sent"
    PAPER = "a paper account"
    EXACT = "the configured live account"


@dataclass(frozen=True, slots=True)
class Proven:
    """The account to trade, or why there is none."""

    account: str
    refusal: str = ""


def prove(accounts: Sequence[str], proof: Proof, wanted: str) -> Proven:
    """The account id decides, whatever the port. Paper accounts of the broker begin with DU; `wanted` may be empty
    unless the proof is EXACT."""
    told = ", ".join(accounts) or "none"
    if wanted and wanted not in accounts:
        return Proven("", f"ib.account is {wanted}, the gateway serves {told}")
    if not wanted and (proof is Proof.EXACT or len(accounts) != 1):
        return Proven("", f"ib.account must be set: the gateway serves {told}")
    account = wanted or accounts[0]
    paper = account.startswith("DU")
    match proof:
        case Proof.PAPER:
            return Proven(account) if paper else Proven("", f"paper trading needs a DU account, {account} is a live one")
        case Proof.EXACT:
            return Proven("", f"live trading needs a live account, {account} is a paper one") if paper else Proven(account)
        case Proof.NONE:
            return Proven(account)
        case _:
            assert_never(proof)

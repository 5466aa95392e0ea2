"""What the gateway tells, field by field, at server version 176."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tests.gateway.account import Account, Holding
from tests.gateway.contracts import contract_fields
from tests.gateway.orders import Execution, Working
from tests.gateway.wire import UNSET_DOUBLE, Field, Tell

_UNSET_MARGIN = str(UNSET_DOUBLE)
MARGIN_FIELDS = 9


def _f(*fields: Field) -> list[Field]:
    """A stretch of fields of a long message."""
    return list(fields)


def error(request: int, code: int, text: str) -> list[Field]:
    """An error or a notice; request −1 for one about the connection."""
    return [Tell.ERROR, 2, request, code, text, ""]


def order_status(order: Working) -> list[Field]:
    """Status of an order."""
    average = order.worth / order.filled if order.filled else 0.0
    return [
        Tell.ORDER_STATUS,
        order.order_id,
        order.status.value,
        order.filled,
        order.remaining,
        float(Decimal(str(average)) * order.listing.product.tick),
        order.perm_id,
        order.wanted.parent_id,
        order.listing.price(order.last_price),
        order.client_id,
        "child" if order.held else "",
        0,
    ]


def open_order(order: Working, tif: str | None = None, what_if: list[Field] | None = None) -> list[Field]:
    """An order with all its fields. `tif` overrides what was asked; `what_if` are the nine margin fields and three
    commissions of a what-if answer."""
    wanted = order.wanted
    return [
        Tell.OPEN_ORDER,
        order.order_id,
        *contract_fields(order.listing),
        wanted.action,
        wanted.quantity,
        wanted.type,
        wanted.limit or 0.0,
        wanted.aux or 0.0,
        wanted.tif if tif is None else tif,
        wanted.oca_group,
        wanted.account,
        "",
        0,
        wanted.order_ref,
        order.client_id,
        order.perm_id,
        wanted.outside_rth,
        False,
        0,
        *[""] * 8,  # good after time … good till date
        *_f("", "", "", 0, "", -1, 0, "", "", "", "", "", ""),  # rule 80A … display size is next
        False,
        False,
        False,
        "",
        wanted.oca_type,
        False,
        False,
        "",
        wanted.parent_id,
        0,
        "",
        "",
        "None",  # delta-neutral order type: any text makes eight more fields follow
        "",
        *_f("", "", "", "", "", False, 0, ""),
        False,
        *_f("", "", "", "", "", ""),  # reference price type … combo description
        *_f(0, 0, 0),  # no legs, no leg prices, no routing parameters
        *_f("", "", ""),  # scale
        "",  # hedge
        *_f(False, "", "", False, False),
        "",  # algorithm
        False,
        what_if is not None,
        order.status.value if what_if is None else "PreSubmitted",
        *(what_if if what_if is not None else [_UNSET_MARGIN] * MARGIN_FIELDS + ["", "", ""]),
        "USD" if what_if is not None else "",
        "",
        False,
        False,
        0,  # no conditions
        *_f("None", "", "", "", "", "", "", 0, "", "", ""),
        *_f("", False, False, False, 0),
        *_f("", "", False),
        *_f("", "", "", "", ""),
    ]


def completed_order(order: Working, completed: datetime) -> list[Field]:
    """An order that is over."""
    wanted = order.wanted
    return [
        Tell.COMPLETED_ORDER,
        *contract_fields(order.listing),
        wanted.action,
        wanted.quantity,
        wanted.type,
        wanted.limit or 0.0,
        wanted.aux or 0.0,
        wanted.tif,
        wanted.oca_group,
        wanted.account,
        "",
        0,
        wanted.order_ref,
        order.perm_id,
        wanted.outside_rth,
        False,
        0,
        *[""] * 7,
        *_f("", "", "", 0, "", -1, "", "", "", "", "", ""),
        False,
        False,
        "",
        wanted.oca_type,
        0,
        "",
        "",
        "None",
        "",
        *_f(0, False, 0, ""),
        False,
        *_f("", "", "", ""),
        *_f(0, 0, 0),
        *_f("", "", ""),
        "",
        *_f("", "", False, False),
        "",
        False,
        order.status.value,
        False,
        False,
        0,
        *_f("", "", "", False, False, "", order.filled, 0, False, "", False, False, 0),
        f"{completed:%Y%m%d %H:%M:%S} UTC",
        "Filled Size: " + str(order.filled),
        *_f("", "", "", "", ""),
    ]


def execution(request: int, done: Execution) -> list[Field]:
    """A fill; request −1 for one that just happened."""
    order, product = done.order, done.order.listing.product
    when = datetime.fromtimestamp(done.time_ns / 1e9, UTC)
    return [
        Tell.EXECUTION,
        request,
        order.order_id,
        *contract_fields(order.listing),
        done.exec_id,
        f"{when:%Y%m%d %H:%M:%S} UTC",
        order.wanted.account,
        product.exchange,
        "BOT" if order.sign > 0 else "SLD",
        done.quantity,
        order.listing.price(done.price),
        order.perm_id,
        order.client_id,
        1 if done.liquidation else 0,
        done.cumulative,
        float(Decimal(str(done.average)) * product.tick),
        order.wanted.order_ref,
        "",
        0,
        "",
        2,
    ]


def commission(done: Execution, fee: Decimal) -> list[Field]:
    """The commission of a fill."""
    return [Tell.COMMISSION, 1, done.exec_id, float(fee), "USD", UNSET_DOUBLE, "", ""]


def position(account: str, holding: Holding) -> list[Field]:
    """A position; the real program leaves its exchange empty."""
    return [
        Tell.POSITION,
        3,
        account,
        *contract_fields(holding.listing, exchange=""),
        holding.quantity,
        float(holding.average_cost),
    ]


def portfolio(account: Account, holding: Holding) -> list[Field]:
    """A position with its value."""
    fields = contract_fields(holding.listing)
    return [
        Tell.PORTFOLIO,
        8,
        *fields,
        holding.quantity,
        holding.listing.price(account.price_of(holding.listing)),
        float(account.value_of(holding)),
        float(holding.average_cost),
        float(account.unrealised([holding])),
        float(holding.realised),
        account.id,
    ]

"""What a test or a script can tell the gateway to do: each command is a name and arguments, in JSON on the wire.

`{"do": "lose-broker", "code": 1100}` · `{"do": "mute", "what": "POSITIONS", "count": 2}` · `{"do": "state"}`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any

from tests.gateway.faults import OrderFault
from tests.gateway.gateway import Gateway
from tests.gateway.orders import News, Working
from tests.gateway.requests import OrderWanted, Wanted
from tests.gateway.wire import Ask, Tell

Json = Any
Arguments = dict[str, Any]
Command = Callable[[Gateway, Arguments], Json]


class UnknownCommand(Exception):
    """No command of that name."""


def run(gateway: Gateway, request: Arguments) -> Json:
    """Carry out one command and return its answer."""
    name = request.get("do")
    command = COMMANDS.get(str(name))
    if command is None:
        raise UnknownCommand(f"expected one of {', '.join(sorted(COMMANDS))}, got {name!r}")
    return command(gateway, request)


# -- the wire ----------------------------------------------------------------------------------------------------------


def _mute(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.mute[Ask[a["what"]]] = a.get("count", -1)


def _unmute(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.mute.clear()


def _answer(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.answer.setdefault(Ask[a["what"]], []).extend([a["code"]] * a.get("count", 1))


def _drop(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.drop[Tell[a["what"]]] = a.get("count", -1)


def _duplicate(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.duplicate[Tell[a["what"]]] = a.get("count", -1)


def _hold(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.hold |= {Tell[name] for name in a["what"]}


def _release(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.hold.clear()
    for client in gateway.house.clients:
        client.release(bool(a.get("backwards", False)))


def _calm(gateway: Gateway, a: Arguments) -> Json:
    """Nothing is wrong with wire or orders any more; what was held is told."""
    _release(gateway, a)
    gateway.house.faults.calm()


def _split(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.split_bytes = a["bytes"]


def _cut(gateway: Gateway, a: Arguments) -> Json:
    """Every connection ends; the machine's clock just before, in ns."""
    now_ns = time.time_ns()
    for client in list(gateway.house.clients):
        if a.get("mid_frame", True):
            client.cut_mid_frame()
        else:
            client.outlet.close()
        gateway.detach(client)
    return now_ns


def _restart(gateway: Gateway, a: Arguments) -> Json:
    gateway.restart(int(a.get("down_s", 0) * 1e9), bool(a.get("reset_ids", False)))


# -- connectivity and data -----------------------------------------------------------------------------------------------


def _error(gateway: Gateway, a: Arguments) -> Json:
    """Any code about a request, an order (`ref`) or the connection."""
    request = a.get("request", -1)
    for client in gateway.house.ready_clients():
        if "ref" in a:
            request = order_of(gateway, a["ref"]).order_id
        gateway.house.complain(client, request, a["code"], a.get("text", f"Error {a['code']} on demand"))


def _lose_broker(gateway: Gateway, a: Arguments) -> Json:
    gateway.lose_broker(a.get("code", 1100))


def _regain_broker(gateway: Gateway, a: Arguments) -> Json:
    gateway.regain_broker(bool(a.get("kept", True)))


def _farm(gateway: Gateway, a: Arguments) -> Json:
    down = bool(a.get("down", True))
    gateway.house.farm_up = not down
    code = a.get("code", 2103 if down else 2104)
    gateway.house.announce(code, f"Market data farm connection is {'broken' if down else 'OK'}:usfuture")


def _lead(gateway: Gateway, a: Arguments) -> Json:
    """From now on another expiry trades most, in all of history."""
    gateway.house.leading = int(a["rank"])


def _compete(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.competing = bool(a.get("on", True))
    if gateway.house.competing:
        gateway.data.complain_about_data(10197, "No market data during competing live session")


def _data_error(gateway: Gateway, a: Arguments) -> Json:
    """A code about every running market-data subscription, which goes on."""
    gateway.data.complain_about_data(a["code"], a.get("text", f"Error {a['code']} on demand"))


def _reset_depth(gateway: Gateway, a: Arguments) -> Json:
    gateway.data.reset_depth(bool(a.get("resend", True)))


def _refuse_id(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.refuse_id = a.get("count", 1)


# -- the market -----------------------------------------------------------------------------------------------------------


def _pace(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.markets.set_pace(float(a["steps_per_second"]), gateway.house.now_ns)
    gateway.house.markets.moving = tuple(a.get("families", gateway.house.markets.by_family))


def _play(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.markets.playing = bool(a.get("on", True))


def _step(gateway: Gateway, a: Arguments) -> Json:
    for _ in range(a.get("count", 1)):
        gateway.step()


def _jump(gateway: Gateway, a: Arguments) -> Json:
    gateway.jump(a["symbol"], a["price"])


def _quote(gateway: Gateway, a: Arguments) -> Json:
    listing = gateway.house.front(a["symbol"])
    market = gateway.house.markets.of(listing)
    return {
        "bid": listing.price(market.bids[0][0]),
        "ask": listing.price(market.asks[0][0]),
        "last": listing.price(market.last),
        "bids": [[p, s] for p, s in market.bids],
        "asks": [[p, s] for p, s in market.asks],
    }


# -- orders --------------------------------------------------------------------------------------------------------------


def order_of(gateway: Gateway, ref: str) -> Working:
    """The newest order whose reference ends so."""
    found = [o for o in gateway.house.exchange.orders.values() if o.wanted.order_ref.endswith(ref)]
    if not found:
        raise KeyError(f"no order whose reference ends with {ref!r}")
    return found[-1]


def _publish(gateway: Gateway, news: list[News]) -> None:
    gateway.orders.publish(news)


def _order_fault(gateway: Gateway, a: Arguments) -> Json:
    text = a.get("text", f"Error {a['code']} on demand")
    fault = OrderFault(
        a.get("on", "place"), a["code"], text, a.get("role", ""), a.get("alive", False), a.get("status", ""), a.get("count", 1)
    )
    gateway.house.faults.orders.append(fault)


def _executions_first(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.executions_first = bool(a.get("on", True))


def _tif_echo(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.tif_echo = a["tif"]


def _what_if(gateway: Gateway, a: Arguments) -> Json:
    gateway.house.faults.what_if = a["manner"]


def _habits(gateway: Gateway, a: Arguments) -> Json:
    habits = gateway.house.exchange.habits
    habits.most_per_fill = a.get("most_per_fill", habits.most_per_fill)
    habits.release_on_partial = a.get("release_on_partial", habits.release_on_partial)
    habits.group_delay_ns = int(a.get("group_delay_s", habits.group_delay_ns / 1e9) * 1e9)


def _fill(gateway: Gateway, a: Arguments) -> Json:
    order = order_of(gateway, a["ref"])
    price = order.listing.ticks(a["price"]) if "price" in a else gateway.house.markets.of(order.listing).last
    assert price is not None, "the price of a forced fill must be on the grid"
    order.held = order.staged = False
    _publish(gateway, gateway.house.exchange.fill(order, a.get("quantity", order.remaining), price))


def _kill(gateway: Gateway, a: Arguments) -> Json:
    _publish(gateway, gateway.house.exchange.end(order_of(gateway, a["ref"])))


def _regroup(gateway: Gateway, a: Arguments) -> Json:
    """An order is in another group from now on, or in none."""
    order = order_of(gateway, a["ref"])
    order.wanted = replace(order.wanted, oca_group=a.get("group", ""))
    gateway.orders.tell_order(order)


def _repeat_status(gateway: Gateway, a: Arguments) -> Json:
    order = order_of(gateway, a["ref"])
    for _ in range(a.get("count", 1)):
        gateway.orders.tell_order(order)


def _correct(gateway: Gateway, a: Arguments) -> Json:
    listing = gateway.orders.newest().order.listing
    price = listing.ticks(a["price"]) if "price" in a else None
    _publish(gateway, gateway.house.exchange.correct(a.get("quantity"), price))


def _manual(gateway: Gateway, a: Arguments) -> Json:
    """Somebody trades by hand, in the nearest month or in another (`local`, such as MESH7)."""
    local = a.get("local", "")
    named = [entry for entry in gateway.house.listings if entry.local_symbol == local]
    listing = named[0] if local else gateway.house.front(a["symbol"])
    wanted = OrderWanted(
        order_id=0,
        contract=Wanted(listing.con_id, "", "FUT", "", "", ""),
        action=a["side"],
        quantity=a.get("quantity", 1),
        type=a.get("type", "MKT"),
        limit=a.get("limit"),
        aux=a.get("stop"),
        tif="DAY",
        oca_group="",
        account=gateway.house.account.id,
        order_ref="",
        transmit=True,
        parent_id=0,
        outside_rth=False,
        oca_type=0,
        what_if=False,
    )
    _publish(gateway, gateway.house.exchange.manual(listing, wanted, bool(a.get("liquidation", False))))


def _liquidate(gateway: Gateway, a: Arguments) -> Json:
    for holding in list(gateway.house.account.holdings.values()):
        if holding.quantity:
            side = "SELL" if holding.quantity > 0 else "BUY"
            local = holding.listing.local_symbol
            _manual(gateway, {"local": local, "side": side, "quantity": abs(holding.quantity), "liquidation": True})


# -- looking in ------------------------------------------------------------------------------------------------------------


def _order_state(order: Working) -> Json:
    wanted = order.wanted
    return {
        "ref": wanted.order_ref,
        "id": order.order_id,
        "client": order.client_id,
        "status": order.status.value,
        "held": order.held,
        "staged": order.staged,
        "action": wanted.action,
        "type": wanted.type,
        "quantity": wanted.quantity,
        "filled": order.filled,
        "limit": wanted.limit,
        "stop": wanted.aux,
        "tif": wanted.tif,
        "outside_rth": wanted.outside_rth,
        "oca_group": wanted.oca_group,
        "oca_type": wanted.oca_type,
        "account": wanted.account,
        "parent": wanted.parent_id,
        "symbol": order.listing.product.symbol,
    }


def _state(gateway: Gateway, a: Arguments) -> Json:
    account = gateway.house.account
    return {
        "clients": [c.id for c in gateway.house.ready_clients()],
        "orders": [_order_state(o) for o in gateway.house.exchange.orders.values()],
        "positions": {h.listing.local_symbol: h.quantity for h in account.holdings.values() if h.quantity},
        "executions": [[e.exec_id, e.order.wanted.order_ref, e.quantity, e.price] for e in gateway.house.exchange.executions],
        "subscriptions": [
            {"last": len(c.last), "bid_ask": len(c.bid_ask), "depth": len(c.depth), "level1": len(c.level1)}
            for c in gateway.house.ready_clients()
        ],
        "sent": sum(c.sent for c in gateway.house.clients),
        "faulty_orders": len(gateway.house.faults.orders),
    }


def _prints(gateway: Gateway, a: Arguments) -> Json:
    return gateway.house.markets.count[gateway.house.front(a["symbol"]).product.family]


def _exposure(gateway: Gateway, a: Arguments) -> Json:
    """Every change of position and protection so far, and now."""
    return {"now_ns": gateway.house.now_ns, "entries": [list(astuple(e)) for e in gateway.exposure.entries]}


def _received(gateway: Gateway, a: Arguments) -> Json:
    wanted = a.get("what")
    return [
        {"at_ns": r.at_ns, "client": r.client_id, "what": r.ask.name, "fields": list(r.fields)}
        for r in gateway.received
        if wanted is None or r.ask.name == wanted
    ]


COMMANDS: dict[str, Command] = {
    "mute": _mute,
    "unmute": _unmute,
    "answer": _answer,
    "drop": _drop,
    "duplicate": _duplicate,
    "hold": _hold,
    "release": _release,
    "calm": _calm,
    "split": _split,
    "cut": _cut,
    "restart": _restart,
    "error": _error,
    "lose-broker": _lose_broker,
    "regain-broker": _regain_broker,
    "farm": _farm,
    "lead": _lead,
    "compete": _compete,
    "data-error": _data_error,
    "reset-depth": _reset_depth,
    "refuse-id": _refuse_id,
    "pace": _pace,
    "play": _play,
    "step": _step,
    "jump": _jump,
    "quote": _quote,
    "order-fault": _order_fault,
    "executions-first": _executions_first,
    "tif-echo": _tif_echo,
    "what-if": _what_if,
    "habits": _habits,
    "fill": _fill,
    "kill": _kill,
    "regroup": _regroup,
    "repeat-status": _repeat_status,
    "correct": _correct,
    "manual": _manual,
    "liquidate": _liquidate,
    "state": _state,
    "received": _received,
    "exposure": _exposure,
    "prints": _prints,
}

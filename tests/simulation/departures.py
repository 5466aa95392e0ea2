"""What must hold whenever something leaves the house."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.adapters.sim_broker_orders import Stage as Where
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.latch import LatchKind, Severity
from orderflow_tui.domain.order import Change, Order, OrderType, Purpose, Role
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.window import entries_open
from tests.simulation.house import ACCOUNT
from tests.simulation.limits import entry_affordable
from tests.simulation.memory import RECOVERED_AFTER, Broken, Memory
from tests.simulation.prices import judge_change, judge_emergency

FENCE_NS = 5 * SECOND_NS
COMMIT_NS = 250 * MS_NS
STALE_NS = 3_001 * MS_NS
AT_ONCE_NS = 50 * MS_NS
SLOW_MS = 100


def orders_leave(memory: Memory, orders: Sequence[Order], now_ns: int) -> None:
    """A group of orders is about to reach the line."""
    memory.written.read(memory.disk.rows)
    for order in orders:
        if order.id in memory.sent:
            raise Broken("sent once", f"{order.id} left twice")
        holder = memory.numbers.setdefault(order.number, order.id)
        if holder != order.id:
            raise Broken("numbers are unique", f"number {order.number} names {holder} and {order.id}")
        memory.sent[order.id] = memory.standing[order.id] = order
        memory.revisions.add((order.id, order.revision))
        _committed(memory, order)
        _carries_safety(order)
    _unlocked(memory, orders[0])
    if orders[0].purpose is Purpose.ENTRY:
        _entry_leaves(memory, orders, now_ns)
    elif orders[0].purpose is Purpose.FLATTEN:
        _exit_leaves(memory, orders[0])
    elif orders[0].role is Role.EMERGENCY:
        judge_emergency(memory, orders[0])


def change_leaves(memory: Memory, change: Change, order: Order) -> None:
    """A change is about to reach the line."""
    key = (change.order_id, change.revision)
    if key in memory.revisions:
        raise Broken("sent once", f"revision {change.revision} of {change.order_id} left twice")
    memory.revisions.add(key)
    memory.written.read(memory.disk.rows)
    if key not in memory.written.changes:
        if LatchKind.JOURNAL_FAILED not in memory.floor.board:
            raise Broken(
                "commit before send", f"revision {change.revision} of {order.id} left without its row, and nobody was told"
            )
        memory.unwritten_changes.add(key)
    memory.changed_ns = memory.now_ns
    judge_change(memory, change, order)
    memory.standing[order.id] = order


def cancel_leaves(memory: Memory, order_ids: Sequence[str]) -> None:
    """A cancel is about to reach the line."""
    memory.working |= {order_id: memory.now_ns for order_id in order_ids if order_id in memory.working}
    memory.told_to_go.update(order_ids)
    if not memory.position and memory.now_ns - memory.flat_ns <= AT_ONCE_NS:
        memory.called_off.update(order_ids)
    if memory.market_open or not memory.truth:
        return
    stops = [i for i in order_ids if i in memory.sent and memory.sent[i].type is OrderType.STOP]
    guarded = min(memory.protection(memory.truth)[0], abs(memory.truth))
    if memory.position == memory.truth and memory.protection(memory.truth, without=stops)[0] < guarded:
        raise Broken("stops stay in a closed market", f"{stops} cancelled while {memory.truth:+d} cannot be closed")


def _unlocked(memory: Memory, order: Order) -> None:
    """While a lock is open nothing leaves by itself, but the flatten that a person wanted, and an exit whose commit was under way
    when it opened: to drop that would leave bare what it was to protect."""
    lock = next((kind for kind in memory.board if kind.severity is Severity.LOCK), None)
    under_way = lock is not None and memory.floor.plans[order.intent_id].intent.ts_ns <= memory.board[lock]
    wanted = order.purpose is Purpose.FLATTEN and memory.wanted
    if lock is not None and not wanted and not (under_way and order.purpose is not Purpose.ENTRY):
        raise Broken("a lock lets nothing out", f"{order.id} left while {lock.value} was open")


def _committed(memory: Memory, order: Order) -> None:
    if order.id in memory.written.orders:
        return
    if order.purpose is Purpose.ENTRY or order.parent_id is not None:
        raise Broken("commit before send", f"{order.id} left before its journal row was on disk")
    if LatchKind.JOURNAL_FAILED not in memory.floor.board:
        raise Broken("commit before send", f"{order.id} left without its row, and nobody was told")
    memory.unwritten.add(order.id)


def _carries_safety(order: Order) -> None:
    if order.account != ACCOUNT:
        raise Broken("account", f"{order.id} names account {order.account!r}")
    if order.purpose is Purpose.PROTECT and not (order.tif == "GTC" and order.outside_rth and order.oca_group):
        raise Broken("safety fields", f"{order.id} is {order.tif}, outside RTH {order.outside_rth}, {order.oca_group!r}")


def _entry_leaves(memory: Memory, orders: Sequence[Order], now_ns: int) -> None:
    entry = orders[0]
    _nothing_forbids(memory, entry)
    _permitted(memory, entry, now_ns)
    _prompt(memory, entry, now_ns)
    _connected(memory, entry, now_ns)
    _quick_disk(memory, entry, now_ns)
    _bracketed(memory, orders)
    _rates(memory, entry, now_ns)
    _room(memory, entry)
    entry_affordable(memory, entry)


def _nothing_forbids(memory: Memory, entry: Order) -> None:
    floor = memory.floor
    if floor.board.latches or floor.campaign is not None or floor.recovering:
        raise Broken("no entry after a halt", f"{entry.id} left although {floor.board.latches or 'not running'}")
    if memory.halted_by_person or memory.halted_by_stop:
        raise Broken("no entry after a halt", f"{entry.id} left after a person or STOP halted and nobody resumed")
    if memory.apart:
        raise Broken("ledger equals broker", f"{entry.id} left while the last report differs from what we hold")
    if memory.stop_file is not None:
        raise Broken("STOP stops entries", f"{entry.id} reached the line while the STOP file was there")
    if floor.blotter.unresolved():
        raise Broken("fence", f"{entry.id} left while {[t.order.id for t in floor.blotter.unresolved()]} is unknown")
    if memory.now_ns < memory.cool_ns:
        raise Broken("cool-down", f"{entry.id} left {(memory.cool_ns - memory.now_ns) // MS_NS} ms too early after a reject")
    if memory.booted and memory.reports < RECOVERED_AFTER:
        raise Broken("recovery first", f"{entry.id} left after {memory.reports} report(s) since the restart")


def _permitted(memory: Memory, entry: Order, now_ns: int) -> None:
    intent = memory.floor.plans[entry.intent_id].intent
    if intent.cause in memory.causes:
        raise Broken("one cause, one entry", f"{intent.cause} led to {entry.id} and to an earlier entry")
    memory.causes.add(intent.cause)
    if intent.manual and not memory.armed:
        raise Broken("armed", f"{entry.id} left by hand without arming")
    if not intent.manual and not memory.grant.holds(memory.trade_date(now_ns)):
        raise Broken("armed", f"{entry.id} left by itself without a grant")


def _prompt(memory: Memory, entry: Order, now_ns: int) -> None:
    age = now_ns - (entry.expires_ns - memory.setting.params.trading.timing.entry_timeout_ms * MS_NS)
    if age > COMMIT_NS:
        raise Broken("entries leave promptly", f"{entry.id} left {age // MS_NS} ms after it was proposed")
    day = memory.setting.table.day_at(now_ns)
    allowed, why = entries_open(memory.setting.params.window, day, now_ns)
    if not allowed:
        raise Broken("window", f"{entry.id} left outside the window: {why}")
    if memory.data_ns is None or now_ns - memory.data_ns > STALE_NS:
        raise Broken("fresh data", f"{entry.id} left on data of {memory.data_ns}, now {now_ns}")


def _connected(memory: Memory, entry: Order, now_ns: int) -> None:
    if memory.link is not Link.READY:
        raise Broken("fence", f"{entry.id} left while the link is {memory.link.value}")
    if memory.link_lost_ns is not None and now_ns - memory.link_lost_ns < FENCE_NS:
        raise Broken("fence", f"{entry.id} left {(now_ns - memory.link_lost_ns) // MS_NS} ms after the link was lost")
    age_ms, longest_ms = (now_ns - memory.reported_ns) // MS_NS, memory.setting.params.trading.timing.snapshot_fence_ms
    if age_ms > longest_ms:
        raise Broken("fence", f"{entry.id} left {age_ms} ms after the last complete report, {longest_ms} allowed")
    if memory.position and not memory.priced:
        raise Broken("fence", f"{entry.id} left while {memory.position:+d} is held and no trade has told what it is worth")
    if memory.unwell:
        raise Broken("fence", f"{entry.id} left while loop or clocks are out of step, or the broker's reset is near")
    if memory.unwell_ns is not None and now_ns - memory.unwell_ns < FENCE_NS:
        raise Broken("fence", f"{entry.id} left {(now_ns - memory.unwell_ns) // MS_NS} ms after loop or clock were out of step")


def _quick_disk(memory: Memory, entry: Order, now_ns: int) -> None:
    """99 of 100 commits of the last minute before its own, counted as a hundred where they are fewer, took 100 ms at most."""
    recent = [ms for at_ns, ms in memory.commits if now_ns - at_ns < 60 * SECOND_NS]
    slow = sum(ms > SLOW_MS for ms in recent)
    if slow > max(len(recent), 100) // 100:
        raise Broken("fence", f"{entry.id} left after {slow} slow commits of {len(recent)} in a minute")


def _bracketed(memory: Memory, orders: Sequence[Order]) -> None:
    entry, risk = orders[0], memory.setting.params.trading.risk
    stops = [o for o in orders if o.role is Role.STOP]
    planned = memory.setting.params.execution.stop_ticks
    if len(stops) != 1 or stops[0].quantity != entry.quantity or stops[0].side is entry.side:
        raise Broken("entry carries its stop", f"{entry.id} leaves with {len(stops)} stop(s)")
    assert entry.limit_ticks is not None
    assert stops[0].stop_ticks is not None
    away = (entry.limit_ticks - stops[0].stop_ticks) * entry.side
    if away != planned + risk.entry_slippage_ticks:
        raise Broken("entry carries its stop", f"{entry.id}: stop {away} ticks behind the limit, planned {planned}")
    _targeted(memory, orders, stops[0].stop_ticks)
    if memory.last is not None and abs(entry.limit_ticks - memory.last) > risk.collar_ticks:
        raise Broken("price collar", f"{entry.id} at {entry.limit_ticks}, last trade {memory.last}")


def _targeted(memory: Memory, orders: Sequence[Order], stop_ticks: int) -> None:
    entry, instrument = orders[0], memory.setting.params.execution
    targets = [o for o in orders if o.role is Role.TARGET]
    if len(targets) != 1 or targets[0].quantity != entry.quantity or targets[0].side is entry.side:
        raise Broken("entry carries its target", f"{entry.id} leaves with {len(targets)} target(s)")
    assert entry.limit_ticks is not None
    assert targets[0].limit_ticks is not None
    gain, apart = ((targets[0].limit_ticks - price) * entry.side for price in (entry.limit_ticks, stop_ticks))
    wanted = instrument.target_ticks + instrument.stop_ticks
    if gain <= 0 or apart != wanted:
        raise Broken("price of a target", f"{entry.id}: {gain:+d} ticks from the limit, {apart} from the stop, wanted {wanted}")


def _rates(memory: Memory, entry: Order, now_ns: int) -> None:
    memory.entries.append(now_ns)
    if len(memory.entries) >= 5 and now_ns - memory.entries[-5] < 10 * SECOND_NS:
        raise Broken("entry rate", f"{entry.id} is the fifth entry within 10 s")
    if len(memory.entries) > 60 and now_ns - memory.entries[-61] < 3600 * SECOND_NS:
        raise Broken("entry rate", f"{entry.id} is the 61st entry within an hour")


def _room(memory: Memory, entry: Order) -> None:
    on_way = [r.order.id for r in memory.at_broker() if r.order.role is Role.ENTRY]
    if on_way:
        raise Broken("one entry at a time", f"{entry.id} left while {on_way} is at the broker")
    limits = memory.setting.params.trading.risk
    if abs(memory.position + entry.side * entry.quantity) > max(limits.max_contracts, abs(memory.position)):
        raise Broken("size", f"{entry.id} of {entry.quantity} on a position of {memory.position:+d}")
    if memory.position and limits.max_concurrent == 1:
        raise Broken("concurrent trades", f"{entry.id} left while {memory.position:+d} is held")
    if memory.position * entry.side < 0:
        raise Broken("no entry against the position", f"{entry.id} left while {memory.position:+d} is held")


def _exit_leaves(memory: Memory, order: Order) -> None:
    alive = [r.order.id for r in memory.at_broker() if r.stage in {Where.WORKING, Where.HELD} and r.order.id in memory.sent]
    if memory.struck("report_omits"):  # whom a death made a stranger, a report may forget
        alive = [order_id for order_id in alive if order_id not in memory.lost]
    if alive:
        raise Broken("flatten clears first", f"{order.id} left while {alive} still work at the broker")

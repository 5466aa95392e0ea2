"""How the machine does: loop, clocks, the broker's reset. Entries wait; what is held is guarded on."""

from __future__ import annotations

from orderflow_tui.domain.action import Tier
from orderflow_tui.domain.event import HouseHealth
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading import rows
from orderflow_tui.trading.fences import BROKER_OFF_S, CLOCK_OFF_MS, LOOP_ALERT_MS, LOOP_LATE_MS
from orderflow_tui.trading.floor import Floor

AGAIN_NS = 5 * SECOND_NS


def on_health(floor: Floor, health: HouseHealth) -> None:
    """The house does better or worse. Loop, clocks or broker in doubt now or until now: entries wait until all settled."""
    before, floor.house = floor.house, health
    if doubtful(before) or doubtful(health):
        floor.doubt()
    if health.loop_late_ms > LOOP_LATE_MS:
        _woke(floor)
    if health.clock_off_ms > 0:
        _leapt(floor, health.clock_off_ms * MS_NS)
    if health.broker_resets is not before.broker_resets or doubtful(health) is not doubtful(before):
        floor.note(
            "house",
            "",
            loop_late_ms=health.loop_late_ms,
            clock_off_ms=health.clock_off_ms,
            broker_off_s=health.broker_off_s,
            broker_resets=health.broker_resets,
        )
    late, off, apart = health.loop_late_ms, health.clock_off_ms, health.broker_off_s
    told = f"the engine's loop was {late} ms late"
    floor.alert_once("loop", late > LOOP_ALERT_MS, told, Tier.CRITICAL)
    told = f"wall and monotonic clock came {off:+d} ms apart: sessions follow the wall clock, entries wait"
    floor.alert_once("clock", abs(off) > CLOCK_OFF_MS, told)
    told = f"our clock is {apart:+d} s from the broker's: entries wait; set this machine's clock"
    floor.alert_once("broker clock", abs(apart) > BROKER_OFF_S, told)


def _leapt(floor: Floor, by_ns: int) -> None:
    """The wall clock leapt forward, and our time with it: entries must not wait less, nor be more, for that."""
    floor.rates.leapt(floor.now, by_ns)
    if floor.cooldown.leapt(floor.now, by_ns, floor.params.timing.cooldown_ms):
        until_ns, reason = floor.cooldown.until_ns, floor.cooldown.reason
        floor.commit(rows.row("cooldown", "", floor.now, until_ns=until_ns, reason=reason))


def _woke(floor: Floor) -> None:
    """The guards let what waits be read first. Not again at once: a machine that is always late must still be guarded."""
    if floor.woke_ns is not None and floor.now - floor.woke_ns < AGAIN_NS:
        return
    floor.woke_ns = floor.now
    for guard in floor.guards.values():
        guard.woke(floor.now)


def doubtful(health: HouseHealth) -> bool:
    """Whether loop, clocks or the broker's reset keep entries waiting."""
    late, apart = health.loop_late_ms > LOOP_LATE_MS, abs(health.clock_off_ms) > CLOCK_OFF_MS
    return late or apart or abs(health.broker_off_s) > BROKER_OFF_S or health.broker_resets

"""Fences: conditions that pass by themselves. They stop entries, never exits, and leave no latch behind.

Computed when asked, from ages and facts. After the link, an outcome, a mismatch, loop or clock was in doubt the fence stays
until all has been well for `fence_clear_ms`; staleness ends with the next trade, a slow journal with the minute its commits
are remembered for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading.limits import Timing

LOOP_LATE_MS = 1_000
LOOP_ALERT_MS = 3_000
CLOCK_OFF_MS = 2_000
BROKER_OFF_S = 5
SLOW_COMMIT_MS = 100
SYNCED = (Link.READY, Link.WARMUP, Link.DEGRADED, Link.DATA_BLOCKED)  # asked at every event: no hashing


def can_send(link: Link) -> bool:
    """Whether the broker can be spoken to: protection, exits and questions go out in these states."""
    return link in SYNCED


@dataclass(frozen=True, slots=True)
class Fence:
    """Why entries wait: a short name and a sentence."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Doubts:
    """What the desk itself knows that keeps entries waiting. Ages and waits in ms, None where there is nothing to say."""

    unresolved: int = 0
    mismatch: str | None = None
    unpriced: str | None = None  # held, and nothing says what it is worth
    report_age_ms: int | None = None
    cooldown_left_ms: int = 0
    margin: str | None = None
    doubt_age_ms: int | None = None  # since link, outcome, mismatch, loop or clock were last in doubt
    commit_ms: int | None = None  # p99 of the commits of the last minute


def stale_limit_ms(rth: bool, timing: Timing) -> int:
    """How old the newest data may be."""
    return timing.stale_rth_ms if rth else timing.stale_overnight_ms


def stale(facts: Facts, timing: Timing) -> Fence | None:
    """The fence of old data, None while it is fresh."""
    if facts.data_age_ms is None:
        return Fence("data", "no market data has come yet")
    limit = stale_limit_ms(facts.rth, timing)
    if facts.data_age_ms > limit:
        return Fence("data", f"market data is {facts.data_age_ms / 1000:,.3f} s old, limit {limit / 1000:g} s")
    return None


def link_ready(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001 - one signature for all
    """Entries need a link that is READY."""
    if facts.link is not Link.READY:
        return Fence("link", f"link is {facts.link.value}, entries need READY")
    return None


def outcomes_known(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """No order may be without a known outcome."""
    if doubts.unresolved:
        return Fence("unresolved", f"{doubts.unresolved} order(s) whose outcome nobody told us")
    return None


def positions_agree(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """The broker's position and ours are the same number."""
    return None if doubts.mismatch is None else Fence("mismatch", doubts.mismatch)


def value_known(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """Whatever is held has a price: else nobody knows what the day is worth."""
    if doubts.unpriced is None:
        return None
    return Fence("value", f"no price of {doubts.unpriced} is known, and it is held: what the day is worth is unknown")


def report_recent(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """A complete account report came not too long ago."""
    if doubts.report_age_ms is not None and doubts.report_age_ms > timing.snapshot_fence_ms:
        return Fence("report", f"no complete account report for {doubts.report_age_ms // 1000} s")
    return None


def data_fresh(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """Market data is not older than regular or overnight hours allow."""
    return stale(facts, timing)


def cooled(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """The wait after a rejected entry is over."""
    if doubts.cooldown_left_ms > 0:
        return Fence("cooldown", f"an entry was rejected: {-(-doubts.cooldown_left_ms // 1000)} s to wait")
    return None


def margin_left(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """Excess liquidity is known and at least twice the margin of a contract; once told, it is told again in time."""
    return None if doubts.margin is None else Fence("margin", doubts.margin)


def loop_punctual(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """The engine's loop was not more than a second late: what a late loop decides, it decides on old data."""
    late = facts.house.loop_late_ms
    return Fence("loop", f"the engine's loop was {late} ms late, {LOOP_LATE_MS} allowed") if late > LOOP_LATE_MS else None


def clock_steady(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """Wall and monotonic clock agree within two seconds: no step, no suspend."""
    off = facts.house.clock_off_ms
    return (
        Fence("clock", f"wall and monotonic clock are {off:+d} ms apart, {CLOCK_OFF_MS} allowed")
        if abs(off) > CLOCK_OFF_MS
        else None
    )


def broker_clock_agrees(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """Our clock and the broker's are not more than five seconds apart."""
    off = facts.house.broker_off_s
    return (
        Fence("broker clock", f"our clock is {off:+d} s from the broker's, {BROKER_OFF_S} allowed")
        if abs(off) > BROKER_OFF_S
        else None
    )


def journal_quick(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """99 of 100 commits of the last minute took no more than 100 ms."""
    took = doubts.commit_ms
    if took is None or took <= SLOW_COMMIT_MS:
        return None
    return Fence("journal", f"the journal is slow: p99 of its commits is {took} ms, {SLOW_COMMIT_MS} allowed")


def no_reset(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """The broker's nightly reset neither runs nor begins within ten minutes."""
    return Fence("reset", "the broker's nightly reset runs or is near") if facts.house.broker_resets else None


def settled(facts: Facts, doubts: Doubts, timing: Timing) -> Fence | None:  # noqa: ARG001
    """All has been well for a while since the last doubt."""
    if doubts.doubt_age_ms is not None and doubts.doubt_age_ms < timing.fence_clear_ms:
        return Fence("settling", f"all well for {doubts.doubt_age_ms} ms, {timing.fence_clear_ms} ms needed")
    return None


FENCES: tuple[Callable[[Facts, Doubts, Timing], Fence | None], ...] = (
    link_ready,
    outcomes_known,
    positions_agree,
    value_known,
    report_recent,
    data_fresh,
    cooled,
    margin_left,
    loop_punctual,
    clock_steady,
    broker_clock_agrees,
    journal_quick,
    no_reset,
    settled,
)


def fences(facts: Facts, doubts: Doubts, timing: Timing) -> tuple[Fence, ...]:
    """Every fence that stands now, the gravest first."""
    found = (look(facts, doubts, timing) for look in FENCES)
    return tuple(fence for fence in found if fence is not None)


def age_ms(now_ns: int, since_ns: int | None) -> int | None:
    """Age in whole ms, None of nothing."""
    return None if since_ns is None else (now_ns - since_ns) // MS_NS

"""The pre-market hypothesis: a plan written before the open from facts alone, frozen at the open, graded at the close.

Six votes make the bias. Where an input is missing the hypothesis is UNKNOWN; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import Direction, Hypothesis, Scenario
from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.signals.inventory import Inventory
from orderflow_tui.signals.stacking import HIGH_CONVICTION
from orderflow_tui.signals.value import migration, sign, span

NEAR_POINTS = 40  # naked POCs farther from the open than this are no level of today
BIAS_SUM = 2
MOST_CONFIDENCE = 90


@dataclass(frozen=True, slots=True)
class HypothesisInputs:
    """What is known before the open, ticks. `open` is the last overnight price until the real one is there
    (`assumed`); `naked` are POCs nobody came back to, `stacked` prices several composites share, `week_open` the first
    trade of the Globex week; `ib_average` ticks. `restarted` names the date at which a roll emptied the past."""

    trade_date: date
    ts_ns: int
    open: int | None
    assumed: bool
    pva: ValueArea | None
    pva_before: ValueArea | None
    cva: ValueArea | None
    aligned_vas: int
    prior_high: int | None
    prior_low: int | None
    prior_close: int | None
    on_high: int | None
    on_low: int | None
    inventory: Inventory
    naked: tuple[int, ...] = ()
    stacked: tuple[int, ...] = ()
    week_open: int | None = None
    ib_average: float | None = None
    restarted: date | None = None

    @property
    def magnets(self) -> tuple[int, ...]:
        """What price may be drawn to."""
        return self.naked + self.stacked


def votes(i: HypothesisInputs, price: int, pva: ValueArea, prior: tuple[int, int]) -> tuple[int, ...]:
    """Each -1, 0 or +1: open against PVA, against CVA; daily migration; alignment; gap; inventory (in range only)."""
    gap = (price > prior[1]) - (price < prior[0])
    leaning = {"LONG": -1, "SHORT": 1}.get(i.inventory.word, 0)
    return (
        (price > pva.vah) - (price < pva.val),
        0 if i.cva is None else (price > i.cva.vah) - (price < i.cva.val),
        0 if i.pva_before is None else sign(migration(span(pva), span(i.pva_before))),
        (i.aligned_vas > 0) - (i.aligned_vas < 0) if abs(i.aligned_vas) >= HIGH_CONVICTION else 0,
        gap,
        0 if gap else leaning,
    )


def condition(i: HypothesisInputs, cast: tuple[int, ...], price: int, on_range: int) -> str:
    """The day's label; the first that fits."""
    if cast[4]:
        return "OUT_OF_BALANCE_UP" if cast[4] > 0 else "OUT_OF_BALANCE_DOWN"
    if cast[2] and cast[2] == cast[3]:
        return "TREND_UP" if cast[2] > 0 else "TREND_DOWN"
    if i.cva is not None and 2 * on_range < i.cva.width and i.cva.val <= price <= i.cva.vah:
        return "BREAKOUT_PENDING"
    return "BALANCE"


def build(i: HypothesisInputs, instrument: Instrument, frozen: bool) -> Hypothesis:
    """The hypothesis; bias None with the missing inputs named when something is not known."""
    known = {
        "open": i.open,
        "previous value area": i.pva,
        "prior high": i.prior_high,
        "prior low": i.prior_low,
        "prior close": i.prior_close,
        "overnight high": i.on_high,
        "overnight low": i.on_low,
    }
    missing = [name for name, value in known.items() if value is None]
    seen = levels(i, instrument)
    if missing or i.open is None or i.pva is None or i.prior_high is None or i.prior_low is None:
        why = f"missing: {', '.join(missing)}"
        if i.restarted is not None:
            why += f"; value began anew on {i.restarted}, the contract rolled by an unknown shift"
        return Hypothesis(i.trade_date, i.ts_ns, None, 0, "UNKNOWN", (), (), why, frozen, levels=seen)
    assert i.on_high is not None
    assert i.on_low is not None
    prior = (i.prior_low, i.prior_high)
    cast = votes(i, i.open, i.pva, prior)
    total = sum(cast)
    bias = Direction((total >= BIAS_SUM) - (total <= -BIAS_SUM))
    notes = [f"open {instrument.text(i.open)}{' assumed' if i.assumed else ''}", f"votes {total:+d}"]
    if i.pva_before is None:
        notes.append("no day before to compare value with")
    if i.inventory.note:
        notes.append(f"inventory {i.inventory.word} {i.inventory.note}")
    return Hypothesis(
        trade_date=i.trade_date,
        ts_ns=i.ts_ns,
        bias=bias,
        confidence=min(MOST_CONFIDENCE, 50 + 10 * abs(total)),
        condition=condition(i, cast, i.open, i.on_high - i.on_low),
        votes=cast,
        scenarios=scenarios(i, i.open, i.pva, prior, instrument),
        reason=", ".join(notes),
        frozen=frozen,
        levels=seen,
    )


def levels(i: HypothesisInputs, instrument: Instrument) -> tuple[tuple[str, int], ...]:
    """The prices of the plan, high to low: value edges and POCs, the prior session, the night, magnets, the week's open."""
    near = NEAR_POINTS * 1_000_000_000 // instrument.tick_e9
    areas = [(name, area) for name, area in (("PVA", i.pva), ("CVA", i.cva)) if area is not None]
    named = [(f"{name} {edge}", getattr(area, edge.lower())) for name, area in areas for edge in ("VAH", "POC", "VAL")]
    middle = None if i.on_high is None or i.on_low is None else (i.on_high + i.on_low) // 2
    single = (
        ("prior high", i.prior_high),
        ("prior low", i.prior_low),
        ("prior close", i.prior_close),
        ("ON high", i.on_high),
        ("ON mid", middle),
        ("ON low", i.on_low),
        ("week open", i.week_open),
    )
    named += [(name, price) for name, price in single if price is not None]
    named += [("naked POC", price) for price in i.naked if i.open is not None and abs(price - i.open) <= near]
    named += [("stacked", price) for price in i.stacked]
    return tuple(sorted(named, key=lambda level: -level[1]))


def scenarios(
    i: HypothesisInputs, price: int, pva: ValueArea, prior: tuple[int, int], instrument: Instrument
) -> tuple[Scenario, ...]:
    """What would have to happen, and what follows, from where the day opens."""
    text = instrument.text
    if price > prior[1] or price < prior[0]:
        return _out_of_range(i, pva, prior, 1 if price > prior[1] else -1, instrument)
    if price > pva.vah or price < pva.val:
        up = price > pva.vah
        edge, far, beyond = (pva.vah, pva.val, prior[1]) if up else (pva.val, pva.vah, prior[0])
        name, way, back = ("VAH", "LONG", "SHORT") if up else ("VAL", "SHORT", "LONG")
        return (
            Scenario(f"holds outside {name} {text(edge)}", f"{way} to the prior extreme", (beyond,), edge),
            Scenario(f"two half hours close back inside {text(edge)}", f"80 % rule {back} across value", (pva.poc, far), edge),
        )
    return (
        Scenario(f"rotates and rejects VAH {text(pva.vah)}", "SHORT to POC", (pva.poc,), pva.vah),
        Scenario(f"rotates and rejects VAL {text(pva.val)}", "LONG to POC", (pva.poc,), pva.val),
        Scenario(f"two bars accepted above {text(pva.vah)}", "breakout LONG", (prior[1],), pva.vah),
        Scenario(f"two bars accepted below {text(pva.val)}", "breakout SHORT", (prior[0],), pva.val),
    )


def _out_of_range(
    i: HypothesisInputs, pva: ValueArea, prior: tuple[int, int], side: int, instrument: Instrument
) -> tuple[Scenario, ...]:
    assert i.open is not None
    edge = prior[1] if side > 0 else prior[0]
    inner = pva.vah if side > 0 else pva.val
    way, back, name = ("LONG", "SHORT", "high") if side > 0 else ("SHORT", "LONG", "low")
    ahead = sorted((m for m in i.magnets if side * (m - i.open) > 0), key=lambda m: side * m)[:1]
    if i.ib_average is not None:
        ahead.append(i.open + side * round(i.ib_average))
    level = instrument.text(edge)
    return (
        Scenario(f"holds beyond the prior {name} {level}", f"go with it {way}", tuple(ahead), edge),
        Scenario(
            f"a half hour closes back inside {level}", f"failed gap {back}, then the 80 % rule", (inner, pva.poc), i.open
        ),
    )  # fmt: skip


def grade(plan: Hypothesis, day: SessionProfile, average_range: float | None) -> Hypothesis:
    """Grade the bias with the move of regular hours, `m = close - open`, against a tenth of the average range.

    band = max(4 ticks, 10 % of the average range of the last sessions, or of the day's own range where none is known).
    LONG: RIGHT when m > band, WRONG when m < -band, else FLAT; SHORT is the mirror. NEUTRAL promised no direction, so
    it is RIGHT when |m| is at most 2.5 bands (a quarter of an average range), else WRONG. UNKNOWN stays UNGRADED.
    """
    move = day.close - day.open
    band = max(4.0, 0.1 * (average_range if average_range is not None else day.high - day.low))
    if plan.bias is None:
        verdict = "UNGRADED"
    elif plan.bias is Direction.NONE:
        verdict = "RIGHT" if abs(move) <= 2.5 * band else "WRONG"
    else:
        reached = plan.bias * move
        verdict = "RIGHT" if reached > band else "WRONG" if reached < -band else "FLAT"
    return replace(plan, grade=verdict)

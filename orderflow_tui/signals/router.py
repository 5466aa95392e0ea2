"""Which pattern may be acted on in which regime: a table, checked in a fixed order, every refusal with its numbers.

The table is configuration. The order is: unknown regime, switched-off pattern, not in the regime's list, against the
regime's bias, too weak, regime too uncertain. In NO_TRADE everything is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orderflow_tui.domain.signal import Decision, Direction, Pattern, Regime, RegimeReading


@dataclass(frozen=True, slots=True)
class RouterRow:
    """A regime's patterns, the only direction it allows (NONE: both) and what it does to the size cap."""

    enabled: tuple[Pattern, ...] = ()
    bias: Direction = Direction.NONE
    size_factor: float = 0.0


TABLE: dict[Regime, RouterRow] = {
    Regime.TRENDING_UP: RouterRow(
        (Pattern.STACKED_BUY, Pattern.BUYING_ABSORPTION, Pattern.SELLING_EXHAUSTION, Pattern.BULLISH_DIVERGENCE),
        Direction.LONG,
        1.0,
    ),
    Regime.TRENDING_DOWN: RouterRow(
        (Pattern.STACKED_SELL, Pattern.SELLING_ABSORPTION, Pattern.BUYING_EXHAUSTION, Pattern.BEARISH_DIVERGENCE),
        Direction.SHORT,
        1.0,
    ),
    Regime.RANGING: RouterRow(
        (
            Pattern.BUYING_EXHAUSTION,
            Pattern.SELLING_EXHAUSTION,
            Pattern.BUYING_ABSORPTION,
            Pattern.SELLING_ABSORPTION,
            Pattern.UNFINISHED_HIGH,
            Pattern.UNFINISHED_LOW,
        ),
        Direction.NONE,
        0.75,
    ),
    Regime.VOLATILE: RouterRow((Pattern.STACKED_BUY, Pattern.STACKED_SELL), Direction.NONE, 0.5),
    Regime.NO_TRADE: RouterRow(),
}


@dataclass(frozen=True, slots=True)
class RouterParams:
    """`table` holds one row a regime; `disabled` switches patterns off everywhere; minima of signal strength and
    regime confidence, inclusive."""

    table: tuple[tuple[Regime, RouterRow], ...] = tuple(TABLE.items())
    disabled: tuple[Pattern, ...] = ()
    min_strength: float = 0.6
    min_confidence: float = 0.7


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that wants to be acted on: a signal, or a strategy's own idea (`pattern` None)."""

    source_id: str
    label: str
    pattern: Pattern | None
    direction: Direction
    strength: float
    ref_price: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which rule said no, and its numbers."""

    rule: str
    reason: str


class Router:
    """Reads the table. Returns decisions and never writes on a signal."""

    __slots__ = ("_enabled", "_params", "_rows")

    def __init__(self, params: RouterParams) -> None:
        self._params = params
        self._rows = dict(params.table)
        self._enabled = {regime: frozenset(row.enabled) for regime, row in params.table}

    def refusal(
        self, pattern: Pattern | None, direction: Direction, strength: float, reading: RegimeReading | None
    ) -> Refusal | None:
        """The first rule that stands against it, None when none does."""
        p = self._params
        if reading is None or reading.regime not in self._rows:
            return Refusal("regime", "no regime is known yet" if reading is None else f"no row for {reading.regime.value}")
        regime, row = reading.regime, self._rows[reading.regime]
        if pattern is not None and pattern in p.disabled:
            return Refusal("disabled", f"{pattern.value} is switched off")
        if regime is Regime.NO_TRADE:
            return Refusal("enabled", f"nothing is enabled in NO_TRADE: {reading.reason}")
        if pattern is not None and pattern not in self._enabled[regime]:
            return Refusal("enabled", f"{pattern.value} is not enabled in {regime.value}")
        if direction is Direction.NONE:
            return Refusal("direction", "a signal without direction is never traded")
        if row.bias is not Direction.NONE and direction is not row.bias:
            return Refusal("bias", f"{direction.name} against the {row.bias.name} bias of {regime.value}")
        if strength < p.min_strength:
            return Refusal("strength", f"strength {strength:.2f} < {p.min_strength:.2f}")
        if reading.confidence < p.min_confidence:
            return Refusal("confidence", f"regime confidence {reading.confidence:.2f} < {p.min_confidence:.2f}")
        return None

    def route(self, candidate: Candidate, reading: RegimeReading | None, ts_ns: int) -> Decision:
        """Accepted, or refused with the rule and its numbers."""
        against = self.refusal(candidate.pattern, candidate.direction, candidate.strength, reading)
        rule, reason = (against.rule, against.reason) if against else ("router", "every rule passed")
        return Decision(
            id=f"{candidate.source_id}|decision",
            ts_ns=ts_ns,
            source_id=candidate.source_id,
            label=candidate.label,
            direction=candidate.direction,
            accepted=against is None,
            rule=rule,
            reason=reason,
            regime=reading.regime if reading else Regime.NO_TRADE,
            strength=candidate.strength,
            confidence=reading.confidence if reading else 0.0,
            size_factor=self.size_factor(reading),
            distinct_patterns=0 if candidate.pattern is None else 1,
            ref_price=candidate.ref_price,
        )

    def only_confirms(self, decision: Decision) -> Decision:
        """Under another strategy an approved pattern confirms and does not trade."""
        if not decision.accepted:
            return decision
        return replace(decision, accepted=False, rule="strategy", reason="approved as a confirmation; patterns do not trade here")

    def enabled(self, reading: RegimeReading | None) -> tuple[Pattern, ...]:
        """Patterns that may be acted on now."""
        if reading is None or reading.regime not in self._rows:
            return ()
        return tuple(p for p in self._rows[reading.regime].enabled if p not in self._params.disabled)

    def size_factor(self, reading: RegimeReading | None) -> float:
        """What the regime does to the size cap; 0 where none is known."""
        return self._rows[reading.regime].size_factor if reading is not None and reading.regime in self._rows else 0.0

"""From a pattern in the tape to a decision about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, IntEnum

from orderflow_tui.domain.value import ValueArea


class Direction(IntEnum):
    """Which way a signal points."""

    SHORT = -1
    NONE = 0
    LONG = 1


class Pattern(Enum):
    """Everything a detector can say. BUYING_ABSORPTION is named after the absorber: bids absorb selling, LONG."""

    BUY_IMBALANCE = "BUY_IMBALANCE"
    SELL_IMBALANCE = "SELL_IMBALANCE"
    STACKED_BUY = "STACKED_BUY"
    STACKED_SELL = "STACKED_SELL"
    BUYING_EXHAUSTION = "BUYING_EXHAUSTION"
    SELLING_EXHAUSTION = "SELLING_EXHAUSTION"
    VOLUME_CLIMAX = "VOLUME_CLIMAX"
    BUYING_ABSORPTION = "BUYING_ABSORPTION"
    SELLING_ABSORPTION = "SELLING_ABSORPTION"
    DOM_ABSORPTION_BUY = "DOM_ABSORPTION_BUY"
    DOM_ABSORPTION_SELL = "DOM_ABSORPTION_SELL"
    BEARISH_DIVERGENCE = "BEARISH_DIVERGENCE"
    BULLISH_DIVERGENCE = "BULLISH_DIVERGENCE"
    UNFINISHED_HIGH = "UNFINISHED_HIGH"
    UNFINISHED_LOW = "UNFINISHED_LOW"
    UNFINISHED_REVISITED = "UNFINISHED_REVISITED"
    LACK_OF_PARTICIPATION_HIGH = "LACK_OF_PARTICIPATION_HIGH"
    LACK_OF_PARTICIPATION_LOW = "LACK_OF_PARTICIPATION_LOW"


class Quality(Enum):
    """LOW when more than a fifth of the bar's volume has a guessed or unknown side."""

    NORMAL = "NORMAL"
    LOW = "LOW"


Evidence = dict[str, int | float | str | list[int] | list[list[int]]]


@dataclass(frozen=True, slots=True)
class Signal:
    """A detected pattern. Prices in ticks; strength 0.5 just qualifies, 1.0 saturated (stacks: n/5).

    `ref_price` is the level it is about, `trigger_price` the last trade when it was emitted; orders are never
    priced from `ref_price`. `id` = `<trade date>|<pattern>|<bar start ns>|<price>` and is unique for ever.
    """

    id: str
    ts_ns: int
    instrument: str
    pattern: Pattern
    direction: Direction
    strength: float
    ref_price: int
    trigger_price: int
    quality: Quality = Quality.NORMAL
    evidence: Evidence = field(default_factory=dict)


class Regime(Enum):
    """What kind of market it is."""

    TRENDING_UP = "TRENDING_UP"
    TRENDING_DOWN = "TRENDING_DOWN"
    RANGING = "RANGING"
    VOLATILE = "VOLATILE"
    NO_TRADE = "NO_TRADE"


@dataclass(frozen=True, slots=True)
class RegimeTerm:
    """One line of a regime score: which regime it fed, how much, and the comparison that held."""

    regime: Regime
    points: float
    text: str


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """The classification at a bar's close. `scores` in order UP, DOWN, RANGING, VOLATILE.

    `regime` is the one in force after persistence, `candidate` the raw winner of this bar. `reason` says why
    NO_TRADE (warm-up, close, news, open, volume). `inputs` holds every number used, None where not known.
    """

    ts_ns: int
    regime: Regime
    candidate: Regime
    confidence: float
    scores: tuple[float, float, float, float]
    terms: tuple[RegimeTerm, ...] = ()
    inputs: dict[str, float | bool | None] = field(default_factory=dict)
    reason: str = ""


class Migration(Enum):
    """Six classes of value area A against B (METHODOLOGY §3.8)."""

    HIGHER = "HIGHER"
    OVERLAPPING_HIGHER = "OVERLAPPING_HIGHER"
    INSIDE = "INSIDE"
    OUTSIDE = "OUTSIDE"
    OVERLAPPING_LOWER = "OVERLAPPING_LOWER"
    LOWER = "LOWER"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One branch of the hypothesis: what would have to happen, what follows, where to, and what ends it."""

    when: str
    then: str
    targets: tuple[int, ...]
    invalidation: int | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The pre-market plan of a trade date, frozen at the open and graded at the close.

    bias None means UNKNOWN (inputs missing). `votes` in the order of METHODOLOGY §3.13. grade None until the close.
    `levels` are the prices the day is watched against, (name, tick), high to low.
    """

    trade_date: date
    ts_ns: int
    bias: Direction | None
    confidence: int
    condition: str
    votes: tuple[int, ...]
    scenarios: tuple[Scenario, ...]
    reason: str = ""
    frozen: bool = False
    grade: str | None = None
    levels: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ValueCondition:
    """One of the seven value-expectation conditions that holds now."""

    name: str
    direction: Direction
    confidence: float
    level: int


class Setup(Enum):
    """The four trade ideas, in order of precedence."""

    VA_BREAKOUT = "VA_BREAKOUT"
    MEAN_REVERSION = "MEAN_REVERSION"
    OPENING_DRIVE = "OPENING_DRIVE"
    RULE_80 = "RULE_80"


@dataclass(frozen=True, slots=True)
class SetupReading:
    """A setup whose preconditions hold. confidence = 0.9 C + 0.1 F; parts are (name, weight, value 0..1)."""

    id: str
    ts_ns: int
    setup: Setup
    direction: Direction
    level: int
    confidence: float
    context: float
    flow: float
    parts: tuple[tuple[str, float, float], ...]
    confirming: tuple[Pattern, ...]
    tradable: bool
    reason: str
    invalid_below: int | None = None
    invalid_above: int | None = None
    target: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the router made of a signal or a setup: accepted, or refused with the rule and its numbers."""

    id: str
    ts_ns: int
    source_id: str
    label: str
    direction: Direction
    accepted: bool
    rule: str
    reason: str
    regime: Regime
    strength: float
    confidence: float
    size_factor: float
    distinct_patterns: int
    ref_price: int


@dataclass(frozen=True, slots=True)
class Context:
    """The 90 %: where price stands against value. None where it cannot be known yet, never a guess; `notes` say why.

    `auction` is the combined view, `rotation` the auction's own. `extension` is (up, down) beyond the initial balance in
    ticks and in multiples of it (None for a balance without range). `drive`: the opening drove and cumulative delta agreed.
    """

    ts_ns: int
    trade_date: date | None
    pva: ValueArea | None
    dva: ValueArea | None
    dva_ready: bool
    cva: ValueArea | None
    cva_days: int
    migration: Migration | None
    overlap: float | None
    aligned_vas: int
    naked_pocs: tuple[int, ...]
    stacked_levels: tuple[tuple[int, int, str], ...]  # (price ticks, distinct source dates, type)
    conditions: tuple[ValueCondition, ...]
    opening_type: str | None
    opening_direction: int
    day_type: str | None
    inventory: str | None
    inventory_share: float | None
    rule_80: str | None
    auction: str | None
    hypothesis: Hypothesis | None
    notes: tuple[str, ...] = ()
    rotation: str | None = None
    extension: tuple[int, int, float | None, float | None] | None = None
    drive: bool = False
    inventory_note: str = ""

"""ConsoleView: what the screen may know, frozen. Prices in ticks, money in cents, None where unknown.

Parts that rarely change (closed bars, profiles) keep their identity between views, so a panel can test `is`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import Context, RegimeReading
from orderflow_tui.domain.value import UnfinishedLevel, ValueArea, Zone


class Protection(Enum):
    """Where the protective stop is."""

    NONE_NEEDED = "flat"
    AT_BROKER = "at broker"
    PENDING = "pending"
    MISSING = "missing"
    UNKNOWN = "?"


class LightState(Enum):
    """Colour of a traffic light; glyphs and words say the same without colour."""

    OFF = "off"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Light:
    """One traffic light: name, state, the word beside it. `pulse` while news is fresh."""

    name: str
    state: LightState
    word: str
    pulse: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth bar. `broker_position` None = the broker has not told; `data_age_ms` None = no data ever came.

    `net_cents` None = something held has no price.

    Positions are of the execution instrument; `elsewhere` lists what else is held: instrument, as the broker told, our own
    count. `protection` is the worst of everything we hold.
    """

    mode: str
    account_suffix: str
    instrument: str
    contract: str
    execution: str
    state: TradingState
    state_reason: str
    armed_left_ms: int
    automation: str
    broker_position: int | None
    local_position: int
    avg_price_ticks: float | None
    working_orders: int
    protection: Protection
    net_cents: int | None
    loss_limit_cents: int
    data_age_ms: int | None
    grade: Grade
    inferred_pct: float | None
    reconcile_age_ms: int | None
    link: str
    stop_file: str
    now_ns: int
    et_clock: str
    elsewhere: tuple[tuple[str, int | None, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DomView:
    """The ladder. bids/asks best first (price, size). Window arrays cover ticks base … base+len-1.

    `volume` session volume at price; `delta` session delta at price; `sold`, `bought` recent aggressor volume at the
    level (cleared 5 s after price left it); `pulled` signed change of resting size since the level last traded.
    `own` lists (price, text such as `L +2`, `S −2`, `T −2`); `tags` (price, `VAH` …).
    """

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    last: int | None
    last_size: int
    last_side: int
    base: int
    volume: tuple[int, ...]
    delta: tuple[int, ...]
    sold: tuple[int, ...]
    bought: tuple[int, ...]
    pulled: tuple[int, ...]
    own: tuple[tuple[int, str], ...]
    tags: tuple[tuple[int, str], ...]
    position: int
    avg_price_ticks: float | None
    tick_cents: int  # of the instrument held
    book_valid: bool
    empty_reason: str


@dataclass(frozen=True, slots=True)
class BarCells:
    """A footprint bar with what the panel marks on it. Levels are ticks.

    `marks` are (tick, letter, direction): A absorption, X exhaustion, S stack, D divergence, U unfinished.
    """

    bar: FootprintBar
    buys: tuple[int, ...]
    sells: tuple[int, ...]
    value: ValueArea | None
    marks: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class FootprintView:
    """Closed bars oldest first (identity kept while unchanged) and the live one, with zones and unfinished rays."""

    bars: tuple[BarCells, ...]
    live: BarCells | None
    bar_label: str
    ratio: float
    value_method: str
    zones: tuple[Zone, ...]
    rays: tuple[UnfinishedLevel, ...]
    disabled_reason: str


@dataclass(frozen=True, slots=True)
class Hist:
    """A volume histogram: dense `volumes` from tick `low`, its value area, and how it was made."""

    low: int
    volumes: tuple[int, ...]
    value: ValueArea | None
    approx: bool


@dataclass(frozen=True, slots=True)
class ProfileView:
    """CVA and DVA on one axis. `levels` are (price ticks, label) to draw; empty states say what they wait for."""

    cva: Hist | None
    cva_days: int
    cva_note: str
    dva: Hist | None
    dva_note: str
    pva: ValueArea | None
    levels: tuple[tuple[int, str], ...]
    poc_trail: tuple[int, ...]
    vwap: float | None
    vwap_sd: float | None
    method: str
    migration: str
    aligned_vas: int
    last: int | None
    grade: Grade


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One line of the signal list. `verdict` is accepted / refused / noted, `reason` the rule with its numbers."""

    id: str
    ts_ns: int
    et_clock: str
    pattern: str
    letter: str
    direction: int
    price: int
    strength: float
    regime: str
    verdict: str
    reason: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetupRow:
    """A setup with its 90/10 score: `context_weight` of the context, the rest of the order flow; parts are points of 100."""

    id: str
    name: str
    direction: int
    level: int
    confidence: float
    context: float
    flow: float
    context_weight: float
    parts: tuple[tuple[str, float], ...]
    tradable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SignalsView:
    """Signals newest first, setups by precedence. `empty_reason` when there is nothing to show."""

    rows: tuple[SignalRow, ...]
    setups: tuple[SetupRow, ...]
    pressure_60: float | None
    pressure_300: float | None
    empty_reason: str


@dataclass(frozen=True, slots=True)
class RegimeView:
    """The regime reading and what surrounds it. `reading` None while warming up, `empty_reason` says why. `enabled` are
    the patterns that may be acted on, `letters` theirs; `history` the newest regimes, newest last."""

    reading: RegimeReading | None
    auction: str
    minutes_since_open: int | None
    minutes_to_close: int | None
    news: str
    size_factor: float | None
    enabled: tuple[str, ...]
    letters: str
    history: tuple[str, ...]
    empty_reason: str


@dataclass(frozen=True, slots=True)
class PnlView:
    """Money of the trade date in cents; MAE, MFE and slippage of the last trade in ticks.

    While `unpriced`, which is held, has no price, net, open, worst case and drawdown are None.

    `trades` are closed, `begun` those and the open ones: what the limit of a day counts.
    """

    net: int | None
    realised: int
    open: int | None
    fees: int
    worst_case: int | None
    loss_limit: int
    profit_target: int
    equity: tuple[int, ...]
    peak: int
    drawdown: int | None
    trades: int
    begun: int
    wins: int
    expectancy: int | None
    streak: int
    tier: int | None
    tier_text: str
    trades_allowed: int
    contracts_allowed: int
    mae_ticks: float | None
    mfe_ticks: float | None
    slippage_ticks: float | None
    stop_ticks: int | None
    target_ticks: int | None
    unpriced: str | None = None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A line of the order table: working orders, order news, refusals."""

    ts_ns: int
    et_clock: str
    id: str
    kind: str
    side: str
    quantity: int
    price: str
    state: str
    note: str


@dataclass(frozen=True, slots=True)
class TapeRow:
    """A trade on the tape."""

    et_clock: str
    price: int
    size: int
    side: int


@dataclass(frozen=True, slots=True)
class ReplayView:
    """The replay bar. `first_ns` = `last_ns` where the end is not known."""

    source: str
    paused: bool
    speed: float
    position_ns: int
    first_ns: int
    last_ns: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Chapter:
    """Definitions in force that belong together: a title, and (name, what it means with its values)."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """Everything the screen may know at one instant. `beat_mono_ns` is the monotonic clock when the engine last
    turned its loop; the screen computes the beat's age itself."""

    seq: int
    beat_mono_ns: int
    instrument: Instrument
    truth: Truth
    lights: tuple[Light, ...]
    dom: DomView
    footprint: FootprintView
    profile: ProfileView
    signals: SignalsView
    regime: RegimeView
    pnl: PnlView
    orders: tuple[OrderRow, ...]
    news: tuple[OrderRow, ...]
    tape: tuple[TapeRow, ...]
    latches: tuple[tuple[str, str, str], ...]  # kind, since/why, how to clear
    alerts: tuple[tuple[str, str, str], ...]  # et clock, text, delivery state
    context: Context | None
    replay: ReplayView | None
    definitions: tuple[Chapter, ...]
    latest: OrderRow | None = None  # newest of alerts (kind `alert`, text in state, delivery in note), news and refusals
    closing: bool = False

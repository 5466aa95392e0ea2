"""The definitions in force: what every number on the screen means, with the values this engine was told.

Made once from the engine's parameters; a definition that would not be true under the configuration is never printed.
Patterns, regime, router and setups stand in `method`, what limits money and orders in `limits`.
"""

from __future__ import annotations

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.session import MINUTE_NS, SessionTable
from orderflow_tui.engine import EngineParams
from orderflow_tui.market.imbalance import ZeroPolicy
from orderflow_tui.signals.catalogue import LETTERS
from orderflow_tui.signals.stacking import CLUSTER_TICKS, HIGH_CONVICTION
from orderflow_tui.view.footprint import bar_label
from orderflow_tui.view.limits import money_chapters, unknowns
from orderflow_tui.view.method import patterns, regime, router, setups
from orderflow_tui.view.model import Chapter

_EMPTY_SIDE = {
    ZeroPolicy.ONE: "an empty opposite side counts as one contract",
    ZeroPolicy.SKIP: "an empty opposite side is no imbalance",
    ZeroPolicy.INF: "an empty opposite side is an imbalance at any volume",
}


def definitions(params: EngineParams) -> tuple[Chapter, ...]:
    """All chapters, in the order a trader meets them on the screen."""
    return (
        _tape(params),
        _footprint(params),
        _value(params),
        patterns(params.signals, params.analysis),
        regime(params.signals),
        router(params.signals.router, params.signals.strategy),
        setups(params.signals),
        *money_chapters(params),
        unknowns(params),
    )


def _tape(params: EngineParams) -> Chapter:
    market, analysis, execution = params.market, params.analysis, params.execution
    cut = "" if market.bar_kind != "time" else ", closed by a timer and cut at the open, the close and 17:00 ET"
    judged = "" if market.bar_kind == "time" else "; shown, not judged: detectors and regime are made for time bars"
    return Chapter(
        "Tape and bars",
        (
            ("instrument", f"{_traded(analysis)} is analysed, {_traded(execution)} is traded"),
            ("regular hours", f"{_hours(params.table)} ET; the trade date runs 18:00–17:00 ET; overnight is 18:00 to the open"),
            ("bars", f"{bar_label(market)}{cut}{judged}"),
            (
                "side of a trade",
                "the feed's own flag; else at or above the ask buys, at or below the bid sells; in the "
                "middle or with a "
                "stale quote the tick rule. UNKNOWN counts in volume, never in delta",
            ),
            (
                "feed grade",
                "A flagged ≥ 99 % · B flag or quote ≥ 95 % and unknown < 1 % · C guessed or unknown ≤ 20 % "
                "· D worse: no setup "
                "is tradable · ~n% is the share that was not flagged",
            ),
            (
                "delta, CVD",
                "volume that lifted the ask minus volume that hit the bid; CVD adds it up from the open (CVDg: from 18:00)",
            ),
            (
                "DOM columns",
                "Δ@px session delta at the price · ±rest how much the resting size changed since it last "
                "traded there "
                "(+ stacked, − pulled) · sold/bght trades there, cleared 5 s after price left · P&L if closed there",
            ),
            (
                "pressure",
                "buyers' share of the volume with a known side in the last 60 s and 5 min; ≥ 60 % bullish, ≤ 40 % bearish",
            ),
        ),
    )


def _traded(instrument: Instrument) -> str:
    return f"{instrument.symbol} (tick {instrument.price(1):g} = {instrument.tick_cents / 100:.2f})"


def _hours(table: SessionTable) -> str:
    """Regular hours of an ordinary day of the calendar, exchange time."""
    for day in table.days:
        if day.rth_open_ns is not None and day.rth_close_ns is not None and not day.half_day:
            opens, closes = ((at - day.midnight_ns) // MINUTE_NS for at in (day.rth_open_ns, day.rth_close_ns))
            return f"{opens // 60:02d}:{opens % 60:02d}–{closes // 60:02d}:{closes % 60:02d}"
    return "?"


def _footprint(params: EngineParams) -> Chapter:
    rules, market = params.market.imbalance, params.market
    least = params.analysis.imbalance_min_volume if rules.min_volume is None else rules.min_volume
    differs = f", {rules.min_diff} more than it" if rules.min_diff else ""
    rest = "up to" if market.unfinished_thin else "more than"
    return Chapter(
        "Footprint",
        (
            ("cell", "left of × hit the bid, right of it lifted the ask; [ ] is the bar's POC, the shade its value area"),
            (
                "imbalance",
                f"diagonal, ≥ {rules.ratio_percent / 100:.1f} × the neighbour and ≥ {least} contracts of "
                f"{params.analysis.symbol}"
                f"{differs}; {_EMPTY_SIDE[rules.zero_policy]}",
            ),
            (
                "stacked zone",
                f"≥ {rules.stacked_min} imbalances of one side on consecutive ticks; the bracket stands "
                f"until a bar closes beyond "
                f"the far side, at most {market.level_sessions} sessions",
            ),
            (
                "unfinished",
                f"{rest} {market.unfinished_max_volume} contracts on the opposite side of the bar's "
                f"extreme; the ray ends "
                f"when price comes back; {market.unfinished_keep} are kept, extremes of the day {market.level_sessions} sessions",
            ),
            (
                "letters",
                f"A absorption · X exhaustion · S stack · D divergence · U unfinished{_other_letters()}; the "
                f"arrow is its direction",
            ),
            (
                "footer",
                "V volume · Δ delta · Δ% of volume · ↕ min/max delta inside the bar · n trades · side? unknown share above 5 %",
            ),
        ),
    )


def _other_letters() -> str:
    names = {"I": "imbalance", "C": "climax", "R": "unfinished revisited", "L": "lack of participation"}
    return "".join(f" · {letter} {names[letter]}" for letter in dict.fromkeys(LETTERS.values()) if letter in names)


def _value(params: EngineParams) -> Chapter:
    market = params.market
    rows = {
        "two_row": "the two rows above or the two below, whichever hold more",
        "one_row": "the row above or the one below, whichever holds more",
    }
    return Chapter(
        "Value",
        (
            (
                "value area",
                f"{market.value_permille / 10:g} % of volume, grown from the POC by {rows[market.value_method]} "
                f"({market.value_method.replace('_', '-')}); a row is {market.row_ticks} "
                f"tick{'s'[: market.row_ticks > 1]}; ties go up",
            ),
            ("POC", "the price with most volume; ties: nearest to the middle of the range"),
            ("DVA, PVA", "today's developing area (used from 10:00 ET on) and the previous session's"),
            (
                "CVA",
                f"the area of the merged profiles of the last {market.cva_days} sessions; fewer are PARTIAL and no "
                f"setup is traded on them",
            ),
            (
                "migration",
                "DVA (PVA before 10:00) against CVA: HIGHER, OVERLAPPING_HIGHER, INSIDE, OUTSIDE, OVERLAPPING_LOWER, LOWER",
            ),
            ("aligned", f"daily areas in a row that moved one way; {HIGH_CONVICTION} or more are high conviction"),
            ("naked POC", "a session's POC that nobody traded since" + (" in regular hours" if market.npoc_rth_only else "")),
            (
                "stacked level",
                f"edges and POCs of earlier composites and naked POCs within {CLUSTER_TICKS} ticks, from "
                f"≥ 2 dates (stk×dates); "
                f"{market.archive_days} sessions are kept",
            ),
            ("VWAP, ±σ", "volume-weighted from the open of regular hours; σ is volume-weighted too"),
            ("IB, TPO", f"initial balance: the first {market.ib_minutes} min; a TPO period is {market.tpo_minutes} min"),
        ),
    )

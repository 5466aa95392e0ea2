"""The limits in force: when entries are allowed, what binds money and orders, and where an unknown comes from."""

from __future__ import annotations

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.engine import EngineParams
from orderflow_tui.trading import caps
from orderflow_tui.trading.limits import RiskLimits, TradingParams
from orderflow_tui.view.model import Chapter
from orderflow_tui.window import WindowParams


def money_chapters(params: EngineParams) -> tuple[Chapter, ...]:
    """Trading window, risk, and what happens without being asked."""
    return _window(params), _risk(params.trading, params.execution), _by_itself(params.trading)


def _window(params: EngineParams) -> Chapter:
    w: WindowParams = params.window
    lunch = f", not {_clock(w.lunch_start_min)}–{_clock(w.lunch_end_min)}" if w.lunch_end_min > w.lunch_start_min else ""
    news = params.signals.news
    impacts = " and ".join(news.blocks) or "no"
    after = "entries are refused then" if news.stale_blocks else "then there is no protection, only this warning"
    flat = (
        f"everything is closed at {_clock(w.flat_min)} ET, on a half-day {w.flat_before_close_min} min before its close"
        if params.trading.auto_flatten
        else "off (desk.auto_flatten)"
    )
    return Chapter(
        "Trading window, for entries only",
        (
            (
                "hours",
                f"{_clock(w.start_min)}–{_clock(w.end_min)} ET{lunch}; not in the first {w.skip_open_min} and the last "
                f"{w.skip_close_min} min of regular hours",
            ),
            (
                "news",
                f"{impacts}-impact releases of news.toml block; the file is stale without an entry in the next "
                f"{news.stale_days} days: {after}",
            ),
            ("flat", flat),
        ),
    )


def _risk(trading: TradingParams, execution: Instrument) -> Chapter:
    risk = trading.risk
    return Chapter(
        "Risk limits (magnitudes; money of the account)",
        (
            (
                "day's loss",
                f"{_money(risk.daily_loss_cents)} realised and open, commissions included: flatten and "
                f"halt. Worst stopped = net if every "
                f"stop filled {risk.slippage_ticks} ticks worse; entries that would pass the limit are refused",
            ),
            ("day's profit", f"{_money(risk.daily_profit_cents)}: no more entries" if risk.daily_profit_cents else "off"),
            ("drawdown", f"{_money(risk.max_drawdown_cents)} from the day's peak: flatten and halt"),
            (
                "trades",
                f"{risk.max_trades_per_day} a day, {risk.max_consecutive_losses} losses in a row end it, "
                f"{risk.max_concurrent} at once",
            ),
            ("size", f"{risk.max_contracts} contracts with working entries; no key goes above {caps.MAX_CONTRACTS}"),
            (
                "bracket",
                f"{execution.symbol}: stop {execution.stop_ticks} ticks = "
                f"{_money(execution.stop_ticks * execution.tick_cents)}, target "
                f"{execution.target_ticks} ticks = {_money(execution.target_ticks * execution.tick_cents)} a contract, at "
                f"the broker with the entry",
            ),
            (
                "entry price",
                f"at most {risk.entry_slippage_ticks} ticks through the quote and {risk.collar_ticks} from the last trade",
            ),
            ("margin", _margin(risk)),
            ("rate", f"{caps.ENTRIES_PER_10_S} entries in 10 s, {caps.ENTRIES_PER_HOUR} an hour"),
            ("tiers", _tiers(trading)),
        ),
    )


def _margin(risk: RiskLimits) -> str:
    said = [f"at most {risk.margin_use_pct} % of equity after the order"]
    if risk.max_notional_cents:
        said.append(f"notional ≤ {_money(risk.max_notional_cents)}")
    if risk.max_leverage:
        said.append(f"leverage ≤ {risk.max_leverage:g}")
    said += [f"{symbol} ≤ {_money(cents)} a contract" for symbol, cents in risk.margin_ceiling_cents]
    return ", ".join(said)


def _tiers(trading: TradingParams) -> str:
    if not trading.tiers_enabled:
        return "off: the limits above"
    return " · ".join(
        f"{row.number} from {_money(row.floor_cents)}: {row.max_contracts} {row.instrument}, loss {_money(row.daily_loss_cents)}"
        for row in trading.tiers
    )


def _by_itself(trading: TradingParams) -> Chapter:
    t = trading.timing
    audit = f"every {t.reconcile_ms / 1000:g} s" if t.reconcile_ms else "on demand"
    return Chapter(
        "What happens by itself",
        (
            ("arming", f"ends after {t.arm_ms / 1000:g} s, on a disconnect and with any latch"),
            (
                "entries wait for",
                f"the journal, at most {t.commit_wait_ms} ms; a fill, at most "
                f"{t.entry_timeout_ms / 1000:g} s, then they are cancelled",
            ),
            (
                "stale data",
                f"older than {t.stale_rth_ms / 1000:g} s ({t.stale_overnight_ms / 1000:g} s overnight) "
                f"stops entries; the screen dims at 5 s",
            ),
            (
                "no stop seen",
                f"a position without one gets an emergency stop after {t.naked_ms / 1000:g} s, and is "
                f"flattened when that is not "
                f"confirmed within {t.naked_confirm_ms / 1000:g} s",
            ),
            ("reconcile", f"orders and position are compared with the broker {audit} and with ^R"),
            ("reject", f"no entries for {t.cooldown_ms // 60_000} min after a reject"),
            ("automation", f"{trading.automation.value} at start: accepted decisions are {_DEEDS[trading.automation.value]}"),
        ),
    )


_DEEDS = {"OFF": "not told", "ALERT": "told", "CONFIRM": "told", "AUTO": "traded while granted"}


def unknowns(params: EngineParams) -> Chapter:
    """What `?` and the words beside it mean, and what ends them."""
    days = params.market.cva_days
    return Chapter(
        "What is not known, and why",
        (
            ("?", "never zero: nobody has told yet, or the source cannot know"),
            ("pos UNKNOWN", "the broker has not reported the position since the link came up; entries wait for it"),
            ("stop UNKNOWN", "an order's outcome is open until the broker's own list of orders settles it"),
            ("STALE", "the newest market data is older than 5 s: numbers are dimmed and the age stands in the frame"),
            (
                "RUNNING?",
                "the engine has been silent for 2 s: its state is doubtful, ages go on growing, arming runs out, everything dims",
            ),
            (
                "cannot be drawn",
                "a panel met something nobody foresaw: the reason stands in it, the log has more; the rest goes on",
            ),
            ("NO BOOK", "the feed sends no depth, or it has not been whole since a gap"),
            ("~gap", "trades were lost inside this bar: its levels are not read"),
            ("~bars", "made from bars, not trades: value is approximate, delta and levels are not known"),
            ("CVA n of m", f"fewer than {days} sessions are known: import more or wait"),
            ("warming up", "indicators need 32 bars of regular hours"),
        ),
    )


def _money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"

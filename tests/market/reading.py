"""Everything a market state can be asked, as one comparable value."""

from __future__ import annotations

from typing import Any

from orderflow_tui.market.profile import VolumeProfile
from orderflow_tui.market.state import MarketState
from orderflow_tui.market.vwap import Vwap


def profile(p: VolumeProfile) -> tuple[Any, ...]:
    deltas = p.delta_window(p.low, len(p.volumes())) if p.low is not None else ()
    return p.low, p.volumes(), deltas, p.poc(), p.total, p.approx


def average(v: Vwap) -> tuple[Any, ...]:
    return v.value(), v.sigma(), v.volume, v.approx


def reading(market: MarketState) -> dict[str, Any]:
    """All answers at this instant."""
    indicators = market.indicators
    return {
        "time": (market.now_ns, market.day, market.phase, market.data_ts_ns, market.last_trade_ns, market.watch),
        "last": (market.last_price, market.last_size, market.last_side),
        "bars": (list(market.bars), list(market.rth_bars), market.open_bar(), market.bar_volume_so_far),
        "profiles": [profile(p) for p in (market.rth_profile, market.globex_profile, market.overnight_profile)],
        "averages": [average(v) for v in (market.vwap_rth, market.vwap_globex, market.vwap_1h, market.vwap_4h)],
        "cvd": (market.cvd_rth, market.cvd_globex, market.cvd_rth_partial, market.session_partial),
        "tpo": (market.tpo.periods, market.tpo.counts, market.tpo.tails(), market.tpo.singles(), market.current_period),
        "ib": (market.ib_high, market.ib_low, market.ib_complete, market.rth_open_price, market.rth_high, market.rth_low),
        "night": (market.on_high, market.on_low, market.on_up_volume, market.on_down_volume),
        "periods": list(market.periods),
        "past": (
            market.archive,
            market.today_profile,
            market.pva,
            market.cva(),
            market.cva_hist(),
            market.week_open,
            market.restarted,
        ),
        "prior": (market.prior_high, market.prior_low, market.prior_close),
        "value": (market.dva(), list(market.poc_trail)),
        "levels": (market.naked_pocs, market.zones, market.unfinished, market.revisited),
        "indicators": (
            indicators.ema9.value,
            indicators.ema21.value,
            indicators.atr14.value,
            indicators.adx14.value,
            indicators.adx_slope(),
            indicators.atr_percentile(),
            indicators.bar_range_avg(),
            indicators.volume_vs_average(),
            indicators.structure(),
            indicators.range_bound_bars(),
            indicators.count,
            market.delta_slope(),
        ),
        "slots": [market.slot_volume(bar) for bar in list(market.bars)[-10:]],
        "trust": (market.grade, market.side_shares()),
        "recent": (market.tape, market.pressure(60), market.pressure(300)),
        "ladder": [(market.recent_sold(k), market.recent_bought(k)) for k in range(26_950, 27_050)],
    }

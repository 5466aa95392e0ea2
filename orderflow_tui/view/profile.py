"""The CVA/DVA profile's part of the view: two histograms on one price axis and the levels drawn across them."""

from __future__ import annotations

from orderflow_tui.domain.bar import BarSource
from orderflow_tui.engine import Engine
from orderflow_tui.view.ladder import tags
from orderflow_tui.view.model import Hist, ProfileView


class ProfilePart:
    """Builds ProfileView; the composite histogram keeps its identity until a session completes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cva: tuple[int, Hist | None] = (-1, None)

    def view(self) -> ProfileView:
        """The profile as of now."""
        market, params = self._engine.market, self._engine.params
        _, days = market.cva()
        context = self._engine.analyst.context
        needed = params.market.cva_days
        vwap, sigma = market.vwap_rth.value(), market.vwap_rth.sigma()
        dva = market.dva()
        approx = bool(market.bars) and market.bars[-1].source is not BarSource.TRADES
        low, volumes = market.rth_profile.low, market.rth_profile.volumes()
        return ProfileView(
            cva=self._composite(),
            cva_days=days,
            cva_note="" if days >= needed else f"CVA: {days} of {needed} sessions, needs {needed - days} more: import or wait",
            dva=None if low is None else Hist(low, volumes, dva, approx),
            dva_note="" if volumes else "DVA: starts with the first regular-hours trade",
            pva=market.pva,
            levels=self._levels(vwap, sigma),
            poc_trail=tuple(poc for _, poc in market.poc_trail),
            vwap=vwap,
            vwap_sd=sigma,
            method=f"{params.market.value_method.replace('_', '-')} {params.market.value_permille // 10} %",
            migration=context.migration.value if context and context.migration else "?",
            aligned_vas=context.aligned_vas if context else 0,
            last=market.last_price,
            grade=market.grade,
        )

    def _composite(self) -> Hist | None:
        market = self._engine.market
        version = hash(tuple((p.trade_date, p.rolled) for p in market.archive[-self._engine.params.market.cva_days :]))
        if self._cva[0] != version:
            found = market.cva_hist()
            value, days = market.cva()
            approx = any(p.approx for p in market.archive[-days:]) if days else False
            self._cva = (version, None if found is None else Hist(found[0], found[1], value, approx))
        return self._cva[1]

    def _levels(self, vwap: float | None, sigma: float | None) -> tuple[tuple[int, str], ...]:
        market = self._engine.market
        rows = [row for row in tags(market) if row[1] not in {"VAH", "VAL", "POC"}]
        if vwap is not None and sigma:
            rows += [(round(vwap + k * sigma), f"{'+' if k > 0 else '−'}{abs(k)}σ") for k in (-3, -2, -1, 1, 2, 3)]
        value, _ = market.cva()
        if value is not None:
            rows += [(value.vah, "cVAH"), (value.val, "cVAL"), (value.poc, "cPOC")]
        context = self._engine.analyst.context
        if context is not None:
            rows += [(price, f"stack×{count}") for price, count, _ in context.stacked_levels]
        dva = market.dva()
        if dva is not None:
            rows += [(dva.vah, "VAH"), (dva.val, "VAL"), (dva.poc, "dPOC")]
        return tuple(rows)

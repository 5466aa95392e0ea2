"""Context: where price stands against value, as one frozen value. What cannot be known yet is None, never a guess."""

from __future__ import annotations

from orderflow_tui.domain.session import MINUTE_NS, Phase
from orderflow_tui.domain.signal import Context, Hypothesis, RegimeReading
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.background import Background
from orderflow_tui.signals.day import Day
from orderflow_tui.signals.daytype import extension
from orderflow_tui.signals.inventory import Inventory, inventory
from orderflow_tui.signals.rotation import combined_view
from orderflow_tui.signals.rule80 import SKIPPED
from orderflow_tui.signals.value import migration, overlap, span

FIRST_HALF_HOUR_NS = 30 * MINUTE_NS


class ContextBuilder:
    """Builds contexts. Keeps only what cannot change any more today."""

    __slots__ = ("_inventory",)

    def __init__(self) -> None:
        self._inventory: Inventory | None = None  # final once regular hours began

    def new_day(self) -> None:
        """Forget yesterday."""
        self._inventory = None

    def inventory(self, market: MarketState) -> Inventory:
        """Overnight inventory, final from the open of regular hours on."""
        if self._inventory is not None:
            return self._inventory
        found = inventory(market.on_up_volume, market.on_down_volume)
        if market.prior_close is None:
            found = Inventory(found.word, None, "no prior close to measure against")
        if market.phase in (Phase.RTH, Phase.AFTER):
            self._inventory = found
        return found

    def build(
        self, now_ns: int, market: MarketState, past: Background, today: Day, regime: RegimeReading | None,
        hypothesis: Hypothesis | None,
    ) -> Context:  # fmt: skip
        """The context at a bar's close. Outside regular hours only what then exists is worked out."""
        regular = market.phase in (Phase.RTH, Phase.AFTER)
        dva = market.dva() if regular else None
        ready = dva is not None and dva_ready(now_ns, market)
        current = dva if ready else market.pva
        cva, days = market.cva()
        against = current is not None and cva is not None
        naked = market.naked_pocs
        night = self.inventory(market)
        kind, sure = (regime.regime, regime.confidence) if regime is not None else (None, 0.0)
        view = combined_view(today.auction, kind, sure) if regular else None
        opening = today.opening
        return Context(
            ts_ns=now_ns,
            trade_date=market.day.trade_date if market.day is not None else None,
            pva=market.pva,
            dva=dva,
            dva_ready=ready,
            cva=cva,
            cva_days=days,
            migration=migration(span(current), span(cva)) if against and current and cva else None,
            overlap=overlap(span(current), span(cva)) if against and current and cva else None,
            aligned_vas=past.aligned(dva if ready else None),
            naked_pocs=tuple(price for _, price in naked),
            stacked_levels=past.stacked(naked),
            conditions=today.conditions(current, cva) if regular else (),
            opening_type=opening.type.value if opening is not None else None,
            opening_direction=opening.direction if opening is not None else 0,
            day_type=today.type(market, past.range_average) if regular else None,
            inventory=night.word,
            inventory_share=night.share,
            rule_80=today.rule_80.text if today.rule_80 is not None else None,
            auction=view,
            hypothesis=hypothesis,
            notes=_notes(now_ns, market, today, ready, days, regular),
            rotation=today.auction if regular else None,
            extension=_extension(market) if regular else None,
            drive=today.drive,
            inventory_note=night.note,
        )


def dva_ready(now_ns: int, market: MarketState) -> bool:
    """Developing value is used from the end of the first half hour on; before that the previous session stands in."""
    opened = market.day.rth_open_ns if market.day is not None else None
    return opened is not None and now_ns >= opened + FIRST_HALF_HOUR_NS


def value_now(context: Context) -> ValueArea | None:
    """The area that stands for today: developing once ready, the previous session's before."""
    return context.dva if context.dva_ready else context.pva


def _extension(market: MarketState) -> tuple[int, int, float | None, float | None] | None:
    """Range extension beyond the complete initial balance."""
    high, low, top, bottom = market.rth_high, market.rth_low, market.ib_high, market.ib_low
    if not market.ib_complete or high is None or low is None or top is None or bottom is None:
        return None
    return extension(high, low, top, bottom)


def _notes(now_ns: int, market: MarketState, today: Day, ready: bool, days: int, regular: bool) -> tuple[str, ...]:
    """What a reader of this context has to know about its weak spots, and why what is None is not known."""
    notes = []
    if days < market.params.cva_days:
        notes.append(f"CVA partial: {days} of {market.params.cva_days} sessions")
        if market.restarted is not None:
            notes.append(f"value began anew on {market.restarted}: the contract rolled and nobody knows by how much")
    if market.pva is None:
        notes.append("migration unknown: no completed session to compare with")
        notes.append("80 % rule unknown: no previous value area")
        notes.append("overnight inventory unknown: no prior close to measure against")
    elif today.rule_80 is not None and today.rule_80.state == SKIPPED:
        notes.append("80 % rule skipped: the previous value area is too narrow")
    if regular and today.opening is None and dva_ready(now_ns, market):
        notes.append("opening type unknown: no average initial balance and no ATR to measure the first half hour by")
    if regular and not ready:
        notes.append("previous value stands in for today's until the first half hour is complete")
    if regular and today.auction is None:
        notes.append("auction view provisional")
    if today.opening is not None and today.opening.provisional:
        notes.append("opening type provisional")
    if market.session_partial:
        notes.append("data is missing today: cumulative delta is partial")
    return tuple(notes)

"""An archive that lacks sessions, completed from a history made of bars: what is known better always stays."""

from __future__ import annotations

from datetime import date

from orderflow_tui.domain.history import History


def completed(known: History, filled: History, keep: int) -> History:
    """`known` with what `filled` has beside it; both stand at the same instant. At most `keep` sessions, the newest.

    A session built from trades is never replaced by an approximate one, an approximate one is by one built from trades.
    Levels of sessions that `known` lived through are its own; older ones come from `filled`, which saw them live on.
    """
    if not known.profiles:
        return filled
    first = known.profiles[0].trade_date
    profiles = {profile.trade_date: profile for profile in filled.profiles}
    for profile in known.profiles:
        other = profiles.get(profile.trade_date)
        if other is None or other.approx or not profile.approx:
            profiles[profile.trade_date] = profile
    traces = {trace.trade_date: trace for trace in (*filled.traces, *known.traces)}
    begins = known.bars[0].start_ns if known.bars else None
    naked = filled.naked_pocs or ()
    return History(
        profiles=tuple(profiles[day] for day in sorted(profiles))[-keep:],
        bars=(*(bar for bar in filled.bars if begins is None or bar.end_ns <= begins), *known.bars),
        zones=(*(zone for zone in filled.zones if _older(zone.born_date, first)), *known.zones),
        unfinished=(*(level for level in filled.unfinished if _older(level.born_date, first)), *known.unfinished),
        setup_ids=known.setup_ids,
        naked_pocs=(*(poc for poc in naked if poc[0] < first), *(known.naked_pocs or ())),
        traces=tuple(traces[day] for day in sorted(traces)),
        regimes=known.regimes or filled.regimes,
    )


def _older(born: date | None, first: date) -> bool:
    return born is not None and born < first

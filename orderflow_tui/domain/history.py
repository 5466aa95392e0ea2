"""What stood before the first event: completed sessions and the bars that indicators and levels need.

The same value primes a restart, a back-fill from the broker and the simulated market's past.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.value import SessionProfile, UnfinishedLevel, Zone


@dataclass(frozen=True, slots=True)
class History:
    """Completed sessions oldest first (at most 30) and closed bars in time order, from the first bar of the fifth
    previous RTH session on; levels still alive; setup ids already emitted."""

    profiles: tuple[SessionProfile, ...] = ()
    bars: tuple[FootprintBar, ...] = ()
    zones: tuple[Zone, ...] = ()
    unfinished: tuple[UnfinishedLevel, ...] = ()
    setup_ids: tuple[str, ...] = ()

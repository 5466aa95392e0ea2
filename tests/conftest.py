"""No property may fail because the machine is busy: wall time is nobody's promise here."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no wall time", deadline=None)
settings.load_profile("no wall time")

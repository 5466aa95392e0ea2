"""Settings for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# examples are judged by what they compute, never by how long a busy machine takes for them
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# examples are judged by what they compute, never by how long a busy machine takes for them
# a landing judges a change, so it draws the same examples for everybody; whoever runs the tests by hand draws new ones
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ)
settings.load_profile("untimed")

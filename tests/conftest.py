"""Settings for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# examples are judged by what they compute, never by how long a busy machine takes for them
# a landing judges a change, so it draws the same examples for everybody; whoever runs the tests by hand draws new ones
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _no_locks_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Locks of accounts lie in a folder of this run, in its children too, and never in the home of whoever tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield

"""Every test here fails when the client library could not decode what the gateway sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.listening import library_faults


@pytest.fixture(autouse=True)
def _no_decoding_faults(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert library_faults(caplog.get_records("call")) == []

"""Memory that grows is told, with the bound, and not again before it has doubled."""

from __future__ import annotations

from flowrs.serve.growth import Growth

MB = 1_000_000


def test_memory_is_compared_with_that_of_a_minute_after_the_start() -> None:
    growth = Growth(100.0)
    assert growth.look(159, 900 * MB) is None
    assert growth.look(160, 60 * MB) is None
    assert growth.look(200, 220 * MB) is None
    told = growth.look(201, 221 * MB)
    assert told
    assert told.startswith("221 MB are resident, above the bound of 220 MB; 60 s after the start there were 60 MB.")
    assert told.endswith("told again at 440 MB")
    assert growth.look(202, 440 * MB) is None
    assert "above the bound of 440 MB" in str(growth.look(203, 441 * MB))

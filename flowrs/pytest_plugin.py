"""The conformance suite in pytest: one test for each claim.

    @pytest.mark.flowrs(Tulip, "tulip.toml")
    def test_it_conforms(flowrs_check):
        flowrs_check()

The file is looked for beside the test. pytest loads this module wherever flowrs is installed, also for projects that
have nothing to do with it; so it imports nothing until a test has the mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.testing import Report

_FIXTURE = "flowrs_check"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "flowrs(connector, dialect): a connector, and the dialect file of its exchange")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each claim."""
    if _FIXTURE not in metafunc.fixturenames:
        return
    from flowrs.testing import CLAIMS  # noqa: PLC0415 - see above

    metafunc.parametrize(_FIXTURE, CLAIMS, indirect=True)


@pytest.fixture(scope="session")
def _flowrs_reports() -> dict[Any, Report]:
    """What was found, so that each connector is checked once."""
    return {}


@pytest.fixture
def flowrs_check(request: pytest.FixtureRequest, _flowrs_reports: dict[Any, Report]) -> Callable[[], None]:
    """Return what fails if the claim does not hold, and skips if it cannot be shown."""
    from flowrs.testing import check  # noqa: PLC0415 - see above

    mark = request.node.get_closest_marker("flowrs")
    if mark is None or len(mark.args) != 2:  # noqa: PLR2004 - of the mark
        pytest.fail("mark the test with @pytest.mark.flowrs(CONNECTOR, DIALECT_FILE)", pytrace=False)
    kind, name = mark.args
    path = request.path.parent / name
    if (kind, path) not in _flowrs_reports:
        _flowrs_reports[kind, path] = check(kind, path)
    outcome = next(each for each in _flowrs_reports[kind, path].outcomes if each.claim == request.param)

    def show() -> None:
        if outcome.state == "skip":
            pytest.skip(outcome.seen)
        if outcome.state == "fail":
            pytest.fail(f"{outcome.claim}: {outcome.seen}\nWhat to do: {outcome.todo}", pytrace=False)

    return show

"""What docs/plugins.md says of the conformance suite is so."""

from __future__ import annotations

from doc_pages import page, rows, section

from flowrs import testing


def test_every_claim_is_listed_with_what_it_costs() -> None:
    told = [(cells[0], cells[1]) for cells in rows(section(page("docs/plugins.md"), "The conformance suite"))]
    costs = {each.claim: each.costs for each in testing.CHECKS}
    assert told[: len(testing.CLAIMS)] == [(claim, costs.get(claim, "E")) for claim in testing.CLAIMS]


def test_every_grade_is_listed_with_its_meaning() -> None:
    told = [(cells[0], cells[1]) for cells in rows(section(page("docs/plugins.md"), "The conformance suite"))]
    assert told[len(testing.CLAIMS) :] == list(testing.GRADES.items())

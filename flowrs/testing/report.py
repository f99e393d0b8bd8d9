"""What the checks have found, and the grade that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

State = Literal["pass", "fail", "skip"]
Grade = Literal["A", "B", "C", "D", "E", "F"]

GRADES: dict[Grade, str] = {
    "A": "everything holds",
    "B": "it is right, but decode() is slow",
    "C": "books are right, but something beside them is not, or it was not shown that they are",
    "D": "books do not come back by themselves, or a damaged frame ends the connection",
    "E": "no book gets live",
    "F": "it would serve wrong books as live",
}
"""What each grade says; a plugin passes with A or B."""

UNPROVEN: Grade = "C"
"""The best grade if a check that could show wrong books was skipped."""


class Outcome(Struct, frozen=True):
    """Of one check: `claim` is what has to hold, `seen` what was seen, `todo` what to do if it does not hold."""

    claim: str
    state: State
    seen: str
    todo: str = ""
    costs: Grade = "C"
    """The grade of a plugin for which it does not hold."""


class Report(Struct, frozen=True):
    """Of one venue."""

    venue: str
    outcomes: Sequence[Outcome]

    @property
    def grade(self) -> Grade:
        """The worst that a failed check costs; not better than `UNPROVEN` if it was not shown that books are right."""
        costs: list[Grade] = [each.costs for each in self.outcomes if each.state == "fail"]
        if any(each.state == "skip" and each.costs == "F" for each in self.outcomes):
            costs.append(UNPROVEN)
        return max(costs, default="A")

    @property
    def passes(self) -> bool:
        """Whether it may be used."""
        return self.grade in ("A", "B")

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        checks = [
            {"claim": each.claim, "state": each.state, "seen": each.seen, "todo": each.todo} for each in self.outcomes
        ]
        return {"venue": self.venue, "grade": self.grade, "passes": self.passes, "checks": checks}

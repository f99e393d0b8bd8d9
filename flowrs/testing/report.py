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
    "B": "it is right, but slower than it need be",
    "C": "books are right, but something beside them is not, or it was not shown that they are",
    "D": "books do not come back by themselves, or a damaged frame ends the connection",
    "E": "books do not get live or do not stay so, or the exchange is not understood",
    "F": "it would serve wrong books as live",
}
"""What each grade says; a plugin passes with A or B."""

NOT_COME_TO = "not come to"
"""What is seen of a claim that is skipped because there is nothing to show it with."""

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

    def __str__(self) -> str:
        """Return it for people: a line for each claim, what to do, and the grade."""
        rows = self.rows()
        width = max((len(claim) for _, claim, _ in rows), default=0)
        lines = [f"{state}  {claim:{width}}  {seen}" for state, claim, seen in rows]
        return "\n".join((f"{self.venue}:", *lines, *self.advice(), f"grade {self.grade}: {GRADES[self.grade]}"))

    def __repr__(self) -> str:
        """Return it in a line, for where a value is shown."""
        failed = ", ".join(each.claim for each in self.outcomes if each.state == "fail")
        return f"<Report of {self.venue}: grade {self.grade}; failed: {failed or 'nothing'}>"

    def rows(self) -> list[tuple[State, str, str]]:
        """Return state, claim and what was seen; all that was not come to as one."""
        left = sum(each.seen == NOT_COME_TO for each in self.outcomes)
        rows = [(each.state, each.claim, each.seen) for each in self.outcomes if each.seen != NOT_COME_TO]
        return [*rows, ("skip", f"{left} more", NOT_COME_TO)] if left else rows

    def advice(self) -> list[str]:
        """Return what to do, of each claim that does not hold."""
        return [f"{each.claim}: {each.todo}." for each in self.outcomes if each.state == "fail"]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        checks = [
            {"claim": each.claim, "state": each.state, "seen": each.seen, "todo": each.todo} for each in self.outcomes
        ]
        return {"venue": self.venue, "grade": self.grade, "passes": self.passes, "checks": checks}

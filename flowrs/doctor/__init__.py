"""Looks for what keeps flowrs from working on this machine, and says in words what to do about it."""

from flowrs.doctor.door import unit_of
from flowrs.doctor.examine import examine
from flowrs.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine", "unit_of"]

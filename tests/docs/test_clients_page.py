"""docs/clients.md names all that a program can get from the clients, and nothing else."""

from __future__ import annotations

import inspect
import re

from doc_pages import page, rows, section, spans

import flowrs.client
from flowrs import errors
from flowrs.client import Client, events
from flowrs.client.refusals import refusal

PAGE = page("docs/clients.md")


def test_every_method_is_listed_with_its_parameters() -> None:
    listed = [cells[0].strip("`") for cells in rows(section(PAGE, "In three lines"))]
    methods = {name: each for name, each in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"}
    assert sorted(re.match(r"\w+", line)[0] for line in listed) == sorted(methods)  # type: ignore[index]
    for line in listed:
        name, _, told = line.partition("(")
        parameters = [
            str(each).partition(":")[0] + ("" if each.default is each.empty else f"={each.default!r}")
            for each in inspect.signature(methods[name]).parameters.values()
            if each.name != "self" and each.kind is not each.KEYWORD_ONLY
        ]
        assert told.rstrip(")").replace('"', "'") == ", ".join(parameters), name


def test_every_public_name_is_explained() -> None:
    explained = set(re.findall(r"\w+", " ".join(spans(PAGE))))
    also = {"Event", "Level", "Trade"}  # parts of what is explained, and the union of all events
    assert set(flowrs.client.__all__) - also <= explained


def test_every_event_is_listed() -> None:
    listed = {cells[0].strip("`") for cells in rows(section(PAGE, "Follow"))}
    kinds = {each.__name__ for each in events.Event.__args__}  # type: ignore[attr-defined]
    assert listed == kinds


def test_every_class_of_error_that_a_client_raises_is_listed_with_its_codes() -> None:
    listed = {cells[0].strip("`"): re.findall(r"`(\w+)`", cells[1]) for cells in rows(section(PAGE, "Errors"))}
    alone = (errors.FlowrsError, errors.NotRunning, errors.TooSlow, errors.GapError)
    kinds = {
        name: each
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.ControlError) or each in alone
    }
    assert set(listed) == set(kinds)
    for name, codes in listed.items():
        assert all(type(refusal(code, "")) is kinds[name] for code in codes)

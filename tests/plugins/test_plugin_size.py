"""A connector is small, or the contract is wrong: fewer than 100 lines of code for each. So is a sink."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

import flowrs.plugins

EXAMPLES = Path(__file__).parent.parent.parent / "plugins-example"
MODULES = [*sorted(Path(flowrs.plugins.__path__[0]).glob("[!_]*.py")), *sorted(EXAMPLES.glob("*/flowrs_*.py"))]
HOOKS = {"flowrs_connectors", "flowrs_sinks"}
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """Count the lines that have code on them: no blank ones, comments or docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            told.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - told)


def connectors(source: str) -> int:
    """Count the classes that the module's hook brings."""
    hook = next(each for each in ast.parse(source).body if getattr(each, "name", "") in HOOKS)
    (returned,) = (each.value for each in ast.walk(hook) if isinstance(each, ast.Return))
    assert isinstance(returned, ast.List)
    return len(returned.elts)


def test_lines_are_counted_without_blank_ones_comments_and_docstrings() -> None:
    source = (
        '"""Doc.\n\nMore.\n"""\n\n# words\nx = 1  # one\n\n\ndef f():\n    """Doc."""\n    return (\n        x\n    )\n'
    )
    assert lines_of_code(source) == 5


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_connector_has_fewer_than_100_lines_of_code(module: Path) -> None:
    source = module.read_text()
    assert lines_of_code(source) / connectors(source) < 100

"""The rules of the house that a machine can check, and import-linter does not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from governance.entities import Entity

ROOT = Path(__file__).parents[1]
OURS = {
    "config",
    "pricing",
    "governance",
    "metering",
    "catalog",
    "contracts",
    "quoting",
    "invoicing",
    "ledger",
    "insights",
    "integrations",
}
FILES = sorted(
    path.relative_to(ROOT)
    for package in OURS
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
)
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, Function):
            yield node


def imported(node: ast.AST) -> set[str]:
    """The top packages that one statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    return set()


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 50


def test_nothing_of_ours_is_imported_inside_a_function() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in FILES
        for function in functions(path)
        for node in ast.walk(function)
        if imported(node) & OURS
    ]
    assert found == []


def test_nothing_is_imported_by_name_at_run_time() -> None:
    """That would hide an import from those who read, and from import-linter. Django asks for it in `ready()`."""
    suspects = [path for path in FILES if path.parts[0] != "config" and path.name != "apps.py"]
    assert [path for path in suspects if "import_module(" in (ROOT / path).read_text()] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty_names = {"services", "utils", "helpers", "common", "core", "misc"}
    assert [path for path in FILES if empty_names & {path.stem, *path.parts[:-1]}] == []


def test_files_are_short_enough_to_read() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in FILES}
    assert {path: lines for path, lines in lengths.items() if lines > LINES_OF_A_FILE} == {}


def test_functions_are_short_enough_to_see() -> None:
    found = [
        f"{path}:{function.name}"
        for path in FILES
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > LINES_OF_A_FUNCTION
    ]
    assert found == []


def test_only_config_reads_the_environment() -> None:
    readers = [path for path in FILES if path.parts[0] != "config" and "os.environ" in (ROOT / path).read_text()]
    assert readers == []


def test_every_app_says_what_it_owns() -> None:
    silent = [
        package
        for package in sorted(OURS)
        if not all(
            word in (ROOT / package / "__init__.py").read_text().lower()
            for word in ("owns", "does not own", "always true")
        )
    ]
    assert silent == []


@pytest.mark.parametrize(
    "model",
    [
        model
        for model in apps.get_models()
        if issubclass(model, Entity) and model._meta.app_label in OURS and not model._meta.abstract
    ],
    ids=lambda model: model._meta.label,
)
def test_every_entity_inherits_the_guards(model: type[Entity]) -> None:
    """A Meta that does not inherit Entity.Meta loses the trigger that refuses changes without who and why."""
    required = {trigger.name for trigger in Entity.Meta.triggers}
    assert required
    assert required <= {trigger.name for trigger in model._meta.triggers}  # type: ignore[attr-defined]

"""`pytest tests/peers --cases DIR` compares our kernel with the answers of other billing systems, case by case.

The cases are collected outside this repository. Where there are none, the run says so, and where they should be.
"""

from pathlib import Path

import pytest

from tests.peers.vectors import Vector, vectors

ROOT = Path(__file__).parents[2]
DEFAULT = "../shared/cases"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", metavar="DIR", help=f"the directory of the peers' cases (default: {DEFAULT})")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `pricing_vector` runs once for each case of `pricing.json`, and so on."""
    for name in metafunc.fixturenames:
        stem, _, suffix = name.partition("_")
        if suffix == "vector":
            found = _cases(metafunc.config, f"{stem}.json")
            metafunc.parametrize(name, found, ids=lambda case: case.id if isinstance(case, Vector) else "no-cases")


def _cases(config: pytest.Config, name: str) -> list[Vector] | list[Path]:
    """The cases of this file; or, in place of a case, where it is missing by default."""
    chosen = config.getoption("--cases", default=None)
    file = (Path(chosen) if chosen else ROOT / DEFAULT) / name
    if file.is_file():
        return vectors(file)
    if chosen:
        raise pytest.UsageError(f"--cases: there is no {file}")
    return [file]

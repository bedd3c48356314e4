"""`pytest tests/peers --cases DIR` compares our kernel with the answers of other billing systems, case by case.

The cases are collected outside this repository. Where there are none, the run says so, and where they should be.
"""

from pathlib import Path

import pytest

from tests.peers.vectors import Vector, vectors

ROOT = Path(__file__).parents[2]
DEFAULT = "../shared/cases"
FILES = ("pricing.json", "rounding.json", "aggregation.json", "proration.json")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", metavar="DIR", help=f"the directory of the peers' cases (default: {DEFAULT})")


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--cases", default=None)
    if chosen and not any((Path(chosen) / name).is_file() for name in FILES):
        raise pytest.UsageError(f"--cases: there is no {' and no '.join(FILES)} in {chosen}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `pricing_vector` runs once for each case of `pricing.json`, and so on."""
    for name in FILES:
        argument = f"{Path(name).stem}_vector"
        if argument in metafunc.fixturenames:
            cases = _cases(Path(metafunc.config.getoption("--cases", default=None) or ROOT / DEFAULT) / name)
            metafunc.parametrize(argument, cases, ids=lambda case: case.id if isinstance(case, Vector) else "no-cases")


def _cases(file: Path) -> list[Vector] | list[Path]:
    """The cases of this file; or, in place of a case, the file that is missing."""
    return vectors(file) if file.is_file() else [file]

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that another user, as whom PostgreSQL runs when we are root, can be let into.

    Not pytest's own, whose rights every other pytest on the machine sets back.
    """
    with tempfile.TemporaryDirectory(prefix="quoin-") as name:
        yield Path(name)

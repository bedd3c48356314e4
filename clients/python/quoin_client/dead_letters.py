"""Events that were not counted, with the server's reason: one JSON object a line, in a file beside the spool."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

REFUSED = "refused"
KEPT_BY_THE_SERVER = ("quarantined", "conflict")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that is not counted as it stands.

    `outcome` is "refused" (the server could not read it and kept nothing), or the server's word for what it kept
    aside: "quarantined" (somebody can put the cause right and replay it there), "conflict" (its id says something else
    already). `reason` is the server's code, if there is one; `detail` says it in words; `pointer` (JSON Pointer) where
    in the event.
    """

    outcome: str
    reason: str
    detail: str
    pointer: str
    body: str

    @property
    def event(self) -> dict[str, Any]:
        """The event as it was sent; fractions are Decimals."""
        event: dict[str, Any] = json.loads(self.body, parse_float=Decimal)
        return event

    @property
    def is_kept_by_the_server(self) -> bool:
        return self.outcome in KEPT_BY_THE_SERVER

    def line(self) -> str:
        said = {
            "at": datetime.now(UTC).isoformat(),
            "outcome": self.outcome,
            "reason": self.reason,
            "detail": self.detail,
            "pointer": self.pointer,
        }
        return f'{json.dumps(said)[:-1]}, "event": {self.body}}}\n'


class DeadLetters:
    """A file that grows to a limit. Half of it is for what the server keeps as well; there is always room for the rest.

    Whoever moves the file away makes room. A letter may be there twice, if the process was killed as it wrote.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """On disk once it returns."""
        size = self._size()
        lines = [each.line() for each in letters if size < self._max_bytes // 2 or not each.is_kept_by_the_server]
        if not lines:
            return
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write("".join(lines).encode())
            opened.flush()
            os.fsync(opened.fileno())

    def is_full(self) -> bool:
        return self._size() >= self._max_bytes

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

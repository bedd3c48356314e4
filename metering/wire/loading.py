"""Whole files of usage taken in, batch by batch. To run it again is harmless: what is counted counts once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from governance import clock
from metering import operations
from metering.wire.events import Event, Rejected, Unreadable
from metering.wire.files import Line, events_of

BATCH = 5_000
MOST_REMARKS = 20
UNREADABLE = "unreadable"
WORDS = {
    operations.ACCEPTED: "accepted",
    operations.DUPLICATE: "counted already",
    operations.CONFLICT: "in conflict with what is counted",
    operations.QUARANTINED: "in quarantine",
    UNREADABLE: "unreadable",
}


@dataclass(frozen=True, slots=True)
class Remark:
    """A line that was not counted, and why; `line` is 0 when the whole file is meant."""

    line: int
    outcome: str
    detail: str


@dataclass(slots=True)
class Loaded:
    """What became of a file so far: how many events had each outcome, and the first that were not counted."""

    counts: Counter[str] = field(default_factory=Counter)
    remarks: list[Remark] = field(default_factory=list)
    last_line: int = 0
    broken_off: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every line was read and is kept, be it in quarantine."""
        return not self.broken_off and not self.counts[UNREADABLE]

    @property
    def words(self) -> list[tuple[int, str]]:
        """How many, and what of them; always with the accepted."""
        return [(self.counts[name], text) for name, text in WORDS.items() if self.counts[name] or name == "accepted"]


def load(file: IO[bytes], name: str, *, source: str) -> Iterator[Loaded]:
    """Take a file in; yields the same summary, further each time, after every batch that is stored for good.

    Events that name no source belong to `source`. Lines that cannot be read are told of, the others count. Raises
    `Unreadable`, with nothing stored, when the name or the first line of the file say that it is none of ours.
    """
    loaded = Loaded()
    batch: list[Line] = []
    lines = events_of(file, name)
    while True:
        try:
            line = next(lines, None)
        except Unreadable as refusal:
            if not loaded.last_line and not batch:
                raise
            loaded.broken_off, line = refusal.detail, None
        if line is not None:
            batch.append(line)
        if batch and (line is None or len(batch) == BATCH):
            _take(batch, source, loaded)
            batch = []
            yield loaded
        if line is None:
            break
    yield loaded


def _verdicts(events: Sequence[Event], source: str) -> list[tuple[str, str]]:
    """What became of each event. Those that their type refuses are unreadable; the others of the batch count."""
    try:
        verdicts = operations.ingest(events, source=source, at=clock.now())
        return [(each.outcome, each.detail) for each in verdicts]
    except Rejected as refusal:
        refused = {problem.index: problem.message for problem in refusal.problems}
    rest = iter(_verdicts([event for index, event in enumerate(events) if index not in refused], source))
    return [(UNREADABLE, refused[index]) if index in refused else next(rest) for index in range(len(events))]


def _take(batch: list[Line], source: str, loaded: Loaded) -> None:
    events = [line.event for line in batch if line.event is not None]
    verdicts = iter(_verdicts(events, source))
    for line in batch:
        if line.event is None:
            outcome, detail = UNREADABLE, f"{line.pointer}: {line.message}" if line.pointer else line.message
        else:
            outcome, detail = next(verdicts)
        loaded.counts[outcome] += 1
        if detail and len(loaded.remarks) < MOST_REMARKS:
            loaded.remarks.append(Remark(line.number, outcome, detail))
    loaded.last_line = batch[-1].number

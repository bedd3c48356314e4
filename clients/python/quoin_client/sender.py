"""The thread that sends what waits, until the server has answered for each event."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quoin_client.dead_letters import REFUSED, DeadLetter, DeadLetters
from quoin_client.spool import Spool, Waiting
from quoin_client.transport import Refusal, Transport, Unavailable, Verdict

SETTLED = ("accepted", "duplicate")
# Quoin takes 5 MB.
BATCH_BYTES = 4_000_000

log = logging.getLogger("quoin_client")
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is sent at once, how long an event waits for company, and how long the pauses after failures are."""

    batch_size: int
    batch_seconds: float
    first_pause: float
    longest_pause: float

    def pause(self, failures: int, retry_after: float) -> float:
        """Exponential with full jitter; never before the server asked, and then not all clients at once."""
        ceiling = min(self.longest_pause, self.first_pause * 2 ** min(failures - 1, 30))
        if retry_after:
            return retry_after + _chance.uniform(0, self.first_pause)
        return _chance.uniform(0, ceiling)


class Sender:
    """Sends, settles, and reports what is not counted. Of the senders at one spool one is active."""

    def __init__(
        self,
        spool: Spool,
        transport: Transport,
        dead_letters: DeadLetters,
        pace: Pace,
        on_dead_letter: Callable[[DeadLetter], object] | None,
    ) -> None:
        self._spool = spool
        self._transport = transport
        self._dead_letters = dead_letters
        self._pace = pace
        self._on_dead_letter = on_dead_letter
        self._most = pace.batch_size
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quoin-client", daemon=True)
        self.trouble = ""

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """The request under way may finish, in so many seconds."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._pace.batch_seconds)
            self._wake.clear()
            self._send_all()

    def _send_all(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                if not self._send_some():
                    return
                failures, self.trouble = 0, ""
            except Exception as problem:  # whatever it is, the events stay and are sent later
                if self._stopping.is_set():
                    return
                failures, self.trouble = failures + 1, str(problem) or type(problem).__name__
                pause = self._pace.pause(failures, getattr(problem, "retry_after", 0.0))
                expected = isinstance(problem, Unavailable)
                log.warning("%s; trying again in %.1f s", self.trouble, pause, exc_info=not expected)
                self._stopping.wait(pause)

    def _send_some(self) -> bool:
        """Whether there was anything to send, and it was ours to send."""
        if not self._spool.is_ours_to_send():
            return False
        batch = self._spool.first(self._most, BATCH_BYTES)
        if batch:
            answer = self._transport.post([each.body for each in batch])
            if isinstance(answer, Refusal):
                self._part(batch, answer)
            else:
                self._settle(batch, answer)
                self._most = min(self._pace.batch_size, self._most * 2)
        return bool(batch)

    def _settle(self, batch: Sequence[Waiting], verdicts: Sequence[Verdict]) -> None:
        letters = [
            DeadLetter(verdict.outcome, verdict.reason, verdict.detail, "", each.body)
            for each, verdict in zip(batch, verdicts, strict=True)
            if verdict.outcome not in SETTLED
        ]
        self._bury(letters)
        self._spool.remove(batch)

    def _part(self, batch: Sequence[Waiting], refusal: Refusal) -> None:
        """Take out the events the refusal is about; if it names none, come nearer with half as many."""
        problems = refusal.problems
        if not problems and len(batch) > 1:
            self._most = len(batch) // 2
            return
        problems = problems or {0: ("", refusal.detail)}
        self._bury(
            [
                DeadLetter(REFUSED, "", message, pointer, batch[index].body)
                for index, (pointer, message) in problems.items()
            ]
        )
        self._spool.remove([batch[index] for index in problems])

    def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Before they leave the spool: a killed process tells of a letter twice rather than never."""
        self._dead_letters.write(letters)
        for letter in letters:
            log.warning("Not counted (%s): %s", letter.outcome, letter.detail)
            if self._on_dead_letter:
                try:
                    self._on_dead_letter(letter)
                except Exception:
                    log.exception("on_dead_letter failed; the letter is in %s", self._dead_letters.path)

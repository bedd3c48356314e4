"""Whatever an event says comes out of the store as it went in, however it was written for COPY."""

from typing import Any

import pytest

from metering import operations
from metering.identities import Identity, hashes
from metering.models import Meter, UsageEvent
from tests.metering.conftest import NOON, event

WORDS = [
    "plain",
    'a "quoted" word',
    "back\\slash",
    "\\N",
    "\\.",
    "a,b",
    "'; DROP",
    "{a}",
    "]\n[",
    "tab\tand\nline\r\n",
    "\x01\x1f\x7f",
    "\u00a0\u2028é漢😀",
    '\\"',
    "[1,2]",
]


@pytest.mark.parametrize("word", WORDS)
def test_words_are_kept_letter_by_letter(tokens: Meter, word: str) -> None:
    sent = event(word, source=word, properties={"tokens": 1, word: [word, {word: word}]})
    for outcome in ("accepted", "duplicate"):
        (verdict,) = operations.ingest([sent], source="gateway", at=NOON)
        assert (verdict.id, verdict.outcome) == (word, outcome)
    stored = UsageEvent.objects.get()
    assert (stored.source, stored.event_id, stored.properties) == (word, word, sent.properties)
    assert hashes([Identity(word, word)]).keys() == {(word, word)}


def test_many_rows_do_not_mix(tokens: Meter) -> None:
    sent = [event(f"{word}{number}", properties={"tokens": number, "w": word}) for number, word in enumerate(WORDS)]
    for batch in (sent[:3], sent):  # without control characters, and with
        operations.ingest(batch, source="gateway", at=NOON)
    stored: dict[str, Any] = dict(UsageEvent.objects.values_list("event_id", "properties"))
    assert stored == {each.id: each.properties for each in sent}

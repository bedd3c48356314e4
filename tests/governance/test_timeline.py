"""The timeline of a thing, in words."""

import pytest
from django.contrib.auth.models import User

from contracts import operations as contracts
from contracts.models import CommitEntry
from governance.timeline import happening, has_timeline, timeline
from tests import cast


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quote.sent", "Quote sent"),
        ("credit_note.issued", "Credit note issued"),
        ("rate_card.rate_set", "Rate card: rate set"),
    ],
)
def test_a_change_is_named_as_people_read_it(name: str, words: str) -> None:
    assert happening(name) == words


def test_it_shows_what_moved_newest_first_and_leaves_out_what_was_never_filled_in(ben: User) -> None:
    customer = cast.contoso()
    contracts.update_customer(customer, name="Contoso Group", act=cast.act("ben", "They merged"))
    renamed, created = timeline(customer)
    assert (renamed["what"], renamed["change"].because) == ("Customer updated", "They merged")
    assert renamed["fields"] == [("name", "Contoso Ltd", "Contoso Group")]
    assert created["what"] == "Customer created"
    fields = {label: after for label, _, after in created["fields"]}
    assert fields["tax percent"] == "0"
    assert "tax number" not in fields


def test_a_fact_has_no_timeline_and_a_governed_thing_has(db: None) -> None:
    contract = cast.signed_contract()
    assert has_timeline(contract)
    assert not has_timeline(CommitEntry.objects.filter(commit__contract=contract).get())

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from governance.clock import clock_set_to
from governance.models import Change
from metering.admin import upload as admin_upload
from metering.models import Meter, QuarantinedEvent, UsageEvent
from tests.metering.conftest import NOON

HEADER = "id,type,time,customer,tokens\n"


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def engineer(client: Client, eric: User) -> Client:
    client.force_login(eric)
    return client


def row(id: str, customer: str = "contoso") -> str:  # noqa: A002
    return f"{id},llm.request,2026-03-10T12:00:00Z,{customer},5\n"


def send(client: Client, content: str, name: str = "usage.csv", **form: str) -> Any:
    file = SimpleUploadedFile(name, content.encode())
    given = {"file": file, "source": "spreadsheet", "because": "the gateway was down"} | form
    return client.post(reverse("admin:metering_usageevent_upload"), given)


def nothing_written() -> bool:
    return not (
        UsageEvent.objects.exists()
        or QuarantinedEvent.objects.exists()
        or Change.objects.filter(name="usage_file.uploaded").exists()
    )


def test_a_file_is_taken_in_and_the_page_says_what_became_of_it(engineer: Client, tokens: Meter) -> None:
    content = HEADER + row("e1") + row("e1") + row("e2", "nobody") + "<b>\n" + row("e3")
    page = send(engineer, content)
    assert page.context["loaded"].counts == {"accepted": 2, "duplicate": 1, "quarantined": 1, "unreadable": 1}
    assert page.context["remarks"] == [
        (4, "in quarantine", "No customer has the key 'nobody'."),
        (5, "unreadable", "/type: Object missing required field `type`"),
    ]
    assert "No customer has the key &#x27;nobody&#x27;." in page.content.decode()
    assert set(UsageEvent.objects.values_list("source", "event_id")) == {("spreadsheet", "e1"), ("spreadsheet", "e3")}
    change = Change.objects.get(name="usage_file.uploaded")
    assert (change.by_name, change.because) == ("Eric Events", "the gateway was down")
    assert send(engineer, content).context["loaded"].counts["duplicate"] == 3


def test_the_list_leads_there_for_those_who_may(engineer: Client, cara: User, tokens: Meter) -> None:
    listed, upload = reverse("admin:metering_usageevent_changelist"), reverse("admin:metering_usageevent_upload")
    assert upload in engineer.get(listed).content.decode()
    assert engineer.get(upload).status_code == 200
    engineer.force_login(cara)
    assert upload not in engineer.get(listed).content.decode()
    assert engineer.get(upload).status_code == 403
    assert send(engineer, HEADER + row("e1")).status_code == 403
    assert nothing_written()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (HEADER + row("e1"), {"name": "usage.xlsx"}),
        (HEADER + row("e1"), {"because": " "}),
        (HEADER + row("e1"), {"source": ""}),
        (HEADER + row("e1"), {"source": "a\tb"}),
        (HEADER + row("e1"), {"file": ""}),
        (row("e1") + row("e2"), {}),
        ("", {}),
        (HEADER + row("e1"), {"name": "usage.csv.gz"}),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_stored(
    engineer: Client, tokens: Meter, content: str, form: dict[str, str]
) -> None:
    page = send(engineer, content, **form)
    assert (page.status_code, page.context["loaded"]) == (200, None)
    assert page.context["form"].errors or [str(message) for message in page.context["messages"]]
    assert nothing_written()


def test_a_file_too_large_for_the_page_is_sent_elsewhere(
    engineer: Client, tokens: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_upload, "MOST_LINES", 2)
    page = send(engineer, HEADER + row("e1") + row("e2") + row("e3"))
    assert "manage.py ingest" in str(next(iter(page.context["messages"])))
    monkeypatch.setattr(admin_upload, "MAX_MEGABYTES", 0)
    assert "manage.py ingest" in str(send(engineer, HEADER + row("e1")).context["form"].errors)
    assert nothing_written()

"""The page on which a person takes in a file of usage."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.decorators import action

from governance.acts import Refused
from governance.admin_base import GovernedAdmin
from governance.change import change
from governance.doors import act_of, may
from metering.wire.events import Unreadable
from metering.wire.files import check_name
from metering.wire.loading import WORDS, Loaded, load

UPLOAD = "metering.add_usageevent"
MAX_MEGABYTES = 20
MOST_LINES = 200_000


class UploadForm(forms.Form):
    """The file, whose events they are, and why a person sends them."""

    file = forms.FileField(
        label="File",
        widget=forms.FileInput(attrs={"class": "quoin-input", "accept": ".csv,.ndjson,.jsonl,.gz"}),
        help_text=f".csv, .ndjson or .jsonl, also gzipped (.gz), up to {MAX_MEGABYTES} MB.",
    )
    source = forms.CharField(
        label="Source",
        max_length=120,
        initial="upload",
        widget=forms.TextInput(attrs={"class": "quoin-input"}),
        help_text="Whose events these are, where they do not say. An id of a source counts once, for ever.",
    )
    because = forms.CharField(
        label="Why?",
        widget=forms.Textarea(attrs={"class": "quoin-input", "rows": 2}),
        help_text="Kept in the history for good.",
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MAX_MEGABYTES * 1024**2:
            raise forms.ValidationError(f"Larger than {MAX_MEGABYTES} MB: take it in with `manage.py ingest`.")
        try:
            check_name(file.name or "")
        except Unreadable as refusal:
            raise forms.ValidationError(refusal.detail) from None
        return file

    def clean_source(self) -> str:
        source: str = self.cleaned_data["source"]
        if not source.isprintable():
            raise forms.ValidationError("Control characters are not allowed.")
        return source


class UploadsUsage(GovernedAdmin):
    """A list with a button that leads to the page."""

    actions_list = ["upload"]

    def has_upload_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, UPLOAD)

    @action(description="Upload a file", icon="upload_file", permissions=["upload"])
    def upload(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST or None, request.FILES or None)
        loaded = None
        if request.method == "POST" and form.is_valid():
            try:
                loaded = self._taken(request, **form.cleaned_data)
            except Refused as refusal:
                messages.error(request, str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "title": "Upload a file of usage",
            "opts": self.opts,
            "form": UploadForm(initial={"source": form.cleaned_data["source"]}) if loaded else form,
            "loaded": loaded,
            "remarks": [(each.line, WORDS[each.outcome], each.detail) for each in loaded.remarks] if loaded else [],
        }
        return render(request, "metering/upload.html", context)

    def _taken(self, request: HttpRequest, file: UploadedFile, source: str, because: str) -> Loaded:
        """All of it in one transaction, with its place in the history; refused, and nothing stored, if it cannot be."""
        loaded = Loaded()
        name = file.name or ""
        try:
            with change("usage_file.uploaded", request.user, act_of(request, because)):  # type: ignore[arg-type]
                for loaded in load(file, name, source=source):
                    if sum(loaded.counts.values()) > MOST_LINES:
                        raise Refused(f"More than {MOST_LINES:,} events: take the file in with `manage.py ingest`.")
        except Unreadable as refusal:
            raise Refused(refusal.detail) from None
        except (OperationalError, InterfaceError):
            raise Refused("The database gave up; nothing was stored. Please try again.") from None
        return loaded

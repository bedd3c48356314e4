"""What people fill in about outcomes: what counts as one, and where its evidence is."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from metering.models import Outcome, OutcomeDefinition
from metering.outcomes.reports import Evidence


class DefinitionForm(forms.ModelForm):
    """A definition, and why it is so."""

    sources = forms.MultipleChoiceField(
        label="Reported by",
        choices=Outcome.Source.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Anybody, if nothing is chosen.",
        required=False,
    )
    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the history for good.",
        required=False,
    )

    class Meta:
        model = OutcomeDefinition
        fields = [
            "name", "key", "description", "attribution_key", "scope", "settlement_hours", "evidence_required",
            "counts_in", "sources",
        ]  # fmt: skip
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
        labels = {"settlement_hours": "Settlement window in hours", "counts_in": "Counts in"}
        help_texts = {
            "key": "Its usage events are of type outcome.KEY; it never changes.",
            "attribution_key": "What it is about: conversation_id, ticket. It never changes.",
            "scope": "It never changes.",
            "settlement_hours": "How long it is provisional, from when it happened.",
            "counts_in": "The second also bills what becomes final after a contract's end. It never changes.",
        }

    def clean_because(self) -> str:
        because: str = self.cleaned_data["because"].strip()
        if not because:
            raise ValidationError("Say why: a reason is needed for this change.")
        return because


class EvidenceForm(BaseDialogForm):
    """An address or a hash, or both, and words about it."""

    url = forms.CharField(
        label="Address", max_length=500, required=False, widget=UnfoldAdminTextInputWidget(), help_text="http or https."
    )
    hash = forms.CharField(
        label="Hash", max_length=128, required=False, widget=UnfoldAdminTextInputWidget(), help_text="sha256:…"
    )
    note = forms.CharField(
        label="Note", max_length=2000, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        named = {name: given.get(name, "") for name in ("url", "hash", "note")}
        if not self.errors and (wrong := Evidence(**named).wrong()):
            self.add_error(str(wrong.path[0]) if wrong.path else "url", f"{wrong.message}.")
        return given

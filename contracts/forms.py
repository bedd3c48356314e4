"""What pages for staff and for customers both ask."""

from datetime import date
from typing import Any

from django import forms

from contracts.checks import YEARS

DAY = {"type": "date", "class": "quoin-input"}


class DaysForm(forms.Form):
    """From which to which day, both inclusive; either may be left out."""

    start_on = forms.DateField(label="From", required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs=DAY))
    end_on = forms.DateField(label="To", required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs=DAY))

    def clean(self) -> dict[str, Any]:
        days: dict[str, Any] = super().clean() or {}
        for name in ("start_on", "end_on"):
            if days.get(name) and days[name].year not in YEARS:
                self.add_error(name, f"Give a day of the years {YEARS[0]} to {YEARS[-1]}.")
        if days.get("start_on") and days.get("end_on") and days["end_on"] < days["start_on"]:
            self.add_error("end_on", "It ends before it begins.")
        return days

    def days(self) -> tuple[date | None, date | None]:
        """What was asked, once it is valid."""
        return self.cleaned_data["start_on"], self.cleaned_data["end_on"]

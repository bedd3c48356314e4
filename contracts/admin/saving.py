"""Forms of the admin that are saved by operations, with a reason."""

from typing import Any

from django.http import HttpRequest

from contracts.admin.forms import BecauseForm
from governance.admin_base import GovernedAdmin


class SavedByOperations(GovernedAdmin):
    """A form whose reason goes with the change. Who may only look gets no reason to fill in."""

    operations_for_saving = True
    form: type[BecauseForm]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(self.form.Meta.fields)  # type: ignore[attr-defined]
        may_save = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return [(None, {"fields": [*fields, "because"] if may_save else fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["key"] if obj else []

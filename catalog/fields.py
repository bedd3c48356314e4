"""A charge at rest is JSON; everywhere else it is a `pricing.charges` value."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from pricing import charges


class ChargeField(models.JSONField):
    """Stores a charge as its JSON; reads and hands out a charge that is known to be priceable."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        data = super().from_db_value(value, expression, connection)
        return None if data is None else charges.load(data)

    def get_prep_value(self, value: Any) -> Any:
        data = value if value is None or isinstance(value, dict) else charges.dump(value)
        return super().get_prep_value(data)

    def to_python(self, value: Any) -> Any:
        if value is None or not isinstance(value, (str, dict)):
            return value
        try:
            data = super().to_python(value)
            return charges.load(data) if isinstance(data, dict) else data
        except charges.ChargeError as error:
            raise ValidationError(str(error)) from error

    def validate(self, value: Any, model_instance: Any) -> None:
        if value is None and not self.null:
            raise ValidationError(self.error_messages["null"], code="null")

    def value_to_string(self, obj: Any) -> Any:
        value = self.value_from_object(obj)
        return value if value is None or isinstance(value, dict) else charges.dump(value)

    def value_from_object(self, obj: Any) -> Any:
        value = super().value_from_object(obj)
        return value if value is None or isinstance(value, (str, dict)) else charges.dump(value)

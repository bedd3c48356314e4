"""Other keys that customers' usage is reported under. A new one also counts what waited for it."""

from django.core.exceptions import ValidationError
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from governance.acts import Act, Refused
from governance.change import change
from metering import queries
from metering.models import CustomerAlias, QuarantinedEvent
from metering.quarantine import operations as quarantine
from metering.quarantine.operations import Replayed


def define_alias(*, key: str, customer_key: str, act: Act) -> tuple[CustomerAlias, Replayed]:
    """Count usage reported under `key` as the customer's, also what waits in quarantine for it; and what came of that.

    Refused if the customer does not exist, or the key is a customer's own or an alias already.
    """
    alias = CustomerAlias(key=key, customer_key=customer_key)
    with change("customer_alias.defined", alias, act):
        if not queries.known_customers({customer_key}):
            raise Refused(f"No customer has the key {customer_key!r}.")
        if queries.known_customers({key}):
            raise Refused(f"{key} is the key of a customer of its own.")
        if there := CustomerAlias.objects.filter(key=key).first():
            raise Refused(f"{key} is an alias of {there.customer_key} already; end that one first.")
        try:
            alias.full_clean()
        except ValidationError as problem:
            raise Refused(" ".join(problem.messages)) from None
        alias.save()
        return alias, quarantine.replay_waiting(waiting_for(key), act=act)


def end_alias(alias: CustomerAlias, *, act: Act) -> None:
    """From now on the key is nobody's. What was counted by it stays counted."""
    with change("customer_alias.ended", alias, act):
        alias.delete()


def waiting_for(key: str) -> QuerySet[QuarantinedEvent]:
    """What waits because nobody was known by this key."""
    return QuarantinedEvent.objects.filter(
        resolved_at=None, reason=QuarantinedEvent.Reason.UNKNOWN_CUSTOMER, body__customer=key
    )


def still_waiting() -> Coalesce:
    """For a query of aliases: how many events wait under the alias, for whatever reason."""
    waiting = QuarantinedEvent.objects.filter(resolved_at=None).annotate(customer=KT("body__customer"))
    each = waiting.filter(customer=OuterRef("key")).order_by().values("customer")
    return Coalesce(Subquery(each.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)

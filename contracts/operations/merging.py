"""Merging a duplicate of a customer into the one that is kept, without losing what happened to either."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, models, transaction
from guardian.shortcuts import assign_perm, get_users_with_perms
from psycopg.errors import UniqueViolation

from contracts.models import Contract, Customer
from contracts.queries import ancestors_of
from governance import external_ids
from governance.acts import Act, Refused
from governance.change import change
from governance.doors import SERVE_CUSTOMER
from governance.entities import Entity, HistoryRow
from metering.models import CustomerAlias
from metering.registry.aliases import define_alias, end_alias


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge would do: what moves, how much of it, and what becomes of the usage."""

    kept: Customer
    duplicate: Customer
    moves: list[tuple[str, int]]
    usage: str


def merge_preview(kept: Customer, duplicate: Customer, at: datetime) -> Merge:
    """What moves from the duplicate to the kept one. `Refused` if they cannot be merged."""
    _must_be_mergeable(kept, duplicate)
    moves = [
        (str(model._meta.verbose_name_plural), count)
        for model, name in _what_names_customers()
        if (count := model._default_manager.filter(**{name: duplicate}).count())
    ]
    measured = list(_measured(duplicate, at).values_list("number", flat=True))
    usage = (
        f"Usage under {duplicate.key} goes on counting for {', '.join(measured)} alone while that runs; afterwards it "
        f"is usage of {kept.key}."
        if measured
        else f"Usage under {duplicate.key} counts as usage of {kept.key} from now on."
    )
    return Merge(kept, duplicate, moves, usage)


def merge_customers(kept: Customer, duplicate: Customer, *, act: Act) -> Customer:
    """Give the kept customer all that is the duplicate's, and let the duplicate's key lead there.

    What was issued keeps its copied names and amounts. A contract goes on measuring the usage that is reported under
    the key it was signed with, so nothing is billed twice or taken back. What the kept one has already (an e-mail of a
    contact, an id in a system) stays with the duplicate. `Refused` if they cannot be merged; there is no way back.
    """
    with change("customer.merged", duplicate, act):
        pair = Customer.objects.select_for_update().filter(pk__in=[kept.pk, duplicate.pk]).order_by("pk")
        both = {each.pk: each for each in pair}
        kept, duplicate = both[kept.pk], both.get(duplicate.pk, duplicate)
        _must_be_mergeable(kept, duplicate)
        duplicate.merged_into, duplicate.billed_to_parent, duplicate.parent = kept, False, None
        duplicate.save()
        for model, name in _what_names_customers():
            _move(model, name, kept, duplicate)
        _move_ids(kept, duplicate)
        for user in get_users_with_perms(duplicate, only_with_perms_in=[SERVE_CUSTOMER.split(".")[1]]):
            assign_perm(SERVE_CUSTOMER, user, kept)
        if not _measured(duplicate, act.at).exists():
            _hand_over(kept, duplicate, act)
    return kept


def hand_over_usage(*, act: Act) -> int:
    """Let the keys of merged customers lead to whoever kept them, once no contract measures by them; how many did."""
    waiting = Customer.objects.filter(merged_into__isnull=False, is_measured=True).select_related("merged_into")
    done = 0
    for duplicate in waiting.order_by("key"):
        kept = duplicate.merged_into
        if kept is not None and not _measured(duplicate, act.at).exists():
            with change("customer.handed_over", duplicate, act):
                _hand_over(kept, Customer.objects.select_for_update().get(pk=duplicate.pk), act)
            done += 1
    return done


def _must_be_mergeable(kept: Customer, duplicate: Customer) -> None:
    if kept.pk == duplicate.pk:
        raise Refused("A customer is not a duplicate of itself.")
    for each in (kept, duplicate):
        if each.merged_into is not None:
            raise Refused(f"{each} was merged into {each.merged_into} ({each.merged_into.key}).")
    if duplicate in ancestors_of(kept):
        raise Refused(f"{kept} belongs to {duplicate}; merge them the other way around.")


def _measured(customer: Customer, at: datetime) -> models.QuerySet[Contract]:
    """Contracts, running or to come, that bill what is reported under the customer's key."""
    measured = Contract.objects.filter(usage_key=customer.key, end_at__gt=at, lines__product__meter__isnull=False)
    return measured.distinct().order_by("number")


def _what_names_customers() -> Iterator[tuple[type[models.Model], str]]:
    """Every table with a column for a customer, whatever app it is of; histories stay as they were written."""
    for relation in Customer._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and relation.one_to_many) or not isinstance(relation, models.ManyToOneRel):
            continue
        model, name = relation.related_model, relation.field.name
        if isinstance(model, type) and not issubclass(model, HistoryRow):
            yield model, name


def _move(model: type[models.Model], name: str, kept: Customer, duplicate: Customer) -> None:
    """All the duplicate's rows of a table but those that the kept one has its own of."""
    rows = model._default_manager.filter(**{name: duplicate})
    if not issubclass(model, Entity):
        rows.update(**{name: kept})
        return
    for row in rows.select_for_update(of=("self",)).order_by("pk"):
        setattr(row, name, kept)
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            if not isinstance(error.__cause__, UniqueViolation):
                raise


def _move_ids(kept: Customer, duplicate: Customer) -> None:
    has, theirs = external_ids.all_of(kept), external_ids.all_of(duplicate)
    free = {system: each for system, each in theirs.items() if system not in has}
    external_ids.tell(duplicate, dict.fromkeys(free, ""))
    external_ids.tell(kept, free)


def _hand_over(kept: Customer, duplicate: Customer, act: Act) -> None:
    """From now on its key, and what was an alias of it, is an alias of who is kept."""
    duplicate.is_measured = False
    duplicate.save()
    aliases = list(CustomerAlias.objects.filter(customer_key=duplicate.key))
    for alias in aliases:
        end_alias(alias, act=act)
    for key in (duplicate.key, *(alias.key for alias in aliases)):
        define_alias(key=key, customer_key=kept.key, act=act)

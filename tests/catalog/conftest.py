"""Ann prices, Cara agrees, Ben sells, Eve is a stranger; one product of each kind and a rate card in dollars."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from catalog import operations
from catalog.models import Product, RateCard, RateCardVersion
from governance.acts import Act
from governance.change import change
from governance.policies import install_policies
from governance.roles import FINANCE, PRICING_MANAGER, SALES_REP, install_roles
from metering.models import Meter
from pricing.charges import Charge, Flat
from tests.catalog.cards import MARCH, TIERED, agree, by

Publish = Callable[..., RateCardVersion]


@pytest.fixture
def roles(db: None) -> None:
    install_roles()
    install_policies(act=Act.of_system("installation", "Defaults", MARCH))


def person(username: str, role: str = "") -> User:
    user = User.objects.create_user(username, password="quoin", is_staff=True)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def ann(roles: None) -> User:
    return person("ann", PRICING_MANAGER)


@pytest.fixture
def cara(roles: None) -> User:
    return person("cara", FINANCE)


@pytest.fixture
def ben(roles: None) -> User:
    return person("ben", SALES_REP)


@pytest.fixture
def eve(roles: None) -> User:
    return person("eve")


@pytest.fixture
def tokens(roles: None) -> Product:
    meter = Meter(key="tokens", name="Tokens", event_type="llm", aggregation="sum", property="tokens")
    with change("meter.defined", meter, by(None)):
        meter.save()
    return operations.create_product(
        key="input-tokens", name="Input tokens", kind="usage", meter=meter, unit="token", act=by(None)
    )


@pytest.fixture
def fee(roles: None) -> Product:
    return operations.create_product(
        key="platform-fee", name="Platform fee", kind="recurring", unit="month", act=by(None)
    )


@pytest.fixture
def card(roles: None) -> RateCard:
    return operations.create_rate_card(key="standard-usd", name="Standard USD", currency="USD", act=by(None))


@pytest.fixture
def publish(card: RateCard, tokens: Product, ann: User, cara: User) -> Publish:
    """Publish a next version of the card, reviewed and approved, with the tokens at this charge."""

    def publish(charge: Charge = TIERED, at: datetime = MARCH, effective_from: datetime | None = None):
        draft = operations.draft_version(card, act=by(ann, at=at))
        operations.set_rate(draft, tokens, charge, act=by(ann, at=at))
        submitted = operations.submit_version(draft, warnings_accepted="Meant so", act=by(ann, at=at))
        agree(submitted, cara, at)
        return operations.publish_version(submitted, effective_from=effective_from or at, act=by(ann, at=at))

    return publish


@pytest.fixture
def draft(card: RateCard, tokens: Product, fee: Product, ann: User) -> RateCardVersion:
    """A first draft with tokens in tiers and a monthly fee."""
    draft = operations.draft_version(card, note="First prices", act=by(ann))
    operations.set_rate(draft, tokens, TIERED, act=by(ann))
    operations.set_rate(draft, fee, Flat(Decimal(20)), in_advance=True, act=by(ann))
    return draft


@pytest.fixture
def signed_in(client: Client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in

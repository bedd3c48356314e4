"""The API of packages: what can be signed as it is, and signing it."""

from typing import Any

from django.http import Http404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from contracts.models import Contract, Customer, Package, PackageVersion
from contracts.operations import move_to_package, sign_up
from contracts.operations.moving import POLICY, WHEN
from contracts.operations.packages import Request
from contracts.package_queries import contents_of, offered, version_on_offer
from contracts.schema import ContractOut, Day, MoneyField, Number, RefusedOut, contract_shape
from governance.acts import Refused
from governance.doors import HasScope, act_of, visible
from pricing.money import Money, plain
from pricing.periods import zone_named

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="Yours, of up to 80 characters. Sent again under it, the request is answered with the same contract.",
)


class PackageLineOut(serializers.Serializer[Any]):
    product = serializers.CharField()
    quantity = Number(allow_null=True, help_text="Null: as measured.")
    is_chosen = serializers.BooleanField(help_text="The customer may take more than the quantity.")
    discount_percent = Number()
    discount_amount = MoneyField()
    minimum = MoneyField(allow_null=True)
    label = serializers.CharField(help_text="Of a phase.")  # type: ignore[assignment] # DRF's Field has one of its own
    from_month = serializers.IntegerField(help_text="It begins so many months after the start.")
    phase_months = serializers.IntegerField(allow_null=True, help_text="Null: until the end.")


class PackageCommitOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    access = MoneyField()
    price = MoneyField(help_text="Nothing: a credit.")
    product_keys = serializers.ListField(child=serializers.CharField(), help_text="Empty: every usage product.")


class PackageOut(serializers.Serializer[Any]):
    """A package and the version of it that is signed now."""

    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    audience = serializers.CharField()
    is_open = serializers.BooleanField(help_text="Whether customers can sign up to it by themselves.")
    version = serializers.IntegerField()
    rate_card = serializers.CharField()
    follows_card = serializers.BooleanField()
    currency = serializers.CharField()
    months = serializers.IntegerField()
    renews_itself = serializers.BooleanField(help_text="For as long again, until it is declined.")
    trial_days = serializers.IntegerField()
    lines = PackageLineOut(many=True)
    commits = PackageCommitOut(many=True)


class BuyerIn(serializers.Serializer[Any]):
    """A new customer or, by its key alone, one there is: that one stays as it is."""

    key = serializers.SlugField(max_length=120)
    name = serializers.CharField(max_length=200, required=False)
    email = serializers.EmailField(required=False)
    billing_address = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    country = serializers.RegexField(r"^[A-Z]{2}$", required=False)
    tax_number = serializers.CharField(required=False, allow_blank=True, max_length=40)
    time_zone = serializers.CharField(required=False, max_length=60)

    def validate_time_zone(self, value: str) -> str:
        try:
            zone_named(value)
        except ValueError as error:
            raise serializers.ValidationError(f"{error}.".capitalize()) from None
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in ("name", "email") if name not in attrs]
        if missing and not Customer.objects.filter(key=attrs["key"]).exists():
            raise serializers.ValidationError({name: ["A new customer needs this."] for name in missing})
        return attrs


class SignUpIn(serializers.Serializer[Any]):
    """Who signs which package, and how much they take of what they may choose."""

    package = serializers.SlugRelatedField(slug_field="key", queryset=Package.objects.all())
    customer = BuyerIn()
    signed_by = serializers.CharField(max_length=200, help_text="The person who accepts for the customer.")
    quantities = serializers.DictField(child=Number(), required=False, default=dict, help_text="By product key.")
    start_on = Day(required=False, allow_null=True, default=None, help_text="Null: today, where the customer is.")


class PackagesView(generics.GenericAPIView[Package]):
    """What can be signed as it is."""

    permission_classes = [HasScope]
    required_scope = "contracts:read"
    required_permission = "contracts.view_package"
    serializer_class = PackageOut
    pagination_class = None
    filter_backends = []
    queryset = Package.objects.all()

    @extend_schema(operation_id="list_packages", summary="List packages", responses={200: PackageOut(many=True)})
    def get(self, request: HttpRequest) -> Response:
        return Response([package_shape(version) for version in offered(self.get_queryset())])


class SignUpsView(generics.GenericAPIView[Contract]):
    """Self-serve sign-up."""

    permission_classes = [HasScope]
    required_scope = "signups:write"
    serializer_class = SignUpIn

    @extend_schema(
        operation_id="sign_up",
        summary="Sign a customer up to a package",
        description="Makes the customer, unless there is one of that key, and the contract. Safe to repeat under the "
        "same Idempotency-Key: the first answer is 201, a repeated one 200 with the same contract.",
        parameters=[IDEMPOTENCY_KEY],
        request=SignUpIn,
        responses={201: ContractOut, 200: ContractOut, 409: RefusedOut},
    )
    def post(self, request: HttpRequest) -> Response:
        given = SignUpIn(data=request.data)
        key = request.headers.get("Idempotency-Key", "").strip()
        if not 0 < len(key) <= 80 or not key.isprintable():
            raise ValidationError({"Idempotency-Key": ["Send this header: a text of yours of up to 80 characters."]})
        given.is_valid(raise_exception=True)
        act = act_of(request, "Signed up through the API")
        asked = given.validated_data
        wanted = Request(
            source=act.name,
            key=key,
            customer=asked["customer"],
            signed_by=asked["signed_by"],
            quantities=asked["quantities"],
            start_on=asked["start_on"],
        )
        contract, is_new = sign_up(asked["package"], wanted, act=act)
        return Response(contract_shape(contract), status=201 if is_new else 200)


class MoveIn(serializers.Serializer[Any]):
    """Where a contract moves, when, and how much the customer takes of what they may choose."""

    package = serializers.SlugRelatedField(slug_field="key", queryset=Package.objects.all())
    when = serializers.ChoiceField(
        WHEN, default=POLICY, help_text="By policy at once, or with the next month where it comes to less."
    )
    quantities = serializers.DictField(child=Number(), required=False, default=dict, help_text="By product key.")
    swaps = serializers.DictField(
        child=serializers.SlugField(), required=False, default=dict, help_text="Product keys: what becomes what."
    )
    because = serializers.CharField(max_length=2000)


class MoveView(generics.GenericAPIView[Contract]):
    """Plan change."""

    permission_classes = [HasScope]
    required_scope = "contracts:write"
    required_permission = "contracts.change_contract"
    serializer_class = MoveIn
    queryset = Contract.objects.all()

    @extend_schema(
        operation_id="move_to_package",
        summary="Move a contract to a package",
        description="Amends the contract to say what the package's latest version does, at the prices of the day. "
        "The answer is the contract as it is then, with the lines that ended and those that go on.",
        request=MoveIn,
        responses={200: ContractOut, 409: RefusedOut},
    )
    def post(self, request: HttpRequest, number: str) -> Response:
        seen = self.get_queryset() if hasattr(request, "system_key") else visible(self.get_queryset(), request.user)
        contract = seen.filter(number=number).first()
        if contract is None:
            raise Http404
        given = MoveIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        version = version_on_offer(asked["package"])
        if version is None:
            raise Refused(f"{asked['package']} has no version to move to.")
        wanted = {name: asked[name] for name in ("when", "quantities", "swaps")}
        move_to_package(contract, version, **wanted, act=act_of(request, asked["because"]))
        return Response(contract_shape(Contract.objects.get(pk=contract.pk)))


def package_shape(version: PackageVersion) -> dict[str, Any]:
    """A version on offer as `PackageOut` says it."""
    package, terms = version.package, contents_of(version)
    currency = terms.rate_card.currency
    return {
        "key": package.key,
        "name": package.name,
        "description": package.description,
        "audience": package.audience,
        "is_open": package.is_open,
        "version": version.number,
        "rate_card": terms.rate_card.key,
        "follows_card": terms.follows_card,
        "currency": currency,
        "months": terms.months,
        "renews_itself": terms.renews_itself,
        "trial_days": terms.trial_days,
        "lines": [
            {
                "product": line.product.key,
                "quantity": None if line.quantity is None else plain(line.quantity),
                "is_chosen": line.is_chosen,
                "discount_percent": plain(line.discount_percent),
                "discount_amount": Money(line.discount_amount, currency).as_json(),
                "minimum": None if line.minimum is None else Money(line.minimum, currency).as_json(),
                "label": line.label,
                "from_month": line.from_month,
                "phase_months": line.phase_months,
            }
            for line in terms.lines
        ],
        "commits": [
            {
                "name": each.name,
                "access": Money(each.access_amount, currency).as_json(),
                "price": Money(each.price, currency).as_json(),
                "product_keys": list(each.product_keys),
            }
            for each in terms.commits
        ],
    }


urlpatterns = [
    path("packages", PackagesView.as_view(), name="packages"),
    path("contracts/<str:number>/package", MoveView.as_view(), name="contract-package"),
    path("signups", SignUpsView.as_view(), name="signups"),
]

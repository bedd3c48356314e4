"""Prices as code over the API: the file out, what a file would change, and the request for it."""

import json
from typing import IO, Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import code_shapes as shapes
from catalog.api.base import PUBLISH, READ_AT, REFUSED, CatalogView, MoneyView, holds, instant, question
from catalog.api.shapes import AtIn
from catalog.portable import applying, checking, document, exporting, planning, report, writing
from catalog.portable.nodes import Problem, Unreadable
from governance.acts import Act
from governance.doors import SEE_EVERY_CUSTOMER, act_of, may

MAX_BYTES = 1024 * 1024
FILE: Any = {"application/yaml": OpenApiTypes.OBJECT, "application/json": OpenApiTypes.OBJECT}
BAD_FILE = {400: shapes.ProblemsOut, 413: shapes.ProblemsOut}


class BadFile(APIException):
    """400 (413 when too large) with every problem: line, field, and what is wrong."""

    status_code = 400

    def __init__(self, problems: list[Problem], status_code: int = 400) -> None:
        self.status_code = status_code
        self.detail: dict[str, Any] = {
            "detail": "The file cannot be taken.",
            "problems": [{"line": each.line, "field": each.field, "text": each.text} for each in problems],
        }


class _FileParser(BaseParser):
    """A document from a body; lines are told as those of the body."""

    is_json = False

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise BadFile([Problem(0, "", f"is larger than {MAX_BYTES:,} bytes")], 413)
        try:
            return document.read(body.decode(), is_json=self.is_json)
        except UnicodeDecodeError:
            raise BadFile([Problem(0, "", "is not written in UTF-8")]) from None
        except Unreadable as problem:
            raise BadFile(problem.problems) from None


class YamlParser(_FileParser):
    media_type = "application/yaml"


class JsonParser(_FileParser):
    media_type = "application/json"
    is_json = True


class TextYamlParser(YamlParser):
    media_type = "text/yaml"


class ExportIn(AtIn):
    card = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, help_text="Keys of rate cards; all unless given."
    )


class YamlRenderer(BaseRenderer):
    """A document as YAML; whatever else is to be said as JSON, which YAML includes."""

    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        return writing.as_yaml(data) if isinstance(data, document.Document) else json.dumps(data, default=str)


class ExportView(CatalogView):
    renderer_classes = [YamlRenderer, JSONRenderer]

    @extend_schema(
        operation_id="export_prices",
        parameters=[
            OpenApiParameter("card", str, many=True, description="Keys of rate cards; all unless given."),
            *READ_AT,
        ],
        responses={
            (200, "application/yaml"): OpenApiTypes.STR,
            (200, "application/json"): OpenApiTypes.OBJECT,
            **REFUSED,
        },
    )
    def get(self, request: Request) -> Response:
        """What is in force as a file: meters, features, products, rate cards, selection rules. Apply it elsewhere.

        Costs come along for people who may see them, and for keys that hold catalog:write.
        """
        asked = question(request, ExportIn)
        with_costs = holds(request, "catalog.view_costrate")
        found = exporting.export(asked.get("card", ()), at=instant(request), with_costs=with_costs)
        is_json = request.accepted_renderer.format == "json"
        return Response(writing.as_data(found) if is_json else found)


class FormatView(CatalogView):
    @extend_schema(operation_id="get_prices_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """JSON Schema (2020-12) of the file."""
        return Response(document.schema())


class _FileView(APIView):
    parser_classes = [YamlParser, JsonParser, TextYamlParser]


class PlanView(_FileView, MoneyView):
    writes = {"POST": MoneyView.reads}

    @extend_schema(operation_id="plan_prices", request=FILE, responses={200: shapes.PlanOut, **BAD_FILE, **REFUSED})
    def post(self, request: Request) -> Response:
        """What applying the file would change, field by field, what lint finds, and what it means in money.

        Nothing is kept. Contracts are named only to keys with contracts:read and people who see every customer.
        """
        wanted = _document(request)
        act = Act.of_system("pricing plan", "To see what a file would change")
        asked = _planned(wanted, act)
        names_them = holds(request, SEE_EVERY_CUSTOMER, "contracts:read")
        return Response(shapes.plan_out(report.report(asked, act=act), names_them=names_them))


class ApplyView(_FileView, CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(
        operation_id="apply_prices",
        request=FILE,
        parameters=[shapes.ApplyIn],
        responses={200: shapes.AppliedOut, **BAD_FILE, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Ask for what the file says: a draft in review for each card that differs, never a live price.

        Meters, features, products and cards that are missing are made first. Everything or nothing; the same file again
        while its request is in review does nothing and says so. Only a person can ask for a review: keys get 409.
        """
        wanted = _document(request)
        given = question(request, shapes.ApplyIn)
        act = act_of(request, given["because"])
        _check_rights(request, _planned(wanted, act))
        asked, versions = applying.apply(wanted, warnings_accepted=given["warnings_accepted"], act=act)
        return Response(shapes.applied_out(asked, versions))


def _document(request: Request) -> document.Document:
    found: Any = request.data  # as the parser made it; without a body there is none
    if not isinstance(found, document.Document):
        raise BadFile([Problem(0, "", "is empty")])
    return found


def _planned(wanted: document.Document, act: Act) -> planning.Plan:
    asked = planning.plan(wanted, at=act.at)
    try:
        checking.check(asked)
    except Unreadable as problem:
        raise BadFile(problem.problems) from None
    return asked


def _check_rights(request: Request, asked: planning.Plan) -> None:
    """A person needs the permission of every verb it comes down to; a key that defines meters needs usage:write."""
    needed = applying.permissions(asked)
    if hasattr(request, "system_key"):
        missing = [] if "metering.add_meter" not in needed else ["usage:write"]
        missing = [scope for scope in missing if scope not in request.system_key.scopes]
    else:
        missing = sorted(name for name in needed if not may(request.user, name))
    if missing:
        raise PermissionDenied(f"This needs {', '.join(missing)}.")


urlpatterns = [
    path("pricing", ExportView.as_view(), name="pricing"),
    path("pricing/schema", FormatView.as_view(), name="pricing-schema"),
    path("pricing/plan", PlanView.as_view(), name="pricing-plan"),
    path("pricing/apply", ApplyView.as_view(), name="pricing-apply"),
]

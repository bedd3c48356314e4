"""The API of invoices: find issued ones, read one with its workings, fetch its PDF. Reading takes invoices:read."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contracts.schema import RefusedOut
from governance.acts import Refused
from governance.doors import HasScope, act_of, visible
from invoicing import api_amendments, api_corrections
from invoicing.documents import document_of
from invoicing.models import Invoice
from invoicing.schema import InvoiceOut, InvoicesIn, InvoicesOut, cursor_of, invoice_row, invoice_shape


class InvoiceDoor(APIView):
    """Issued invoices only: a draft is nobody's business outside."""

    permission_classes = [HasScope]
    required_scope = "invoices:read"
    required_permission = "invoicing.view_invoice"

    def invoices(self) -> QuerySet[Invoice]:
        """A key sees every customer's, a person those of the customers they serve."""
        issued = Invoice.objects.exclude(number=None).select_related("legal_entity", "customer", "contract__customer")
        return issued if hasattr(self.request, "system_key") else visible(issued, self.request.user)

    def invoice(self, name: str) -> Invoice:
        """By number or by id. `Refused` if several sellers used that number."""
        found = list(self.invoices().filter(_named(name))[:2])
        if not found:
            raise Http404
        if len(found) > 1:
            raise Refused(f"Several sellers have an invoice {name}; ask for it by its id.")
        return found[0]


class InvoicesView(InvoiceDoor):
    @extend_schema(
        operation_id="list_invoices",
        summary="List issued invoices",
        description="Newest first. Follow `next` as `cursor`: nothing is missed or shown twice while new ones come in.",
        parameters=[InvoicesIn],
        responses={200: InvoicesOut},
    )
    def get(self, request: Request) -> Response:
        asked = InvoicesIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        limit = asked.validated_data["limit"]
        found = list(self.invoices().filter(asked.conditions()).order_by("-issued_at", "-pk")[: limit + 1])
        following = cursor_of(found[limit - 1]) if len(found) > limit else None
        return Response({"results": [invoice_row(each) for each in found[:limit]], "next": following})


class InvoiceView(InvoiceDoor):
    @extend_schema(
        operation_id="read_invoice",
        summary="Read an invoice",
        description="By number or id, with its lines, why each comes to what it does, payments and credits.",
        responses={200: InvoiceOut, 409: RefusedOut},
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(invoice_shape(self.invoice(name)))


class InvoicePdfView(InvoiceDoor):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Whatever is accepted, the document is PDF and an error is JSON."""
        return JSONRenderer(), "application/json"

    @extend_schema(
        operation_id="read_invoice_pdf",
        summary="The invoice as PDF",
        description="Drawn once: the same bytes for everybody, for ever.",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, 409: RefusedOut},
    )
    def get(self, request: Request, name: str) -> HttpResponse:
        invoice = self.invoice(name)
        document = document_of(invoice, act=act_of(request, "The document was asked for through the API."))
        headers = {"Content-Disposition": f'attachment; filename="{invoice.number}.pdf"'}
        return HttpResponse(document, content_type="application/pdf", headers=headers)


def _named(name: str) -> Any:
    try:
        return Q(pk=UUID(name))
    except ValueError:
        return Q(number=name)


urlpatterns = [
    path("invoices", InvoicesView.as_view()),
    path("invoices/<str:name>", InvoiceView.as_view()),
    path("invoices/<str:name>/pdf", InvoicePdfView.as_view()),
    *api_amendments.urlpatterns,
    *api_corrections.urlpatterns,
]

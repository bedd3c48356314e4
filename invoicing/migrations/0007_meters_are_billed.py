"""Until when a meter is billed: PostgreSQL asks, so that no definition changes what invoices say."""

from django.db import migrations

_BILLED = """
    CREATE OR REPLACE FUNCTION meter_billed_through(meter uuid) RETURNS timestamptz STABLE LANGUAGE sql AS $$
        SELECT max(line.period_end)
        FROM invoicing_invoiceline AS line
        JOIN invoicing_invoice AS invoice ON invoice.id = line.invoice_id
        JOIN catalog_product AS product ON product.key = line.product_key
        WHERE product.meter_id = meter AND line.kind = 'charge' AND invoice.status IN ('finalized', 'paid')
    $$
"""
_NOT_KNOWN = """
    CREATE OR REPLACE FUNCTION meter_billed_through(meter uuid) RETURNS timestamptz STABLE LANGUAGE sql AS
    'SELECT NULL::timestamptz'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("invoicing", "0006_drafts_are_released"),
        ("catalog", "0002_pricing_as_a_product"),
        ("metering", "0011_billed_definitions_stay"),
    ]

    operations = [migrations.RunSQL(_BILLED, _NOT_KNOWN)]

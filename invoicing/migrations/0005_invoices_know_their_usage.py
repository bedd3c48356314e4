"""Invoices know up to which batch they were measured and when they were released; PostgreSQL, until when a meter is billed."""

from django.db import migrations, models

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
        ("invoicing", "0004_earned_on_invoice"),
        ("catalog", "0002_pricing_as_a_product"),
        ("metering", "0004_events_by_month"),
    ]

    operations = [
        migrations.AddField(
            model_name="historicalinvoice",
            name="measured_through",
            field=models.BigIntegerField(
                blank=True, editable=False, help_text="the last batch of usage that its amounts know of", null=True
            ),
        ),
        migrations.AddField(
            model_name="historicalinvoice",
            name="released_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="what was flagged until then holds it no more", null=True
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="measured_through",
            field=models.BigIntegerField(
                blank=True, editable=False, help_text="the last batch of usage that its amounts know of", null=True
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="released_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="what was flagged until then holds it no more", null=True
            ),
        ),
        migrations.RunSQL(_BILLED, _NOT_KNOWN),
    ]

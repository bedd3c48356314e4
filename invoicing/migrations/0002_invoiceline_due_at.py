from datetime import UTC, datetime

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0001_initial")]

    operations = [
        migrations.AddField(
            "invoiceline",
            "due_at",
            models.DateTimeField(
                default=datetime(1970, 1, 1, tzinfo=UTC),
                help_text="when its cycle fell due; a draft is rated again up to there",
            ),
            preserve_default=False,
        )
    ]

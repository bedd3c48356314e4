"""The ids that other systems gave our records move here with their rows: parts below integrations show them."""

from django.db import migrations, models

MOVED = "ALTER TABLE integrations_externalid RENAME TO governance_externalid"
BACK = "ALTER TABLE governance_externalid RENAME TO integrations_externalid"


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("integrations", "0002_external_ids_move_down")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(MOVED, BACK)],
            state_operations=[
                migrations.CreateModel(
                    name="ExternalId",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("system", models.SlugField(db_index=False, max_length=40)),
                        ("subject_type", models.CharField(max_length=80)),
                        ("subject_id", models.CharField(max_length=80)),
                        ("external_id", models.CharField(max_length=120)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("system", "subject_type", "subject_id"), name="one_id_per_system"
                            ),
                            models.UniqueConstraint(
                                fields=("system", "subject_type", "external_id"), name="one_record_per_outside_id"
                            ),
                        ],
                    },
                ),
            ],
        )
    ]

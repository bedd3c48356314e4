"""Background work: the Celery application and the whole timetable, in one place.

Tasks find their work by state, so a beat that is late, doubled or missing loses nothing.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("quoin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

SECONDS = 1.0
MINUTES = 60.0

app.conf.beat_schedule = {
    "relay changes to whoever listens": {"task": "integrations.tasks.relay", "schedule": 5 * SECONDS},
    "make the deliveries that are due": {"task": "integrations.tasks.deliver_due", "schedule": 5 * SECONDS},
    "process what others sent us": {"task": "integrations.tasks.process_inbox", "schedule": 5 * SECONDS},
    "flag usage that looks wrong": {"task": "metering.tasks.flag_usage", "schedule": 15 * MINUTES},
    "estimate what quarantine is worth": {"task": "metering.tasks.estimate_at_risk", "schedule": 1 * MINUTES},
    "add usage to its daily totals": {"task": "metering.tasks.roll_up", "schedule": 2 * SECONDS},
    "remove what was given up": {"task": "metering.tasks.sweep_usage", "schedule": 60 * MINUTES},
    "retire old usage": {"task": "metering.tasks.retire_usage", "schedule": 60 * MINUTES},
    "hand over the usage of merged customers": {"task": "contracts.tasks.hand_over_usage", "schedule": 60 * MINUTES},
    "settle outcomes that are due": {"task": "metering.tasks.settle_outcomes", "schedule": 1 * MINUTES},
    "renew what renews itself": {"task": "contracts.tasks.renew_due", "schedule": 15 * MINUTES},
    "bill what is due": {"task": "invoicing.tasks.bill_due", "schedule": 5 * MINUTES},
    "read what customers cap": {"task": "contracts.tasks.read_caps", "schedule": 15 * SECONDS},
    "note whose invoices are overdue": {"task": "invoicing.tasks.note_arrears", "schedule": 15 * MINUTES},
}
for entry in app.conf.beat_schedule.values():
    # What has waited a whole round is no longer wanted: the next round finds the same work.
    entry["options"] = {"expires": entry["schedule"]}

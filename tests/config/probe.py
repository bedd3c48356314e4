"""A task that leaves a mark in the database, for the test of the brokers."""

from celery import shared_task
from django.contrib.auth.models import Group


@shared_task
def leave_a_mark(name: str) -> None:
    Group.objects.create(name=name)

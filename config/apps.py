from django.apps import AppConfig

from config.celery import app as celery_app

__all__ = ["ConfigConfig", "celery_app"]  # with the Celery application loaded, tasks anywhere belong to it


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Running it"

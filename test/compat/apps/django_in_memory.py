"""The settings of the Django example, with a database that leaves no file behind."""

from django_defaults import settings

globals().update({name: getattr(settings, name) for name in dir(settings) if name.isupper()})
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

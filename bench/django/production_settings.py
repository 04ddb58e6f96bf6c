"""The example project as it would be deployed: no debugging, and database connections that outlive a request."""

from django_defaults.settings import *  # noqa: F403
from django_defaults.settings import DATABASES

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES["default"]["CONN_MAX_AGE"] = 60

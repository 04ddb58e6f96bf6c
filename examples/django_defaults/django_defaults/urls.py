"""The URLs of the project: the admin, the guestbook, and the static files of both."""

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("guestbook.urls")),
    # Only with DEBUG, where Django serves them by itself; `manage.py runserver` does the same.
    *staticfiles_urlpatterns(),
]

from django.urls import path

from . import views

urlpatterns = [
    path("", views.guestbook, name="guestbook"),
    path("entries", views.entries, name="entries"),
    path("session", views.session, name="session"),
    path("upload", views.upload, name="upload"),
    path("download/<int:size>", views.download, name="download"),
    path("stream", views.stream, name="stream"),
    path("environ", views.environ, name="environ"),
]

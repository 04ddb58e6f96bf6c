"""A guestbook, and a view for each thing that a server has to get right for an application."""

import hashlib
import time

from django.http import JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from .forms import EntryForm
from .models import Entry

BLOCK = bytes(range(256)) * 256


def guestbook(request):
    """The page; its form writes an entry and leads back to it."""
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("guestbook")
    context = {"form": form, "entries": Entry.objects.all()[:50], "visits": count_visit(request)}
    return render(request, "guestbook/guestbook.html", context, status=400 if form.errors else 200)


@require_safe
def entries(_request):
    """The latest entries, read from the database, as JSON."""
    return JsonResponse({"entries": list(Entry.objects.values("name", "message")[:10])})


def session(request):
    return JsonResponse({"visits": count_visit(request)})


def count_visit(request):
    visits = request.session.get("visits", 0) + 1
    request.session["visits"] = visits
    return visits


@csrf_exempt  # so that curl may use it
@require_POST
def upload(request):
    """Size and digest of the form's file named `file`, or of the body itself when it is no form."""
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("file")
        if file is None:
            return JsonResponse({"error": "no file"}, status=400)
        name, chunks = file.name, file.chunks()
    else:
        name, chunks = None, iter(lambda: request.read(len(BLOCK)), b"")
    size, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return JsonResponse({"name": name, "size": size, "sha256": digest.hexdigest()})


@require_safe
def download(request, size):
    """`size` bytes: 0, 1, … 255, and again from 0."""
    blocks = (BLOCK[: size - start] for start in range(0, size, len(BLOCK)))
    headers = {"Content-Length": size, "Content-Type": "application/octet-stream"}
    return StreamingHttpResponse(blocks, headers=headers)


@require_safe
def stream(request):
    """`?lines=` lines of text, each sent `?delay=` seconds after the one before; no length is known beforehand."""
    count, delay = int(request.GET.get("lines", 5)), float(request.GET.get("delay", 0))

    def lines():
        for number in range(1, count + 1):
            yield f"line {number}\n"
            time.sleep(delay)

    return StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")


def environ(request):
    """The WSGI environ: every key; what is not a string as its repr."""
    items = sorted(request.environ.items())
    return JsonResponse({key: value if isinstance(value, str) else repr(value) for key, value in items})

"""A Bottle application in one file: temperatures converted as JSON and as a form, upload, download, streaming."""

import hashlib
import time

from bottle import Bottle, HTTPResponse, request, response, template

app = application = Bottle()

BLOCK = bytes(range(256)) * 256

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Temperatures</title>
<style>body { max-width: 32rem; margin: 2rem auto; font: 1rem/1.5 system-ui, sans-serif }</style>
<h1>Temperatures</h1>
<form method="post" action="/">
  <label>Degrees Celsius <input name="celsius" type="number" step="any" required></label>
  <button type="submit">Convert</button>
</form>
% if fahrenheit is not None:
<p>That is {{fahrenheit}} °F.</p>
% end
</html>
"""


@app.get("/")
def page():
    return template(PAGE, fahrenheit=None)


@app.post("/")
def convert_form():
    return template(PAGE, fahrenheit=to_fahrenheit(request.forms.get("celsius")))


@app.post("/convert")
def convert_json():
    return {"fahrenheit": to_fahrenheit((request.json or {}).get("celsius"))}


def to_fahrenheit(celsius):
    try:
        return float(celsius) * 9 / 5 + 32
    except (TypeError, ValueError):
        raise HTTPResponse({"error": "celsius must be a number"}, status=400) from None


@app.post("/echo")
def echo():
    """The parts of the request as Bottle has parsed them."""
    # To Bottle any body is a form.
    form = {} if request.json is not None else dict(request.forms.decode())
    return {"args": dict(request.query.decode()), "form": form, "json": request.json}


@app.get("/session")
def count_visits():
    """Bottle has no sessions: a cookie holds the count, and the visitor may forge it."""
    count = request.get_cookie("visits", default="0")
    visits = int(count) + 1 if count.isdecimal() else 1
    response.set_cookie("visits", str(visits), path="/", httponly=True)
    return {"visits": visits}


@app.post("/upload")
def upload():
    """Size and digest of the form's file named `file`, or of the body itself when it is no form."""
    # Bottle looks for files in any body, and refuses one of more than 100 KB that is no multipart form.
    file = request.files.get("file") if request.content_type.startswith("multipart/form-data") else None
    source = request.body if file is None else file.file
    size, digest = 0, hashlib.sha256()
    while chunk := source.read(len(BLOCK)):
        size += len(chunk)
        digest.update(chunk)
    return {"name": file and file.raw_filename, "size": size, "sha256": digest.hexdigest()}


@app.get("/download/<size:int>")
def download(size):
    """`size` bytes: 0, 1, … 255, and again from 0."""
    response.content_type = "application/octet-stream"
    response.content_length = size
    return (BLOCK[: size - start] for start in range(0, size, len(BLOCK)))


@app.get("/stream")
def stream():
    """`?lines=` lines of text, each sent `?delay=` seconds after the one before; no length is known beforehand."""
    count, delay = int(request.query.get("lines", 5)), float(request.query.get("delay", 0))
    response.content_type = "text/plain; charset=utf-8"
    for number in range(1, count + 1):
        yield f"line {number}\n"
        time.sleep(delay)


@app.get("/environ")
def environ():
    """The WSGI environ: every key; what is not a string as its repr."""
    items = sorted(request.environ.items())
    return {key: value if isinstance(value, str) else repr(value) for key, value in items}

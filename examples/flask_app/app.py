"""A Flask application: a shopping list as JSON and as a form, upload, download, streaming, a session."""

import hashlib
import os
import threading
import time

from flask import Flask, Response, jsonify, redirect, render_template, request, session, url_for

app = Flask(__name__)
app.secret_key = os.environ.get("FLASK_SECRET_KEY", "for-development-only")
application = app

BLOCK = bytes(range(256)) * 256

# Of this process: with several workers each has its own.
items = []
items_lock = threading.Lock()


@app.get("/")
def index():
    return render_template("index.html", items=items)


@app.post("/items")
def add_item():
    """Adds from the form, which leads back to the page, or from JSON, which is answered with JSON."""
    name = (request.get_json() if request.is_json else request.form).get("name", "").strip()
    if not name:
        return jsonify(error="an item needs a name"), 400
    with items_lock:
        items.append(name)
    return (jsonify(items=items), 201) if request.is_json else redirect(url_for("index"))


@app.get("/items")
def list_items():
    return jsonify(items=items)


@app.post("/echo")
def echo():
    """The parts of the request as Flask has parsed them."""
    return jsonify(args=request.args, form=request.form, json=request.get_json(silent=True))


@app.get("/session")
def count_visits():
    session["visits"] = session.get("visits", 0) + 1
    return jsonify(visits=session["visits"])


@app.post("/upload")
def upload():
    """Size and digest of the form's file named `file`, or of the body itself when it is no form."""
    file = request.files.get("file")
    source = request.stream if file is None else file.stream
    size, digest = 0, hashlib.sha256()
    while chunk := source.read(len(BLOCK)):
        size += len(chunk)
        digest.update(chunk)
    return jsonify(name=file and file.filename, size=size, sha256=digest.hexdigest())


@app.get("/download/<int:size>")
def download(size):
    """`size` bytes: 0, 1, … 255, and again from 0."""
    blocks = (BLOCK[: size - start] for start in range(0, size, len(BLOCK)))
    return Response(blocks, mimetype="application/octet-stream", headers={"Content-Length": size})


@app.get("/stream")
def stream():
    """`?lines=` lines of text, each sent `?delay=` seconds after the one before; no length is known beforehand."""
    count, delay = request.args.get("lines", 5, type=int), request.args.get("delay", 0, type=float)

    def lines():
        for number in range(1, count + 1):
            yield f"line {number}\n"
            time.sleep(delay)

    return Response(lines(), mimetype="text/plain")


@app.get("/environ")
def environ():
    """The WSGI environ: every key; what is not a string as its repr."""
    return {
        key: value if isinstance(value, str) else repr(value)
        for key, value in sorted(request.environ.items())
    }

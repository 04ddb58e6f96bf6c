"""Says what a configuration can change: the environment, the request's headers, the kind of server."""

import os


def application(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken")
    seen = {
        "greeting": os.environ.get("GREETING"),
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE"),
        "metrics": os.environ.get("METRICS"),
        "id": environ.get("HTTP_X_REQUEST_ID"),
        "scheme": environ["wsgi.url_scheme"],
        "threads": environ["wsgi.multithread"],
        "processes": environ["wsgi.multiprocess"],
        "directory": os.path.basename(os.getcwd()),
    }
    body = "\n".join(f"{name}: {value}" for name, value in seen.items()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

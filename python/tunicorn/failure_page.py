"""With --reload: what is served in the place of an application that cannot be imported, until it can.

Runs in: zygote (--preload), worker.
"""

from __future__ import annotations

import html
import traceback
from collections.abc import Iterable
from typing import Any

from .app_loader import WSGIApplication
from .likely_cause import likely_cause

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 3em auto; max-width: 60em; padding: 0 1em; }}
h1 {{ font-size: 1.4em; overflow-wrap: anywhere; }}
pre {{ background: #f4f4f4; color: #222; overflow-x: auto; padding: 1em; }}
</style>
</head>
<body>
<h1>{title}</h1>
{cause}<pre>{trace}</pre>
<p>The application {uri} cannot be loaded. Mend it and save: it is loaded anew.</p>
</body>
</html>
"""


def failure_page(error: BaseException, uri: str) -> WSGIApplication:
    """An application that answers every request with 500 and the traceback."""
    trace = "".join(traceback.format_exception(error))
    title = traceback.format_exception_only(error)[-1].strip()
    cause = likely_cause(error, uri)
    text = (trace if cause is None else f"{trace}\nLikely cause: {cause}\n").encode(errors="replace")
    page = _PAGE.format(
        title=html.escape(title),
        cause="" if cause is None else f"<p>Likely cause: {html.escape(cause)}</p>\n",
        trace=html.escape(trace),
        uri=html.escape(uri),
    ).encode(errors="replace")

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_browser = "text/html" in environ.get("HTTP_ACCEPT", "")
        body = page if is_browser else text
        content_type = f"text/{'html' if is_browser else 'plain'}; charset=utf-8"
        start_response(
            "500 Internal Server Error",
            [
                ("Content-Type", content_type),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
            ],
        )
        return [body]

    return application

"""The part of the environ that is the same for every request of a worker. The rest comes from the gateway.

Runs in: worker.
"""

from __future__ import annotations

import os
from typing import Any

from .file_wrapper import FileWrapper, StreamedFileWrapper
from .log import ErrorStream
from .settings import Settings


def base_environ(settings: Settings) -> dict[str, Any]:
    """PEP 3333's and Gunicorn's constant keys."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.errors": ErrorStream(),
        "wsgi.multithread": settings.multithread,
        "wsgi.multiprocess": settings.workers > 1,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper if _may_hand_over(settings) else StreamedFileWrapper,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": settings.server_software,
    }


def _may_hand_over(settings: Settings) -> bool:
    """As Gunicorn reads it: whatever `sendfile` is set to switches it off, and else the variable SENDFILE decides."""
    if settings.cfg.get("sendfile") is not None:
        return False
    return os.environ.get("SENDFILE", "yes").lower() in ("y", "1", "yes", "true")

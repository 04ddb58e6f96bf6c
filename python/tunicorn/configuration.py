"""Executes a configuration file and tells the arbiter what it has set.

The file is Python, executed once a generation, by the process that goes on as the zygote: so what it imports and sets
up is there for its hooks, and nothing happens twice. Every global whose name is a setting counts, also an imported one.
Plain values go to the arbiter as JSON, where all settings are validated; functions, classes and other objects stay here
and are described. What only Python can find out, the arity of a hook or a class that a function returns, is found out
here.

Runs in: zygote.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# A function that returns the class is taken for the class.
_CLASS_SETTINGS = frozenset({"worker_class", "logger_class"})
_NO_EXTENSION = "!!!\n!!! WARNING: configuration file should have a valid Python extension.\n!!!\n\n"
_GUNICORN_MISSING = (
    "\nThe configuration imports from gunicorn, which is not installed for %s. Tunicorn does not need it; a "
    "configuration that does works when it is installed.\n"
)


class ConfigurationError(Exception):
    """The file cannot be used. `text` is for standard error; the process is to leave with `code`."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class InvalidValue(Exception):
    """What Gunicorn's validator says of a value that only Python can judge."""


@dataclass
class Configuration:
    """What a file has set, as it has set it."""

    values: dict[str, Any] = field(default_factory=dict)
    hooks: dict[str, Callable[..., Any]] = field(default_factory=dict)


def read(location: str, names: list[str], arities: dict[str, int]) -> tuple[Configuration, list[Any]]:
    """Executes the file, and returns what it has set. `names`: all settings; `arities`: of the hooks. Raises
    ConfigurationError."""
    wanted = frozenset(names)
    found = _execute(location)
    return read_values({name: value for name, value in found.items() if name in wanted}, arities)


def read_values(values: dict[str, Any], arities: dict[str, int]) -> tuple[Configuration, list[Any]]:
    """What is set, and the same for the arbiter: [name, value, text] in the order of the file."""
    configuration = Configuration()
    report = []
    for name, value in values.items():
        try:
            judged = _judge(name, value, arities)
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told which setting it was
            report.append([name, {"$error": str(error)}, _text(value)])
            continue
        configuration.values[name] = judged
        if name in arities:
            configuration.hooks[name] = judged
        report.append([name, _plain(judged), _text(value)])
    return configuration, report


def _judge(name: str, value: Any, arities: dict[str, int]) -> Any:
    if name in arities:
        return _hook(value, arities[name])
    if name in _CLASS_SETTINGS and (inspect.isfunction(value) or inspect.ismethod(value)):
        return value()
    return value


def _execute(location: str) -> dict[str, Any]:
    if location.startswith("python:"):
        return _import(location.removeprefix("python:"))
    path = location.removeprefix("file:")
    loader = None
    if os.path.splitext(path)[1] not in (".py", ".pyc"):
        sys.stderr.write(_NO_EXTENSION)
        sys.stderr.flush()
        loader = importlib.machinery.SourceFileLoader("__config__", path)
    try:
        spec = importlib.util.spec_from_file_location("__config__", path, loader=loader)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["__config__"] = module
        spec.loader.exec_module(module)
    except SystemExit as error:
        raise ConfigurationError("", _exit_code(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever the file raises is shown
        text = f"Failed to read config file: {path}\n{_traceback(error)}{_advice(error)}"
        raise ConfigurationError(text) from None
    return vars(module)


def _import(module_name: str) -> dict[str, Any]:
    try:
        return vars(importlib.import_module(module_name))
    except SystemExit as error:
        raise ConfigurationError("", _exit_code(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever the module raises is shown
        raise ConfigurationError(f"\nError: {error}\n{_advice(error)}") from None


def _exit_code(error: SystemExit) -> int:
    """As Python itself would leave."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr, flush=True)
    return 1


def _traceback(error: BaseException) -> str:
    """From the file on: how it came to be executed says nothing."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(
        ("<frozen importlib", __file__)
    ):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return text if frames is not None else f"Traceback (most recent call last):\n{text}"


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "gunicorn":
        return _GUNICORN_MISSING % sys.executable
    return ""


def _hook(value: Any, arity: int) -> Callable[..., Any]:
    """The function, which may be named as `module.function`. Raises InvalidValue with Gunicorn's words.

    `arity` 0 is post_request's: two to four arguments, of which the last two may be missing.
    """
    if isinstance(value, str):
        value = _named(value)
    if not callable(value):
        raise InvalidValue(f"Value is not callable: {value}")
    has = arity_of(value)
    if arity == 0:
        if not 2 <= has <= 4:
            raise InvalidValue("Value must have an arity of: 4")
    elif has != arity:
        raise InvalidValue(f"Value must have an arity of: {arity}")
    function: Callable[..., Any] = value
    return function


def arity_of(function: Callable[..., Any]) -> int:
    """How many positional parameters it has, those with a default too."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in inspect.signature(function).parameters.values())


def _named(name: str) -> Any:
    module_name, dot, object_name = name.rpartition(".")
    if not dot:
        raise InvalidValue(f"Value '{name}' is not import string. Format: module[.submodules...].object")
    try:
        return getattr(importlib.import_module(module_name), object_name)
    except AttributeError:
        raise InvalidValue(f"Can not load '{object_name}' from '{module_name}'") from None


def _text(value: Any) -> str:
    """Of any object, whatever its __str__ does."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the object's own code
        return object.__repr__(value)


def _plain(value: Any, spell: Callable[[Any], str] = _text) -> Any:
    """What JSON can hold as it is, without a loss; a description of everything else."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, repr) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(item, repr) for key, item in value.items()}
    described = {"text": spell(value), "callable": callable(value)}
    if callable(value):
        described["module"] = str(getattr(value, "__module__", ""))
        described["name"] = str(getattr(value, "__qualname__", type(value).__qualname__))
    return {"$python": described}

"""Finds the WSGI callable named by `MODULE[:CALLABLE]`, with Gunicorn's rules and messages.

The right side is a plain name or a call of a plain name with literal arguments (an application factory); anything
else is refused, so no expression of the command line is ever evaluated.

Runs in: zygote (--preload), worker.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

WSGIApplication = Callable[..., Any]


class AppImportError(Exception):
    """The module was imported, but the application was not found in it. Exit code 4, as in Gunicorn."""


def load_application(uri: str) -> WSGIApplication:
    """Imports and returns the callable. Raises AppImportError, or whatever the application's import raises."""
    module_name, colon, expression = uri.partition(":")
    if not colon:
        expression = "application"
    module = _import(module_name, expression)
    name, args, kwargs = _parse(expression)
    try:
        application = getattr(module, name)
    except AttributeError:
        raise AppImportError(f"Failed to find attribute {name!r} in {module_name!r}.") from None
    if args is not None:
        application = _call_factory(application, args, kwargs)
    if application is None:
        raise AppImportError(f"Failed to find application object: {expression!r}")
    if not callable(application):
        raise AppImportError("Application object must be callable.")
    found: WSGIApplication = application
    return found


def _parse(expression: str) -> tuple[str, list[Any] | None, dict[str, Any]]:
    """`name` → (name, None, {}); `name(1, k=2)` → (name, [1], {"k": 2})."""
    try:
        node = ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise AppImportError(
            f"Failed to parse {expression!r} as an attribute name or function call."
        ) from None
    if isinstance(node, ast.Name):
        return node.id, None, {}
    if not isinstance(node, ast.Call):
        raise AppImportError(f"Failed to parse {expression!r} as an attribute name or function call.")
    if not isinstance(node.func, ast.Name):
        raise AppImportError(f"Function reference must be a simple name: {expression!r}")
    try:
        args = [ast.literal_eval(arg) for arg in node.args]
        kwargs = {_keyword(keyword): ast.literal_eval(keyword.value) for keyword in node.keywords}
    except ValueError:
        raise AppImportError(f"Failed to parse arguments as literal values: {expression!r}") from None
    return node.func.id, args, kwargs


def _keyword(keyword: ast.keyword) -> str:
    if keyword.arg is None:
        raise ValueError("** is no literal")
    return keyword.arg


def _import(module_name: str, expression: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ImportError:
        if module_name.endswith(".py") and os.path.exists(module_name):
            wanted = f"{module_name.removesuffix('.py')}:{expression}"
            raise ImportError(f"Failed to find application, did you mean '{wanted}'?") from None
        raise


def _call_factory(factory: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Wrong arguments are the operator's fault (one line); a TypeError from inside the factory is the application's."""
    try:
        return factory(*args, **kwargs)
    except TypeError as error:
        traceback = sys.exc_info()[2]
        raised_inside = traceback is not None and traceback.tb_next is not None
        if raised_inside:
            raise
        raise AppImportError(f"TypeError: {error}") from None

"""Connects `gunicorn.error` and `gunicorn.access` as logconfig, logger_class and the syslog settings say.

Gunicorn's order: files and streams, then syslog, then the first of the operator's dictionary, JSON file and INI file.
See docs/decisions/0007-log-process.md.

Runs in: zygote, worker, log process.
"""

from __future__ import annotations

import importlib
import json
import logging
import logging.config
import logging.handlers
import os
import socket
import sys
from typing import Any

from . import log

_SYSLOG_FORMAT = "[%(process)d] %(message)s"

# What the operator's dictionary is laid over, key by key.
_DEFAULTS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {
            "level": "INFO",
            "handlers": ["error_console"],
            "propagate": True,
            "qualname": "gunicorn.error",
        },
        "gunicorn.access": {
            "level": "INFO",
            "handlers": ["console"],
            "propagate": True,
            "qualname": "gunicorn.access",
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stdout",
        },
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        },
    },
    "formatters": {
        "generic": {"format": log.FORMAT, "datefmt": log.DATE_FORMAT, "class": "logging.Formatter"},
    },
}


class LogConfigurationError(Exception):
    """The operator's; the message is for one line."""


def with_objects(settings: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The settings, with what the configuration file has and JSON could not bring back here."""
    objects = {"logconfig_dict": values.get("logconfig_dict") or settings["logconfig_dict"]}
    if settings["logger_class"] is True:
        objects["logger_class"] = values["logger_class"]
    return {**settings, **objects}


def configure(settings: dict[str, Any], cfg: Any) -> Any:
    """Sets everything up, and returns an instance of logger_class; None without one. `cfg`: Gunicorn's, for that class.
    Raises LogConfigurationError."""
    log.set_up(settings["errorlog"], settings["loglevel"], settings["capture_output"], settings["statsd"])
    if not settings["is_custom"]:
        return None
    try:
        if settings["logger_class"] is not None:
            return _custom_logger(settings["logger_class"], cfg)
        _set_access_handler(settings["accesslog"])
        if settings["syslog"]:
            _set_syslog_handlers(settings)
        _apply_operators_configuration(settings)
    except LogConfigurationError:
        raise
    except Exception as error:  # handlers and formatters of the configuration are anybody's code
        raise LogConfigurationError(str(error)) from error
    return None


def _custom_logger(logger_class: Any, cfg: Any) -> Any:
    if isinstance(logger_class, str):
        logger_class = _import_class(logger_class)
    # What the base of the class adds, if it is Gunicorn's, takes the place of ours.
    log.error_log.handlers.clear()
    instance = logger_class(cfg)
    log.use(instance)
    return instance


def _import_class(name: str) -> Any:
    module_name, _, class_name = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "gunicorn":
            raise LogConfigurationError(
                f"logger_class {name} needs Gunicorn, which is not installed for {sys.executable}"
            ) from error
        raise LogConfigurationError(f"class uri {name!r} invalid or not found: {error}") from error
    except (AttributeError, ImportError, ValueError) as error:
        raise LogConfigurationError(f"class uri {name!r} invalid or not found: {error}") from error


def _set_access_handler(accesslog: str | None) -> None:
    access_log = logging.getLogger("gunicorn.access")
    access_log.propagate = False
    access_log.setLevel(logging.INFO)
    access_log.handlers.clear()
    if accesslog is None:
        return
    handler: logging.Handler
    handler = logging.StreamHandler(sys.stdout) if accesslog == "-" else log.LogFileHandler(accesslog)
    handler.setFormatter(logging.Formatter("%(message)s"))
    access_log.addHandler(handler)


def _set_syslog_handlers(settings: dict[str, Any]) -> None:
    prefix = settings["syslog_prefix"] or settings["proc_name"].replace(":", ".")
    facilities = logging.handlers.SysLogHandler.facility_names
    try:
        facility = facilities[settings["syslog_facility"].lower()]
    except KeyError:
        raise LogConfigurationError("unknown facility name") from None
    kind, address = syslog_address(settings["syslog_addr"])
    names = ["error"] if settings["disable_redirect_access_to_syslog"] else ["error", "access"]
    for name in names:
        try:
            handler = logging.handlers.SysLogHandler(address, facility, kind)
        except OSError as error:
            raise LogConfigurationError(f"syslog at {settings['syslog_addr']}: {error}") from error
        handler.setFormatter(logging.Formatter(f"gunicorn.{prefix}.{name}: {_SYSLOG_FORMAT}"))
        logging.getLogger(f"gunicorn.{name}").addHandler(handler)


def syslog_address(text: str) -> tuple[socket.SocketKind | None, str | tuple[str, int]]:
    """`unix://PATH`, which is tried both ways, `unix://PATH#dgram`, `#stream`, `udp://HOST:PORT`, `tcp://HOST:PORT`."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("unix", "udp", "tcp"):
        raise LogConfigurationError("invalid syslog address")
    if scheme == "unix":
        path, _, kind = rest.partition("#")
        kinds = {"dgram": socket.SOCK_DGRAM, "stream": socket.SOCK_STREAM}
        return kinds.get(kind), path
    kind_of = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    host, colon, port = rest.rpartition(":") if ":" in rest.rpartition("]")[2] else (rest, "", "")
    if colon and not port.isdigit():
        raise LogConfigurationError(f"{port!r} is not a valid port number.")
    return kind_of[scheme], (host.strip("[]").lower() or "localhost", int(port or 514))


def _apply_operators_configuration(settings: dict[str, Any]) -> None:
    dictionary = settings["logconfig_dict"]
    if not dictionary and settings["logconfig_json"]:
        _check_exists(settings["logconfig_json"])
        with open(settings["logconfig_json"], encoding="utf-8") as file:
            dictionary = json.load(file)
    elif not dictionary and settings["logconfig"]:
        path = settings["logconfig"]
        _check_exists(path)
        defaults = {"__file__": path, "here": os.path.dirname(path)}
        logging.config.fileConfig(path, defaults=defaults, disable_existing_loggers=False)
        return
    if dictionary:
        logging.config.dictConfig({**_DEFAULTS, **dictionary})


def _check_exists(path: str) -> None:
    if not os.path.exists(path):
        raise LogConfigurationError(f"Error: log config '{path}' not found")

"""The settings a zygote and its workers need, as the arbiter sends them. Gunicorn's names.

Runs in: zygote, worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Times in seconds, as in Gunicorn's settings."""

    run_directory: str
    generation: int
    app_uri: str
    launch_directory: str
    chdir: str
    pythonpath: list[str]
    environment: dict[str, str]
    workers: int
    threads: int
    multithread: bool
    preload_app: bool
    reload: bool
    # What log_configuration.py wants to know.
    log: dict[str, Any]
    server_software: str
    uid: int
    gid: int
    initgroups: bool
    process_name: str
    # For hooks: every setting by its name, where we listen, why this zygote is started and how many workers there were.
    cfg: dict[str, Any]
    listeners: list[str]
    occasion: str
    old_workers: int | None

    @staticmethod
    def from_message(message: dict[str, Any]) -> Settings:
        """Raises TypeError when a name is missing or unknown: the two sides are of different versions."""
        return Settings(**message)

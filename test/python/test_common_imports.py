"""What the zygote imports for all applications, in a Python of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "python"


def run(program: str, *path: Path) -> str:
    """`path`: first in sys.path, as the application's directories are."""
    start = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); from tunicorn.common_imports import *; "
    start += f"sys.path[:1] = {[str(entry) for entry in path]!r}\n"
    return subprocess.run(
        [sys.executable, "-I", "-c", start + program], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_has_what_frameworks_import() -> None:
    program = (
        "import_common_modules(); print([name for name in COMMON + GUNICORNS if name not in sys.modules])"
    )
    assert run(program) == "[]"


def test_what_is_imported_is_out_of_reach_of_collections() -> None:
    assert int(run("import_common_modules(); print(gc.get_freeze_count())")) > 10_000


def test_starts_no_thread_and_opens_nothing() -> None:
    program = """
import os, threading
before = os.listdir("/proc/self/fd")
import_common_modules()
print(threading.active_count(), os.listdir("/proc/self/fd") == before)
"""
    assert run(program) == "1 True"


def test_reads_nothing_of_the_environment() -> None:
    program = """
import os
read = []
class Watched(type(os.environ)):
    def __getitem__(self, name):
        read.append(name)
        return super().__getitem__(name)
os.environ.__class__ = Watched
os.environ.get("HOME")
import_common_modules()
print(read)
"""
    assert run(program) == "['HOME']"


def test_the_applications_own_module_is_found(tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("MINE = True")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv/__init__.py").write_text("MINE = True")
    program = """
import_common_modules()
import csv, statistics, uuid
print(csv.MINE, statistics.MINE, uuid.NAMESPACE_DNS.version)
"""
    assert run(program, tmp_path) == "True True 1"


def test_the_applications_own_module_is_not_executed(tmp_path: Path) -> None:
    for name in ("queue", "calendar", "numbers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    program = (
        "import_common_modules(); import email.utils, asyncio, decimal; print(email.utils.formatdate(0))"
    )
    assert run(program, tmp_path) == "Thu, 01 Jan 1970 00:00:00 -0000"


def test_what_gunicorn_imports_cannot_be_hidden(tmp_path: Path) -> None:
    (tmp_path / "calendar.py").write_text("MINE = True")
    assert run("import_common_modules(); import calendar; print(calendar.isleap(2024))", tmp_path) == "True"


def test_a_directory_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "statistics").mkdir()
    program = "import_common_modules(); print('statistics' in sys.modules); import statistics; print(statistics.mean([1]))"
    assert run(program, tmp_path) == "True\n1"


def test_the_import_path_is_as_before(tmp_path: Path) -> None:
    assert (
        run("before = list(sys.path); import_common_modules(); print(sys.path == before)", tmp_path) == "True"
    )


def test_who_watches_imports_can_import(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text("NAME = 'agent'")
    program = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "csv":
            import agent
sys.meta_path.insert(0, Finder())
import_common_modules()
print(sys.modules["agent"].NAME, "csv" in sys.modules)
"""
    assert run(program, tmp_path) == "agent True"


def test_a_module_that_comes_into_being_afterwards_is_found(tmp_path: Path) -> None:
    program = f"""
import_common_modules()
open({str(tmp_path / "late.py")!r}, "w").write("HERE = True")
import late
print(late.HERE)
"""
    assert run(program, tmp_path) == "True"


def test_a_module_that_python_was_built_without() -> None:
    program = "sys.modules['ssl'] = sys.modules['csv'] = None; import_common_modules(); print('uuid' in sys.modules)"
    assert run(program) == "True"

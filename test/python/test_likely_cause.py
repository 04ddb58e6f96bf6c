"""What is said below the traceback of an application that cannot be loaded."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunicorn.app_loader import load_application
from tunicorn.likely_cause import likely_cause


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, first in sys.path, as for an application."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    before = dict(sys.modules)
    yield tmp_path
    sys.modules.clear()
    sys.modules.update(before)
    importlib.invalidate_caches()


def write(path: str, text: str = "") -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def cause_of(uri: str) -> str | None:
    importlib.invalidate_caches()
    try:
        load_application(uri)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is to be explained
        return likely_cause(error, uri)
    raise AssertionError("it was loaded")


def environment(directory: str, package: str) -> None:
    write(f"{directory}/bin/python")
    write(f"{directory}/lib/python3.12/site-packages/{package}/__init__.py")


@pytest.mark.parametrize("file", ["src/shop/wsgi.py", "src/shop/wsgi/__init__.py"])
def test_an_application_one_directory_further_down_is_found(file: str) -> None:
    write(file)
    cause = cause_of("shop.wsgi")
    assert cause == f"there is {file}: --chdir src makes it the working directory"


def test_an_application_one_directory_further_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    write("shop.py")
    write("shop_settings/__init__.py")
    monkeypatch.chdir("shop_settings")
    monkeypatch.setattr(sys, "path", sys.path[1:])
    assert cause_of("shop:app") == "there is ../shop.py: --chdir .. makes it the working directory"


def test_an_application_that_is_nowhere_has_no_known_cause() -> None:
    assert cause_of("shop:app") is None


@pytest.mark.parametrize("directory", [".venv", "venv", "env"])
def test_a_package_in_an_environment_nearby_is_found(directory: str) -> None:
    write("shop.py", "import some_framework\n")
    environment(directory, "some_framework")
    cause = cause_of("shop:app")
    assert cause == (
        f"'some_framework' is installed in {directory}, but this Python is {sys.executable}: "
        f"--python {directory}/bin/python"
    )


def test_a_package_in_the_active_environment_is_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("shop.py", "import some_framework.views\n")
    environment("elsewhere/active", "some_framework")
    monkeypatch.setenv("VIRTUAL_ENV", str(here / "elsewhere/active"))
    cause = cause_of("shop:app")
    assert cause is not None
    assert f"is installed in {here}/elsewhere/active, but" in cause


def test_a_package_that_is_nowhere_is_not_installed() -> None:
    write("shop.py", "import some_framework\n")
    cause = cause_of("shop:app")
    assert (
        cause
        == f"'some_framework' is not installed for {sys.executable}: is this the right Python? --python names another"
    )


@pytest.mark.parametrize(
    "wanted", ["from flask import Flask", "import flask; flask.Flask", "import flask.views"]
)
def test_a_module_of_the_application_that_hides_a_package_is_named(wanted: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "flask"]:
        del sys.modules[name]
    write("flask.py")
    write("shop.py", wanted)
    cause = cause_of("shop:app")
    assert cause is not None
    assert cause.startswith("flask.py hides the installed package 'flask' (")


def test_an_application_that_hides_its_framework_is_named() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "flask"]:
        del sys.modules[name]
    write("flask.py", "from flask import Flask\napp = Flask(__name__)\n")
    cause = cause_of("flask:app")
    assert cause is not None
    assert cause.startswith("flask.py hides the installed package 'flask' (")


def test_a_module_of_the_application_that_hides_one_of_the_standard_library_is_named() -> None:
    sys.modules.pop("calendar", None)
    write("calendar.py")
    write("shop.py", "from calendar import monthrange\n")
    assert (
        cause_of("shop:app") == "calendar.py hides the module 'calendar' of the standard library: rename it"
    )


def test_a_circular_import_is_not_called_hidden() -> None:
    write("shop.py", "import models\napp = print\n")
    write("models.py", "from shop import app\n")
    assert cause_of("shop:app") is None


@pytest.mark.parametrize(
    ("source", "uri", "cause"),
    [
        ("def application(e, s): ...", "shop:app", "did you mean 'shop:application'?"),
        ("def app(e, s): ...", "shop", "did you mean 'shop:app'?"),
        ("def create_app(): ...", "shop:app", "did you mean 'shop:create_app()'?"),
        ("app = None\ndef make_app(): ...", "shop:app", "did you mean 'shop:make_app()'?"),
        ("from collections import abc as app", "shop", None),
        ("nothing = 1", "shop:app", None),
    ],
)
def test_a_name_that_is_not_there_has_one_that_is(source: str, uri: str, cause: str | None) -> None:
    write("shop.py", source)
    assert cause_of(uri) == cause


def test_django_without_settings_is_told_how_to_find_them() -> None:
    write("shop/settings.py")
    write("wsgi.py", "from django.conf import settings\nsettings.DEBUG\n")
    assert cause_of("wsgi") == "DJANGO_SETTINGS_MODULE is not set: --env DJANGO_SETTINGS_MODULE=shop.settings"


def test_a_directory_that_is_gone_has_no_known_cause(here: Path) -> None:
    gone = here / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert likely_cause(ModuleNotFoundError("no", name="shop"), "shop:app") is None


def test_a_file_that_may_not_be_read_is_named() -> None:
    cause = likely_cause(PermissionError(13, "Permission denied", "secret.ini"), "shop:app")
    assert cause == f"user {os.geteuid()} may not use 'secret.ini'"

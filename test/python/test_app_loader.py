"""Finding the application, with Gunicorn's rules and messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunicorn.app_loader import AppImportError, load_application

SOURCE = """
def application(environ, start_response): ...
def app(environ, start_response): ...
def factory(name, *, upper=False):
    def made(environ, start_response): ...
    made.name = name.upper() if upper else name
    return made
def fails_inside():
    return len(None)
def gives_nothing(): ...
nothing = None
number = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "wanted.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    for name in ("wanted", "wanted_package", "wanted_package.inner"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("uri", "name"), [("wanted", "application"), ("wanted:app", "app")])
def test_the_name_behind_the_colon_is_taken_and_application_without_one(uri: str, name: str) -> None:
    assert load_application(uri).__name__ == name


def test_a_factory_is_called_with_its_literals() -> None:
    assert vars(load_application("wanted:factory('x', upper=True)"))["name"] == "X"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("wanted:nope", "Failed to find attribute 'nope' in 'wanted'."),
        ("wanted:a.b", "Failed to parse 'a.b' as an attribute name or function call."),
        ("wanted:1 +", "Failed to parse '1 +' as an attribute name or function call."),
        ("wanted:", "Failed to parse '' as an attribute name or function call."),
        ("wanted:[app]", "Failed to parse '[app]' as an attribute name or function call."),
        ("wanted:a.b()", "Function reference must be a simple name: 'a.b()'"),
        ("wanted:factory(x)", "Failed to parse arguments as literal values: 'factory(x)'"),
        ("wanted:factory(name=app)", "Failed to parse arguments as literal values: 'factory(name=app)'"),
        ("wanted:factory(*['x'])", "Failed to parse arguments as literal values: \"factory(*['x'])\""),
        (
            "wanted:factory(**{'name': 'x'})",
            "Failed to parse arguments as literal values: \"factory(**{'name': 'x'})\"",
        ),
        ("wanted:nope()", "Failed to find attribute 'nope' in 'wanted'."),
        ("wanted:nothing", "Failed to find application object: 'nothing'"),
        ("wanted:gives_nothing()", "Failed to find application object: 'gives_nothing()'"),
        ("wanted:number", "Application object must be callable."),
    ],
)
def test_what_is_not_found_is_told_in_gunicorns_words(uri: str, message: str) -> None:
    with pytest.raises(AppImportError) as caught:
        load_application(uri)
    assert str(caught.value) == message


def test_wrong_arguments_are_the_operators_fault_and_errors_inside_the_applications() -> None:
    with pytest.raises(AppImportError) as caught:
        load_application("wanted:factory()")
    assert str(caught.value) == "TypeError: factory() missing 1 required positional argument: 'name'"
    with pytest.raises(AppImportError, match=r"^TypeError: factory\(\) got an unexpected keyword argument"):
        load_application("wanted:factory('x', lower=True)")
    with pytest.raises(TypeError, match=r"^object of type 'NoneType' has no len\(\)$"):
        load_application("wanted:fails_inside()")


def test_a_missing_module_and_a_file_name_are_import_errors() -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'missing'"):
        load_application("missing")
    for uri, meant in (("wanted.py", "wanted:application"), ("wanted.py:app", "wanted:app")):
        with pytest.raises(ImportError) as caught:
            load_application(uri)
        assert str(caught.value) == f"Failed to find application, did you mean '{meant}'?"
    with pytest.raises(ModuleNotFoundError, match="No module named 'missing'"):
        load_application("missing.py")


def test_what_the_import_raises_comes_through(tmp_path: Path) -> None:
    (tmp_path / "wanted.py").write_text("import a_module_that_is_missing")
    with pytest.raises(ModuleNotFoundError, match="No module named 'a_module_that_is_missing'"):
        load_application("wanted:a.b")
    (tmp_path / "wanted.py").write_text("raise SystemExit(3)")
    with pytest.raises(SystemExit):
        load_application("wanted")


def test_a_module_may_be_in_a_package(tmp_path: Path) -> None:
    package = tmp_path / "wanted_package"
    package.mkdir()
    (package / "inner.py").write_text(SOURCE)
    assert load_application("wanted_package.inner:app").__name__ == "app"

"""What is served with --reload in the place of an application that cannot be imported."""

from __future__ import annotations

from typing import Any

import pytest

from tunicorn.failure_page import failure_page


def ask(error: BaseException, accept: str | None = None) -> tuple[str, dict[str, str], str]:
    answered: list[Any] = []
    environ = {} if accept is None else {"HTTP_ACCEPT": accept}
    application = failure_page(error, "shop:app")
    body = b"".join(application(environ, lambda status, fields: answered.extend([status, dict(fields)])))
    assert answered[1]["Content-Length"] == str(len(body))
    return answered[0], answered[1], body.decode()


def raised(error: BaseException) -> BaseException:
    def fail() -> None:
        raise error

    try:
        fail()
    except BaseException as caught:  # noqa: BLE001 - with its traceback
        return caught
    raise AssertionError("it does not fail")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_a_program_gets_the_traceback_as_text(accept: str | None) -> None:
    status, fields, body = ask(raised(ValueError("<no>")), accept)
    assert status == "500 Internal Server Error"
    assert fields["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Cache-Control"] == "no-store"
    assert body.startswith("Traceback (most recent call last):\n")
    assert body.endswith("ValueError: <no>\n")


def test_a_browser_gets_a_page_in_which_everything_is_escaped() -> None:
    _, fields, body = ask(raised(ValueError("<script>{title}</script>")), "text/html,*/*;q=0.8")
    assert fields["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>ValueError: &lt;script&gt;{title}&lt;/script&gt;</h1>" in body
    assert "<script" not in body
    assert "<p>The application shop:app cannot be loaded." in body


def test_the_likely_cause_is_told_in_both() -> None:
    error = raised(ModuleNotFoundError("No module named 'nowhere_at_all'", name="nowhere_at_all"))
    for accept in ("*/*", "text/html"):
        assert "Likely cause: " in ask(error, accept)[2]


def test_text_that_is_no_unicode_does_not_hinder_it() -> None:
    for accept in ("*/*", "text/html"):
        assert "ValueError" in ask(raised(ValueError("\udce9")), accept)[2]

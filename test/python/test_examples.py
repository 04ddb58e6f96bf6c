"""The examples do what examples/README.md says when Gunicorn serves them, so any difference is another server's."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
APPLICATIONS = {
    "hello": "app",
    "django_defaults": "django_defaults.wsgi",
    "flask_app": "app:app",
    "bottle_app": "app:app",
}
WITH_FRAMEWORK = ("django_defaults", "flask_app", "bottle_app")
PATTERN = bytes(range(256))


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Keeps cookies and follows redirects; a proxy of the machine is not asked."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies = CookieJar()
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> Response:
        return self._open(Request(self.origin + path))

    def post(self, path: str, body: bytes, content_type: str) -> Response:
        return self._open(Request(self.origin + path, data=body, headers={"Content-Type": content_type}))

    def post_form(self, path: str, **fields: str) -> Response:
        return self.post(path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def post_json(self, path: str, value: object) -> Response:
        return self.post(path, json.dumps(value).encode(), "application/json")

    def post_file(self, path: str, name: str, content: bytes) -> Response:
        head = f'--boundary\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--boundary--\r\n"
        return self.post(path, body, "multipart/form-data; boundary=boundary")

    def _open(self, request: Request) -> Response:
        try:
            with self._opener.open(request, timeout=10) as answer:
                return Response(answer.status, dict(answer.headers), answer.read())
        except HTTPError as error:
            with error:
                return Response(error.code, dict(error.headers), error.read())


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where each example is served: from a copy, so that the checkout's database stays as it is."""
    root = tmp_path_factory.mktemp("examples")
    servers: dict[str, subprocess.Popen[str]] = {}
    for name, uri in APPLICATIONS.items():
        directory = root / name
        shutil.copytree(EXAMPLES / name, directory, ignore=shutil.ignore_patterns("*.sqlite3", "__pycache__"))
        if name == "django_defaults":
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=directory, check=True
            )
        servers[name] = serve(directory, uri)
    try:
        yield {name: listening_at(server.stderr) for name, server in servers.items()}
    finally:
        logs = {name: stop(server) for name, server in servers.items()}
    assert [name for name, log in logs.items() if "Traceback" in log] == []


def serve(directory: Path, uri: str) -> subprocess.Popen[str]:
    options = ["--bind", "127.0.0.1:0", "--chdir", str(directory), "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, uri]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def listening_at(log: IO[str] | None) -> str:
    """The socket listens from this line on: a connection waits there for the worker."""
    assert log is not None
    lines = []
    for line in log:
        lines.append(line)
        if match := re.search(r"Listening at: (http://\S+)", line):
            return match[1]
    raise AssertionError("".join(lines))


def stop(server: subprocess.Popen[str]) -> str:
    server.terminate()
    return server.communicate(timeout=30)[1]


@pytest.fixture(params=APPLICATIONS)
def any_example(request: pytest.FixtureRequest, origins: dict[str, str]) -> Browser:
    return Browser(origins[request.param])


@pytest.fixture(params=WITH_FRAMEWORK)
def example(request: pytest.FixtureRequest, origins: dict[str, str]) -> Browser:
    return Browser(origins[request.param])


@pytest.fixture
def django(origins: dict[str, str]) -> Browser:
    return Browser(origins["django_defaults"])


@pytest.fixture
def flask(origins: dict[str, str]) -> Browser:
    return Browser(origins["flask_app"])


@pytest.fixture
def bottle(origins: dict[str, str]) -> Browser:
    return Browser(origins["bottle_app"])


def test_environ_has_every_key_that_wsgi_demands(any_example: Browser) -> None:
    environ = any_example.get("/environ?a=b%20c").json
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["QUERY_STRING"] == "a=b%20c"
    assert environ["PATH_INFO"] == "/environ"
    assert environ["wsgi.version"] == "(1, 0)"
    assert {"wsgi.input", "wsgi.errors", "wsgi.multithread", "wsgi.run_once", "SERVER_NAME"} <= environ.keys()


def test_hello_answers_every_path(origins: dict[str, str]) -> None:
    response = Browser(origins["hello"]).get("/any/path")
    assert (response.status, response.body) == (200, b"Hello, World!\n")


def test_a_session_counts_the_visits_of_one_browser(example: Browser) -> None:
    assert [example.get("/session").json["visits"] for _ in range(3)] == [1, 2, 3]
    assert Browser(example.origin).get("/session").json["visits"] == 1


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_an_uploaded_file_arrives_whole(example: Browser, size: int) -> None:
    content = (PATTERN * (size // 256 + 1))[:size]
    digest = hashlib.sha256(content).hexdigest()
    response = example.post_file("/upload", "some file.bin", content)
    assert response.json == {"name": "some file.bin", "size": size, "sha256": digest}


def test_an_uploaded_body_arrives_whole(example: Browser) -> None:
    content = PATTERN * 12_000
    response = example.post("/upload", content, "application/octet-stream")
    digest = hashlib.sha256(content).hexdigest()
    assert response.json == {"name": None, "size": len(content), "sha256": digest}


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_003])
def test_a_download_has_the_size_and_the_bytes_that_were_asked_for(example: Browser, size: int) -> None:
    response = example.get(f"/download/{size}")
    assert response.headers["Content-Length"] == str(size)
    assert response.body == (PATTERN * (size // 256 + 1))[:size]


def test_a_stream_has_its_lines_and_no_length(example: Browser) -> None:
    response = example.get("/stream?lines=3")
    assert response.body == b"line 1\nline 2\nline 3\n"
    assert "Content-Length" not in response.headers


def test_the_guestbook_shows_what_was_written_in_it(django: Browser) -> None:
    token = csrf_token(django.get("/"))
    page = django.post_form("/", name="Zoë", message="<b>Salut</b>", csrfmiddlewaretoken=token)
    assert page.status == 200
    assert "Zoë" in page.body.decode()
    assert "&lt;b&gt;Salut" in page.body.decode()
    assert "You have been here 2 times" in page.body.decode()


def test_the_guestbook_refuses_a_form_without_its_token_or_its_fields(django: Browser) -> None:
    assert django.post_form("/", name="a", message="b").status == 403
    assert (
        django.post_form("/", name="", message="b", csrfmiddlewaretoken=csrf_token(django.get("/"))).status
        == 400
    )


def csrf_token(page: Response) -> str:
    match = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())
    assert match is not None
    return match[1]


@pytest.mark.parametrize("path", ["/static/guestbook/style.css", "/static/admin/css/base.css"])
def test_django_serves_its_static_files(django: Browser, path: str) -> None:
    response = django.get(path)
    assert (response.status, response.headers["Content-Type"]) == (200, "text/css")


def test_the_admin_asks_for_a_login(django: Browser) -> None:
    response = django.get("/admin/guestbook/entry/")
    assert response.status == 200
    assert b"Django administration" in response.body


def test_the_shopping_list_takes_json_and_forms(flask: Browser) -> None:
    assert flask.post_json("/items", {"name": "bread"}).status == 201
    assert b"<li>butter &amp; jam</li>" in flask.post_form("/items", name="butter & jam").body
    assert flask.get("/items").json == {"items": ["bread", "butter & jam"]}
    assert flask.post_json("/items", {}).status == 400


def test_bottle_converts_temperatures_from_json_and_forms(bottle: Browser) -> None:
    assert b"68.0 \xc2\xb0F" in bottle.post_form("/", celsius="20").body
    assert bottle.post_json("/convert", {"celsius": -40}).json == {"fahrenheit": -40}
    assert bottle.post_json("/convert", {"celsius": "warm"}).status == 400


@pytest.mark.parametrize("name", ["flask_app", "bottle_app"])
def test_echo_shows_what_the_framework_has_parsed(origins: dict[str, str], name: str) -> None:
    browser = Browser(origins[name])
    form = browser.post_form("/echo?q=%C3%A9", city="Zürich")
    assert form.json == {"args": {"q": "é"}, "form": {"city": "Zürich"}, "json": None}
    assert browser.post_json("/echo", [1, "é"]).json == {"args": {}, "form": {}, "json": [1, "é"]}

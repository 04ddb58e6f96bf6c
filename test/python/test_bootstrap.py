"""The file that any Python must be able to read, to be refused by it."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parents[2] / "python" / "tunicorn" / "bootstrap.py"
# Gives the zygote its two channels as descriptors 3 and 4.
LAUNCH = """
import fcntl, os, sys
control, lifeline = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1:3])
os.dup2(control, 3)
os.dup2(lifeline, 4)
os.closerange(5, 200)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[3:]])
"""
EXECUTE = "exec(open(__import__('sys').argv[1]).read())"

#: What Python 2.7 does not know; names of the tree's nodes.
NEW_NODES = {
    "AnnAssign",
    "AsyncFor",
    "AsyncFunctionDef",
    "AsyncWith",
    "Await",
    "FormattedValue",
    "JoinedStr",
    "Match",
    "MatMult",
    "NamedExpr",
    "Nonlocal",
    "Starred",
    "YieldFrom",
}


def test_it_is_written_in_what_python_2_and_3_share() -> None:
    source = BOOTSTRAP.read_text(encoding="ascii")
    found = {type(node).__name__ for node in ast.walk(ast.parse(source))}
    assert not found & NEW_NODES
    # `print(…)` with several arguments, `raise … from` and the like are told by their nodes' fields.
    for node in ast.walk(ast.parse(source)):
        assert not (isinstance(node, ast.Raise) and node.cause is not None)
        assert not (isinstance(node, ast.FunctionDef) and (node.returns or node.args.kwonlyargs))
        assert not (isinstance(node, ast.Name) and node.id == "print")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        assert token.type != tokenize.NUMBER or "_" not in token.string
        assert token.type != tokenize.STRING or re.match(r"[\"']", token.string), "no prefix"


@pytest.mark.parametrize("name", ["python2.7", "python2", "python3.6", "python3.9"])
def test_an_old_python_is_refused_in_one_line(name: str) -> None:
    python = shutil.which(name)
    if python is None or not runs(python):
        assert sys.version_info >= (3, 10)  # there is none of this name on this machine
        return
    finished = subprocess.run(
        [python, "-c", EXECUTE, str(BOOTSTRAP), "app:app"], capture_output=True, check=False, text=True
    )
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert re.fullmatch(r"Error: Tunicorn needs Python 3\.10 or later; \S+ is [\d.]+\S*\n", finished.stderr)


def runs(python: str) -> bool:
    """A version manager's stand-in may be there without the Python it stands for."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def test_it_starts_the_zygote_and_shows_the_application_nothing_of_its_own(tmp_path: Path) -> None:
    """The application's module tells what it sees; preloading it is over before the first fork."""
    (tmp_path / "seen.py").write_text(
        "import json, os, sys\n"
        "json.dump({'path': sys.path, 'argv': sys.argv, 'cwd': os.getcwd()}, open('seen.json', 'w'))\n"
        "def app(environ, start_response): ...\n"
    )
    arbiter, zygote = socket.socketpair()
    lifeline_read, lifeline_write = os.pipe()
    settings = {
        "run_directory": str(make_run_directory(tmp_path)),
        "generation": 1,
        "app_uri": "seen:app",
        "launch_directory": str(tmp_path),
        "chdir": str(tmp_path),
        "pythonpath": [],
        "environment": {},
        "workers": 1,
        "threads": 1,
        "multithread": False,
        "preload_app": True,
        "reload": False,
        "log": {
            "errorlog": "-",
            "loglevel": "info",
            "capture_output": False,
            "statsd": None,
            "is_custom": False,
            "logger_class": None,
            "logconfig_dict": {},
        },
        "server_software": "tunicorn/test",
        "uid": os.geteuid(),
        "gid": os.getegid(),
        "initgroups": False,
        "process_name": "test",
        "cfg": {},
        "listeners": [],
        "occasion": "start",
        "old_workers": None,
    }
    arbiter.sendall(json.dumps({"type": "start", "settings": settings}).encode() + b"\n")
    descriptors = [zygote.fileno(), lifeline_read]
    arguments = [EXECUTE, str(BOOTSTRAP), "--workers", "1", "seen:app"]
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *map(str, descriptors), *arguments],
        pass_fds=descriptors,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        zygote.close()
        os.close(lifeline_read)
        reports: list[str] = []
        with arbiter.makefile() as channel:
            while len(reports) < 2 and (line := channel.readline()):
                if line != "\n":
                    reports.append(json.loads(line)["type"])
            arbiter.shutdown(socket.SHUT_WR)
            assert channel.read() == ""
        _, errors = process.communicate()
    arbiter.close()
    os.close(lifeline_write)
    assert (reports, errors, process.returncode) == (["hello", "prepared"], "", 0)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["path"][0] == str(tmp_path)
    assert str(BOOTSTRAP.parents[1]) not in seen["path"]
    assert str(BOOTSTRAP.parent) not in seen["path"]
    assert seen["argv"] == ["tunicorn", "--workers", "1", "seen:app"]
    assert seen["cwd"] == str(tmp_path)


def make_run_directory(parent: Path) -> Path:
    """With a scoreboard of one slot."""
    directory = parent / "run"
    directory.mkdir()
    header = bytes.fromhex("54554e49 02000000 01000000 80000000")
    (directory / "scoreboard").write_bytes(header + bytes(48 + 128))
    return directory

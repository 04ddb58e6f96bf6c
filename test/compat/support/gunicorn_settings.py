"""What Gunicorn makes of settings, many at once: a JSON object on standard input, one on standard output.

values: [[name, expression], …] → for each what `name = expression` in a configuration file comes to.
command_lines: [{"words": […], "environment": "…"}, …] → for each what the program would print.

Runs in: a process of the tests, with Gunicorn installed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import warnings
from typing import Any

from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.config import Config


def value(name: str, expression: str) -> dict[str, str]:
    config = Config(prog="PROGRAM")
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            config.set(name, eval(expression))
    except Exception as error:  # noqa: BLE001 - what a validator raises is its answer
        return {"error": str(error)}
    printed = str(config).splitlines()
    line = next(each for each in printed if each.split(" ", 1)[0] == name)
    return {"value": line.partition(" = ")[2]}


def command_line(words: list[str], environment: str) -> dict[str, Any]:
    sys.argv = ["PROGRAM", *words]
    os.environ["GUNICORN_CMD_ARGS"] = environment
    output, errors = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            application = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="PROGRAM")
            print(application.cfg)
        except SystemExit as error:
            code = error.code
    return {"code": code, "stdout": output.getvalue(), "stderr": errors.getvalue()}


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    answer = {
        "values": [value(*each) for each in asked["values"]],
        "command_lines": [
            command_line(each["words"], each["environment"]) for each in asked["command_lines"]
        ],
    }
    json.dump(answer, sys.stdout)


main()

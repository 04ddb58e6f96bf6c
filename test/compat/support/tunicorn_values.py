"""What Tunicorn's Python side reports of values in a configuration file, many at once: see gunicorn_settings.py.

Runs in: a process of the tests.
"""

from __future__ import annotations

import json
import sys

from tunicorn.configuration import read_values


def main() -> None:
    asked = json.load(sys.stdin)
    reports = []
    for name, expression in asked["values"]:
        value = eval(expression)
        reports += read_values({name: value}, asked["arities"])[1]
    json.dump(reports, sys.stdout)


main()

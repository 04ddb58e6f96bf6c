"""A formatter as people write it: the atoms of a request as fields of JSON."""

import json
import logging


class JSONFormatter(logging.Formatter):
    def format(self, record):
        line = {"logger": record.name, "level": record.levelname}
        if record.name == "gunicorn.access":
            names = (
                "h",
                "m",
                "U",
                "q",
                "s",
                "b",
                "B",
                "f",
                "a",
                "u",
                "{x-a}i",
                "{content-type}o",
                "{wsgi.url_scheme}e",
            )
            line |= {name: record.args[name] for name in names}
        else:
            line["message"] = record.getMessage()
        return json.dumps(line)

"""Settings that deployment tools write as JSON beside the file."""

import json
import pathlib

globals().update(json.loads(pathlib.Path(__file__).with_suffix(".json").read_text()))

"""Whatever the environment says with a prefix is a setting."""

import os

for name, value in os.environ.items():
    if name.startswith("SERVER_SETTING_"):
        locals()[name[15:].lower()] = int(value) if value.isdigit() else value

"""A project in a directory of its own, with its settings module in the environment."""

import os.path

project = os.path.dirname(os.path.abspath(__file__))
chdir = os.path.join(project, "..", "apps")
pythonpath = project
raw_env = ["DJANGO_SETTINGS_MODULE=project.settings", "GREETING=hello = hi"]
wsgi_app = "configured:application"
umask = 0o027
backlog = 64

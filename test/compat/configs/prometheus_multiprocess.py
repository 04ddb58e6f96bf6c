"""Metrics of several processes in one directory: emptied at the start, and tidied when a worker has gone."""

import os
import pathlib
import shutil

directory = pathlib.Path(os.environ["DIRECTORY"], "metrics")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
raw_env = [f"METRICS={directory.name}"]
workers = 1


def on_starting(server):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    server.log.info("Metrics are kept in %s", directory.name)


def post_fork(server, worker):
    (directory / f"gauge_live_{worker.pid}.db").write_text("1")


def child_exit(server, worker):
    (directory / f"gauge_live_{worker.pid}.db").unlink()
    server.log.info("%s metrics files are left", len(list(directory.iterdir())))

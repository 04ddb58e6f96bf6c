"""It imports from Gunicorn, which is installed beside."""

from gunicorn import __version__, glogging
from gunicorn.workers.sync import SyncWorker

worker_class = SyncWorker
has_logger = issubclass(glogging.Logger, object)


def when_ready(server):
    server.log.info("Made for %s, %s", __version__.split(".")[0], has_logger)

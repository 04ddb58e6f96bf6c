"""A logger class as people write it: another format, another text, and a line of its own for a request."""

import logging

from gunicorn.glogging import Logger


class PrefixingLogger(Logger):
    def setup(self, cfg):
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logging.Formatter("prefixed %(process)d %(levelname)s %(message)s"))

    def info(self, msg, *args, **kwargs):
        super().info(f"({msg})", *args, **kwargs)

    def access(self, resp, req, environ, request_time):
        fields = dict(req.headers)
        self.access_log.info(
            "%s %s %s %s %s %s %s %s",
            resp.status,
            resp.sent,
            req.method,
            req.path,
            req.uri,
            req.query,
            fields.get("X-A"),
            environ["SERVER_PROTOCOL"],
        )
        self.access_log.info("headers %s", sorted(name for name, _ in resp.headers))
        super().access(resp, req, environ, request_time)

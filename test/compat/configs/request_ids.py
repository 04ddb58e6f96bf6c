"""Every request has an id, the application and the log know it."""

accesslog = "-"
access_log_format = "%(m)s %(s)s"
known = iter(range(1, 1000))


def pre_request(worker, req):
    if not any(name == "X-REQUEST-ID" for name, _ in req.headers):
        req.headers.append(("X-REQUEST-ID", f"made-{next(known)}"))


def post_request(worker, req, environ):
    worker.log.info("Done with %s", environ["HTTP_X_REQUEST_ID"])

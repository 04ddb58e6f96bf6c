"""A client that reports errors: made in each worker after the fork, and flushed before it leaves."""


class Client:
    def __init__(self, log, age):
        self.log = log
        self.age = age
        self.seen = []

    def capture(self, what):
        self.seen.append(what)

    def flush(self):
        self.log.info("Worker %s reported %s", self.age, ", ".join(self.seen) or "nothing")


def post_fork(server, worker):
    worker.client = Client(worker.log, worker.age)


def post_request(worker, req, environ, resp):
    if resp.status is None or resp.status.startswith("5"):
        worker.client.capture(f"{req.method} {req.path}")


def worker_exit(server, worker):
    worker.client.flush()

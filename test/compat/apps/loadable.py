"""What the right side of MODULE:NAME may find in a module."""

import os

none = None
number = 1


def application(_environ, start_response):
    body = f"{os.environ.get('GREETING', 'hello')}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def factory(number, k="none"):
    def made(_environ, start_response):
        body = f"made with {number!r} and {k!r}\n".encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    return made


def fruitless():
    return None


def raising():
    raise ValueError("oops")


def confused():
    return len(1)


class Namespace:
    application = staticmethod(application)


nested = Namespace()

"""What an application may want to catch. Imports nothing: the commands that pip installs load it at every start.

Runs in: worker.
"""


class RequestTimeout(BaseException):
    """Raised in the middle of an application whose request runs past its deadline; the client has its 504 already.

    A BaseException, as KeyboardInterrupt is one: `except Exception` lets it through, `finally` and `with` clean up.
    """


class Quit(SystemExit):
    """INT, QUIT or ABRT, wherever the main thread is. As in Gunicorn it is a SystemExit, so that `finally` and `with`
    of the application are carried out."""

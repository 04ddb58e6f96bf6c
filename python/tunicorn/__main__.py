"""`python -m tunicorn`: as `tunicorn`, with this Python.

Runs in: arbiter, before it is Node.
"""

from .command import tunicorn

if __name__ == "__main__":
    tunicorn()

"""An application inside the validator of the standard library, which raises at every breach of PEP 3333."""

from importlib import import_module
from wsgiref.validate import validator


def around(uri):
    module, _, name = uri.partition(":")
    return validator(getattr(import_module(module), name))

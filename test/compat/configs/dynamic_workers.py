"""As many workers as the machine has processors for, within bounds."""

import multiprocessing


def max_workers():
    return max(2, min(multiprocessing.cpu_count() * 2 + 1, 3))


workers = max_workers()
worker_class = lambda: "sync"  # noqa: E731 - a function that returns the class is taken for the class
max_requests = 0
proc_name = "dynamic"


def nworkers_changed(server, new_value, old_value):
    server.log.info("From %s to %s workers", old_value, new_value)

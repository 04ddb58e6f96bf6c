"""The application is imported before the fork; connections must not be shared, so each worker opens its own."""

import os
import sqlite3

preload_app = True
workers = 2
connections = {}


def connect():
    connections[os.getpid()] = sqlite3.connect(":memory:")
    return connections[os.getpid()].execute("select 6 * 7").fetchone()[0]


def pre_fork(server, worker):
    for connection in connections.values():
        connection.close()
    connections.clear()


def post_fork(server, worker):
    server.log.info("Database says %s to its only user among %s", connect(), len(connections))

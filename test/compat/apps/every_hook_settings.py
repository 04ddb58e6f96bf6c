"""Every hook notes its call, with what it can see of its arguments, in the file HOOKS; FAILING raises afterwards."""

import os

workers = 1


def note(name, *arguments):
    shown = ", ".join(describe(argument) for argument in arguments)
    with open(os.environ["HOOKS"], "a") as notes:
        notes.write(f"{process(arguments)}: {name}({shown})\n")
    if os.environ.get("FAILING") == name:
        raise ValueError(f"{name} fails")


def process(arguments):
    """Which process this is: a worker by its age, or the master."""
    ages = [each.age for each in arguments if hasattr(each, "age") and each.pid == os.getpid()]
    return f"worker {ages[0]}" if ages else "master"


def describe(argument):
    if hasattr(argument, "num_workers"):
        return f"server num_workers={argument.num_workers} timeout={argument.cfg.timeout} {argument.log is not None}"
    if hasattr(argument, "age"):
        pid = "booting" if argument.pid == "[booting]" else "own" if argument.pid == os.getpid() else "other"
        seen = f"worker age={argument.age} pid={pid} booted={argument.booted} nr={argument.nr} wsgi={callable(argument.wsgi)}"
        return seen + f" timeout={argument.timeout}"
    if hasattr(argument, "uri"):
        seen = f"req {argument.method} {argument.uri} {argument.path} {argument.query} {argument.version}"
        return (
            seen
            + f" {sorted(argument.headers)} {argument.scheme} {argument.peer_addr[0]} {argument.should_close()}"
        )
    if hasattr(argument, "response_length"):
        seen = f"resp {argument.status} {sorted(argument.headers)} {argument.headers_sent} {argument.sent}"
        return seen + f" {argument.response_length} {argument.chunked} {argument.should_close()}"
    if isinstance(argument, dict):
        return f"environ {argument.get('REQUEST_METHOD')} {argument.get('PATH_INFO')} {argument.get('HTTP_X_ADDED')}"
    return repr(argument)


def on_starting(server):
    note("on_starting", server)


def on_reload(server):
    note("on_reload", server)


def when_ready(server):
    note("when_ready", server)


def pre_fork(server, worker):
    worker.wsgi = None
    note("pre_fork", server, worker)


def post_fork(server, worker):
    note("post_fork", server, worker)


def post_worker_init(worker):
    note("post_worker_init", worker)


def worker_int(worker):
    note("worker_int", worker)


def worker_abort(worker):
    note("worker_abort", worker)


def pre_request(worker, req):
    note("pre_request", worker, req)
    req.headers.append(("X-ADDED", "by the hook"))


def post_request(worker, req, environ, resp):
    note("post_request", worker, req, environ, resp)


def child_exit(server, worker):
    note("child_exit", server, worker)


def worker_exit(server, worker):
    note("worker_exit", server, worker)


def nworkers_changed(server, new_value, old_value):
    note("nworkers_changed", server, new_value, old_value)


def on_exit(server):
    note("on_exit", server)

"""Settings of all services; see ../shared.py."""

workers = 7
limit_request_fields = 20
accesslog = "-"
access_log_format = "%(s)s %(m)s"


def workers_of_a_service(number):
    return number


def on_exit(server):
    server.log.info("All services say goodbye")

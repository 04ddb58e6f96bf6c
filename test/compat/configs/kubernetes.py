"""In a container: one worker with threads, logs to the streams, an end that the load balancer has time to see."""

import os

worker_class = "gthread"
workers = 1
threads = 4
worker_tmp_dir = "/dev/shm"
keepalive = 75
graceful_timeout = int(os.getenv("TERMINATION_GRACE_SECONDS", "30")) - 5
forwarded_allow_ips = os.getenv("TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1")
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
accesslog = errorlog = "-"
access_log_format = '"%(r)s" %(s)s %(b)s'
capture_output = False


def when_ready(server):
    server.log.info(
        "Pod %s is ready with %s worker(s)", os.getenv("HOSTNAME_FOR_TEST", "unknown"), server.num_workers
    )

"""A platform that says by the environment where to listen and how many workers it has room for."""

import os

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("PYTHON_MAX_THREADS", "1"))
accesslog = "-"
access_log_format = '%({x-request-id}i)s "%(r)s" %(s)s'
timeout = 29
forwarded_allow_ips = "*"

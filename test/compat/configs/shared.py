"""What several services have in common lies in a module; what is special comes after."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "common"))

from defaults import *  # noqa: F403 - that is the point

workers = workers_of_a_service(1)  # noqa: F405
limit_request_line = 100

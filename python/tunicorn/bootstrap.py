# Starts the zygote. The arbiter has `python -c` execute this file, so that neither PYTHONPATH nor the first entry of
# sys.path show the application anything of Tunicorn. Any Python must be able to read it, to be refused by it.
#
# Runs in: zygote.
import os
import sys

if sys.version_info < (3, 10):
    sys.stderr.write(
        "Error: Tunicorn needs Python 3.10 or later; %s is %s\n" % (sys.executable, sys.version.split()[0])
    )
    sys.exit(1)

# sys.argv: "-c", the path of this file, the arguments of Tunicorn's command line.
# -c puts the working directory first in sys.path; the zygote puts `chdir` there itself, as Gunicorn does.
sys.path[0] = os.path.dirname(os.path.dirname(sys.argv[1]))
sys.argv[:2] = ["tunicorn"]
import tunicorn.zygote  # noqa: E402

del sys.path[0]
sys.exit(tunicorn.zygote.main())

# Starts the zygote. The arbiter runs this text with `python -c`, so that neither PYTHONPATH nor the first entry of
# sys.path show the application anything of Tunicorn. It must be readable by any Python, to be able to refuse it.
#
# Runs in: zygote.
import sys

if sys.version_info < (3, 10):
    sys.stderr.write(
        "Error: Tunicorn needs Python 3.10 or later; %s is %s\n" % (sys.executable, sys.version.split()[0])
    )
    sys.exit(1)

package_parent = sys.argv[1]
sys.argv[:2] = ["tunicorn"]
# -c puts the working directory first; the zygote puts `chdir` there itself, as Gunicorn does.
sys.path[0] = package_parent
import tunicorn.zygote  # noqa: E402

del sys.path[0]
sys.exit(tunicorn.zygote.main())

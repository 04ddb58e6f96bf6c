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

# -c puts the working directory first in sys.path; the zygote puts `chdir` there itself, as Gunicorn does.
if sys.path[0] == "":
    del sys.path[0]
import importlib.util

# sys.argv: "-c", the path of this file, the arguments of Tunicorn's command line.
directory = os.path.dirname(sys.argv[1])
sys.argv[:2] = ["tunicorn"]
# The package is loaded by its path. Where pip has installed it, the directory it lies in has all packages of the
# environment; as the first entry of sys.path any of them could hide a module of the standard library.
spec = importlib.util.spec_from_file_location(
    "tunicorn", os.path.join(directory, "__init__.py"), submodule_search_locations=[directory]
)
assert spec
assert spec.loader
sys.modules["tunicorn"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["tunicorn"])
import tunicorn.zygote  # noqa: E402

sys.exit(tunicorn.zygote.main())

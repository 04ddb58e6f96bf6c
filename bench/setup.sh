#!/bin/sh
# What the benchmarks need beside `make setup`: wrk, from Debian's packages.
set -eu
command -v wrk >/dev/null 2>&1 && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "bench: wrk is missing: install it (Debian, Ubuntu: apt-get install wrk)" >&2
  exit 1
fi
echo "bench: installing wrk" >&2
log=$(mktemp)
if ! { apt-get update && apt-get install -y wrk; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -f "$log"

# Read by the scripts beside it: where we are, how many may work at once, and how steps announce themselves.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

jobs=${BLINDSIGHT_JOBS:-$(nproc)}

step() { printf '\n== %s (%s)\n' "$*" "$(date +%H:%M:%S)"; }

skipped=()
skip() {
  printf '\n!! SKIPPED: %s\n' "$*"
  skipped+=("$*")
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  local preset=$1
  shift
  cmake --preset "$preset" --log-level=WARNING
  cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
}

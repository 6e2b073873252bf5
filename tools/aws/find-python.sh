#!/usr/bin/env bash
# Prints a CPython of the given minor version that really runs: one on PATH may be a stub of an inactive version.
set -euo pipefail
minor=$1
named=PYTHON_${minor/./_}
managed=$("${UV:-uv}" python find --no-python-downloads --system "$minor" 2>/dev/null || true)
for candidate in "${!named:-}" "python$minor" "$managed" "$HOME/.pyenv/versions/$minor".*/bin/"python$minor"; do
  found=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
  if [ "$found" = "$minor" ]; then echo "$candidate"; exit 0; fi
done
echo "retouch: this needs CPython $minor on PATH; without one: ${UV:-uv} python install $minor" >&2
exit 1

#!/usr/bin/env bash
# Run the fast tests on each interpreter given, in an environment of its own (.venv-3.12 …) that is made if it is missing.
# Usage: scripts/check_versions.sh PYTHON…
set -euo pipefail
cd "$(dirname "$0")/.."

failed=()
for python in "$@"; do
    version=$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info))') || {
        echo "Error: no $python here; install it, or name others with PYTHONS." >&2
        exit 2
    }
    folder=".venv-$version"
    echo "Python $version" >&2
    make --no-print-directory fast VENV="$folder" PYTHON="$python" || failed+=("$version")
done
[ ${#failed[@]} -eq 0 ] || { echo "Error: the fast tests fail on Python ${failed[*]}." >&2; exit 1; }

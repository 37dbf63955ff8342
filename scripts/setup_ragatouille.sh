#!/usr/bin/env bash
# Make .venv-ragatouille, where the retriever `ragatouille` finds RAGatouille: its pins and those of .venv exclude each
# other. Usage: scripts/setup_ragatouille.sh [PYTHON]. Its first index compiles C++ extensions: g++ is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3}"

if [ ! -x .venv-ragatouille/bin/python ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Error: $python is older than Python 3.11; give a newer one: scripts/setup_ragatouille.sh PYTHON" >&2
        exit 2
    }
    echo "Setting up .venv-ragatouille …" >&2
    "$python" -m venv .venv-ragatouille
fi
# Tested together; ninja builds the extensions and psutil is not among RAGatouille's own requirements.
.venv-ragatouille/bin/python -m pip install --quiet --disable-pip-version-check \
    ragatouille==0.0.9.post2 colbert-ai==0.2.22 langchain==0.3.30 langchain-core==0.3.86 \
    torch==2.13.0 transformers==4.57.6 sentence-transformers==5.7.0 huggingface-hub==0.36.2 \
    faiss-cpu==1.15.1 numpy==2.4.6 ninja==1.13.2 psutil==7.2.2 datasets==5.0.1 pandas==3.1.1
.venv-ragatouille/bin/python -c 'import ragatouille' 2>/dev/null || {
    echo "Error: RAGatouille is installed but cannot be imported; try .venv-ragatouille/bin/python -c 'import ragatouille'" >&2
    exit 1
}

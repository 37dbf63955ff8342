#!/usr/bin/env bash
# The main job: both halves on the embedded data. Sets up .venv if it is missing, then calls the two command lines.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'TEXT'
Usage: ./run_all.sh [--results DIR] [--format rich|markdown|latex|csv|json] [--generator-model MODEL]

Indexes the embedded corpora with bm25, bm25-qs and dense, searches them with the queries and with what a language
model wrote for them, and scores that; runs and scores the embedded SQL predictions on their mirror; prints both
tables. What is done already is skipped, so a second call only prints.

  --results DIR             folder the runs are kept in (default: results)
  --format FORM             form of the tables (default: rich); json prints two documents, one for each half
  --generator-model MODEL   let this model write instead of replaying the packaged texts: hf:ID, hf:FOLDER,
                            openai:MODEL or http://HOST/v1#MODEL
  --help                    this text

PYTHON names the interpreter used to make .venv (default: python3, 3.11 or newer).
TEXT
}

value() {
    [ $# -ge 2 ] || { echo "Error: $1 needs a value; ./run_all.sh --help lists them." >&2; exit 2; }
}

results=results
form=rich
model=
while [ $# -gt 0 ]; do
    case "$1" in
        --results) value "$@"; results="$2"; shift 2 ;;
        --format) value "$@"; form="$2"; shift 2 ;;
        --generator-model) value "$@"; model="$2"; shift 2 ;;
        --help | -h) usage; exit 0 ;;
        *) echo "Error: unknown option $1; ./run_all.sh --help lists them." >&2; exit 2 ;;
    esac
done

[ -f .venv/.ready ] || scripts/setup.sh "${PYTHON:-python3}" dense,demo

.venv/bin/retrieval-bench run --experiment experiments/demo_retrieval.yaml --results "$results" --format "$form" \
    ${model:+--generator-model "$model"}
.venv/bin/sql-bench run --experiment experiments/demo_sql.yaml --results "$results" --format "$form"

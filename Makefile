# `make test` does its own set-up and runs everything; `make check` is its fast part.
PYTHON ?= python3
PYTHONS ?= python3.11 python3.12 python3.13
VENV := .venv
BIN := $(VENV)/bin
# One thread each: two processes on two cores are slower with more.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2

# The tests start hundreds of processes: each module is compiled once for all of them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test check check-all lint fast slow clean

test: check slow

check: lint fast

# The fast tests on each Python that setup.cfg names. With pyenv: PYENV_VERSION=3.11.7:3.12.1:3.13.0 make check-all
check-all:
	scripts/check_versions.sh $(PYTHONS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/find_similar_lines.py

fast: $(VENV)/.dev
	$(PYTEST) -m "not slow and not gpu and not network and not bigquery"

slow: $(VENV)/.dev
# A file stays with one process, as its fixtures are long runs.
	$(PYTEST) --dist loadscope -m "slow"

$(VENV)/.dev: setup.cfg pyproject.toml constraints.txt scripts/setup.sh
	scripts/setup.sh "$(PYTHON)" dense,demo,dev $(VENV)
	touch $@

clean:
	rm -rf $(VENV) .venv-3.1? results indexes/*--* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# `make test` does its own set-up and runs everything; `make check` is its fast part.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test check lint fast slow clean

test: check slow

check: lint fast

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: $(VENV)/.dev
# One thread each: two processes on two cores are slower with more.
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not slow and not gpu and not network and not bigquery" -n 2

# One process at a time: the slow tests measure memory and kill processes.
slow: $(VENV)/.dev
	$(BIN)/pytest -q -m "slow"

$(VENV)/.dev: setup.cfg pyproject.toml constraints.txt scripts/setup.sh
	scripts/setup.sh "$(PYTHON)" dense,demo,dev
	touch $@

clean:
	rm -rf $(VENV) results indexes/*--* .mypy_cache .ruff_cache .pytest_cache .hypothesis

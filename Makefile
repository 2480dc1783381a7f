# What a person types. `make run` and `make test` do all their own set-up.
VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help run test check format format-check lint types contracts bench bench-million bench-reliability ledger ledger-summary clean

help:
	@echo "make run     the gateway with a demo tenant, and the next command to try"
	@echo "make test    every test, on SQLite and on PostgreSQL"
	@echo "make check   format, lint, types, import contracts, tests: what CI runs"
	@echo "make bench   the speed goals, as ratios to floors measured in the same run"
	@echo "make bench-million  the same goals with a million accounts; takes a while to fill them"
	@echo "make bench-reliability  what the promises cost in time: kills, outages, crowds"
	@echo "make ledger  many kills, and an account that nothing acknowledged is lost; see docs/ledger.md"
	@echo "make format  put the code in its usual shape"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Jackfield needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3 run"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is incomplete here; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Jackfield needs into $(VENV) (once, about a minute) ..."
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --editable '.[dev]'
	@# What is installed editable nobody compiles, and where Python may not write bytecode every start would.
	@$(BIN)/python -m compileall -q src
	@touch $@

run: $(READY)
	@$(BIN)/jackfield demo

test: $(READY)
	@$(BIN)/python -m pytest -n auto --dist worksteal

check: format-check lint types contracts test

format-check: $(READY)
	@$(BIN)/ruff format --check .

lint: $(READY)
	@$(BIN)/ruff check .

types: $(READY)
	@$(BIN)/mypy

contracts: $(READY)
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(READY)
	@$(BIN)/python -m benchmarks

bench-million: $(READY)
	@$(BIN)/python -m benchmarks --goal S4 --goal S10 --goal S11

bench-reliability: $(READY)
	@$(BIN)/python -m benchmarks.reliability

LEDGER = PYTHONPATH=tests $(BIN)/python -m ledger

ledger: $(READY)
	@$(LEDGER) $(if $(KILLS),--kills $(KILLS)) $(if $(POINT),--point $(POINT)) $(if $(ENGINE),--engine $(ENGINE)) $(if $(SEED),--seed $(SEED)) $(if $(DEFECT),--defect $(DEFECT)) $(if $(COLD),--cold)

ledger-summary: $(READY)
	@$(LEDGER) --summary

clean:
	rm -rf $(VENV) .venv-generator .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Solon's verbs. `make help` lists them; nothing else is needed to work on the project.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first Python that is new enough; `make PYTHON=/path/to/python …` names another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.installed-base
FULL := $(VENV)/.installed-dev

.PHONY: help setup demo test lint check bench docs golden

help: ## list the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(FULL) ## a virtual environment with everything for tests and training (torch among it)

demo: $(BASE) ## real requests through the gateway, judged by the shipped weights; installs no torch
	$(BIN)/solon demo

test: $(FULL) ## every test
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(FULL) ## format, lint, types, import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/lint-imports

check: lint ## what to run before a commit: lint and the fast tests
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not data"

bench: $(FULL) ## every benchmark; each prints its figures with n and interval
	PYTHON=$(BIN)/python benchmarks/run_all.sh

docs: $(FULL) ## write the generated pages again (docs/cli.md, docs/gateway_reference.md)
	$(BIN)/python tools/cli_reference.py docs/cli.md
	$(BIN)/python tools/gateway_reference.py docs/gateway_reference.md

golden: $(FULL) ## rewrite golden files from the present behaviour; review the diff
	$(BIN)/python -m pytest -p no:randomly --write-golden -m golden

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Solon needs Python 3.11 or newer; none found on PATH." >&2; exit 1; }
	@# Some systems ship Python without ensurepip: their own pip then installs into the new environment.
	"$(PYTHON)" -m venv $(VENV) || { "$(PYTHON)" -m venv --clear --without-pip $(VENV) && \
		"$(PYTHON)" -m pip --python $(BIN)/python install --quiet pip; }

$(BASE): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(FULL): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(BASE) $@

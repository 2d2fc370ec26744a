# Shipway's commands. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3; do \
	command -v $$one >/dev/null && $$one -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$one; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
ROUTER_PORT ?= 8500
APPROVE ?= validator
# Bytecode makes TensorFlow start in 6 s instead of 24; everything here writes and uses it.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPATH := $(CURDIR)/include:$(CURDIR)/plugins

.PHONY: help install install-dev demo up stop test test-fast check format lock clean bench-parse

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Shipway needs Python 3.11, 3.12 or 3.13; none is on the PATH. Name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-installer.lock
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.lock
	@touch $@

$(VENV)/.shipway: $(VENV)/.runtime pyproject.toml
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

install: $(VENV)/.shipway ## Install everything that runs, locked and hashed, into .venv
install-dev: install $(VENV)/.dev ## Install what tests and checks need as well

demo: install ## The life of the model hmeq, from registration to retraining (DATA=folder APPROVE=me PORT=8080)
	$(BIN)/shipway demo --port $(PORT) --router-port $(ROUTER_PORT) --approve $(APPROVE) $(if $(DATA),--data "$(DATA)")

up: install ## Start PostgreSQL, Airflow and the local target (PORT=8080 ROUTER_PORT=8500)
	$(BIN)/shipway up --port $(PORT) --router-port $(ROUTER_PORT)

stop: install ## Stop everything that `make demo` or `make up` started
	$(BIN)/shipway stop

test: install-dev ## Run all tests
	$(BIN)/python -m pytest

test-fast: install-dev ## Run the tests that take seconds
	$(BIN)/python -m pytest -m "not slow and not e2e"

check: install-dev ## Linters, types, dependency rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	MYPYPATH=include:plugins $(BIN)/mypy
	$(BIN)/lint-imports

format: install-dev ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench-parse: install-dev ## What many models cost Airflow's DAG processor
	$(BIN)/python tests/bench/parse.py

lock: install-dev ## Resolve the direct requirements anew, with hashes
	for name in requirements-installer requirements requirements-dev; do \
		$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
			--no-emit-index-url --no-emit-find-links $$name.txt -o $$name.lock || exit 1; done

clean: ## Stop everything and remove what was installed and made (.venv, var)
	@test ! -x $(BIN)/shipway || $(BIN)/shipway stop
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build

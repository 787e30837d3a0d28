SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help run test lint format bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## the local runtime on http://127.0.0.1:8080 (HTTP_PORT moves it), nothing needed beforehand
	@exec $(BIN)/inn local

test: $(VENV)/.dev ## every test, on a real MongoDB and a real RabbitMQ
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

lint: $(VENV)/.dev ## format check, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## what lint's format check would have
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## the benchmark report: floors, peers and this project in one run
	$(BIN)/python -m bench

clean: ## forgets the environment and what the local runtime kept
	rm -rf $(VENV) .inn-local .mypy_cache .ruff_cache .pytest_cache .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make run PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# The environment holds exactly what the lock names, each file checked by its hash.
$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "Adding what tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

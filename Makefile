# Latchboard's commands. `make` lists them.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python

# The first Python that is new enough; another one by name: make run PYTHON=/path/to/python3.12
ifndef PYTHON
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
endif

# Both, so that a test run proves that requirements.txt alone carries every entry point's imports.
DEV_REQUIREMENTS := requirements.txt requirements-dev.txt

PIP_COMPILE := $(VENV)/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-config --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

##@ Using it

run: python ## Start everything: Redis, web, worker, clock, the Schlage simulator and a demo account
	@"$(PYTHON)" portal/runtime/preflight.py
	@"$(PYTHON)" portal/runtime/install.py requirements.txt
	@exec $(VENV_PYTHON) -m portal.runtime

##@ Working on it

test: check ## Run every test, on SQLite and then on PostgreSQL, after `make check`
	@$(VENV_PYTHON) -m tests.support.chromium
	$(VENV_PYTHON) -m pytest -n 2 --dist loadfile
	TEST_DATABASE=postgresql $(VENV_PYTHON) -m pytest -n 2 --dist loadfile -m "database and not deep"

test-deep: dev ## Run the long tests: many more examples, longer crash runs
	$(VENV_PYTHON) -m pytest -m deep

check: dev ## Lint, formatting, types, and the direction of every import
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy
	$(VENV_PYTHON) -m pytest -q tests/test_architecture.py

format: dev ## Put the code into the project's form
	$(VENV_PYTHON) -m ruff check --fix .
	$(VENV_PYTHON) -m ruff format .

bench: dev ## Measure against bare baselines; prints JSON lines
	$(VENV_PYTHON) -m benchmarks

docs: dev ## Make the pages of docs/ that are generated from the code
	$(VENV_PYTHON) -m docs.generate

messages: dev ## Begin or refresh a translation; LANGUAGE=de names which
	$(VENV_PYTHON) -m docs.messages $(LANGUAGE)

screenshots: dev ## Take the screenshots of the docs anew
	$(VENV_PYTHON) -m docs.screenshots

lock: dev ## Compile requirements*.in into requirements*.txt; UPGRADE=1 takes the newest versions
	$(VENV_PYTHON) -m pip install --quiet pip-tools
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements.txt requirements.in
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements-dev.txt requirements-dev.in

dev: python ## Install what the tests and the lint need (Python packages only)
	@"$(PYTHON)" portal/runtime/install.py $(DEV_REQUIREMENTS)

##@ Help

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Latchboard needs Python 3.11 or newer, and this machine's python3 is $$(python3 --version 2>/dev/null || echo missing)."; \
		echo "Install one, or name one that is elsewhere: make $(or $(MAKECMDGOALS),run) PYTHON=/path/to/python3.12"; \
		exit 1; \
	fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Latchboard needs Python 3.11 or newer, and $(PYTHON) is $$("$(PYTHON)" --version 2>/dev/null || echo missing)."; \
		exit 1; }

.PHONY: run test test-deep check format bench docs messages screenshots lock dev help python

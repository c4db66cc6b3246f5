# The commands of the house. `make` alone lists them.
# Values are given behind the target: make run PORT=8001, make test ARGS="-k ledger -x"

PYTHON ?= python3
ARGS ?=
PY := .venv/bin/python
PRODUCT := manage.py loyalty_crm members rewards campaigns analytics
COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run install test long fault fuzz e2e lint format types bench demo-full lock messages clean

help: ## what can be done
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: ## a working shop with demo data: make run [PORT=8000]
	@$(PYTHON) deploy/install.py requirements.txt requirements-demo.txt
	@$(PY) deploy/messages.py
	@exec $(PY) -m loyalty_crm.launcher

install: ## everything a developer needs, into .venv
	@$(PYTHON) deploy/install.py requirements.txt requirements-demo.txt requirements-dev.txt

test: install ## every test that needs no browser and kills no process
	@$(PY) deploy/messages.py
	@$(PY) -m pytest -n $(WORKERS) -m "not faults and not browser and not long" --every-error-code $(ARGS)

long: install ## races, random lives and long histories with the full numbers of the quality bar
	@RANDOM_EXAMPLES=1 $(PY) -m pytest -m long $(ARGS)

fault: install ## tests that start, kill and restart the product's own processes
	@$(PY) -m pytest -m faults $(ARGS)

fuzz: install ## some ten thousand requests made up from the API's schema
	@FUZZ_EXAMPLES=120 RANDOM_EXAMPLES=1 $(PY) -m pytest -n $(WORKERS) tests/house/test_fuzz.py $(ARGS)

e2e: install ## tests in a real browser; needs Debian's chromium
	@$(PY) -m pytest -m browser $(ARGS)

lint: install ## style, types, direction of imports, unused requirements
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/deptry .

format: install ## put the code into shape
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: install ## limits and our own paths side by side; ratios
	@$(PY) -m bench $(ARGS)

demo-full: install ## load the whole demo data set instead of the sample
	@$(PY) manage.py migrate --no-input --verbosity 0
	@$(PY) manage.py load_demo --full

lock: install ## compile requirements*.in into pinned and hashed files
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) requirements-demo.in -o requirements-demo.txt
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt
	@$(COMPILE) deploy/uv.in -o deploy/uv.txt

messages: install ## gather and compile translations
	@$(PY) deploy/messages.py gather

clean: ## everything that can be made again; the shop's data stays
	@rm -rf .venv .data/test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

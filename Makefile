# Everything happens in .venv beside this file; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
BENCH_STAMP := .venv/bench-installed

.PHONY: help demo test check format lint types layers soak bench bench-check bench-publish docs clean

help:  ## show these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("llmspell needs Python 3.11 or newer; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip  # an old one's commands start slower
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## install into .venv and show that a second run finds what the first one saved
	@$(BIN)/python examples/demo.py

test: $(STAMP)  ## run the test suite
	$(BIN)/python -m pytest -n 3

format: $(STAMP)  ## rewrite the code in the project's format
	$(BIN)/ruff format src tests benchmarks examples docs
	$(BIN)/ruff check --fix src tests benchmarks examples docs

lint: $(STAMP)
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check src tests benchmarks examples docs

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-cache

check: lint types layers test  ## format, lint, strict types, import contracts, tests

soak: $(STAMP)  ## the long loops: crashes, races and random operations; let it run over lunch
	$(BIN)/python -m pytest -n 2 -m soak

$(BENCH_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	@touch $(BENCH_STAMP)

bench: $(BENCH_STAMP)  ## one table of speeds beside peers, some minutes; with figures and a picture in build/benchmark
	$(BIN)/python -m benchmarks.bench

bench-publish: $(BENCH_STAMP)  ## put the last run of `make bench` into README.md and docs/performance.md
	$(BIN)/python -m benchmarks.publish

bench-check: $(BENCH_STAMP)  ## fail when a ratio to a peer is worse than the committed one
	$(BIN)/python -m benchmarks.check

docs: $(STAMP)  ## write the pages that are made from the program
	$(BIN)/python docs/make_cli_reference.py

clean:  ## remove what building and testing left behind
	rm -rf .venv build .mypy_cache .ruff_cache .hypothesis src/*.egg-info

# SPDX-License-Identifier: GPL-2.0-only
#
#   make check                   verify the model and the reference implementations
#   make check KERNEL=~/linux    verify a kernel tree as well
#   make prove                   prove the built-in page table in every permitted layout
#   make prove KERNEL=~/linux    prove the C of a kernel tree
#   make prove-all               in every layout, each quirk refuted, three solvers in agreement
#   make hard-queries            ask all solvers what is hard for Z3, and put it on record
#   make trees TREES=DIR         judge every kernel tree in a folder, side by side
#   make test                    test slatcheck itself
#
# See README.md for the rest.

PYTHON            ?= python3
UV                ?= uv
SLATCHECK_KERNELS ?= .cache/kernels
# Further arguments: of slatcheck for 'check', of the benchmark for 'bench'.
ARGS              ?=
PYTEST_ARGS       ?= -n auto --dist worksteal
# 'make lock UPGRADE=--upgrade' moves to the newest releases; otherwise pins stay where they can.
UPGRADE           ?=

override KERNEL := $(patsubst ~/%,$(HOME)/%,$(KERNEL))
override TREES := $(patsubst ~/%,$(HOME)/%,$(TREES))
export KERNEL TREES SLATCHECK_KERNELS

VENV  := .venv
BIN   := $(VENV)/bin
# What runs slatcheck, and beside it what tests it.
READY := $(VENV)/.ready
STAMP := $(VENV)/.complete

.DEFAULT_GOAL := help
.PHONY: help setup bytecode check prove prove-all hard-queries trees test kernels man docs coverage lint format lock bench bench-native bench-planted bench-spin bench-proof bench-c-proof bench-latency bench-mutants clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(STAMP) bytecode

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# check.txt holds the pins of base.txt, and what the package itself is built with; dev.txt holds
# the pins of check.txt.
$(READY): pyproject.toml requirements/check.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'make: slatcheck needs Python 3.11 or newer; say which with PYTHON=python3.12' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo 'setting up $(VENV) from requirements/check.txt'
	@$(INSTALL) --require-hashes -r requirements/check.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP): $(READY) requirements/dev.txt
	@echo 'adding requirements/dev.txt'
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# Where the environment keeps Python from writing byte code, as in many containers, each of the
# processes of a run would compile slatcheck's modules again.
bytecode: $(READY)
	@$(BIN)/python -m compileall -q model impl proofs slatcheck support

# make itself ends with 2 whenever a recipe fails; the line 'Error N' that it prints last
# has slatcheck's own status. Scripts that need it call .venv/bin/slatcheck.
check: bytecode
	@$(BIN)/slatcheck check $(if $(KERNEL),--kernel "$$KERNEL") $(ARGS)

prove: bytecode
	@$(BIN)/slatcheck prove $(if $(KERNEL),--kernel "$$KERNEL") $(ARGS)

trees: bytecode
	@test -n "$$TREES" || { echo 'make: name the folder that holds the trees: make trees TREES=DIR' >&2; exit 1; }
	@$(BIN)/slatcheck trees "$$TREES" $(ARGS)

# Everything that is proved, by three solvers, and the tests that take too long for every day.
prove-all: setup
	@$(BIN)/slatcheck prove --all $(ARGS)
	@$(BIN)/slatcheck prove --solver z3,bitwuzla,cvc5 $(ARGS)
	@SLATCHECK_PROVE_ALL=1 $(BIN)/python -m pytest $(PYTEST_ARGS) tests/proofs

# The record of hard queries, written again; a run that was ended goes on where it was. That Z3
# confirms what is on record: make hard-queries ARGS=--confirm.
hard-queries: setup
	@$(BIN)/python -m tools.hard_queries $(ARGS)

test: lint
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

# Branch coverage of what is trusted most, by the tests that mirror it; each part has a floor.
# Not in CI: the tests run there anyway, and measuring them once more takes minutes.
coverage: setup
	@$(BIN)/python -m tools.covered $(PYTEST_ARGS)

# The help texts and manual pages in docs/, from the program as it is now.
man: setup
	@SLATCHECK_WRITE_EXAMPLES=1 $(BIN)/python -m pytest -q -n0 tests/docs/test_commands.py

# What is drawn and listed in docs/, from the program as it is now.
docs: setup
	@$(BIN)/python -m tools.floors
	@$(BIN)/python -m tools.worked_example

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@said="$$($(BIN)/lint-imports --no-cache --no-logo 2>&1)" || { echo "$$said" >&2; exit 1; }
	@$(BIN)/codespell
	@$(BIN)/python -m tools.words

format: setup
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

kernels:
	@$(PYTHON) tools/fetch_kernels.py

bench: setup
	@$(BIN)/python -m bench.differential $(ARGS)

# Native code beside emulated: make bench-native ARGS='--layout mips32-4k'.
bench-native: setup
	@$(BIN)/python -m bench.native $(ARGS)

# Time to the first finding of planted bugs: make bench-planted KERNEL=PATH ARGS='--only mips'.
bench-planted: setup
	@$(BIN)/python -m bench.planted "$$KERNEL" $(ARGS)

# Small scopes of the real C beside models under Spin: make bench-spin ARGS='--kernel PATH'.
bench-spin: setup
	@$(BIN)/python -m bench.spin.compare $(ARGS)

bench-proof: setup
	@$(BIN)/python -m bench.proof $(ARGS)

# What the proof of a tree's C costs: make bench-c-proof KERNEL=PATH.
bench-c-proof: setup
	@$(BIN)/python -m bench.c_proof "$$KERNEL" $(ARGS)

# What a person waits for, cold, unchanged and after an edit: make bench-latency KERNEL=PATH.
bench-latency: setup
	@$(BIN)/python -m bench.latency "$$KERNEL" $(ARGS)

bench-mutants: setup
	@$(BIN)/python -m bench.mutants $(ARGS)

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' \
  $(UPGRADE) pyproject.toml

lock:
	@command -v $(UV) >/dev/null || { echo 'make: lock needs uv' >&2; exit 1; }
	@$(LOCK) -o requirements/base.txt
	@$(LOCK) -c requirements/base.txt --extra build -o requirements/check.txt
	@$(LOCK) -c requirements/check.txt --extra dev -o requirements/dev.txt

# The kernel trees in the cache stay.
clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -not -path './.cache/*' -prune -exec rm -rf {} +

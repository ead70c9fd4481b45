# The verbs of development. `make` lists them; each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs golden bench ci clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / \t/' | expand -t 10

$(VENV)/core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "graphrisk needs Python 3.11 or newer; name one: make demo PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): half a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test: $(VENV)/core
	@echo "Adding the tools that the tests need: half a minute, once."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: $(VENV)/core ## who loses what on the bundled sample: no server, no data needed
	@$(BIN)/graphrisk demo

test: $(VENV)/test ## every test that this machine can run; the rest is named at the end
	@echo "Running the tests on all cores."
	@$(PYTEST)

lint: $(VENV)/test ## style, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/test ## types of the package
	$(BIN)/mypy

docs: $(VENV)/core ## write the reference pages that come from the code
	$(BIN)/python docs/write_reference.py

golden: $(VENV)/test ## rewrite the expected outputs of tests and examples; look at the difference
	-$(PYTEST) --force-regen tests/views tests/cli tests/examples
	$(BIN)/python docs/write_reference.py

bench: $(VENV)/test ## how fast it is: each goal, its figure, met or not (ten minutes; ONLY=P15 for one goal)
	$(BIN)/python -m benchmarks.run $(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write docs/benchmarks.md)

ci: lint types test ## all of the above, as CI runs it

clean: ## remove .venv and what tools leave behind
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

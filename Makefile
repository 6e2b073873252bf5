# The two main commands: `make run` serves edits on this machine, and `make test` runs the tests.
PYTHON ?= python3
PORT ?= 8787
VENV := .venv
PROGRESS := make/progress.sh
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# More than there are processors, because many tests wait for a process, a lease or a provider.
TEST_PROCESSES ?= $(shell $(PYTHON) -c "import os; print(os.cpu_count() * 3 // 2)")
# The import path has the layer, as in Lambda, and the repository folder for the tools.
export PYTHONPATH := $(CURDIR)/layers/retouch:$(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-slow check fmt bench bench-vs docs docs-site screenshots lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## Serve the gateway on 127.0.0.1:$PORT until Ctrl-C; needs no key and no account
	@PORT=$(PORT) exec $(BIN)/python -m devserver

test: $(VENV)/.dev ## Run all tests except the slow ones; needs no network
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist worksteal -m "not slow" --cov --cov-report= tests

test-slow: $(VENV)/.dev ## Run the tests that take minutes
	$(BIN)/python -m pytest -q -m slow tests

check: $(VENV)/.dev ## Check style, types, imports, template and generated documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory check-aws
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/retouch/api/endpoints/test_playground.py
	@$(MAKE) --no-print-directory docs-site

fmt: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Rewrite the generated parts of the documentation
	@$(PROGRESS) "writing the generated parts of the documentation" $(BIN)/python -m tools.docs
	@$(PROGRESS) "running the rows of docs/portkey.md" $(BIN)/python -m tools.portkey --write

screenshots: $(VENV)/.dev ## Take the pictures of the playground for the docs; needs Chromium
	@$(PROGRESS) "taking the pictures of the playground" $(BIN)/python -m tools.screenshots

docs-site: $(VENV)/.dev ## Build the documentation site into .work/site; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(PROGRESS) "building the documentation site" $(BIN)/mkdocs build --config-file .mkdocs.yml

bench: $(VENV)/.dev ## Compare the speed with Portkey and LiteLLM; QUICK=1 takes three minutes; needs Node
	$(BIN)/python -m bench $(if $(QUICK),--quick)

bench-vs: $(VENV)/.dev ## Compare the speed of the working tree with a revision: make bench-vs REV=main
	$(BIN)/python -m bench versus --quick --rev $(or $(REV),HEAD)

lock: $(VENV)/.uv ## Pin every dependency again, with hashes
	for set in layers/retouch/requirements make/requirements/run make/requirements/dev; do \
	  $(VENV)/.uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate $$set.in -o $$set.txt || exit 1; done

clean: ## Remove everything that was built
	@[ ! -d .work/local ] || tools/aws/sam-local-setup.sh .work/local stop
	rm -rf $(VENV) .work .aws-sam

# $(1) is a Python. An old one would fail later, in the middle of an installation.
define require-python
$(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "Retouch needs Python 3.11 or newer, and $(1) is $$($(1) --version 2>&1 || true). $(2)" >&2; exit 1; }
endef

# Use an installed uv, or install uv into the environment. Both use the same lock files.
$(VENV)/.uv:
	@$(call require-python,$(PYTHON),Name another one: make PYTHON=python3.13 ...)
	@[ -e $(VENV) ] || $(PROGRESS) "creating $(VENV)" $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(call require-python,$(BIN)/python,Run \`make clean\` first.)
	@command -v uv >/dev/null || $(PROGRESS) "installing uv" $(BIN)/pip install -q uv==$(UV_VERSION)
	@ln -sf "$$(command -v uv || echo $(CURDIR)/$(BIN)/uv)" $(VENV)/.uv

$(VENV)/.run: make/requirements/run.txt | $(VENV)/.uv
	@$(call require-python,$(BIN)/python,Run \`make clean\` first.)
	@VIRTUAL_ENV=$(VENV) $(PROGRESS) "installing the packages for run" $(VENV)/.uv pip install -q --compile-bytecode --require-hashes -r make/requirements/run.txt
	@touch $@

$(VENV)/.dev: make/requirements/dev.txt | $(VENV)/.uv
	@$(call require-python,$(BIN)/python,Run \`make clean\` first.)
	@VIRTUAL_ENV=$(VENV) $(PROGRESS) "installing the packages for test and check" $(VENV)/.uv pip install -q --compile-bytecode --require-hashes -r make/requirements/dev.txt
	@touch $@ $(VENV)/.run

include make/aws.mk
include make/operate.mk
include make/providers.mk

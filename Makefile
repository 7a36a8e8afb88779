# Two commands on a machine with Python 3.11 or later: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint golden conformance argo-up argo-down test-argo test-argo-slice
.PHONY: walkthrough-aws faults-aws large-loops test-podman test-objects bench-balancer bench-series-parallel wheel clean

help: ## Show what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "}; {printf "  %-12s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "flowc needs Python 3.11 or later; set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(STAMP): pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e ".[demo]"
	@touch $@

$(DEV): pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@

demo: $(STAMP) ## Check, build and run an example with CPU, GPU and memory component servers
	@$(BIN)/python examples/demo.py

test: $(DEV) lint ## Run everything that is checked before a change is accepted
	$(BIN)/python -m pytest -n $(JOBS) -q

test-fast: $(DEV) ## Run the tests that need no engine, no server and no other tool
	$(BIN)/python -m pytest -n $(JOBS) -q -m "not engine and not argo and not walkthrough" tests/compiler tests/runtime_shim tests/targets tests/cli

lint: $(DEV) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

golden: $(DEV) ## Rewrite golden/ and the generated pages from what flowc emits now
	FLOWC_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/golden tests/docs

conformance: $(DEV) ## Run every conformance case on every target and print the matrices; Argo's takes long
	$(BIN)/python -m pytest -n $(JOBS) -q tests/conformance --matrix
	$(ARGO_TESTS) -m argo tests/conformance

argo-up: $(DEV) ## Start a cluster with Argo here (root, Linux, Go; Debian: containerd, runc, CNI plugins)
	@$(BIN)/python -m tests.engines.argo up

argo-down: $(DEV) ## End that cluster
	@$(BIN)/python -m tests.engines.argo down

# Only a KUBECONFIG from this command line is used: one from the environment may be anybody's.
ARGO_TESTS = $(if $(filter command%,$(origin KUBECONFIG)),FLOWC_ARGO_KUBECONFIG=$(KUBECONFIG)) \
	$(BIN)/python -m pytest -n 0 -q --matrix

test-argo: $(DEV) ## Run all that needs Argo's controller, on that cluster or KUBECONFIG=…
	$(ARGO_TESTS) -m argo

test-argo-slice: $(DEV) ## Run what CI runs of it
	$(ARGO_TESTS) -m argo_slice

walkthrough-aws: $(DEV) ## Run examples/production/walkthrough.sh step-functions, on moto in a process of its own
	$(BIN)/python -m pytest -q -m walkthrough tests/targets/step_functions/test_walkthrough.py

faults-aws: $(DEV) ## Deploy to AWS with a fault, or a kill, at every call; PART=2/4 a quarter of them
	FLOWC_ALL_FAULTS=1 FLOWC_PART=$(or $(PART),1/1) $(BIN)/python -m pytest -q tests/targets/step_functions/test_deploy_faults.py

large-loops: $(DEV) ## Run loops of 25,000 items and 2,000 passes instead of small ones
	FLOWC_LARGE_LOOPS=1 $(BIN)/python -m pytest -q tests/loops

test-podman: $(DEV) ## Run `container` components by a real podman (Debian: podman, runc, busybox-static)
	FLOWC_PODMAN=1 $(BIN)/python -m pytest -q tests/containers

bench-balancer: $(DEV) ## Run a thousand items through two HAProxy processes (Debian: haproxy)
	$(BIN)/python benchmarks/balanced_items.py

test-objects: $(DEV) ## Run the contract of stores on emulators from npm (Azurite)
	FLOWC_OBJECTS=1 $(BIN)/python -m pytest -q tests/runtime_shim/stores -k azure

bench-series-parallel: $(DEV) ## Measure what overlap state machines lose, over families of graphs
	$(BIN)/python -m benchmarks.series_parallel | tee benchmarks/series_parallel.md

wheel: $(DEV) ## Build both wheels into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist . ./runtime_shim

clean: ## Remove what the above made
	rm -rf $(VENV) dist build

# Every target makes .venv by itself; Python 3.11-3.13 and pip are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETPOINT_HOME ?= $(CURDIR)/.setpoint
export SETPOINT_HOME
# Without bytecode every process of a test or a run would compile Setpoint's modules anew: a third of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench bench-peers clients soak clean docs constraints

# The main job. DATA=dir takes the files of that directory; KEEP=1 leaves the services running.
run: $(VENV)/.ready
	@$(BIN)/setpoint run process-control $(if $(DATA),-p source=$(abspath $(DATA))) --artifact report=report.html $(if $(KEEP),--keep) $(ARGS)

test: $(VENV)/.ready
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup $(ARGS)

check: $(VENV)/.ready
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.check_size
	@$(BIN)/python -m tools.generate_docs --check

docs: $(VENV)/.ready
	@$(BIN)/python -m tools.generate_docs

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks $(ARGS)

# Other engines, each in an environment of its own below .peers, made when first asked for; minutes.
bench-peers: $(VENV)/.ready
	@$(BIN)/python -m benchmarks.peers $(ARGS)

# Real clients as processes, each in an environment of its own below .clients, made when first asked for; minutes.
# Writes docs/clients.md and keeps what they asked for tests/replay.
clients: $(VENV)/.ready
	@$(BIN)/python -m tests.clients --keep $(ARGS)

# Long fault runs: 300 kills of the control plane at random moments. The result goes to docs/soak.md.
soak: $(VENV)/.ready
	@$(BIN)/python -m pytest -q -m soak --timeout 7200 $(ARGS)

$(VENV)/.ready: requirements/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Setpoint needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	@echo "making $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Pins every package anew (needs uv); the file holds names, versions and hashes, never a host.
constraints:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml -o requirements/constraints.txt

clean:
	rm -rf $(VENV) .peers .clients .setpoint .mypy_cache .ruff_cache .pytest_cache .hypothesis

# make demo: the whole line on the sample actor.  make test: lint, types, tests.  Both make their own virtual environment.
# make module: dist/aim_maya-<version>.zip for Maya; needs nothing but Python.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: venv demo test lint module clean

venv: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt --target $(VENV)/stubs/api maya-stubs
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt --target $(VENV)/stubs/cmds types-maya
	touch $@

demo: venv
	$(BIN)/aimface demo --out out/demo

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.maya_types.stub_check $(VENV)/stubs

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

module:
	$(PYTHON) mod/build.py

clean:
	rm -rf $(VENV) out build dist *.egg-info

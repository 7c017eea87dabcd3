# make demo    enhance a sample without a display: picture, OME-TIFF and metrics in demo/
# make napari  open napari with the dock and the sample
# make test    style, types, architecture and all tests, the GUI ones under a virtual display

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo napari test system lint screenshots study study-quick venv clean

VENV := .venv
BIN := $(VENV)/bin
XVFB := xvfb-run -a -s "-screen 0 1600x1200x24"
# Contiguous halves of the tests, so that what a file makes for all of its tests is made once.
WORKERS ?= -n logical --maxprocesses 4 --dist worksteal
PYTEST_ARGS ?=

# OpenMP's busy waiting makes small networks several times slower on few cores.
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:
	@echo "make demo         enhance a sample without a display; results in demo/"
	@echo "make napari       install a Qt, then open napari with the dock and the sample"
	@echo "make test         install what the tests need, then run all of them"
	@echo "make lint         style, types and architecture only"
	@echo "make screenshots  make the pictures of the documentation again"
	@echo "make study        the study repeated from scratch in runs/study; hours, goes on if stopped"
	@echo "make study-quick  a rehearsal of it in minutes, in runs/study-quick"
	@echo "make venv         make $(VENV) only (PYTHON=... chooses the interpreter)"
	@echo "make clean        remove results, builds and caches; $(VENV) stays"

demo: $(VENV)/.installed
	$(BIN)/napari-fus-ulm demo -o demo

napari: $(VENV)/.installed-all
	$(BIN)/python -c "import napari; viewer = napari.Viewer(); \
	  viewer.window.add_plugin_dock_widget('napari-fus-ulm', 'Enhance'); \
	  viewer.open_sample('napari-fus-ulm', 'phantom_pair'); napari.run()"

test: system lint
	$(XVFB) $(BIN)/python -m pytest $(WORKERS) $(PYTEST_ARGS)

# First, because it may ask a question.
system:
	scripts/system-packages.sh

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

screenshots: system $(VENV)/.installed-docs
	$(XVFB) $(BIN)/python docs/make_screenshots.py

study: $(VENV)/.installed
	$(BIN)/python benchmarks/study.py runs/study

study-quick: $(VENV)/.installed
	$(BIN)/python benchmarks/study.py runs/study-quick --quick

venv: $(BIN)/pip

# pip appears last when an environment is made, so an interrupted one is made again.
$(BIN)/pip:
	@python=$$(PYTHON="$(PYTHON)" scripts/find-python.sh) || exit 1; \
	echo "$$python -m venv $(VENV)"; "$$python" -m venv $(VENV)

# Installed again only when pyproject.toml changes; the sources themselves are linked, not copied.
$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install -e .
	@touch $@

$(VENV)/.installed-all: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install -e '.[all]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install -e '.[all,test]'
	@touch $(VENV)/.installed $(VENV)/.installed-all $@

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install -e '.[all,test,docs]'
	@touch $(VENV)/.installed $(VENV)/.installed-all $(VENV)/.installed-test $@

clean:
	rm -rf demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

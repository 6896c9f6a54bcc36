# Each target first makes .venv and installs Eyas into it, once.
#
#   make demo    train a walker under a teacher for a few minutes and draw a report; fly a quadrotor;
#                export its policy as C, compile it and fly 100 quadrotors with it; size an amplifier
#   make test    run the tests
#   make lint    check style and types
#   make bench   measure ours and its peers
#   make peers   build RAPTOR's own packages (l2f, foundation-policy; five minutes, needs a C++ compiler)
#   make clean   delete .venv and everything that can be made again (not runs/)
#
# PYTHON=...       the interpreter to use (default: the first of python3, python3.13, python3.12,
#                  python3.11 that is new enough)
# TORCH_INDEX=...  where to take PyTorch from, for example its index of builds without CUDA
# DEMO_STEPS=...   environment steps of `make demo`

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_STEPS ?= 5_000_000

.PHONY: demo test lint bench peers clean install
.DEFAULT_GOAL := demo

install: $(STAMP)

$(STAMP): pyproject.toml setup.py constraints.txt
	@python=; for name in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	    then python="$$name"; break; fi; done; \
	if [ -z "$$python" ]; then \
	    echo "Eyas needs Python 3.11, 3.12 or 3.13 and found none; name one: make PYTHON=/path/to/python3" >&2; \
	    exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$python lacks the venv module; on Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; fi; \
	echo "Installing into $(VENV) (about 2 GB, once) ..."; \
	"$$python" -m venv $(VENV)
# PyTorch first, so that what is installed later takes the build that is there.
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,bench]'
	@touch $(STAMP)

demo: $(STAMP)
	@out=runs/demo-$$(date +%Y%m%d-%H%M%S); \
	$(BIN)/eyas train walker --teacher alp-gmm --student ppo --steps $(DEMO_STEPS) --out "$$out" && \
	$(BIN)/eyas raptor evaluate --quick --simulator ours && \
	$(BIN)/eyas raptor fly --airframe crazyflie --trajectory figure-eight --out "$$out/flight" && \
	$(BIN)/eyas export --name foundation --airframes 100 --out "$$out/export" && \
	$(BIN)/eyas size three-stage-tia --simulations 500 --out "$$out/circuit" && \
	echo "Open $$PWD/$$out/report.html in a browser, $$PWD/$$out/export/report.html, $$PWD/$$out/circuit/report.html and $$PWD/$$out/flight/flight.mp4."

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The package is the repository's root: the link gives it the name that the type checker looks for.
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .lint && ln -sfn .. .lint/eyas
	cd .lint && MYPYPATH=. ../$(BIN)/mypy -p eyas

# Not part of the installation: they come as C++ sources only.
peers: $(STAMP)
	$(BIN)/python -m pip install -c constraints.txt -e '.[raptor]'

bench: $(STAMP)
	$(BIN)/eyas bench all

clean:
	rm -rf $(VENV) .lint build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

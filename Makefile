# make run        run the bot: on Discord if DISCORD_TOKEN is set, else on a local page
# make paint      paint the example of the README, without Discord
# make lint       check style, formatting, types and the layers of imports
# make test-fast  lint, then run the tests that take a second or two at most
# make test       lint, then run all tests
# make messages   update the catalogues of the languages
# make docs       build the documentation site into build/site; docs-serve shows it in a browser
# make wheel      build the wheel and the source archive into dist/
# make clean      remove what these targets made, except the pictures
#
# Each target sets up .venv if needed, which takes some minutes the first time.
# Another Python:  make PYTHON=/path/to/python run

PYTHON := python3.13 python3.12 python3.11 python3
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

VENV := .venv
IN_VENV := $(VENV)/bin/python -m
EXAMPLE := pictures/red-circle.png

# There are more test processes than cores, so each computes on one thread. Tests start many
# programs, so their bytecode is kept wherever the environment says that it should not be.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE \
	$(IN_VENV) pytest -q -n auto --durations=25

# Material for MkDocs tells of its successor at every start.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(IN_VENV) mkdocs

.PHONY: run paint lint test-fast test messages docs docs-serve wheel clean

run: $(VENV)/program.stamp
	$(IN_VENV) bot

paint: $(VENV)/program.stamp
	@mkdir -p $(dir $(EXAMPLE))
	$(IN_VENV) engine imagine "a red circle on a blue background" --out $(EXAMPLE) --force
	@echo "The picture is $(CURDIR)/$(EXAMPLE)"

lint: $(VENV)/tests.stamp
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) pyright
	$(VENV)/bin/lint-imports --no-logo --no-cache

test-fast: lint
	$(PYTEST) -m "not slow"

test: lint
	$(PYTEST)

messages: $(VENV)/program.stamp
	$(IN_VENV) tools.messages

docs: $(VENV)/tests.stamp
	$(MKDOCS) build --quiet --strict
	@echo "The site is $(CURDIR)/build/site/index.html"

docs-serve: $(VENV)/tests.stamp
	$(MKDOCS) serve --strict --dev-addr 127.0.0.1:8000

wheel: $(VENV)/tests.stamp
	$(IN_VENV) build --no-isolation

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/program.stamp: requirements.txt
	@for python in $(PYTHON); do \
		if "$$python" -c '$(USABLE)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "No Python 3.11 or newer with its venv module among: $(PYTHON)." >&2; \
		echo "Install one, or name it with: make PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$found; PyTorch is large, the first time takes minutes."; \
	"$$found" -m venv $(VENV)
	$(IN_VENV) pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/tests.stamp: requirements-dev.txt requirements-picture-filter.txt requirements-postgres.txt \
		requirements-upscaler.txt requirements-cluster.txt requirements-docs.txt $(VENV)/program.stamp
	$(IN_VENV) pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

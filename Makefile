# make run        run the bot: on Discord if DISCORD_TOKEN is set, else on a local page
# make paint      paint the example of the README, without Discord
# make lint       check style, formatting, types and the layers of imports
# make test-fast  lint, then run the tests that take a second or two at most
# make test       lint, then run all tests
# make messages   update the catalogues of the languages
# make docs       build the documentation site into build/site; docs-serve shows it in a browser
# make screenshots  take the pictures of the commands again, in Chromium; minutes
# make links      list the links from the documents to other servers; FETCH=--fetch asks them
# make wheel      build the wheel and the source archive into dist/
# make lock       resolve requirements*.txt into locks/, with the hashes of all files
# make licences   list the licences of all that is locked, in docs/licences.md
# make audit      ask whether the locked versions have known vulnerabilities
# make release    build what a release holds into dist/: wheel, source archive, list of parts, sums
# make package    the same of what is not committed yet, to see whether it can be built
# make image-check  build the image and look if it runs as docs/deployment.md says (ENGINE=podman)
# make clean      remove what these targets made, except the pictures
#
# Each target sets up .venv if needed, which takes some minutes the first time.
# Another Python:  make PYTHON=/path/to/python run
# Another build of PyTorch, such as for the CPU only or for AMD's GPUs, from the index with that address,
# which pytorch.org names for each:  make TORCH_INDEX=https://... run

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

# Only files whose SHA-256 is in the lock are installed.
LOCKED := $(IN_VENV) pip install --disable-pip-version-check --require-hashes
ifdef TORCH_INDEX
# PyTorch and what it needs of its GPU's maker come from that index, everything else from the lock.
define install
	$(IN_VENV) pip install --disable-pip-version-check --index-url "$(TORCH_INDEX)" \
		$$(awk '/^torch(vision)?==/ {print $$1}' $(1))
	awk '/^[^ #]/ {kept = !/^(torch|torchvision|triton|cuda-|nvidia-)/} kept' $(1) > $(VENV)/locked.txt
	$(LOCKED) --no-deps -r $(VENV)/locked.txt
endef
else
install = $(LOCKED) $(2) -r $(1)
endif

.PHONY: run paint lint test-fast test messages docs docs-serve screenshots links wheel lock licences \
	audit release package image-check clean

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

screenshots: $(VENV)/tests.stamp
	SCREENSHOTS=$(CURDIR)/docs/pictures/commands $(PYTEST) tests/screenshots

links: $(VENV)/tests.stamp
	$(IN_VENV) tools.links $(FETCH)

wheel: $(VENV)/tests.stamp
	$(IN_VENV) build --no-isolation

# LOCK=--upgrade takes the newest versions of all that requirements*.txt do not name.
lock: $(VENV)/tests.stamp
	$(IN_VENV) tools.supply.renew $(LOCK)

licences: $(VENV)/tests.stamp
	$(IN_VENV) tools.supply.licence_page

audit: $(VENV)/tests.stamp
	$(IN_VENV) tools.supply.audit $(AUDIT)

release: $(VENV)/tests.stamp
	$(IN_VENV) tools.supply.release

package: $(VENV)/tests.stamp
	$(IN_VENV) tools.supply.release --uncommitted

image-check:
	sh deploy/check-image.sh

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/program.stamp: locks/requirements.txt
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
	$(call install,$<)
	@touch $@

$(VENV)/tests.stamp: locks/requirements-dev.txt $(VENV)/program.stamp
	$(call install,$<,--quiet)
	@touch $@

# The commands of a checkout. `make` alone lists them.

NODE := .venv/bin/node
PORT ?= 8000
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run check format test dist bench clean distclean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## make the checkout ready: .venv with Node and the Python packages, node_modules (PYTHON=python3)
	@scripts/setup.sh

run: setup ## serve the Django example on http://127.0.0.1:8000 (PORT=8000, ARGS="--workers 2")
	@.venv/bin/python examples/django_defaults/manage.py migrate --verbosity 0
	@exec env VIRTUAL_ENV="$(CURDIR)/.venv" PATH="$(CURDIR)/.venv/bin:$$PATH" \
	  bin/tunicorn --chdir examples/django_defaults --bind 127.0.0.1:$(PORT) $(ARGS) django_defaults.wsgi

check: setup ## formatting, lint, types and unit tests, in seconds
	@$(NODE) scripts/test.ts check

test: setup ## everything: check, then the tests with real processes and against Gunicorn
	@$(NODE) scripts/test.ts

format: setup ## format the code, and mend what the linters can mend by themselves
	@$(NODE) node_modules/.bin/biome check --write . >/dev/null 2>&1 || :
	@$(NODE) node_modules/.bin/biome format --write --log-level=warn .
	@.venv/bin/ruff check --fix --quiet --exit-zero >/dev/null
	@.venv/bin/ruff format --quiet

dist: setup ## build what is published into dist/: a wheel, an sdist, an npm tarball
	@$(NODE) scripts/dist.ts

bench: setup ## measure Tunicorn beside other servers (ARGS="--quick", see bench/run.ts)
	@$(NODE) bench/run.ts $(ARGS)

clean: ## remove caches and results
	@rm -rf .mypy_cache .pytest_cache .ruff_cache node_modules/.cache build dist bench/results
	@find . -name __pycache__ -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +

distclean: clean ## remove everything git ignores: .venv, .bench, node_modules, the example's database
	@rm -rf .venv .bench node_modules examples/django_defaults/db.sqlite3

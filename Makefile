# Quoin: `make run` starts everything, `make test` tests everything. Both prepare the machine first.

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench screenshots clean
PYTHON_ENV := .venv/bin

help: ## This list
	@echo "make …"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: ## Prepare the environment (.venv) and what the system has to bring
	@bin/setup

run: setup ## Start everything, with a demo company; Ctrl-C stops it. Another port: make run PORT=8010
	@$(PYTHON_ENV)/python manage.py up

test: ## Run the whole test suite, on its own PostgreSQL. Some of it: make test ONLY=tests/pricing
	@bin/setup --tests
	@$(PYTHON_ENV)/python -m pytest $(or $(ONLY),-n auto --maxprocesses 4)

check: ## What CI runs: lint, format, types, floors, migrations, tests
	@bin/setup --tests
	$(PYTHON_ENV)/ruff check
	$(PYTHON_ENV)/ruff format --check
	$(PYTHON_ENV)/mypy
	$(PYTHON_ENV)/lint-imports
	$(PYTHON_ENV)/python manage.py makemigrations --check --dry-run
	@$(MAKE) --no-print-directory test

bench: setup ## Measure the whole journey against the limit of this machine
	@$(PYTHON_ENV)/python manage.py bench journey --json

screenshots: ## Take the pictures of the README anew
	@bin/setup --tests
	@$(PYTHON_ENV)/python manage.py screenshots

clean: ## Remove the environment and everything in var/, the demo company too
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

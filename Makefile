# One command each; `make` alone lists them. Everything is built below .dev/.
.DEFAULT_GOAL := help
PYTHON ?= python3
DEVENV := $(PYTHON) -m tools.devenv

.PHONY: help
help: ## list these commands
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: setup
setup: ## build or update the environment below .dev/
	@$(DEVENV) setup

.PHONY: demo
demo: ## start Odoo and a demo shop, play the main job, stay up until Ctrl-C
	@$(PYTHON) -m tools.demo

.PHONY: demo-check
demo-check: ## the same without a browser: check every number, then exit
	@$(PYTHON) -m tools.demo --check

.PHONY: demo-reset
demo-reset: ## forget the demo's databases, so that the next demo starts afresh
	@$(PYTHON) -m tools.demo --reset

.PHONY: test
test: ## all tests: lint, pure, Odoo, tours; one summary at the end
	@$(DEVENV) test

.PHONY: lint
lint: ## ruff, formatting, pylint-odoo, mypy, well-formed XML
	@$(DEVENV) test --only lint

.PHONY: format
format: ## let ruff format and sort everything
	@$(DEVENV) format

.PHONY: test-pure
test-pure: ## tests of connectors/ and tools/, without Odoo, under 10 s
	@$(DEVENV) test --only pure

.PHONY: test-odoo
test-odoo: ## install, upgrade, uninstall, and all Odoo tests but the tours
	@$(DEVENV) test --only odoo

.PHONY: oracle
oracle: ## 1 000 random histories: the SQL against the oracle
	@$(DEVENV) oracle --seeds 1000

.PHONY: orders
orders: ## 300 random orders, ten histories: Odoo against plain books
	@$(DEVENV) orders --seeds 10

.PHONY: tours
tours: ## browser tours in a real Chromium
	@$(DEVENV) test --only tours

.PHONY: screenshots
screenshots: ## take the pictures of the guides anew, into docs/images
	@$(PYTHON) -m tools.screenshots

.PHONY: faults
faults: ## those of the harness about wires that fail; SEED=… draws other faults
	@$(PYTHON) -m tools.harness --seed $(or $(SEED),1) --only R7,R8,R14

.PHONY: harness
harness: ## R1 to R18 on real processes that crash; SEED=… ONLY=R5 LONG=1
	@$(PYTHON) -m tools.harness --seed $(or $(SEED),1) $(if $(ONLY),--only $(ONLY)) $(if $(LONG),--long) $(if $(CI),--again)

.PHONY: e2e-medusa
e2e-medusa: ## the whole loop against a real Medusa shop
	@$(PYTHON) -m tools.e2e_medusa

.PHONY: e2e-vendure
e2e-vendure: ## the whole loop against a real Vendure shop
	@$(PYTHON) -m tools.e2e_vendure

.PHONY: bench
bench: ## measure the speed against baselines; BENCH="delta --listings 10000"
	@$(PYTHON) -m benchmarks $(BENCH)

.PHONY: lock
lock: ## resolve tools/*.in anew into pinned and hashed tools/*.lock
	@$(DEVENV) lock

.PHONY: readme-table
readme-table: ## write the lists of connectors in README.md and docs/connectors anew
	@$(DEVENV) readme-table

.PHONY: pot
pot: ## write the translation template anew, after a text has changed
	@$(DEVENV) pot

.PHONY: axe
axe: ## look for what people with disabilities cannot use, on every screen
	@$(PYTHON) -m tools.axe

.PHONY: counts
counts: ## accept today's number of tests as the least that must be collected
	@$(DEVENV) counts

.PHONY: clean
clean: ## remove everything below .dev/
	@$(DEVENV) clean

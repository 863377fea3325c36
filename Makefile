# All targets; `make help` lists them.
SHELL := /bin/sh
BIN := node_modules/.bin

.DEFAULT_GOAL := help
# Options of `make dist`: DIST='--arch x64,arm64 --version 1.2.3 --out DIR'
DIST :=
.PHONY: help demo test test-fast test-deno test-fleet reliability check bench bench-report fmt build dist clean debian-packages

# Check the requirements of the targets first: Node's version, and the packages unless the target installs them.
WITHOUT_PACKAGES := demo test test-deno test-fleet reliability bench dist clean debian-packages
GOALS := $(filter-out help,$(or $(MAKECMDGOALS),help))
ifneq ($(GOALS),)
LACK := $(shell node scripts/preflight.mjs $(if $(filter-out $(WITHOUT_PACKAGES),$(GOALS)),packages) || echo 'Node is missing: install Node 22')
ifneq ($(LACK),)
$(error $(LACK))
endif
endif

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show a backup, a disaster and a restore on a sample tree, in under a minute
	@test -d node_modules/tsx || npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@node --import tsx scripts/demo.ts

test: debian-packages ## Install packages, check, and run all tests on Node, and on Deno those that depend on the runtime
	npm ci --no-audit --no-fund --loglevel=error
	$(MAKE) --no-print-directory check
	node test/run.mjs all

test-fast: build ## Run the tests for daily work, in under 90 s: on Node, without servers, hosts, releases and long runs
	node test/run.mjs fast

test-deno: debian-packages ## Run all tests on Deno; `make test` runs only those that depend on the runtime
	npm ci --no-audit --no-fund --loglevel=error
	node test/run.mjs deno

test-fleet: debian-packages ## Run the tests that boot hosts, a part of `make test`; needs root
	npm ci --no-audit --no-fund --loglevel=error
	node test/run.mjs fleet

reliability: debian-packages ## Run the tests listed in docs/reliability.md, and update its figures
	npm ci --no-audit --no-fund --loglevel=error
	node --import ./test/typescript.mjs --test --test-concurrency=2 --test-reporter=tap --test-reporter-destination=reliability.log \
		$$(grep -o 'test/[a-z0-9/-]*\.test\.ts' docs/reliability.md | sort -u)
	@node --import tsx scripts/reliability.ts reliability.log

check: ## Check types, lint and format; fast, no network
	$(BIN)/tsc --project .
	$(BIN)/biome ci --error-on-warnings .

bench: ## Compare time, bytes and memory with restic, borg, rclone, tar; writes bench/. BENCH=--help for options
	@node test/debian-packages.mjs benchmark
	npm ci --no-audit --no-fund --loglevel=error
	@node --import tsx scripts/bench.ts $(BENCH)

bench-report: ## Write bench/report.md, chart.svg and the figures in README and docs again, from bench/results.json
	@node --import tsx scripts/bench-report.ts
	@node --import tsx scripts/bench-docs.ts

fmt: ## Format, and apply the fixes of the linter
	$(BIN)/biome check --write .

build: ## Build dist/, which starts fast; npm ci builds it too
	node --import tsx scripts/build.ts

dist: node_modules/.package-lock.json ## Build the release tarballs for hosts, one per architecture. DIST=--help for options
	@node --import tsx scripts/dist.ts $(DIST)

# Do not reinstall the build tools for each release if the checkout has its packages.
node_modules/.package-lock.json: package-lock.json
	npm ci --omit=dev --no-audit --no-fund --loglevel=error

clean: ## Remove all build results
	rm -rf dist demo bench/out

debian-packages:
	@node test/debian-packages.mjs

include ansible/fleet.mk

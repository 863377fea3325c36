# What a person types. `make help` lists it.
SHELL := /bin/sh
BIN := node_modules/.bin

.DEFAULT_GOAL := help
# Options of `make dist`: DIST='--arch x64,arm64 --version 1.2.3 --out DIR'
DIST :=
.PHONY: help demo test test-fast test-deno test-fleet reliability check bench bench-report fmt build dist clean debian-packages

# What any other target needs is looked at first: Node's age, and the packages unless the target installs them.
WITHOUT_PACKAGES := demo test test-deno test-fleet reliability bench dist clean debian-packages
GOALS := $(filter-out help,$(or $(MAKECMDGOALS),help))
ifneq ($(GOALS),)
LACK := $(shell node scripts/preflight.mjs $(if $(filter-out $(WITHOUT_PACKAGES),$(GOALS)),packages) || echo 'Node is missing: install Node 22')
ifneq ($(LACK),)
$(error $(LACK))
endif
endif

help: ## This list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## The whole job on a sample tree and the disk store, in under a minute
	npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@node --import tsx scripts/demo.ts

test: debian-packages ## All that is proved: installs what it needs, types, lint, tests on Node, and on Deno what depends on it
	npm ci --no-audit --no-fund --loglevel=error
	$(MAKE) --no-print-directory check
	node test/run.mjs all

test-fast: build ## For daily work, under 90 s: tests on Node without servers, hosts, releases and long runs
	node test/run.mjs fast

test-deno: debian-packages ## All tests on Deno; `make test` runs those there that depend on the runtime
	npm ci --no-audit --no-fund --loglevel=error
	node test/run.mjs deno

test-fleet: debian-packages ## What is proved on hosts alone, part of `make test`; needs root, to boot them
	npm ci --no-audit --no-fund --loglevel=error
	node test/run.mjs fleet

reliability: debian-packages ## The tests that docs/reliability.md names, and their figures into it
	npm ci --no-audit --no-fund --loglevel=error
	node --import ./test/typescript.mjs --test --test-concurrency=2 --test-reporter=tap --test-reporter-destination=reliability.log \
		$$(grep -o 'test/[a-z0-9/-]*\.test\.ts' docs/reliability.md | sort -u)
	@node --import tsx scripts/reliability.ts reliability.log

check: ## Types, lint and format; fast, no network
	$(BIN)/tsc --project .
	$(BIN)/biome ci --error-on-warnings .

bench: ## Times, bytes and memory beside restic, borg, rclone, tar: writes bench/. BENCH=--help for options
	@node test/debian-packages.mjs benchmark
	npm ci --no-audit --no-fund --loglevel=error
	@node --import tsx scripts/bench.ts $(BENCH)

bench-report: ## bench/report.md and chart.svg anew, from the raw figures in bench/results.json
	@node --import tsx scripts/bench-report.ts

fmt: ## Format, and mend what lint can mend
	$(BIN)/biome check --write .

build: ## dist/, the form that starts quickly; npm ci makes it too
	node --import tsx scripts/build.ts

dist: node_modules/.package-lock.json ## What is rolled out to hosts: a tarball for each architecture. DIST=--help for options
	@node --import tsx scripts/dist.ts $(DIST)

# What makes a release is not made anew for each: a checkout that has its packages keeps them.
node_modules/.package-lock.json: package-lock.json
	npm ci --omit=dev --no-audit --no-fund --loglevel=error

clean: ## Remove what was built
	rm -rf dist demo bench/out

debian-packages:
	@node test/debian-packages.mjs

include ansible/fleet.mk

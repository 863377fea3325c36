# Targets for the bastion. Variables: HOST=h1 or GROUP=dc1 (a host or group of the inventory), METRICS='servers.*',
# DATE=2026-11-22T03:00Z, DRY_RUN=1 (changes nothing), YES=1 (skips questions), INVENTORY=path, ANSIBLE_ARGS='-K --ask-vault-pass'
# (extra arguments for Ansible). Values are passed in the environment, so that no shell parses them.
FLEET_VARIABLES := HOST GROUP METRICS DATE DRY_RUN YES INVENTORY RELEASE ADOPT SAMPLE ARGS ANSIBLE_ARGS JSON
# Variables from the environment are ignored, because some shells set HOST: only values on the command line of make count.
# $(value) keeps make from expanding them.
$(foreach name,$(FLEET_VARIABLES),$(eval override $(name) := $(if $(filter environment,$(origin $(name))),,$$(value $(name)))))
export $(FLEET_VARIABLES)
FLEET := @node --import tsx scripts/bastion.ts

.PHONY: deploy rollback backup status list restore verify doctor prune hold remove drill

deploy: ## Deploy to the fleet: RELEASE=dist/release/whisper-backup-….tar.gz HOST= GROUP= DRY_RUN=1 ADOPT=1; asks before all hosts
	$(FLEET) deploy

rollback: ## Switch to the previous release: HOST= GROUP= DRY_RUN=1; asks, unless YES=1
	$(FLEET) rollback

backup: ## Back up now, and wait for the end: HOST= GROUP= METRICS= DRY_RUN=1
	$(FLEET) backup

status: ## Print a table of hosts: last success, failures, next run; fails if one is red: HOST= GROUP= JSON=1
	$(FLEET) status

list: ## List the bucket of a host: HOST= METRICS= DATE=
	$(FLEET) list

restore: ## Restore on a host: HOST= METRICS= DATE= DRY_RUN=1 ARGS='--overwrite'; asks, unless YES=1
	$(FLEET) restore

verify: ## Check buckets for damage, on their hosts: HOST= GROUP= METRICS= ARGS='--read-data=1/7'
	$(FLEET) verify

doctor: ## Report what is wrong on a host, and what to change: HOST= GROUP=
	$(FLEET) doctor

drill: ## Rehearse a restore on each host, and measure RPO and RTO: HOST= GROUP= METRICS= SAMPLE=1/50
	$(FLEET) drill

prune: ## Delete what the rules no longer keep, for hosts that must not: HOST= GROUP= METRICS= DRY_RUN=1 ARGS=; asks, unless YES=1
	$(FLEET) prune

hold: ## List, add and release holds: HOST= GROUP= ARGS='add NAME --reason TEXT' METRICS= DATE= DRY_RUN=1, ARGS='release NAME'
	$(FLEET) hold

remove: ## Remove the program from hosts, but not their backups: HOST= GROUP= DRY_RUN=1; asks, unless YES=1
	$(FLEET) remove

runbook-%: ## Run a runbook of docs/runbooks/, such as runbook-host-lost: HOST= METRICS= DATE= INVENTORY= DRY_RUN=1 YES=1 ARGS='--resume'
	$(FLEET) runbook
runbook-%: export RUNBOOK = $*

# What a bastion types: HOST=h1 or GROUP=dc1 (a host or group of the inventory), METRICS='servers.*', DATE=2026-11-22T03:00Z,
# DRY_RUN=1 (changes nothing), YES=1 (asks nothing), INVENTORY=path, ANSIBLE_ARGS='-K --ask-vault-pass' (further arguments
# for Ansible). Values reach Ansible through the environment, so that no shell reads them.
FLEET_VARIABLES := HOST GROUP METRICS DATE DRY_RUN YES INVENTORY RELEASE ADOPT SAMPLE ARGS ANSIBLE_ARGS JSON
# A variable that happens to stand in the environment, as HOST does in some shells, is not meant: only what make is given.
# $(value) keeps make from expanding what was given.
$(foreach name,$(FLEET_VARIABLES),$(eval override $(name) := $(if $(filter environment,$(origin $(name))),,$$(value $(name)))))
export $(FLEET_VARIABLES)
FLEET := @node --import tsx scripts/bastion.ts

.PHONY: deploy rollback backup status list restore verify doctor remove drill

deploy: ## Roll out to the fleet: RELEASE=dist/release/whisper-backup-….tar.gz HOST= GROUP= DRY_RUN=1 ADOPT=1; asks before all hosts
	$(FLEET) deploy

rollback: ## Go back to the release before: HOST= GROUP= DRY_RUN=1; asks, or YES=1
	$(FLEET) rollback

backup: ## Back up now, and wait for it: HOST= GROUP= METRICS= DRY_RUN=1
	$(FLEET) backup

status: ## A table of hosts: last success, failures, next run; fails when one is red: HOST= GROUP= JSON=1
	$(FLEET) status

list: ## What is in a host's bucket: HOST= METRICS= DATE=
	$(FLEET) list

restore: ## Restore on a host: HOST= METRICS= DATE= DRY_RUN=1 ARGS='--overwrite'; asks, or YES=1
	$(FLEET) restore

verify: ## Check buckets for damage, from their hosts: HOST= GROUP= METRICS= ARGS='--read-data=1/7'
	$(FLEET) verify

doctor: ## What is wrong on a host, and what to change: HOST= GROUP=
	$(FLEET) doctor

drill: ## Rehearse a restore on each host, to scratch space, with figures: HOST= GROUP= METRICS= SAMPLE=1/50
	$(FLEET) drill

remove: ## Remove the program from hosts, not their backups: HOST= GROUP= DRY_RUN=1; asks, or YES=1
	$(FLEET) remove

runbook-%: ## A runbook of docs/runbooks/, such as runbook-host-lost: HOST= METRICS= DATE= INVENTORY= DRY_RUN=1 YES=1 ARGS='--resume'
	$(FLEET) runbook
runbook-%: export RUNBOOK = $*

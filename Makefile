# Variables of `make up`: EDGE_PORT, CATALOG_PORT and so on for each service, the same with _ADMIN_PORT,
# ETCD_PORT, ETCD_PEER_PORT, DATABASE_PORT; ETCD_URL and DATABASE_ADMIN_URL for servers that run already;
# WEFT_FOLDER (.weft) for a second system beside the first.
.DEFAULT_GOAL := help
.PHONY: help up down status logs clean call fault load demo new-service test chaos prove polyrepo-check check generate build format docs bench images tools chart-check deploy-check breaking kind-up kind-down helm-install change release-version release-check scan publish-packages publish-images publish-chart

WEFT := sh tools/bootstrap.sh
# A program of node_modules, under the right Node.
RUN := $(WEFT) exec

help: ## lists what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## brings up everything, from a bare machine to a ready shop; run again, it restarts what changed; DOCKER=1: in containers
	@$(WEFT) $(if $(DOCKER),compose-up,up)

down: ## ends everything that up started
	@$(WEFT) down

status: ## each process, its ports, health and lease, and the instances in etcd
	@$(WEFT) status

logs: ## the last lines of each log, or of one: SERVICE=catalog; goes on in a terminal
	@set -- $(or $(WEFT_FOLDER),.weft)/log/$(or $(SERVICE),*).log; \
	[ -e "$$1" ] || { echo "there is no log $$1 (make up writes one for each process)" >&2; exit 1; }; \
	tail -n 50 $$([ ! -t 1 ] || echo -F) "$$@"

clean: ## ends everything and removes what was made here: data, certificates, generated and compiled code
	@$(WEFT) clean

demo: ## the whole story through REST, step by step
	@$(WEFT) demo

call: export METHOD := $(value METHOD)
call: export DATA := $(value DATA)
call: export TOKEN := $(value TOKEN)
call: ## calls a method over mutual TLS: METHOD=package.Service/Method DATA='{…}' [TOKEN=…] [SERVICE=…]
	@$(WEFT) call

fault: ## calls go wrong on demand: SERVICE=catalog METHOD=GetProduct DELAY_MS=200 ERROR=UNAVAILABLE RATE=0.3; CLEAR=1
	@$(WEFT) fault

load: ## orders and reads at a steady rate: RATE=50 SECONDS=60
	@$(WEFT) load

new-service: ## a service that runs: NAME=shipping [RESOURCE=shipment]; see docs/new-service.md
	@$(WEFT) new-service

test: ## every test, on its own etcd and database; one package: ONLY=services/catalog
	@$(WEFT) servers
	@NODE_OPTIONS='--experimental-vm-modules --disable-warning=ExperimentalWarning' $(RUN) jest $(ONLY)

chaos: ## a system of its own under load, broken by a seeded schedule, then audited: MINUTES=10 SEED=42 RATE=20
	@$(WEFT) servers
	@$(RUN) node --enable-source-maps e2e/dist/chaos/main.js

prove: ## the full figures of every promise, a table at the end; one of them: ONLY=edge
	@$(WEFT) servers
	@$(RUN) node tools/dist/prove.js $(ONLY)

crash-matrix: ## a process dies on each side of every commit, send and acknowledgement: what came of it, with its trace
	@$(WEFT) servers
	@CRASH_MATRIX=whole NODE_OPTIONS='--experimental-vm-modules --disable-warning=ExperimentalWarning' $(RUN) jest --runInBand chassis/src/saga/crash.test.ts

polyrepo-check: ## each package stands alone: packed, installed in an empty folder, built, tested, started
	@$(MAKE) --no-print-directory prove ONLY=polyrepo

check: ## what CI runs: format, lint, types, contracts, lockfile, every test
	@$(WEFT) prepare
	$(RUN) oxfmt --check
	$(RUN) oxlint
	$(RUN) buf lint
	@$(RUN) sh tools/check-lockfile.sh
	@$(MAKE) --no-print-directory test

generate: ## types, codecs and the descriptor set, from proto/
	@$(WEFT) generate

build: ## compiles everything
	@$(WEFT) prepare

format: ## formats everything
	@$(WEFT) prepare
	$(RUN) oxfmt

docs: ## what the documents show of the code: the picture of each saga, the chassis's tables
	@$(WEFT) prepare
	@$(RUN) node tools/dist/docs.js

images: ## the images of all that runs in a cluster; some of them: ONLY='catalog edge'
	@$(RUN) sh deploy/docker/images.sh $(ONLY)

tools: ## helm, helm-unittest, actionlint and the Kubernetes API, compiled from their Go modules into .weft/tools
	@sh tools/go/build.sh chart types apiserver

chart-check: ## the chart: lint, unit tests, types, and an installation on a real Kubernetes API; WRITE=1 renders the examples anew
	@$(WEFT) prepare
	@sh tools/go/build.sh chart types $(if $(QUICK),,apiserver)
	@$(RUN) node tools/dist/chart/check.js $(if $(WRITE),--write) $(if $(QUICK),--quick)

bench: ## measures: the edge, its router and codec, a call, the whole system, sagas, what tracing costs; one part: ONLY=edge
	@$(WEFT) prepare
	@$(RUN) node bench/dist/main.js $(ONLY)

deploy-check: ## compose.yaml by docker compose, the workflows by actionlint
	@sh tools/go/build.sh chart
	@docker compose --file deploy/compose.yaml --profile '*' config --quiet
	@$(or $(WEFT_TOOLS),.weft/tools/bin)/actionlint

breaking: export AGAINST := $(or $(value AGAINST),origin/main)
breaking: ## whether the contracts still serve who has those of another commit: AGAINST=origin/main
	@sh tools/breaking.sh

kind-up: ## a cluster by kind with the shop on it, from images built here to a real order
	@sh tools/go/build.sh chart kind
	@$(RUN) sh deploy/kind/up.sh

kind-down: ## removes that cluster
	@sh tools/go/build.sh kind
	@sh deploy/kind/down.sh

helm-install: ## the chart on the cluster of KUBECONFIG: VALUES='a.yaml b.yaml' NAMESPACE=weft
	@sh tools/go/build.sh chart
	@sh deploy/kind/install.sh

change: ## notes for the next version what a change means to users: patch, minor or major
	@$(RUN) sh tools/release/changeset.sh

release-version: ## the next version, everywhere, from the notes of `make change`
	@$(RUN) sh tools/release/version.sh
	@$(MAKE) --no-print-directory chart-check QUICK=1 WRITE=1

release-check: export TAG := $(value TAG)
release-check: ## whether a tag is that of the version here: TAG=v1.2.3
	@$(RUN) sh tools/release/check.sh

scan: ## known weaknesses of the images that `make images` left
	@$(RUN) sh tools/release/scan.sh

publish-packages: ## the packages, to npm, with their provenance where the machine can sign it
	@$(WEFT) prepare
	@$(RUN) sh tools/release/changeset.sh publish --no-git-tag

publish-images: export REPOSITORY := $(value REPOSITORY)
publish-images: ## the images, with SBOM and provenance: REPOSITORY=host/path
	@$(RUN) sh tools/release/publish-images.sh

publish-chart: export CHARTS := $(value CHARTS)
publish-chart: ## the chart: CHARTS=oci://host/path
	@sh tools/go/build.sh chart
	@sh tools/release/publish-chart.sh

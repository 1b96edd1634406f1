# Everything one does with leadhook's sources. `make` lists it.

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME  ?= 20s
BENCH     ?= .
BENCHTIME ?= 1s

# What needs real servers, or takes them where the environment names some.
REAL_PACKAGES = ./consumer ./ledger ./topics ./producer ./producer/retryqueue ./deadletter ./webhook ./internal/devstack ./internal/realstack ./cmd/leadhook
TOOL          = go tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help dev build test race page lint fix fuzz bench e2e-real faults docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## everything in one process: Kafka, Redis, a sample CRM, the service, some leads
	@go build -o bin/leadhook ./cmd/leadhook
	@bin/leadhook dev

build: ## a static binary, bin/leadhook
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/leadhook ./cmd/leadhook

test: ## all tests that need Go alone
	CGO_ENABLED=0 go test -shuffle=on ./...

race: ## the same with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -shuffle=on ./...

page: ## the sample CRM's page in a real browser (needs Chromium)
	go test -tags browser -count=1 $(GOTESTFLAGS) ./internal/devstack/browser

lint: ## what CI demands of the sources
	go vet ./...
	go vet -tags real,faults,browser ./...
	@test -z "$$(gofmt -s -l .)" || { echo "not formatted; run make fix:"; gofmt -s -l .; exit 1; }
	go fix -diff ./...
	go mod tidy -diff
	$(TOOL) golangci-lint run

fix: ## format, and write Go as of today
	gofmt -s -w .
	go fix ./...

fuzz: ## each fuzz target for FUZZTIME (20s)
	@set -e; for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
	  done; \
	done

bench: ## all benchmarks, or those that BENCH matches
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

e2e-real: ## the suites on real Kafka and Redis (needs Java, redis-server, kcat)
	LEADHOOK_TEST_KAFKA_LIBS="$${LEADHOOK_TEST_KAFKA_LIBS:-$$(.ci/kafka-libs)}" \
	  go run ./internal/realstack/withservers go test -tags real -count=1 -p 1 -shuffle=on $(GOTESTFLAGS) $(REAL_PACKAGES)

faults: ## break things while leads flow, count what is lost: docs/reliability.md (FAULTS_SHORT, FAULTS_RUN, FAULTS_SEED)
	LEADHOOK_TEST_KAFKA_LIBS="$${LEADHOOK_TEST_KAFKA_LIBS:-$$(.ci/kafka-libs)}" \
	FAULTS_SHORT='$(FAULTS_SHORT)' FAULTS_SEED='$(FAULTS_SEED)' FAULTS_TABLE='$(if $(FAULTS_RUN)$(FAULTS_SHORT),,$(CURDIR)/docs/reliability.md)' \
	  go test -tags faults -count=1 -timeout 3h -v -run '$(FAULTS_RUN)' $(if $(FAULTS_SHORT),-skip ^TestFull) $(GOTESTFLAGS) ./faults

docs: ## write again what is generated from the code
	go test ./config -run TestDocsAreCurrent -update
	go test ./cmd/leadhook -run TestTheCommandsAreDocumented -update

# The tasks of leadhook's development. `make` lists them.

# What leadhook calls itself: 1.2.3+abc1234 for a release, dev+abc1234 else. The
# binary, the image and the User-Agent have it; plain `go build` comes to the same.
VERSION   ?= $(or $(patsubst v%,%,$(shell git describe --tags --exact-match 2>/dev/null)),dev)$(addprefix +,$(shell git rev-parse --short=7 HEAD 2>/dev/null))$(if $(shell git status --porcelain 2>/dev/null | head -1),.dirty)
FUZZTIME  ?= 20s
BENCH     ?= .
BENCHTIME ?= 1s
SOAK      ?= 30m

# The packages with tests that need real servers, or can use them, beside those of
# the whole service. The slowest come first.
REAL_PACKAGES = ./consumer ./consumer/fetch ./internal/realstack ./internal/rediswatch ./producer ./ledger ./webhook ./webhook/shares ./webhook/topic ./producer/retryqueue ./topics ./deadletter ./internal/devstack

# Tests that type what documents say, or build, or that try hundreds of cases one
# after the other on a Redis of their own, or that play minutes with thousands of CRMs
# (Scene) or compare long schedules with a model, one step after the other, or that
# measure memory, or try what strangers may send: once is enough, in `make test`.
ONCE = ^Test(Docs|Build|ASeedThatIsCutAnywhere|Scene|Bombs|NobodyHasMoreThanItsPart|FillIsTheModel|WaitingAttemptsAreSmall|HostileHTML)
# Tests whose thousands of look-ups at once the ledger must answer in time: beside the
# race detector and other packages' tests it cannot, fails open, and leads come twice. They
# are in `make test` and `make e2e-real`.
QUICK = ^Test(AnOrderlyStopWithLeadsThatWaitRepeatsNone|InstancesComeAndGoWhileLeadsFlow)$$
TOOL = go tool -modfile=tools/go.mod

# One set of flags for whatever compiles: what one target has compiled, no other
# compiles again. GOFLAGS and CGO_ENABLED also reach the go commands that tests run.
export GOFLAGS     := $(strip $(GOFLAGS) -trimpath)
export CGO_ENABLED ?= 0

# Said before what may compile for the first time.
PATIENCE = @echo 'Compiling. The first time takes a few minutes, later times some seconds.' >&2

.DEFAULT_GOAL := help
.PHONY: help dev build image test race page lint fix fuzz bench e2e-real real-packages real-service faults soak world docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: build ## run everything in one process: Kafka, Redis, a sample CRM, the service, some leads
	@bin/leadhook dev

build: ## build a static binary, bin/leadhook
	$(PATIENCE)
	@go build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/leadhook ./cmd/leadhook

image: ## build the container image, leadhook:dev (needs Docker)
	docker build --build-arg VERSION='$(VERSION)' --build-arg COMMIT="$$(git rev-parse HEAD)" -t leadhook:dev .

test: ## run all tests that need only Go
	$(PATIENCE)
	go test -shuffle=on -parallel 4 ./...

race: ## run them with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -shuffle=on -parallel 4 -skip '$(ONCE)|$(QUICK)' ./...

page: ## test the sample CRM's page in a real browser (needs Chromium)
	go test -tags browser -count=1 $(GOTESTFLAGS) ./internal/samplecrm/browser

lint: ## check the sources as CI does
	go vet ./...
	go vet -tags real,faults,browser ./...
	@test -z "$$(gofmt -s -l .)" || { echo "not formatted; run make fix:"; gofmt -s -l .; exit 1; }
	go fix -diff ./...
	go mod tidy -diff
	$(TOOL) golangci-lint run

fix: ## format the sources and apply go fix
	gofmt -s -w .
	go fix ./...

fuzz: ## run each fuzz target for FUZZTIME (20s)
	@set -e; for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
	  done; \
	done

bench: ## run all benchmarks, or those that BENCH matches
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

e2e-real: real-packages real-service ## run the suites on real Kafka and Redis (needs Java, redis-server, kcat)

# On real servers most tests wait most of the time: for sessions of Kafka to end, for
# topics to be noticed, for servers to start. So more run at once than there are CPUs.
# Those of the whole service need the Redis that the others empty, and the CPUs.
REAL_TEST = LEADHOOK_TEST_KAFKA_LIBS="$${LEADHOOK_TEST_KAFKA_LIBS:-$$(.ci/kafka-libs)}" \
	  go run ./internal/realstack/withservers go test -tags real -count=1 -shuffle=on -skip '$(ONCE)'

real-packages:
	$(REAL_TEST) -p 3 -parallel 8 $(GOTESTFLAGS) $(REAL_PACKAGES)

real-service:
	$(REAL_TEST) -parallel 4 $(GOTESTFLAGS) ./cmd/leadhook

faults: ## break things while leads flow and count lost leads: docs/reliability.md (FAULTS_SHORT, FAULTS_RUN, FAULTS_SEED)
	LEADHOOK_TEST_KAFKA_LIBS="$${LEADHOOK_TEST_KAFKA_LIBS:-$$(.ci/kafka-libs)}" \
	FAULTS_SHORT='$(FAULTS_SHORT)' FAULTS_SEED='$(FAULTS_SEED)' FAULTS_LOGS='$(FAULTS_LOGS)' FAULTS_TABLE='$(if $(FAULTS_RUN)$(FAULTS_SHORT),,$(CURDIR)/docs/reliability.md)' \
	  go test -tags faults -count=1 -timeout 3h -v -run '$(FAULTS_RUN)' $(GOTESTFLAGS) ./faults

soak: ## break random pairs of things for SOAK (30m), on three brokers and a Redis pair: docs/reliability.md (SOAK_SEED)
	LEADHOOK_TEST_KAFKA_LIBS="$${LEADHOOK_TEST_KAFKA_LIBS:-$$(.ci/kafka-libs)}" \
	FAULTS_SOAK='$(SOAK)' FAULTS_SEED='$(SOAK_SEED)' FAULTS_LOGS='$(FAULTS_LOGS)' FAULTS_TABLE='$(CURDIR)/docs/reliability.md' \
	  go test -tags faults -count=1 -timeout 0 -v -run '^TestSoak$$' $(GOTESTFLAGS) ./faults

world: ## measure in a world of slow, hanging and failing TLS hosts: docs/performance.md (WORLD_SHORT, WORLD_RUN, WORLD_BESIDE)
	$(PATIENCE)
	LEADHOOK_TEST_KAFKA_LIBS="$${LEADHOOK_TEST_KAFKA_LIBS:-$$(.ci/kafka-libs)}" \
	WORLD_SHORT='$(WORLD_SHORT)' WORLD_RUN='$(WORLD_RUN)' WORLD_LIMIT='$(WORLD_LIMIT)' WORLD_BESIDE='$(WORLD_BESIDE)' WORLD_DOCS='$(CURDIR)/docs' \
	  go run ./bench/world

docs: ## update the docs that are generated from the code
	go test ./config -run TestDocsAreCurrent -update
	go test ./cmd/leadhook -run TestTheCommandsAreDocumented -update

# Sealgate. `make` alone prints what can be made.
# Needs Go, make and git; everything else is installed by `make deps` (Debian, as root).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test vet vet-tokens style test-race test-programs test-long screenshots bench lint vuln build connect-all packages build-pkcs11 deps clean

# Whatever stands in the caller's GOFLAGS or go.work does not change what is built here.
export GOFLAGS := -buildvcs=false
export GOWORK := off
# All is checked and tested as it ships, without cgo; the race detector and tokens cannot do without.
export CGO_ENABLED := 0

# The race detector watches our code and the Go around SQLite. SQLite itself is C in Go's clothes,
# one goroutine to a connection at a time: watched, it makes tests of stores ten times as slow.
# Nor are argon2 and what the standard library's cryptography computes in memory of its own:
# watched, each handshake and each password took twice as long.
unwatched := -race=false -d=checkptr=0
watched := -race -tags pkcs11 $(foreach p,modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory golang.org/x/crypto/argon2 crypto/internal/fips140/...,-gcflags='$p=$(unwatched)')
race := CGO_ENABLED=1 go test -vet=off $(watched)

ARGS ?=
tools := $(CURDIR)/bin/tools
version := $(shell git describe --tags --dirty 2>/dev/null || echo "$$(cat VERSION)+$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)")

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build deps ## real payment files by a real SFTP client and from real servers, start to end (ARGS=--exit stops after)
	@demo/run $(ARGS)

# All runs side by side, and more packages than there are processors: tests wait for disks
# and servers, and staticcheck reads SQLite for a minute on one processor. What ships is
# compiled by vet first, what is raced by vet-tokens: two at a time would compile it twice.
test: deps ## every test, nearly all with the race detector, as CI runs them
	@$(MAKE) --no-print-directory --output-sync=target -j3 vet test-race test-programs style

test-race: vet-tokens
	$(race) -timeout 25m -p $$((2 * $$(nproc))) $$(go list ./... | grep -Ev '/(campaign|cmd/gateway|policy)$$') # style runs policy
	$(race) -run PKCS11 ./cmd/gateway

test-programs: vet
	go test -vet=off -timeout 25m -parallel 4 ./internal/campaign ./cmd/gateway # they wait for programs; with -race in test-long
	go test -vet=off ./internal/keys/token # without tokens

test-long: ## every test in its full length: crashes, cuts, disk full (hours)
	@tools/deps long
	for os in windows darwin; do GOOS=$$os go vet ./cmd/connect ./internal/agent/...; done
	$(race) -count=1 -timeout 1h ./cmd/gateway
	SEALGATE_LONG=1 go test -count=1 -timeout 12h -v ./...

screenshots: deps ## a picture of every page, wide and on a phone, light and dark, in Swedish and English (ARGS=DIR; else bin/screenshots)
	@SEALGATE_SCREENSHOTS="$(abspath $(or $(ARGS),bin/screenshots))" go test -count=1 -timeout 20m -v -run '^TestScreenshots$$' ./internal/campaign

bench: build deps ## figures beside OpenSSH, rclone, SFTPGo, xmllint and openssl on this machine
	@bench/peers || echo "SFTPGo cannot be built here and is not measured" >&2
	@bench/run $(ARGS)

lint: vet vet-tokens style ## vet, format, staticcheck, import policy and house bounds

vet:
	go vet ./...

vet-tokens: # with the flags of the tests, so that nothing is compiled for this alone
	CGO_ENABLED=1 go vet $(watched) ./internal/keys/...

style: vet
	@$(MAKE) --no-print-directory $(tools)/staticcheck $(tools)/gofumpt
	@out=$$($(tools)/gofumpt -l $$(git ls-files -co --exclude-standard '*.go' | xargs -r ls 2>/dev/null)); [ -z "$$out" ] || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	$(tools)/staticcheck ./...
	go test -count=1 ./internal/policy

vuln: $(tools)/govulncheck ## known holes in what we depend on (asks the Go vulnerability database)
	$(tools)/govulncheck ./...

build: ## bin/gateway and bin/connect, static
	go build -trimpath -ldflags "-s -w -X main.version=$(version)" -o bin/ ./cmd/gateway ./cmd/connect

connect-all: ## bin/connect-* for every platform that Connect runs on
	for p in linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/arm64; do \
		GOOS=$${p%/*} GOARCH=$${p#*/} go build -trimpath -ldflags "-s -w -X main.version=$(version)" \
			-o bin/connect-$${p%/*}-$${p#*/}$$([ $${p%/*} = windows ] && echo .exe || true) ./cmd/connect || exit 1; done

packages: connect-all ## bin/packages: deb, rpm, zip and MSI of Connect, and their checksums
	@tools/deps packages
	go run -C tools/packages . -root ../.. -version "$(version)" -time "$$(git log -1 --format=%ct)"

build-pkcs11: ## bin/gateway-pkcs11, for certificate keys in PKCS#11 tokens (the one build with cgo)
	CGO_ENABLED=1 go build -tags pkcs11 -trimpath -ldflags "-s -w -X main.version=$(version)" -o bin/gateway-pkcs11 ./cmd/gateway

deps: ## the programs that tests and the demo drive, from Debian
	@tools/deps

clean: ## remove what was built
	rm -rf bin

# Pinned in tools/go.mod, so that the product's own go.mod names no tool.
$(tools)/%: tools/go.mod tools/go.sum
	@mkdir -p $(tools)
	cd tools && GOBIN=$(tools) go install $$(go list tool | grep '/$*$$')
	@touch $@

# make help lists the targets.

BIN   := bin/pairloom
GO    ?= go
DEMO  ?= demo
# clouds: export to gs:// and azblob:// beside s3://.
TAGS  ?= clouds
# libvips, libjpeg and Little CMS decode pictures, libdeflate undoes the members of archives.
DEBIAN_PACKAGES := gcc libc6-dev pkg-config libvips-dev libjpeg-dev liblcms2-dev libdeflate-dev
# What starts goroutines or guards against them; a house test keeps the list.
RACE := ./browse ./cmd/pairloom ./crawl ./crawl/archive ./crawl/fetch ./crawl/frontier ./crawl/gate ./dedup/hamming ./filter ./filter/language \
	./internal/deflate ./internal/fold ./internal/picture ./internal/places ./pipeline ./query/build ./shard ./shard/export ./shard/stats ./trainer ./trainer/batch ./trainer/compare ./trainer/device \
	./trainer/device/cpu ./trainer/device/cuda ./trainer/evaluate ./trainer/search ./trainer/token

# Compiling takes a fifth less time with more memory, staticcheck a third. Tests run as they
# are, and without go vet, which lint runs in full: it would go through all packages again.
ROOM := GOGC=400 GOMEMLIMIT=3GiB
# C knows nothing of the race detector: SQLite is compiled once more, a minute at -O2 -g.
RACED := CGO_CFLAGS=-O1

# What the tag cuda needs: CUDA's headers, of a toolkit or a wheel, and a libcuda to link.
CUDA := trainer/device/cuda/toolchain.sh
# Tests of other rooms that the tag lets run on a card.
CARD := TestCard|TestRoadOnCard|TestGolden.*/.*/cuda|TestGolden.*/cuda|TestResume/card|TestKilled/card
# Those that CI leaves to make test-long, which take minutes.
CUDA_SKIP ?=
SKIPPED = $(if $(CUDA_SKIP),-skip '$(CUDA_SKIP)')

READERS := internal/readers/requirements.txt
# An S3 server, to export to; make test has one in Python from the readers.
VERSITYGW := .readers/bin/versitygw

.PHONY: readers chromium help demo test test-race test-plain test-long test-cuda test-kernels build cuda bench bench-train bench-zeroshot lint deps clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: build ## the whole road on a real site served on loopback: at most 10 minutes
	@pages=$$(testdata/gimp-help.sh $(DEMO)/site) || pages=testdata/site; \
	echo "pages: $$pages"; \
	$(BIN) demo -C $(DEMO) --pages $$pages

test: test-race test-plain ## all tests, and those with goroutines once more with the race detector

test-race: deps
	$(RACED) $(ROOM) $(GO) list -race -test -deps -export -f '' $(RACE) >/dev/null
	$(RACED) $(GO) test -vet=off -race -short -p 3 -timeout 20m $(RACE)

test-plain: deps
	$(GO) test -vet=off -p 3 -timeout 20m ./...

test-long: deps test-kernels test-cuda $(VERSITYGW) ## all tests with the race detector, at their full sizes, and a hundred kills: half an hour
	PAIRLOOM_VERSITYGW=$(abspath $(VERSITYGW)) PAIRLOOM_LONG=1 PAIRLOOM_KILLS=100 $(GO) test -race -count=1 -timeout 60m ./...
	$(CUDA) $(GO) test -race -count=1 -timeout 60m -tags cuda ./trainer/device/cuda/...

test-cuda: deps ## lint and tests of the CUDA backend, on a test driver: needs no card
	$(ROOM) $(CUDA) $(GO) vet -tags cuda ./trainer/device/cuda/...
	$(ROOM) $(CUDA) $(GO) tool staticcheck -tags cuda ./trainer/device/cuda/...
	$(CUDA) $(GO) test -vet=off -tags cuda -p 3 -timeout 20m $(SKIPPED) ./trainer/device/cuda/... ./trainer/backend ./trainer/gpt2
	$(CUDA) $(GO) test -vet=off -tags cuda -p 3 -timeout 20m -run '$(CARD)' $(SKIPPED) ./trainer ./trainer/clip ./cmd/pairloom

test-kernels: ## compile CUDA's kernels again and assemble them: fetches 130 MB of NVIDIA's compiler
	PAIRLOOM_NVRTC=required $(CUDA) --compiler $(GO) test -vet=off -count=1 ./trainer/device/cuda/compile

build: deps ## bin/pairloom; without Google's and Azure's storage, a third smaller, by TAGS=
	$(GO) build -tags "$(TAGS)" -o $(BIN) ./cmd/pairloom

cuda: deps ## bin/pairloom that trains on NVIDIA's cards; it runs without one, too
	$(CUDA) $(GO) build -tags "$(TAGS) cuda" -o $(BIN) ./cmd/pairloom
	@! readelf -d $(BIN) | grep -F '[libcuda.' || { echo "$(BIN) is bound to this machine's driver: take libcuda.so out of LIBRARY_PATH"; exit 1; }

bench: deps ## all benchmarks
	$(GO) test -run '^$$' -bench . ./...

bench-train: deps ## training beside open_clip, into bench-train/: half an hour
	bench/train/run.sh bench-train

bench-zeroshot: deps ## train on three vendors' emoji, judge on a fourth's, into bench-zeroshot/: an hour
	bench/zeroshot/run.sh bench-zeroshot

lint: deps ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi
	$(ROOM) $(GO) vet ./...
	$(ROOM) $(GO) tool staticcheck ./...

deps: ## install missing native packages (Debian, Ubuntu), or name them
	@if pkg-config --exists vips libjpeg lcms2 libdeflate 2>/dev/null; then exit 0; fi; \
	if command -v apt-get >/dev/null; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBIAN_PACKAGES); \
	else \
		echo "Install a C compiler, pkg-config, libvips (8.13 or later), libjpeg-turbo, Little CMS and libdeflate (1.9 or later) with their headers, then run make again."; \
		exit 1; \
	fi

readers: .readers/installed ## install the Python packages that read what pairloom writes, for the tests that run them

.readers/installed: $(READERS)
	python3 -m venv .readers
	.readers/bin/python -m pip install -q --disable-pip-version-check --no-compile -r $(READERS) # a tenth of it is ever imported
	touch $@

chromium: ## install Chromium (Debian), in which the page of pairloom browse is tested
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then exit 0; fi; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

$(VERSITYGW):
	GOBIN=$(abspath $(dir $@)) $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0

clean: ## remove the program and the demo's data
	rm -rf bin .readers .cuda $(DEMO)

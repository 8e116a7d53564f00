# A front for CMake: what people type. CMakeLists.txt and CMakePresets.json hold the build, scripts/ the rest.
PREFIX  ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
targets = weir
groups = build

all:
	@scripts/deps $(groups)
	@cmake --preset release >build/configure.log || { cat build/configure.log; exit 1; }
	@cmake --build build/release --target $(targets)
	@ln -sfn release/weir build/weir

demo: all
	build/weir demo

test:
	@scripts/test

soak: all
	/usr/bin/python3 tests/soak/soak.py --weir '$(CURDIR)/build/weir' --tunnels 2000 --reloads 100

# BENCH_ARGS='--quick', 'nginx haproxy', …: bench/bench.py --help
bench: targets += bench-load bench-backend bench-relay
bench: groups += bench
bench: all
	/usr/bin/python3 -B bench/bench.py $(BENCH_ARGS)

fuzz:
	@scripts/fuzz $(FUZZ_SECONDS)

install: all
	DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)'

deps:
	@scripts/deps build test fuzz fmt

fmt:
	@scripts/deps fmt
	git ls-files -z --cached --others --exclude-standard '*.c' '*.h' | xargs -0 clang-format -i

clean:
	rm -rf build

.PHONY: all demo test soak bench fuzz install deps fmt clean

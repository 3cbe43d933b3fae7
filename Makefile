# The two commands of the README: `make demo` and `make test`. Both install what they need.

.PHONY: demo test test-long build bench clean
demo: build
	@tools/demo

test:
	@tools/bootstrap build test
	@tools/check

# What takes hours: before something large is called done.
test-long:
	@tools/bootstrap build test
	@tools/check build kills siege asan tsan fuzz

build:
	@tools/bootstrap build run
	@tools/build release

bench: build
	@tools/bootstrap bench
	@tools/build bench
	@bench/run

clean:
	rm -rf build

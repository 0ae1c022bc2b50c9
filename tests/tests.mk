# SPDX-License-Identifier: Apache-2.0
# What is done with the program: tests, checks of the text, the demo.  tests/README.md tells how to add one.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*_test.c))
FUZZ_SRC := $(filter-out tests/fuzz/main.c,$(wildcard tests/fuzz/*.c))
CORPUS_TESTS := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(FUZZ_SRC))
TEST ?=

# Static guest programs: GUEST_TESTS, and how to run them in tests/guest/run.sh.
-include tests/guest.mk

# The upper rooms, so that their modules can be tested too.
$(B)/libbuilder.a: $(call obj,$(BUILDER_SRC) $(COMPAT_SRC))
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libbuilder.a $(B)/liboci.a $(B)/libtracer.a
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) -lcmocka
$(B)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
# Fuzzers run their corpus as a plain test everywhere; with clang (VARIANT=fuzz) they go on from there.
FUZZ_MAIN := $(if $(filter fuzz,$(VARIANT)),$(call obj,$(BASE_SRC)),$(B)/tests/fuzz/main.o $(B)/libtracer.a)
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libbuilder.a $(B)/liboci.a $(FUZZ_MAIN)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) -o $@ $^ $(LIBS)
.PRECIOUS: $(B)/tests/unit/%.o $(B)/tests/fuzz/%.o

# Runs a command as under the seccomp profile of a container, or as on an old kernel.
build/elsewhere: tests/elsewhere.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu11 -O1 -g -D_GNU_SOURCE $(WARN) -o $@ $< $(shell pkg-config --libs libseccomp 2>/dev/null || echo -lseccomp)

# Runs a command whose calls are given up, or come late.
build/hindered: tests/hindered.c tracer/shim/abi.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu11 -O1 -g -D_GNU_SOURCE $(WARN) -I. -o $@ $<

tests: all $(UNIT_TESTS) $(CORPUS_TESTS) $(GUEST_TESTS) build/elsewhere build/hindered

check: tests
	@JOBS=$(or $(JOBS),1) tests/run.sh $(B) $(TEST)
check-asan check-ubsan check-sanitizers:
	@$(MAKE) --no-print-directory VARIANT=$(@:check-%=%) check

# Signals, threads, processes and builds without a wrong result.  SECONDS_EACH=300
build/stress/storm: tests/stress/storm.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu11 -O1 -g -D_GNU_SOURCE $(WARN) -static -o $@ $< -lpthread -lrt
stress: all build/stress/storm
	@SECONDS_EACH=$(or $(SECONDS_EACH),60) tests/run.sh $(B) tests/stress/run.sh
.PHONY: stress

# With real root as the oracle, so that it needs root; see the file.
check-layer: all
	@tests/run.sh $(B) tests/compare/layer.sh

# fakebuild-runc under podman, buildah, docker and containerd, as root; see the file.
check-runtimes: all
	@tests/run.sh $(B) tests/compare/runtimes.sh

# The examples in containers of a Docker daemon, and on a cluster of one node; as root, see the files.
check-pods: all
	@tests/run.sh $(B) tests/compare/pods.sh
check-slurm: all
	@tests/run.sh $(B) tests/compare/slurm.sh
.PHONY: check-pods check-slurm

# podman and buildah under `fakebuild root`, as a user; see the file.
check-builders: all
	@tests/run.sh $(B) tests/compare/builders.sh

# Of real root's run --rootfs, in the same way.
check-through: all
	@tests/run.sh $(B) tests/compare/through.sh
.PHONY: check-through

# Random calls, compared with real root's, so that it needs root too.  SEEDS=1-200, BUDGET=1800 (seconds), MODE=root, PLAIN=1,
# WAY=fast,slow,falling,verifying, SHRINK=1.
DIFFERENTIAL_SRC := $(wildcard tests/differential/*.c)
build/differential: $(DIFFERENTIAL_SRC) tests/differential/differential.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu11 -O1 -g -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(WARN) -I. -static -o $@ $(DIFFERENTIAL_SRC)
check-differential: all build/differential
	@tests/differential/run.py --calls build/differential --fakebuild $(B)/fakebuild \
		$(if $(SEEDS),--seeds $(SEEDS)) $(if $(BUDGET),--seconds $(BUDGET)) $(if $(SHRINK),--shrink) \
		$(if $(MODE),--mode $(MODE)) $(if $(PLAIN),--plain) $(if $(WAY),--way $(WAY))
.PHONY: check-differential

# What they find to be new goes to build/fuzz/corpus/; what breaks is left where make was run.  SECONDS_EACH=60
fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzzers
fuzzers: $(CORPUS_TESTS)
	@for f in $(CORPUS_TESTS); do n=$${f##*/}; mkdir -p $(B)/corpus/$$n; \
		$$f -max_total_time=$(or $(SECONDS_EACH),60) -timeout=10 $(B)/corpus/$$n tests/fuzz/corpus/$$n || exit 1; done

# The linker's symbols around the shim's bytes look like two objects to cppcheck.
SCRIPTS := $(wildcard tests/*.sh tests/*/*.sh .ci/run)
lint:
	shellcheck -x $(SCRIPTS)
	shellcheck -x -e SC2016,SC2030,SC2031,SC2034,SC2154 $(wildcard tests/cli/*.bats tests/cli/*.bash)
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
		--suppress=missingIncludeSystem --suppress=comparePointers:tracer/arena.c -D_GNU_SOURCE -D__x86_64__ -I. -j2 \
		program/main.c $(BUILDER_SRC) $(COMPAT_SRC) $(OCI_SRC) $(TRACER_SRC)
	tests/check/includes.sh
	tests/check/words.sh
	tests/check/shim.sh
format:
	clang-format -i $(wildcard program/*.c compat/*.[ch] compat/*/*.[ch] builder/*.[ch] builder/*/*.[ch] oci/*.[ch] tracer/*.[ch] tracer/*/*.[ch] tests/*/*.c)

# The benchmark compares with a native chroot, so that it needs root; see the file.
bench: all
	tests/bench/bench.py --executor 'fakebuild=$(abspath $(B))/fakebuild run --rootfs {root} --'
bench-images: all
	tests/bench/images.sh $(or $(TAR),$(FAKEBUILD_TEST_GUESTS)/debian.tar)
demo:
	@tests/demo.sh

help:
	@echo 'all          build $(B)/fakebuild (the default)'
	@echo 'demo         get what is needed (by sudo), build, make an image, run it'
	@echo 'check        run the tests; TEST=tests/cli/run.bats runs one file'
	@echo 'check-asan   the same with AddressSanitizer'
	@echo 'check-ubsan  the same with UndefinedBehaviorSanitizer'
	@echo 'check-sanitizers  the same with both'
	@echo 'check-oracle the guest tests as real root, whose answers are the right ones; needs root'
	@echo 'check-differential  random calls, compared with what real root gets; needs root'
	@echo 'check-runtimes  run and build by podman, buildah, docker, containerd; needs root'
	@echo 'check-builders  build by podman and buildah under fakebuild root'
	@echo 'check-layer  compare a layer with what real root makes; needs root'
	@echo 'check-pods   run the examples in containers of Docker; needs root'
	@echo 'check-slurm  run the example of Slurm on a cluster of one node; needs root'
	@echo 'check-through  the same of what run --rootfs of real root leaves'
	@echo 'lint         cppcheck, shellcheck, rules of the tree'
	@echo 'format       clang-format'
	@echo 'fuzz         a minute of each fuzzer, with clang'
	@echo 'bench        compare speed with a native chroot; needs root'
	@echo 'bench-images TAR=ROOT-TAR  compare pulling and starting with skopeo and umoci'
	@echo 'install      to $$(DESTDIR)$$(PREFIX), $(PREFIX); uninstall takes it away'
	@echo 'clean        remove build/'
	@echo 'Variables: V=1 shows commands, WERROR=1, VARIANT=release|debug|asan|ubsan|sanitizers, JOBS=N tests at once, CC, CFLAGS, LDFLAGS'

.PHONY: tests check check-asan check-ubsan check-sanitizers check-layer check-runtimes check-builders fuzz fuzzers lint format bench demo help

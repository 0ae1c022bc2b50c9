# SPDX-License-Identifier: Apache-2.0
# The programs of tests/guest/: static and of both ABIs where the compiler can, and with the host's libc; the same
# for all variants.
GUEST_SRC := $(wildcard tests/guest/*.c)
GUEST_FLAGS := -std=gnu11 -O1 -g -fno-toplevel-reorder -D_GNU_SOURCE $(WARN) -Wno-format-nonliteral -Wno-format-truncation -Wno-nonnull
GUEST_HAS_32 := $(shell echo 'int main(void){return 0;}' | $(CC) -m32 -static -x c -o /dev/null - 2>/dev/null && echo yes)
GUEST_TESTS := $(patsubst tests/guest/%.c,build/guest/%,$(GUEST_SRC)) \
	$(patsubst tests/guest/%.c,build/guest/%.dynamic,$(GUEST_SRC)) \
	$(if $(GUEST_HAS_32),$(patsubst tests/guest/%.c,build/guest/%.32,$(GUEST_SRC)))

build/guest/%: tests/guest/%.c tests/guest/guest.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(GUEST_FLAGS) -static -o $@ $<
build/guest/%.32: tests/guest/%.c tests/guest/guest.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(GUEST_FLAGS) -m32 -D_FILE_OFFSET_BITS=64 -static -o $@ $<
build/guest/%.dynamic: tests/guest/%.c tests/guest/guest.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(GUEST_FLAGS) -o $@ $< -lpthread

# The kernel's own answers: the same programs as real root.
check-oracle: all $(GUEST_TESTS)
	@tests/run.sh $(B) native
.PHONY: check-oracle

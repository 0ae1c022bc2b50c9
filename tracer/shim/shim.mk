# SPDX-License-Identifier: Apache-2.0
# The shim: one freestanding program per ABI, embedded into the tracer as bytes.  Where the compiler
# cannot make 32-bit code its shim is empty, and 32-bit programs get ENOEXEC.
SHIM_CFLAGS := -std=gnu11 -O2 -g0 -ffreestanding -nostdlib -static -no-pie -fno-pie -fno-stack-protector \
	-mgeneral-regs-only -fno-asynchronous-unwind-tables -fcf-protection=none -fno-builtin \
	-fno-tree-loop-distribute-patterns -Wall -Wextra -I. \
	-Wl,-Ttext-segment=0x70000000,--section-start=.gate=0x70020000,--section-start=.hub=0x70010000,--section-start=.bss=0x70040000,--section-start=.frames=0x70050000,--build-id=none,-z,noexecstack,-z,norelro
SHIM_SRC := $(addprefix tracer/shim/,loader.c fast.c place.c table.c names.c change.c verify.c gate_x86.S)
SHIM_HEADERS := $(wildcard tracer/shim/*.h tracer/core/*.h tracer/base/meta_format.h)
SHIM_OBJ := $(B)/tracer/shim/blob.o
SHIM_FLAG = $(shell for f in -mgeneral-regs-only -fcf-protection=none; do $(CC) -Werror $$f -E -x c /dev/null >/dev/null 2>&1 || echo $$f; done)
SHIM_DROP := $(SHIM_FLAG)
SHIM_CC = $(CC) $(filter-out $(SHIM_DROP) -fno-tree-loop-distribute-patterns,$(SHIM_CFLAGS))

$(B)/tracer/shim/shim64: $(SHIM_SRC) $(SHIM_HEADERS) tracer/shim/shim.mk
	@mkdir -p $(@D)
	$(call say,SHIM,$@)$(SHIM_CC) -m64 -o $@ $(SHIM_SRC)
$(B)/tracer/shim/shim32: $(SHIM_SRC) $(SHIM_HEADERS) tracer/shim/shim.mk
	@mkdir -p $(@D)
	$(call say,SHIM,$@)$(SHIM_CC) -m32 -o $@ $(SHIM_SRC) 2>$@.log || { echo "  note: no 32-bit shim: $$(head -n 1 $@.log)"; : >$@; }
$(SHIM_OBJ): tracer/shim/blob.S $(B)/tracer/shim/shim64 $(B)/tracer/shim/shim32
	$(call say,AS,$<)$(CC) $(CFLAGS_ALL) -DSHIM64='"$(B)/tracer/shim/shim64"' -DSHIM32='"$(B)/tracer/shim/shim32"' -c -o $@ $<

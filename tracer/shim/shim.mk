# SPDX-License-Identifier: Apache-2.0
# The shim: one freestanding program per ABI, embedded into the tracer as bytes.  Where the compiler
# cannot make 32-bit code its shim is empty, and 32-bit programs get ENOEXEC.
SHIM_CFLAGS := -std=gnu11 -O2 -g0 -ffreestanding -nostdlib -static -no-pie -fno-pie -fno-stack-protector \
	-mgeneral-regs-only -fno-asynchronous-unwind-tables -fcf-protection=none -fno-builtin \
	-fno-tree-loop-distribute-patterns -Wall -Wextra -I.
SHIM_PLACES := -Wl,-T,tracer/shim/shim.ld,--build-id=none,-z,noexecstack,-z,norelro,-z,max-page-size=4096
# What answers calls; 32-bit programs are given it as 64-bit code, too, behind an entry of their own.
SHIM_FAST_SRC := $(addprefix tracer/shim/,fast.c place.c looked.c table.c names.c change.c verify.c)
SHIM_LOADER_SRC := $(addprefix tracer/shim/,gate_x86.S loader.c)
SHIM_64_SRC := $(SHIM_LOADER_SRC) $(addprefix tracer/shim/,hub_x86.S say_x86.S) $(SHIM_FAST_SRC)
SHIM_FAST_I386_SRC := $(addprefix tracer/shim/,hub_i386.S say_x86.S i386.c) $(SHIM_FAST_SRC)
SHIM_HEADERS := $(wildcard tracer/shim/*.h tracer/core/*.h tracer/base/meta_format.h)
SHIM_OBJ := $(B)/tracer/shim/blob.o
SHIM_FLAG = $(shell for f in -mgeneral-regs-only -fcf-protection=none; do $(CC) -Werror $$f -E -x c /dev/null >/dev/null 2>&1 || echo $$f; done)
SHIM_DROP := $(SHIM_FLAG)
SHIM_CC = $(CC) $(filter-out $(SHIM_DROP) -fno-tree-loop-distribute-patterns,$(SHIM_CFLAGS))

$(B)/tracer/shim/shim64: $(SHIM_64_SRC) $(SHIM_HEADERS) tracer/shim/shim.mk tracer/shim/shim.ld
	@mkdir -p $(@D)
	$(call say,SHIM,$@)$(SHIM_CC) -m64 $(SHIM_PLACES) -o $@ $(SHIM_64_SRC)
$(B)/tracer/shim/fast_i386: $(SHIM_FAST_I386_SRC) $(SHIM_HEADERS) tracer/shim/shim.mk tracer/shim/fast_i386.ld
	@mkdir -p $(@D)
	$(call say,SHIM,$@)$(SHIM_CC) -m64 -DSHIM_I386 -Wl,-T,tracer/shim/fast_i386.ld,--oformat=binary,--build-id=none,-z,noexecstack -o $@ $(SHIM_FAST_I386_SRC)
$(B)/tracer/shim/shim32: $(SHIM_LOADER_SRC) $(B)/tracer/shim/fast_i386 $(SHIM_HEADERS) tracer/shim/shim.mk tracer/shim/shim.ld
	@mkdir -p $(@D)
	$(call say,SHIM,$@)$(SHIM_CC) -m32 $(SHIM_PLACES) -DSHIM_FAST_I386='"$(B)/tracer/shim/fast_i386"' -o $@ $(SHIM_LOADER_SRC) 2>$@.log || { echo "  note: no 32-bit shim: $$(head -n 1 $@.log)"; : >$@; }
$(SHIM_OBJ): tracer/shim/blob.S $(B)/tracer/shim/shim64 $(B)/tracer/shim/shim32
	$(call say,AS,$<)$(CC) $(CFLAGS_ALL) -DSHIM64='"$(B)/tracer/shim/shim64"' -DSHIM32='"$(B)/tracer/shim/shim32"' \
		-DSHIM64_SUM=$$(cksum <$(B)/tracer/shim/shim64 | cut -d' ' -f1) -DSHIM32_SUM=$$(cksum <$(B)/tracer/shim/shim32 | cut -d' ' -f1) -c -o $@ $<

# SPDX-License-Identifier: Apache-2.0
# One non-recursive make file; rooms by wildcard.  `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
VARIANT ?= release
B := build/$(VARIANT)
VERSION := 0.1.0
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1) $(2)";)

PKGS := talloc libseccomp jansson
# These are loaded when they are first needed: oci/library.h.
LATE_PKGS := libarchive zlib libzstd libcrypto libcurl
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(LATE_PKGS) 2>/dev/null)
PKG_LIBS := $(or $(shell pkg-config --libs $(PKGS) 2>/dev/null),-ltalloc -lseccomp -ljansson)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla \
	-Wformat=2 -Wundef $(if $(WERROR),-Werror)
HARDEN := -fPIE -fstack-protector-strong
SAN.release := -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SAN.debug := -O0
SAN.asan := -O1 -fsanitize=address -fno-omit-frame-pointer
SAN.ubsan := -O1 -fsanitize=undefined -fno-sanitize-recover=undefined
SAN.sanitizers := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN.fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS_ALL := -std=gnu11 -g $(SAN.$(VARIANT)) $(WARN) $(HARDEN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DFAKEBUILD_VERSION='"$(VERSION)"' -I. -I$(B) $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now $(SAN.$(VARIANT)) $(LDFLAGS)
LIBS := $(PKG_LIBS) -lpthread -ldl

# The rooms, each a library; arrows point down only (tests/check/includes.sh).
BASE_SRC := $(wildcard tracer/base/*.c)
TRACER_SRC := $(BASE_SRC) $(wildcard tracer/*.c tracer/core/*.c tracer/arch/*.c)
OCI_SRC := $(wildcard oci/*.c)
BUILDER_SRC := $(wildcard builder/*.c builder/*/*.c)
COMPAT_SRC := $(wildcard compat/*.c compat/*/*.c)
obj = $(patsubst %.c,$(B)/%.o,$(1))

all: $(B)/fakebuild

-include tracer/shim/shim.mk

$(B)/fakebuild: $(call obj,program/main.c $(BUILDER_SRC) $(COMPAT_SRC)) $(B)/liboci.a $(B)/libtracer.a
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/libtracer.a: $(call obj,$(TRACER_SRC)) $(SHIM_OBJ)
$(B)/liboci.a: $(call obj,$(OCI_SRC))
$(B)/%.a:
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d)

-include tests/tests.mk

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(B)/fakebuild $(DESTDIR)$(PREFIX)/bin/fakebuild
	ln -sf fakebuild $(DESTDIR)$(PREFIX)/bin/fakebuild-runc
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/fakebuild $(DESTDIR)$(PREFIX)/bin/fakebuild-runc $(patsubst man/%,$(DESTDIR)$(PREFIX)/share/man/man1/%,$(wildcard man/*.1))
clean:
	rm -rf build

.PHONY: all install uninstall clean

# SPDX-License-Identifier: GPL-2.0
# dm-snap-mv: the user-space programs, the module and the tests.
#
#   make                     build/snapmv and everything else in user space
#   make module [KVER=6.12]  build/module/<KVER>/dm-snap-mv.ko
#   make demo                shows the main job in a virtual machine
#   make check               all the tests that gate a change
#   make check-long          the longer ones
#   make bench               measures: docs/performance.md; BENCH=quick for a short run
#   make unit, make sim      single groups of `make check'; see docs/testing.md
#
# A Makefile of files: what is in a folder is built. BUILD names another build
# directory; V=1 shows the commands.

BUILD ?= build
CC ?= gcc
PKGS := devmapper blkid json-c

ifeq ($(V),1)
Q :=
say = @:
else ifneq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
Q := @
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

.DEFAULT_GOAL := all
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all helpers powercut module hold format unit sim fuzz coverage tests engine-objects demo bench bench-programs check check-long packages clean FORCE

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wvla -Wpointer-arith
SAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -ftrivial-auto-var-init=pattern
DEFS := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
INC := -Iport/user -Iengine -Iinspect
LIBS := -Wl,--as-needed -ldevmapper -lblkid -ljson-c -lpthread

engine := $(sort $(wildcard port/user/*.c engine/*.c))
inspect := $(sort $(wildcard inspect/*.c))
tool := $(sort $(wildcard tool/*.c))
rig := $(sort $(wildcard tests/rig/*.c tests/sim/*/*.c))
unit := $(sort $(wildcard tests/unit/*.c))
sim := $(sort $(wildcard tests/sim/*.c))
helpers := $(sort $(wildcard tests/module/helpers/*.c))

programs := $(if $(tool),$(BUILD)/snapmv)
unit_programs := $(unit:tests/unit/%.c=$(BUILD)/unit/%)
sim_programs := $(sim:tests/sim/%.c=$(BUILD)/sim/%) $(BUILD)/sim/san/crash \
	$(addprefix $(BUILD)/sim/,$(shell cat tests/sim/*.list 2>/dev/null | \
	sed -n 's/^[a-z].* \(mutant\/[a-zA-Z_]*\) .*/\1/p' | sort -u))
helper_programs := $(helpers:tests/module/helpers/%.c=$(BUILD)/helpers/%)

all: $(programs) helpers

helpers: $(helper_programs)

# Objects are written aside and renamed: two makes in one tree do not see each
# other's halves.
define compile
$(say) CC $@
@mkdir -p $(@D)
$(Q)$(CC) $(1) $(DEFS) $(WARN) -MMD -MP -MT $@ -MF $@.d.$$$$ \
	-c -o $@.$$$$ $< && mv $@.d.$$$$ $(@:.o=.d) && mv $@.$$$$ $@
endef

define link
$(say) LD $@
@mkdir -p $(@D)
$(Q)$(CC) $(1) -o $@.$$$$ $(filter %.o %.a,$^) $(2) && mv $@.$$$$ $@
endef

define archive
$(say) AR $@
@mkdir -p $(@D)
$(Q)rm -f $@.$$$$ && ar rcs $@.$$$$ $(filter %.o,$^) && mv $@.$$$$ $@
endef

# User space, as users get it.

$(BUILD)/obj/%.o: %.c Makefile
	$(call compile,$(CFLAGS) $(INC))

# For tests/check/layers.
engine-objects: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter engine/%,$(engine)))

$(BUILD)/obj/libsmv.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(engine) $(inspect))
	$(archive)

$(BUILD)/snapmv: $(tool:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/libsmv.a
	$(call link,$(CFLAGS),$(LIBS))

# The same with sanitizers, for the tests.

$(BUILD)/san/%.o: %.c Makefile
	$(call compile,$(SAN) $(INC) -Itests/rig -Itests/sim/lib -Itool)

$(BUILD)/san/libsmv.a: $(patsubst %.c,$(BUILD)/san/%.o,$(engine) $(inspect) \
		$(rig) $(filter-out tool/main.c,$(tool)))
	$(archive)

$(BUILD)/unit/%: $(BUILD)/san/tests/unit/%.o $(BUILD)/san/libsmv.a
	$(call link,$(SAN),$(LIBS))

# The simulator: optimised, with sanitizers, and over an engine with a planted bug.

$(BUILD)/obj/tests/%.o: INC += -Itests/rig -Itests/sim/lib

$(BUILD)/obj/libsim.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(rig))
	$(archive)

$(BUILD)/sim/%: $(BUILD)/obj/tests/sim/%.o $(BUILD)/obj/libsim.a \
		$(BUILD)/obj/libsmv.a
	$(call link,$(CFLAGS),$(LIBS))

$(BUILD)/sim/san/%: $(BUILD)/san/tests/sim/%.o $(BUILD)/san/libsmv.a
	$(call link,$(SAN),$(LIBS))

$(BUILD)/sim/mutant/%: $(BUILD)/obj/tests/sim/scripts.o $(BUILD)/obj/libsim.a \
		$(BUILD)/obj/libsmv.a tests/sim/mutate
	$(say) MUTANT $@
	@mkdir -p $(@D)
	$(Q)tests/sim/mutate $* $@ $(filter %.o %.a,$^) $(LIBS)

# The tool with sanitizers, for tests/tool.
$(BUILD)/san/snapmv: $(tool:%.c=$(BUILD)/san/%.o) $(BUILD)/san/libsmv.a
	$(call link,$(SAN),$(LIBS))

$(BUILD)/san/storeio: $(BUILD)/san/tests/tool/storeio.o $(BUILD)/san/libsmv.a
	$(call link,$(SAN),$(LIBS))

# Makes stores with millions of exceptions.
$(BUILD)/bigstore: $(BUILD)/obj/tests/tool/bigstore.o $(BUILD)/obj/libsmv.a
	$(call link,$(CFLAGS),$(LIBS))

# Hostile images: kept inputs are replayed by `make check' (tests/tool/corpus.sh), and
# `make fuzz' looks for new ones with clang's libFuzzer. FUZZ_TIME: seconds.

fuzz_sources := tests/fuzz/store.c tests/fuzz/mutate.c
fuzz_library := $(engine) $(inspect) tests/rig/memory.c tests/rig/memory_history.c \
	tests/rig/memory_inspect.c tests/rig/rig_host.c
FUZZ_TIME ?= 60
FUZZ := -O2 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	-ftrivial-auto-var-init=pattern

$(BUILD)/san/fuzz-store: $(fuzz_sources:%.c=$(BUILD)/san/%.o) $(BUILD)/san/tests/fuzz/replay.o \
		$(BUILD)/san/libsmv.a
	$(call link,$(SAN),$(LIBS))

$(BUILD)/fuzz/%.o: CC := clang
$(BUILD)/fuzz/%.o: %.c Makefile
	$(call compile,$(FUZZ) -fsanitize=fuzzer-no-link $(INC) -Itests/rig)

$(BUILD)/fuzz/store: CC := clang
$(BUILD)/fuzz/store: $(patsubst %.c,$(BUILD)/fuzz/%.o,$(fuzz_sources) $(fuzz_library))
	$(call link,$(FUZZ) -fsanitize=fuzzer)

fuzz:
	$(Q)scripts/need-packages -g fuzz
	$(Q)$(MAKE) --no-print-directory $(BUILD)/fuzz/store
	@mkdir -p $(BUILD)/fuzz/corpus
	$(Q)ASAN_OPTIONS=quarantine_size_mb=2:malloc_context_size=8 \
		$(BUILD)/fuzz/store -max_total_time=$(FUZZ_TIME) -max_len=265 -len_control=0 -timeout=20 \
		-rss_limit_mb=1024 -malloc_limit_mb=16 -print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/ \
		$(BUILD)/fuzz/corpus tests/fuzz/corpus

# How much of engine/ the unit tests, the simulator and the fuzzer's inputs (kept ones, and
# those that `make fuzz' has found here) run through: lines and branches.

COVER := -O1 -g -fprofile-instr-generate -fcoverage-mapping

$(BUILD)/cover/%.o: CC := clang
$(BUILD)/cover/%.o: %.c Makefile
	$(call compile,$(COVER) $(INC) -Itests/rig -Itests/sim/lib -Itool)

$(BUILD)/cover/libsmv.a: $(patsubst %.c,$(BUILD)/cover/%.o,$(engine) $(inspect) \
		$(rig) $(filter-out tool/main.c,$(tool)))
	$(archive)

$(BUILD)/cover/unit/%: CC := clang
$(BUILD)/cover/unit/%: $(BUILD)/cover/tests/unit/%.o $(BUILD)/cover/libsmv.a
	$(call link,$(COVER),$(LIBS))

$(BUILD)/cover/fuzz-store: CC := clang
$(BUILD)/cover/fuzz-store: $(fuzz_sources:%.c=$(BUILD)/cover/%.o) \
		$(BUILD)/cover/tests/fuzz/replay.o $(BUILD)/cover/libsmv.a
	$(call link,$(COVER),$(LIBS))

$(BUILD)/cover/sim/%: CC := clang
$(BUILD)/cover/sim/%: $(BUILD)/cover/tests/sim/%.o $(BUILD)/cover/libsmv.a
	$(call link,$(COVER),$(LIBS))

cover_programs := $(unit:tests/unit/%.c=$(BUILD)/cover/unit/%) $(BUILD)/cover/fuzz-store \
	$(addprefix $(BUILD)/cover/sim/,crash errors scripts)

coverage:
	$(Q)scripts/need-packages -g coverage
	$(Q)$(MAKE) --no-print-directory $(cover_programs)
	$(Q)scripts/coverage $(cover_programs)

# Small static programs for the virtual machine; one file each.

$(BUILD)/helpers/%: tests/module/helpers/%.c Makefile
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -static $(DEFS) $(WARN) -MMD -MP -MT $@ \
		-MF $@.d.$$$$ -o $@.$$$$ $< -lpthread && \
		mv $@.d.$$$$ $@.d && mv $@.$$$$ $@

# What `make bench' runs: in the guest, over the engine in user space, and in QEMU (bench/profile).

bench_guest := $(patsubst bench/guest/%.c,$(BUILD)/bench/guest/%,$(wildcard bench/guest/*.c))
bench_user := $(patsubst bench/user/%.c,$(BUILD)/bench/%,$(wildcard bench/user/*.c))

bench-programs: $(bench_guest) $(bench_user) $(BUILD)/bench/profile.so

$(BUILD)/bench/guest/%: bench/guest/%.c Makefile
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -static $(DEFS) $(WARN) -MMD -MP -MT $@ \
		-MF $@.d.$$$$ -o $@.$$$$ $< -lpthread && \
		mv $@.d.$$$$ $@.d && mv $@.$$$$ $@

$(BUILD)/bench/profile.so: bench/host/profile.c bench/host/qemu_plugin.h Makefile
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -shared -fPIC $(DEFS) $(WARN) -o $@.$$$$ $< && mv $@.$$$$ $@

$(BUILD)/obj/bench/%.o: INC += -Itests/rig

$(BUILD)/bench/%: $(BUILD)/obj/bench/user/%.o $(BUILD)/obj/tests/rig/rig_host.o \
		$(BUILD)/obj/libsmv.a
	$(call link,$(CFLAGS),$(LIBS))

# The disk server of the power cut tests; a plugin for nbdkit.

powercut: $(BUILD)/powercut.so $(BUILD)/replay

$(BUILD)/powercut.so: $(sort $(wildcard tests/module/powercut*.[ch])) \
		tests/module/crashlog.h Makefile
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -shared -fPIC $(DEFS) $(WARN) -o $@.$$$$ $(filter %.c,$^) -lpthread && \
		mv $@.$$$$ $@

# The replay of what such a server has recorded.

$(BUILD)/replay: $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/replay/*.c))) \
		$(BUILD)/obj/libsim.a $(BUILD)/obj/libsmv.a
	$(call link,$(CFLAGS),$(LIBS))

# The module. KVER is 6.1 (the default), 6.12 or a full name; W=1 and C=2 are
# the kernel's own.

module:
	$(Q)BUILD='$(BUILD)' W='$(W)' C='$(C)' V='$(V)' \
		scripts/build-module $(KVER)

# The device-mapper target of the module's tests.
hold:
	$(Q)OF=hold BUILD='$(BUILD)' scripts/build-module $(KVER)

# Tests.

tests: $(unit_programs) $(sim_programs) $(if $(tool),$(BUILD)/san/snapmv $(BUILD)/san/storeio) \
	$(BUILD)/san/fuzz-store $(BUILD)/bigstore \
	$(BUILD)/powercut.so $(BUILD)/replay

unit: $(unit_programs)
	$(Q)scripts/run-checks unit

sim: $(sim_programs)
	$(Q)scripts/run-checks sim

# Lays out every C file that git knows of, as tests/check/format wants it.
format:
	$(Q)scripts/list-files '*.[ch]' | xargs clang-format -i

packages:
	$(Q)scripts/need-packages

check: packages
	$(Q)scripts/run-checks

check-long: packages
	$(Q)scripts/need-packages -g clients -g fuzz
	$(Q)scripts/run-checks --long

demo:
	$(Q)scripts/need-packages -g build -g module -g vm
	$(Q)scripts/demo

# All of it, or BENCH=quick, or BENCH='SECTION...' (bench/run -h).
bench:
	$(Q)scripts/need-packages -g build -g module -g vm -g bench
	$(Q)bench/run $(BENCH)

clean:
	rm -rf $(BUILD)/obj $(BUILD)/san $(BUILD)/unit $(BUILD)/sim \
		$(BUILD)/helpers $(BUILD)/module $(BUILD)/vm $(BUILD)/bench $(BUILD)/snapmv

-include $(shell find $(BUILD) -name '*.d' \
	-not -path '$(BUILD)/kernels/*' -not -path '$(BUILD)/module/*' \
	2>/dev/null)

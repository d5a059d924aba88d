# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Targets: make help. Everything that is made goes below build/.

VERSION := 0.1.0
OUT ?= build
PREFIX ?= /usr/local
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
ARCH_INCLUDE := /usr/include/$(shell uname -m)-linux-gnu

PACKAGES := libbpf libxdp libuv jansson yaml-0.1 libmicrohttpd libmnl libcap-ng smartcols libcurl
WARN := -Wall -Wextra -Wshadow -Werror
CPPFLAGS += -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(OUT)/gen \
	$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(WARN) $(CFLAGS) -MMD -MP
LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm -lpthread
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Iinclude -Ibpf -I$(ARCH_INCLUDE) -MMD -MP

# For tests of the change between two: another layout's number, all else alike.
ifdef ABI
CPPFLAGS += -DSLUICE_ABI=$(ABI)
BPF_CFLAGS += -DSLUICE_ABI=$(ABI)
endif

ifdef SANITIZE
OUT := build/sanitize
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=address,undefined
endif

LAYERS := base core dataplane health state control metrics
BPF_OBJECTS := $(patsubst bpf/%.bpf.c,$(OUT)/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
SKELETONS := $(patsubst bpf/%.bpf.c,$(OUT)/gen/%.skel.h,$(wildcard bpf/*.bpf.c))
PROGRAMS := $(addprefix $(OUT)/bin/,sluiced sluicectl sluice-decap sluice-check)
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard user/$(1)/*.c))
archive = $(OUT)/lib/lib$(1).a
ARCHIVES := $(foreach layer,$(LAYERS),$(call archive,$(layer)))

UNIT_TESTS := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/unit/test_*.c))
PACKET_TESTS := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/packet/test_*.c))
DATAPLANE_TESTS := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/dataplane/test_*.c))
LAB_PROGRAMS := $(patsubst tests/lib/%.c,$(OUT)/tests/lib/%,$(filter-out %.bpf.c,$(wildcard tests/lib/*.c)))
LAB_OBJECTS := $(patsubst tests/lib/%.bpf.c,$(OUT)/bpf/%.bpf.o,$(wildcard tests/lib/*.bpf.c))
BENCHES := $(patsubst tests/%.c,$(OUT)/tests/%,$(filter-out %.bpf.c,$(wildcard tests/bench/bench_*.c)))
TEST_HELPERS = $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard tests/fake/*.c))
SIM_OBJECTS := $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out %main.c,$(wildcard tests/sim/*.c)))
PACKET_HELPERS = $(OUT)/obj/tests/fake/flow_cases.o $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out tests/packet/test_%,$(wildcard tests/packet/*.c)))
DATAPLANE_HELPERS = $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out tests/dataplane/test_%,$(wildcard tests/dataplane/*.c)))
BENCH_HELPERS = $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out tests/bench/bench_% %.bpf.c,$(wildcard tests/bench/*.c)))
BENCH_OBJECTS := $(patsubst tests/bench/%.bpf.c,$(OUT)/bpf/%.bpf.o,$(wildcard tests/bench/*.bpf.c))
BENCH_SKELETONS := $(patsubst tests/bench/%.bpf.c,$(OUT)/gen/%.skel.h,$(wildcard tests/bench/*.bpf.c))

.PHONY: all build lab-programs test-programs bench-programs help test test-unit check bench bench-attack sim demo sanitize install uninstall clean deps vm
.DELETE_ON_ERROR:
.SECONDARY:

all: build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

build: $(BPF_OBJECTS) $(PROGRAMS) ## build the programs into build/bin

deps: ## install what building and testing needs (Debian, Ubuntu)
	deploy/install-deps

$(OUT)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(OUT)/bpf/%.bpf.o: tests/bench/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -Itests/bench -c $< -o $@

$(OUT)/bpf/%.bpf.o: tests/lib/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(OUT)/gen/%.skel.h: $(OUT)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

$(OUT)/obj/user/%.o: user/%.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c $< -o $@

$(OUT)/obj/tests/%.o: tests/%.c | $(SKELETONS) $(BENCH_SKELETONS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS_ALL) -c $< -o $@

define archive_rule
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call archive_rule,$(layer))))

$(OUT)/bin/sluiced: $(call objects,daemon) $(ARCHIVES)
$(OUT)/bin/sluicectl: $(call objects,cli) $(ARCHIVES)
$(OUT)/bin/sluice-decap: $(call objects,decap) $(ARCHIVES)
$(OUT)/bin/sluice-check: $(call objects,check) $(ARCHIVES)
$(OUT)/bin/sluice-check: LIBS += -lresolv
$(PROGRAMS):
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

$(OUT)/tests/unit/%: $(OUT)/obj/tests/unit/%.o $(TEST_HELPERS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS)

$(OUT)/tests/unit/test_sim $(OUT)/tests/unit/test_fleet: $(SIM_OBJECTS)
# Names, with what a restart keeps of them.
$(OUT)/tests/unit/test_names $(OUT)/tests/unit/test_names_kept \
	$(OUT)/tests/unit/test_names_room: $(OUT)/obj/user/daemon/kept_names.o

$(OUT)/tests/sim: $(OUT)/obj/tests/sim/main.o
$(OUT)/tests/sim_fleet: $(OUT)/obj/tests/sim/fleet_main.o
$(OUT)/tests/sim $(OUT)/tests/sim_fleet: $(SIM_OBJECTS) $(TEST_HELPERS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS)

# What tests of the command line need besides the archives: all of it but its main().
CLI_UNIT_TESTS := $(filter $(OUT)/tests/unit/test_cli%,$(UNIT_TESTS))
$(CLI_UNIT_TESTS): $(filter-out %/main.o,$(call objects,cli))

$(OUT)/tests/packet/%: $(OUT)/obj/tests/packet/%.o $(PACKET_HELPERS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS)

$(OUT)/tests/dataplane/%: $(OUT)/obj/tests/dataplane/%.o $(DATAPLANE_HELPERS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS)

# Stand-alone programs of the lab: the C library is enough for load makers.
$(OUT)/tests/lib/beside: LAB_LIBS := -lxdp -lbpf
$(OUT)/tests/lib/%: tests/lib/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(CFLAGS_ALL) $(LDFLAGS) -o $@ $< $(LAB_LIBS)

$(OUT)/tests/bench/%: $(OUT)/obj/tests/bench/%.o $(BENCH_HELPERS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

lab-programs: $(LAB_PROGRAMS) $(LAB_OBJECTS)

test-programs: build $(UNIT_TESTS) $(PACKET_TESTS) $(DATAPLANE_TESTS) lab-programs

test: ## unit, packet and end-to-end tests; ends with N passed, N failed, N skipped
	tests/run

test-unit: $(UNIT_TESTS) ## unit tests only, no privileges
	tests/run --unit

check: ## format, static analysis, shellcheck, dependency rule, manual pages
	tests/check/run

vm: test-programs ## packet, dataplane and device tests on Debian's kernels 6.1 and 6.12, emulated
	tests/vm/run

bench-programs: build $(BENCHES) $(BENCH_OBJECTS)

bench: ## measure; writes build/bench/*.json and prints tables (root)
	tests/bench/run

bench-attack: ## honest and loud sources inside floods from forged ones; ends with one line (root)
	tests/bench/run attack

sim: $(OUT)/tests/sim $(OUT)/tests/sim_fleet ## a million connections under recorded changes, and 200 balancers that check 100 backends
	$(OUT)/tests/sim
	$(OUT)/tests/sim_fleet

demo: ## real traffic through namespaces, about a minute (root)
	deploy/demo/run

# The tests of the dataplane put the plain build's pass program in the way.
sanitize: lab-programs ## unit, packet and dataplane tests with address and undefined-behaviour sanitizers
	$(MAKE) SANITIZE=1 test-programs
	tests/run --sanitize

FUZZ_S ?= 60
FUZZ_CFLAGS := -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

$(OUT)/fuzz/fuzz_config: tests/fuzz/fuzz_config.c user/core/prefix_set.c \
		$(wildcard user/base/*.c user/core/config*.c)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) $^ -lyaml -o $@

$(OUT)/fuzz/fuzz_check: tests/fuzz/fuzz_check.c user/core/check_spec.c user/core/check_message.c \
		user/core/health_state.c $(wildcard user/base/*.c)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) $^ -o $@

fuzz: $(OUT)/fuzz/fuzz_config $(OUT)/fuzz/fuzz_check ## fuzz the readers of configurations and checks, FUZZ_S seconds each
	@mkdir -p $(OUT)/fuzz/corpus $(OUT)/fuzz/corpus_check
	$(OUT)/fuzz/fuzz_config -max_total_time=$(FUZZ_S) -max_len=4096 -timeout=5 \
		-artifact_prefix=$(OUT)/fuzz/ $(OUT)/fuzz/corpus tests/fuzz/seeds/config
	$(OUT)/fuzz/fuzz_check -max_total_time=$(FUZZ_S) -max_len=4096 -timeout=5 \
		-artifact_prefix=$(OUT)/fuzz/ $(OUT)/fuzz/corpus_check tests/fuzz/seeds/check

install: build ## install into PREFIX; attaches nothing
	deploy/install $(OUT) $(DESTDIR)$(PREFIX)

uninstall: ## remove what install put into PREFIX
	deploy/install --remove $(DESTDIR)$(PREFIX)

clean: ## remove build/
	rm -rf build

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

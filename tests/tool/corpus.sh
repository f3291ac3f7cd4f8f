# SPDX-License-Identifier: GPL-2.0-only
# Replays the fuzzer's kept inputs: hostile store images, see tests/fuzz/store.c.

set -u
cd "$(dirname "$0")/../.." || exit 1
exec "${BUILD:-build}/san/fuzz-store" tests/fuzz/corpus/*

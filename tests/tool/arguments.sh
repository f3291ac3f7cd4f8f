# SPDX-License-Identifier: GPL-2.0-only
# Random arguments, by seeds: the tool ends by itself, says one line, and no sanitizer speaks.

TMP_BASE=/dev/shm
. "$(dirname "$0")/lib"

t_random_arguments_are_refused_in_one_line_or_done()
{
	python3 "$HERE/arguments.py" "$SNAPMV" "$T" "${SEED:-0}" "${COUNT:-250}" >said 2>&1 ||
		fail "$(grep -v '^replay' said | head -n 3 | tr '\n' ' '; grep '^replay' said)"
	cat said
}

run_tests "$@"

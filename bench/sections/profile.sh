# SPDX-License-Identifier: GPL-2.0
# Loads as of matrix.sh, then where the modules' functions lie; for bench/profile.

# shellcheck source=SCRIPTDIR/matrix.sh
. /smv/matrix.sh
sed -n '/\[/s/^/DATA sym /p' /proc/kallsyms

# SPDX-License-Identifier: GPL-2.0-only
# arguments.sh, damage.sh and counts.sh with more seeds.

here=$(dirname "$0")/.. bad=0
COUNT=${COUNT:-6000} SEED=${SEED:-100000} sh "$here/arguments.sh" || bad=1
ROUNDS=${ROUNDS:-100} sh "$here/damage.sh" || bad=1
# shellcheck disable=SC2046
SEEDS=${SEEDS:-$(seq -s ' ' 100 200)} sh "$here/counts.sh" || bad=1
exit $bad

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A random history of a store, by a seed, without rollbacks: snapshots of the origin and of
snapshots, writes, discards, deletions with and without the cleaner.

usage: history.py SNAPMV STOREIO SEED [ROUNDS]

Works on ./store and ./origin, which `make_store' of tests/tool/lib has made.
"""

import random
import subprocess
import sys

CHUNKS = 64


def main():
    tool, storeio, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 8
    rng = random.Random(seed)
    snapshots, taken = [], 0

    def run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    for _ in range(rounds):
        for _ in range(rng.randrange(1, 3)):
            of = rng.choice(['data'] + [f'data@{s}' for s in snapshots])
            run(tool, 'snapshot', '-S', './store', of, f's{taken}')
            snapshots.append(f's{taken}')
            taken += 1
        words = []
        for _ in range(rng.randrange(4, 16)):
            volume = rng.choice(['data', 'data'] + [f'data@{s}' for s in snapshots])
            chunk = rng.randrange(CHUNKS) if rng.randrange(3) else rng.randrange(8)
            if volume != 'data' and not rng.randrange(6):
                words += ['zero', volume, str(chunk)]
            else:
                words += ['write', volume, str(chunk), str(rng.randrange(1, 256))]
        run(storeio, './store', './origin', *words)
        if len(snapshots) > 3 and rng.randrange(2):
            victim = snapshots.pop(rng.randrange(len(snapshots)))
            wait = ['--wait'] if rng.randrange(2) else []
            run(tool, 'delete', *wait, '-S', './store', f'data@{victim}')


main()

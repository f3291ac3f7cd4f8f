#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Random damage to a store's metadata, and the judgement of what repair made of it.

usage: damage.py anywhere STORE SEED COUNT  changes COUNT random bytes of the store
       damage.py bytes STORE SEED COUNT     changes COUNT random bytes of random metadata blocks
       damage.py run STORE SEED COUNT       changes COUNT bytes in a row, at a random place there
       damage.py judge OLD.json NEW.json    dumps: is each exception as it was, or lost? Prints a line if
                                            there is less than before
"""

import json
import random
import sys

BLOCK = 4096
KINDS = (b'smvS', b'smvJ', b'smvN', b'smvG', b'smvD')


def metadata(path):
    with open(path, 'rb') as f:
        data = f.read()
    blocks = [at // BLOCK for at in range(0, len(data), BLOCK) if data[at + 4:at + 8] in KINDS]
    return bytearray(data), blocks


def damage(kind, path, seed, count):
    rng = random.Random(seed)
    data, blocks = metadata(path)
    if kind == 'anywhere':
        places = [rng.randrange(len(data)) for _ in range(count)]
    elif kind == 'bytes':
        places = [rng.choice(blocks) * BLOCK + rng.randrange(BLOCK) for _ in range(count)]
    else:
        at = rng.choice(blocks) * BLOCK + rng.randrange(BLOCK - count + 1)
        places = range(at, at + count)
    for at in places:
        data[at] = rng.randrange(256)
    with open(path, 'r+b') as f:
        f.write(data)


def table(path):
    dump = json.load(open(path))
    volumes = {v['number']: v for v in dump['volumes']}
    entries = {(e['volume'], e['chunk'], e['epoch']): e for e in dump['exceptions']}
    return volumes, entries


def excused(volume):
    """What was made of it says that it cannot be trusted, or nothing is read from it."""
    return volume is None or any(f in volume['flags'] for f in ('invalid', 'suspect', 'dead'))


def judge(old_path, new_path):
    old_volumes, old = table(old_path)
    volumes, new = table(new_path)
    for key, e in new.items():
        was = old.get(key)
        if e['kind'] != 'lost' and (was is None or (was['kind'], was['at']) != (e['kind'], e['at'])):
            suspects = [v for v in volumes.values() if 'suspect' in v['flags']]
            if not suspects:
                sys.exit(f'exception {key} is {e}, was {was}')
    # an origin's are missed by its snapshots
    for key, e in old.items():
        if key in new or excused(volumes.get(key[0])):
            continue
        family = [v for v in volumes.values() if v['origin'] == volumes[key[0]]['origin']
                  and 'origin' not in v['flags']]
        lost = any(k[0] == key[0] and k[1] == key[1] and x['kind'] == 'lost'
                   for k, x in new.items())
        if not lost and not all(excused(v) for v in family):
            sys.exit(f'exception {key} was {e}, and nothing says that it is gone')
    gone = [v['name'] for n, v in old_volumes.items() if not excused(v) and excused(volumes.get(n))]
    lost = [key for key, e in new.items() if e['kind'] == 'lost' and key not in old]
    if gone or lost:
        print(f'volumes {gone} and {len(lost)} chunks are lost')


if sys.argv[1] == 'judge':
    judge(sys.argv[2], sys.argv[3])
else:
    damage(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

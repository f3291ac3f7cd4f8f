#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Nodes of the map of exceptions destroyed, and what repair says that is lost compared with what really is.

usage: nodes.py destroy STORE SEED LEVEL...           a random node of each LEVEL; `root': the root; `below': a leaf below the
                                                      node before. As JSON: what was in them
       nodes.py judge OLD.json NEW.json SAID.json DESTROYED.json EXTRA

OLD, NEW: dumps; SAID: repair --json. Every chunk of every snapshot must read as before, or be lost, and said to be; what
was not in a destroyed leaf may be lost only within the range of one, and EXTRA percent of all chunks elsewhere.
"""

import bisect
import json
import random
import struct
import sys

import plant


def nodes(store):
    """level -> [(first key, block, keys, blocks below)] in order"""
    found = {}

    def visit(block):
        data = store.read(block)
        count, level = struct.unpack_from('<II', data, 40)
        step = 24 + (24 if level else 16)
        keys = [struct.unpack_from('<3Q', data, 64 + i * step) for i in range(count)]
        below = [struct.unpack_from('<Q', data, 64 + i * step + 24)[0] for i in range(count if level else 0)]
        found.setdefault(level, []).append((keys[0], block, keys, below))
        for child in below:
            visit(child)

    visit(store.get('ex_block'))
    return found


def destroy(path, seed, levels):
    store, rng = plant.Store(path), random.Random(seed)
    tree = nodes(store)
    leaves = tree[0]
    lost = []
    for level in levels:
        if level == 'below':
            parent = [x for x in lost if x[3]][-1]
            some = [x for x in leaves if x[1] in parent[3]]
        else:
            some = tree[max(tree) if level == 'root' else int(level)]
        node = rng.choice([x for x in some if x not in lost])
        data = store.read(node[1])
        data[rng.randrange(64, 3000)] ^= 0x55
        store.write(node[1], data)
        lost.append(node)
    firsts = [leaf[0] for leaf in leaves]
    ranges = [(keys, firsts[bisect.bisect(firsts, keys[0]):][:1] or [[1 << 63, 0, 0]])
              for _, _, keys, below in lost if not below]
    print(json.dumps([{'keys': keys, 'end': end[0]} for keys, end in ranges]))


class Map:
    """A dump, and the look-up of docs/design.md."""

    def __init__(self, path):
        dump = json.load(open(path))
        self.chunk = dump['store']['chunk_blocks'] * 8
        self.volumes = {v['number']: v for v in dump['volumes']}
        self.entries, self.epochs = {}, {}
        for e in dump['exceptions']:
            self.entries[e['volume'], e['chunk'], e['epoch']] = (e['kind'], e['at'])
            self.epochs.setdefault((e['volume'], e['chunk']), []).append(e['epoch'])

    def resolve(self, volume, chunk):
        """The key of the entry that it is read from; None: in place"""
        epoch = volume['epoch']
        while volume['parent']:
            epochs = self.epochs.get((volume['number'], chunk), [])
            at = bisect.bisect(epochs, epoch)
            if at:
                return volume['number'], chunk, epochs[at - 1]
            epoch, volume = volume['asof'], self.volumes[volume['parent']]
        epochs = self.epochs.get((volume['number'], chunk), [])
        at = bisect.bisect(epochs, epoch)
        return (volume['number'], chunk, epochs[at]) if at < len(epochs) else None


def is_within(destroyed, origin, number, chunk):
    """Can an entry of this chunk, of the snapshot or its origin, have been in a destroyed leaf?"""
    for leaf in destroyed:
        (first, first_chunk, _), (end, end_chunk, _) = leaf['keys'][0], leaf['end']
        if any((first, first_chunk) <= (v, chunk) <= (end, end_chunk) for v in (origin, number)):
            return True
    return False


def judge(old, new, said, destroyed, extra):
    names = {v['name']: v['number'] for v in new.volumes.values()}
    told = {(names[x['volume'].split('@')[1]], x['chunk'] + i) for x in said['found'] if x['volume']
            for i in range(x['chunks'])}
    gone = {tuple(key) for leaf in destroyed for key in leaf['keys']}
    really, lost, elsewhere, chunks = 0, set(), 0, 0
    for number, v in old.volumes.items():
        if 'origin' in v['flags']:
            continue
        for chunk in range(v['sectors'] // old.chunk):
            was, now = old.resolve(v, chunk), new.resolve(new.volumes[number], chunk)
            chunks += 1
            really += was in gone
            if now and new.entries[now][0] == 'lost':
                lost.add((number, chunk))
                elsewhere += was not in gone and not is_within(destroyed, v['origin'], number, chunk)
            elif was in gone or old.entries.get(was) != new.entries.get(now):
                sys.exit(f'{v["name"]} chunk {chunk} was {was}, is {now}')
    print(f'{chunks} chunks of snapshots, {really} really lost, {len(lost)} said to be, {elsewhere} of them elsewhere')
    if lost != told:
        sys.exit(f'told {len(told)}, but {len(lost)} are lost: {sorted(lost ^ told)[:5]}')
    if elsewhere * 100 > extra * chunks:
        sys.exit('more is called lost than need be')


if sys.argv[1] == 'destroy':
    destroy(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
else:
    old, new = Map(sys.argv[2]), Map(sys.argv[3])
    judge(old, new, *(json.load(open(x)) for x in sys.argv[4:6]), float(sys.argv[6]))

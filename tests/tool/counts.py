#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Own and shared space of every snapshot, derived from a dump alone.

usage: counts.py DUMP.json LIST.json

By the rule of the data model, and not by the tool's code: an exception is needed while a
reader is as of an epoch in the interval it serves; a reader of a volume is each volume
taken of it, and a snapshot itself, as of its own epoch. Own is what nobody needs any more
when the snapshot is deleted; shared is what else is kept for it.
"""

import bisect
import json
import sys


def number(row, field):
    return int(row[field])


class Store:
    def __init__(self, dump):
        self.volumes = {number(v, 'number'): v for v in dump['volumes']}
        self.map = {}
        for e in dump['exceptions']:
            self.map.setdefault((number(e, 'volume'), number(e, 'chunk')), []).append(
                (number(e, 'epoch'), e['kind']))
        self.chunk_bytes = number(dump['store'], 'chunk_blocks') * 4096

    def flags(self, volume):
        return self.volumes[volume]['flags']

    def is_origin(self, volume):
        return 'origin' in self.flags(volume)

    def interval(self, volume, entries, i):
        """The epochs [low, high) that the i-th of a chunk's exceptions serves."""
        if self.is_origin(volume):
            return entries[i - 1][0] if i else 0, entries[i][0]
        return entries[i][0], entries[i + 1][0] if i + 1 < len(entries) else 1 << 65

    def readers(self, gone):
        """volume -> epochs that are read, when the snapshots in `gone' are deleted."""
        dead = {n for n in self.volumes if 'dead' in self.flags(n)} | set(gone)
        there = set(self.volumes)
        while True:
            parents = {number(self.volumes[n], 'parent') for n in there}
            leaves = {n for n in there & dead if n not in parents}
            if not leaves:
                break
            there -= leaves
        read = {n: set() for n in there}
        for n in there:
            if not self.is_origin(n):
                read[number(self.volumes[n], 'parent')].add(number(self.volumes[n], 'asof'))
                if n not in dead:
                    read[n].add(number(self.volumes[n], 'epoch'))
        return read

    def needed(self, gone):
        """Exceptions that hold a chunk and are read, as a set."""
        read = {n: sorted(e) for n, e in self.readers(gone).items()}
        found = set()
        for (volume, chunk), entries in self.map.items():
            epochs = read.get(volume, [])
            for i, (epoch, kind) in enumerate(entries):
                low, high = self.interval(volume, entries, i)
                at = bisect.bisect_left(epochs, low)
                if kind == 'chunk' and at < len(epochs) and epochs[at] < high:
                    found.add((volume, chunk, epoch))
        return found

    def held(self, volume):
        """What is kept for the snapshot: served to it, or to what it reads through."""
        found = set()
        at, epoch = volume, number(self.volumes[volume], 'epoch')
        while True:
            for (v, chunk), entries in self.map.items():
                for i, (e, kind) in enumerate(entries if v == at else []):
                    low, high = self.interval(at, entries, i)
                    if kind == 'chunk' and low <= epoch < high:
                        found.add((v, chunk, e))
            if self.is_origin(at):
                return found
            epoch = number(self.volumes[at], 'asof')
            at = number(self.volumes[at], 'parent')


def main():
    store = Store(json.load(open(sys.argv[1])))
    listed = json.load(open(sys.argv[2]))['stores'][0]['volumes']
    everything = store.needed([])
    checked = 0
    for v in listed:
        if v['kind'] != 'snapshot' or v['invalid']:
            continue
        own = everything - store.needed([v['number']])
        shared = store.held(v['number']) - own
        want = [len(s) * store.chunk_bytes for s in (own, shared)]
        got = [v['own_bytes'], v['shared_bytes']]
        if got != want:
            sys.exit(f'{v["name"]}: own and shared are {got}, by the dump {want}')
        checked += 1
    print(checked)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Plants damage in a store whose checksums stay right, for the tests of check.

usage: plant.py STORE KIND ARGS...

  flip BLOCK OFFSET BITS      xors a byte; checksums are left alone
  where                       prints block numbers: super directory group node...
  path                        prints those of the map's nodes, from the root to a leaf in the middle
  memo NUMBER TEXT            sets a volume's memo (python escapes)
  volume NUMBER FIELD VALUE   sets a field of a volume's entry
  entry INDEX FIELD VALUE     sets a field of an exception: volume chunk epoch where check
  super FIELD VALUE           sets a field of the superblock
  swap I K                    exchanges two exceptions
  drop INDEX                  takes an exception out
  twice                       a root of several leaves names the first one twice
  separator                   a root's key for its second child is one below the child's first
  record NUMBER OFFSET VALUE  sets 8 bytes of a record in the journal's first block
  watermark VALUE             sets that of the journal's first block
  bit CHUNK VALUE [COUNT]     sets the bits of chunks in their group's bitmap
  xxh64 CHUNK                 prints the checksum of a store chunk's data
  free GROUP DELTA            changes the directory's count of free chunks
  share GROUP VALUE           sets how full the directory says the group's list of metadata is
  metabit BLOCK VALUE         sets a metadata block's bit

A store with trees of one leaf each is expected where an entry is changed.
"""

import struct
import sys

BLOCK = 4096
HEADER = struct.Struct('<II16sQQII16s')
TABLE = []
for i in range(256):
    c = i
    for _ in range(8):
        c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    TABLE.append(c)


def crc32c(data):
    c = 0xffffffff
    for b in data:
        c = c >> 8 ^ TABLE[(c ^ b) & 0xff]
    return c


def xxh64(data):
    """Of whole stripes of 32 bytes, seed 0"""
    mask = (1 << 64) - 1
    p1, p2, p3, p4 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                      0x85EBCA77C2B2AE63)

    def rotate(x, by):
        return (x << by | x >> 64 - by) & mask

    def mix(acc, word):
        return rotate(acc + word * p2 & mask, 31) * p1 & mask

    v = [p1 + p2 & mask, p2, 0, -p1 & mask]
    for words in struct.iter_unpack('<4Q', data):
        v = [mix(acc, word) for acc, word in zip(v, words)]
    h = sum(rotate(acc, by) for acc, by in zip(v, (1, 7, 12, 18))) & mask
    for acc in v:
        h = (h ^ mix(0, acc)) * p1 + p4 & mask
    h = h + len(data) & mask
    h = (h ^ h >> 33) * p2 & mask
    h = (h ^ h >> 29) * p3 & mask
    return h ^ h >> 32


SUPER = {}
at = 64 + 16
for name, size in [('version', 4), ('chunk_blocks', 4), ('compat', 8), ('ro_compat', 8),
                   ('incompat', 8), ('created_s', 8), ('blocks', 8), ('directory_block', 8),
                   ('directory_pairs', 8), ('journal_block', 8), ('journal_blocks', 8),
                   ('first_chunk', 8), ('groups', 8), ('incarnation', 8), ('cut', 8),
                   ('next_volume', 8),
                   ('ex_block', 8), ('ex_generation', 8), ('ex_crc', 4), ('ex_pad', 4),
                   ('ex_entries', 8), ('ex_leaves', 8), ('ex_internals', 8),
                   ('vo_block', 8), ('vo_generation', 8), ('vo_crc', 4), ('vo_pad', 4),
                   ('vo_entries', 8), ('vo_leaves', 8), ('vo_internals', 8),
                   ('data_chunks', 8), ('meta_chunks', 8), ('state', 4), ('pad', 4)]:
    SUPER[name] = (at, size)
    at += size
DIRECTORY_CURRENT = at + 16 + 16 + 48 + 512
VOLUME = {}
at = 0
for name, size in [('number', 8), ('parent', 8), ('asof', 8), ('epoch', 8), ('origin', 8),
                   ('taken_of', 8), ('created_s', 8), ('sectors', 8), ('exceptions', 8),
                   ('roll_volume', 8), ('roll_epoch', 8), ('roll_done', 8),
                   ('roll_source', 8), ('flags', 4), ('pad', 4), ('name', 64), ('memo', 256)]:
    VOLUME[name] = (at, size)
    at += size
VOLUME_BYTES = 688
ENTRY = {'volume': 0, 'chunk': 8, 'epoch': 16, 'where': 24, 'check': 32}


class Store:
    def __init__(self, path):
        self.file = open(path, 'r+b')
        best = None
        for slot in (1, 2):
            block = self.read(slot)
            if block[64:80] == b'dm-snap-mv store' and self.sound(block):
                generation = HEADER.unpack_from(block)[4]
                if best is None or generation > best[0]:
                    best = (generation, slot, block)
        self.slot, self.super = best[1], best[2]

    def sound(self, block):
        return struct.unpack_from('<I', block)[0] == crc32c(block[4:])

    def read(self, block):
        self.file.seek(block * BLOCK)
        return bytearray(self.file.read(BLOCK))

    def write(self, block, data):
        self.file.seek(block * BLOCK)
        self.file.write(data)

    def get(self, name):
        at, size = SUPER[name]
        return int.from_bytes(self.super[at:at + size], 'little')

    def put(self, name, value):
        at, size = SUPER[name]
        self.super[at:at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, 'little')

    def seal(self, data):
        struct.pack_into('<I', data, 0, crc32c(data[4:]))
        return struct.unpack_from('<I', data)[0]

    def save_super(self):
        self.seal(self.super)
        self.write(self.slot, self.super)

    def save_root(self, tree, data):
        self.put(tree + '_crc', self.seal(data))
        self.write(self.get(tree + '_block'), data)
        self.save_super()

    def leaf(self, tree):
        data = self.read(self.get(tree + '_block'))
        assert struct.unpack_from('<I', data, 44)[0] == 0, 'not a single leaf'
        return data

    def directory(self, pair=0):
        bit = self.super[DIRECTORY_CURRENT + pair // 8] >> pair % 8 & 1
        return self.get('directory_block') + 2 * pair + bit

    def group(self, number):
        per = (BLOCK - 64) // 16
        block = self.directory(number // per)
        data = self.read(block)
        at = 64 + 16 * (number % per)
        current = data[at + 14]
        first = self.get('first_chunk') + number * 16384
        return block, data, at, first * self.get('chunk_blocks') + current

    def save_group(self, number, group, free=0):
        block, data, at, place = self.group(number)
        struct.pack_into('<I', data, at + 8, self.seal(group))
        struct.pack_into('<H', data, at + 12,
                         struct.unpack_from('<H', data, at + 12)[0] + free)
        self.write(place, group)
        self.seal(data)
        self.write(block, data)


def volume_at(store, number):
    leaf = store.leaf('vo')
    for i in range(struct.unpack_from('<I', leaf, 40)[0]):
        at = 64 + i * (24 + VOLUME_BYTES)
        if struct.unpack_from('<Q', leaf, at)[0] == number:
            return leaf, at + 24
    sys.exit(f'no volume {number}')


def main():
    store, kind, args = Store(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if kind == 'flip':
        block, offset, bits = (int(a, 0) for a in args)
        data = store.read(block)
        data[offset] ^= bits
        store.write(block, data)
    elif kind == 'where':
        print('super', store.slot)
        print('directory', store.directory())
        print('group', store.group(0)[3])
        print('exceptions', store.get('ex_block'))
        print('volumes', store.get('vo_block'))
        print('journal', store.get('journal_block'))
        print('cut', store.get('cut') % store.get('journal_blocks') + store.get('journal_block'))
        print('first_chunk', store.get('first_chunk'))
    elif kind == 'path':
        block, level = store.get('ex_block'), 1
        while level:
            print(block)
            data = store.read(block)
            count, level = struct.unpack_from('<II', data, 40)
            block = struct.unpack_from('<Q', data, 64 + 48 * (count // 2) + 24)[0]
    elif kind == 'memo':
        leaf, at = volume_at(store, int(args[0]))
        text = args[1].encode('latin-1').decode('unicode_escape').encode('latin-1')
        at += VOLUME['memo'][0]
        leaf[at:at + 256] = text.ljust(256, b'\0')
        store.save_root('vo', leaf)
    elif kind == 'volume':
        leaf, at = volume_at(store, int(args[0]))
        offset, size = VOLUME[args[1]]
        value = args[2].encode().ljust(size, b'\0') if size > 8 else \
            (int(args[2], 0) & (1 << 8 * size) - 1).to_bytes(size, 'little')
        leaf[at + offset:at + offset + size] = value
        store.save_root('vo', leaf)
    elif kind == 'entry':
        leaf = store.leaf('ex')
        struct.pack_into('<Q', leaf, 64 + 40 * int(args[0]) + ENTRY[args[1]], int(args[2], 0))
        store.save_root('ex', leaf)
    elif kind == 'drop':
        leaf = store.leaf('ex')
        count = struct.unpack_from('<I', leaf, 40)[0]
        at = 64 + 40 * int(args[0])
        leaf[at:64 + 40 * count] = leaf[at + 40:64 + 40 * count] + bytes(40)
        struct.pack_into('<I', leaf, 40, count - 1)
        store.save_root('ex', leaf)
    elif kind == 'swap':
        leaf = store.leaf('ex')
        i, k = (64 + 40 * int(a) for a in args)
        leaf[i:i + 40], leaf[k:k + 40] = leaf[k:k + 40], leaf[i:i + 40]
        store.save_root('ex', leaf)
    elif kind == 'super':
        store.put(args[0], int(args[1], 0))
        store.save_super()
    elif kind == 'bit':
        chunk, value, count = (int(a, 0) for a in (args + ['1'])[:3])
        first = chunk - store.get('first_chunk')
        group = store.read(store.group(first // 16384)[3])
        free = 0
        for offset in range(first, first + count):
            at, bit = 64 + offset % 16384 // 8, 1 << offset % 8
            free += bool(group[at] & bit) - value
            group[at] = group[at] | bit if value else group[at] & ~bit
        store.save_group(first // 16384, group, free)
    elif kind == 'twice':
        root = store.read(store.get('ex_block'))
        assert struct.unpack_from('<I', root, 44)[0], 'a single leaf'
        root[64 + 48 + 24:64 + 48 + 48] = root[64 + 24:64 + 48]
        store.save_root('ex', root)
    elif kind == 'separator':
        root = store.read(store.get('ex_block'))
        assert struct.unpack_from('<I', root, 44)[0], 'a single leaf'
        key = struct.unpack_from('<Q', root, 64 + 48 + 16)[0]
        struct.pack_into('<Q', root, 64 + 48 + 16, key - 1)
        store.save_root('ex', root)
    elif kind == 'record':
        place = store.get('cut') % store.get('journal_blocks') + store.get('journal_block')
        data = store.read(place)
        at = 96
        for _ in range(int(args[0])):
            at += 4 + struct.unpack_from('<H', data, at + 2)[0]
        struct.pack_into('<Q', data, at + 4 + int(args[1]), int(args[2], 0))
        store.seal(data)
        store.write(place, data)
    elif kind == 'xxh64':
        size = store.get('chunk_blocks')
        blocks = [store.read(int(args[0]) * size + i) for i in range(size)]
        print(xxh64(b''.join(blocks)))
    elif kind == 'watermark':
        place = store.get('cut') % store.get('journal_blocks') + store.get('journal_block')
        data = store.read(place)
        struct.pack_into('<Q', data, 88, int(args[0], 0))
        store.seal(data)
        store.write(place, data)
    elif kind == 'free':
        number, delta = (int(a, 0) for a in args)
        group = store.read(store.group(number)[3])
        store.save_group(number, group, delta)
    elif kind == 'share':
        block, data, at, _ = store.group(int(args[0]))
        data[at + 15] = int(args[1], 0)
        store.seal(data)
        store.write(block, data)
    elif kind == 'metabit':
        block, value = (int(a, 0) for a in args)
        size = store.get('chunk_blocks')
        offset = block // size - store.get('first_chunk')
        group = store.read(store.group(offset // 16384)[3])
        width = 2 + max(1, size // 8)
        for i in range(struct.unpack_from('<I', group, 40)[0]):
            at = 64 + 2048 + i * width
            if struct.unpack_from('<H', group, at)[0] == offset % 16384:
                byte, bit = at + 2 + block % size // 8, 1 << block % size % 8
                group[byte] = group[byte] | bit if value else group[byte] & ~bit
                store.save_group(offset // 16384, group)
                return
        sys.exit('no such metadata chunk')
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

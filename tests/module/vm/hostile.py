# SPDX-License-Identifier: GPL-2.0
"""Hostile store images for a guest, each packed: smv/images/NAME.gz.

  the fuzzer's kept inputs (tests/fuzz/corpus, build/fuzz/corpus with --long)
  random ones, by seeds
  crafted ones: a good store in which tests/tool/plant.py has changed one thing
"""

import glob
import gzip
import os
import shutil
import subprocess

from .image import TOP

# What is planted, as for tests/tool/plant.py, in a store with origin `data' (1), snapshots
# `a' (2) and `b' (3, of a), and five exceptions.
CRAFTED = {
    'newer-version': [['super', 'version', '2']],
    'newer-incompatible': [['super', 'incompat', '0x28']],
    'newer-read-only': [['super', 'ro_compat', '4']],
    'name-with-control-characters': [['volume', '3', 'name', 'b\x1b[2J\x07\n']],
    'name-with-slashes': [['volume', '3', 'name', '../../etc/b']],
    'name-of-origin-with-at': [['volume', '1', 'name', 'data@x']],
    'name-without-end': [['volume', '3', 'name', 'x' * 64]],
    'name-empty': [['volume', '3', 'name', '']],
    'parent-loop-of-two': [['volume', '2', 'parent', '3'], ['volume', '2', 'asof', '1']],
    'parent-is-itself': [['volume', '3', 'parent', '3']],
    'parent-is-nobody': [['volume', '3', 'parent', '77']],
    'origin-of-no-size': [['volume', '1', 'sectors', '0']],
    'origin-of-absurd-size': [['volume', '1', 'sectors', '-1']],
    'snapshot-of-absurd-size': [['volume', '3', 'sectors', '0x8000000000000000']],
    'number-beyond-reach': [['volume', '3', 'number', '-1']],
    'epoch-beyond-reach': [['volume', '1', 'epoch', '-1']],
    'store-of-absurd-size': [['super', 'blocks', '0x100000000000000']],
    'journal-of-absurd-size': [['super', 'journal_blocks', '0x7fffffff']],
    'groups-of-absurd-number': [['super', 'groups', '0x7fffffffff']],
    'chunks-of-absurd-size': [['super', 'chunk_blocks', '0x10000']],
    'chunk-outside': [['entry', '0', 'where', '0xffffffffffffff']],
    'chunk-is-a-superblock': [['entry', '0', 'where', '0']],
    'chunk-is-a-node': [['entry', '0', 'where', '$node_chunk']],
    'rollback-from-nobody': [['volume', '1', 'roll_volume', '99']],
    'next-volume-too-low': [['super', 'next_volume', '2']],
    'root-is-a-superblock': [['super', 'ex_block', '1']],
}
RANDOM, RANDOM_LONG = 2, 300


def run(*command):
    subprocess.run(command, check=True, cwd=TOP, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, ASAN_OPTIONS='detect_leaks=0'))


def pack(source, target):
    with open(source, 'rb') as f, gzip.open(target, 'wb', 6) as out:
        shutil.copyfileobj(f, out)


def plant(path, *args):
    return subprocess.run(['python3', f'{TOP}/tests/tool/plant.py', path, *args], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def make_crafted(folder, build):
    base, origin = f'{folder}/base', f'{folder}/origin'
    for path, size in (base, 8 << 20), (origin, 4 << 20):
        with open(path, 'wb') as f:
            f.truncate(size)
    tool = f'{build}/snapmv'
    run(tool, 'format', '-l', 'hostile', base)
    run(tool, 'add', base, origin, 'data')
    run(tool, 'snapshot', '-S', base, 'data', 'a')
    run(f'{build}/san/storeio', base, origin, *'write data 0 1 write data 1 1'.split())
    run(tool, 'snapshot', '-S', base, 'data@a', 'b')
    run(f'{build}/san/storeio', base, origin,
        *'zero data@a 2 write data@a 3 9 write data@b 4 9'.split())
    node = int(dict(line.split() for line in plant(base, 'where').splitlines())['exceptions'])
    for name, changes in CRAFTED.items():
        shutil.copyfile(base, f'{folder}/one')
        for change in changes:
            plant(f'{folder}/one',
                  *[str(node // 16) if a == '$node_chunk' else a for a in change])
        pack(f'{folder}/one', f'{folder}/{name}.gz')
    for name in 'base', 'origin', 'one':
        os.unlink(f'{folder}/{name}')


def make(long, seed):
    """The files: (name in the guest, path here)."""
    build = os.environ.get('BUILD', f'{TOP}/build')
    folder = f'{build}/vm/hostile.{os.getpid()}'
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(f'{folder}/inputs')
    os.makedirs(f'{folder}/images')
    run(f'{build}/san/fuzz-store', '--random', f'{folder}/inputs', str(seed * 1000),
        str(RANDOM_LONG if long else RANDOM))
    inputs = glob.glob(f'{folder}/inputs/*') + glob.glob(f'{TOP}/tests/fuzz/corpus/*')
    if long:
        inputs += sorted(glob.glob(f'{build}/fuzz/corpus/*'))[:400]
    run(f'{build}/san/fuzz-store', '--write', f'{folder}/images', *inputs)
    for path in glob.glob(f'{folder}/images/*'):
        pack(path, f'{folder}/{os.path.basename(path)}.gz')
        os.unlink(path)
    make_crafted(folder, build)
    return [(f'smv/images/{os.path.basename(p)}', p) for p in sorted(glob.glob(f'{folder}/*.gz'))]


def remove():
    build = os.environ.get('BUILD', f'{TOP}/build')
    shutil.rmtree(f'{build}/vm/hostile.{os.getpid()}', ignore_errors=True)

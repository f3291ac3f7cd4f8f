# SPDX-License-Identifier: GPL-2.0
"""What `make bench' measures: its sections, in the order they run."""


class Section:
    """script: sections/SCRIPT.sh, in a guest; or commands: (tags, command) over the engine."""

    def __init__(self, name, script=None, variables=None, commands=None, memory=1536,
                 count=False, seconds=1500, images=()):
        self.name = name
        self.script = script
        self.variables = variables or {}
        self.commands = commands
        self.memory = memory
        self.count = count          # a guest whose clock counts instructions
        self.seconds = seconds      # at most
        self.images = images        # files under build/bench that are its disks


EVERYTHING = ('first-up-1 first-random-1 first-up-16 first-random-16 first-whole-16 '
              'first-1M-1 first-sync-1 over-1 over-16 over-sync-1 read-1 read-16 '
              'snap-place-16 snap-kept-1 snap-kept-16 snap-whole-16 snap-over-16 '
              'snap-own-16 snap-part-16')


def cases(chunk, snapshots, n, peers='linear snapshot thin snapmv'):
    return ' '.join(f'{who}:{chunk}:{snapshots}:{n}' for who in peers.split())


def matrix(name, kind, sizes, all_cases, rounds, works=EVERYTHING, disk='bs=4096', times=4, **rest):
    return Section(name, 'matrix', {
        'KIND': kind, 'SIZES': sizes, 'DISK': disk, 'CASES': ' '.join(all_cases),
        'ROUNDS': rounds, 'WORKS': works, 'TIMES': times}, **rest)


ROUND_TRIPS = ('first-up-1 first-random-16 first-whole-16 over-1 over-sync-1 read-1 snap-kept-1 '
               'snap-place-16 snap-whole-16 snap-part-16 snap-over-16')
CORE = 'first-up-1 first-random-1 first-random-16 over-16 read-16 snap-kept-16'


def sections(quick):
    few = 1 if quick else 5
    fewer = 1 if quick else 3
    million = 100_000 if quick else 1_000_000
    journal = ['store', 'make', 'journal.img', '--writes', '60000', '--room',
               str(10 * million), '--crash']
    return [
        # Disks that take 20 ms for each request: the CPU, however slow, is beside the point.
        matrix('latency', 'latency', '64 320', [
            cases('64K', 1, 64),
            cases('64K', 8, 64, 'snapshot snapmv'),
            cases('64K', 1000, 64, 'thin snapmv')],
            1, ROUND_TRIPS, 'bs=4096 latency=20000', 1, count=True),
        # The clock counts instructions.
        matrix('count', 'count', '128 512', [
            cases('64K', 1, 256),
            cases('64K', 8, 64, 'snapshot snapmv'),
            cases('64K', 1000, 256, 'thin snapmv')], fewer, count=True, memory=2048),
        # Disks as fast as memory: the CPU bounds everything.
        matrix('ram', 'ram', '128 512', [
            cases('64K', 1, 256),
            cases('64K', 8, 64, 'linear snapshot thin snapmv'),
            cases('64K', 64, 256, 'linear thin snapmv'),
            cases('64K', 1000, 256, 'linear thin snapmv')], few, memory=2048),
        matrix('ram-4K', 'ram', '16 64', [cases('4K', 1, 512, 'linear snapshot snapmv')], few,
               EVERYTHING.replace('first-1M-1 ', '')),
        matrix('ram-256K', 'ram', '128 512', [cases('256K', 1, 64)], few, CORE, memory=2048),
        Section('commands', 'commands', {
            'COUNTS': '1 1000' if quick else '1 10000', 'TIMES': 20 if quick else 50},
                count=True),
        Section('checkpoint', 'checkpoint', {
            'SECONDS_EACH': 5 if quick else 10, 'ROUNDS': 1 if quick else 2}, memory=3072,
                count=True),
        Section('mixed', 'mixed', {'SECONDS_EACH': 5 if quick else 15}, memory=2560),
        Section('amplification', commands=[
            ('chunk=64K', ['store', 'make', 'many.img', '--writes', str(10 * million),
                           '--every', str(million)]),
            ('chunk=4K', ['store', 'make', 'cleaning.img', '--writes', str(million),
                          '--chunk', '4K'])]),
        Section('opening', commands=[
            ('store=none', ['store', 'make', 'none.img', '--writes', '1', '--room', str(10 * million)]),
            ('store=journal', journal),
            ('store=none', ['store', 'open', 'none.img']),
            ('store=many', ['store', 'open', 'many.img']),
            ('store=journal', ['store', 'open', 'journal.img']),
            ('store=journal', journal)]),     # for the guest, once more
        Section('activation', 'activation',
                images=['none.img', 'many.img', 'journal.img']),
        Section('cleaning', 'cleaning', {'EXCEPTIONS': million}, images=['cleaning.img'],
                memory=1024),
    ]

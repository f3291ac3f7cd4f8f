# SPDX-License-Identifier: GPL-2.0
"""Scenarios in which the power is cut (`# host: powercut').

The disks are served from here by nbdkit with our plugin (powercut.c), which
keeps unflushed writes apart. A round: phase1 runs in a guest and says when it
may be cut; the guest is killed at a random moment; a random part of what was
not flushed is lost; the next guest gets what is left, and runs phase2; and so
on. The last phase ends by itself, and judges.
"""

import os
import random
import re
import shutil
import socket
import subprocess
import time
import zlib

from . import image, scenario

MODES = ['any', 'torn', 'any', 'torn', 'none', 'all']


def folder_of(job):
    """Where its disks and sockets are; the path of a socket has 107 bytes at most."""
    return f'{image.TOP}/build/vm/cut.{os.getpid()}.{zlib.crc32(job.label.encode()):08x}'


class Server:
    """nbdkit with the plugin, and the disks of one round."""

    def __init__(self, folder, disks, pretend=False, more=()):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.disks = disks
        self.socket = f'{folder}/nbd'
        self.control = f'{folder}/control'
        build = os.environ.get('BUILD', f'{image.TOP}/build')
        plugin = os.path.abspath(f'{build}/powercut.so')
        if not os.path.exists(plugin):
            raise image.Missing(f'no {plugin}; run make tests')
        command = ['nbdkit', '-f', '--exit-with-parent', '-U', self.socket, plugin,
                   f'control={self.control}']
        command += [f'disk={name}:{scenario.megabytes(size) << 20}:{self.image(name)}'
                    for name, size in disks]
        command += more
        self.log = open(f'{folder}/nbdkit.log', 'w')
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.time() + 120
        while not (os.path.exists(self.socket) and os.path.exists(self.control)):
            if time.time() > deadline or self.process.poll() is not None:
                raise RuntimeError(f'nbdkit does not start, see {folder}/nbdkit.log')
            time.sleep(0.02)
        if pretend:
            self.command('pretend on')

    def image(self, name):
        return f'{self.folder}/{name}.img'

    def drives(self):
        """QEMU's arguments: SCSI disks, for they pass FUA on, with our names."""
        result = ['-device', 'virtio-scsi-pci,id=scsi']
        for name, _ in self.disks:
            result += ['-drive', f'driver=nbd,server.type=unix,'
                       f'server.path={self.socket},export={name},if=none,id={name},'
                       'cache.direct=on,discard=unmap',
                       '-device', f'scsi-hd,bus=scsi.0,drive={name},'
                       f'serial={name},dpofua=on,write-cache=on']
        return result

    def command(self, text):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(120)
            s.connect(self.control)
            s.sendall(text.encode() + b'\n')
            answer = s.recv(4096).decode().strip()
        if not answer.startswith('ok'):
            raise RuntimeError(f'powercut: {text}: {answer}')
        return answer[3:]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def follow_and_cut(runner, machine, job, phase, rng):
    """Runs a phase until it is to be cut. None, or what went wrong instead."""
    cut_at = None
    machine.send(f'run {job.scenario.name} {job.timeout} {job.scale} '
                 f'{job.seed} {phase}')
    deadline = time.time() + job.timeout + 60
    while True:
        until = min(deadline, cut_at) if cut_at else deadline
        try:
            line = machine.line(until)
        except TimeoutError:
            if cut_at:
                return None
            return f'{phase} never said that it may be cut'
        if line is None:
            return 'the guest died'
        if line.startswith('@@done '):
            if line.endswith(' ok'):
                return f'{phase} ended without a cut'
            return line.split(' ', 2)[2]
        job.output.append(line)
        runner.show(line)
        match = re.match(r'CUT (\d+) (\d+)$', line)
        if match:
            cut_at = time.time() + rng.uniform(int(match[1]), int(match[2])) / 1000


def one_phase(runner, job, server, phase, last, rng):
    """Boots, runs, and cuts unless it is the last. Returns (problem, console)."""
    start = len(job.output)
    machine, problem, lines = runner.boot(job, server.drives())
    if machine is None:
        return problem, lines
    try:
        if last:
            result = runner.follow(machine, job, phase)
            return runner.judge(machine, job, result)
        problem = follow_and_cut(runner, machine, job, phase, rng)
        machine.kill()
        while True:                             # what it had said before
            line = machine.line(time.time() + 5)
            if line is None:
                break
            if not line.startswith('@@'):
                job.output.append(line)
        if problem:
            return runner.judge(machine, job, problem)
        bad = scenario.complaints(machine.console_until('', 0), job.scenario.expected)
        with open(f'{server.folder}/said', 'a') as f:
            f.write(''.join(f'{x}\n' for x in job.output[start:]))
        return (f'console: {bad[0].strip()}' if bad else None), []
    finally:
        machine.kill()
        runner.dispose(machine)


def keep_images(server, job):
    """The disks as the last cut left them, for whoever has to understand it."""
    for name, _ in server.disks:
        path = f'{image.TOP}/build/vm/log/{job.label}.{name}.img'
        if os.path.exists(f'{server.folder}/{name}.cut'):
            shutil.move(f'{server.folder}/{name}.cut', path)


def one_round(runner, job, number, folder):
    """None if all is well; otherwise (problem, console lines)."""
    seed = job.seed * 1000 + number
    rng = random.Random(seed)
    phases = sorted(set(re.findall(r'^(phase\d+)\(\)', job.scenario.text, re.M)))
    server = Server(folder, job.scenario.disks, 'pretend' in job.scenario.rig)
    runner.extra[job] = [('smv/said', f'{folder}/said')]
    open(f'{folder}/said', 'w').close()
    try:
        for phase in phases:
            last = phase == phases[-1]
            job.output.append(f'== round {number} {phase}')
            problem, lines = one_phase(runner, job, server, phase, last, rng)
            if problem:
                keep_images(server, job)
                return f'round {number}, {phase}: {problem}', lines
            if last:
                continue
            mode = rng.choice(job.scenario.cuts or MODES)
            job.output.append('== ' + server.command('stat'))
            job.output.append('== ' + server.command(f'cut {mode} {rng.randrange(2**32)}'))
            for name, _ in server.disks:
                subprocess.run(['cp', '--sparse=always', server.image(name),
                                f'{folder}/{name}.cut'], check=True)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return None


def run(runner, job):
    start = time.time()
    rounds = max(1, job.scenario.rounds * job.scale // 100)
    for number in range(1, rounds + 1):
        folder = folder_of(job)
        bad = one_round(runner, job, number, folder)
        if bad:
            job.seconds = time.time() - start
            runner.report(job, *bad)
            return
    job.seconds = time.time() - start
    runner.report(job, None, [])

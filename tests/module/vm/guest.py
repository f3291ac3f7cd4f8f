# SPDX-License-Identifier: GPL-2.0
"""One virtual machine: QEMU without KVM, or user-mode Linux; two serial lines.

The first line is the kernel's console, kept in a file. The second is ours: the
guest's init reads commands from it and writes what a scenario prints; lines of
init itself begin with @@.
"""

import fcntl
import os
import queue
import signal
import subprocess
import threading
import time

from . import image, sanitizer

# The caches the module's objects come from; with all of the kernel's, each start of a program
# costs half as much again.
SLUB_DEBUG = 'slub_debug=FZPU,kmalloc-*,bio*,kcopyd*,dm*'

# norandmaps: QEMU translates code anew for each address it is found at; with libraries at the
# same place in each process a program starts in a third of the time (snapmv list: 103 -> 36 ms).
APPEND = ('console=ttyS0 loglevel=4 mitigations=off norandmaps oops=panic '
          'panic=-1 random.trust_cpu=on printk.devkmsg=on '
          'sysctl.kernel.hung_task_timeout_secs=60 watchdog_thresh=30 '
          'rcupdate.rcu_cpu_stall_timeout=120 no_timer_check null_blk.nr_devices=0 '
          'rdinit=/init')


USUAL = ['-smp', '2', '-accel', 'tcg,thread=multi']
COUNTING = ['-smp', '1', '-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off']

SLOTS = int(os.environ.get('SMV_GUESTS', 2))     # guests that the whole host runs at once


def take_slot():
    """Waits until fewer than SLOTS guests run, in whatever tree; the file is the slot."""
    files = [open(f'/tmp/snapmv-guest-{i}.lock', 'w') for i in range(SLOTS)]
    while True:
        for slot in files:
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return slot
        time.sleep(0.2)


class Guest:
    """A booted machine. Made ready by the constructor; use it, then stop()."""

    def __init__(self, kver, folder, files, memory=768, fio=False, drives=(),
                 module=True, debug=True, count=False):
        """count: one CPU, and a clock that counts its instructions."""
        os.makedirs(folder, exist_ok=True)
        self.kver = kver
        self.memory = memory
        self.fio = fio
        self.console = f'{folder}/console'
        self.initrd = f'{folder}/initrd'
        self.lines = queue.Queue()
        self.offset = 0
        self.poisoned = False       # something is left that cannot be removed
        self._make_initrd(files, fio, module)
        open(self.console, 'w').close()
        if sanitizer.is_uml(kver):
            command = sanitizer.command(kver, self.initrd, memory)
        else:
            command = self._qemu(drives, debug, count)
        self.slot = take_slot()
        self.started = time.time()
        with open(self.console, 'ab') as console:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=console if sanitizer.is_uml(kver) else subprocess.STDOUT,
                start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _qemu(self, drives, debug, count):
        append = f'{APPEND} {SLUB_DEBUG}' if debug else APPEND
        # Should we be killed, the machine goes, too.
        return ['setpriv', '--pdeathsig', 'KILL', 'qemu-system-x86_64', '-M', 'q35',
                '-cpu', 'max',
                *(COUNTING if count else USUAL), '-m', str(self.memory), '-nodefaults',
                '-display', 'none', '-no-reboot', '-no-user-config',
                '-kernel', image.kernel(self.kver), '-initrd', self.initrd,
                '-append', append, '-device', 'virtio-rng-pci',
                '-serial', f'file:{self.console}',
                '-chardev', 'stdio,id=ctl,signal=off', '-serial', 'chardev:ctl',
                *drives]

    def _make_initrd(self, files, fio, module):
        run = f'{self.initrd}.run'
        image.run_archive(run, self.kver, files, module)
        parts = [image.base_archive(self.kver)]
        if fio:
            parts.append(image.fio_archive())
        with open(self.initrd, 'wb') as out:
            for part in parts + [run]:
                with open(part, 'rb') as f:
                    while os.sendfile(out.fileno(), f.fileno(), None, 1 << 24):
                        pass
        os.unlink(run)

    def _read(self):
        for line in self.process.stdout:
            if line.endswith(b'\n'):      # half a line tells nothing
                self.lines.put(line.decode(errors='replace').rstrip('\r\n'))
        self.lines.put(None)

    def line(self, deadline):
        """The next line; None if the guest is gone; TimeoutError past deadline."""
        try:
            return self.lines.get(timeout=max(0, deadline - time.time()))
        except queue.Empty:
            raise TimeoutError from None

    def wait_ready(self, seconds=600):
        deadline = time.time() + seconds
        while True:
            try:
                line = self.line(deadline)
            except TimeoutError:
                return False
            if line == '@@ready':
                with_initrd = os.path.exists(self.initrd)
                if with_initrd:
                    os.unlink(self.initrd)
                return True
            if line is None:
                return False

    def send(self, text):
        try:
            self.process.stdin.write(text.encode() + b'\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def console_until(self, marker, seconds):
        """New console lines up to one with marker, or what there is by then."""
        deadline = time.time() + seconds
        while True:
            with open(self.console, errors='replace') as f:
                f.seek(self.offset)
                text = f.read()
            at = text.find(marker) if marker else -1
            if at >= 0 and '\n' in text[at:]:
                end = text.index('\n', at) + 1
                self.offset += len(text[:end].encode(errors='replace'))
                return text[:end].split('\n')
            if time.time() > deadline or (marker and not self.alive()):
                with open(self.console, errors='replace') as f:
                    f.seek(self.offset)
                    return f.read().split('\n')
            time.sleep(0.05)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """As a power cut: at once."""
        if self.alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.slot.close()

    def stop(self):
        if self.alive():
            self.send('off')
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        if os.path.exists(self.initrd):
            os.unlink(self.initrd)

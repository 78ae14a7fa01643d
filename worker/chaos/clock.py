"""A Redis whose clock can be moved while it runs.

Time inside the ledger's scripts is Redis's own (TIME), and so is that of expiring keys and of stream ids.
Where there is a C compiler, a library of thirty lines is put before libc's (LD_PRELOAD) and adds a number of
seconds to what the three functions say that tell the time of day; the number is in a file that both see.
Elsewhere the ledger's own clock is put an hour ahead by its stored offset (jobs/lua/prelude.lua), which is
what the scripts see of a step forward and back again; expiry and stream ids then notice nothing.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *ahead;
static long long none;

__attribute__((constructor)) static void begin(void) {
    int file = open(AHEAD_FILE, O_RDONLY);
    void *seen = file < 0 ? MAP_FAILED : mmap(0, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
    ahead = seen == MAP_FAILED ? &none : seen;
}
static long long more(void) { return ahead ? *ahead : 0; }

int clock_gettime(clockid_t which, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, which, at);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) at->tv_sec += more();
    return failed;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    int failed = syscall(SYS_gettimeofday, at, zone);
    if (!failed && at) at->tv_sec += more();
    return failed;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """How far Redis's clock is ahead."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ahead"
        self._file.write_bytes(struct.pack("q", 0))
        self.library = _compiled(folder, self._file)
        """To be put before libc's; None where there is no compiler."""

    def set_ahead(self, seconds: int) -> None:
        """Move it. Takes effect at once."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    def preload(self) -> None:
        """For the Redis process, before it begins."""
        if self.library:
            os.environ["LD_PRELOAD"] = str(self.library)


def _compiled(folder: Path, file: Path) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "ahead.c", folder / "ahead.so"
    source.write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", f'-DAHEAD_FILE="{file}"', "-o", str(library), str(source)]
    done = subprocess.run(command, capture_output=True, check=False)
    return library if done.returncode == 0 else None

"""Runs one command and says what it cost, as a process that is itself small: the kernel counts a parent's memory into
the peak of what it starts.  Run as `python -I -S spawn.py`, with argv, cwd, env, stdin and output as JSON on stdin.
"""

import json
import os
import subprocess
import sys
import time


def busy() -> float:
    """Return the CPU seconds that this machine has worked since it started."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(text) for text in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    work = json.load(sys.stdin)
    with open(work["output"], "wb") as output, open(work["stdin"], "rb") as stdin:
        before, start = busy(), time.perf_counter()
        process = subprocess.Popen(
            work["argv"], cwd=work["cwd"], env=work["env"], stdin=stdin, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    others = max(0.0, busy() - before - used.ru_utime - used.ru_stime) / wall
    json.dump({"code": process.returncode, "wall": wall, "peak": used.ru_maxrss * 1024, "others": others}, sys.stdout)


if __name__ == "__main__":
    main()

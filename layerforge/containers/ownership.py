"""Who made a container or volume: labels by which what dead processes left is found and removed."""

from __future__ import annotations

import datetime
import functools
import os
import socket
from collections.abc import Mapping
from pathlib import Path

LABEL = "layerforge"
OWNER = "layerforge.owner"
STARTED = "layerforge.started"
PURPOSE = "layerforge.purpose"
# What another machine made with the same engine is its own business, for a day.
_FOREIGN_FOR = datetime.timedelta(hours=24)


@functools.cache
def this_host() -> str:
    """Names this machine since it was started: process numbers mean nothing beyond that."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    # Containers of one host share the boot id, and not the names.
    return f"{socket.gethostname()}/{boot}"


def start_of(pid: int) -> str | None:
    """When a process started (in the kernel's ticks); None if there is none, "" where nobody tells."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # The name before it may hold anything, so it is counted from the last parenthesis (proc(5)).
        return status.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return None if Path("/proc/self/stat").exists() else ""


def make_owner(pid: int | None = None) -> str:
    """The label's value for a process, ours if none is named."""
    number = os.getpid() if pid is None else pid
    return f"{this_host()}/{number}/{start_of(number) or ''}"


def labels_of(owner: str, purpose: str, now: datetime.datetime) -> dict[str, str]:
    """Labels of what `owner` makes."""
    return {LABEL: "1", OWNER: owner, STARTED: now.isoformat(timespec="seconds"), PURPOSE: purpose}


def is_abandoned(labels: Mapping[str, str], now: datetime.datetime) -> bool:
    """Whether its owner is gone: a dead process of this machine, or anybody's after a day."""
    host, _, process = labels.get(OWNER, "").rpartition("/")[0].rpartition("/")
    started = labels.get(OWNER, "").rpartition("/")[2]
    if host == this_host() and process.isdecimal():
        return start_of(int(process)) != started and not (started == "" and start_of(int(process)) == "")
    try:
        made = datetime.datetime.fromisoformat(labels.get(STARTED, ""))
    except ValueError:
        return False
    return now - made > _FOREIGN_FOR

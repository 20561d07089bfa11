from __future__ import annotations

import datetime
import os
import subprocess
import sys

import pytest

from layerforge.containers.ownership import is_abandoned, labels_of, make_owner, this_host

NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(hours=24)


def test_living_processes_keep_what_they_made() -> None:
    labels = labels_of(make_owner(), "build demo 1.0", NOW)
    assert labels["layerforge.purpose"] == "build demo 1.0"
    assert not is_abandoned(labels, NOW + 10 * DAY)


def test_dead_processes_do_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        labels = labels_of(make_owner(process.pid), "x", NOW)
        assert not is_abandoned(labels, NOW)
    assert is_abandoned(labels, NOW)


@pytest.mark.skipif(sys.platform != "linux", reason="start times are the kernel's")
def test_a_number_that_another_process_has_now_is_nobody_s() -> None:
    assert is_abandoned(labels_of(f"{this_host()}/{os.getpid()}/1", "x", NOW), NOW)


@pytest.mark.parametrize(
    ("owner", "age", "abandoned"),
    [
        ("elsewhere/boot/1/2", DAY / 2, False),
        ("elsewhere/boot/1/2", 2 * DAY, True),
        ("", DAY / 2, False),
        ("", 2 * DAY, True),
    ],
)
def test_other_machines_are_left_a_day(owner: str, age: datetime.timedelta, *, abandoned: bool) -> None:
    assert is_abandoned(labels_of(owner, "x", NOW), NOW + age) is abandoned


def test_labels_that_nobody_can_read_are_left_alone() -> None:
    assert not is_abandoned({"layerforge": "1", "layerforge.started": "yesterday"}, NOW)

from __future__ import annotations

import json
from typing import Any

import pytest

from layerforge.containers.engine import Outcome
from layerforge.resolve.compile.answer import (
    Answer,
    BuiltInContainer,
    FailedInContainer,
    MetadataInContainer,
    read_answer,
)


def outcome(said: Any, *, code: int = 0, stderr: str = "", out_of_memory: bool = False) -> Outcome:
    stdout = said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n"
    return Outcome(code=code, stdout=stdout, stderr=stderr, out_of_memory=out_of_memory, seconds=1.0)


@pytest.mark.parametrize(
    ("ended", "answer"),
    [
        (
            outcome(
                {
                    "wheel": "a-1-py3-none-any.whl",
                    "vendored": [["libpq.so.5", "/usr/lib64/libpq.so.5"]],
                    "packages": ["libpq-devel"],
                    "manager": "dnf",
                }
            ),
            BuiltInContainer(
                filename="a-1-py3-none-any.whl",
                vendored=(("libpq.so.5", "/usr/lib64/libpq.so.5"),),
                packages=("libpq-devel",),
            ),
        ),
        (
            outcome({"metadata": {"name": "a", "version": "1", "requires_dist": ["b>=1"]}, "manager": "dnf"}),
            MetadataInContainer(text="Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b>=1\n\n"),
        ),
        (
            outcome({"failed": {"stage": "build", "lines": ["no"]}, "manager": "yum"}, out_of_memory=True),
            FailedInContainer(stage="build", lines=("no",), manager="yum", out_of_memory=True),
        ),
        (
            outcome(
                {
                    "failed": {"stage": "architecture", "lines": [], "wheel": "a.whl", "platforms": ["x"]},
                    "manager": None,
                }
            ),
            FailedInContainer(stage="architecture", lines=(), wheel="a.whl", platforms=("x",)),
        ),
        # The program did not come to its end, or somebody else spoke.
        (
            outcome(b"", code=137, stderr="one\ntwo\n"),
            FailedInContainer(stage="crash", lines=("one", "two")),
        ),
        (outcome(b"hello\n"), FailedInContainer(stage="crash", lines=())),
        (outcome({"wheel": 1}), FailedInContainer(stage="crash", lines=())),
        (outcome([]), FailedInContainer(stage="crash", lines=())),
    ],
)
def test_answers(ended: Outcome, answer: Answer) -> None:
    assert read_answer(ended) == answer


def test_metadata_is_what_a_resolution_reads() -> None:
    fields = {
        "metadata_version": "2.4",
        "name": "demo",
        "version": "1.0",
        "summary": "not needed",
        "requires_python": ">=3.9",
        "requires_dist": ["six", "rich; extra == 'show'"],
        "provides_extra": ["show"],
    }
    assert read_answer(outcome({"metadata": fields})) == MetadataInContainer(
        text="Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nRequires-Python: >=3.9\n"
        "Provides-Extra: show\nRequires-Dist: six\nRequires-Dist: rich; extra == 'show'\n\n"
    )


def test_lines_are_hidden() -> None:
    failed = FailedInContainer(stage="build", lines=("token s3cr3t",))
    assert failed.hidden(lambda line: line.replace("s3cr3t", "***")).lines == ("token ***",)

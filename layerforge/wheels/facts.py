"""What a wheel says of itself, read from its directory and METADATA alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelFacts:
    """`unzipped_size` is in bytes as laid out in a layer; `metadata` is the text of METADATA."""

    name: str
    version: str
    unzipped_size: int
    metadata: str


def read_facts(stream: BinaryIO, *, filename: str) -> WheelFacts:
    """Read the facts of the wheel `filename` from a seekable stream, which may fetch what is asked for.

    Raises BuildError if it is not a wheel that can go into a layer.
    """
    raise NotImplementedError

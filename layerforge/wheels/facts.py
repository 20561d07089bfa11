"""What a wheel says of itself, read from its directory and METADATA alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from layerforge.wheels.contents import read_contents
from layerforge.wheels.directory import WheelReader


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelFacts:
    """`unzipped_size` is in bytes as laid out in a layer; `metadata` is the text of METADATA.

    `name` is normalised, `version` as METADATA writes it.
    """

    name: str
    version: str
    unzipped_size: int
    metadata: str


def read_facts(stream: BinaryIO, *, filename: str) -> WheelFacts:
    """Read the facts of the wheel `filename` from a seekable stream, which may fetch what is asked for.

    A few reads are made: the last 64 KB, the rest of the central directory where it is longer,
    METADATA, entry_points.txt, and the first line of each script. Raises BuildError if it is not a
    wheel that can go into a layer; what the stream raises passes through.
    """
    contents = read_contents(WheelReader(stream, filename=filename))
    return WheelFacts(
        name=contents.name,
        version=contents.version,
        unzipped_size=contents.unzipped_size(),
        metadata=contents.metadata,
    )

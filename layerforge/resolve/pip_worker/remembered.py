"""Wheels that were built, by what they were built from: their bytes are blobs of the cache."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from layerforge.cache import Cache
from layerforge.model.target import Target
from layerforge.resolve.index import IMAGE_OF_CONTEXT


class Built(NamedTuple):
    """A wheel in the cache, its filename, and where it takes requirements from: folders by name.

    `context` is `BuiltWheel.context`.
    """

    path: Path
    filename: str
    beside: Mapping[str, str]
    context: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Latest:
    """The name of a source that a container has built for a target, and the context of the last build."""

    name: str
    context: str


def host_key(source: str, *, fallback: bool = False) -> str:
    """The digest of a source that is built here. A backend may ask for the interpreter that runs it."""
    kind = " without what is compiled" if fallback else ""
    return hashlib.sha256(f"{source} {sys.version_info[:2]}{kind}".encode()).hexdigest()


def container_key(source: str, target: Target, context: str) -> str:
    """The digest of a source that a container builds for `target`."""
    return hashlib.sha256(f"{source} {target.name} {context}".encode()).hexdigest()


def read_built(cache: Cache, key: str) -> Built | None:
    """The wheel, if it is remembered and intact."""
    match cache.read_facts("built", key):
        case {"sha256": str(sha256), "filename": str(filename), "beside": dict(beside), **more}:
            # What was built here can be fetched from nowhere: a damaged copy has to be built again.
            blob = cache.intact(sha256)
            return Built(blob, filename, beside, str(more.get("context", ""))) if blob else None
    return None


def write_built(cache: Cache, key: str, built: Built) -> None:
    """Remember the wheel."""
    facts = {"sha256": built.path.name, "filename": built.filename, "beside": dict(built.beside)}
    cache.write_facts("built", key, facts | ({"context": built.context} if built.context else {}))


def write_image(cache: Cache, context: str, image: str) -> None:
    """Remember which image a context (`BuiltWheel.context`) stands for, for the build's record."""
    cache.write_facts(IMAGE_OF_CONTEXT, context, {"image": image})


def read_latest(cache: Cache, source: str, target: Target) -> Latest | None:
    """What a container built last of the source: known without an engine."""
    match cache.read_facts("built-in-container", container_key(source, target, "")):
        case {"name": str(name), "context": str(context)}:
            return Latest(name=name, context=context)
    return None


def write_latest(cache: Cache, source: str, target: Target, latest: Latest) -> None:
    """Remember that a container builds the source, and in which context it last did."""
    facts = {"name": latest.name, "context": latest.context}
    cache.write_facts("built-in-container", container_key(source, target, ""), facts)

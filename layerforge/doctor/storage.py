"""The cache: where it lies, what it holds, whether it can be written, and what room there is."""

from __future__ import annotations

import shutil

from layerforge.cache import Cache
from layerforge.doctor.observation import Observation, State
from layerforge.model.counts import count
from layerforge.model.sizes import format_size

_TOPIC = "cache"
# Less than a large project's wheels, their layers and a build need.
_LITTLE = 2**30


def observe_cache(cache: Cache, *, limit: int) -> tuple[Observation, ...]:
    """`limit` is in bytes: what it is kept below."""
    try:
        cache.temporary(".doctor").unlink()
        free = shutil.disk_usage(cache.root).free
    except OSError as error:
        return (
            Observation(
                topic=_TOPIC,
                state=State.MISSING,
                sentence=f"{cache.root} cannot be written ({error.strerror})",
                hint="LAYERFORGE_CACHE_DIR names another place",
            ),
        )
    files, size = cache.usage()
    held = Observation(
        topic=_TOPIC,
        state=State.OK,
        sentence=f"{cache.root}: {count(files, 'file')}, {format_size(size)} of at most "
        f"{format_size(limit)}; {format_size(free)} are free there",
    )
    if free >= _LITTLE:
        return (held,)
    return (
        held,
        Observation(
            topic=_TOPIC,
            subject="disk",
            state=State.WARNING,
            sentence=f"only {format_size(free)} are free where the cache lies",
            hint="make room, or move it with LAYERFORGE_CACHE_DIR",
        ),
    )

from __future__ import annotations

from pathlib import Path

from layerforge.cache import Cache
from layerforge.doctor.observation import State
from layerforge.doctor.storage import observe_cache


def test_cache_tells_what_it_holds(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.write_facts("kind", "ab", {"x": 1})
    held = observe_cache(cache, limit=10 * 2**30)[0]
    assert held.state is State.OK
    assert held.sentence.startswith(f"{tmp_path}/cache: 1 file, 7 B of at most 10.0 GB; ")


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (observed,) = observe_cache(Cache(tmp_path / "file"), limit=1)
    assert (observed.state, observed.hint) == (
        State.MISSING,
        "LAYERFORGE_CACHE_DIR names another place",
    )

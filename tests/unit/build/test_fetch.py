from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.build.fetch import Fetcher, Wanted, source_key
from layerforge.build.store import WheelStore
from layerforge.cache import Cache
from layerforge.errors import BuildError, PackageIndexError
from layerforge.model.lock import Archive, Distribution, LocalSource, VcsSource
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.wheels.directory import BadWheelError
from tests.fakes import FakeIndex, RecordingProgress
from tests.wheel_files import Lies, MakeWheel

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.12", architecture="arm64")


def fetcher(root: Path, index: FakeIndex, *, offline: bool = False, engine: str | None = None) -> Fetcher:
    return Fetcher(
        source_context=lambda _: engine,
        index=index,
        store=WheelStore(Cache(root / "cache")),
        root=root,
        options=IndexOptions(),
        progress=RecordingProgress(),
        offline=offline,
    )


def wanted(index: FakeIndex, name: str, version: str = "1.0", target: Target = X86) -> Wanted:
    wheel = index.archive(f"{name}-{version}-py3-none-any.whl")
    return Wanted(
        target=target, distribution=Distribution(name=name, version=version, wheel=wheel, unzipped_size=1)
    )


def leftovers(root: Path) -> list[str]:
    return [path.name for path in (root / "cache" / "tmp").iterdir()]


def test_what_is_missing_is_brought_once(tmp_path: Path, make_wheel: MakeWheel) -> None:
    index = FakeIndex(wheels=[make_wheel("a"), make_wheel("b")])
    both = [wanted(index, "a"), wanted(index, "b"), wanted(index, "a", target=ARM)]
    first = fetcher(tmp_path, index)
    found = first.fetch(both)
    assert {str(one): stored.filename for one, stored in found.items()} == {
        "a 1.0": "a-1.0-py3-none-any.whl",
        "b 1.0": "b-1.0-py3-none-any.whl",
    }
    assert len(found) == 3
    assert index.downloaded == ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"]
    assert isinstance(first.progress, RecordingProgress)
    (task,) = first.progress.tasks
    assert (task.label, task.done == task.total, task.ended) == ("fetching 2 wheels", True, True)
    assert fetcher(tmp_path, index, offline=True).fetch(both) == found
    assert len(index.downloaded) == 2
    assert leftovers(tmp_path) == []


def test_offline_names_what_is_missing(tmp_path: Path, make_wheel: MakeWheel) -> None:
    index = FakeIndex(wheels=[make_wheel("a"), make_wheel("b"), make_wheel("c")])
    fetcher(tmp_path, index).fetch([wanted(index, "a")])
    with pytest.raises(BuildError) as caught:
        fetcher(tmp_path, index, offline=True).fetch([wanted(index, name) for name in "abc"])
    assert str(caught.value) == "2 distributions are not in the cache, and --offline forbids to fetch"
    assert caught.value.details == ("b 1.0 for python3.13-x86_64", "c 1.0 for python3.13-x86_64")
    assert caught.value.hint == "build once without --offline"


def test_a_wheel_that_the_resolver_left_in_the_cache_is_not_fetched(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    wheel = make_wheel("a")
    index = FakeIndex(wheels=[wheel])
    one = wanted(index, "a")
    assert one.distribution.wheel is not None
    cache = Cache(tmp_path / "cache")
    temporary = cache.temporary()
    temporary.write_bytes(wheel.read_bytes())
    cache.adopt(temporary, one.distribution.wheel.sha256)
    assert fetcher(tmp_path, index, offline=True).fetch([one])[one].name == "a"


def test_a_bad_wheel_is_refused_and_nothing_is_left(tmp_path: Path, make_wheel: MakeWheel) -> None:
    index = FakeIndex(wheels=[make_wheel("a", lies=Lies(entries=[("more.py", "x")])), make_wheel("b")])
    with pytest.raises(BadWheelError) as caught:
        fetcher(tmp_path, index).fetch([wanted(index, "a"), wanted(index, "b")])
    assert str(caught.value) == "a-1.0-py3-none-any.whl: its RECORD does not list 'more.py'"
    assert leftovers(tmp_path) == []


def test_an_index_that_fails_leaves_nothing_half(tmp_path: Path, make_wheel: MakeWheel) -> None:
    index = FakeIndex(wheels=[make_wheel("a"), make_wheel("b")])
    index.failing.add("b-1.0-py3-none-any.whl")
    both = [wanted(index, "a"), wanted(index, "b")]
    with pytest.raises(PackageIndexError):
        fetcher(tmp_path, index).fetch(both)
    assert leftovers(tmp_path) == []
    index.failing.clear()
    assert len(fetcher(tmp_path, index).fetch(both)) == 2


class SlowIndex(FakeIndex):
    """Tells of every archive's bytes after it is there, and looks what has become of the first ones."""

    def __init__(self, wheels: Sequence[Path], seen: Callable[[], bool]) -> None:
        super().__init__(wheels=wheels)
        self._seen = seen
        self.verified_early = False

    def download(
        self,
        archives: Sequence[Archive],
        *,
        options: IndexOptions,
        destination: Callable[[Archive], Path],
        advance: Callable[[int], None],
    ) -> None:
        super().download(archives[:1], options=options, destination=destination, advance=advance)
        for _ in range(500):
            if self._seen():
                self.verified_early = True
                break
            advance(0)
        super().download(archives[1:], options=options, destination=destination, advance=advance)


def test_wheels_are_verified_while_others_still_arrive(tmp_path: Path, make_wheel: MakeWheel) -> None:
    store = WheelStore(Cache(tmp_path / "cache"))
    paths = [make_wheel("a"), make_wheel("b")]
    sha256 = FakeIndex(wheels=paths).archive("a-1.0-py3-none-any.whl").sha256

    def seen() -> bool:
        import time

        time.sleep(0.01)
        return store.holds(sha256)

    index = SlowIndex(paths, seen)
    fetcher(tmp_path, index).fetch([wanted(index, "a"), wanted(index, "b")])
    assert index.verified_early


def local(path: str) -> Wanted:
    source = LocalSource(path=path)
    return Wanted(
        target=X86, distribution=Distribution(name="a", version="1.0", local=source, unzipped_size=1)
    )


def test_a_source_is_built_once_for_each_target_and_state(tmp_path: Path, make_wheel: MakeWheel) -> None:
    index = FakeIndex(wheels=[make_wheel("a")])
    (tmp_path / "libs/a").mkdir(parents=True)
    (tmp_path / "libs/a/pyproject.toml").write_text("")
    one = local("libs/a")
    built = fetcher(tmp_path, index).fetch([one])
    assert fetcher(tmp_path, index, offline=True).fetch([one]) == built
    (tmp_path / "libs/a/new.py").write_text("")
    with pytest.raises(BuildError, match="1 distribution is not in the cache"):
        fetcher(tmp_path, index, offline=True).fetch([one])


def test_source_keys(tmp_path: Path) -> None:
    sdist = Archive(filename="a-1.0.tar.gz", url="https://index.example/a-1.0.tar.gz", sha256="ab")
    git = VcsSource(url="https://git.example/a", commit="c0ffee")
    base = Distribution(name="a", version="1.0", unzipped_size=1)
    wants = [
        Wanted(target=target, distribution=distribution)
        for target in (X86, ARM)
        for distribution in (
            replace(base, sdist=sdist),
            replace(base, vcs=git),
            replace(base, vcs=replace(git, subdirectory="sub")),
            replace(base, version="1.1", sdist=sdist),
        )
    ]
    assert len({source_key(one, tmp_path) for one in wants}) == len(wants)


def test_a_wheel_that_a_container_built_counts_until_the_container_would_be_another(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    index = FakeIndex(wheels=[make_wheel("a", tag="cp313-cp313-manylinux_2_34_x86_64")])
    (tmp_path / "libs/a").mkdir(parents=True)
    (tmp_path / "libs/a/pyproject.toml").write_text("")
    one = local("libs/a")
    plain = source_key(one, tmp_path)
    assert fetcher(tmp_path, index, engine="image 1").input_key(one) == plain
    index.context = "image 1"
    built = fetcher(tmp_path, index, engine="image 1").fetch([one])
    same = (
        fetcher(tmp_path, index, offline=True, engine="image 1"),
        # No engine answers, or nobody looks for one.
        fetcher(tmp_path, index, offline=True),
    )
    assert [other.fetch([one]) for other in same] == [built, built]
    assert [other.input_key(one) for other in same] == [f"{plain} image 1"] * 2
    changed = fetcher(tmp_path, index, offline=True, engine="image 2")
    assert changed.input_key(one) == f"{plain} image 2"
    with pytest.raises(BuildError, match="1 distribution is not in the cache"):
        changed.fetch([one])


def test_a_source_that_was_built_without_a_container_is_none_of_the_engine(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    index = FakeIndex(wheels=[make_wheel("a")])
    (tmp_path / "libs/a").mkdir(parents=True)
    (tmp_path / "libs/a/pyproject.toml").write_text("")
    one = local("libs/a")
    built = fetcher(tmp_path, index, engine="image 1").fetch([one])
    assert fetcher(tmp_path, index, offline=True, engine="image 2").fetch([one]) == built
    assert fetcher(tmp_path, index, engine="image 2").input_key(one) == source_key(one, tmp_path)


def test_a_local_source_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        fetcher(tmp_path, FakeIndex()).fetch([local("libs/a")])
    assert str(caught.value) == "libs/a: the source of a is not there"


def test_a_wheel_that_is_not_what_the_lock_says(tmp_path: Path, make_wheel: MakeWheel) -> None:
    index = FakeIndex(wheels=[make_wheel("a")])
    one = wanted(index, "a")
    other = Wanted(target=X86, distribution=replace(one.distribution, version="2.0"))
    with pytest.raises(BuildError) as caught:
        fetcher(tmp_path, index).fetch([other])
    assert str(caught.value) == "a-1.0-py3-none-any.whl: it holds a 1.0, where the lock says a 2.0"


@pytest.mark.parametrize("remembered", [[], {}, {"filename": "a.whl"}, {"filename": 1, "sha256": 2}])
def test_what_is_remembered_of_a_source_in_no_known_form_does_not_count(
    tmp_path: Path, make_wheel: MakeWheel, remembered: object
) -> None:
    index = FakeIndex(wheels=[make_wheel("a")])
    (tmp_path / "libs/a").mkdir(parents=True)
    (tmp_path / "libs/a/pyproject.toml").write_text("")
    one, fetching = local("libs/a"), fetcher(tmp_path, index)
    fetching.store.cache.write_facts("wheel-of-source", source_key(one, tmp_path), remembered)
    assert fetching.fetch([one])[one].filename == "a-1.0-py3-none-any.whl"

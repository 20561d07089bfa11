"""Describing, downloading and building through pip, against a local index that misbehaves."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.errors import BuildError, PackageIndexError, ToolError
from layerforge.model.lock import Archive, LocalSource, VcsSource
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.pip_client import PipClient
from tests.fakes import RecordingProgress
from tests.local_index import Fault, LocalIndex
from tests.wheel_files import MakeSource, MakeWheel

TARGET = Target(runtime="python3.13", architecture="x86_64")
LARGE = os.urandom(600_000)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def client(cache: Cache) -> Iterator[PipClient]:
    with PipClient(progress=RecordingProgress(), cache=cache, retries=2, timeout=5) as client:
        yield client


@pytest.fixture
def options(local_index: LocalIndex) -> IndexOptions:
    return IndexOptions(index_url=local_index.url)


@pytest.fixture
def large(make_wheel: MakeWheel, local_index: LocalIndex) -> Path:
    path = make_wheel("large", files={"large/__init__.py": "", "large/data.bin": LARGE})
    local_index.add(path)
    return path


def archive_of(path: Path, index: LocalIndex, sha256: str | None = None) -> Archive:
    return Archive(
        filename=path.name,
        url=index.file_url(path.name),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest() if sha256 is None else sha256,
    )


# --- describe


def test_describe_reads_the_end_of_the_wheel_only_and_once(
    client: PipClient,
    options: IndexOptions,
    local_index: LocalIndex,
    large: Path,
    cache: Cache,
    tmp_path: Path,
) -> None:
    archive = archive_of(large, local_index)
    selected = Selected(name="large", version="1.0", wheel=archive)
    (described,) = client.describe([selected], target=TARGET, options=options, root=tmp_path)
    assert described.selected.wheel == dataclasses.replace(archive, size=large.stat().st_size)
    assert described.unzipped_size > len(LARGE)
    assert described.metadata.startswith("Metadata-Version: 2.1\nName: large\nVersion: 1.0\n")
    assert local_index.bytes_sent("/files/*") < 100_000
    local_index.forget_requests()
    with PipClient(progress=RecordingProgress(), cache=cache) as another:
        assert another.describe([selected], target=TARGET, options=options, root=tmp_path) == (described,)
    assert local_index.count() == 0


def test_describe_keeps_the_whole_file_where_ranges_are_not_answered(
    client: PipClient,
    options: IndexOptions,
    local_index: LocalIndex,
    large: Path,
    cache: Cache,
    tmp_path: Path,
) -> None:
    local_index.ranges = False
    archive = archive_of(large, local_index)
    selected = Selected(name="large", version="1.0", wheel=archive)
    (described,) = client.describe([selected], target=TARGET, options=options, root=tmp_path)
    assert described.unzipped_size > len(LARGE)
    assert cache.blob(archive.sha256).read_bytes() == large.read_bytes()


def test_describe_computes_a_digest_that_nobody_told(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    selected = Selected(name="large", version="1.0", wheel=archive_of(large, local_index, sha256=""))
    (described,) = client.describe([selected], target=TARGET, options=options, root=tmp_path)
    assert described.selected.wheel == dataclasses.replace(
        archive_of(large, local_index), size=large.stat().st_size
    )


def test_describe_builds_sources(
    client: PipClient,
    options: IndexOptions,
    local_index: LocalIndex,
    make_sdist: MakeSource,
    make_project: MakeSource,
    tmp_path: Path,
) -> None:
    sdist = make_sdist("bare", requires=["lib"])
    local_index.add(sdist)
    make_project("shared", directory=tmp_path / "shared")
    selected = [
        Selected(name="bare", version="1.0", sdist=archive_of(sdist, local_index, sha256="")),
        Selected(name="shared", version="1.0", local=LocalSource(path="shared")),
    ]
    bare, shared = client.describe(selected, target=TARGET, options=options, root=tmp_path)
    assert "Requires-Dist: lib" in bare.metadata
    assert bare.selected.sdist == dataclasses.replace(
        archive_of(sdist, local_index), size=sdist.stat().st_size
    )
    assert shared.metadata.startswith("Metadata-Version: 2.1\nName: shared\n")


# --- download


def bring(
    client: PipClient, options: IndexOptions, directory: Path, *archives: Archive
) -> tuple[list[Path], int]:
    amounts: list[int] = []
    client.download(
        archives,
        options=options,
        destination=lambda archive: directory / archive.filename,
        advance=amounts.append,
    )
    return [directory / archive.filename for archive in archives], sum(amounts)


def test_download_brings_all_and_counts_bytes(
    client: PipClient,
    options: IndexOptions,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    large: Path,
    tmp_path: Path,
) -> None:
    small = make_wheel("small")
    local_index.add(small)
    archives = [archive_of(path, local_index) for path in (large, small)]
    brought, amount = bring(client, options, tmp_path / "out", *archives)
    assert [path.read_bytes() for path in brought] == [large.read_bytes(), small.read_bytes()]
    assert amount == large.stat().st_size + small.stat().st_size


def test_a_cut_download_goes_on_where_it_was(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    local_index.fail("/files/*", Fault(times=1, cut_after=500_000))
    (brought,), amount = bring(client, options, tmp_path, archive_of(large, local_index))
    assert brought.read_bytes() == large.read_bytes()
    assert amount == large.stat().st_size
    first, second = local_index.seen("/files/*")
    assert (first.range, second.range) == (None, f"bytes={first.sent}-")


def test_a_cut_download_starts_over_where_ranges_are_not_answered(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    local_index.ranges = False
    local_index.fail("/files/*", Fault(times=2, cut_after=400_000))
    (brought,), amount = bring(client, options, tmp_path, archive_of(large, local_index))
    assert (brought.read_bytes(), amount) == (large.read_bytes(), large.stat().st_size)


def test_a_download_that_is_always_cut_ends_with_words_and_nothing_on_disk(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    local_index.ranges = False
    local_index.fail("/files/*", Fault(cut_after=1000))
    with pytest.raises(PackageIndexError) as caught:
        bring(client, options, tmp_path / "out", archive_of(large, local_index))
    assert caught.value.sentence == f"{local_index.file_url(large.name)} cut the connection"
    assert list((tmp_path / "out").iterdir()) == []


def test_bytes_that_are_not_what_was_promised(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    local_index.fail("/files/*", Fault(corrupt=True))
    archive = archive_of(large, local_index)
    with pytest.raises(PackageIndexError) as caught:
        bring(client, options, tmp_path / "out", archive)
    start = f"{archive.url}: {large.name} is not what the lock or the index says it is: expected sha256 "
    assert caught.value.headline.startswith(f"{start}{archive.sha256}, got ")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_gone(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    archive = archive_of(large, local_index)
    local_index.remove(large.name)
    with pytest.raises(PackageIndexError, match=r"answers with an error \(404\)"):
        bring(client, options, tmp_path, archive)


def test_download_with_credentials_of_the_index(
    client: PipClient, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    local_index.protect()
    options = IndexOptions(index_url=local_index.url_with_credentials)
    (brought,), _ = bring(client, options, tmp_path, archive_of(large, local_index))
    assert brought.read_bytes() == large.read_bytes()


def test_local_files_are_copied_and_missing_ones_named(
    client: PipClient, options: IndexOptions, make_wheel: MakeWheel, tmp_path: Path
) -> None:
    path = make_wheel("app")
    archive = Archive(filename=path.name, url=path.as_uri(), sha256="")
    (brought,), _ = bring(client, options, tmp_path / "out", archive)
    assert brought.read_bytes() == path.read_bytes()
    path.unlink()
    with pytest.raises(PackageIndexError, match=r"app-1.0-py3-none-any.whl is not at .* any more"):
        bring(client, options, tmp_path / "other", archive)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_directory_that_cannot_be_written_is_named(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError) as caught:
        bring(client, options, tmp_path / "file", archive_of(large, local_index))
    assert caught.value.sentence.startswith(f"cannot write to {tmp_path / 'file'}: ")


# --- building


def test_wheels_are_built_once_for_the_same_content_with_the_same_bytes(
    client: PipClient, options: IndexOptions, make_project: MakeSource, tmp_path: Path
) -> None:
    source = Selected(name="shared", version="1.0", local=LocalSource(path="shared"))
    folder = make_project("shared", directory=tmp_path / "shared")

    def build(directory: str, client: PipClient) -> bytes:
        path, context = client.build_wheel(
            source, target=TARGET, options=options, root=tmp_path, directory=tmp_path / directory
        )
        assert context == ""
        assert path == tmp_path / directory / "shared-1.0-py3-none-any.whl"
        return path.read_bytes()

    first = build("one", client)
    for file in folder.rglob("*.py"):
        os.utime(file, (1, 1))
    with PipClient(progress=RecordingProgress(), cache=Cache(tmp_path / "other-cache")) as other:
        assert build("two", other) == first
    (folder / "shared/__init__.py").write_text("changed = True\n")
    assert build("three", client) != first


def test_git_credentials_stay_off_every_command_line_and_message(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, tmp_path: Path
) -> None:
    url = f"http://me:g1t-secret@127.0.0.1:{local_index.port}/shared.git"
    requirement = Requirement(name="shared", url=f"git+{url}", origin=Origin(path="r.in", line=1))
    request = ResolveRequest(root=tmp_path, target=TARGET, requirements=(requirement,), options=options)
    with pytest.raises(PackageIndexError) as caught:
        client.resolve(request)
    said = f"{caught.value} {caught.value.details} {caught.value.hint}"
    assert "g1t-secret" not in said
    assert f"http://127.0.0.1:{local_index.port}/shared.git" in said


def test_build_requirements_come_from_the_index_of_the_project(
    client: PipClient,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    make_project: MakeSource,
    tmp_path: Path,
) -> None:
    local_index.add(make_wheel("plugin"))
    local_index.protect()
    folder = make_project("shared", directory=tmp_path / "shared")
    manifest = folder / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("requires = []", 'requires = ["plugin"]'))
    source = Selected(name="shared", version="1.0", local=LocalSource(path="shared"))
    options = IndexOptions(index_url=local_index.url_with_credentials)
    client.build_wheel(source, target=TARGET, options=options, root=tmp_path, directory=tmp_path / "out")
    assert local_index.count("/simple/plugin/") > 0


def test_a_commit_is_built_again_from_its_pin(
    client: PipClient, options: IndexOptions, make_project: MakeSource, tmp_path: Path
) -> None:
    folder = make_project("shared", directory=tmp_path / "repository")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    source = Selected(
        name="shared", version="1.0", vcs=VcsSource(url=folder.as_uri(), commit=head.stdout.strip())
    )
    built = client.build_wheel(
        source, target=TARGET, options=options, root=tmp_path, directory=tmp_path / "out"
    )
    assert built.path.name == "shared-1.0-py3-none-any.whl"


# --- the process


def children() -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if "pip_worker" in line}


def scratches() -> set[str]:
    import tempfile

    return {path.name for path in Path(tempfile.gettempdir()).glob("layerforge-pip-*")}


def test_one_process_serves_all_calls_and_leaves_nothing(
    cache: Cache, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    before, left = children(), scratches()
    with PipClient(progress=RecordingProgress(), cache=cache) as client:
        bring(client, options, tmp_path / "one", archive_of(large, local_index))
        started = children() - before
        bring(client, options, tmp_path / "two", archive_of(large, local_index))
        assert children() - before == started
        assert len(started) == 1
    assert children() - before == set()
    assert scratches() <= left


def test_a_process_that_dies_is_told_of_and_replaced(
    client: PipClient, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    before = children()
    local_index.fail("/files/*", Fault(times=1, delay=30))

    def kill_soon() -> None:
        while not (found := children() - before) or not local_index.closing.wait(0.5):
            if found:
                os.kill(found.pop(), signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_soon)
    killer.start()
    with pytest.raises(ToolError) as caught:
        bring(client, options, tmp_path / "one", archive_of(large, local_index))
    killer.join()
    assert caught.value.sentence == "the process that runs pip was ended by signal 9"
    bring(client, options, tmp_path / "two", archive_of(large, local_index))


def test_ctrl_c_ends_the_process_and_its_children_and_leaves_nothing(
    cache: Cache, options: IndexOptions, local_index: LocalIndex, large: Path, tmp_path: Path
) -> None:
    before, left = children(), scratches()
    local_index.fail("/files/*", Fault(stall_after=1000, stall=20))
    started = time.monotonic()
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    client = PipClient(progress=RecordingProgress(), cache=cache, timeout=30)
    with pytest.raises(KeyboardInterrupt), client:
        bring(client, options, tmp_path / "out", archive_of(large, local_index))
    assert time.monotonic() - started < 10
    assert children() - before == set()
    assert scratches() <= left


# --- a cache that somebody damaged


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_wheel_of_a_source_is_built_again(
    client: PipClient,
    options: IndexOptions,
    make_project: MakeSource,
    cache: Cache,
    tmp_path: Path,
    damage: bytes,
) -> None:
    source = Selected(name="shared", version="1.0", local=LocalSource(path="shared"))
    make_project("shared", directory=tmp_path / "shared")

    def build() -> bytes:
        return client.build_wheel(
            source, target=TARGET, options=options, root=tmp_path, directory=tmp_path / "out"
        ).path.read_bytes()

    first = build()
    for blob in blobs(cache):
        blob.write_bytes(damage)
    assert build() == first


def test_damaged_wheels_and_sdists_are_fetched_again(
    client: PipClient,
    options: IndexOptions,
    local_index: LocalIndex,
    large: Path,
    make_sdist: MakeSource,
    cache: Cache,
    tmp_path: Path,
) -> None:
    sdist = make_sdist("tiny")
    local_index.add(sdist)
    local_index.ranges = False
    selected = [
        Selected(name="large", version="1.0", wheel=archive_of(large, local_index)),
        Selected(name="tiny", version="1.0", sdist=archive_of(sdist, local_index)),
    ]

    def describe() -> object:
        return client.describe(selected, target=TARGET, options=options, root=tmp_path)

    first = describe()
    for blob in blobs(cache):
        blob.write_bytes(b"garbage")
    for facts in (cache.root / "facts").rglob("*.json"):
        facts.unlink()
    assert describe() == first


@pytest.mark.parametrize("remembered", ["[]", "{}", '{"format": 1}', '{"format": 1, "sha256": 5}'])
def test_facts_in_no_known_form_do_not_count(
    client: PipClient,
    options: IndexOptions,
    local_index: LocalIndex,
    large: Path,
    make_project: MakeSource,
    cache: Cache,
    tmp_path: Path,
    remembered: str,
) -> None:
    make_project("shared", directory=tmp_path / "shared")
    selected = [
        Selected(name="large", version="1.0", wheel=archive_of(large, local_index)),
        Selected(name="shared", version="1.0", local=LocalSource(path="shared")),
    ]

    def describe() -> object:
        return client.describe(selected, target=TARGET, options=options, root=tmp_path)

    first = describe()
    for facts in (cache.root / "facts").rglob("*.json"):
        facts.write_text(remembered)
    assert describe() == first


def blobs(cache: Cache) -> list[Path]:
    return [path for path in (cache.root / "blobs").rglob("*") if path.is_file()]


# --- retries


@pytest.mark.parametrize(("setting", "requests"), [("0", 1), ("1", 2)])
def test_pips_own_setting_of_retries_counts(
    options: IndexOptions,
    local_index: LocalIndex,
    large: Path,
    cache: Cache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    requests: int,
) -> None:
    monkeypatch.setenv("PIP_RETRIES", setting)
    local_index.fail("/files/*", Fault(cut_after=1000))
    with PipClient(progress=RecordingProgress(), cache=cache) as client, pytest.raises(PackageIndexError):
        bring(client, options, tmp_path, archive_of(large, local_index))
    assert local_index.count("/files/*") == requests

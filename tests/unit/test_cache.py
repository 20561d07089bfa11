from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from layerforge.cache import Cache, atomic_file, default_cache_dir, sha256_of, write_atomically

DIGEST = hashlib.sha256(b"content").hexdigest()


class Sudden(BaseException):
    """As KeyboardInterrupt: nothing that `except Exception` would see."""


def break_off(path: Path) -> None:
    with atomic_file(path) as stream:
        stream.write(b"new")
        raise Sudden


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(tmp_path / "chosen"))
    assert default_cache_dir() == tmp_path / "chosen"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", "~/mine")
    assert default_cache_dir() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", "below")
    assert default_cache_dir() == tmp_path / "below"
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache().root.name == "layerforge"
    assert tmp_path in Cache().root.parents


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_appears_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "down" / "file"
    with atomic_file(path, durable=durable) as stream:
        stream.write(b"one")
        stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_what_breaks_off_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(Sudden):
        break_off(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_worker_that_ends_leaves_nothing_half_written(tmp_path: Path) -> None:
    """Its threads are not waited for: some megabytes may still be on their way to one of them."""
    code = (
        "import os, signal, threading\n"
        "from pathlib import Path; from layerforge.cache import atomic_file\n"
        "from layerforge.resolve.pip_worker.__main__ import _end\n"
        "writing = threading.Event()\n"
        "def write():\n"
        "    with atomic_file(Path('facts.json')):\n"
        "        writing.set()\n"
        "        threading.Event().wait()\n"
        "threading.Thread(target=write, daemon=True).start(); writing.wait()\n"
        "assert len(os.listdir()) == 1\n"
        "_end(signal.SIGTERM, None)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, start_new_session=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.umask(0o027)\n"
        "from pathlib import Path; from layerforge.cache import Cache, write_atomically\n"
        "write_atomically(Path('plain'), b'x'); cache = Cache(Path('cache'))\n"
        "cache.adopt(cache.temporary(), 'ab' * 32)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640
    assert stat.S_IMODE(Cache(tmp_path / "cache").blob("ab" * 32).stat().st_mode) == 0o640


def test_sha256_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert sha256_of(tmp_path / "file") == DIGEST


def test_adopted_files_lie_under_their_digest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert not cache.blob(DIGEST).exists()
    for _ in range(2):
        temporary = cache.temporary(".whl")
        assert temporary.suffix == ".whl"
        temporary.write_bytes(b"content")
        assert cache.adopt(temporary, DIGEST) == tmp_path / "blobs" / DIGEST[:2] / DIGEST
        assert not temporary.exists()
    assert cache.blob(DIGEST).read_bytes() == b"content"


def test_facts_are_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.read_facts("wheel", DIGEST) is None
    cache.write_facts("wheel", DIGEST, {"size": 12, "names": ["é"]})
    assert cache.read_facts("wheel", DIGEST) == {"size": 12, "names": ["é"]}
    assert cache.read_facts("other", DIGEST) is None


@pytest.mark.parametrize("broken", [b"", b'{"size": 1', b"\xff\xfe", b"\0" * 100])
def test_broken_facts_count_as_absent_and_go_away(tmp_path: Path, broken: bytes) -> None:
    cache = Cache(tmp_path)
    cache.write_facts("wheel", DIGEST, 1)
    cache.facts("wheel", DIGEST).write_bytes(broken)
    assert cache.read_facts("wheel", DIGEST) is None
    assert not cache.facts("wheel", DIGEST).exists()
    cache.write_facts("wheel", DIGEST, 2)
    assert cache.read_facts("wheel", DIGEST) == 2


def test_a_cache_that_is_no_folder_holds_no_facts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file")
    cache.write_facts("wheel", DIGEST, 1)
    assert cache.read_facts("wheel", DIGEST) is None


def test_a_folder_where_facts_should_be_holds_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.facts("wheel", DIGEST).mkdir(parents=True)
    assert cache.read_facts("wheel", DIGEST) is None
    cache.write_facts("wheel", DIGEST, 1)


def count_up(root: Path, name: str, times: int) -> None:
    cache = Cache(root)
    for _ in range(times):
        with cache.locked(name):
            path = root / "count"
            count = json.loads(path.read_text())
            path.write_text(json.dumps(count + 1))


@pytest.mark.parametrize("name", ["counter", "wheels/counter"])
def test_locks_hold_between_processes(tmp_path: Path, name: str) -> None:
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=count_up, args=(tmp_path, name, 25)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        worker.close()
    assert (tmp_path / "count").read_text() == "50"


def test_locks_hold_between_threads(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: count_up(tmp_path, "counter", 20), range(4)))
    assert (tmp_path / "count").read_text() == "80"


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from layerforge.cache import Cache\n"
        "lock = Cache(Path('.')).locked('x'); lock.__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 9
    with Cache(tmp_path).locked("x"):
        pass


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([65 + number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomically(path, content), contents))
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - hidden leftovers count


def test_a_damaged_file_counts_as_absent_and_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.intact(DIGEST) is None
    write_atomically(cache.blob(DIGEST), b"content")
    assert cache.intact(DIGEST) == cache.blob(DIGEST)
    cache.blob(DIGEST).write_bytes(b"c0ntent")
    assert cache.intact(DIGEST) is None
    assert not cache.blob(DIGEST).exists()


def test_pruning_takes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for age, digest in enumerate(("aa" * 32, "bb" * 32, "cc" * 32)):
        blob = cache.blob(digest)
        blob.parent.mkdir(parents=True)
        blob.write_bytes(bytes(100))
        os.utime(blob, (age, age))
    cache.touch("aa" * 32)
    assert cache.prune(250) == 100
    assert [cache.blob(name * 32).exists() for name in ("aa", "bb", "cc")] == [True, False, True]
    assert cache.prune(250) == 0

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.requirement import IndexOptions, Origin, Requirement, RequirementSet
from layerforge.model.target import Target
from layerforge.project.snapshot import Snapshot, recall, remember

SECRET = "hunter2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "p" / "functions" / "orders").mkdir(parents=True)
    (tmp_path / "p" / "layerforge.toml").write_text('name = "shop"\n')
    (tmp_path / "p" / "functions" / "orders" / "requirements.in").write_text("numpy\n")
    return tmp_path / "p"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def project(root: Path) -> Project:
    file = "functions/orders/requirements.in"
    asked = RequirementSet(
        requirements=(
            Requirement(name="numpy", origin=Origin(path=file, line=1)),
            Requirement(
                name="own", url=f"https://me:{SECRET}@git.example/own.zip", origin=Origin(path=file, line=2)
            ),
        ),
        options=IndexOptions(index_url=f"https://me:{SECRET}@index.example/simple"),
        files=(file,),
    )
    orders = Function(
        name="orders",
        target=Target(runtime="python3.13", architecture="x86_64"),
        source="functions/orders",
        manifests=(file,),
        requirements=asked,
        origin=Origin(path="layerforge.toml", line=1),
    )
    settings = ProjectSettings(
        name="shop", options=IndexOptions(extra_index_urls=(f"https://u:{SECRET}@x.example/",))
    )
    return Project(root=root, settings=settings, functions=(orders,), inputs=("layerforge.toml", file))


def recalled(cache: Cache, root: Path) -> Snapshot:
    snapshot = recall(cache, root, None)
    assert snapshot is not None
    return snapshot


def test_what_was_remembered_comes_back_without_its_secrets(cache: Cache, root: Path) -> None:
    kept = remember(cache, project(root), None)
    snapshot = recalled(cache, root)
    assert snapshot == kept
    (orders,) = snapshot.project.functions
    assert orders.requirements.options.index_url == "https://index.example/simple"
    assert orders.requirements.requirements[1].url == "https://git.example/own.zip"
    assert orders.target == Target(runtime="python3.13", architecture="x86_64")


def test_no_secret_reaches_the_disk(cache: Cache, root: Path) -> None:
    remember(cache, project(root), None)
    files = [path for path in cache.root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_nothing_is_recalled_before_it_is_remembered(cache: Cache, root: Path) -> None:
    assert recall(cache, root, None) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "layerforge.toml").write_text('name = "other"\n'),
        lambda root: (root / "functions/orders/requirements.in").unlink(),
        lambda root: (root / "template.yaml").write_text(""),
        lambda root: (root / "functions/orders/pyproject.toml").write_text(""),
        lambda root: (root / "functions/billing").mkdir(),
    ],
    ids=["config changed", "manifest gone", "template new", "manifest new", "folder new"],
)
def test_any_change_that_could_matter_is_seen(cache: Cache, root: Path, change: object) -> None:
    remember(cache, project(root), None)
    assert callable(change)
    change(root)
    assert recall(cache, root, None) is None


def test_same_bytes_written_again_change_nothing(cache: Cache, root: Path) -> None:
    remember(cache, project(root), None)
    (root / "layerforge.toml").write_text('name = "shop"\n')
    assert recall(cache, root, None) is not None


def test_files_that_take_words_from_the_environment_are_never_remembered(cache: Cache, root: Path) -> None:
    (root / "functions/orders/requirements.in").write_text("--index-url https://me:x@${HOST}/simple\n")
    assert remember(cache, project(root), None) is None
    assert recall(cache, root, None) is None


def test_words_that_stand_for_credentials_do_not_matter(cache: Cache, root: Path) -> None:
    text = "--index-url https://${USER}:${TOKEN}@index.example/\n"
    (root / "functions/orders/requirements.in").write_text(text)
    assert remember(cache, project(root), None) is not None
    assert recall(cache, root, None) is not None


def test_damaged_entry_counts_as_absent(cache: Cache, root: Path) -> None:
    remember(cache, project(root), None)
    (entry,) = list(cache.root.rglob("*.json"))
    entry.write_text('{"fingerprint": {}, "project": {"settings": {"$": "Gone"}}}')
    assert recall(cache, root, None) is None


def test_keys_tell_states_apart(cache: Cache, root: Path) -> None:
    remember(cache, project(root), None)
    before = recalled(cache, root).key
    (root / "layerforge.toml").write_text('name = "shop2"\n')
    remember(cache, project(root), None)
    assert recalled(cache, root).key != before

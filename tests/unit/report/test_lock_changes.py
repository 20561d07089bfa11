from __future__ import annotations

from layerforge.model.lock import Distribution, Lock
from layerforge.model.target import Target
from layerforge.report.lock_changes import describe_changes


def lock(**versions: str) -> Lock:
    return Lock(
        cohort="py313-arm64",
        target=Target(runtime="python3.13", architecture="arm64"),
        distributions=tuple(
            Distribution(name=name, version=version, unzipped_size=1) for name, version in versions.items()
        ),
        functions=(),
        input_digest="",
    )


def test_changes_are_told_by_name() -> None:
    before = lock(urllib3="2.0", six="1.17", idna="3.20")
    after = lock(urllib3="2.1", idna="3.20", numpy="2.5.5")
    assert describe_changes(before, after) == [
        "added numpy 2.5.5",
        "removed six 1.17",
        "changed urllib3 2.0 -> 2.1",
    ]


def test_new_lock_is_not_listed() -> None:
    assert describe_changes(None, lock(numpy="2.5.5")) == []

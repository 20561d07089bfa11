"""A whole plan: what is done, in which order, and what is left when something fails."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from layerforge.errors import BuildError
from layerforge.model.publishing import AttachSettings, Grant, PublishSettings, StorageSettings
from layerforge.publish.client import Failure
from layerforge.publish.execution import Execution, Outcome
from layerforge.publish.live import Reader
from layerforge.publish.plan import make_publish_plan
from layerforge.publish.values import Alias
from tests.aws_fakes import FakeAccount, error, live_function
from tests.fakes import RecordingProgress
from tests.unit.publish.shop import NUMPY, PYDANTIC, shop_wanted

REGIONS = ("eu-west-1", "us-east-1")
SETTINGS = PublishSettings(permissions=(Grant(principal="111111111111"),), keep=1)


class Bed:
    """Two regions with two functions each."""

    def __init__(
        self, folder: Path, *, settings: PublishSettings = SETTINGS, roll_back: bool = False
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.account = FakeAccount(*REGIONS)
        self.progress = RecordingProgress()
        self.roll_back = roll_back
        for region in REGIONS:
            for name in ("billing", "orders"):
                self.account.functions(region).add(live_function(name, region=region))

    def run(self, **changes: Any) -> Outcome:
        wanted = shop_wanted(self.folder, **changes)
        reader = Reader(
            account=self.account, settings=self.settings, wanted=wanted, attach=True, retire=True, jobs=4
        )
        plan = make_publish_plan(wanted, reader.read(), self.settings)
        self.account.faults.calls.clear()
        execution = Execution(
            account=self.account,
            folder=self.folder,
            storage=StorageSettings(),
            progress=self.progress,
            jobs=4,
            roll_back=self.roll_back,
            sleep=lambda _: None,
        )
        return execution.run(plan)

    def layers(self, name: str, region: str = "eu-west-1") -> list[str]:
        held = self.account.functions(region).held[name]
        return [":".join(arn.split(":")[-2:]) for arn in held.latest.layer_arns]

    def numbers(self, layer: str, region: str = "eu-west-1") -> list[int]:
        return [one.version for one in self.account.functions(region).layers.get(layer, ())]


def told(outcome: Outcome) -> tuple[int, int, int, int, list[str], int]:
    """How many layers are new, permitted, attached, retired; what failed; how much is left."""
    return (
        sum(layer.new for layer in outcome.layers),
        len(outcome.permitted),
        len(outcome.attached),
        len(outcome.retired),
        sorted(f"{one.step}: {one.error.sentence}" for one in outcome.failures),
        outcome.skipped,
    )


def test_everything_and_then_nothing(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    assert told(bed.run()) == (4, 4, 4, 0, [], 0)
    for region in REGIONS:
        assert bed.layers("orders", region) == [f"{NUMPY}:1", f"{PYDANTIC}:1"]
        assert bed.layers("billing", region) == [f"{PYDANTIC}:1"]
        assert list(bed.account.functions(region).policies) == [f"{NUMPY}:1", f"{PYDANTIC}:1"]
    assert told(bed.run()) == (0, 0, 0, 0, [], 0)
    assert bed.account.faults.calls == []
    outcome = bed.run(numpy=b"numpy 2")
    assert told(outcome) == (2, 2, 2, 2, [], 0)
    assert (bed.numbers(NUMPY), bed.layers("orders")) == ([2], [f"{NUMPY}:2", f"{PYDANTIC}:1"])


def test_publish_before_permit_before_attach_before_retire(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.run()
    bed.run(numpy=b"numpy 2")
    order = [call.split()[1] for call in bed.account.faults.calls]
    stages = [
        "PublishLayerVersion",
        "AddLayerVersionPermission",
        "UpdateFunctionConfiguration",
        "DeleteLayerVersion",
    ]
    for earlier, later in pairwise(stages):
        last = max(at for at, name in enumerate(order) if name == earlier)
        assert last < order.index(later), (earlier, later)


def test_one_layer_fails_the_others_are_there_and_no_function_is_touched(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.before("PublishLayerVersion", error(Failure.REFUSED, "no room"))
    outcome = bed.run()
    assert told(outcome)[:4] == (3, 3, 0, 0)
    assert ([one.error.sentence for one in outcome.failures], outcome.skipped) == (["no room"], 5)
    assert bed.account.count("UpdateFunctionConfiguration") == 0
    assert told(bed.run()) == (1, 1, 4, 0, [], 0)


def test_refused_credentials_end_it(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.before("PublishLayerVersion", *[error(Failure.CREDENTIALS, "expired")] * 4)
    outcome = bed.run()
    done = told(outcome)
    assert done[:4] == (0, 0, 0, 0)
    assert 1 <= len(outcome.failures) <= 4
    assert len(outcome.failures) + outcome.skipped == 4 + 4 + 4
    bed.account.faults.heal()
    assert told(bed.run()) == (4, 4, 4, 0, [], 0)


def test_one_function_fails_and_nothing_is_retired(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.run()
    bed.account.faults.before("UpdateFunctionConfiguration", error(Failure.DENIED, "you may not"))
    outcome = bed.run(numpy=b"numpy 2")
    assert told(outcome)[:4] == (2, 2, 1, 0)
    assert ([one.error.sentence for one in outcome.failures], outcome.skipped) == (["you may not"], 2)
    assert told(bed.run(numpy=b"numpy 2"))[:4] == (0, 0, 1, 2)


def test_rolled_back_on_request(tmp_path: Path) -> None:
    bed = Bed(tmp_path, roll_back=True)
    bed.run()
    before = {
        (region, name): bed.layers(name, region) for region in REGIONS for name in ("billing", "orders")
    }
    bed.account.faults.before(
        "UpdateFunctionConfiguration", lambda: None, error(Failure.DENIED, "you may not")
    )
    outcome = bed.run(numpy=b"numpy 2")
    assert told(outcome) == (2, 2, 0, 0, [f"{outcome.failures[0].step}: you may not"], 2)
    assert len(outcome.restored) == 1
    after = {(region, name): bed.layers(name, region) for region in REGIONS for name in ("billing", "orders")}
    assert after == before
    assert told(bed.run(numpy=b"numpy 2"))[:4] == (0, 0, 2, 2)


def test_rollback_that_fails_is_told(tmp_path: Path) -> None:
    bed = Bed(tmp_path, roll_back=True)
    bed.run()
    denied, again = error(Failure.DENIED, "you may not"), error(Failure.DENIED, "nor back")
    bed.account.faults.before("UpdateFunctionConfiguration", lambda: None, denied, again)
    outcome = bed.run(numpy=b"numpy 2")
    assert sorted(one.error.sentence for one in outcome.failures) == ["nor back", "you may not"]
    assert (len(outcome.attached), outcome.restored) == (1, ())


def test_permission_that_fails(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.before("AddLayerVersionPermission", error(Failure.DENIED, "you may not"))
    outcome = bed.run()
    assert told(outcome)[:4] == (4, 3, 0, 0)
    assert told(bed.run()) == (0, 1, 4, 0, [], 0)


def test_retirement_that_fails(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.run()
    bed.account.faults.before("DeleteLayerVersion", error(Failure.DENIED, "you may not"))
    outcome = bed.run(numpy=b"numpy 2")
    assert told(outcome)[:4] == (2, 2, 2, 1)
    assert told(bed.run(numpy=b"numpy 2")) == (0, 0, 0, 1, [], 0)


def test_alias_is_restored_too(tmp_path: Path) -> None:
    settings = replace(SETTINGS, attach=AttachSettings(alias="live"), permissions=None)
    bed = Bed(tmp_path, settings=settings, roll_back=True)
    for region in REGIONS:
        for name in ("billing", "orders"):
            service = bed.account.functions(region)
            service.publish_version(name, revision=None)
            service.held[name].aliases["live"] = Alias(name="live", version="1")
    bed.account.faults.before("UpdateAlias", lambda: None, lambda: None, lambda: None, error(Failure.DENIED))
    outcome = bed.run()
    assert (len(outcome.restored), len(outcome.failures)) == (3, 1)
    versions = [
        bed.account.functions(region).held[name].aliases["live"].version
        for region in REGIONS
        for name in ("billing", "orders")
    ]
    assert versions == ["1"] * 4


def test_damaged_zip_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    wanted = shop_wanted(tmp_path)
    reader = Reader(account=bed.account, settings=SETTINGS, wanted=wanted, jobs=1)
    plan = make_publish_plan(wanted, reader.read(), SETTINGS)
    (tmp_path / wanted.layers[1].path).write_bytes(b"?")
    execution = Execution(
        account=bed.account, folder=tmp_path, storage=StorageSettings(), progress=bed.progress
    )
    with pytest.raises(BuildError):
        execution.run(plan)
    assert bed.account.count("PublishLayerVersion") == 0

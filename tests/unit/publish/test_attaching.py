"""One function: what it has afterwards, whoever changes it meanwhile. The account is a fake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from layerforge.publish.attaching import AttachedFunction, Attacher
from layerforge.publish.client import CallError, Failure
from layerforge.publish.values import Alias, Attach, LiveFunction, MoveAlias, Ours
from tests.aws_fakes import FakeAccount, error, function_arn, layer_arn, live_function

NEW = layer_arn("shop-numpy", 4)
OLD = layer_arn("shop-numpy", 3)
OTHER = layer_arn("insights", 53, account="999999999999")
ARNS = {"shop-numpy": NEW}
STEP = Attach(
    region="eu-west-1",
    function="orders",
    name="orders",
    arn=function_arn("orders"),
    before=(OTHER, OLD),
    after=(OTHER, Ours(name="shop-numpy")),
    revision="r1",
)
DONE = AttachedFunction(
    region="eu-west-1",
    function="orders",
    name="orders",
    arn=function_arn("orders"),
    before=(OTHER, OLD),
    layers=(OTHER, NEW),
)
LIVE = replace(STEP, alias=MoveAlias(name="live", from_version="1"))


class Bed:
    def __init__(self, *layers: str, **changes: Any) -> None:
        self.account = FakeAccount()
        self.service = self.account.functions("eu-west-1")
        self.held = self.service.add(live_function("orders", *(layers or STEP.before), **changes), live="1")
        self.held.versions.append(live_function("orders", *STEP.before, version="1"))
        self.waited: list[float] = []
        self.attacher = Attacher(account=self.account, sleep=self.waited.append)

    @property
    def layers(self) -> tuple[str, ...]:
        return self.held.latest.layer_arns

    def attach(self, step: Attach = STEP) -> AttachedFunction:
        return self.attacher.attach(step, ARNS)

    def count(self, operation: str) -> int:
        return self.account.count(operation)


def test_attach_and_remember() -> None:
    bed = Bed()
    assert bed.attach() == DONE
    assert bed.layers == (OTHER, NEW)
    assert bed.held.tags == {"layerforge:previous": f"{OTHER} shop-numpy:3 ."}


def test_again_changes_nothing() -> None:
    bed = Bed(OTHER, NEW)
    assert bed.attach() == DONE
    assert bed.account.faults.calls == ["eu-west-1 GetFunctionConfiguration orders:$LATEST"]


def test_nothing_is_remembered_if_the_config_says_so() -> None:
    bed = Bed()
    bed.attach(replace(STEP, remember=False))
    assert bed.held.tags == {}


def test_other_change_in_between_stays_and_the_layers_are_set() -> None:
    bed = Bed()
    bed.account.faults.before("UpdateFunctionConfiguration", lambda: bed.service.touch("orders"))
    assert bed.attach() == DONE
    assert (bed.layers, bed.count("UpdateFunctionConfiguration")) == ((OTHER, NEW), 2)


def test_layers_changed_in_between_are_not_overwritten() -> None:
    bed = Bed()
    bed.account.faults.before("UpdateFunctionConfiguration", lambda: bed.service.change("orders", OTHER))
    with pytest.raises(CallError) as caught:
        bed.attach()
    assert (caught.value.failure, caught.value.sentence) == (
        Failure.CHANGED,
        "the layers of orders were changed by someone else in between",
    )
    assert (caught.value.details, bed.layers) == ((f"now {OTHER}",), (OTHER,))


def test_layers_changed_since_the_plan_are_not_overwritten() -> None:
    bed = Bed(OTHER)
    with pytest.raises(CallError) as caught:
        bed.attach()
    assert (caught.value.failure, bed.count("TagResource")) == (Failure.CHANGED, 0)


def test_done_without_an_answer() -> None:
    bed = Bed()
    bed.account.faults.after("UpdateFunctionConfiguration", error(Failure.CONFLICT))
    assert bed.attach() == DONE
    assert bed.count("UpdateFunctionConfiguration") == 1


def test_conflict_is_waited_for() -> None:
    bed = Bed()
    bed.account.faults.before("UpdateFunctionConfiguration", *[error(Failure.CONFLICT)] * 2)
    assert bed.attach() == DONE
    assert len(bed.waited) == 2


def test_conflict_without_end() -> None:
    bed = Bed()
    bed.account.faults.before("UpdateFunctionConfiguration", *[error(Failure.CONFLICT, "busy")] * 6)
    with pytest.raises(CallError, match="busy"):
        bed.attach()


@pytest.mark.parametrize("failure", [Failure.DENIED, Failure.UNCERTAIN, Failure.REFUSED])
def test_other_failures_are_told(failure: Failure) -> None:
    bed = Bed()
    bed.account.faults.before("UpdateFunctionConfiguration", error(failure))
    with pytest.raises(CallError) as caught:
        bed.attach()
    assert (caught.value.failure, bed.layers) == (failure, STEP.before)


def in_turn(bed: Bed, *states: LiveFunction) -> None:
    """The function is seen in these states, one after the other; then as it is."""

    def show(state: LiveFunction) -> None:
        bed.held.latest = state

    bed.account.faults.before(
        "GetFunctionConfiguration", *[lambda state=state: show(state) for state in states]
    )


def test_update_is_waited_for_before_and_after() -> None:
    bed = Bed(updating=True)
    busy = bed.held.latest
    in_turn(bed, busy, busy, replace(busy, updating=False))
    assert bed.attach() == DONE
    assert bed.waited == pytest.approx([0.3, 0.45])


def test_update_that_does_not_end() -> None:
    bed = Bed(updating=True)
    with pytest.raises(CallError, match="orders has been changing for 300 seconds"):
        bed.attach()
    assert sum(bed.waited) > 300


def test_update_that_fails() -> None:
    bed = Bed()
    failed = replace(live_function("orders", OTHER, NEW), failed="The KMS key is disabled")
    in_turn(bed, bed.held.latest, failed)
    with pytest.raises(CallError) as caught:
        bed.attach()
    assert caught.value.sentence == "orders could not be updated in eu-west-1: The KMS key is disabled"


def test_layers_that_were_not_published() -> None:
    bed = Bed()
    with pytest.raises(CallError, match="orders cannot take its layers"):
        bed.attacher.attach(STEP, {})
    assert bed.account.faults.calls == []


def test_alias() -> None:
    bed = Bed()
    assert bed.attach(LIVE) == replace(DONE, alias="live", alias_before="1", version="2")
    assert bed.held.aliases["live"].version == "2"
    assert bed.held.versions[-1].layer_arns == (OTHER, NEW)
    assert bed.held.tags == {"layerforge:previous": f"{OTHER} shop-numpy:3 alias=live@1 ."}


def test_only_the_alias_is_left() -> None:
    bed = Bed(OTHER, NEW)
    assert bed.attach(LIVE) == replace(DONE, alias="live", alias_before="1", version="2")
    assert (bed.count("UpdateFunctionConfiguration"), bed.held.tags) == (0, {})


def test_version_without_alias() -> None:
    bed = Bed()
    assert bed.attach(replace(STEP, alias=MoveAlias(name=None))) == replace(DONE, version="2")
    assert bed.held.aliases["live"].version == "1"


def test_alias_that_is_there_already() -> None:
    bed = Bed(OTHER, NEW)
    bed.service.publish_version("orders", revision=None)
    bed.held.aliases["live"] = Alias(name="live", version="2")
    bed.attach(LIVE)
    assert bed.count("UpdateAlias") == 0


def test_alias_that_someone_else_moved() -> None:
    bed = Bed()
    bed.held.aliases["live"] = Alias(name="live", version="7")
    with pytest.raises(CallError, match="the alias live of orders was moved to 7 by someone else"):
        bed.attach(LIVE)
    assert bed.held.aliases["live"].version == "7"


def test_alias_is_moved_without_an_answer() -> None:
    bed = Bed()
    bed.account.faults.after("UpdateAlias", error(Failure.CHANGED))
    bed.attach(LIVE)
    assert (bed.held.aliases["live"].version, bed.count("UpdateAlias")) == ("2", 1)


def test_version_is_published_of_what_was_set() -> None:
    bed = Bed()
    # An unrelated change meanwhile is no reason to stop, another change of the layers is.
    bed.account.faults.before("PublishVersion", lambda: bed.service.touch("orders"))
    bed.attach(LIVE)
    assert bed.held.aliases["live"].version == "2"
    bed = Bed()
    bed.account.faults.before("PublishVersion", lambda: bed.service.change("orders", OTHER))
    with pytest.raises(CallError) as caught:
        bed.attach(LIVE)
    assert (caught.value.failure, bed.held.aliases["live"].version) == (Failure.CHANGED, "1")


def test_restore() -> None:
    bed = Bed()
    done = bed.attach(LIVE)
    bed.attacher.restore(done)
    assert (bed.layers, bed.held.aliases["live"].version) == (STEP.before, "1")
    bed.attacher.restore(done)
    assert bed.count("UpdateFunctionConfiguration") == 2
    # What someone else made of it is left alone.
    bed.service.change("orders", OTHER)
    with pytest.raises(CallError) as caught:
        bed.attacher.restore(done)
    assert (caught.value.failure, bed.layers) == (Failure.CHANGED, (OTHER,))

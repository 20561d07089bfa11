"""What is wanted and what AWS has, in; what is to be done, out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from layerforge.model.publishing import AttachSettings, Bucket, Grant, PublishSettings, StorageSettings
from layerforge.publish.plan import find_same, make_publish_plan, request_size
from layerforge.publish.values import (
    Alias,
    Attach,
    LayerUse,
    LiveAlias,
    LiveBucket,
    LiveLayer,
    LiveUses,
    MoveAlias,
    Ours,
    Permit,
    Publish,
    PublishPlan,
    Retire,
    Reuse,
    Statement,
    Upload,
)
from tests.aws_fakes import function_arn, layer_arn
from tests.unit.publish.shop import (
    NUMPY,
    PYDANTIC,
    function,
    has,
    layer,
    matched,
    metadata,
    region,
    version,
    wanted,
)

ONE = layer(NUMPY)
TWO = layer(PYDANTIC, digest="two")
BOTH = wanted(ONE, TWO)
SETTINGS = PublishSettings()
OTHER = layer_arn("insights", 53, account="999999999999")


def plan(of: Any, *regions: Any, **settings: Any) -> PublishPlan:
    return make_publish_plan(of, regions, PublishSettings(**settings))


def test_nothing_is_there() -> None:
    assert plan(BOTH, region(of=BOTH)) == PublishPlan(
        publish=(
            Publish(region="eu-west-1", layer=ONE, upload=Upload(), newest=0),
            Publish(region="eu-west-1", layer=TWO, upload=Upload(), newest=0),
        )
    )


def test_everything_is_there() -> None:
    planned = plan(BOTH, region(has(ONE), has(TWO, 7), of=BOTH))
    assert planned == PublishPlan(
        reuse=(
            Reuse(region="eu-west-1", layer=ONE, version=version(ONE)),
            Reuse(region="eu-west-1", layer=TWO, version=version(TWO, 7)),
        )
    )
    assert (planned.is_empty, planned.upload_size) == (True, 0)


def test_each_region_by_itself() -> None:
    planned = plan(BOTH, region(has(ONE), has(TWO), of=BOTH), region(has(ONE), of=BOTH, name="us-east-1"))
    assert [(step.region, step.layer.name) for step in planned.publish] == [("us-east-1", PYDANTIC)]
    assert len(planned.reuse) == 3
    assert planned.upload_size == 1000


@pytest.mark.parametrize(
    "changed",
    [
        {"code_sha256": "code-other"},
        {"metadata": metadata("another description")},
        {"metadata": metadata("shop one", license="Apache-2.0")},
        {"metadata": metadata("shop one", runtimes=frozenset({"python3.12", "python3.13"}))},
        {"metadata": metadata("shop one", architectures=frozenset({"x86_64", "arm64"}))},
    ],
)
def test_other_bytes_or_other_metadata_are_a_new_version(changed: dict[str, Any]) -> None:
    of = wanted(ONE)
    there = LiveLayer(newest=9, versions=(version(ONE, 9, **changed),))
    assert plan(of, region(there, of=of)).publish == (
        Publish(region="eu-west-1", layer=ONE, upload=Upload(), newest=9),
    )


def test_an_older_version_is_taken_again() -> None:
    versions = (version(ONE, 9, code_sha256="code-other"), version(ONE, 4), version(ONE, 2))
    found = find_same(versions, ONE)
    assert found is not None
    assert found.version == 4


LARGE = layer(NUMPY, zipped=52_428_801)
BUCKET = LiveBucket(name="layers-eu-west-1", region="eu-west-1", versioned=True)
DIRECT, THROUGH = Upload(), Upload(bucket="layers-eu-west-1", key="zips/sha-one.zip")


@pytest.mark.parametrize(
    ("of", "bucket", "settings", "expected"),
    [
        (ONE, BUCKET, {}, DIRECT),
        (LARGE, BUCKET, {}, THROUGH),
        (LARGE, None, {}, DIRECT),
        (LARGE, BUCKET, {"upload": "direct"}, DIRECT),
        (ONE, BUCKET, {"upload": "s3"}, THROUGH),
        (ONE, BUCKET, {"reference": True}, replace(THROUGH, reference=True)),
    ],
)
def test_way_of_the_upload(of: Any, bucket: Any, settings: dict[str, Any], expected: Upload) -> None:
    reference = settings.pop("reference", False)
    storage = StorageSettings(buckets=(Bucket(name="layers-{region}"),), prefix="zips/", reference=reference)
    asked = wanted(of)
    planned = plan(asked, region(of=asked, bucket=bucket), storage=storage, **settings)
    assert planned.publish[0].upload == expected


def test_request_is_larger_than_the_zip_in_base64() -> None:
    # 50 MB to the byte are already too many, once they are in base64 with what is said of them.
    assert request_size(layer(NUMPY, zipped=52_428_800)) > 69_905_067
    assert request_size(layer(NUMPY, zipped=52_000_000)) < 69_905_067


FRIEND, ORGANIZATION, PUBLIC = (
    Grant(principal="111111111111"),
    Grant(principal="*", organization="o-a1b2c3d4e5"),
    Grant(principal="*"),
)


@pytest.mark.parametrize(
    ("grants", "policy", "add", "remove"),
    [
        (None, (FRIEND,), (), ()),
        ((), (), (), ()),
        ((FRIEND,), (), (FRIEND,), ()),
        ((FRIEND, ORGANIZATION), (FRIEND,), (ORGANIZATION,), ()),
        ((FRIEND,), (FRIEND, PUBLIC), (), (PUBLIC,)),
        ((), (FRIEND,), (), (FRIEND,)),
        ((ORGANIZATION,), (PUBLIC,), (ORGANIZATION,), (PUBLIC,)),
    ],
)
def test_permissions_become_those_of_the_config(
    grants: Any, policy: tuple[Grant, ...], add: tuple[Grant, ...], remove: tuple[Grant, ...]
) -> None:
    statements = {grant: Statement(id=f"by hand {grant}", grant=grant) for grant in policy}
    of = wanted(ONE)
    planned = plan(of, region(has(ONE, policy=tuple(statements.values())), of=of), permissions=grants)
    expected = Permit(
        region="eu-west-1", layer=NUMPY, add=add, remove=tuple(statements[grant] for grant in remove)
    )
    assert planned.permit == ((expected,) if add or remove else ())


def test_a_statement_that_no_config_can_ask_for_goes() -> None:
    odd = Statement(id="odd", grant=None)
    of = wanted(ONE)
    planned = plan(of, region(has(ONE, policy=(odd,)), of=of), permissions=(FRIEND,))
    assert planned.permit == (Permit(region="eu-west-1", layer=NUMPY, add=(FRIEND,), remove=(odd,)),)


def test_a_new_version_is_permitted_whatever_an_older_one_allows() -> None:
    of = wanted(ONE)
    older = LiveLayer(newest=3, versions=(version(ONE, code_sha256="code-other"),))
    planned = plan(of, region(older, of=of), permissions=(FRIEND,))
    assert planned.permit == (Permit(region="eu-west-1", layer=NUMPY, add=(FRIEND,)),)


def attach_step(**changes: Any) -> Attach:
    step = Attach(
        region="eu-west-1",
        function="orders",
        name="orders",
        arn=function_arn("orders"),
        before=(),
        after=(Ours(name=NUMPY), Ours(name=PYDANTIC)),
        revision="r1",
    )
    return replace(step, **changes)


def test_attach_to_a_function_without_layers() -> None:
    planned = plan(BOTH, region(of=BOTH, functions=(matched("orders"),)))
    assert planned.attach == (attach_step(),)


def test_attach_keeps_what_is_not_ours() -> None:
    before = (OTHER, layer_arn(NUMPY, 3))
    planned = plan(BOTH, region(has(ONE), of=BOTH, functions=(matched("orders", *before),)))
    assert planned.attach == (
        attach_step(before=before, after=(OTHER, Ours(name=NUMPY), Ours(name=PYDANTIC))),
    )


def test_nothing_is_attached_where_nothing_changes() -> None:
    before = (OTHER, layer_arn(NUMPY, 3), layer_arn(PYDANTIC, 3))
    planned = plan(BOTH, region(has(ONE), has(TWO), of=BOTH, functions=(matched("orders", *before),)))
    assert planned.attach == ()


def test_function_that_is_not_deployed() -> None:
    missing = replace(matched("orders"), live=None)
    assert plan(BOTH, region(of=BOTH, functions=(missing,))).attach == ()


def test_function_that_takes_no_layers_any_more_loses_ours() -> None:
    of = wanted(ONE, functions={"orders": function()})
    before = (layer_arn(NUMPY, 3), OTHER)
    planned = plan(of, region(has(ONE), of=of, functions=(matched("orders", *before),)))
    assert planned.attach == (attach_step(before=before, after=(OTHER,)),)


CURRENT = (layer_arn(NUMPY, 3), layer_arn(PYDANTIC, 3))
MOVE = MoveAlias(name="live", from_version="4")


@pytest.mark.parametrize(
    ("attached", "served", "expected"),
    [
        # Nothing to do; only the alias is left, as after a failure; both.
        (CURRENT, CURRENT, None),
        (
            CURRENT,
            (OTHER,),
            attach_step(before=CURRENT, alias=MOVE, remember=False),
        ),
        ((), (), attach_step(alias=MOVE)),
        # Someone moved the alias by hand to what is wanted: only $LATEST is left.
        ((), CURRENT, attach_step()),
    ],
)
def test_alias(attached: tuple[str, ...], served: tuple[str, ...], expected: Attach | None) -> None:
    alias = LiveAlias(alias=Alias(name="live", version="4"), layers=served)
    functions = (matched("orders", *attached, alias=alias),)
    planned = plan(
        BOTH, region(has(ONE), has(TWO), of=BOTH, functions=functions), attach=AttachSettings(alias="live")
    )
    assert planned.attach == ((expected,) if expected else ())


def test_version_of_the_function_without_alias() -> None:
    settings = AttachSettings(publish_version=True, remember=False)
    planned = plan(BOTH, region(of=BOTH, functions=(matched("orders"),)), attach=settings)
    assert planned.attach == (attach_step(alias=MoveAlias(name=None), remember=False),)


def test_retire_what_nobody_uses_once_this_plan_is_carried_out() -> None:
    of = wanted(layer(NUMPY, digest="new"))
    versions = tuple(version(ONE, number) for number in (6, 5, 4, 3, 2, 1))
    uses = LiveUses(
        versions=versions,
        uses={
            layer_arn(NUMPY, 6): (LayerUse(function="orders", version="$LATEST"),),
            layer_arn(NUMPY, 2): (LayerUse(function="orders", version="7"),),
        },
    )
    functions = (matched("orders", layer_arn(NUMPY, 6)),)
    live = region(LiveLayer(newest=6), of=of, functions=functions, uses=uses)
    # The new version, 7, is one of the two that stay; 6, which orders gives up, is the other.
    assert [step.version for step in plan(of, live, keep=2).retire] == [5, 4, 3, 1]
    assert [step.version for step in plan(of, live, keep=1).retire] == [6, 5, 4, 3, 1]
    assert plan(of, replace(live, uses=None), keep=2).retire == ()


def test_retire_never_what_the_plan_takes() -> None:
    of = wanted(ONE)
    versions = tuple(version(ONE, number) for number in (5, 4, 3))
    live = region(has(ONE, 3), of=of, uses=LiveUses(versions=versions))
    assert plan(of, live, keep=1).retire == (
        Retire(region="eu-west-1", layer=NUMPY, version=4, arn=layer_arn(NUMPY, 4), size=1000),
    )

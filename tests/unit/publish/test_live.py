"""What is asked of AWS, and what becomes of the answers: the account is a fake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from layerforge.model.publishing import (
    AttachSettings,
    Bucket,
    Grant,
    LiveName,
    PublishSettings,
    StorageSettings,
    Tag,
)
from layerforge.publish.client import CallError, Failure
from layerforge.publish.live import Reader
from layerforge.publish.values import (
    Alias,
    LayerUse,
    LiveAlias,
    LiveBucket,
    LiveLayer,
    LiveRegion,
    MatchedFunction,
    Statement,
    Wanted,
)
from tests.aws_fakes import ROOMY, FakeAccount, error, function_arn, layer_arn, live_function
from tests.unit.publish.shop import NUMPY, PYDANTIC, function, layer, metadata, version, wanted

ONE, TWO = layer(NUMPY), layer(PYDANTIC, digest="two")
BOTH = wanted(ONE, TWO)


def read(account: FakeAccount, of: Wanted = BOTH, **changes: Any) -> tuple[LiveRegion, ...]:
    settings = changes.pop("settings", PublishSettings())
    return Reader(account=account, settings=settings, wanted=of, jobs=4, **changes).read()


def test_nothing_is_there() -> None:
    account = FakeAccount()
    assert read(account) == (
        LiveRegion(region="eu-west-1", layers={NUMPY: LiveLayer(), PYDANTIC: LiveLayer()}, account=ROOMY),
    )
    assert sorted(account.faults.calls) == [
        "eu-west-1 GetAccountSettings",
        "eu-west-1 ListLayerVersions shop-py313-x86-64-numpy",
        "eu-west-1 ListLayerVersions shop-py313-x86-64-pydantic",
    ]


def test_where_all_is_there_only_layers_are_asked_for() -> None:
    account = FakeAccount("eu-west-1", "us-east-1")
    for region in account.regions:
        for of in (ONE, TWO):
            account.functions(region).add_version(version(of, 4, region=region))
    (first, second) = read(account)
    assert first.layers[NUMPY] == LiveLayer(newest=4, versions=(version(ONE, 4),))
    assert second.layers[NUMPY] == LiveLayer(newest=4, versions=(version(ONE, 4, region="us-east-1"),))
    assert (account.count("ListLayerVersions"), account.count("GetLayerVersion")) == (4, 4)
    assert len(account.faults.calls) == 8


def test_only_versions_that_say_the_same_are_asked_for_their_digest() -> None:
    account = FakeAccount()
    service = account.functions("eu-west-1")
    service.add_version(version(ONE, 1))
    service.add_version(version(ONE, 2, metadata=metadata("another")))
    service.add_version(version(ONE, 3, code_sha256="code-other"))
    (live,) = read(account, wanted(ONE))
    assert live.layers[NUMPY] == LiveLayer(
        newest=3, versions=(version(ONE, 3, code_sha256="code-other"), version(ONE, 1))
    )
    assert account.count("GetLayerVersion") == 2


def test_not_every_version_is_looked_at() -> None:
    account = FakeAccount()
    for number in range(1, 20):
        account.functions("eu-west-1").add_version(version(ONE, number, code_sha256="code-other"))
    (live,) = read(account, wanted(ONE))
    assert (live.layers[NUMPY].newest, account.count("GetLayerVersion")) == (19, 5)


def test_policy_is_read_of_the_same_version_only_and_only_if_the_config_speaks_of_it() -> None:
    account = FakeAccount()
    account.functions("eu-west-1").add_version(version(ONE, 4))
    statement = Statement(id="x", grant=Grant(principal="*"))
    account.functions("eu-west-1").policies[f"{NUMPY}:4"] = [statement]
    (live,) = read(account, settings=PublishSettings(permissions=()))
    assert (live.layers[NUMPY].policy, live.layers[PYDANTIC].policy) == ((statement,), None)
    assert account.count("GetLayerVersionPolicy") == 1
    (live,) = read(account)
    assert (live.layers[NUMPY].policy, account.count("GetLayerVersionPolicy")) == (None, 1)


@pytest.mark.parametrize("failure", [Failure.DENIED, Failure.NOT_FOUND])
def test_account_settings_that_nobody_may_ask_for(failure: Failure) -> None:
    account = FakeAccount()
    account.faults.before("GetAccountSettings", error(failure))
    (live,) = read(account)
    assert live.account is None


def test_the_first_error_ends_it() -> None:
    account = FakeAccount()
    account.faults.before("ListLayerVersions", error(Failure.CREDENTIALS, "expired"))
    with pytest.raises(CallError, match="expired"):
        read(account)


LARGE = layer(NUMPY, zipped=60_000_000)
STORAGE = StorageSettings(buckets=(Bucket(name="layers-{account}-{region}"),))
BUCKET = LiveBucket(name="layers-123456789012-eu-west-1", region="eu-west-1", versioned=True)


@pytest.mark.parametrize(
    ("of", "settings", "expected"),
    [
        (ONE, {}, None),
        (ONE, {"storage": STORAGE}, None),
        (LARGE, {"storage": STORAGE}, BUCKET),
        (LARGE, {"storage": STORAGE, "upload": "direct"}, None),
        (ONE, {"storage": STORAGE, "upload": "s3"}, BUCKET),
        (ONE, {"storage": replace(STORAGE, reference=True)}, BUCKET),
        (ONE, {"storage": replace(STORAGE, reference=True), "upload": "direct"}, BUCKET),
        (LARGE, {"storage": StorageSettings(buckets=(Bucket(region="us-east-1", name="x"),))}, None),
    ],
)
def test_bucket_is_looked_at_if_a_zip_goes_through_it(
    of: Any, settings: dict[str, Any], expected: Any
) -> None:
    account = FakeAccount()
    account.storage("eu-west-1").buckets[BUCKET.name] = BUCKET
    (live,) = read(account, wanted(of), settings=PublishSettings(**settings))
    assert live.bucket == expected


def test_bucket_is_not_looked_at_where_nothing_is_published() -> None:
    account = FakeAccount()
    account.functions("eu-west-1").add_version(version(LARGE, 4))
    (live,) = read(account, wanted(LARGE), settings=PublishSettings(storage=STORAGE))
    assert (live.bucket, account.count("HeadBucket"), account.count("GetCallerIdentity")) == (None, 0, 0)


THREE = wanted(ONE, functions={name: function(NUMPY) for name in ("billing", "orders", "reports")})
STACK_WORDS = "function {} in the stack shop"


def attach(account: FakeAccount, **settings: Any) -> list[tuple[str, str, str | None]]:
    """Function, what was looked for, and the live function's name."""
    found = read(account, THREE, attach=True, settings=PublishSettings(attach=AttachSettings(**settings)))
    return [
        (one.function, one.name, one.live.name if one.live else None)
        for live in found
        for one in live.functions
    ]


def test_functions_by_their_own_name() -> None:
    account = FakeAccount()
    account.functions("eu-west-1").add(live_function("orders"))
    assert attach(account) == [
        ("billing", "function billing", None),
        ("orders", "function orders", "orders"),
        ("reports", "function reports", None),
    ]


def test_functions_by_a_pattern_and_one_by_one() -> None:
    account = FakeAccount()
    for name in ("shop-orders-prod", "old-reports"):
        account.functions("eu-west-1").add(live_function(name))
    named = (LiveName(function="reports", live=function_arn("old-reports")),)
    assert attach(account, name="shop-{function}-prod", functions=named) == [
        ("billing", "function shop-billing-prod", None),
        ("orders", "function shop-orders-prod", "shop-orders-prod"),
        ("reports", f"function {function_arn('old-reports')}", "old-reports"),
    ]


def test_functions_of_a_stack_which_is_in_one_of_the_regions() -> None:
    account = FakeAccount("eu-west-1", "us-east-1")
    service = account.functions("us-east-1")
    service.add(live_function("shop-orders-X1", region="us-east-1"))
    account.lookup("us-east-1").stacks["shop"] = (
        LiveName(function="orders", live="shop-orders-X1"),
        # The same logical id in two nested stacks: neither can be meant.
        LiveName(function="billing", live="shop-billing-X2"),
        LiveName(function="billing", live="shop-billing-X3"),
        LiveName(function="foreign", live="shop-foreign-X4"),
    )
    names = ("billing", "orders", "reports")
    assert attach(account, stack="shop") == [
        *((name, STACK_WORDS.format(name), None) for name in names),
        ("billing", STACK_WORDS.format("billing"), None),
        ("orders", STACK_WORDS.format("orders"), "shop-orders-X1"),
        ("reports", STACK_WORDS.format("reports"), None),
    ]


def test_functions_by_tag() -> None:
    account = FakeAccount()
    service, lookup = account.functions("eu-west-1"), account.lookup("eu-west-1")
    for name, tags in {
        "a": {"stage": "prod", "service": "orders"},
        "b": {"stage": "dev", "service": "billing"},
        "c": {"stage": "prod"},
    }.items():
        service.add(live_function(name))
        lookup.tagged[function_arn(name)] = tags
    found = attach(account, tags=(Tag(key="stage", value="prod"),), name_tag="service")
    assert found == [
        ("billing", "function tagged service=billing stage=prod", None),
        ("orders", "function tagged service=orders stage=prod", "a"),
        ("reports", "function tagged service=reports stage=prod", None),
    ]


def test_alias_and_the_layers_that_it_serves() -> None:
    account = FakeAccount()
    service = account.functions("eu-west-1")
    served = live_function("orders", layer_arn(NUMPY, 2), version="4")
    service.add(live_function("orders", layer_arn(NUMPY, 3)), live="4").versions.append(served)
    service.add(live_function("billing"))
    settings = PublishSettings(attach=AttachSettings(alias="live"))
    (live,) = read(account, THREE, attach=True, settings=settings)
    billing, orders, reports = live.functions
    assert orders.alias == LiveAlias(alias=Alias(name="live", version="4"), layers=(layer_arn(NUMPY, 2),))
    assert (billing.alias, billing.alias_missing, orders.alias_missing) == (None, True, False)
    assert reports == MatchedFunction(function="reports", name="function reports", live=None)


def test_uses_of_every_version_and_alias() -> None:
    account = FakeAccount()
    service = account.functions("eu-west-1")
    old = layer("shop-py312-x86-64-old")
    for of, number in ((ONE, 1), (ONE, 2), (old, 7), (layer("foreign"), 1)):
        service.add_version(version(of, number))
    held = service.add(live_function("orders", layer_arn(NUMPY, 2)), live="2", canary="2", old="1")
    held.versions += [
        live_function("orders", layer_arn(NUMPY, 1), version="1"),
        live_function("orders", layer_arn(NUMPY, 1), layer_arn("foreign", 1), version="2"),
        live_function("orders", version="10"),
    ]
    service.add(live_function("other", layer_arn("foreign", 1)))
    (live,) = read(account, retire=True)
    assert live.uses is not None
    assert sorted(one.arn for one in live.uses.versions) == [
        layer_arn("shop-py312-x86-64-old", 7),
        layer_arn(NUMPY, 1),
        layer_arn(NUMPY, 2),
    ]
    assert live.uses.uses == {
        layer_arn(NUMPY, 1): (
            LayerUse(function="orders", version="1", aliases=("old",)),
            LayerUse(function="orders", version="2", aliases=("canary", "live")),
        ),
        layer_arn(NUMPY, 2): (LayerUse(function="orders", version="$LATEST"),),
    }
    assert [str(use) for use in live.uses.uses[layer_arn(NUMPY, 1)]] == [
        "orders:1 (old)",
        "orders:2 (canary, live)",
    ]
    # Nothing is asked about functions that have none of our layers.
    assert account.count("ListAliases") == 1

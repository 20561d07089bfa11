"""Everything that is refused before the first byte is sent, with its whole text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from layerforge.model.finding import Finding, Severity
from layerforge.model.limits import Limits
from layerforge.model.publishing import AttachSettings, Bucket, PublishSettings, StorageSettings
from layerforge.publish.gate import find_gate_problems
from layerforge.publish.plan import make_publish_plan
from layerforge.publish.values import (
    AccountSettings,
    Alias,
    AttachedLayer,
    LiveAlias,
    LiveBucket,
    LiveRegion,
    Wanted,
)
from tests.aws_fakes import ROOMY, layer_arn, live_function
from tests.unit.publish.shop import (
    MB,
    NUMPY,
    PYDANTIC,
    function,
    has,
    layer,
    matched,
    metadata,
    region,
    wanted,
)

ONE = layer(NUMPY)
OTHER = layer_arn("insights", 53, account="999999999999")


def judge(of: Wanted, *live: LiveRegion, limits: Limits = Limits(), **settings: Any) -> tuple[Finding, ...]:
    asked = PublishSettings(**settings)
    return find_gate_problems(of, live, make_publish_plan(of, live, asked), asked, limits)


def told(findings: tuple[Finding, ...]) -> list[str]:
    """Severity, code, sentence, details and hint, as they are shown."""
    return [
        "\n".join([f"{one.severity} {one.code}: {one.sentence}", *one.details, f"hint: {one.hint}"])
        for one in findings
    ]


def fine(of: Wanted, **changes: Any) -> LiveRegion:
    return region(of=of, **{"account": ROOMY, **changes})


def test_nothing_to_say() -> None:
    of = wanted(ONE)
    live = {"code_sha256": "built"}
    assert judge(of, fine(of, functions=(matched("orders", live=live),))) == ()


def test_function_as_it_was_built() -> None:
    large = layer(NUMPY, unzipped=200 * MB)
    of = wanted(
        large,
        functions={
            "orders": function(
                NUMPY, external=(OTHER,), code_size=30 * MB, unzipped_size=(200 + 30 + 30) * MB
            )
        },
    )
    assert told(judge(of, fine(of))) == [
        (
            "error unzipped-size: orders would hold 260.0 MB unzipped, 10.0 MB (10,485,760 bytes) over "
            "Lambda's "
            "250.0 MB\n"
            "shop-py313-x86-64-numpy  200.0 MB\n"
            "its own code              30.0 MB\n"
            "layers from elsewhere     30.0 MB\n"
            "hint: take away one of the parts above, or split the function; `layerforge plan` shows what the "
            "layers carry"
        )
    ]


def test_live_function_with_layers_that_are_not_ours() -> None:
    of = wanted(layer(NUMPY, unzipped=200 * MB))
    attached = (AttachedLayer(arn=OTHER, zipped_size=40 * MB), AttachedLayer(arn=layer_arn(NUMPY, 3)))
    live = live_function("shop-orders", layers=attached, zipped_size=20 * MB)
    functions = (replace(matched("orders"), live=live),)
    size, unknown = told(judge(of, fine(of, functions=functions)))
    assert size == (
        "error unzipped-size: orders (shop-orders) in eu-west-1 would hold 260.0 MB unzipped, 10.0 MB "
        "(10,485,760 bytes) over Lambda's 250.0 MB\n"
        "shop-py313-x86-64-numpy                                  200.0 MB\n"
        f"{OTHER}   40.0 MB   zipped: its unzipped size is not known\n"
        "its own code                                              20.0 MB   at least: what is live is not "
        "what was built here\n"
        "hint: take away one of the parts above, or split the function; `layerforge plan` shows what the "
        "layers carry"
    )
    assert unknown == (
        f"warning unknown-layer-size: {OTHER}, which 1 function has, counts with its zipped size, as its "
        "unzipped one is not known\n"
        f'hint: write it into layerforge.toml, under [layer-sizes]: "{OTHER}" = "12 MB"'
    )


@pytest.mark.parametrize("key", [OTHER, OTHER.rpartition(":")[0]])
def test_size_of_a_layer_from_elsewhere_is_in_the_config(key: str) -> None:
    of = wanted(layer(NUMPY, unzipped=200 * MB), layer_sizes={key: 60 * MB})
    (size,) = judge(of, fine(of, functions=(matched("orders", OTHER, live={"code_sha256": "built"}),)))
    assert (size.code, size.details[1]) == ("unzipped-size", f"{OTHER}   60.0 MB")


def test_code_that_is_live_as_it_was_built_counts_as_built() -> None:
    of = wanted(layer(NUMPY, unzipped=240 * MB))
    live = {"zipped_size": 20 * MB, "code_sha256": "built"}
    assert judge(of, fine(of, functions=(matched("orders", live=live),))) == ()


def test_what_is_bundled_with_the_code_counts() -> None:
    bundled = function(NUMPY, code_size=60 * MB, unzipped_size=260 * MB)
    of = wanted(layer(NUMPY, unzipped=200 * MB), functions={"orders": replace(bundled, code_size=20)})
    (finding,) = judge(of, fine(of))
    assert finding.details == ("shop-py313-x86-64-numpy  200.0 MB", "its own code              60.0 MB")


@pytest.mark.parametrize(
    ("account", "limits", "expected"),
    [
        (ROOMY, Limits(unzipped=4000), "over the 3.9 KB that [limits] allows"),
        (replace(ROOMY, unzipped_limit=3000), Limits(unzipped=4000), "over Lambda's 2.9 KB"),
        (None, Limits(unzipped=4000), "over the 3.9 KB that [limits] allows"),
    ],
)
def test_smaller_limits(account: AccountSettings | None, limits: Limits, expected: str) -> None:
    of = wanted(ONE)
    live = region(
        has(ONE), of=of, account=account, functions=(matched("orders", live={"code_sha256": "built"}),)
    )
    (finding,) = judge(of, live, limits=limits)
    assert finding.sentence.endswith(expected)


def test_too_many_layers() -> None:
    of = wanted(ONE, layer(PYDANTIC))
    others = [layer_arn(f"other{number}", 1) for number in range(4)]
    sizes = dict.fromkeys(others, 1)
    findings = judge(
        replace(of, layer_sizes=sizes),
        fine(of, functions=(matched("orders", *others, live={"code_sha256": "built"}),)),
    )
    assert told(findings) == [
        (
            "error too-many-layers: orders in eu-west-1 would have 6 layers, 1 more than the 5 that it may "
            "have\n"
            "hint: remove a layer that is not layerforge's from the function, or set `layers` under [limits] "
            "lower, so that `layerforge build` makes fewer"
        )
    ]


@pytest.mark.parametrize(
    ("live", "runs"),
    [
        ({"runtime": "python3.12"}, "python3.12 on x86_64"),
        ({"architecture": "arm64"}, "python3.13 on arm64"),
        ({"runtime": None}, "no Python on x86_64"),
    ],
)
def test_runtime_and_architecture(live: dict[str, Any], runs: str) -> None:
    of = wanted(ONE)
    assert told(
        judge(of, fine(of, functions=(matched("orders", live={"code_sha256": "built", **live}),)))
    ) == [
        (
            f"error incompatible: orders in eu-west-1 runs {runs}, for which 1 of its layers is not built\n"
            "shop-py313-x86-64-numpy is built for python3.13 on x86_64\n"
            "hint: deploy the function with the runtime and architecture of the template, or change these "
            "there "
            "and run `layerforge build`"
        )
    ]


def test_layer_for_several_runtimes() -> None:
    several = metadata(
        runtimes=frozenset({"python3.12", "python3.13"}), architectures=frozenset({"arm64", "x86_64"})
    )
    of = wanted(layer(NUMPY, metadata=several))
    live = {"code_sha256": "built", "runtime": "python3.12", "architecture": "arm64"}
    assert judge(of, fine(of, functions=(matched("orders", live=live),))) == ()


def test_container_image() -> None:
    of = wanted(ONE)
    (finding,) = judge(of, fine(of, functions=(matched("orders", live={"package_type": "Image"}),)))
    assert (finding.code, finding.sentence) == (
        "container-image",
        "orders in eu-west-1 is a container image, which takes no layers",
    )


def test_functions_that_are_not_deployed_are_one_remark() -> None:
    of = wanted(ONE, functions={name: function(NUMPY) for name in ("billing", "orders", "reports")})
    missing = [replace(matched(name), live=None) for name in ("billing", "orders", "reports")]
    there = matched("reports", live={"code_sha256": "built"})
    findings = judge(
        of,
        fine(of, functions=tuple(missing)),
        fine(of, name="us-east-1", functions=(*missing[:2], there)),
    )
    assert told(findings) == [
        (
            "warning not-deployed: 2 functions of the manifest are not deployed, and nothing is attached "
            "there\n"
            "billing: there is no function billing in eu-west-1, us-east-1\n"
            "orders: there is no function orders in eu-west-1, us-east-1\n"
            "hint: deploy them, or correct [publish.attach] if they have other names"
        )
    ]


@pytest.mark.parametrize(
    ("alias", "missing", "code"),
    [
        (None, True, "no-alias"),
        (LiveAlias(alias=Alias(name="live", version="4", weighted=True), layers=()), False, "weighted-alias"),
        (LiveAlias(alias=Alias(name="live", version="4"), layers=()), False, None),
    ],
)
def test_alias(alias: LiveAlias | None, missing: bool, code: str | None) -> None:
    of = wanted(ONE)
    function_ = matched("orders", alias=alias, alias_missing=missing, live={"code_sha256": "built"})
    findings = judge(of, fine(of, functions=(function_,)), attach=AttachSettings(alias="live"))
    assert [finding.code for finding in findings] == ([code] if code else [])


def test_zip_that_is_too_large_for_a_request() -> None:
    of = wanted(layer(NUMPY, zipped=60 * MB))
    (finding,) = judge(of, fine(of), fine(of, name="us-east-1"))
    assert told((finding,)) == [
        (
            "error direct-upload: shop-py313-x86-64-numpy has 60.0 MB zipped, more than the 50 MB that can "
            "be "
            "uploaded directly\n"
            "in eu-west-1, us-east-1\n"
            'hint: name a bucket that it can go through: bucket = "..." under [publish.s3]'
        )
    ]
    storage = StorageSettings(buckets=(Bucket(name="layers"),))
    bucket = LiveBucket(name="layers", region="eu-west-1", versioned=False)
    (finding,) = judge(of, fine(of, bucket=bucket), upload="direct", storage=storage)
    assert finding.hint == 'set upload = "auto" under [publish]'
    assert judge(of, fine(of, bucket=bucket), storage=storage) == ()
    # What is there already need not be sent.
    assert judge(of, region(has(of.layers[0]), of=of, account=ROOMY)) == ()


def test_bucket_elsewhere() -> None:
    of = wanted(ONE)
    bucket = LiveBucket(name="layers", region="us-east-1", versioned=True)
    storage = StorageSettings(buckets=(Bucket(name="layers"),))
    assert told(judge(of, fine(of, bucket=bucket), upload="s3", storage=storage)) == [
        (
            "error bucket-region: the bucket layers lies in us-east-1, and layers of eu-west-1 can only be "
            "published from a bucket there\n"
            'hint: name a bucket for each region: bucket = "layers-{region}", or a table of them'
        )
    ]


@pytest.mark.parametrize(("versioned", "codes"), [(False, ["bucket-versions"]), (True, [])])
def test_reference_needs_versions(versioned: bool, codes: list[str]) -> None:
    of = wanted(ONE)
    bucket = LiveBucket(name="layers", region="eu-west-1", versioned=versioned)
    storage = StorageSettings(buckets=(Bucket(name="layers"),), reference=True)
    assert [one.code for one in judge(of, fine(of, bucket=bucket), storage=storage)] == codes


FULL = AccountSettings(code_storage=10_000, code_storage_used=8_500, unzipped_limit=262_144_000)


def test_code_storage() -> None:
    of = wanted(ONE, layer(PYDANTIC))
    assert told(judge(of, fine(of, account=FULL))) == [
        (
            "error code-storage: eu-west-1 has 1.5 KB left for code, and 2 layers need 2.0 KB: 500 B (500 "
            "bytes) "
            "too much\n"
            'hint: `layerforge prune` shows what can go; storage = "reference" keeps layers in your bucket '
            "instead; AWS raises the quota on request"
        )
    ]
    # One of the two is there already.
    assert judge(of, region(has(ONE), of=of, account=FULL)) == ()
    bucket = LiveBucket(name="layers", region="eu-west-1", versioned=True)
    storage = StorageSettings(buckets=(Bucket(name="layers"),), reference=True)
    assert judge(of, fine(of, account=FULL, bucket=bucket), storage=storage) == ()


def test_code_storage_that_nobody_may_ask_for() -> None:
    of = wanted(ONE)
    (finding,) = judge(of, region(of=of))
    assert (finding.severity, finding.code) == (Severity.WARNING, "unknown-code-storage")

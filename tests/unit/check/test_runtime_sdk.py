from __future__ import annotations

import pytest

from layerforge.check.runtime_sdk import find_unmet_sdk
from layerforge.check.unused import Declared
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Distribution, Edge, Root
from layerforge.model.requirement import Origin
from layerforge.native.runtime import ProbedRuntime
from layerforge.project.runtime_provided import SDK_FAMILY

TARGET = "python3.13-x86_64"
HINT = (
    'take "boto3" out of [runtime-provided] exclude, so that layers hold what is locked; '
    "or require what the runtime has. `layerforge check --probe` reads its versions again"
)


def runtime(**versions: str) -> dict[str, ProbedRuntime]:
    return {TARGET: ProbedRuntime(image="x", libraries={}, distributions=versions)}


def locked() -> dict[str, Distribution]:
    edges = {
        "boto3": (Edge(name="botocore", specifier="==1.43.5"),),
        "aiobotocore": (Edge(name="botocore", specifier=">=1.43,<1.44"),),
    }
    versions = {"boto3": "1.43.5", "botocore": "1.43.5", "aiobotocore": "3.0"}
    return {
        name: Distribution(name=name, version=version, unzipped_size=1, edges=edges.get(name, ()))
        for name, version in versions.items()
    }


def asks(
    name: str,
    specifier: str = "",
    *,
    line: int = 3,
    distributions: dict[str, Distribution] | None = None,
    left_out: tuple[str, ...] = SDK_FAMILY,
) -> Declared:
    root = Root(name=name, specifier=specifier, origin=Origin(path="orders/requirements.in", line=line))
    return Declared(
        handler=None,
        source=None,
        roots=(root,),
        distributions=distributions or locked(),
        runtime_provided=left_out,
    )


def find(probed: dict[str, ProbedRuntime], **declared: Declared) -> tuple[Finding, ...]:
    return find_unmet_sdk(declared, dict.fromkeys(declared, TARGET), probed)


def test_a_requirement_that_is_newer_than_the_runtime() -> None:
    assert find(runtime(boto3="1.40.4", botocore="1.40.4"), orders=asks("boto3", ">=1.42")) == (
        Finding(
            severity=Severity.WARNING,
            code="sdk-too-old",
            subject="orders",
            sentence="orders asks for boto3>=1.42, which is left out of layers, "
            "and the boto3 of python3.13-x86_64 is older: 1.40.4",
            where="orders/requirements.in:3",
            hint=HINT,
        ),
    )


def test_functions_of_one_requirement_are_told_together() -> None:
    one = asks("boto3", "==1.43.5")
    (finding,) = find(runtime(boto3="1.40.4"), orders=one, mail=one, other=asks("boto3", ">=1"))
    assert finding.sentence.startswith("2 functions ask for boto3==1.43.5, ")
    assert (finding.subject, finding.details) == ("mail", ("in mail and orders",))


@pytest.mark.parametrize(
    ("specifier", "has"),
    [
        ("", "1.40.4"),  # whatever there is
        (">=1.40", "1.40.4"),
        (">=1.42", "1.43.5"),
        # The runtime's is newer than the pin, and the SDK takes back nothing.
        ("==1.43.5", "1.44.0"),
        (">=1.42", "nonsense"),
    ],
)
def test_what_the_runtime_meets_is_not_told(specifier: str, has: str) -> None:
    assert find(runtime(boto3=has, botocore=has), orders=asks("boto3", specifier)) == ()


def test_nothing_is_said_where_nothing_is_known_or_left_out() -> None:
    asked = asks("boto3", ">=1.42")
    assert find({}, orders=asked) == ()
    assert find(runtime(), orders=asked) == ()
    assert find(runtime(boto3="1.40.4"), orders=asks("boto3", ">=1.42", left_out=())) == ()


@pytest.mark.parametrize(
    ("has", "code", "stance"), [("1.40.4", "sdk-too-old", "older"), ("1.44.1", "sdk-too-new", "newer")]
)
def test_what_a_distribution_asks_of_the_sdk_counts_either_way(has: str, code: str, stance: str) -> None:
    (finding,) = find(runtime(boto3=has, botocore=has), orders=asks("aiobotocore"), mail=asks("aiobotocore"))
    assert (finding.code, finding.sentence) == (
        code,
        (
            "aiobotocore 3.0, which 2 functions need, asks for botocore>=1.43,<1.44, "
            f"which is left out of layers, and the botocore of python3.13-x86_64 is {stance}: {has}"
        ),
    )


@pytest.mark.parametrize("pattern", ["sdk-too-old", "sdk-too-old:boto3", "sdk-too-old:ord*"])
def test_it_can_be_ignored(pattern: str) -> None:
    declared = {"orders": asks("boto3", ">=1.42")}
    probed = runtime(boto3="1.40.4")
    assert find_unmet_sdk(declared, {"orders": TARGET}, probed, [pattern]) == ()
    assert find_unmet_sdk(declared, {"orders": TARGET}, probed, ["sdk-too-old:mail"]) != ()

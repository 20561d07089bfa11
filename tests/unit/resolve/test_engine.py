from __future__ import annotations

import pytest

from layerforge.model.target import Target
from layerforge.resolve.engine import (
    ContradictionError,
    NoFittingFileError,
    Offer,
    describe_target,
    newest_offers,
    offer_sentence,
    requirement_name,
)

AL2 = Target(runtime="python3.11", architecture="x86_64")
ARM = Target(runtime="python3.13", architecture="arm64")


@pytest.mark.parametrize(
    ("offer", "target", "sentence"),
    [
        (
            Offer(
                version="2.5.5",
                tags=(
                    "cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
                    "cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
                    "cp313-cp313t-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
                    "cp314-cp314-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
                    "pp311-pypy311_pp73-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
                    "cp312-cp312-win_amd64",
                    "cp312-cp312-macosx_14_0_x86_64",
                ),
                sdist=True,
            ),
            AL2,
            "2.5.5 offers cp312 to cp314 manylinux_2_27_x86_64, and an sdist",
        ),
        (
            Offer(version="3.0", tags=("cp311-abi3-manylinux_2_34_aarch64", "cp313-cp313-linux_aarch64")),
            ARM,
            "3.0 offers cp313 linux_aarch64 and cp311-abi3 manylinux_2_34_aarch64",
        ),
        (
            Offer(version="1.0", tags=("cp313-cp313-win_amd64", "cp313-cp313-manylinux2014_x86_64")),
            ARM,
            "1.0 offers no wheel for aarch64 Linux, only for manylinux2014_x86_64, win_amd64",
        ),
        (Offer(version="1.0", tags=(), sdist=True), AL2, "1.0 offers an sdist only"),
        (Offer(version="2.0", tags=(), requires_python=">=3.12"), AL2, "2.0 wants Python >=3.12"),
    ],
)
def test_what_a_version_offers_is_said_in_the_words_that_matter(
    offer: Offer, target: Target, sentence: str
) -> None:
    assert offer_sentence(offer, target) == sentence


def test_nothing_fits_names_target_offers_and_what_a_container_changes() -> None:
    error = NoFittingFileError(
        requirement="numpy>=2.4",
        target=AL2,
        offers=[Offer(version="2.4.6", tags=("cp311-cp311-manylinux_2_27_x86_64",), sdist=True)],
        required_by="pandas 3.1",
    )
    assert error.headline == (
        "nothing that satisfies numpy>=2.4 (required by pandas 3.1) fits python3.11 on Amazon Linux 2 "
        "(x86_64), which loads cp311 wheels up to manylinux_2_26_x86_64"
    )
    assert error.details == ("numpy 2.4.6 offers cp311 manylinux_2_27_x86_64, and an sdist",)
    assert error.hint == (
        "ask for a version that has a wheel that fits, or take another runtime; "
        "its sdist would be compiled in a container, if nothing asked for wheels only"
    )
    assert error.exit_code == 3


def test_without_an_sdist_a_container_changes_nothing() -> None:
    error = NoFittingFileError(
        requirement="tool==1", target=ARM, offers=[Offer(version="1", tags=("cp313-cp313-win_amd64",))]
    )
    assert error.hint == (
        "a container could not change this, as there is no sdist to compile: "
        "allow another version, or take another runtime or architecture"
    )


def test_contradiction_gives_texts_and_who_asks() -> None:
    error = ContradictionError(
        sides=[("pydantic<2", None), ("pydantic>=2.5", "billing 1.0"), ("pydantic<2", "orders 1.0")],
        target=ARM,
    )
    assert error.requirements == ("pydantic<2", "pydantic>=2.5")
    assert error.sides[0] == ("pydantic<2", None)
    assert error.headline == (
        "these requirements exclude each other for python3.13-arm64: pydantic<2 and pydantic>=2.5"
    )
    assert error.details == (
        "the project wants pydantic<2",
        "billing 1.0 wants pydantic>=2.5",
        "orders 1.0 wants pydantic<2",
    )


def test_newest_offers_are_ordered_as_versions() -> None:
    offers = [Offer(version=version, tags=()) for version in ("1.9", "1.10", "not a version", "2.0a1", "1.2")]
    assert [offer.version for offer in newest_offers(offers)] == ["2.0a1", "1.10", "1.9"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("numpy>=2", "numpy"), ("a.b-c_d[x]==1", "a.b-c_d"), ("plain", "plain"), ("x @ file:///x.whl", "x")],
)
def test_requirement_name(text: str, name: str) -> None:
    assert requirement_name(text) == name


def test_target_is_described_with_what_it_loads() -> None:
    assert describe_target(ARM) == (
        "python3.13 on Amazon Linux 2023 (arm64), which loads cp313 wheels up to manylinux_2_34_aarch64"
    )

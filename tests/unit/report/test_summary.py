from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.model.artifact import Artifact, CodeArtifact, Manifest, ManifestFunction
from layerforge.model.counts import count
from layerforge.report.summary import summarise_build


def manifest(*, layers: list[str], codes: list[str]) -> Manifest:
    return Manifest(
        project="shop",
        layers=tuple(
            Artifact(
                name=name,
                path=f"layers/{name}.zip",
                sha256="",
                code_sha256="",
                zipped_size=1,
                unzipped_size=1,
                runtimes=(),
                architectures=(),
                distributions=(),
                input_digest="",
            )
            for name in layers
        ),
        functions={
            name: ManifestFunction(
                target="python3.13-x86_64",
                layers=(),
                external_layers=(),
                code=CodeArtifact(
                    path="", sha256="", code_sha256="", zipped_size=1, unzipped_size=1, input_digest=""
                ),
                code_size=1,
                unzipped_size=1,
                carried_excess=0,
            )
            for name in codes
        },
    )


@pytest.mark.parametrize(
    ("built", "said"),
    [
        (("a", "b", "orders (code)"), "built 2 layers and 1 code zip in .layerforge"),
        (("orders (code)",), "built 1 code zip; .layerforge holds 2 layers and 1 code zip"),
        (("a",), "built 1 layer; .layerforge holds 2 layers and 1 code zip"),
        ((), "2 layers and 1 code zip in .layerforge: nothing changed, nothing was done"),
    ],
)
def test_build_is_summarised(built: tuple[str, ...], said: str) -> None:
    done = manifest(layers=["a", "b"], codes=["orders"])
    folder = Path("/shop/.layerforge")
    assert summarise_build(done, built, folder=folder, directory=Path("/shop")) == said


def test_folder_elsewhere_is_named_whole() -> None:
    done = manifest(layers=["a"], codes=[])
    said = summarise_build(done, ("a",), folder=Path("/out"), directory=Path("/shop"))
    assert said == "built 1 layer in /out"


def test_project_without_requirements_or_code_has_no_zips() -> None:
    done = manifest(layers=[], codes=[])
    said = summarise_build(done, (), folder=Path("/shop/out"), directory=Path("/shop"))
    assert said == "no zips in out: nothing changed, nothing was done"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 layers"), (1, "1 layer"), (2, "2 layers"), (1000, "1,000 layers")]
)
def test_counts_have_their_plural(number: int, text: str) -> None:
    assert count(number, "layer") == text
    assert count(["x"] * number, "layer") == text

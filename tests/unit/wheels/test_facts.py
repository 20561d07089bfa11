from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from layerforge.wheels.directory import BadWheelError
from layerforge.wheels.facts import WheelFacts, read_facts
from tests.wheel_files import Lies, MakeWheel, metadata_text


def facts_of(path: Path, filename: str | None = None) -> WheelFacts:
    with path.open("rb") as stream:
        return read_facts(stream, filename=filename or path.name)


def test_reads_a_wheel(make_wheel: MakeWheel) -> None:
    path = make_wheel("Some.Name", "1.0", requires=["six"])
    facts = facts_of(path)
    assert (facts.name, facts.version) == ("some-name", "1.0")
    assert facts.metadata == metadata_text("Some.Name", "1.0", requires=["six"])


# Every row: the files, and what they make in a layer beside RECORD (110 bytes and more) and INSTALLER.
def test_size_is_that_of_the_layer(make_wheel: MakeWheel) -> None:
    plain = facts_of(make_wheel("demo", files={"demo.py": "x"})).unzipped_size
    longer = facts_of(make_wheel("demo", files={"demo.py": "x" * 5})).unzipped_size
    assert longer - plain == 4
    headers = facts_of(make_wheel("demo", files={"demo.py": "x"}, data={"headers/demo.h": "x" * 99}))
    assert headers.unzipped_size == plain
    script = facts_of(make_wheel("demo", files={"demo.py": "x"}, data={"scripts/run": "#!python\nrun()\n"}))
    row = len("../bin/run,sha256=,33\n") + 43
    assert script.unzipped_size == plain + len("#!/var/lang/bin/python3.13\nrun()\n") + row


@pytest.mark.parametrize(
    ("lies", "filename", "sentence"),
    [
        (
            Lies(metadata_name="other"),
            None,
            "demo-1.0-py3-none-any.whl: its METADATA is of other 1.0, not of demo 1.0",
        ),
        (
            Lies(metadata_version="2.0"),
            None,
            "demo-1.0-py3-none-any.whl: its METADATA is of demo 2.0, not of demo 1.0",
        ),
        (
            Lies(),
            "other-1.0-py3-none-any.whl",
            "other-1.0-py3-none-any.whl: its demo-1.0.dist-info is of demo 1.0, not of other 1.0",
        ),
        (
            Lies(),
            "demo-1.1-py3-none-any.whl",
            "demo-1.1-py3-none-any.whl: its demo-1.0.dist-info is of demo 1.0, not of demo 1.1",
        ),
        (
            Lies(),
            "demo.zip",
            "demo.zip: this is not the name of a wheel (name-version-python-abi-platform.whl)",
        ),
        (
            Lies(overrides={"demo-1.0.dist-info/METADATA": None}),
            None,
            "demo-1.0-py3-none-any.whl: it has no demo-1.0.dist-info/METADATA",
        ),
        (
            Lies(overrides={"demo-1.0.dist-info/METADATA": b"\xff"}),
            None,
            "demo-1.0-py3-none-any.whl: 'demo-1.0.dist-info/METADATA' is not UTF-8",
        ),
        (
            Lies(entries=[("demo-2.0.dist-info/METADATA", "x")]),
            None,
            (
                "demo-1.0-py3-none-any.whl: it has several .dist-info folders: "
                "demo-1.0.dist-info, demo-2.0.dist-info"
            ),
        ),
        (
            Lies(entries=[("../evil.py", "x")]),
            None,
            "demo-1.0-py3-none-any.whl: the entry '../evil.py' would land outside of the layer",
        ),
    ],
)
def test_refuses(make_wheel: MakeWheel, lies: Lies, filename: str | None, sentence: str) -> None:
    with pytest.raises(BadWheelError) as caught:
        facts_of(make_wheel("demo", lies=lies), filename)
    assert str(caught.value) == sentence


def test_a_zip_without_dist_info_is_no_wheel(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo.py", "")
    with pytest.raises(BadWheelError) as caught:
        facts_of(path)
    assert str(caught.value) == "demo-1.0-py3-none-any.whl: it has no .dist-info folder"


@pytest.mark.parametrize("filename", ["demo-1.0.0-py3-none-any.whl", "Demo-1.0-1-py3-none-any.whl"])
def test_spellings_of_name_and_version_do_not_matter(make_wheel: MakeWheel, filename: str) -> None:
    assert facts_of(make_wheel("demo"), filename).name == "demo"

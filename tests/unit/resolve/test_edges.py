from __future__ import annotations

import pytest

from layerforge.errors import ResolutionError
from layerforge.model.lock import Archive, Edge, LocalSource, VcsSource
from layerforge.model.target import Target
from layerforge.resolve.edges import Facts, describe_file, make_distribution, read_metadata
from layerforge.resolve.index import Described, Selected

X86 = Target(runtime="python3.11", architecture="x86_64")
ARM = Target(runtime="python3.13", architecture="arm64")


def selected(name: str = "demo", version: str = "1.0") -> Selected:
    filename = f"{name}-{version}-py3-none-any.whl"
    return Selected(
        name=name,
        version=version,
        wheel=Archive(filename=filename, url=f"https://index.example/{filename}", sha256="0" * 64),
    )


def metadata(*lines: str, name: str = "demo", version: str = "1.0") -> str:
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines]
    return "\n".join([*head, "", "Requires-Dist: from-the-description", ""])


def read(*lines: str, target: Target = X86) -> Facts:
    return read_metadata(metadata(*lines), selected=selected(), target=target)


@pytest.mark.parametrize(
    ("line", "on_x86", "on_arm"),
    [
        (
            "Six <2, >= 1.0",
            [Edge(name="six", specifier="<2,>=1.0")],
            [Edge(name="six", specifier="<2,>=1.0")],
        ),
        ("typing_Extensions", [Edge(name="typing-extensions")], [Edge(name="typing-extensions")]),
        ("old; python_version < '3.12'", [Edge(name="old", marker='python_version < "3.12"')], []),
        ("pi; platform_machine == 'aarch64'", [], [Edge(name="pi", marker='platform_machine == "aarch64"')]),
        ("win; sys_platform == 'win32'", [], []),
        ("httpx[http2,Brotli]", [Edge(name="httpx", extras=("brotli", "http2"))], None),
        ("x @ https://index.example/x-1.zip", [Edge(name="x")], None),
        ("legacy (>=1.0)", [Edge(name="legacy", specifier=">=1.0")], None),
    ],
)
def test_requirements_are_judged_for_the_target(
    line: str, on_x86: list[Edge], on_arm: list[Edge] | None
) -> None:
    assert list(read(f"Requires-Dist: {line}").edges) == on_x86
    if on_arm is not None:
        assert list(read(f"Requires-Dist: {line}", target=ARM).edges) == on_arm


def test_an_edge_carries_an_extra_only_where_the_extra_makes_it_true() -> None:
    facts = read(
        "Provides-Extra: Web_UI",
        "Provides-Extra: all",
        "Requires-Dist: always; extra == 'all' or python_version >= '3'",
        "Requires-Dist: flask; extra == 'web-ui'",
        "Requires-Dist: uvloop; extra == 'all' and sys_platform == 'win32'",
        "Requires-Dist: demo[web_ui]; extra == 'all'",
        "Requires-Dist: h2; sys_platform == 'linux' and extra == 'all'",
        "Requires-Dist: shared; extra == 'all' or extra == 'Web_UI'",
    )
    assert facts == Facts(
        edges=(
            Edge(name="always", marker='extra == "all" or python_version >= "3"'),
            Edge(name="demo", extras=("web-ui",), extra="all"),
            Edge(name="h2", extra="all", marker='sys_platform == "linux"'),
            Edge(name="shared", extra="all"),
            Edge(name="flask", extra="web-ui"),
            Edge(name="shared", extra="web-ui"),
        ),
        provided_extras=("all", "web-ui"),
        requires_python=None,
    )


@pytest.mark.parametrize(
    ("text", "meaning"), [("~=3.9,!=3.9.1", "!=3.9.1,~=3.9"), (">=3.6.*", None), ("", None)]
)
def test_requires_python_is_normal_or_passed_over_as_pip_does(text: str, meaning: str | None) -> None:
    assert read(f"Requires-Python: {text}").requires_python == meaning


def test_a_folded_header_is_one_requirement() -> None:
    assert read("Requires-Dist: six", "  >=1.0").edges == (Edge(name="six", specifier=">=1.0"),)


def test_lines_that_ask_for_the_same_are_one_edge() -> None:
    facts = read("Requires-Dist: six>=1.0", "Requires-Dist: six<2; python_version < '3.12'")
    assert facts.edges == (Edge(name="six", specifier="<2,>=1.0"),)


def test_the_licence_is_read() -> None:
    assert read("License-Expression: mit").license == "MIT"


@pytest.mark.parametrize(
    ("name", "version", "says"),
    [
        ("other", "1.0", "other 1.0"),
        ("demo", "2.0", "demo 2.0"),
        ("demo", "new", "demo new"),
        ("", "", "nothing"),
    ],
)
def test_metadata_that_lies_is_refused(name: str, version: str, says: str) -> None:
    with pytest.raises(ResolutionError) as caught:
        read_metadata(metadata(name=name, version=version), selected=selected(), target=X86)
    assert caught.value.headline == (
        f"the metadata of demo-1.0-py3-none-any.whl says that it is {says}, where demo 1.0 was expected"
    )


def test_other_spellings_of_the_same_name_and_version_are_no_lie() -> None:
    text = metadata(name="My.Demo", version="1.0.0")
    described = Described(selected=selected("my-demo", "1.0.0"), unzipped_size=7, metadata=text)
    assert make_distribution(described, target=X86).name == "my-demo"
    assert read_metadata(metadata(version="1"), selected=selected(), target=X86).edges == ()


def test_a_requirement_that_cannot_be_read_names_the_file() -> None:
    with pytest.raises(ResolutionError) as caught:
        read("Requires-Dist: six >== 1")
    assert caught.value.headline == (
        "demo-1.0-py3-none-any.whl requires 'six >== 1', which no installer understands"
    )


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            Selected(
                name="x",
                version="1",
                vcs=VcsSource(url="https://user:pw@git.example/x", commit="0123456789abcdef"),
            ),
            "https://****@git.example/x@0123456789ab",
        ),
        (Selected(name="x", version="1", local=LocalSource(path="libs/x")), "libs/x"),
        (Selected(name="x", version="1"), "x"),
    ],
)
def test_files_are_named_without_secrets(source: Selected, shown: str) -> None:
    assert describe_file(source) == shown

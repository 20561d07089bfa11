"""pyproject.toml: PEP 621, PEP 735, and the sources of uv."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.project.requirement_files.contents import Contents
from layerforge.project.requirement_files.places import Places
from layerforge.project.requirement_files.pyproject import has_requirements, read_pyproject, read_sourced


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def read(
    root: Path, name: str = "pyproject.toml", *, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()
) -> Contents:
    return read_pyproject(root / name, Places(root=root), extras=extras, groups=groups)


def shown(contents: Contents) -> list[str]:
    return [
        f"{r.name}{r.specifier}{f' @ {r.path or r.url}' if r.path or r.url else ''}"
        f"{f' ; {r.marker}' if r.marker else ''} {r.origin}"
        for r in contents.requirements
    ]


SHOP = """\
[tool.ruff]
line-length = 100

[project]
name = "Shop"
version = "1"
dependencies = [
    "numpy>=2",
    'six; python_version < "3"',
    "tomli; python_version < \\"3.11\\"",
]

[project.optional-dependencies]
pdf = ["reportlab"]
Mail_Out = ["aiosmtplib"]
all = ["shop[pdf,mail-out]; os_name == 'posix'"]

[dependency-groups]
base = ["six"]
orders = ["numpy<3", {include-group = "Base"}]
"""


@pytest.mark.parametrize(
    ("extras", "groups", "expected"),
    [
        ((), (), []),
        (("pdf",), (), ["reportlab pyproject.toml:14"]),
        (("mail.out",), (), ["aiosmtplib pyproject.toml:15"]),
        (
            ("all",),
            (),
            [
                'aiosmtplib ; os_name == "posix" pyproject.toml:15',
                'reportlab ; os_name == "posix" pyproject.toml:14',
            ],
        ),
        ((), ("orders",), ["numpy<3 pyproject.toml:20", "six pyproject.toml:19"]),
    ],
)
def test_dependencies_extras_groups(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], expected: list[str]
) -> None:
    write(tmp_path, {"pyproject.toml": SHOP})
    assert shown(read(tmp_path, extras=extras, groups=groups)) == [
        "numpy>=2 pyproject.toml:8",
        'six ; python_version < "3" pyproject.toml:9',
        'tomli ; python_version < "3.11" pyproject.toml:10',
        *expected,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tool.ruff]\n", False),
        ("[project]\nname = 'a'\n", False),
        ("[project]\ndependencies = []\n", True),
        ("[project]\ndynamic = ['dependencies']\n", True),
        ("[project.optional-dependencies]\na = []\n", True),
        ("[dependency-groups]\na = []\n", True),
        ("[tool.poetry.dependencies]\na = '1'\n", False),
    ],
)
def test_has_requirements(tmp_path: Path, text: str, expected: bool) -> None:
    write(tmp_path, {"pyproject.toml": text})
    assert has_requirements(tmp_path / "pyproject.toml", Places(root=tmp_path)) is expected


WORKSPACE = {
    "pyproject.toml": """\
[tool.uv.workspace]
members = ["libs/*", "f"]
exclude = ["libs/old"]
[tool.uv]
constraint-dependencies = ["numpy<3"]
find-links = ["wheels"]
[[tool.uv.index]]
name = "corp"
url = "https://index.example/simple"
default = true
[[tool.uv.index]]
name = "more"
url = "https://more.example/simple"
[[tool.uv.index]]
name = "odd"
url = "https://odd.example/simple"
explicit = true
[tool.uv.sources]
tool = { git = "https://git.example/tool", tag = "v1", subdirectory = "py" }
""",
    "libs/core/pyproject.toml": '[project]\nname = "Core"\n',
    "libs/old/pyproject.toml": '[project]\nname = "old"\n',
    "vendor/pyproject.toml": '[project]\nname = "vendored"\n',
    "wheels/keep": "",
    "f/pyproject.toml": """\
[project]
dependencies = ["core>=1", "vendored[x]; os_name == 'posix'", "tool", "arch", "six"]
[tool.uv.sources]
core = { workspace = true }
vendored = { path = "../vendor", editable = true }
arch = { url = "https://x.example/arch.zip" }
""",
}


def test_sources_and_settings_of_a_workspace(tmp_path: Path) -> None:
    write(tmp_path, WORKSPACE)
    contents = read(tmp_path, "f/pyproject.toml")
    assert shown(contents) == [
        "core @ libs/core f/pyproject.toml:2",
        'vendored @ vendor ; os_name == "posix" f/pyproject.toml:2',
        "tool @ git+https://git.example/tool@v1 f/pyproject.toml:2",
        "arch @ https://x.example/arch.zip f/pyproject.toml:2",
        "six f/pyproject.toml:2",
    ]
    vendored, tool = contents.requirements[1:3]
    assert (vendored.editable, vendored.extras, tool.subdirectory) == (True, ("x",), "py")
    assert [(s.option, s.value) for s in contents.settings] == [
        ("index-url", "https://index.example/simple"),
        ("extra-index-url", "https://more.example/simple"),
        ("find-links", "wheels"),
    ]
    assert [(r.name, r.specifier, str(r.origin)) for r in contents.constraints] == [
        ("numpy", "<3", "pyproject.toml:5")
    ]
    assert contents.files == ("f/pyproject.toml", "pyproject.toml")


def test_what_a_local_project_takes_from_the_same_repository(tmp_path: Path) -> None:
    write(tmp_path, WORKSPACE)
    contents = read_sourced(tmp_path / "f/pyproject.toml", Places(root=tmp_path), extras=("no-such",))
    assert [r.name for r in contents.requirements] == ["core", "vendored", "tool", "arch"]


def test_what_a_project_of_poetry_takes_from_the_same_repository(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "f/pyproject.toml": "[tool.poetry.dependencies]\n"
            'python = ">=3.10"\n'
            'attrs = "*"\n'
            'models = { path = "../models", develop = true, extras = ["fast"] }\n'
            'units = [{ path = "../units", markers = "python_version < \'3.13\'" }]\n'
            'idle = { path = "../idle", optional = true }\n',
            "models/pyproject.toml": '[tool.poetry]\nname = "models"\n',
            "units/pyproject.toml": '[tool.poetry]\nname = "units"\n',
        },
    )
    contents = read_sourced(tmp_path / "f/pyproject.toml", Places(root=tmp_path), extras=())
    assert [(r.name, r.extras, r.path, r.marker, str(r.origin)) for r in contents.requirements] == [
        ("models", ("fast",), "models", None, "f/pyproject.toml:4"),
        ("units", (), "units", 'python_version < "3.13"', "f/pyproject.toml:5"),
    ]


def test_the_folder_in_a_direct_reference(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            (
                "f/pyproject.toml"
            ): '[project]\ndependencies = ["a @ {root:uri}/a", "b @ file:///${PROJECT_ROOT}/b"]\n',
            "f/a/pyproject.toml": '[project]\nname = "a"\n',
            "f/b/pyproject.toml": '[project]\nname = "b"\n',
        },
    )
    assert shown(read(tmp_path, "f/pyproject.toml")) == [
        "a @ f/a f/pyproject.toml:2",
        "b @ f/b f/pyproject.toml:2",
    ]


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        (
            "[project\n",
            "pyproject.toml:1: this is not TOML: Expected ']' at the end of a table declaration",
            None,
        ),
        ("project = 1\n", "pyproject.toml: project: a table was expected, not 1", None),
        (
            "[project]\ndependencies = 'a'\n",
            "pyproject.toml: project.dependencies: a list of strings was expected",
            None,
        ),
        (
            "[project]\ndependencies = [\n 'six',\n 'numpy=2']\n",
            (
                "pyproject.toml:4: `numpy=2` is not a requirement: "
                "Expected semicolon (after name with no version specifier) or end"
            ),
            "a version is asked for with two equals signs: name==1.2",
        ),
        (
            "[project]\ndynamic = ['dependencies']\n",
            (
                "pyproject.toml: project.dynamic: the dependencies are computed by the build backend "
                "and cannot be read from this file"
            ),
            "list them under [project] dependencies, or write them into a requirements file",
        ),
        (
            (
                "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies "
                "= {file = ['r.in']}\n"
            ),
            (
                "pyproject.toml: project.dynamic: the dependencies are computed by the build backend "
                "and cannot be read from this file"
            ),
            "name r.in in the function's `requirements` instead",
        ),
        (
            "[tool.poetry.dependencies]\npython = '^3'\nsix = '1'\n",
            "pyproject.toml: tool.poetry.dependencies: Poetry's own table of dependencies is not supported",
            (
                "move them to [project] dependencies, or run `poetry export -f requirements.txt "
                "-o requirements.txt`"
            ),
        ),
        (
            "[dependency-groups]\ng = [{include-group = 'h'}]\nh = [{include-group = 'G'}]\n",
            "pyproject.toml: dependency-groups.h[0]: groups include each other in a circle: g > h > g",
            None,
        ),
        (
            "[dependency-groups]\ng = [{include-group = 'i'}]\nh = []\n",
            "pyproject.toml: dependency-groups: the group i is asked for and not defined",
            "it defines g, h",
        ),
        (
            "[dependency-groups]\ng = [{a = 'i'}]\n",
            'pyproject.toml: dependency-groups.g[0]: a requirement or {include-group = "name"} was expected',
            None,
        ),
        (
            "[dependency-groups]\ng = []\nG = []\n",
            "pyproject.toml: dependency-groups: g and G are the same name",
            None,
        ),
    ],
)
def test_refused(tmp_path: Path, text: str, headline: str, hint: str | None) -> None:
    write(tmp_path, {"pyproject.toml": text})
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, groups=("g",) if "groups" in text else ())
    assert (caught.value.headline, caught.value.hint) == (headline, hint)


@pytest.mark.parametrize(
    ("source", "headline"),
    [
        (
            "{ workspace = true }",
            (
                "tool.uv.sources.a: no pyproject.toml here or above has the [tool.uv.workspace] "
                "that it is to be in"
            ),
        ),
        (
            "{ index = 'x' }",
            "tool.uv.sources.a: it is to come from the index x alone, which cannot be honoured",
        ),
        (
            "{ path = '.', marker = \"os_name == 'nt'\" }",
            "tool.uv.sources.a: sources that depend on a marker, an extra or a group cannot be honoured",
        ),
        (
            "[{ path = 'b' }, { path = 'c' }]",
            "tool.uv.sources.a: sources that depend on a marker, an extra or a group cannot be honoured",
        ),
        ("{ editable = true }", "tool.uv.sources.a: one of path, workspace, git, url, index was expected"),
        ("{ path = 'b', lfs = true }", "tool.uv.sources.a.lfs: this key is not known"),
        ("1", "tool.uv.sources.a: a table was expected, not 1"),
    ],
)
def test_sources_that_cannot_be_honoured(tmp_path: Path, source: str, headline: str) -> None:
    write(tmp_path, {"pyproject.toml": f"[project]\ndependencies = ['a']\n[tool.uv.sources]\na = {source}\n"})
    with pytest.raises(ConfigError) as caught:
        read(tmp_path)
    assert caught.value.headline == f"pyproject.toml: {headline}"

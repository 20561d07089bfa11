"""Which files hold the requirements of a function, and how several are put together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.model.requirement import IndexOptions
from layerforge.project.requirements import find_manifests, read_requirements

PEP621 = "[project]\nname = 'shop'\ndependencies = ['six']\n"
TOOL_ONLY = "[tool.ruff]\n"
POETRY = "[tool.poetry.dependencies]\nsix = '1'\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.mark.parametrize(
    ("files", "source", "expected"),
    [
        (["f/a/requirements.txt", "requirements.txt"], "f/a", ("f/a/requirements.txt",)),
        (["f/a/requirements.in", "f/a/requirements.txt"], "f/a", ("f/a/requirements.in",)),
        (["f/a/requirements.txt", "f/a/pyproject.toml"], "f/a", ("f/a/requirements.txt",)),
        (["f/a/pylock.toml", "f/a/pyproject.toml"], "f/a", ("f/a/pyproject.toml",)),
        (["f/a/pylock.toml"], "f/a", ("f/a/pylock.toml",)),
        (["f/a/pylock.py313-x86-64.toml"], "f/a", ()),
        (["f/requirements.txt", "f/a/app.py"], "f/a", ("f/requirements.txt",)),
        (["f/requirements.txt", "f/a/app.py"], "f/a/app.py", ("f/requirements.txt",)),
        (["requirements.txt", "f/a/app.py"], "./f/a/", ("requirements.txt",)),
        (["requirements.txt"], ".", ("requirements.txt",)),
        (["requirements.txt"], None, ()),
        (["f/a/app.py"], "f/a", ()),
        (["../beside/requirements.txt", "requirements.txt"], "../beside", ("../beside/requirements.txt",)),
        (["../requirements.txt", "f/a/app.py"], "f/a", ()),
    ],
)
def test_find(tmp_path: Path, files: list[str], source: str | None, expected: tuple[str, ...]) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    write(root, {name: PEP621 if name.endswith("pyproject.toml") else "" for name in files})
    assert find_manifests(root, source) == expected


def test_a_pyproject_of_tools_alone_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"f/pyproject.toml": TOOL_ONLY, "requirements.txt": ""})
    assert find_manifests(tmp_path, "f") == ("requirements.txt",)


@pytest.mark.parametrize(
    ("files", "headline", "hint"),
    [
        (
            {"f/Pipfile.lock": "", "f/Pipfile": ""},
            "f/Pipfile.lock: this is a file of Pipenv, whose format is not read",
            "run `pipenv requirements > requirements.txt` in f",
        ),
        (
            {"poetry.lock": "", "pyproject.toml": POETRY},
            "poetry.lock: this is a file of Poetry, whose format is not read",
            "run `poetry export -f requirements.txt -o requirements.txt`",
        ),
        (
            {"f/pyproject.toml": POETRY},
            "f/pyproject.toml: tool.poetry.dependencies: Poetry's own table of dependencies is not supported",
            (
                "move them to [project] dependencies, or run `poetry export -f requirements.txt "
                "-o requirements.txt`"
            ),
        ),
    ],
)
def test_what_only_other_tools_read(tmp_path: Path, files: dict[str, str], headline: str, hint: str) -> None:
    write(tmp_path, {"f/app.py": "", **files})
    with pytest.raises(ConfigError) as caught:
        find_manifests(tmp_path, "f")
    assert (caught.value.headline, caught.value.hint) == (headline, hint)


def test_other_tools_files_do_no_harm_beside_one_that_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"f/requirements.txt": "", "f/Pipfile.lock": "", "poetry.lock": ""})
    assert find_manifests(tmp_path, "f") == ("f/requirements.txt",)


def test_several_files_are_put_together(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.txt": "-r common.txt\nFoo_Bar>=1\n--extra-index-url https://b.example\n--only-binary :all:\n",
            "b.txt": "-r common.txt\nfoo-bar<3\n--no-binary numpy\n--pre\n-i https://a.example/\n",
            "common.txt": "six\n-i https://a.example\n",
        },
    )
    base = IndexOptions(
        index_url="https://config.example", extra_index_urls=("https://c.example",), no_binary=("six",)
    )
    found = read_requirements(tmp_path, ["a.txt", "b.txt"], project_options=base)
    assert [(r.name, r.specifier, str(r.origin)) for r in found.requirements] == [
        ("six", "", "common.txt:1"),
        ("foo-bar", ">=1", "a.txt:2"),
        ("foo-bar", "<3", "b.txt:2"),
    ]
    assert found.options == IndexOptions(
        index_url="https://a.example",
        extra_index_urls=("https://c.example", "https://b.example"),
        only_binary=(":all:",),
        no_binary=("numpy",),
        pre=True,
    )
    assert found.files == ("a.txt", "common.txt", "b.txt")


def test_two_index_urls_contradict_each_other(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "-i https://u:secret@a.example\n", "b.txt": "\n-i https://b.example\n"})
    with pytest.raises(ConfigError) as caught:
        read_requirements(tmp_path, ["a.txt", "b.txt"])
    assert caught.value.headline == (
        "b.txt:2: --index-url is https://b.example here and https://****@a.example in a.txt:1"
    )


def test_local_projects_bring_what_they_take_from_the_repository(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['libs/*']\n",
            (
                "libs/a/pyproject.toml"
            ): "[project]\nname = 'a'\ndependencies = ['b; os_name == \"posix\"', 'six']\n"
            "[tool.uv.sources]\nb = {workspace = true}\n",
            "libs/b/pyproject.toml": "[project]\nname = 'b'\ndependencies = ['a']\n"
            "[tool.uv.sources]\na = {workspace = true}\n",
            "f/r.txt": "-e ../libs/a ; python_version > '3'\n",
        },
    )
    found = read_requirements(tmp_path, ["f/r.txt"])
    assert [(r.name, r.path, r.marker, str(r.origin)) for r in found.requirements] == [
        ("a", "libs/a", 'python_version > "3"', "f/r.txt:1"),
        ("b", "libs/b", '(python_version > "3") and (os_name == "posix")', "libs/a/pyproject.toml:3"),
    ]
    assert found.files == ("f/r.txt", "libs/a/pyproject.toml", "pyproject.toml", "libs/b/pyproject.toml")


@pytest.mark.parametrize(
    ("extras", "groups", "headline", "hint"),
    [
        (("pfd",), (), "pyproject.toml: the extra pfd is asked for and not defined", "did you mean pdf?"),
        ((), ("dev",), "pyproject.toml: the group dev is asked for and not defined", "it defines none"),
    ],
)
def test_unknown_extras_and_groups(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], headline: str, hint: str
) -> None:
    write(
        tmp_path, {"pyproject.toml": f"{PEP621}[project.optional-dependencies]\npdf = ['x']\n", "r.txt": ""}
    )
    with pytest.raises(ConfigError) as caught:
        read_requirements(tmp_path, ["r.txt", "pyproject.toml"], extras=extras, groups=groups)
    assert (caught.value.headline, caught.value.hint) == (headline, hint)


def test_an_extra_counts_where_it_is_defined(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": f"{PEP621}[project.optional-dependencies]\npdf = ['x']\n",
            "b/pyproject.toml": PEP621,
        },
    )
    found = read_requirements(tmp_path, ["b/pyproject.toml", "pyproject.toml"], extras=["PDF"])
    assert [str(r.origin) for r in found.requirements] == [
        "b/pyproject.toml:3",
        "pyproject.toml:3",
        "pyproject.toml:5",
    ]


@pytest.mark.parametrize(
    "name", ["poetry.lock", "uv.lock", "pdm.lock", "Pipfile", "setup.py", "environment.yml", "x.toml"]
)
def test_named_files_that_are_not_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: ""})
    with pytest.raises(ConfigError, match=f"^{name}: ") as caught:
        read_requirements(tmp_path, [name])
    assert caught.value.hint


def test_a_file_that_two_hundred_functions_include_is_parsed_once(tmp_path: Path) -> None:
    write(tmp_path, {f"f{n}/r.txt": "-r ../common.txt\n" for n in range(200)})
    write(tmp_path, {"common.txt": "six\n", "libs/a/pyproject.toml": ""})
    first = [read_requirements(tmp_path, [f"f{n}/r.txt"]).requirements[0] for n in range(200)]
    assert all(requirement is first[0] for requirement in first)


def test_the_same_names_elsewhere_are_other_files(tmp_path: Path) -> None:
    write(tmp_path / "one", {"r.txt": "six\n"})
    assert [r.name for r in read_requirements(tmp_path / "one", ["r.txt"]).requirements] == ["six"]
    shutil.move(tmp_path / "one", tmp_path / "two")
    assert [str(r.origin) for r in read_requirements(tmp_path, ["two/r.txt"]).requirements] == ["two/r.txt:1"]

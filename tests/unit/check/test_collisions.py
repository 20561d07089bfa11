from __future__ import annotations

from collections.abc import Iterable

import pytest

from layerforge.check.collisions import find_collisions_between, find_collisions_in
from layerforge.check.contents import ZipContents
from layerforge.check.problems import Problem, make_findings
from layerforge.model.finding import Finding, Severity
from tests.zip_contents import code, function, installed, layer

EXCLUDE = (
    "two distributions of one project (such as opencv-python and opencv-python-headless) "
    "exclude each other: require only one of them"
)


def told(problems: Iterable[Problem]) -> list[tuple[str, str, str]]:
    return [(one.severity.value, one.code, one.sentence) for one in make_findings(problems)]


def between(*layers: ZipContents, own: ZipContents | None = None) -> list[tuple[str, str, str]]:
    return told(find_collisions_between(function(*layers, code=own)))


def test_distributions_of_one_layer_that_bring_the_same_paths() -> None:
    paths = ["python/cv2/__init__.py", "python/cv2/x.py"]
    contents = layer(
        installed=[
            installed("opencv-python", "4.9", *paths, digest="a"),
            installed("opencv-python-headless", "4.9", *paths, digest="b"),
        ],
        contested=dict.fromkeys(paths, "a"),
    )
    assert make_findings(find_collisions_in(contents)) == (
        Finding(
            severity=Severity.WARNING,
            code="file-collision",
            subject="shop-a",
            sentence=(
                "2 files of opencv-python 4.9 (layer shop-a) have other contents in "
                "opencv-python-headless 4.9, which had to give way"
            ),
            details=("python/cv2/__init__.py", "python/cv2/x.py"),
            hint=EXCLUDE,
        ),
    )


@pytest.mark.parametrize(("there", "winner"), [("a", "one 1"), ("b", "two 2")])
def test_who_won_is_told_by_what_is_there(there: str, winner: str) -> None:
    path = "python/ns/__init__.py"
    contents = layer(
        installed=[installed("one", "1", path, digest="a"), installed("two", "2", path, digest="b")],
        contested={path: there},
    )
    ((_, _, sentence),) = told(find_collisions_in(contents))
    assert sentence.startswith(f"{path} of {winner} ")


EMPTY = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.mark.parametrize(
    ("digests", "namespace"), [(("a", "b"), True), (("a", EMPTY), False), (("a", ""), False)]
)
def test_what_loses_nothing_is_no_collision(digests: tuple[str, str], *, namespace: bool) -> None:
    path = "python/ns/__init__.py"
    contents = layer(
        installed=[
            installed("one", "1", path, digest=digests[0]),
            installed("two", "2", path, digest=digests[1]),
        ],
        contested={path: "a"},
        namespaces=frozenset({path} if namespace else ()),
    )
    assert told(find_collisions_in(contents)) == []


def test_later_layers_take_the_place_of_earlier_ones() -> None:
    first = layer("shop-a", {"python/six.py": "1"}, installed=[installed("six", "1.15", "python/six.py")])
    second = layer("shop-b", {"python/six.py": "22"}, installed=[installed("vendored", "2", "python/six.py")])
    assert between(first, second) == [
        (
            "warning",
            "file-collision",
            (
                "python/six.py of vendored 2 (layer shop-b) has other contents in six 1.15 (layer shop-a): "
                "the later layer's stays"
            ),
        )
    ]
    assert [one[2].partition(" has ")[0] for one in between(second, first)] == [
        "python/six.py of six 1.15 (layer shop-a)"
    ]


def test_the_same_contents_twice_collide_with_nobody() -> None:
    assert between(layer("a", {"python/six.py": "1"}), layer("b", {"python/six.py": "1"})) == []


def test_one_distribution_in_two_layers_may_have_bytecode_in_one() -> None:
    record = "python/six-1.dist-info/RECORD"
    one, two = (
        layer(name, {record: text}, installed=[installed("six", "1", record)])
        for name, text in (("a", "x"), ("b", "xx"))
    )
    assert between(one, two) == []


def test_namespaces_may_differ_between_layers() -> None:
    path = "python/google/__init__.py"
    one, two = (
        layer(name, {path: text}, namespaces=frozenset({path})) for name, text in (("a", "x"), ("b", "yy"))
    )
    assert between(one, two) == []


def test_a_distribution_at_two_versions() -> None:
    def holding(name: str, version: str) -> ZipContents:
        return layer(
            name, installed=[installed("attrs", version, f"python/attrs-{version}.dist-info/RECORD")]
        )

    (finding,) = make_findings(
        find_collisions_between(function(holding("a", "22.1"), holding("b", "23.2"), holding("c", "23.2")))
    )
    assert finding == Finding(
        severity=Severity.WARNING,
        code="distribution-twice",
        subject="c",
        sentence="attrs 23.2 of layer c is there as 22.1 in layer a, too: the later layer's files stay",
        details=("mounted by orders",),
        hint="the files of both are there, and importlib.metadata finds either: let one of them go",
    )
    assert between(holding("b", "23.2"), holding("c", "23.2")) == []


def test_the_code_goes_before_the_layers() -> None:
    own = code(installed=[installed("attrs", "20.1", "attrs-20.1.dist-info/RECORD")])
    held = layer(installed=[installed("attrs", "23.2", "python/attrs-23.2.dist-info/RECORD")])
    assert between(held, own=own) == [
        (
            "warning",
            "distribution-twice",
            (
                "attrs 20.1 of the code of orders is there as 23.2 in layer shop-a, too: "
                "the function's own code goes first"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("paths", "told_path", "other"),
    [
        (["python/Crypto/a.py", "python/crypto/b.py"], "python/Crypto", "python/crypto"),
        (["python/x/README", "python/x/readme"], "python/x/README", "python/x/readme"),
        # The same letters, composed and decomposed.
        (["python/caf\u00e9.py", "python/cafe\u0301.py"], "python/cafe\u0301.py", "python/caf\u00e9.py"),
        (["python/stra\u00dfe.py", "python/STRASSE.py"], "python/STRASSE.py", "python/stra\u00dfe.py"),
    ],
)
def test_names_that_differ_in_case_only(paths: list[str], told_path: str, other: str) -> None:
    assert told(find_collisions_in(layer(files=paths))) == [
        (
            "warning",
            "case-collision",
            (
                f"{told_path} of layer shop-a is spelled {other!r}, too: where case does not count "
                "(macOS, Windows) one of them is lost"
            ),
        )
    ]


def test_only_the_folders_are_told_and_not_what_is_in_them() -> None:
    names = ("a.py", "b.py", "deep/c.py")
    paths = [f"python/{folder}/{name}" for folder in ("Crypto", "crypto") for name in names]
    assert len(told(find_collisions_in(layer(files=paths)))) == 1


def test_cases_between_layers() -> None:
    first, second = layer("a", ["python/PIL/x.py"]), layer("b", ["python/pil/y.py"])
    assert [(one[1], one[2].partition(" is ")[0]) for one in between(first, second)] == [
        ("case-collision", "python/PIL of layer a")
    ]
    assert told(find_collisions_in(first)) == []


@pytest.mark.parametrize(
    ("text", "rest", "details"),
    [
        ("import os; os.x()\n", "at every start of Python", ("import os; os.x()",)),
        ("# a comment\n./lib\n", "at every start of Python, and adds to sys.path", ("./lib",)),
    ],
)
def test_pth_files_run(text: str, rest: str, details: tuple[str, ...]) -> None:
    path = "python/setup.pth"
    contents = layer(pths={path: text}, files=[path], installed=[installed("setuptools", "80", path)])
    assert make_findings(find_collisions_in(contents)) == (
        Finding(
            severity=Severity.NOTE,
            code="pth-file",
            subject="shop-a",
            sentence=f"{path} of setuptools 80 (layer shop-a) runs {rest}",
            details=details,
        ),
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("python/empty.pth", "\n# nothing\n"),
        # Not in a folder that Python looks for such files in.
        ("python/shop/data.pth", "import os\n"),
        ("share/data.pth", "import os\n"),
    ],
)
def test_pth_files_that_do_nothing(path: str, text: str) -> None:
    assert told(find_collisions_in(layer(pths={path: text}, files=[path]))) == []
    assert told(find_collisions_in(code(pths={"own.pth": "import os\n"}))) == []


def test_what_distributions_put_in_the_way() -> None:
    owner = installed(
        "demo",
        "1.0",
        "python/demo/__init__.py",
        "python/demo.libs/liba.so",
        "python/tests/__init__.py",
        "python/tests/test_a.py",
        "python/LICENSE",
        "python/other.py",
        "python/setup.py",
        "lib/libx.so",
        "etc/demo/conf",
        "etc/demo/more",
        "bin/demo",
        "share/man/demo.1",
    )
    assert told(find_collisions_in(layer(installed=[owner]))) == [
        (
            "note",
            "stray-file",
            ("2 files of demo 1.0 (layer shop-a) lie at the top of sys.path, where it is in everybody's way"),
        ),
        (
            "note",
            "stray-file",
            "etc/ of demo 1.0 (layer shop-a) lies outside of python/, bin/, lib/ and share/",
        ),
        (
            "note",
            "stray-file",
            (
                "lib/libx.so of demo 1.0 (layer shop-a) lies in lib/, "
                "where the loader looks for libraries of every function"
            ),
        ),
        (
            "note",
            "stray-file",
            "python/LICENSE of demo 1.0 (layer shop-a) lies at the top of sys.path, and is no module",
        ),
    ]

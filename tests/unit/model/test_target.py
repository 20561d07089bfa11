from __future__ import annotations

import datetime

import pytest
from packaging.markers import Marker, default_environment
from packaging.tags import Tag, parse_tag
from packaging.utils import parse_wheel_filename

from layerforge.model.target import ARCHITECTURES, RUNTIMES, Target, shared_slug

ALL = [Target(runtime=runtime, architecture=machine) for runtime in RUNTIMES for machine in ARCHITECTURES]
PY311 = Target(runtime="python3.11", architecture="x86_64")
PY312 = Target(runtime="python3.12", architecture="x86_64")
PY312_ARM = Target(runtime="python3.12", architecture="arm64")
PY313 = Target(runtime="python3.13", architecture="x86_64")


@pytest.mark.parametrize(
    ("runtime", "machine", "platforms"),
    [
        (
            "python3.11",
            "x86_64",
            (
                "manylinux_2_26 manylinux_2_25 manylinux_2_24 manylinux_2_23 manylinux_2_22 manylinux_2_21 "
                "manylinux_2_20 manylinux_2_19 manylinux_2_18 manylinux_2_17 manylinux2014 manylinux_2_16 "
                "manylinux_2_15 manylinux_2_14 manylinux_2_13 manylinux_2_12 manylinux2010 manylinux_2_11 "
                "manylinux_2_10 manylinux_2_9 manylinux_2_8 manylinux_2_7 manylinux_2_6 manylinux_2_5 "
                "manylinux1 linux"
            ),
        ),
        (
            "python3.11",
            "arm64",
            (
                "manylinux_2_26 manylinux_2_25 manylinux_2_24 manylinux_2_23 manylinux_2_22 manylinux_2_21 "
                "manylinux_2_20 manylinux_2_19 manylinux_2_18 manylinux_2_17 manylinux2014 linux"
            ),
        ),
        (
            "python3.13",
            "arm64",
            (
                "manylinux_2_34 manylinux_2_33 manylinux_2_32 manylinux_2_31 manylinux_2_30 manylinux_2_29 "
                "manylinux_2_28 manylinux_2_27 manylinux_2_26 manylinux_2_25 manylinux_2_24 manylinux_2_23 "
                "manylinux_2_22 manylinux_2_21 manylinux_2_20 manylinux_2_19 manylinux_2_18 manylinux_2_17 "
                "manylinux2014 linux"
            ),
        ),
    ],
)
def test_platforms_best_first(runtime: str, machine: str, platforms: str) -> None:
    target = Target(runtime=runtime, architecture=machine)
    suffix = "x86_64" if machine == "x86_64" else "aarch64"
    assert target.platforms() == tuple(f"{name}_{suffix}" for name in platforms.split())


@pytest.mark.parametrize(
    ("filename", "fits"),
    [
        ("a-1-py3-none-any.whl", "py310 py311 py312 py313 py312-arm"),
        ("a-1-py2.py3-none-any.whl", "py310 py311 py312 py313 py312-arm"),
        ("a-1-py312-none-any.whl", "py312 py313 py312-arm"),
        ("a-1-cp312-none-any.whl", "py312 py312-arm"),
        ("a-1-py2-none-any.whl", ""),
        ("a-1-cp312-cp312-manylinux_2_28_x86_64.whl", "py312"),
        ("a-1-cp312-cp312-manylinux_2_34_aarch64.whl", "py312-arm"),
        ("a-1-cp312-cp312-manylinux_2_35_x86_64.whl", ""),
        ("a-1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", ""),
        ("a-1-cp311-cp311-manylinux_2_26_x86_64.whl", "py311"),
        ("a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", "py311"),
        ("a-1-cp310-cp310-manylinux1_x86_64.whl", "py310"),
        ("a-1-cp313-cp313-manylinux2010_x86_64.whl", "py313"),
        ("a-1-cp312-cp312-manylinux2010_aarch64.whl", ""),
        # The stable ABI reaches forward only: what chalice and lambda-builders get wrong.
        ("a-1-cp313-abi3-manylinux_2_28_x86_64.whl", "py313"),
        ("a-1-cp312-abi3-manylinux2014_x86_64.whl", "py312 py313"),
        ("a-1-cp38-abi3-manylinux2014_x86_64.whl", "py310 py311 py312 py313"),
        ("a-1-cp38-abi3-manylinux_2_28_aarch64.whl", "py312-arm"),
        ("a-1-cp313-cp313t-manylinux_2_28_x86_64.whl", ""),
        ("a-1-py3-none-manylinux_2_28_x86_64.whl", "py312 py313"),
        ("a-1-cp312-cp312-linux_x86_64.whl", "py312"),
        ("a-1-cp312-cp312-musllinux_1_2_x86_64.whl", ""),
        ("a-1-cp312-cp312-macosx_11_0_arm64.whl", ""),
        ("a-1-cp312-cp312-win_amd64.whl", ""),
        ("a-1-pp310-pypy310_pp73-manylinux2014_x86_64.whl", ""),
    ],
)
def test_wheels_that_fit(filename: str, fits: str) -> None:
    targets = {
        "py310": Target(runtime="python3.10", architecture="x86_64"),
        "py311": PY311,
        "py312": PY312,
        "py313": PY313,
        "py312-arm": PY312_ARM,
    }
    tags = parse_wheel_filename(filename)[3]
    assert " ".join(name for name, target in targets.items() if tags & set(target.tags())) == fits


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_the_nearest_file_is_preferred(target: Target) -> None:
    tags = target.tags()
    python, machine = "cp" + "".join(map(str, target.python)), target.machine
    ordered = [
        f"{python}-{python}-manylinux_2_26_{machine}",
        f"{python}-{python}-manylinux2014_{machine}",
        f"{python}-{python}-linux_{machine}",
        f"{python}-abi3-manylinux_2_26_{machine}",
        f"{python}-none-manylinux_2_26_{machine}",
        f"cp39-abi3-manylinux_2_17_{machine}",
        f"py3-none-manylinux_2_17_{machine}",
        f"{python}-none-any",
        "py3-none-any",
        "py30-none-any",
    ]
    positions = [tags.index(next(iter(parse_tag(text)))) for text in ordered]
    assert positions == sorted(positions)
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_pip_accepts_the_same_tags(target: Target) -> None:
    from pip._internal.utils.compatibility_tags import get_supported

    python = "".join(map(str, target.python))
    theirs = get_supported(python, list(target.platforms()), impl="cp", abis=[f"cp{python}"])
    assert {str(tag) for tag in target.tags()} == {str(tag) for tag in theirs}


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("python_version < '3.13'", "py312 py312-arm"),
        ("python_version >= '3.9'", "py312 py312-arm py313"),
        ("python_full_version < '3.12.1'", "py312 py312-arm"),
        ("platform_machine == 'aarch64'", "py312-arm"),
        ("platform_machine == 'arm64'", ""),
        ("platform_machine == 'x86_64' and sys_platform == 'linux'", "py312 py313"),
        ("sys_platform == 'darwin' or os_name == 'nt' or platform_system == 'Windows'", ""),
        (
            "implementation_name == 'cpython' and platform_python_implementation != 'PyPy'",
            "py312 py312-arm py313",
        ),
        ("platform_release >= '6'", "py312 py312-arm py313"),
        ("'Debian' in platform_version", ""),
        ("extra == 's3'", ""),
    ],
)
def test_markers_are_judged_for_the_target(marker: str, holds: str) -> None:
    targets = {"py312": PY312, "py312-arm": PY312_ARM, "py313": PY313}
    held = [
        name
        for name, target in targets.items()
        if Marker(marker).evaluate({**target.marker_environment(), "extra": ""})
    ]
    assert " ".join(held) == holds


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_the_host_is_never_asked(target: Target) -> None:
    # A variable that is missing would be filled in from the interpreter that runs this.
    assert set(default_environment()) <= set(target.marker_environment())


@pytest.mark.parametrize(
    ("target", "name", "slug", "machine", "python"),
    [
        (PY313, "python3.13-x86_64", "py313-x86-64", "x86_64", (3, 13)),
        (PY312_ARM, "python3.12-arm64", "py312-arm64", "aarch64", (3, 12)),
    ],
)
def test_names(target: Target, name: str, slug: str, machine: str, python: tuple[int, int]) -> None:
    assert (target.name, target.slug, target.machine, target.python) == (name, slug, machine, python)


@pytest.mark.parametrize(
    ("targets", "slug"),
    [
        ((PY312_ARM,), "py312-arm64"),
        ((PY312, PY312_ARM), "py312"),
        ((PY312, PY313), "x86-64"),
        ((PY312_ARM, PY313), "any"),
        ((PY311, PY312, PY312_ARM, PY313), "any"),
    ],
)
def test_what_targets_have_in_common(targets: tuple[Target, ...], slug: str) -> None:
    assert shared_slug(targets) == slug


def test_a_layer_may_serve_all_targets_there_are() -> None:
    # PublishLayerVersion takes at most 15 CompatibleRuntimes and 2 CompatibleArchitectures.
    assert (len(RUNTIMES) <= 15, len(ARCHITECTURES) <= 2) == (True, True)


def test_the_table_of_runtimes() -> None:
    rows = {
        name: (row.os, row.glibc, row.deprecated and row.deprecated.isoformat())
        for name, row in RUNTIMES.items()
    }
    assert rows == {
        "python3.10": ("Amazon Linux 2", (2, 26), "2026-10-31"),
        "python3.11": ("Amazon Linux 2", (2, 26), "2027-06-30"),
        "python3.12": ("Amazon Linux 2023", (2, 34), "2028-10-31"),
        "python3.13": ("Amazon Linux 2023", (2, 34), "2029-06-30"),
        "python3.14": ("Amazon Linux 2023", (2, 34), "2029-06-30"),
        "python3.15": ("Amazon Linux 2023", (2, 34), None),
    }
    assert [name for name, row in RUNTIMES.items() if not row.confirmed] == ["python3.15"]


@pytest.mark.parametrize("row", RUNTIMES.values(), ids=lambda row: row.name)
def test_dates_come_in_order(row: object) -> None:
    dates = [getattr(row, name) for name in ("deprecated", "create_blocked", "update_blocked")]
    assert all(date is None for date in dates) or dates == sorted(dates, key=datetime.date.toordinal)


def test_tags_are_those_of_packaging() -> None:
    assert Tag("cp313", "cp313", "manylinux_2_34_x86_64") == PY313.tags()[0]

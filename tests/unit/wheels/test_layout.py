from __future__ import annotations

from typing import NamedTuple

import pytest

from layerforge.model.target import RUNTIMES
from layerforge.wheels.directory import BadWheelError
from layerforge.wheels.layout import (
    BESIDE_CODE,
    IN_LAYER,
    Command,
    format_program,
    format_record,
    head_length,
    make_layout,
    parse_commands,
    shebang,
    unzipped_size,
)

WHEEL = "demo-1.0-py3-none-any.whl"
INFO = "demo-1.0.dist-info"


class File(NamedTuple):
    name: str
    size: int = 10
    executable: bool = False


def lay_out(
    *files: File | str, commands: tuple[Command, ...] = (), **heads: int
) -> list[tuple[str, str, bool, int]]:
    members = [File(file) if isinstance(file, str) else file for file in files]
    scripts = {f"demo-1.0.data/scripts/{name}": length for name, length in heads.items()}
    layout = make_layout(WHEEL, dist_info=INFO, members=members, commands=commands, heads=scripts)
    return [(members[at].name, path, executable, head) for path, at, executable, head in layout.placed]


@pytest.mark.parametrize(
    ("name", "path", "executable"),
    [
        ("demo/__init__.py", "python/demo/__init__.py", False),
        ("demo.py", "python/demo.py", False),
        ("demo.libs/libx.so", "python/demo.libs/libx.so", False),
        ("demo-1.0.data/purelib/demo/a.py", "python/demo/a.py", False),
        ("demo-1.0.data/platlib/demo/_a.so", "python/demo/_a.so", False),
        ("demo-1.0.data/scripts/run", "bin/run", True),
        ("demo-1.0.data/data/share/demo/x.json", "share/demo/x.json", False),
        ("demo-1.0.data/data/lib/libx.so", "lib/libx.so", False),
        (f"{INFO}/METADATA", f"python/{INFO}/METADATA", False),
        (f"{INFO}/WHEEL", f"python/{INFO}/WHEEL", False),
        (f"{INFO}/entry_points.txt", f"python/{INFO}/entry_points.txt", False),
        (f"{INFO}/licenses/LICENSE", f"python/{INFO}/licenses/LICENSE", False),
        (f"{INFO}/sub/RECORD", f"python/{INFO}/sub/RECORD", False),
    ],
)
def test_places(name: str, path: str, *, executable: bool) -> None:
    assert lay_out(name) == [(name, path, executable, 0)]


@pytest.mark.parametrize(
    "name",
    [
        "demo-1.0.data/headers/demo.h",
        *(f"{INFO}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED")),
        f"{INFO}/direct_url.json",
    ],
)
def test_leaves_out(name: str) -> None:
    assert lay_out(name) == []


def test_executable_bits_are_kept() -> None:
    assert lay_out(File("demo/tool", executable=True)) == [("demo/tool", "python/demo/tool", True, 0)]


def test_first_lines_of_scripts_are_marked_and_those_of_others_are_not() -> None:
    assert lay_out("demo-1.0.data/scripts/run", "demo/run", run=9) == [
        ("demo-1.0.data/scripts/run", "bin/run", True, 9),
        ("demo/run", "python/demo/run", False, 0),
    ]


def test_an_entry_point_takes_the_place_of_a_script() -> None:
    assert lay_out("demo-1.0.data/scripts/run", "demo.py", commands=(Command("run", "demo", "main"),)) == [
        ("demo.py", "python/demo.py", False, 0)
    ]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            ("demo.py", "demo-1.0.data/purelib/demo.py"),
            "two of its files would become 'python/demo.py' of the layer",
        ),
        (
            ("demo-1.0.data/data/bin/run", "demo-1.0.data/scripts/run"),
            "two of its files would become 'bin/run' of the layer",
        ),
        (
            (f"demo-1.0.data/purelib/{INFO}/RECORD",),
            f"two of its files would become 'python/{INFO}/RECORD' of the layer",
        ),
        (
            ("demo-1.0.data/stdlib/os.py",),
            (
                "'demo-1.0.data/stdlib/os.py' lies in none of the places that wheels know "
                "(purelib, platlib, scripts, data, headers)"
            ),
        ),
        (
            ("demo-1.0.data/x",),
            (
                "'demo-1.0.data/x' lies in none of the places that wheels know "
                "(purelib, platlib, scripts, data, headers)"
            ),
        ),
    ],
)
def test_refuses(names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadWheelError) as caught:
        lay_out(*names)
    assert str(caught.value) == f"{WHEEL}: {sentence}"


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("", ()),
        ("[console_scripts]\nrun = demo.cli:main\n", (Command("run", "demo.cli", "main"),)),
        ("[console_scripts]\r\nrun=demo:App.main [extra]\r\n", (Command("run", "demo", "App.main"),)),
        ("# c\n[gui_scripts]\n; c\nb = d:m\na = d:m\n", (Command("a", "d", "m"), Command("b", "d", "m"))),
        ("[pytest11]\nnot a script at all\n[other]\nx = y\n", ()),
    ],
)
def test_parses_commands(text: str, commands: tuple[Command, ...]) -> None:
    assert parse_commands(text, filename=WHEEL) == commands


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "../../etc/x = demo:main",
            "its entry point '../../etc/x = demo:main' would put a program outside of bin/",
        ),
        (".. = demo:main", "its entry point '.. = demo:main' would put a program outside of bin/"),
        ("a\\b = demo:main", r"its entry point 'a\\b = demo:main' would put a program outside of bin/"),
        ("run = demo", "its entry point 'run = demo' does not name a function to run"),
        ("run", "its entry point 'run' does not name a function to run"),
        ("run = os;x:y", "its entry point 'run = os;x:y' does not name a function to run"),
        ("run = demo:main()", "its entry point 'run = demo:main()' does not name a function to run"),
        ("run = demo:class", "its entry point 'run = demo:class' does not name a function to run"),
    ],
)
def test_refuses_commands(line: str, sentence: str) -> None:
    with pytest.raises(BadWheelError) as caught:
        parse_commands(f"[console_scripts]\n{line}\n", filename=WHEEL)
    assert str(caught.value) == f"{WHEEL}: {sentence}"


@pytest.mark.parametrize(
    ("first_bytes", "length"),
    [
        (b"#!python\nprint()", 9),
        (b"#!pythonw\r\nprint()", 11),
        (b"#!python -E\nprint()", 12),
        (b"#!/bin/sh\n", 0),
        (b"\x7fELF", 0),
        (b"#!python", 0),
        (b"", 0),
    ],
)
def test_first_lines(first_bytes: bytes, length: int) -> None:
    assert head_length(first_bytes) == length


def test_every_runtime_has_an_interpreter_of_the_same_length() -> None:
    lines = {shebang(runtime.python) for runtime in RUNTIMES.values()} | {shebang(None)}
    assert len(lines) == len(RUNTIMES) + 1
    assert {len(line) for line in lines} == {27}


def test_a_program_finds_its_packages_beside_it() -> None:
    assert format_program(Command("run", "demo.cli", "App.main"), python=(3, 13)).decode() == (
        "#!/var/lang/bin/python3.13\n"
        "import os\n"
        "import sys\n"
        "\n"
        'packages = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "python")\n'
        "if packages not in sys.path:\n"
        "    sys.path.insert(1, packages)\n"
        "from demo.cli import App\n"
        "\n"
        'if __name__ == "__main__":\n'
        "    sys.exit(App.main())\n"
    )


def test_a_program_beside_code_finds_its_packages_above_it() -> None:
    made = format_program(Command("run", "demo", "main"), python=(3, 13), place=BESIDE_CODE).decode()
    assert made.splitlines()[4:6] == [
        "packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))",
        # What it requires may lie in a layer.
        'sys.path[1:1] = [packages, "/opt/python"]',
    ]
    assert len(made) < len(format_program(Command("run", "demo", "main"), python=(3, 13)))


@pytest.mark.parametrize(
    ("path", "in_layer", "beside_code", "recorded"),
    [
        ("python/demo/a.py", "python/demo/a.py", "demo/a.py", ("demo/a.py", "demo/a.py")),
        ("bin/run", "bin/run", "bin/run", ("../bin/run", "bin/run")),
        ("lib/libx.so", "lib/libx.so", "lib/libx.so", ("../lib/libx.so", "lib/libx.so")),
    ],
)
def test_places_of_zips(path: str, in_layer: str, beside_code: str, recorded: tuple[str, str]) -> None:
    assert (IN_LAYER.path(path), BESIDE_CODE.path(path)) == (in_layer, beside_code)
    assert (IN_LAYER.recorded(path), BESIDE_CODE.recorded(path)) == recorded


def test_record_is_sorted_quoted_and_relative_to_python() -> None:
    record = f"python/{INFO}/RECORD"
    rows = [("python/z.py", "zz", 3), ("python/a,b.py", "aa", 0), ("bin/run", "rr", 1), ("share/x", "xx", 12)]
    assert format_record(rows, record_path=record).decode().splitlines() == [
        '"a,b.py",sha256=aa,0',
        "../bin/run,sha256=rr,1",
        "../share/x,sha256=xx,12",
        f"{INFO}/RECORD,,",
        "z.py,sha256=zz,3",
    ]


def test_size_counts_what_is_written_beside_the_files() -> None:
    members = [File("demo.py", 100)]
    layout = make_layout(WHEEL, dist_info=INFO, members=members, commands=(), heads={})
    digest = "x" * 43
    record = format_record(
        [("python/demo.py", digest, 100), (f"python/{INFO}/INSTALLER", digest, 11)],
        record_path=layout.record_path,
    )
    assert unzipped_size(layout, members) == 100 + len("layerforge\n") + len(record)

"""What the checks say of native code, held against the loader of a real container."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from layerforge.containers.engine import Container, FileIn, Image
from layerforge.containers.opening import open_docker
from layerforge.native.probed import read_probed
from tests.e2e.shop import Shop
from tests.elf_files import make_elf
from tests.fakes import RecordingProgress
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

pytestmark = [pytest.mark.container, pytest.mark.slow]

TAG = "cp313-cp313-manylinux_2_17_x86_64"
CONFIG = 'name = "shop"\nruntime = "python3.13"\nbuilder = "wheels"\nbytecode = "off"\n'
MODULE = """
#include <Python.h>
int copied(void);
static struct PyModuleDef definition = {{PyModuleDef_HEAD_INIT, "{name}", 0, -1, 0}};
PyMODINIT_FUNC PyInit_{name}(void) {{ return copied() == 7 ? PyModule_Create(&definition) : 0; }}
"""
# `_first` and `_second` each load their own copy of one library, which needs a helper beside it.
SOURCES = {
    "/src/help.c": "int help(void) { return 7; }",
    "/src/copied.c": "int help(void); int copied(void) { return help(); }",
    **{f"/src/_{name}.c": MODULE.format(name=f"_{name}") for name in ("first", "second")},
}
COMPILE = """
set -e
cd /src; mkdir -p /out
include=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
gcc -shared -fPIC -o /out/libhelp.so -Wl,-soname,libhelp.so help.c
gcc -shared -fPIC -o /out/libcopied.so.1 -Wl,-soname,libcopied.so.1 -Wl,-rpath,'$ORIGIN' \
    copied.c -L/out -lhelp
for name in first second; do
    gcc -shared -fPIC -I$include -o /out/_$name.so _$name.c /out/libcopied.so.1 \
        -Wl,-rpath,"\\$ORIGIN/../$name.libs"
done
"""


@pytest.fixture(scope="module")
def compiled(build_image_313: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    into = tmp_path_factory.mktemp("compiled")
    engine = open_docker(RecordingProgress())
    try:
        outcome = engine.run(
            Container(
                image=build_image_313.id,
                architecture="x86_64",
                command=("/bin/sh", "-c", COMPILE),
                environment={},
                purpose="compile for a test",
                timeout=120,
            ),
            files=[FileIn(path, text.encode()) for path, text in SOURCES.items()],
            take="/out",
            into=into,
        )
    finally:
        engine.close()
    assert outcome.code == 0, outcome.stderr
    return {path.name: path.read_bytes() for path in into.rglob("*.so*")}


def make_shop(root: Path, index: LocalIndex, image: Image, config: str = "") -> Shop:
    shop = Shop(root=root, index=index)
    shop.write("orders/requirements.in", "pair\n")
    shop.write("orders/app.py", "import pair._first, pair._second\ndef handler(event, context): ...\n")
    shop.write(
        "layerforge.toml",
        f'{CONFIG}{config}[functions.orders]\nsource = "orders"\nhandler = "app.handler"\n'
        f'[container]\npull = "never"\n[container.run-image]\n"python3.13" = "{image.reference}"\n',
    )
    return shop


def pair(make_wheel: MakeWheel, compiled: dict[str, bytes], helpers: tuple[str, ...]) -> Path:
    files: dict[str, bytes | str] = {"pair/__init__.py": ""}
    for name in ("first", "second"):
        files[f"pair/_{name}.so"] = compiled[f"_{name}.so"]
        files[f"{name}.libs/libcopied.so.1"] = compiled["libcopied.so.1"]
    for name in helpers:
        files[f"{name}.libs/libhelp.so"] = compiled["libhelp.so"]
    return make_wheel("pair", files=files, tag=TAG)


def test_links_take_the_place_of_copies_and_everything_loads(
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    run_image_313: Image,
    compiled: dict[str, bytes],
) -> None:
    local_index.add(pair(make_wheel, compiled, ("first", "second")))
    shop = make_shop(tmp_path / "shop", local_index, run_image_313, "dedupe-native = true\n")
    built = shop.run("build", "--json")
    assert (built.code, built.document["findings"]) == (0, [])
    (native,) = built.document["native"].values()
    assert (native["files"], native["copied_bytes"]) == (4, 0)
    (layer,) = built.document["layers"]
    with zipfile.ZipFile(shop.output / layer["path"]) as archive:
        assert archive.read("python/second.libs/libcopied.so.1") == b"../first.libs/libcopied.so.1"
    verified = shop.run("verify", "--json")
    assert (verified.code, verified.document["findings"]) == (0, []), verified.stdout


def test_what_lies_beside_the_link_is_found_as_beside_the_copy(
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    run_image_313: Image,
    compiled: dict[str, bytes],
) -> None:
    """`$ORIGIN` is where the link lies: the helper is there, and not beside the file that stays."""
    local_index.add(pair(make_wheel, compiled, ("second",)))
    shop = make_shop(tmp_path / "shop", local_index, run_image_313, "dedupe-native = true\n")
    shop.write("orders/app.py", "import pair._second\ndef handler(event, context): ...\n")
    built = shop.run("build", "--json")
    # What stays lacks its helper, and so `_first` cannot be imported.
    assert [(one["code"], one["sentence"].partition(" of ")[0]) for one in built.document["findings"]] == [
        ("missing-library", "python/first.libs/libcopied.so.1")
    ]
    verified = shop.run("verify", "--json")
    assert verified.document["functions"]["orders"]["ok"], verified.stdout


def test_a_library_that_is_missing_is_missing_in_the_container(
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    run_image_313: Image,
    compiled: dict[str, bytes],
) -> None:
    local_index.add(pair(make_wheel, compiled, ()))
    shop = make_shop(tmp_path / "shop", local_index, run_image_313)
    built = shop.run("build", "--json")
    assert built.code == 8
    (finding,) = [one for one in built.document["findings"] if one["severity"] == "error"]
    assert (finding["code"], "libhelp.so" in finding["sentence"]) == ("missing-library", True)
    verified = shop.run("verify", "--json")
    assert verified.code == 8
    assert [(one["code"], "libhelp.so" in one["sentence"]) for one in verified.document["findings"]] == [
        ("missing-library", True)
    ]


def test_a_probed_image_tells_its_libraries_and_versions(
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    run_image_313: Image,
) -> None:
    """The test's image is Debian's: newer than Amazon Linux, which the probe must not make certain."""
    needy = make_elf(
        needed=["libc.so.6", "libcrypt.so.1", "libnowhere.so.1"],
        requires={"libc.so.6": ["GLIBC_2.38"]},
        modules=["_first"],
    )
    local_index.add(make_wheel("pair", files={"pair/_first.so": needy}, tag=TAG))
    shop = make_shop(tmp_path / "shop", local_index, run_image_313)

    def told() -> list[tuple[str, str, str]]:
        found = shop.run("build", "--json").document["findings"]
        # What else is told (nothing imports the distribution, say) is not what is held here.
        native = [one for one in found if " needs " in one["sentence"]]
        return [(one["severity"], one["code"], one["sentence"].split(" needs ")[1]) for one in native]

    assert [one[:2] for one in told()] == [("error", "glibc-too-old"), ("error", "missing-library")]
    probed = shop.run("check", "--probe")
    assert "wrote layerforge-runtimes.toml: 1 runtime; commit it" in probed.stderr, probed.stderr
    runtime = read_probed(shop.root)["python3.13-x86_64"]
    assert "GLIBC_2.38" in runtime.libraries["libc.so.6"]
    assert runtime.python.startswith("3.13.")
    assert {"boto3", "awslambdaric"} <= runtime.distributions.keys()
    # Only the image has them: warnings now; and what not even the image has stays an error.
    assert told() == [
        (
            "error",
            "missing-library",
            "libnowhere.so.1, which neither python3.13 nor a layer of the function has",
        ),
        (
            "warning",
            "glibc-too-old",
            "GLIBC_2.38 of libc.so.6, which newer images of python3.13 have, and not every function has yet",
        ),
        (
            "warning",
            "missing-library",
            "libcrypt.so.1, which AWS's image of python3.13 has, and the managed runtime need not have",
        ),
    ]

"""Sources with native code, built by a real engine in images like Lambda's, and what layers hold of them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from layerforge.containers.engine import Image
from tests.integration.containers.native_shop import files_of, make_shop, offer
from tests.local_index import LocalIndex
from tests.native_files import native_files, write_native_project
from tests.wheel_files import MakeWheel

pytestmark = [pytest.mark.container, pytest.mark.slow]

# A library that only the build image has, as the system's are; it is made before the extension is.
LIBRARY = (
    "printf 'int only(void) { return 42; }' > /tmp/only.c",
    "gcc -g -shared -fPIC -o /usr/lib/libonly.so.1 -Wl,-soname,libonly.so.1 /tmp/only.c",
)
LINKED = {
    "answer": "only()",
    "include": "int only(void);",
    "before": LIBRARY,
    "link": ["/usr/lib/libonly.so.1"],
}


def test_extensions_are_compiled_made_whole_and_run(
    tmp_path: Path,
    local_index: LocalIndex,
    container_toml: str,
    build_image_313: Image,
) -> None:
    offer(local_index, tmp_path / "sdists", "fast", requires=["linked"])
    offer(local_index, tmp_path / "sdists", "linked", **LINKED)
    shop = make_shop(tmp_path / "shop", local_index, container_toml, {"fast": "fast\n", "linked": "linked\n"})
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    held = files_of(shop)
    (library,) = [name for name in held if name.startswith("python/linked.libs/libonly-")]
    distributions = {one["name"]: one for layer in shop.manifest["layers"] for one in layer["distributions"]}
    image = f"{build_image_313.reference} {build_image_313.id}"
    assert [distributions[name]["built_in"] for name in ("fast", "linked")] == [image, image]
    # The library is found by where it lies, and not because the build image has it.
    assert (
        library.rpartition("/")[2].encode() in held[next(n for n in held if n.startswith("python/linked.cp"))]
    )
    shop.write("event.json", "{}")
    verified = shop.run("verify", "--invoke", "event.json")
    assert verified.code == 0, verified.stderr
    assert 'linked answered {"answer": 42}' in verified.stdout
    first = shop.zips()
    assert shop.run("build").stdout.endswith("nothing was done\n")
    # Built anew, by other containers: the same bytes.
    again = shop.run("build", "-o", ".layerforge", LAYERFORGE_CACHE_DIR=str(tmp_path / "other-cache"))
    assert (again.code, shop.zips()) == (0, first)


def test_debug_symbols_are_taken_out(
    tmp_path: Path, local_index: LocalIndex, container_toml: str, make_wheel: MakeWheel
) -> None:
    offer(local_index, tmp_path / "sdists", "fast")
    shop = make_shop(tmp_path / "shop", local_index, container_toml, {"fast": "fast\n"})
    assert shop.run("build").code == 0
    (extension,) = [name for name in files_of(shop) if name.endswith(".so")]
    whole = files_of(shop)[extension]
    config = (shop.root / "layerforge.toml").read_text()
    shop.write("layerforge.toml", config.replace("[container]", "[container]\nstrip = true", 1))
    ended = shop.run("build", "-v")
    assert ended.code == 0, ended.stderr
    small = files_of(shop)[extension]
    assert (b".debug_info" in whole, b".debug_info" in small, len(small) < len(whole)) == (True, False, True)
    (layer,) = shop.manifest["layers"]
    assert layer["unzipped_size"] == sum(map(len, files_of(shop).values()))
    shop.write("event.json", "{}")
    assert shop.run("verify", "--invoke", "event.json").code == 0
    # The same extension as a wheel of the index: stripped only because the config asks for it.
    local_index.add(
        make_wheel(
            "ready",
            files={"ready.cpython-313-x86_64-linux-gnu.so": whole, "ready-broken.so": whole[:3000]},
            tag="cp313-cp313-manylinux_2_17_x86_64",
        )
    )
    other = make_shop(tmp_path / "other", local_index, container_toml, {"ready": "ready\n"})
    # The build itself tells of the broken one.
    assert other.run("build").code == 8
    assert "stripped" not in other.manifest["layers"][0]
    config = (other.root / "layerforge.toml").read_text()
    other.write("layerforge.toml", config.replace("[container]", '[container]\nstrip = ["ready"]', 1))
    ended = other.run("build")
    assert ended.code == 8, ended.stderr
    assert files_of(other)["python/ready.cpython-313-x86_64-linux-gnu.so"] == small
    assert files_of(other)["python/ready-broken.so"] == whole[:3000]
    assert "note: 1 file of ready 1.0 keeps its debug symbols, as it cannot be tried without" in ended.stderr
    assert "\n  ready-broken.so: " in ended.stderr
    (layer,) = other.manifest["layers"]
    assert layer["unzipped_size"] == sum(map(len, files_of(other).values()))
    assert (layer["stripped"]["files"], layer["stripped"]["saved"]) == (1, len(whole) - len(small))
    # RECORD tells of the files as they are now.
    record = files_of(other)["python/ready-1.0.dist-info/RECORD"].decode()
    assert f",{len(small)}\n" in record


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (
            {"include": "#include <libxml/tree.h>"},
            (
                "the header libxml/tree.h is missing, which libxml2-dev is likely to have: in the config, "
                '[container.packages] broken = ["libxml2-dev"]'
            ),
        ),
        (
            {"link": ["-lxslt"]},
            (
                "the library xslt is missing, which libxslt1-dev is likely to have: in the config, "
                '[container.packages] broken = ["libxslt1-dev"]'
            ),
        ),
    ],
)
def test_what_does_not_compile_is_told_in_the_compiler_s_words(
    tmp_path: Path,
    local_index: LocalIndex,
    container_toml: str,
    options: Mapping[str, Any],
    hint: str,
) -> None:
    offer(local_index, tmp_path / "sdists", "broken", **options)
    shop = make_shop(tmp_path / "shop", local_index, container_toml, {"broken": "broken\n"})
    ended = shop.run("build")
    assert ended.code == 4
    assert "broken 1.0 cannot be built into a wheel in layerforge-test-build:python3.13-" in ended.stderr
    assert ("fatal error: libxml/tree.h: No such file" in ended.stderr) == ("include" in options)
    assert ("cannot find -lxslt" in ended.stderr) == ("link" in options)
    assert f"hint: {hint}\n" in ended.stderr
    assert not shop.output.exists()


def test_git_and_local_sources_go_the_same_way(
    tmp_path: Path, local_index: LocalIndex, container_toml: str, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("helper"))
    repository = write_native_project(tmp_path / "repository", native_files("checked", requires=["helper"]))
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    shop = make_shop(
        tmp_path / "shop",
        local_index,
        container_toml,
        {"checked": f"git+file://{repository}\n", "own": "../libs/own\n"},
    )
    write_native_project(shop.root / "libs/own", native_files("own", answer="7"))
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    names = {
        one["name"]: one.get("built_in")
        for layer in shop.manifest["layers"]
        for one in layer["distributions"]
    }
    # What the backend tells of its requirements was asked in a container, too.
    assert set(names) == {"checked", "helper", "own"}
    assert [names["helper"] is None, names["checked"] == names["own"], bool(names["own"])] == [
        True,
        True,
        True,
    ]
    shop.write("event.json", "{}")
    verified = shop.run("verify", "--invoke", "event.json")
    assert verified.code == 0, verified.stderr
    assert 'own answered {"answer": 7}' in verified.stdout


def test_without_an_engine_it_is_said_what_would_build_it(
    tmp_path: Path, local_index: LocalIndex, container_toml: str
) -> None:
    offer(local_index, tmp_path / "sdists", "fast")
    shop = make_shop(
        tmp_path / "shop", local_index, container_toml, {"fast": "fast\n"}, top='builder = "container"'
    )
    ended = shop.run("build", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert (ended.code, "DOCKER_HOST names does not answer" in ended.stderr) == (6, True)

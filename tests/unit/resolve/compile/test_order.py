from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from layerforge.model.target import RUNTIMES, Target
from layerforge.resolve.compile.libraries import compiler_policy, glibc_policy
from layerforge.resolve.compile.order import (
    Instructions,
    Order,
    command_of,
    files_of,
    request_of,
)

ORDER = Order(
    label="demo 1.0",
    name="demo",
    target=Target(runtime="python3.11", architecture="arm64"),
    source=Path("/cache/blobs/ab/abcd"),
    filename="demo-1.0.tar.gz",
)
INSTRUCTIONS = Instructions(
    packages=("libpq-devel",),
    packages_by_manager=(("dnf", ("libxml2-devel",)),),
    strip=True,
    environment={"CFLAGS": "-O2"},
    config_settings=(("opt", "1"), ("opt", "2")),
)


def test_request() -> None:
    asked = request_of(ORDER, "wheel", INSTRUCTIONS)
    provided = asked.pop("provided")
    assert asked == {
        "mode": "wheel",
        "source": "/tmp/layerforge/in/demo-1.0.tar.gz",
        "subdirectory": None,
        "packages": ["libpq-devel"],
        "packages_by_manager": {"dnf": ["libxml2-devel"]},
        "strip": True,
        "environment": {"CFLAGS": "-O2"},
        "config_settings": [["opt", "1"], ["opt", "2"]],
        "machine": "aarch64",
        "glibc": "manylinux_2_26",
        "compiler_libraries": "manylinux_2_27",
    }
    assert isinstance(provided, list)
    assert {"libc.so.6", "libstdc++.so.6", "libgcc_s.so.1"} <= set(provided)
    # What PyPI's policies take for granted, and Lambda does not have.
    assert not {"libX11.so.6", "libGL.so.1", "libglib-2.0.so.0", "libexpat.so.1", "libz.so.1"} & set(provided)


def test_the_interpreter_is_the_images_own() -> None:
    assert command_of(ORDER) == (
        "/var/lang/bin/python3.11",
        "/tmp/layerforge/build_wheel.py",
        "/tmp/layerforge/in/request.json",
    )


def test_files_are_the_program_its_request_the_source_and_auditwheel() -> None:
    files = {file.path: file.data for file in files_of(ORDER, "wheel", INSTRUCTIONS)}
    assert files["/tmp/layerforge/in/demo-1.0.tar.gz"] == Path("/cache/blobs/ab/abcd")
    request = files["/tmp/layerforge/in/request.json"]
    assert isinstance(request, bytes)
    assert json.loads(request) == request_of(ORDER, "wheel", INSTRUCTIONS)
    tools = {path.removeprefix("/tmp/layerforge/tools/") for path in files if "/tools/" in path}
    assert {
        "auditwheel/repair.py",
        "auditwheel/policy/manylinux-policy.json",
        "elftools/elf/elffile.py",
        "packaging/tags.py",
    } <= tools
    assert all(
        isinstance(data, bytes) or data.is_file() for path, data in files.items() if "/in/" not in path
    )
    assert len(files_of(ORDER, "metadata", INSTRUCTIONS)) == 4


def test_every_runtime_has_policies_that_auditwheel_knows() -> None:
    policies = json.loads(
        next(
            file.data
            for file in files_of(ORDER, "wheel", INSTRUCTIONS)
            if file.path.endswith("/manylinux-policy.json") and isinstance(file.data, Path)
        ).read_bytes()
    )
    known = {policy["name"]: policy["symbol_versions"] for policy in policies}
    for runtime in RUNTIMES:
        for architecture, machine in (("x86_64", "x86_64"), ("arm64", "aarch64")):
            target = Target(runtime=runtime, architecture=architecture)
            assert machine in known[glibc_policy(target)]
            assert machine in known[compiler_policy(target)]


def test_instructions_count_in_any_order_but_not_otherwise() -> None:
    one = Instructions(packages=("a", "b"), environment={"X": "1", "Y": "2"})
    same = Instructions(packages=("b", "a"), environment={"Y": "2", "X": "1"})
    assert one.digest == same.digest
    others = [
        dataclasses.replace(one, packages=("a",)),
        dataclasses.replace(one, environment={"X": "1"}),
        dataclasses.replace(one, config_settings=(("k", "v"),)),
        dataclasses.replace(one, packages_by_manager=(("dnf", ("c",)),)),
        dataclasses.replace(one, strip=True),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 6

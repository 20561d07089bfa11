from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.native.probed import PROBED_FILE, format_probed, parse_probed, read_probed, write_probed
from layerforge.native.runtime import ProbedRuntime

RUNTIME = ProbedRuntime(
    image="public.ecr.aws/lambda/python@sha256:00",
    python="3.13.5",
    libraries={"libz.so.1": ("ZLIB_1.2.0", "ZLIB_1.2.9"), "libuuid.so.1": ()},
    distributions={"boto3": "1.43.46"},
)
TEXT = """\
# What `layerforge check --probe` read out of the run images: libraries with their versions,
# and what Python brings. Commit this file: native code is judged by it, the same for everybody.

["python3.13-x86_64"]
image = "public.ecr.aws/lambda/python@sha256:00"
python = "3.13.5"

["python3.13-x86_64".distributions]
boto3 = "1.43.46"

["python3.13-x86_64".libraries]
"libuuid.so.1" = []
"libz.so.1" = [
    "ZLIB_1.2.0",
    "ZLIB_1.2.9",
]
"""


def test_text_and_value() -> None:
    assert format_probed({"python3.13-x86_64": RUNTIME}) == TEXT
    assert parse_probed(TEXT) == {"python3.13-x86_64": RUNTIME}


def test_targets_that_were_not_probed_again_stay(tmp_path: Path) -> None:
    assert read_probed(tmp_path) == {}
    write_probed(tmp_path, {"python3.13-x86_64": RUNTIME})
    write_probed(tmp_path, {"python3.12-arm64": RUNTIME})
    assert sorted(read_probed(tmp_path)) == ["python3.12-arm64", "python3.13-x86_64"]
    # A file that nobody can read is written anew.
    (tmp_path / PROBED_FILE).write_text("[[")
    write_probed(tmp_path, {"python3.12-arm64": RUNTIME})
    assert sorted(read_probed(tmp_path)) == ["python3.12-arm64"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[", f"{PROBED_FILE}: it is not TOML ("),
        ("x = 1", f"{PROBED_FILE}: x: unexpected key (expected a target such as 'python3.13-x86_64')"),
        (
            '"python3.13-arm64" = 1',
            f"{PROBED_FILE}: python3.13-arm64: unexpected type int (expected a table)",
        ),
        (
            '["python3.13-arm64"]\nlibs = 1',
            f"{PROBED_FILE}: python3.13-arm64.libs: unexpected key (expected one of image, python, ",
        ),
        (
            '["python3.13-arm64"]\nlibraries = 1',
            f"{PROBED_FILE}: python3.13-arm64.libraries: unexpected type int (expected a table)",
        ),
        (
            '["python3.13-arm64".libraries]\n"libz.so.1" = [1]',
            f"{PROBED_FILE}: python3.13-arm64.libraries.libz.so.1: unexpected value (expected an array of ",
        ),
        (
            '["python3.13-arm64".distributions]\nboto3 = 1',
            f"{PROBED_FILE}: python3.13-arm64.distributions.boto3: unexpected value (expected a string)",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_probed(text)
    assert str(caught.value).startswith(sentence)
    assert caught.value.hint == "run `layerforge check --probe` to write it anew, or remove it"

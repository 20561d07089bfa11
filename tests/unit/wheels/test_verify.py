from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from layerforge.wheels.contents import read_contents
from layerforge.wheels.directory import BadWheelError, WheelReader
from layerforge.wheels.verify import Entry, verify_entries
from tests.wheel_files import Lies, MakeWheel

WHEEL = "demo-1.0-py3-none-any.whl"


def verify(path: Path) -> tuple[Entry, ...]:
    with path.open("rb") as stream:
        reader = WheelReader(stream, filename=path.name)
        return verify_entries(reader, read_contents(reader))


def digest(data: bytes, algorithm: str = "sha256") -> str:
    return base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()


def test_tells_where_each_stream_lies_and_what_it_holds(make_wheel: MakeWheel) -> None:
    content = b"x = 1\n" * 50
    path = make_wheel("demo", files={"demo.py": content}, modes={"demo.py": 0o755})
    entry = verify(path)[0]
    assert (entry.name, entry.size, entry.executable) == ("demo.py", 300, True)
    assert entry.sha256 == digest(content)
    assert entry.offset == 30 + len("demo.py")


@pytest.mark.parametrize(
    ("lies", "sentence"),
    [
        (Lies(overrides={"demo.py": "y"}), "'demo.py' is not the file that its RECORD describes"),
        (Lies(record={"demo.py": None}), "its RECORD does not list 'demo.py'"),
        (Lies(overrides={"demo.py": None}), "its RECORD lists 'demo.py', which it does not hold"),
        (Lies(entries=[("more.py", "x")]), "its RECORD does not list 'more.py'"),
        (
            Lies(record={"demo.py": f"demo.py,sha256={digest(b'x')},7"}),
            "'demo.py' has 1 bytes where its RECORD says 7",
        ),
        (
            Lies(record={"demo.py": "demo.py,md5=abc,1"}),
            "its RECORD gives 'md5=abc' for 'demo.py', not a sha256",
        ),
        (Lies(overrides={"demo-1.0.dist-info/RECORD": None}), "it has no demo-1.0.dist-info/RECORD"),
        (
            Lies(overrides={"demo-1.0.dist-info/RECORD": b"\xff"}),
            (
                "its RECORD cannot be read ('utf-8' codec can't decode byte 0xff in position 0: "
                "invalid start byte)"
            ),
        ),
    ],
)
def test_refuses_wheels_whose_record_lies(make_wheel: MakeWheel, lies: Lies, sentence: str) -> None:
    path = make_wheel("demo", files={"demo.py": "x"}, lies=lies)
    with pytest.raises(BadWheelError) as caught:
        verify(path)
    assert str(caught.value) == f"{WHEEL}: {sentence}"


@pytest.mark.parametrize(
    "lies",
    [
        Lies(entries=[("demo-1.0.dist-info/RECORD.jws", "{}")]),
        Lies(entries=[("demo-1.0.dist-info/RECORD.p7s", "x")]),
        Lies(entries=[("demo/", "")], record={"demo/": "demo/,,"}),
        Lies(record={"demo.py": "demo.py,,"}),
        Lies(record={"demo.py": f"demo.py,sha512={digest(b'x', 'sha512')},1"}),
        Lies(record={"demo.py": f'"demo.py","sha256={digest(b"x")}=",1'}),
    ],
)
def test_accepts_what_installers_accept(make_wheel: MakeWheel, lies: Lies) -> None:
    assert verify(make_wheel("demo", files={"demo.py": "x"}, lies=lies))[0].sha256 == digest(b"x")


@pytest.mark.parametrize(
    ("at", "byte", "sentence"),
    [
        (40, 0xEE, "the checksum of 'demo.py' does not match"),
        (
            0,
            0x07,
            "'demo.py' cannot be unpacked (Error -3 while decompressing data: invalid block type)",
        ),
    ],
)
def test_refuses_damaged_data(make_wheel: MakeWheel, at: int, byte: int, sentence: str) -> None:
    # Every byte once: deflate cannot compress that, and stores it after 5 bytes of its own.
    path = make_wheel("demo", files={"demo.py": bytes(range(256))})
    data = bytearray(path.read_bytes())
    data[30 + len("demo.py") + at] = byte
    path.write_bytes(data)
    with pytest.raises(BadWheelError) as caught:
        verify(path)
    assert str(caught.value) == f"{WHEEL}: {sentence}"

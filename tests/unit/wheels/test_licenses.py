from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser

import pytest

from layerforge.wheels.license_names import ALIASES, CLASSIFIERS
from layerforge.wheels.licenses import canonical_license, read_license


def metadata(*lines: str) -> Message:
    return HeaderParser().parsestr(
        "\n".join(["Metadata-Version: 2.4", "Name: demo", *lines, "", "License: X"])
    )


@pytest.mark.parametrize(
    ("lines", "license_"),
    [
        ([], None),
        (["License-Expression: mit or apache-2.0"], "MIT OR Apache-2.0"),
        (["License-Expression: MIT", "Classifier: License :: OSI Approved :: BSD License"], "MIT"),
        (["License-Expression: no such thing", "License: MIT"], "MIT"),
        (["License: UNKNOWN"], None),
        (["License: BSD-3-Clause"], "BSD-3-Clause"),
        (["License: The MIT License (MIT)"], "MIT"),
        (["License: Apache License, Version 2.0"], "Apache-2.0"),
        (["License: GPLv3+"], "GPL-3.0-or-later"),
        (["License: LGPLv3"], "LGPL-3.0-only"),
        (["License: Dual License"], "LicenseRef-Dual-License"),
        # A text whose first line is its name; one whose first line is nothing.
        (["License: MIT License", "        ", "        Copyright (c) 2024"], "MIT"),
        (["License: Copyright (c) 2024 Somebody", "        Redistribution is allowed"], None),
        (["License: BSD", "Classifier: License :: OSI Approved :: BSD License"], "LicenseRef-BSD"),
        (["License: BSD", "Classifier: License :: OSI Approved :: MIT License"], "MIT"),
        (["License: BSD"], "LicenseRef-BSD"),
        (["Classifier: License :: OSI Approved"], None),
        (["Classifier: Topic :: Software"], None),
        (["Classifier: License :: Free for non-commercial use"], "LicenseRef-Free-for-non-commercial-use"),
        (
            [
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: License :: OSI Approved :: Apache Software License",
            ],
            "Apache-2.0 AND MIT",
        ),
        (["License: <script>alert(1)</script>"], "LicenseRef-script-alert-1-script"),
        (["License: !!!"], "LicenseRef-Unnamed"),
    ],
)
def test_the_licence_is_told_as_precisely_as_the_metadata_does(
    lines: list[str], license_: str | None
) -> None:
    assert read_license(metadata(*lines)) == license_


@pytest.mark.parametrize("name", sorted({*CLASSIFIERS.values(), *ALIASES.values()}))
def test_every_name_in_the_tables_is_an_expression_in_its_normal_form(name: str) -> None:
    assert canonical_license(name) == name


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="MIT OR OR"):
        canonical_license("MIT OR OR")

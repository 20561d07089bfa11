"""Which shared libraries Lambda's runtimes bring, so that all others are put into the wheel."""

from __future__ import annotations

from layerforge.model.target import Target

# glibc's own libraries know each other's insides, so none of them may be carried along; libgcc and
# libstdc++ are what the interpreter's own modules are linked with. manylinux takes many more for
# granted (X11, GL, glib, expat, zlib) that a Lambda runtime need not have: those are carried.
# Source: `rpm -qa` and `rpm -ql glibc libgcc libstdc++` in the run images of Amazon Linux 2 and 2023
# (https://github.com/amazonlinux/amazon-linux-2023/issues/585 lists the packages of python:3.12).
PROVIDED_LIBRARIES = (
    "libBrokenLocale.so.1",
    "libanl.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libmvec.so.1",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libthread_db.so.1",
    "libutil.so.1",
)
# auditwheel's policy whose libgcc and libstdc++ are the system's: GCC 7.3 (GLIBCXX_3.4.24) and
# GCC 11 (GLIBCXX_3.4.29). The glibc of Amazon Linux 2 is older than the one that policy is for.
_COMPILER_LIBRARIES = {"Amazon Linux 2": "manylinux_2_27", "Amazon Linux 2023": "manylinux_2_34"}


def glibc_policy(target: Target) -> str:
    """`manylinux_2_34`: the policy that has the target's glibc."""
    major, minor = target.facts.glibc
    return f"manylinux_{major}_{minor}"


def compiler_policy(target: Target) -> str:
    """The policy that has the target's libgcc and libstdc++."""
    return _COMPILER_LIBRARIES[target.facts.os]

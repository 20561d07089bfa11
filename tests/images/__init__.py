"""Images like Lambda's, made on this machine: no registry is needed, and none of theirs can be reached in CI.

`python -m tests.images` makes them all. They prove the machinery (paths, users, the runtime client, the
emulator), never that something fits Amazon Linux: Debian's glibc is newer.
"""

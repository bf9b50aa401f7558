"""Pointers of Git LFS: small files that stand for large ones until these are downloaded."""

POINTER = b"version https://git-lfs.github.com/"
"""The first bytes of a pointer."""
IS_POINTER = "is a Git LFS pointer, not the file itself: `git lfs pull` downloads it"
"""The end of a message about one, after its name."""

"""The profiles of a project: the shipped ones, and those of its ``factory.yaml``."""

from collections.abc import Mapping

from engines.profiles import SHIPPED, Profile, merged
from schemas.near import near


class OwnProfile(Profile):
    """A profile in ``factory.yaml``.

    Attributes:
        base: The profile whose values it has where it sets none.
    """

    base: str = "chat"


Own = Mapping[str, OwnProfile]


def profile_named(name: str, own: Own) -> Profile:
    """The values of a profile, with those of its bases.

    Raises:
        ValueError: There is no such profile, or profiles are based on each other.
    """
    changes: list[OwnProfile] = []
    based = [name]
    while name in own:
        changes.insert(0, own[name])
        name = own[name].base
        if name in based:
            raise ValueError(f"profiles are based on each other: {', '.join(based)}")
        based.append(name)
    if name not in SHIPPED:
        raise ValueError(f"there is no profile {name!r}; {near(name, [*SHIPPED, *own])}")
    profile = SHIPPED[name]
    for change in changes:
        profile = merged(profile, change)
    return profile


def check_profiles(own: Own) -> None:
    """Check the profiles of ``factory.yaml``.

    Raises:
        ValueError: One has the name of a shipped profile, or no such base.
    """
    for name in own:
        if name in SHIPPED:
            raise ValueError(f"{name!r} is the name of a shipped profile: choose another name")
        profile_named(name, own)

"""The conditions that the licences of sources and models put on the data made from them.

Only terms that the licences state are listed, and only for the licences in `KNOWN`. Other licences,
and missing ones, are reported as unknown. Nothing is assumed about them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNSTATED = ("", "none", "unknown", "?")


@dataclass(frozen=True)
class Terms:
    """The terms of a licence.

    Attributes:
        credit: The authors must be credited.
        same_licence: Derived work must have the same licence.
        no_commerce: Commercial use is not allowed.
        no_changes: Changed versions must not be passed on.
        outputs: For a model: the terms for texts that it wrote.
    """

    credit: bool = False
    same_licence: bool = False
    no_commerce: bool = False
    no_changes: bool = False
    outputs: str | None = None


_LLAMA_2 = "texts it wrote may not be used to improve other language models than Llama's own"
_LLAMA_3 = (
    "a model trained on texts it wrote and passed on must have a name that begins with 'Llama', "
    "and 'Built with Llama' must be shown"
)
_GEMMA = "a model trained on texts it wrote to behave like it is bound by its use restrictions"

KNOWN: Mapping[str, Terms] = {
    "cc0-1.0": Terms(),
    "pddl": Terms(),
    "unlicense": Terms(),
    "mit": Terms(credit=True),
    "apache-2.0": Terms(credit=True),
    "bsd-2-clause": Terms(credit=True),
    "bsd-3-clause": Terms(credit=True),
    "cc-by-2.0": Terms(credit=True),
    "cc-by-3.0": Terms(credit=True),
    "cc-by-4.0": Terms(credit=True),
    "cc-by-sa-3.0": Terms(credit=True, same_licence=True),
    "cc-by-sa-4.0": Terms(credit=True, same_licence=True),
    "cc-by-nc-2.0": Terms(credit=True, no_commerce=True),
    "cc-by-nc-3.0": Terms(credit=True, no_commerce=True),
    "cc-by-nc-4.0": Terms(credit=True, no_commerce=True),
    "cc-by-nc-sa-3.0": Terms(credit=True, same_licence=True, no_commerce=True),
    "cc-by-nc-sa-4.0": Terms(credit=True, same_licence=True, no_commerce=True),
    "cc-by-nd-4.0": Terms(credit=True, no_changes=True),
    "cc-by-nc-nd-4.0": Terms(credit=True, no_commerce=True, no_changes=True),
    "odc-by": Terms(credit=True),
    "odbl": Terms(credit=True, same_licence=True),
    "gpl-3.0": Terms(credit=True, same_licence=True),
    "agpl-3.0": Terms(credit=True, same_licence=True),
    "llama2": Terms(credit=True, outputs=_LLAMA_2),
    "llama3": Terms(credit=True, outputs=_LLAMA_2),
    "llama3.1": Terms(credit=True, outputs=_LLAMA_3),
    "llama3.2": Terms(credit=True, outputs=_LLAMA_3),
    "llama3.3": Terms(credit=True, outputs=_LLAMA_3),
    "gemma": Terms(credit=True, outputs=_GEMMA),
}
"""The terms of each known licence, by its identifier on the Hub."""


def identifier(licence: str | None) -> str:
    """The Hub's identifier of a licence.

    Returns:
        The identifier; ``unknown`` if no licence was stated; ``other`` if it is not in `KNOWN`.
    """
    name = "-".join((licence or "").lower().split())
    if name in UNSTATED:
        return "unknown"
    return name if name in KNOWN else "other"


def identifiers(
    sources: Iterable[tuple[str, str]], models: Iterable[tuple[str, str | None]] = ()
) -> list[str]:
    """The licences that `consequences` speaks of, as the Hub's identifiers.

    They are those of the sources. A model adds its own if it is unknown or another, or if it has
    terms for the texts that the model wrote.
    """
    stated = {identifier(licence) for _, licence in sources}
    for _, licence in models:
        known = KNOWN.get(identifier(licence))
        if known is None or known.outputs:
            stated.add(identifier(licence))
    return sorted(stated)


def card_fields(
    sources: Iterable[tuple[str, str]],
    models: Iterable[tuple[str, str | None]] = (),
    *,
    several: bool,
) -> dict[str, Any]:
    """The fields of a card that name its licence: those of `identifiers`, which the Hub shows.

    Args:
        sources: (name, licence) of each source of prompts.
        models: (name, licence or None) of each model that wrote or judged texts.
        several: Whether the field can hold several licences, as that of a dataset. A model has one,
            or ``other`` with a name.
    """
    sources, models = list(sources), list(models)
    found = identifiers(sources, models)
    if len(found) > 1 and several:
        return {"license": found}
    if len(found) == 1 and found != ["other"]:
        return {"license": found[0]}
    own = [licence for _, licence in [*sources, *models] if identifier(licence) == "other"]
    named = own if found == ["other"] else found
    words = (re.sub(r"[^a-z0-9.]+", "-", (one or "").lower()).strip("-") for one in named)
    name = "-and-".join(dict.fromkeys(word for word in words if word)) or "unknown"
    return {"license": "other", "license_name": name, "license_link": "README.md#licences"}


def consequences(
    sources: Iterable[tuple[str, str]], models: Iterable[tuple[str, str | None]] = ()
) -> list[str]:
    """The conditions for users of the data, the strictest first.

    Args:
        sources: (name, licence) of each source of prompts.
        models: (name, licence or None) of each model that wrote or judged texts.

    Returns:
        One sentence for each condition. Names are not escaped.
    """
    terms = [
        (name, identifier(licence), licence) for name, licence in dict.fromkeys(tuple(sources))
    ]
    sentences = _unknown(terms, "source") + _unknown(
        [(name, identifier(licence), licence) for name, licence in dict.fromkeys(tuple(models))],
        "model",
    )

    def under(flag: str) -> dict[str, list[str]]:
        by_licence: dict[str, list[str]] = {}
        for name, licence, _ in terms:
            if licence in KNOWN and getattr(KNOWN[licence], flag):
                by_licence.setdefault(licence, []).append(name)
        return by_licence

    for licence, names in under("no_changes").items():
        sentences.append(
            f"{_listed(names)} ({licence}) may not be passed on in changed form: whether rows made "
            "from it may be passed on at all has to be cleared first."
        )
    for licence, names in under("no_commerce").items():
        sentences.append(f"No commercial use: {_listed(names)} is under {licence}.")
    alike = under("same_licence")
    for licence, names in alike.items():
        sentences.append(
            f"What is made from the rows of {_listed(names)} must be passed on under {licence} too."
        )
    if len(alike) > 1:
        sentences.append(
            f"{_listed(sorted(alike))} each want all of a work for themselves: keep their rows "
            "apart (column `licence`) when passing them on."
        )
    for name, stated in dict.fromkeys(models):
        outputs = KNOWN[identifier(stated)].outputs if identifier(stated) in KNOWN else None
        if outputs:
            sentences.append(f"{name} ({identifier(stated)}): {outputs}.")
    for licence, names in under("credit").items():
        sentences.append(f"Credit is due to {_listed(names)} ({licence}).")
    return sentences or ["No conditions: all sources are given to the public domain."]


def _unknown(terms: Iterable[tuple[str, str, str | None]], kind: str) -> list[str]:
    unstated = [name for name, licence, _ in terms if licence == "unknown"]
    other = [f"{name} ({stated})" for name, licence, stated in terms if licence == "other"]
    sentences = []
    if unstated:
        sentences.append(
            f"The licence of {kind} {_listed(unstated)} is unknown: nothing gives a right to use "
            "or pass on what comes from it until its owner has been asked."
        )
    if other:
        sentences.append(
            f"What the licence of {kind} {_listed(other)} asks is not known here: read it first."
        )
    return sentences


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))

"""The page of measured claims in the docs, with a table for each world."""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.project.measure import without_verdict
from assets.provenance.kept_claims import is_of

if TYPE_CHECKING:
    from assets.project.project import Project

RESULTS, TABLE = "claims.json", "claims.md"
_COLUMNS = (
    *("recipe", "paper", "claim", "control", "policy"),
    *("prompts", "rounds", "seeds", "what came out", "verdict"),
)


def write_claims(folder: Path, claims: Iterable[Mapping[str, Any]], project: "Project") -> None:
    """Write ``claims`` into the tables in ``folder``. Earlier results of other recipes, and of
    other worlds, stay, unless their recipe claims something else now."""
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / RESULTS
    earlier = json.loads(results.read_text()) if results.exists() else []
    kept = {(claim["world"], claim["id"]): dict(claim) for claim in [*earlier, *claims]}
    known = [
        kept[world, name]
        for world, name in sorted(kept)
        if name in project.recipes and is_of(kept[world, name], project.recipes[name])
    ]
    results.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")
    lines = [
        "# What the recipes claim, and what came out",
        "",
        "Written by `factory claims --docs docs`, not by hand. A world is a source of prompts",
        "whose check tells the truth of every answer. The interval is of the difference that",
        "decides a claim (95 %, bootstrap over prompts). If it holds the boundary, which is 0 or",
        "what the claim allows, the claim is undecided. Then the text says how many prompts would",
        "decide with a chance of 80 %, if the difference is as measured. A claim that did not hold",
        "stays here as it is. One whose words or rounds have changed since it was measured is not",
        "here until it is measured again. What a row does not say was not recorded.",
    ]
    for world, members in groupby(known, key=lambda claim: claim["world"]):
        lines += [
            "",
            f"## {world}",
            "",
            f"| {' | '.join(_COLUMNS)} |",
            f"|{' --- |' * len(_COLUMNS)}",
            *(_line(claim, project) for claim in members),
        ]
    (folder / TABLE).write_text("\n".join(lines) + "\n")


def _line(claim: Mapping[str, Any], project: "Project") -> str:
    recipe = project.recipes[claim["id"]]
    cells = (
        f"`{recipe.name}`",
        recipe.paper.title,
        claim["claim"],
        f"`{recipe.control}`" if recipe.control else "in the recipe",
        f"`{claim['policy']}`",
        *(str(claim.get(name, "")) for name in ("rows", "rounds", "seeds")),
        without_verdict(claim["says"]) or claim["says"],
        claim["verdict"] or "not measured",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

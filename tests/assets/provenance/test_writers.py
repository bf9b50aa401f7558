"""Who wrote imported answers is told, or that nobody said it."""

from typing import Any

from assets.provenance.licences import consequences
from assets.provenance.writers import WRITER, imported_writers
from assets.storage.tables import Tables, write_split
from schemas import Dropped as DroppedRows
from schemas import Responses, Split, empty, rows

REFRESH = "2026-11-01"
STAGES = {"responses": {"use": "generators.ImportedResponses", "dataset": "bought"}}


def test_the_models_that_wrote_imported_answers_are_named(workshop: Any) -> None:
    workshop.recipe("bought", STAGES)
    project = workshop.project()
    said = [
        {
            "response_id": f"{number}",
            "prompt_id": f"p{number}",
            "text": "An answer",
            "finish": "stop",
            "tokens": 2,
            "origin": {
                "operator": "import trl",
                "model": model,
                "parameters": "{}",
                "seed": None,
                "parents": [],
            },
        }
        for number, model in enumerate(("owner/writer", None, "owner/writer"))
    ]
    tables = Tables(project.settings.root_path)
    split = Split(rows(Responses, said), empty(DroppedRows))
    write_split(tables.path(("bought", "responses"), REFRESH), split)
    stages = project.recipes["bought"].planned(project.settings)
    found = imported_writers(tables, "bought", stages, [REFRESH], project.settings.imports_path)
    assert [(each.role, each.name, each.licence) for each in found] == [
        (WRITER, "owner/writer", None),
        (WRITER, "unknown writers of bought", None),
    ]
    words = consequences([("shelf", "MIT")], [(each.name, each.licence) for each in found])
    assert "owner/writer, unknown writers of bought is unknown" in words[0]

"""ProcessBench's published format, and its solutions as responses."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError
from upath import UPath

from engines.model import Models
from engines.recorded import RecordedSolution, as_reference, recorded
from engines.rows import Prompt
from engines.tokens import tokenizing
from generators.columns import SourceError
from generators.drafts import Draft, Refusal
from generators.files import content_revision
from generators.generator import Generator
from generators.segment import spans
from schemas import ScoringRole, SourceRowError, canonical

COLUMNS = ("id", "generator", "problem", "steps", "final_answer_correct", "label")


class ProcessBench(BaseModel):
    """Problems with solutions whose first wrong step is known, as ProcessBench publishes them
    (Zheng et al. 2024, arXiv:2412.06559; the data is Apache-2.0).

    ``path``: a file of its rows, JSON (a list), JSON lines or Parquet, or a folder of such files,
    read in the order of their names; any `UPath`. A row has ``id``, ``generator``, ``problem``,
    ``steps`` (paragraphs), ``final_answer_correct`` and ``label``, the index of the first wrong
    step or -1. A problem with several solutions is one prompt, whose reference brings them all
    (`engines.recorded`), for `Recorded` and `annotators.RecordedError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    licence: str = "Apache-2.0"
    name: str = "processbench"

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        """Problems from number ``start``, in the order in which they first come; before them, as
        `SourceRowError`, the rows that are not in the format.

        Raises `SourceError` if a file is missing, empty, or cannot be read.
        """
        files = self._files()
        errors: list[SourceRowError] = []
        problems: dict[str, list[RecordedSolution]] = {}
        for file in files:
            for number, row in enumerate(_rows(file)):
                where = f"{file.name}, row {number}"
                try:
                    problem, solution = _read(row)
                except ValueError as error:
                    errors.append(SourceRowError(where, str(error)))
                else:
                    problems.setdefault(problem, []).append(solution)
        revision = content_revision(files)
        tasks = (
            {
                "messages": [{"role": "user", "content": problem}],
                "reference": as_reference(solutions),
                "source": self.name,
                "source_revision": revision,
                "licence": self.licence,
            }
            for problem, solutions in problems.items()
        )
        return islice([*errors, *tasks], start, None)

    def _files(self) -> list[UPath]:
        path = UPath(self.path)
        if path.is_dir():
            kinds = (".json", ".jsonl", ".parquet")
            found = sorted((f for f in path.iterdir() if f.suffix in kinds), key=lambda f: f.name)
        else:
            found = [path] if path.exists() else []
        if not found:
            raise SourceError(
                f"there is nothing of ProcessBench at {path}: download its files (gsm8k.json, "
                "math.json, …) from the Hub dataset Qwen/ProcessBench, and give their folder"
            )
        return found


class Recorded(Generator):
    """The solutions that a benchmark brings with each prompt (`ProcessBench`), as responses that
    are cut into its steps. Calls no model; ``model`` is the role whose tokens are counted.

    A prompt is dropped if its reference brings no solutions, or a token of the role's tokenizer
    lies across the end of a step.
    """

    model: ScoringRole = "reward"

    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft] | Refusal:
        """One draft a solution."""
        of = tokenizing(models.context.roles[self.model])
        drafts = []
        for one in recorded(prompt.reference):
            ends = list(accumulate(map(len, one.steps)))
            steps = spans(of, one.text, ends[:-1])
            if [span.end for span in steps] != ends:
                return Refusal("a token lies across the end of a step", {"solution": one.name})
            made = canonical({"recorded": one.name, "author": one.author})
            tokens = steps[-1].token_end
            drafts.append(Draft(one.text, "stop", tokens, None, made, None, steps=tuple(steps)))
        return drafts


def _read(row: Any) -> tuple[str, RecordedSolution]:
    """The problem and the solution of a row. Raises `ValueError` if it is not in the format."""
    if not isinstance(row, Mapping):
        raise ValueError("not an object {column: value}")
    missing = [column for column in COLUMNS if column not in row]
    if missing:
        raise ValueError(f"no column {', '.join(map(repr, missing))}")
    problem = row["problem"]
    if not isinstance(problem, str) or not problem.strip():
        raise ValueError("'problem' is no text")
    try:
        return problem, RecordedSolution(
            name=str(row["id"]),
            author=row["generator"],
            paragraphs=row["steps"],
            first_error=row["label"],
            answer_right=row["final_answer_correct"],
        )
    except ValidationError as error:
        found = error.errors()[0]
        field = ".".join(map(str, found["loc"])) or "row"
        raise ValueError(f"{field}: {found['msg'].removeprefix('Value error, ')}") from error


def _rows(file: UPath) -> Sequence[Any]:
    try:
        if file.suffix == ".parquet":
            return pl.read_parquet(file.read_bytes()).to_dicts()
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        found = json.loads(text)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{file} cannot be read as ProcessBench: {error}") from error
    if not isinstance(found, list) or not found:
        raise SourceError(f"{file} is no list of ProcessBench's rows")
    return found

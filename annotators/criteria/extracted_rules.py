"""Rules behind preferences, from what a model says about them."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from textwrap import shorten
from typing import Annotated, ClassVar, TypeVar

import polars as pl
from pydantic import Field

from annotators.annotator import each_task, grouped
from annotators.criteria.rule_lists import key, listed_rules, merged_rules
from engines.context import Context
from engines.model import Model, Models, SampledText
from engines.operators.collect import FailedRows
from engines.operators.cut_off import cut_off
from engines.operators.row_operator import RowOperator, sampling_parameters, unanswered
from engines.operators.run_rows import Failed, RowRun, run_rows
from engines.operators.sampled import Sampled
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import (
    Criteria,
    GeneratingRole,
    Message,
    ModelDefault,
    Prompts,
    Responses,
    Split,
    StageReport,
    Table,
    Takes,
    TemplateName,
    canonical,
    content_id,
    dropped,
    rows,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

RUBRIC = "rules"
_AT_ONCE = 60
"""How many rules are merged by one question."""
_NAME = 60
"""The most characters of a rule's name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``said``: the candidates that it was made from. ``evidence``: the ids of the explanations
    that gave them. ``model``: the revision of the model that wrote it."""

    text: str
    said: tuple[str, ...]
    evidence: tuple[str, ...]
    model: str


class ExtractedRules(Sampled, RowOperator):
    """The rules by which preferences were made, from explanations of them (`generators.Rewrite`
    with the template ``explain_preference``), as criteria for all prompts that are answered by yes
    or no.

    ``model`` is asked about each explanation which rules it goes by: about the thought that was
    written before it, if there is one, else about its text. Rules of the same words are one. If
    they are more than ``most``, the model merges those that say much the same; the ``most`` with
    the most explanations are kept.

    The parents of a rule are the explanations that it was found in, and its parameters have the
    ``candidates`` that it was merged from. An explanation is dropped if no rule is read in it, or
    none of its rules is kept. A merged rule that names no candidate is left out.

    `filters.AgreeingCriteria` tells how far each rule agrees with the preferences.

    Source: Wang & Xiong 2025, AutoRule (arXiv:2506.15651).
    """

    gives: ClassVar[type[Table]] = Criteria
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    model: GeneratingRole = "judge"
    most: int = Field(default=16, ge=1)
    extract_template: TemplateName = "extract_rules"
    merge_template: TemplateName = "merge_rules"
    max_tokens: Annotated[int, ModelDefault("revision_tokens")] = Field(default=512, ge=1)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The rules, those with the most evidence first."""
        explanations, lost = tables[self.of], FailedRows(context.stage)
        tasks = each_task(grouped(explanations, tables[self.prompts]))
        items = ((one.response_id, (task.prompt, one)) for task in tasks for one in task.responses)
        results = run_rows(items, self._extract, context, total=explanations.height)
        each = _results(results, lost, lambda item: [item[1].response_id])
        listed = [rule for evidence in each for rule in evidence]
        rules, usage = distinct(listed), results.usage
        counts = {"candidates": len(listed), "different": len(rules)}
        evidence = _evidence(rules)
        if len(rules) > self.most:
            merging = run_rows([(RUBRIC, rules)], self._merge, context, total=1)
            rules = [rule for each in _results(merging, lost, _evidence) for rule in each]
            usage += merging.usage
        rules = rules[: self.most]
        failed = lost.frame()
        silent = unanswered(explanations["response_id"], _ids(evidence), failed["row_id"])
        others = unanswered(evidence, _ids(_evidence(rules)), failed["row_id"])
        refusals = [
            failed,
            dropped(context.stage, "no rule in it", silent),
            dropped(context.stage, "none of its rules is kept", others),
        ]
        findings = counts | {"rules": len(rules)}
        return Split(self._rows(rules), pl.concat(refusals), StageReport(usage, findings))

    async def _extract(self, item: tuple[Prompt, Response], models: Models) -> list[Rule]:
        """The rules of one explanation."""
        prompt, explanation = item
        model, thoughts = models[self.model], explanation.reasoning or explanation.text
        reply = await self._reply(
            model, self.ask(model, self.extract_template, prompt=prompt, reasoning=thoughts)
        )
        evidence = (explanation.response_id,)
        return [Rule(text, (text,), evidence, reply.model) for text in listed_rules(reply.text)]

    async def _merge(self, rules: Sequence[Rule], models: Models, depth: int = 0) -> list[Rule]:
        """Fewer rules that say the same, in turns while there are too many for one question."""
        parts = [rules[at : at + _AT_ONCE] for at in range(0, len(rules), _AT_ONCE)]
        parts_merged = await asyncio.gather(
            *(self._merged(part, models, f"{depth} {number}") for number, part in enumerate(parts))
        )
        merged = distinct(rule for part in parts_merged for rule in part)
        if len(parts) > 1 and len(merged) < len(rules):
            return await self._merge(merged, models, depth + 1)
        return merged

    async def _merged(self, rules: Sequence[Rule], models: Models, turn: str) -> list[Rule]:
        model, texts = models[self.model], [rule.text for rule in rules]
        question = self.ask(
            model,
            self.merge_template,
            prompt=Prompt(RUBRIC, (), None, RUBRIC),
            rules=texts,
            most=self.most,
        )
        reply = await self._reply(model, question, call=f"merge {turn}")
        return [
            Rule(
                text,
                tuple(candidate for place in places for candidate in rules[place].said),
                tuple(_evidence(rules[place] for place in places)),
                reply.model,
            )
            for text, places in merged_rules(reply.text, texts)
        ]

    async def _reply(
        self, model: Model, question: Sequence[Message], call: str | None = None
    ) -> SampledText:
        (answer,) = await model.generate(question, sampling=self.sampling, call=call)
        if (refusal := cut_off(answer)) is not None:
            raise RowError(f"the list of rules cannot be read: {refusal}")
        return answer

    def _rows(self, rules: Sequence[Rule]) -> pl.DataFrame:
        sampling = json.loads(sampling_parameters(self.sampling))
        names = Counter[str]()
        criteria = []
        for rule in rules:
            name = shorten(rule.text, _NAME, placeholder=" …")
            names[name] += 1
            record = {
                "rubric": RUBRIC,
                "version": 1,
                "name": name if names[name] == 1 else f"{name} ({names[name]})",
                "text": rule.text,
                "kind": "yes_no",
                "negated": False,
                "weight": 1.0,
            }
            origin = {
                "operator": self.path,
                "model": rule.model,
                "parameters": canonical(sampling | {"candidates": list(rule.said)}),
                "seed": None,
                "parents": list(rule.evidence),
            }
            criteria.append(
                {"criterion_id": content_id(record, origin), **record, "origin": origin}
            )
        return rows(Criteria, criteria)


def _results(
    run: RowRun[Item, Result], lost: FailedRows, ids: Callable[[Item], list[str]]
) -> list[Result]:
    """The results of the items, in their order. ``ids`` of failed ones are added to ``lost``."""
    by_number: dict[int, Result] = {}
    with closing(iter(run)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                lost.add(outcome, ids(outcome.item))
            else:
                by_number[outcome.number] = outcome.result
    return [by_number[number] for number in sorted(by_number)]


def _ids(ids: list[str]) -> pl.Series:
    return pl.Series(ids, dtype=pl.String)


def distinct(rules: Iterable[Rule]) -> list[Rule]:
    """``rules`` without repeats of the same words, those with the most evidence first."""
    by_words: dict[str, list[Rule]] = {}
    for rule in rules:
        by_words.setdefault(key(rule.text), []).append(rule)
    merged = [
        Rule(
            same[0].text,
            tuple(dict.fromkeys(candidate for rule in same for candidate in rule.said)),
            tuple(_evidence(same)),
            same[0].model,
        )
        for same in by_words.values()
    ]
    return sorted(merged, key=lambda rule: -len(rule.evidence))


def _evidence(rules: Iterable[Rule]) -> list[str]:
    """The ids of the explanations of ``rules``, each once."""
    return list(dict.fromkeys(one for rule in rules for one in rule.evidence))

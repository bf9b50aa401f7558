"""Responses that say the same again and again."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from filters.curation.ngrams import WORD, WORDS, Runs, hashed, occurrence, phrases, runs, tokens
from filters.curation.texts import Side, texts, without
from filters.filter import Filter
from schemas import Demonstrations, Pairs, Responses, Split, Table, Takes

RULES = " \t-=_*#~|"
"""Characters whose runs draw a rule, a table or a margin."""
PHRASE, LONG_PHRASE = 6, 10
"""Words of a phrase. Long ones have more than what rows of a table, steps of a calculation or
records have in common between two numbers."""
TIMES, NUMBERS_TIMES = 4, 100
"""How often a phrase is said before it counts as repeated; one without a letter, which may be a
row of a matrix, more often."""
SHORT = 24
"""Words up to which a stretch is short: a refrain, or a table of few rows."""


class Repetition(Filter):
    """Drops degenerate texts: those in which the same is said on and on.

    - ``loop``: the longest stretch of words that lie in phrases of 6 words which the text says for
      the fourth time at least; or in such phrases of 10 words, with numbers between them. A letter
      of a script without spaces counts as in `filters.curation.ngrams`.
    - ``loop_share``: the share of the words that lie in that stretch; 0 up to 24 words.
    - ``word_run``, ``character_run``: the longest run of one word (``ha ha ha`` is 3; numbers are
      not counted) and of one character (``aaaa`` is 4; signs that draw rules and tables are not).
    - ``duplicate_lines``, only where ``max_duplicate_lines`` is given: the share of characters
      (spaces around lines aside) that lie in lines which the text has said before.
    - ``duplicate_ngrams``, only where ``max_duplicate_ngrams`` is given: the share of words that
      lie in a run of ``n`` words which the text has assistant_message before. Texts of fewer than
      ``min_words`` words are not judged by it.

    Words are compared in lower case and without punctuation. A text is dropped if any of them is
    above its ``max_``. Of pairs the ``side`` is judged.

    The defaults are set by texts whose quality is known (``python -m benchmarks.repetition``):
    worked solutions, code, tables and songs stay, and loops of some hundred words go. Limits for
    web pages would drop many of the former: 0.20 of lines and 0.15 of runs of 5 words in Rae et al.
    2021, Scaling Language Models (Gopher, arXiv:2112.11446), appendix A.1.1, whence those two
    measures are.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Responses, Pairs, Demonstrations)]
    max_loop: int = Field(default=60, ge=0)
    max_loop_share: float = Field(default=0.5, ge=0, le=1)
    max_word_run: int = Field(default=40, ge=1)
    max_character_run: int = Field(default=100, ge=1)
    max_duplicate_lines: float | None = Field(default=None, ge=0, le=1)
    n: int = Field(default=5, ge=1)
    max_duplicate_ngrams: float | None = Field(default=None, ge=0, le=1)
    min_words: int = Field(default=50, ge=1)
    side: Side = "either"

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        assistant_message = texts(frame, table, side=self.side)
        words = tokens(assistant_message["text"], WORDS)
        numbered = hashed(words)
        letters = words.explode(empty_as_null=False).str.contains(r"\p{L}").to_numpy()
        longest, share = loop(numbered, letters)
        measures = {
            "loop": (longest, self.max_loop, "repeats a phrase again and again"),
            "loop_share": (share, self.max_loop_share, "repeats a phrase again and again"),
            "word_run": (word_run(numbered, letters), self.max_word_run, "repeats one word"),
            "character_run": (
                character_run(assistant_message["text"]),
                self.max_character_run,
                "repeats one character",
            ),
        }
        if self.max_duplicate_lines is not None:
            share = duplicate_lines(assistant_message["text"])
            measures["duplicate_lines"] = (share, self.max_duplicate_lines, "repeats lines")
        if self.max_duplicate_ngrams is not None:
            share = duplicate_ngrams(numbered, self.n, min_words=self.min_words)
            measures["duplicate_ngrams"] = (
                share,
                self.max_duplicate_ngrams,
                f"repeats runs of {self.n} words",
            )
        found = assistant_message.select("row", "side").with_columns(
            **{name: measured for name, (measured, _, _) in measures.items()}
        )
        reason = pl.coalesce(
            pl.when(pl.col(name) > limit).then(pl.lit(words_for_it))
            for name, (_, limit, words_for_it) in measures.items()
        )
        return without(frame, table, found.with_columns(reason=reason))


def loop(words: Runs, letters: NDArray[np.bool_]) -> tuple[pl.Series, pl.Series]:
    """For each text how many words the longest stretch has that lies in phrases said `TIMES` times
    or more (Int64), and what share of all words that is (Float64, 0 where it is `SHORT`).
    ``letters`` says which words have any; others do not end a stretch of long phrases."""
    short = _stretch(words, _repeated(words, letters, PHRASE), np.ones_like(letters))
    long = _stretch(words, _repeated(words, letters, LONG_PHRASE), letters)
    longest = np.maximum(short, long)
    weighed = np.concatenate([[0], np.cumsum(_weights(words))])
    whole = np.diff(weighed[words.starts]) / WORD
    share = np.where(longest > SHORT, longest / np.maximum(whole, 1), 0)
    return pl.Series(longest, dtype=pl.Int64), pl.Series(share, dtype=pl.Float64)


def _weights(words: Runs) -> NDArray[np.int64]:
    return np.full(len(words.hashes), WORD) if words.weights is None else words.weights


def _repeated(words: Runs, letters: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Which words lie in a phrase of ``n`` words that their text said often before."""
    found, lengths = phrases(words, n)
    text = np.repeat(np.arange(len(found)), np.diff(found.starts))
    first = words.starts[text] + np.arange(len(text)) - found.starts[text]
    lettered = np.concatenate([[0], np.cumsum(letters)])
    spoken = lettered[first + lengths] > lettered[first]
    again = occurrence(found) >= np.where(spoken, TIMES, NUMBERS_TIMES)
    return _covered(first[again], lengths[again], len(words.hashes))


def _stretch(words: Runs, inside: NDArray[np.bool_], ends: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each text the most words that are ``inside`` one after another, between words that are
    not and that end a stretch."""
    text = np.repeat(np.arange(len(words)), np.diff(words.starts))
    stretch = np.cumsum(~inside & ends) + text
    sizes = np.bincount(stretch, weights=np.where(inside, _weights(words), 0))
    longest = np.zeros(len(words), dtype=np.int64)
    np.maximum.at(longest, text, (sizes[stretch] // WORD).astype(np.int64))
    return longest


def word_run(words: Runs, letters: NDArray[np.bool_]) -> pl.Series:
    """For each text the longest run of one word that has a letter: Int64."""
    numbers = np.unique(words.hashes[~letters])
    return pl.Series(longest_runs(words.hashes, words.starts, ignored=numbers), dtype=pl.Int64)


def duplicate_lines(texts: pl.Series) -> pl.Series:
    """For each text the share of its characters in lines that stand earlier in it: Float64."""
    lines = (
        pl.DataFrame({"line": texts.str.split("\n")})
        .with_row_index("row")
        .explode("line")
        .with_columns(pl.col("line").str.strip_chars())
        .with_columns(size=pl.col("line").str.len_chars())
        .with_columns(again=~pl.struct("row", "line").is_first_distinct())
    )
    shares = lines.group_by("row", maintain_order=True).agg(
        share=pl.col("size").filter("again").sum() / pl.max_horizontal(pl.col("size").sum(), 1)
    )
    return shares["share"].cast(pl.Float64)


def duplicate_ngrams(words: Runs, n: int, *, min_words: int) -> pl.Series:
    """For each text the share of its words that lie in a run of ``n`` which stands earlier in it:
    Float64, null where it has fewer than ``min_words``."""
    phrases = runs(words, n, whole=False)
    text = np.repeat(np.arange(len(words)), np.diff(phrases.starts))
    first = words.starts[text] + np.arange(len(text)) - phrases.starts[text]
    again = first[occurrence(phrases) > 1]
    covered = _covered(again, np.full(len(again), n), len(words.hashes))
    inside = np.concatenate([[0], np.cumsum(covered)])
    shared = inside[words.starts[1:]] - inside[words.starts[:-1]]
    sizes = np.diff(words.starts)
    share = pl.Series(shared / np.maximum(sizes, 1), dtype=pl.Float64)
    return share.set(pl.Series(sizes < min_words), None)


def _covered(first: NDArray[np.int64], lengths: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which of ``count`` words lie in a run that begins at ``first``."""
    # +1 where a run begins, -1 behind its end: above 0 is inside at least one.
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, first + lengths, -1)
    inside: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
    return inside


def character_run(texts: pl.Series) -> pl.Series:
    """For each text the longest run of one character that is none of `RULES`: Int64."""
    ignored = np.frombuffer(RULES.encode("utf-32-le"), dtype="<u4")
    longest = [np.zeros(0, dtype=np.int64)]
    # A slice at a time: every character takes 30 bytes here.
    for part in texts.to_frame("text").iter_slices(4096):
        points = np.frombuffer("".join(part["text"]).encode("utf-32-le"), dtype="<u4")
        sizes = part["text"].str.len_chars().to_numpy()
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        longest.append(longest_runs(points, starts, ignored=ignored))
    return pl.Series(np.concatenate(longest), dtype=pl.Int64)


def longest_runs(
    values: NDArray[np.unsignedinteger],
    starts: NDArray[np.int64],
    *,
    ignored: NDArray[np.unsignedinteger] | None = None,
) -> NDArray[np.int64]:
    """The length of the longest run of one value in each part ``values[starts[i]:starts[i + 1]]``;
    0 where a part is empty or all its values are ``ignored``: int64[parts]."""
    longest = np.zeros(len(starts) - 1, dtype=np.int64)
    first = np.ones(len(values), dtype=np.bool_)
    first[1:] = values[1:] != values[:-1]
    first[starts[starts < len(values)]] = True
    begins = np.flatnonzero(first)
    lengths = np.diff(begins, append=len(values))
    if ignored is not None:
        lengths[np.isin(values[begins], ignored)] = 0
    part = np.searchsorted(starts, begins, side="right") - 1
    np.maximum.at(longest, part, lengths)
    return longest

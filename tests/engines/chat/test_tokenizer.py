"""Cuts between tokens: what lies before one has, by itself, the tokens that it has in the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from engines.bindings import Binding
from engines.chat.tokenizer import Tokenizing, tokenizing
from engines.protocol import EngineError


def merging(merges: list[tuple[str, str]]) -> Any:
    """A byte-level BPE tokenizer of these merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate([*letters, *("".join(m) for m in merges)])}
    tokens = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokens)


# "Ċ" is how a byte-level tokenizer writes a line feed.
LINES = Tokenizing(merging([("Ċ", "Ċ"), ("a", "b"), ("b", "c"), ("ab", "Ċ")]))


def slow(of: Tokenizing, text: str, wanted: list[int]) -> list[tuple[int, int]]:
    """`Tokenizing.cuts`, trying every place."""
    whole = of.tokens(text).ids
    sound = [
        (place, len(of.tokens(text[:place]).ids))
        for place in range(1, len(text))
        if of.tokens(text[:place]).ids == whole[: len(of.tokens(text[:place]).ids)]
    ]
    kept: list[tuple[int, int]] = []
    for place in wanted:
        after = kept[-1][0] if kept else 0
        reachable = [cut for cut in sound if cut[0] >= max(place, after)]
        before = len(text[:place].rstrip())
        if before > after and text[place : reachable[0][0] if reachable else None].strip():
            reachable = [cut for cut in sound if before <= cut[0] <= place] + reachable
        if reachable and reachable[0][0] > after:
            kept.append(reachable[0])
    return [*kept, (len(text), len(whole))]


def test_a_cut_inside_a_token_is_moved_behind_it() -> None:
    assert LINES.cuts("x\n\ny", [2]) == [(3, 2), (4, 3)]
    assert LINES.cuts("ab\n", [1]) == [(3, 1)]


def test_a_cut_before_which_the_text_is_read_as_other_tokens_is_moved_on() -> None:
    tokens = Tokenizer(models.WordLevel({"aa": 0, "a": 1, "b": 2}, unk_token="b"))
    # Two letters are one token before a b only, so they are two tokens without it.
    tokens.pre_tokenizer = pre_tokenizers.Split(Regex("aa(?=b)|a|b"), "isolated")
    looking_ahead = Tokenizing(PreTrainedTokenizerFast(tokenizer_object=tokens))
    assert looking_ahead.tokens("aab").ends == (2, 3)
    assert looking_ahead.cuts("aab", [2]) == [(3, 2)]
    assert looking_ahead.cuts("aabb", [2]) == slow(looking_ahead, "aabb", [2]) == [(3, 2), (4, 3)]


def test_a_step_that_ends_at_a_blank_line_keeps_its_first_word_from_the_step_before() -> None:
    tokens = Tokenizer(models.WordLevel({"a.": 0, "\n": 1, "\n\n": 2, "b": 3}, unk_token="b"))
    # As GPT-2 and SmolLM2: a blank line is one token at the end of the text only.
    tokens.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+(?!\S)|\s|\S+"), "isolated")
    blank_lines = Tokenizing(PreTrainedTokenizerFast(tokenizer_object=tokens))
    assert blank_lines.tokens("a.\n\n").ids != blank_lines.tokens("a.\n\nb").ids[:3]
    assert blank_lines.cuts("a.\n\nb", [4]) == slow(blank_lines, "a.\n\nb", [4])
    assert blank_lines.cuts("a.\n\nb", [4]) == [(2, 1), (5, 4)]


def test_places_outside_the_text_and_twice_are_no_cuts() -> None:
    assert LINES.cuts("xyz", [0, 1, 1, 3, 9]) == [(1, 1), (3, 3)]
    assert LINES.cuts("", []) == [(0, 0)]


def test_no_character_is_cut_through_its_bytes() -> None:
    assert LINES.cuts("é!", [1]) == [(1, 2), (2, 3)]
    assert LINES.cuts("x😀y", [2]) == [(2, 5), (3, 6)]


@given(st.text("abc\né ", max_size=12), st.lists(st.integers(0, 13), max_size=5).map(sorted))
def test_cuts_are_those_that_trying_every_place_finds(text: str, wanted: list[int]) -> None:
    assert LINES.cuts(text, wanted) == slow(LINES, text, wanted)


def test_a_role_is_cut_for_by_its_weights_tokenizer(tiny_model: Path) -> None:
    assert tokenizing(Binding(model=str(tiny_model))).cuts("one\ntwo", [4]) == [(4, 4), (7, 7)]


def test_a_server_without_weights_cannot_say_where_tokens_lie() -> None:
    with pytest.raises(EngineError, match="give the role a 'model'"):
        tokenizing(Binding(engine="openai", url="http://localhost/v1", served_as="big"))


def test_a_folder_without_a_tokenizer_is_named(
    tmp_path: Path, make_tiny_model: Callable[..., Path]
) -> None:
    folder = make_tiny_model(tmp_path / "bare")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(EngineError, match="tokenizer cannot be read"):
        tokenizing(Binding(model=str(folder)))

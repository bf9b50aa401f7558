"""Texts as unit vectors, by an embedding model or by their words."""

import json
from collections.abc import Callable, Sequence
from os.path import expanduser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engines.protocol import EngineError
from filters.curation.ngrams import TOKENS, hashed, occurrence, runs, tokens

Vectors = NDArray[np.float32]

BUCKETS = 1024
_BATCH = 64
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
_MODULES = {"Transformer", "Pooling", "Normalize"}


def embedded(texts: pl.Series, embedder: str) -> Vectors:
    """The unit vector of each text.

    Args:
        texts: the texts.
        embedder: a folder or Hub id with safetensors: static embeddings of model2vec, or an
            encoder for Transformers with the pooling and length files of sentence-transformers
            (mean pooling by default). A prefix that an encoder expects before its texts is not
            added.

    Returns:
        float32[texts, dimensions]; zeros if the embedder knows no word of a text.

    Raises:
        EngineError: there is no such embedder, or it is of neither kind.
    """
    folder = _folder(embedder)
    try:
        encode = _static(folder) if _is_static(folder) else _encoder(folder)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"the embedder {embedder!r} cannot be read: {str(error).splitlines()[0]}. It must be "
            "a folder of model2vec, or of an encoder with its tokenizer and safetensors"
        ) from error
    return unit(encode(texts.to_list())) if len(texts) else np.zeros((0, 1), dtype=np.float32)


def bag_of_words(texts: pl.Series) -> Vectors:
    """The unit vector of each text's distinct tokens and pairs of consecutive tokens, in lower
    case: float32[texts, BUCKETS]; zeros if it has none.

    The hash of a token gives its bucket and a sign, and ±1 is added there. So collisions cancel out
    on average.

    Source: Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning
    (arXiv:0902.2206).
    """
    words = hashed(tokens(texts, TOKENS))
    vectors = np.zeros((len(texts), BUCKETS), dtype=np.float32)
    for length in (1, 2):
        ngrams = runs(words, length, whole=False)
        text = np.repeat(np.arange(len(ngrams)), np.diff(ngrams.starts))
        first_time = occurrence(ngrams) == 1
        bucket = (ngrams.hashes % np.uint64(BUCKETS)).astype(np.int64)
        sign = np.where(ngrams.hashes >> np.uint64(63), 1, -1)
        np.add.at(vectors, (text[first_time], bucket[first_time]), sign[first_time])
    return unit(vectors)


def unit(vectors: NDArray[Any]) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay so."""
    vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)


def _folder(embedder: str) -> Path:
    folder = Path(expanduser(embedder))
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    patterns = ["*.safetensors", "*.json", "*.txt", "*.model", "1_Pooling/*"]
    try:
        return Path(snapshot_download(embedder, allow_patterns=patterns))
    except Exception as error:  # the Hub's client raises many types: wrong id, no connection
        raise EngineError(
            f"there is no embedder {embedder!r}: it is not a local folder, and the download from "
            f"the Hub failed ({str(error).splitlines()[0]}). Set 'embedder' to a folder with a "
            "model"
        ) from error


def _is_static(folder: Path) -> bool:
    """Whether it is model2vec: config.json says so or, if that has no model type, modules.json."""
    kind = json.loads((folder / "config.json").read_text()).get("model_type")
    return kind == "model2vec" or "StaticEmbedding" in _modules(folder)


def _static(folder: Path) -> Callable[[Sequence[str]], NDArray[Any]]:
    from model2vec import StaticModel

    return StaticModel.from_pretrained(folder).encode  # type: ignore[no-any-return,unused-ignore]


def _encoder(folder: Path) -> Callable[[Sequence[str]], NDArray[Any]]:
    """An encoder with the pooling that the folder states.

    Raises:
        ValueError: the pooling is neither mean nor first token.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    pooling = _pooling(folder)
    longest = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    limit = longest or min(tokenizer.model_max_length, model.config.max_position_embeddings)

    @torch.inference_mode()
    def encode(texts: Sequence[str]) -> NDArray[Any]:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            inputs = tokenizer(
                [texts[row] for row in batch],
                padding=True,
                truncation=True,
                split_special_tokens=True,
                max_length=limit,
                return_tensors="pt",
            ).to(device)
            states = model(**inputs).last_hidden_state
            if pooling == "cls":
                pooled = states[:, 0]
            else:
                mask = inputs["attention_mask"].unsqueeze(-1)
                pooled = (states * mask).sum(1) / mask.sum(1)
            vectors[batch] = pooled.cpu().numpy()
        return vectors

    return encode


def _pooling(folder: Path) -> str:
    unknown = _modules(folder) - _MODULES
    modes = _json(folder / "1_Pooling" / "config.json")
    enabled = {
        name for name, on in modes.items() if name.startswith("pooling_mode_") and on is True
    }
    if unknown or len(enabled) > 1 or enabled - set(_POOLINGS):
        raise ValueError(f"its {', '.join(sorted(unknown | enabled))} is not supported")
    return _POOLINGS[enabled.pop()] if enabled else "mean"


def _modules(folder: Path) -> set[str]:
    """The modules that sentence-transformers lists, if it wrote this folder."""
    file = folder / "modules.json"
    listed = json.loads(file.read_text()) if file.is_file() else []
    return {str(module["type"]).rsplit(".", 1)[-1] for module in listed}


def _json(file: Path) -> dict[str, Any]:
    """The object in ``file``; empty if there is no such file."""
    return dict(json.loads(file.read_text())) if file.is_file() else {}

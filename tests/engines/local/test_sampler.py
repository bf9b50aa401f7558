"""`engines.local.sampler` against the distribution it should draw from."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.local.sampler import Sampler
from engines.protocol import Sampling

SAMPLER = Sampler(torch.device("cpu"))


def allowed(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """The filtered distribution, the slow way: sort, cut, normalise, in float64."""
    weights = (logits.double() / sampling.temperature).softmax(-1)
    order = weights.argsort(descending=True)
    kept = torch.zeros_like(weights)
    share = 0.0
    total = weights[order[: sampling.top_k or None]].sum()
    for rank, token in enumerate(order):
        if sampling.top_k and rank >= sampling.top_k:
            break
        if rank and share >= sampling.top_p * total:
            break
        kept[token] = weights[token]
        share += float(weights[token])
    return kept / kept.sum()


@given(
    temperature=st.sampled_from([0.3, 1.0, 1.7]),
    top_p=st.sampled_from([0.2, 0.7, 0.95, 1.0]),
    top_k=st.sampled_from([0, 1, 3, 50]),
    seed=st.integers(0, 10_000),
)
def test_draws_follow_the_filtered_distribution(temperature, top_p, top_k, seed):
    logits = torch.randn(11, generator=torch.Generator().manual_seed(seed)) * 2
    sampling = Sampling(temperature=temperature, top_p=top_p, top_k=top_k)
    # An even grid of noise draws each token in proportion to its probability, to 1 in 2,000.
    noise = ((np.arange(2000) + 0.5) / 2000).tolist()
    tokens, logprobs = SAMPLER.draw(logits.expand(2000, -1), [sampling] * 2000, noise)
    drawn = np.bincount(tokens, minlength=11) / 2000
    assert drawn == pytest.approx(allowed(logits, sampling).numpy(), abs=1.1e-3)
    assert logprobs == pytest.approx(logits.log_softmax(-1)[tokens].tolist(), abs=1e-5)


@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(), Sampling(top_k=2)])
def test_logits_of_no_token_are_never_drawn(sampling):
    logits = torch.tensor([[0.0, 1.0, 0.9, 5.0, 5.0]]).expand(100, -1)
    noise = ((np.arange(100) + 0.5) / 100).tolist()
    tokens, logprobs = Sampler(torch.device("cpu"), tokens=3).draw(logits, [sampling] * 100, noise)
    assert max(tokens) < 3
    assert logprobs == pytest.approx(logits[0].log_softmax(-1)[tokens].tolist(), abs=1e-5)


def test_rows_keep_their_own_parameters():
    logits = torch.tensor([[0.0, 1.0, 0.9]]).expand(4, -1)
    sampling = [
        Sampling(temperature=0),
        Sampling(),
        Sampling(top_k=1),
        Sampling(temperature=2.0, top_p=0.1),
    ]
    tokens, _ = SAMPLER.draw(logits, sampling, [0.0, 0.0, 0.0, 0.0])
    assert tokens == [1, 0, 1, 1]


def test_noise_at_either_end_draws_only_possible_tokens():
    logits = torch.tensor([[-torch.inf, 0.0, 0.0, -torch.inf]]).expand(2, -1)
    tokens, _ = SAMPLER.draw(logits, [Sampling()] * 2, [0.0, 1 - 2**-53])
    assert tokens == [1, 2]


def test_a_row_is_drawn_alone_as_among_others():
    logits = torch.randn(300, 2_000, generator=torch.Generator().manual_seed(0))
    sampling = [Sampling(temperature=0.7 + 0.1 * (row % 5), top_k=row % 3) for row in range(300)]
    noise = np.random.default_rng(0).random(300).tolist()
    tokens, logprobs = SAMPLER.draw(logits, sampling, noise)
    for row in range(0, 300, 7):
        one = slice(row, row + 1)
        alone = SAMPLER.draw(logits[one], sampling[one], noise[one])
        assert alone == (tokens[one], logprobs[one])

"""Our folder `kernels` shares its name with an optional Hugging Face package. The libraries that
look for that one must neither take ours for it nor fail."""

import subprocess
import sys

PROGRAM = """
import kernels, transformers, trl
from transformers.utils import is_kernels_available
from transformers import LlamaConfig, LlamaForCausalLM
from trl import DPOTrainer, SFTTrainer
assert not is_kernels_available()
size = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
model = LlamaForCausalLM(LlamaConfig(vocab_size=16, **size))
model.generate(max_new_tokens=2, do_sample=False)
"""


def test_transformers_and_trl_run_with_our_kernels_on_the_path() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

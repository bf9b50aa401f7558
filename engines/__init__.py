"""Run a model: Transformers, vLLM or any OpenAI-compatible server; every answer journaled."""

import os

# libgomp reads this when torch is loaded. By default its threads spin for so long between two
# operations that a step of SmolLM2-135M, beside other work on two cores, takes 1.7 s; with this
# 0.26 s. On idle cores it takes 80 ms instead of 68.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

"""Run a model: Transformers, vLLM or any OpenAI-compatible server; every answer journaled."""

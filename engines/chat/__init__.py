"""From messages to tokens and back: chat templates, control tokens, thinking."""

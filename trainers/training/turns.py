"""The turns of a chat that are learned, as token sequences."""

from collections.abc import Mapping, Sequence

from engines.protocol import RowError
from schemas import Message
from trainers.training.tokenization import UNLEARNED, Reader

Spans = list[tuple[int, int]]
Tokens = tuple[list[int], list[int]]
"""The ids of a sequence, and its labels."""


def learned_turns(loss_spans: Sequence[Sequence[int]], turns: int) -> Mapping[int, Spans]:
    """The learned characters of each message, by its number.

    Args:
        loss_spans: those of `schemas.Demonstrations`.
        turns: how many messages there are.

    Raises:
        RowError: a span is of a message that there is not.
    """
    learned: dict[int, Spans] = {}
    for *message, start, end in loss_spans:
        number = message[0] if message else turns - 1
        if number >= turns:
            raise RowError(f"loss_spans name message {number}, but there are {turns} messages")
        learned.setdefault(number, []).append((start, end))
    return dict(sorted(learned.items()))


def token_sequences(
    messages: Sequence[Message],
    learned: Mapping[int, Spans | None],
    reader: Reader,
    *,
    ended: bool,
) -> list[Tokens]:
    """Token ids, and labels for those that are learned; all others have −100.

    Each learned turn follows exactly the ids that the engine reads before it, and is made of those
    that the engine writes. Turns are in one sequence as long as that is so. Where the chat template
    writes earlier turns otherwise once others follow (it leaves out their thoughts, for example),
    the turn begins a new sequence.

    Args:
        messages: the chat.
        learned: the learned characters of each learned message; None for the full message.
        reader: reads them.
        ended: whether the last message ends its turn. All others do.

    Raises:
        RowError: a learned message is not the assistant's, or has no learned token.
    """
    sequences: list[Tokens] = []
    for number, spans in learned.items():
        message, context = messages[number], messages[:number]
        if message["role"] != "assistant":
            raise RowError(f"loss_spans learn message {number}, which is the {message['role']}'s")
        ends = ended or number < len(messages) - 1
        text = message["content"]
        prompt = reader.prompt(context, text)
        ids = reader.message(context, message, text, ended=ends)
        if not message.get("tool_calls"):
            labels = reader.labels(text, spans, ended=ends)
        elif spans is None:
            labels = ids
        else:
            raise RowError("loss_spans are places in a text, but the learned message calls tools")
        before, earlier_labels = sequences[-1] if sequences else ([], [])
        if sequences and prompt[: len(before)] == before:
            sequences.pop()
        else:
            before, earlier_labels = [], []
        between = [UNLEARNED] * (len(prompt) - len(before))
        sequences.append(([*prompt, *ids], [*earlier_labels, *between, *labels]))
    return sequences


def transcript_tokens(
    prompt: Sequence[Message],
    answer: Sequence[Message],
    before: Sequence[int],
    reader: Reader,
    *,
    ended: bool,
) -> tuple[list[int], list[bool]]:
    """The ids of a transcript after those of its prompt, up to the assistant's last turn, and which
    of them the assistant wrote (the ends of its turns are among them).

    Args:
        prompt: the chat before the transcript.
        answer: the turns of the transcript, the assistant's first.
        before: the ids of ``prompt``, with the header of the assistant's turn.
        reader: reads them.
        ended: whether the last message ends its turn. All others do.

    Raises:
        RowError: a turn of the assistant has no token, or the transcript is not one sequence of
            tokens after ``before``.
    """
    messages = [*prompt, *answer]
    learned_spans: dict[int, Spans | None] = {
        number: None
        for number, message in enumerate(messages)
        if number >= len(prompt) and message["role"] == "assistant"
    }
    sequences = token_sequences(messages, learned_spans, reader, ended=ended)
    if len(sequences) != 1:
        raise RowError(
            "the chat template writes earlier turns otherwise once others follow (it leaves out "
            "their thoughts, for example), so the transcript is not one sequence of tokens"
        )
    ((ids, labels),) = sequences
    if ids[: len(before)] != list(before):
        raise RowError("the transcript does not begin with what the assistant says to the prompt")
    return ids[len(before) :], [label != UNLEARNED for label in labels[len(before) :]]

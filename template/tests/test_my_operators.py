import asyncio

from my_operators import Brevity

from engines.rows import Prompt, Response


def test_a_shorter_response_scores_higher() -> None:
    prompt = Prompt("p", ({"role": "user", "content": "What is 2 + 3?"},), "5", "mine")
    texts = {"short": "5", "long": "Two and three make five, so the answer is 5."}
    responses = [Response(name, "p", text, "stop", {}) for name, text in texts.items()]
    # This operator asks no model, so it is given none.
    scores = asyncio.run(Brevity().score(prompt, responses, models={}))
    short, long = (score.value for score in scores)
    assert short > long

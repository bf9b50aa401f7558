"""What tells right answers from wrong ones, Math-Verify among it."""

from functools import cache
from random import Random

from engines.checks import BoundedCheck, CheckError, bounded, gsm8k, math
from tests.fuzz.texts import damaged, mixed

EXPECTED = (ValueError, CheckError)

_PIECES = (
    *("7", "-3", "0.5", "1,234", "1e999", "6.02e23", "10^{999999999}", "9" * 5_000, "½", "²", "٣"),
    *("\\frac{1}{2}", "\\frac", "\\sqrt{2}", "x^2", "9^{9^{9^{9}}}", "100000!", "\\pi", "\\infty"),
    *("\\boxed{", "}", "{", "\\text{", "$", "$$", "\\(", "\\)", "\\left(", "(", ")", "[", "\\{"),
    *("=", "<", "\\le", "+", "-", "/", "*", "^", "_", "!", "%", ":", ",", ";", "&", "\\\\", "\\pm"),
    *("x", "n", "C", "(B)", "yes", "Monday", "five", "seventy-two", "million", "June", "3:30 pm"),
    *(
        " cm",
        " km/h",
        " apples",
        " \\text{ m}^2",
        "°",
        "€",
        " and ",
        " or ",
        "the ",
        " is ",
        "not ",
    ),
    *("The answer is ", "Answer: ", "#### ", "<answer>", "</answer>", "<think>", "</think>"),
    *(
        "Check: ",
        "\n",
        "\n\n",
        ". ",
        "**",
        "`",
        "\\cup",
        "\\in",
        "\\int_0^1 x dx",
        "\\sum_{k=1}^{n}",
    ),
    *("\\begin{pmatrix}", "\\end{pmatrix}", "{" * 3_000, "(" * 3_000, "\\boxed{" * 500),
)


@cache
def _check(name: str) -> BoundedCheck:
    check = bounded(f"engines.checks.{name}")
    # Starts its process, which takes seconds, and no answer's time.
    if name == "math":
        check([], "1 km", "\\boxed{1000 m}")
        check([], "\\sqrt{2}", "\\boxed{2^{1/2}}")
    return check


def generated(random: Random) -> tuple[str, str, str]:
    """A check, a reference and a response."""
    name = random.choice(("math", "math", "gsm8k"))
    _check("math")
    texts = [mixed(random, _PIECES, random.choice((3, 12))) for _ in range(2)]
    if random.random() < 0.5:
        texts[0] = random.choice(("7", "\\frac{1}{2}", "x^2+1", "5 \\text{ m}", "Monday", "1, 2"))
    reference, text = (damaged(random, one) if random.random() < 0.3 else one for one in texts)
    if random.random() < 0.3:
        text = f"\\boxed{{{text}}}"
    return name, reference, text


def run(one: tuple[str, str, str]) -> None:
    """Check the response; a reference is refused when its source is read, or can be checked."""
    name, reference, text = one
    why = {"math": math, "gsm8k": gsm8k}[name].readable(reference)  # type: ignore[attr-defined]
    try:
        _check(name)([], reference, text)
    except ValueError:
        assert why is not None or name == "math"
        raise
    assert why is None

"""Sound texts that say much again, and degenerate ones, for `benchmarks.repetition`."""

import json
from collections.abc import Iterator
from itertools import count, pairwise, product

BOTTLES = (
    "{0} bottles of beer on the wall, {0} bottles of beer. Take one down and pass it around, "
    "{1} bottles of beer on the wall."
)
HOUSE = (
    "the house that Jack built",
    "the malt that lay in",
    "the rat that ate",
    "the cat that killed",
    "the dog that worried",
    "the cow with the crumpled horn that tossed",
    "the maiden all forlorn that milked",
    "the man all tattered and torn that kissed",
)
CHORUS = (
    "Row with me, row with me, over the bay,\nthe wind is behind us, the night is away,\n"
    "row with me, row with me, over the bay.\n"
)
VERSES = (
    "The nets are all mended, the sails are all sewn,\nthe gulls on the wall cry to be known.",
    "My father went fishing when I was a boy,\nhe brought us back herring, he brought us back joy.",
    "The lamp in the window is burning for two,\none light for the sailor and one light for you.",
    "And when we are old and the boat is ashore,\nwe'll sing it to children who ask us for more.",
)
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ida", "Jon", "Kim", "Lea")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PROSE = (
    "To find the cheapest plan, list what each one costs for a month. The first has a fee of nine "
    "dollars and two cents for a message; the second has no fee, but every message costs five "
    "cents. If m messages are sent, the first costs 9 + 0.02m dollars and the second 0.05m. They "
    "cost the same where 9 = 0.03m, so at 300 messages. Who sends fewer should take the second, "
    "who sends more the first. "
)


def sound() -> Iterator[tuple[str, str]]:
    """Kind and text of answers that nobody would call a loop, though much in them is repeated."""
    yield "list", "\n".join(f"{n}. {name} brings the salad." for n, name in enumerate(NAMES, 1))
    yield "list", "\n".join(f"- [ ] Call {name} and ask for the form" for name in NAMES)
    yield "list", ", ".join(map(str, range(1, 201)))
    yield "list", "\n".join(f"{a} x {b} = {a * b}" for a, b in product(range(1, 11), repeat=2))
    yield "list", "\n".join(f"{day}: open from 9:00 to 17:00, closed on holidays" for day in DAYS)
    yield "table", table(("Name", "Passed", "Points"), [(n, "yes", "10") for n in NAMES])
    yield "table", table(("Day", "Open", "Close"), [(d, "9:00", "17:00") for d in DAYS])
    yield "table", table(("p", "q", "p and q"), list(product("TF", "TF", "TF")))
    yield "table", "\n".join(["id,active,role", *(f"{n},true,user" for n in range(60))])
    yield "JSON", json.dumps([{"id": n, "active": True, "role": "user"} for n in range(40)])
    yield "JSON", json.dumps([{"name": n, "tags": [], "age": None} for n in NAMES], indent=2)
    yield "JSON", json.dumps({d: {"open": "9:00", "close": "17:00", "notes": ""} for d in DAYS})
    yield "JSON", json.dumps({f"x{n}": {"type": "string", "default": ""} for n in range(30)})
    yield "matrix", str([[int(i == j) for j in range(10)] for i in range(10)])
    yield "matrix", "grid = " + str([[0] * 10 for _ in range(10)])
    yield "matrix", "\n".join(" ".join(map(str, ((i + j) % 2 for j in range(8)))) for i in range(8))
    yield "number", "Ten to the power of a hundred is 1" + "0" * 100 + "."
    yield "poem", "\n".join(f"{verse}\n{CHORUS}" for verse in VERSES)
    yield "poem", "\n\n".join(BOTTLES.format(n, n - 1) for n in range(30, 1, -1))
    lines = [" ".join(["This is", *HOUSE[n::-1]]) + "." for n in range(len(HOUSE))]
    yield "poem", "\n".join(lines)
    yield "poem", "La la la la la la la la la la la la, the summer is over, la la la la la la."
    yield "poem", "Ha " * 20 + "that is the best joke that I have heard this year."
    yield "code", CODE_GUARDS
    yield "code", "\n".join(f"    assert area({n}, {n + 1}) == {n * (n + 1)}" for n in range(40))
    yield "code", FUNCTION + "\nWith the bug mended:\n\n" + FUNCTION.replace("<= 1", "< 2")
    yield "code", "\n".join(f'    case "{d}":\n        return True\n        break' for d in DAYS)
    yield "code", "<table>" + "<tr><td>yes</td><td>no</td></tr>" * 6 + "</table>"
    yield "code", "\n".join([FUNCTION, "```", FUNCTION, "```", "Called twice:", FUNCTION])
    yield "work", "\n".join(f"Day {n}: {2**n} + {2**n} = {2 ** (n + 1)} coins." for n in range(20))
    yield "work", "\n".join(f"f({n + 2}) = f({n + 1}) + f({n}) = {n}" for n in range(30))
    yield "work", "".join(halvings())
    yield "work", "Check each.\n" + "\n".join(f"{n} is not divisible by 7." for n in range(1, 7))
    yield "work", "Answer: 16\nAnswer: 16"
    yield "work", "So x = 4. Let me check that again. So x = 4. The answer is 4.\n#### 4"
    yield "work", f"{PROSE}\n\nLet me say it again, more slowly. {PROSE}"
    yield "dialogue", "\n".join(f"A: Is it {n}?\nB: No.\nA: Higher?\nB: Yes." for n in range(15))
    yield (
        "Chinese",
        "\n".join(f"第{n}步：把{n}加到总和里，得到{n * (n + 1) // 2}。" for n in range(1, 30)),
    )
    yield (
        "Chinese",
        "\n".join(f"{name}同学：语文九十分，数学九十分，英语九十分。" for name in NAMES),
    )


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """As Markdown."""
    rule = tuple("---" for _ in head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def halvings() -> Iterator[str]:
    """A search by halves, step by step."""
    for low, high in pairwise(range(0, 64, 4)):
        middle = (low + high) // 2
        yield f"The middle of {low} and {high} is {middle}; {middle} is too small, so go right.\n"


FUNCTION = """def fibonacci(n):
    if n <= 1:
        return n
    before, last = 0, 1
    for _ in range(n - 1):
        before, last = last, before + last
    return last
"""
CODE_GUARDS = "\n".join(f"if ({name.lower()} == null) {{\n    return null;\n}}" for name in NAMES)

SAID = {
    "token": "no ",
    "letter": "a",
    "sign": "!",
    "number": "11 ",
    "two tokens": "B C ",
    "phrase": "and then the ",
    "sentence": "I think that the answer is four. ",
    "long sentence": (
        "Wait, let me read the problem once more to be sure that I have understood what it asks. "
    ),
    "line": "Answer: 16\n",
    "list": "- Be kind to other people.\n",
    "paragraph": PROSE,
    "code": "    x = x + 1\n    print(x)\n",
    "tag": "<td>yes</td>\n",
    "Chinese": "我再检查一遍答案是否正确。",
    "Thai": "ลองตรวจคำตอบอีกครั้ง ",
}
LENGTHS = (500, 1500, 4000)
"""Characters of a loop: some 120, 400 and 1,000 tokens."""


def loops() -> Iterator[tuple[str, str]]:
    """Kind and text of answers that got stuck: from the first word or after a sound beginning."""
    for (kind, said), length in product(SAID.items(), LENGTHS):
        times = max(5, length // len(said))
        yield f"{kind} loop", said * times
        yield f"{kind} loop, after prose", PROSE + said * times
    for length in LENGTHS:
        for kind, cycles in (("growing", growing()), ("counting", counting())):
            text = ""
            while len(text) < length:
                text += next(cycles)
            yield f"{kind} loop", text


def growing() -> Iterator[str]:
    """Each time a word more."""
    for times in count(1):
        yield f"I am {'very ' * times}sure of it. "


def counting() -> Iterator[str]:
    """The same sentence under the next number."""
    for number in count(1):
        yield (
            f"{number}. Let me look at the whole problem once more, since there may be something "
            "that I have not seen. "
        )

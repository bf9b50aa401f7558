"""Answers as chat models write them, and what their layout is."""

import re

ANSWERS = (
    """Sure! Here's how to sort a list of dictionaries by a key:

```python
def sort_by(records, key):
    \"\"\"Return the records in ascending order.\"\"\"
    if not records:
        return []

    return sorted(records, key=lambda record: record[key])
```

The function uses the built-in `sorted`, which leaves the original list unchanged. To sort in
descending order, pass `reverse=True`.
""",
    """## Planning a garden

1. **Choose a sunny place.** Most vegetables need 6 to 8 hours of direct sunlight.
2. **Prepare the soil.** Remove weeds and stones, then add compost:
   - 5 cm of compost for sandy soil
   - 10 cm of compost for heavy clay
3. **Plant in rows.** Leave 30 cm between the rows.

> Note: water the young plants *every* morning during the first two weeks.

### What to plant first

- Radishes (ready after 4 weeks)
- Lettuce
- Beans, which need warm soil
""",
    """Here is a comparison of the two plans:

| Plan     | Price per month | Storage            |
|:---------|----------------:|:-------------------|
| Basic    |           $5.00 | 100 GB, no backups |
| Business |          $12.50 | 1,000 GB, daily backups |

The **Business** plan costs more than twice as much, but it comes with ten times the storage.
For a small team of about 4 people, the *Basic* plan ("pay as you go") is enough.""",
    """The train covers 60 km in 45 minutes, i.e. in three quarters of an hour.

\\[
v = \\frac{60}{0.75} = 80
\\]

So its average speed is **80 km/h**. To double-check: 80 km/h for 0.75 hours gives
80 · 0.75 = 60 km, which matches the distance from the problem.""",
    """Dear Ms. Miller,

I hope this message finds you well. I would like to request a day off on Friday, March 14, because
of a family matter.

My tasks for that day will be finished before I leave, and Daniel has agreed to answer urgent
questions from customers.

Kind regards,  
Alex""",
    """1) Install the package:

    pip install requests

2) Write the script:

~~~bash
#!/usr/bin/env bash
for url in "$@"; do
    curl --silent "$url" | head -n 5
done
~~~

3) Run it, e.g. with `bash fetch.sh https://example.com`.
""",
    """Roses are sleeping
    under a blanket of snow,
        waiting for the sun.

Morning light returns,
    and the frozen garden wakes
        in a thousand drops.
""",
    """**Ingredients**

* 200 g flour
* 2 eggs
* 300 ml milk
* a pinch of salt

**Method**

Whisk everything together until the batter is smooth.  Let it rest for 20 minutes, then bake each
pancake for about 2 minutes per side (until golden).
""",
)

FEATURES = {
    "newlines": r"\n",
    "blank lines": r"^[ \t]*$",
    "gaps of two blank lines": r"\n[ \t]*\n[ \t]*\n",
    "indented lines": r"^[ \t]+\S",
    "indentation": r"^[ \t]|(?<=^ ) |(?<=^  ) |(?<=^   ) ",
    "lines with trailing spaces": r"\S[ \t]+$",
    "double spaces in a line": r"\S {2,}\S",
    "spaces before punctuation": r"\S [.,;:!?](?=\s|$)",
    "spaces inside brackets": r"[(\[] | [)\]]",
    "empty emphasis, quotes or brackets": r"\*\*\*\*|``(?!`)|\"\"(?!\")|\(\)(?!:)|“”",
    "list markers": r"^[ \t]*(?:[-*]|\d+[.)])(?=[ \t])",
    "headings": r"^#+ ",
    "fences": r"^[ \t]*(?:```|~~~)",
    "bars of tables": r"\|",
    "empty cells": r"\|[ \t]*(?=\|)",
    "newline at the end": r"\n\Z",
    "space at the beginning": r"\A\s",
}
"""Patterns whose matches are counted."""


def layout(text: str) -> dict[str, int]:
    """How often each feature of layout occurs in a text."""
    return {
        name: len(re.findall(pattern, text, re.MULTILINE)) for name, pattern in FEATURES.items()
    }

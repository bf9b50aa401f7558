"""What an answer is, where a text states it, and whether two answers are the same.

`stated` finds the answer of a text, `reading` makes a form of it (`forms`), `agreement` compares
two forms, and `formulas` asks Math-Verify about those that only mathematics can compare.
"""

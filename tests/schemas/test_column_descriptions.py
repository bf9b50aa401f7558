"""Every column says what it holds."""

from itertools import chain

import pytest

import schemas.tables
from schemas.column_descriptions import _OF_TABLE, column_description
from schemas.tables import Table

TABLES = [
    each
    for each in vars(schemas.tables).values()
    if isinstance(each, type) and issubclass(each, Table) and each is not Table
]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_described(table: type[Table]) -> None:
    missing = [name for name in table.columns() if column_description(table, name) is None]
    assert not missing


def test_no_description_is_of_a_column_that_is_gone() -> None:
    columns = {table.__name__: set(table.columns()) for table in TABLES}
    described = chain.from_iterable(
        ((table, name) for name in own) for table, own in _OF_TABLE.items()
    )
    assert [each for each in described if each[1] not in columns[each[0]]] == []

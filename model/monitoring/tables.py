"""Makes the tables of a database, and brings those of an earlier version up to date."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine, Executable, Table, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable


def make(engine: Engine, table: Table) -> None:
    """Make `table`, or add the columns and indexes that it lacks; several processes may do so at once.

    A column that is added must allow for nulls: that is what the rows that are there already have in it.
    """
    _unless_there(engine, CreateTable(table), partial(_has_table, engine, table))
    there = _columns(engine, table)
    for column in (column for column in table.columns if column.name not in there):
        adding = text(f"ALTER TABLE {table.name} ADD COLUMN {CreateColumn(column).compile(engine)}")
        _unless_there(engine, adding, partial(_has_column, engine, table, column.name))
    for index in table.indexes:
        _unless_there(engine, CreateIndex(index), partial(_has_index, engine, table, str(index.name)))


def _unless_there(engine: Engine, making: Executable, is_there: Callable[[], bool]) -> None:
    if is_there():
        return
    try:
        with engine.begin() as connection:
            connection.execute(making)
    except DBAPIError:  # another process may have been faster, and no database says so in the same words
        if not is_there():
            raise


def _has_table(engine: Engine, table: Table) -> bool:
    return inspect(engine).has_table(table.name)


def _has_column(engine: Engine, table: Table, name: str) -> bool:
    return name in _columns(engine, table)


def _has_index(engine: Engine, table: Table, name: str) -> bool:
    return inspect(engine).has_index(table.name, name)


def _columns(engine: Engine, table: Table) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table.name)}

"""Finding the rows of a file that repeat an earlier one."""

from __future__ import annotations

from app.importexport.first_rows import FirstRows


def test_the_first_row_that_had_a_key_is_found_again():
    with FirstRows() as first_rows:
        first_rows.add([(7, 4), (7, 2), (-(2**63), 3)])
        assert first_rows.find([7, -(2**63), 9]) == {7: 2, -(2**63): 3}
        first_rows.add([(7, 5), (8, 6)])
        assert first_rows.find([7, 8]) == {7: 2, 8: 6}


def test_what_is_remembered_does_not_stay_in_memory():
    with FirstRows() as first_rows:
        first_rows.add([(key * 7919, key) for key in range(1_000)])
        ((kib,),) = first_rows.database.execute("PRAGMA cache_size")
        assert -8192 <= kib < 0

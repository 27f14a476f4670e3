# SPDX-License-Identifier: AGPL-3.0-or-later
"""Synthetic people: the n-th of each series, always the same number for the same n.

Skatteetaten's synthetic series adds 80 to the month, so none of these numbers is anybody's.
The arithmetic stands here a second time, apart from fhir/national.c, so that one can judge the other.
"""
import datetime
import functools

FNR_SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.1"
DNR_SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.2"
FHN_SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.3"
ORGNR_SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.101"

FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2)
SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
PER_DAY = 700  # a day has about 826 of 1,000 numbers with two control digits
DAYS = 36524  # 1901 to 2000: every date of two-digit year once
STRIDE = 7919  # shares no factor with DAYS, so neighbours differ in their birthdays


def _control(digits, weights):
    """The control digit behind these digits, or None where there is none."""
    rest = -sum(int(d) * w for d, w in zip(digits, weights)) % 11
    return None if rest == 10 else str(rest)


def _complete(nine):
    """Nine digits and their two control digits, or None."""
    first = _control(nine, FIRST)
    second = first and _control(nine + first, SECOND)
    return nine + first + second if second else None


@functools.lru_cache(maxsize=4096)
def _of_day(prefix):
    numbers = (_complete(f"{prefix}{i:03d}") for i in range(1000))
    return [whole for whole in numbers if whole][:PER_DAY]


def _person(n, day_offset):
    day = datetime.date(1901, 1, 1) + datetime.timedelta(days=(n * STRIDE + 18000) % DAYS)
    prefix = f"{day.day + day_offset:02d}{day.month + 80:02d}{day.year % 100:02d}"
    return _of_day(prefix)[n // DAYS]


def fnr(n):
    """The n-th synthetic fødselsnummer (month + 80)."""
    return _person(n, 0)


def dnr(n):
    """The n-th synthetic D-number (day + 40, month + 80)."""
    return _person(n, 40)


def fhn(n):
    """The n-th help number in a series that begins with 899; it has no date and so no synthetic mark."""
    numbers = (whole for i in range(1_000_000) if (whole := _complete(f"899{i:06d}")))
    return next(whole for at, whole in enumerate(numbers) if at == n)


def orgnr(n):
    """The n-th organisation number of a series that Enhetsregisteret issues only to test data (it begins with 3)."""
    count = -1
    for i in range(10_000_000):
        eight = f"3{i:07d}"
        control = _control(eight, (3, 2, 7, 6, 5, 4, 3, 2))
        count += control is not None
        if count == n:
            return eight + control


if __name__ == "__main__":
    for index in range(10):
        print(index, fnr(index), dnr(index), fhn(index), orgnr(index))

"""Durations, resource quantities, shares."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.source.quantities import (
    QuantityError,
    parse_bytes,
    parse_cpu,
    parse_duration,
    parse_gpu,
    parse_share,
)

PARSERS = (parse_duration, parse_cpu, parse_bytes, parse_gpu, parse_share)


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("20m", 1200),
        ("60s", 60),
        ("100ms", 0.1),
        ("1h30m", 5400),
        ("7d", 604800),
        ("1.5h", 5400),
        ("1d1h1m1s1ms", 90061.001),
        ("2m5ms", 120.005),
        (3, 3),
        (0.5, 0.5),
        (0, 0),
    ],
)
def test_durations(raw: Any, seconds: float) -> None:
    assert parse_duration(raw) == seconds


@pytest.mark.parametrize(
    "raw",
    ["", "20", "m", "3w", "30m1h", "1h 30m", "-1s", "1e3s", "1..5s", "s", -1, True, None, [], {},
     "1m1m", "٣s", "1s\n"],
)  # fmt: skip
def test_not_durations(raw: Any) -> None:
    with pytest.raises(QuantityError):
        parse_duration(raw)


@pytest.mark.parametrize(
    ("raw", "cores"), [("500m", 0.5), (2, 2), (0.5, 0.5), ("2", 2), ("0.25", 0.25), ("1500m", 1.5)]
)
def test_cpu(raw: Any, cores: float) -> None:
    assert parse_cpu(raw) == cores


@pytest.mark.parametrize("raw", [0, "0", -1, "1 core", "", "m", None, True, "500M", "1e3", [2]])
def test_not_cpu(raw: Any) -> None:
    with pytest.raises(QuantityError):
        parse_cpu(raw)


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ("32Gi", 32 * 2**30),
        ("512Mi", 512 * 2**20),
        ("1.5G", 1_500_000_000),
        ("1k", 1000),
        (1024, 1024),
        ("1024", 1024),
        ("0.5Ki", 512),
        ("1.0000001k", 1001),
    ],
)
def test_bytes(raw: Any, size: int) -> None:
    assert parse_bytes(raw) == size


@pytest.mark.parametrize("raw", ["32GB", "512m", "1 Gi", "Gi", 0, 1.5, -1, None, True, "", "1gi"])
def test_not_bytes(raw: Any) -> None:
    with pytest.raises(QuantityError):
        parse_bytes(raw)


@pytest.mark.parametrize(
    ("raw", "hint"), [("32GB", "write `32G`"), ("1gib", "write `1Gi`"), ("x", None)]
)
def test_hints(raw: str, hint: str | None) -> None:
    with pytest.raises(QuantityError) as error:
        parse_bytes(raw)
    assert error.value.hint == hint


@pytest.mark.parametrize(("raw", "share"), [("10%", 0.1), ("0%", 0), ("100%", 1), ("2.5%", 0.025)])
def test_shares(raw: str, share: float) -> None:
    assert parse_share(raw) == share


@pytest.mark.parametrize("raw", ["101%", "10", 10, "%", "-1%", "10 %", None])
def test_not_shares(raw: Any) -> None:
    with pytest.raises(QuantityError):
        parse_share(raw)


def test_gpu() -> None:
    assert parse_gpu(0) == 0
    for raw in (-1, "1", 1.0, True, None):
        with pytest.raises(QuantityError):
            parse_gpu(raw)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(SCALARS | st.text("0123456789.hmsdKkMiG%e-+ "))
def test_nothing_else_is_raised(raw: Any) -> None:
    for parse in PARSERS:
        try:
            number = parse(raw)
        except QuantityError as error:
            assert "takes" in str(error)
        else:
            assert 0 <= number < float("inf")

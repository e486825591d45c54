"""Log files: the format that nodes write, long lines, rotation, and reading while it goes on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.adapters.pods.logfile import LogReader, LogWriter


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def read_all(path: Path) -> list[str]:
    reader = LogReader(path, "main")
    try:
        return [line.content for line in reader.read()]
    finally:
        reader.close()


def test_lines_have_the_nodes_format(folder: int, tmp_path: Path) -> None:
    writer = LogWriter(folder, "main.log", 1 << 20)
    writer.write(b"stdout", b"one\ntw")
    writer.write(b"stderr", b"err\n")
    writer.write(b"stdout", b"o\n\nno end")
    writer.close()
    lines = (tmp_path / "main.log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "stdout F one", "stderr F err", "stdout F two", "stdout F ", "stdout F no end",
    ]  # fmt: skip
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ", line) for line in lines)


def test_a_line_too_long_is_written_in_parts_and_read_whole(folder: int, tmp_path: Path) -> None:
    writer = LogWriter(folder, "main.log", 1 << 20)
    writer.write(b"stdout", b"x" * 50_000)
    writer.write(b"stdout", b"y\nz\n")
    writer.close()
    assert b" stdout P " in (tmp_path / "main.log").read_bytes()
    assert read_all(tmp_path / "main.log") == ["x" * 50_000 + "y", "z"]


def test_the_log_never_holds_more_than_two_files(folder: int, tmp_path: Path) -> None:
    writer = LogWriter(folder, "main.log", 10_000)
    for number in range(2000):
        writer.write(b"stdout", f"line {number}\n".encode())
    writer.close()
    assert {path.name for path in tmp_path.iterdir()} == {"main.log", "main.log.1"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 21_000
    numbers = [int(line.split()[1]) for line in read_all(tmp_path / "main.log")]
    assert numbers == list(range(numbers[0], 2000))


def test_a_reader_follows_over_a_rotation(folder: int, tmp_path: Path) -> None:
    writer = LogWriter(folder, "main.log", 2_000)
    reader = LogReader(tmp_path / "main.log", "main")
    seen = []
    for number in range(300):
        writer.write(b"stdout", f"{number}\n".encode())
        if number % 7 == 0:
            seen += [line.content for line in reader.read()]
    writer.close()
    seen += [line.content for line in reader.read()]
    reader.close()
    assert (tmp_path / "main.log.1").exists()
    assert seen == [str(number) for number in range(300)]


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    reader = LogReader(tmp_path / "main.log", "main")
    assert reader.read() == []
    reader.close()


def test_a_disk_that_is_full_stops_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    folder = os.open("/dev", os.O_RDONLY)
    try:
        writer = LogWriter(folder, "full", 1 << 20)
        writer.write(b"stdout", b"lost\n")
        writer.close()
    finally:
        os.close(folder)


@given(st.lists(st.binary(max_size=30), max_size=12))
def test_what_is_read_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    place = tmp_path_factory.mktemp("log")
    folder = os.open(place, os.O_RDONLY)
    try:
        writer = LogWriter(folder, "main.log", 1 << 20)
        for chunk in chunks:
            writer.write(b"stdout", chunk)
        writer.close()
    finally:
        os.close(folder)
    whole = b"".join(chunks)
    expected = whole.removesuffix(b"\n").split(b"\n") if whole else []
    assert read_all(place / "main.log") == [line.decode(errors="replace") for line in expected]

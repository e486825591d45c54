"""Archives of artifacts: both ways, and what a hostile one must not do."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from setpoint.adapters.pods.archive import is_gzipped_tar, pack, unpack
from setpoint.apis.errors import Forbidden, InvalidSpec
from setpoint.ports.launcher import Archive

KINDS = [Archive.TAR, Archive.ZIP]


def content(path: Path) -> dict[str, tuple[bytes | None, bool]]:
    return {
        str(one.relative_to(path)): (one.read_bytes() if one.is_file() else None, one.is_symlink())
        for one in path.rglob("*")
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.rule("artifacts.archive-tar", "artifacts.archive-zip", "artifacts.empty")
def test_a_tree_and_a_file_come_back(tmp_path: Path, kind: Archive) -> None:
    tree = tmp_path / "tree"
    (tree / "deep" / "empty").mkdir(parents=True)
    (tree / "deep" / "run").write_text("#!/bin/sh\n")
    (tree / "deep" / "run").chmod(0o755)
    (tree / "nothing").touch()
    pack(tree, tmp_path / "packed", kind)
    unpack(tmp_path / "packed", tmp_path / "other-name", kind)
    assert content(tmp_path / "other-name") == content(tree)
    assert (tmp_path / "other-name" / "deep" / "run").stat().st_mode & stat.S_IXUSR
    pack(tree / "nothing", tmp_path / "packed", kind)
    unpack(tmp_path / "packed", tmp_path / "file", kind)
    assert (tmp_path / "file").read_bytes() == b""


def test_links_inside_a_tar_stay_links_and_hard_links_become_copies(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_text("a")
    (tree / "b").symlink_to("a")
    (tree / "c").hardlink_to(tree / "a")
    pack(tree, tmp_path / "packed", Archive.TAR)
    unpack(tmp_path / "packed", tmp_path / "back", Archive.TAR)
    assert (tmp_path / "back" / "b").is_symlink()
    assert (tmp_path / "back" / "c").read_text() == "a"
    assert (tmp_path / "back" / "c").stat().st_nlink == 1


@pytest.mark.rule("artifacts.archive-load")
def test_several_top_entries_become_a_directory(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "packed", "w:gz") as archive:
        for name in ("one", "two"):
            archive.addfile(tarfile.TarInfo(name))
    unpack(tmp_path / "packed", tmp_path / "back", Archive.TAR)
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"one", "two"}


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a")
    pack(tmp_path / "tree", tmp_path / "one", Archive.TAR)
    pack(tmp_path / "tree", tmp_path / "two", Archive.TAR)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.rule("artifacts.archive-load")
def test_a_gzipped_tar_is_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    pack(tmp_path / "a", tmp_path / "tar", Archive.TAR)
    pack(tmp_path / "a", tmp_path / "zip", Archive.ZIP)
    (tmp_path / "fake").write_bytes(b"\x1f\x8b and no gzip")
    (tmp_path / "empty").touch()
    assert [is_gzipped_tar(tmp_path / name) for name in ("tar", "zip", "a", "fake", "empty", ".")] == [
        True, False, False, False, False, False,
    ]  # fmt: skip


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


HOSTILE_TARS: dict[str, list[tarfile.TarInfo]] = {
    "parent": [member("ok"), member("../evil")],
    "absolute": [member("/tmp/evil")],
    "hidden parent": [member("a/../../evil")],
    "link out": [member("a", tarfile.SYMTYPE, "../../outside")],
    "absolute link": [member("a", tarfile.SYMTYPE, "/etc/passwd")],
    "deep absolute link": [member("a"), member("d/e/a", tarfile.SYMTYPE, "/etc/passwd")],
    "link by the name of the top": [member("top/l", tarfile.SYMTYPE, "../top")],
    "deep link out": [member("d/e/a", tarfile.SYMTYPE, "../../../x")],
    "link out of the one top entry": [member("top/a"), member("top/l", tarfile.SYMTYPE, "../x")],
    "link through a link": [
        member("f"),
        member("p/q", tarfile.SYMTYPE, ".."),
        member("x", tarfile.SYMTYPE, "p/q/../../outside"),
    ],
    "nothing but a link": [member("a", tarfile.SYMTYPE, "b")],
    "hard link out": [member("a", tarfile.LNKTYPE, "../outside")],
    "hard link to nothing": [member("a", tarfile.LNKTYPE, "b")],
    "hard link to a link": [member("l", tarfile.SYMTYPE, "x"), member("a", tarfile.LNKTYPE, "l")],
    "device": [member("null", tarfile.CHRTYPE)],
    "pipe": [member("pipe", tarfile.FIFOTYPE)],
    "below a file": [member("a"), member("a/b")],
    "link twice": [member("a", tarfile.SYMTYPE, "x"), member("a", tarfile.SYMTYPE, "y")],
}


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_a_hostile_tar_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("untouched")
    place = tmp_path / "place"
    place.mkdir()
    with tarfile.open(place / "packed", "w:gz") as archive:
        for info in HOSTILE_TARS[name]:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    with pytest.raises(Forbidden):
        unpack(place / "packed", place / "target", Archive.TAR)
    assert {path.name for path in place.iterdir()} == {"packed"}
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "place"}
    assert (tmp_path / "outside").read_text() == "untouched"


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(tmp_path / "packed", "w:gz") as archive:
        archive.addfile(member("top/link", tarfile.SYMTYPE, "."))
        archive.addfile(member("top/link/evil"), io.BytesIO(b"x"))
    with pytest.raises(Forbidden):
        unpack(tmp_path / "packed", tmp_path / "target", Archive.TAR)


HOSTILE_ZIPS: dict[str, tuple[str, int]] = {
    "parent": ("../evil", 0),
    "absolute": ("/tmp/evil", 0),
    "link": ("link", stat.S_IFLNK | 0o777),
    "device": ("null", stat.S_IFCHR | 0o666),
}


@pytest.mark.parametrize("name", HOSTILE_ZIPS)
def test_a_hostile_zip_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    filename, mode = HOSTILE_ZIPS[name]
    info = zipfile.ZipInfo(filename)
    info.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "packed", "w") as archive:
        archive.writestr("fine", "x")
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Forbidden):
        unpack(tmp_path / "packed", tmp_path / "target", Archive.ZIP)
    assert {path.name for path in tmp_path.iterdir()} == {"packed"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [0, 1, 20, -10])
def test_a_broken_archive_is_one_clear_error(tmp_path: Path, kind: Archive, cut: int) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 100)
    pack(tmp_path / "a", tmp_path / "packed", kind)
    (tmp_path / "packed").write_bytes((tmp_path / "packed").read_bytes()[:cut])
    with pytest.raises(InvalidSpec, match="packed"):
        unpack(tmp_path / "packed", tmp_path / "target", kind)
    assert not (tmp_path / "target").exists()


names = st.lists(st.sampled_from(["a", "b", "..", ".", "", "deep"]), min_size=1, max_size=4).map("/".join)
members = st.lists(
    st.one_of(
        names.map(lambda name: ("file", name, "")),
        st.tuples(st.sampled_from(["symlink", "hardlink"]), names, names),
    ),
    max_size=5,
)
TYPES: dict[str, Callable[[str, str], tarfile.TarInfo]] = {
    "file": lambda name, _: member(name),
    "symlink": lambda name, link: member(name, tarfile.SYMTYPE, link),
    "hardlink": lambda name, link: member(name, tarfile.LNKTYPE, link),
}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=members)
def test_no_tar_reaches_outside_its_target(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str, str]]
) -> None:
    place = tmp_path_factory.mktemp("tar")
    inner = place / "inner"
    inner.mkdir()
    outside = [folder / name for folder in (place, inner) for name in ("a", "b")]
    for path in outside:
        path.write_text("outside")
    with tarfile.open(inner / "packed", "w:gz") as archive:
        for kind, name, link in entries:
            info = TYPES[kind](name, link)
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    try:
        unpack(inner / "packed", inner / "target", Archive.TAR)
    except (Forbidden, InvalidSpec):
        assert {path.name for path in inner.iterdir()} == {"a", "b", "packed"}
    assert {path.name for path in place.iterdir()} == {"a", "b", "inner"}
    assert {path.read_text() for path in outside} == {"outside"}
    top = os.path.realpath(inner / "target")
    for path in (inner / "target").rglob("*"):
        with suppress(OSError):  # a circle of links, or a link to nothing
            assert f"{os.path.realpath(path, strict=True)}/".startswith(f"{top}/")

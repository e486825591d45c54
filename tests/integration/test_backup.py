"""Backups of state directories: nothing lost, nothing taken that was not announced, nothing left half done."""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from setpoint.adapters.backup import MANIFEST, STORE, Manifest, back_up
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.restore import restore
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.apis.meta import ObjectMeta
from setpoint.cli import main
from tests.e2e.runs import MANIFESTS

FILES = {
    "setpoint.toml": b"audit_mb = 0\n",
    "artifacts/w/n/out.tgz": os.urandom(3000),
    "artifacts/w/n/empty": b"",
    "access/tokens.json": b"{}",
    "labels/default/s.jsonl": b'{"a":1}\n',
    "pods/p1/main.log": b"hello\n",
    "kubelet/live/p1": b"{}",
}
LEFT = {"run/endpoint.json": b"secret", "cache/x": b"1", "store/lease": b"1", "artifacts/.staging/x": b"1"}


def config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data={"of": name})


async def write(home: Path, count: int) -> None:
    with SqliteStore(home / "store", SystemClock()) as store:
        for number in range(count):
            await store.resources.create(config_map(f"m{number}"))


async def names(home: Path) -> list[str]:
    with SqliteStore(home / "store", SystemClock()) as store:
        return [item.metadata.name for item in (await store.resources.list(ConfigMap)).items]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory with something of everything."""
    home = tmp_path / "home"
    asyncio.run(write(home, 5))
    for name, content in (FILES | LEFT).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    (home / "artifacts" / "link").symlink_to("/etc/passwd")
    (home / "mlflow").mkdir()
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as registry, registry:
        registry.execute("CREATE TABLE model_versions (name VARCHAR(9), source VARCHAR(500))")
        rows = [("a", f"file://{home}/mlflow/models/1"), ("b", f"{home}/mlflow/models/2"), ("c", f"{home}er/x")]
        registry.executemany("INSERT INTO model_versions VALUES (?, ?)", rows)
    return home


def backed_up(home: Path, target: Path, *, artifacts: bool = True) -> Manifest:
    return back_up(home, target, version="1", created="2026-01-01T00:00:00Z", artifacts=artifacts)


def test_all_that_counts_comes_back_and_nothing_else(home: Path, tmp_path: Path) -> None:
    target, new = tmp_path / "b.tar", tmp_path / "below" / "new"
    backed_up(home, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    restore(target, new)
    found = {path.relative_to(new).as_posix(): path.read_bytes() for path in new.rglob("*") if path.is_file()}
    assert {name: found[name] for name in FILES} == FILES
    assert set(found) == {*FILES, STORE, "mlflow/mlflow.db"}
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    assert asyncio.run(names(new)) == asyncio.run(names(home)) == [f"m{number}" for number in range(5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "below", "home"]


def test_places_in_the_registry_are_those_of_the_new_directory(home: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    backed_up(home, tmp_path / "b.tar")
    restore(tmp_path / "b.tar", new)
    with closing(sqlite3.connect(new / "mlflow" / "mlflow.db")) as registry:
        found = [row[0] for row in registry.execute("SELECT source FROM model_versions ORDER BY name")]
    assert found == [f"file://{new}/mlflow/models/1", f"{new}/mlflow/models/2", f"{home}er/x"]


def test_artifacts_may_stay_behind(home: Path, tmp_path: Path) -> None:
    made = backed_up(home, tmp_path / "b.tar", artifacts=False)
    assert not [item.path for item in made.files if item.path.startswith("artifacts")]


async def test_a_store_that_is_written_to_is_copied_at_one_instant(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "b.tar"
    with SqliteStore(home / "store", SystemClock()) as store:
        written, enough = 0, asyncio.Event()

        async def go_on() -> None:
            nonlocal written
            while True:
                await store.resources.create(config_map(f"m{written:05}"))
                written += 1
                if written == 50:
                    enough.set()

        task = asyncio.create_task(go_on())
        await enough.wait()
        before = written
        await asyncio.to_thread(backed_up, home, target)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    restore(target, tmp_path / "new")
    found = await names(tmp_path / "new")
    assert found == [f"m{number:05}" for number in range(len(found))]
    assert before <= len(found) <= written


def test_what_cannot_be_backed_up_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for target, words in ((tmp_path / "there", "there already"), (home / "b.tar", "in the state directory")):
        with pytest.raises(InvalidSpec, match=words):
            backed_up(home, target)
    with pytest.raises(InvalidSpec, match="no store"):
        backed_up(tmp_path, tmp_path / "x" / "b.tar")
    with pytest.raises(Unavailable, match="cannot be written"):
        backed_up(home, tmp_path / "none" / "b.tar")


def test_only_a_new_or_empty_directory_is_restored_to(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    backed_up(home, target)
    (tmp_path / "link").symlink_to(tmp_path)
    for taken in (home, target, tmp_path / "link"):
        with pytest.raises(InvalidSpec, match=r"not empty|no directory"):
            restore(target, taken)
    (tmp_path / "empty").mkdir()
    restore(target, tmp_path / "empty")
    with pytest.raises(InvalidSpec, match="no file"):
        restore(tmp_path / "none.tar", tmp_path / "other")


Entry = tuple[tarfile.TarInfo, bytes]
Change = Callable[[list[Entry]], list[Entry]]


def with_manifest(change: Callable[[Manifest], Manifest]) -> Change:
    def changed(entries: list[Entry]) -> list[Entry]:
        manifest = change(msgspec.json.decode(entries[0][1], type=Manifest))
        text = msgspec.json.encode(manifest)
        entries[0][0].size = len(text)
        return [(entries[0][0], text), *entries[1:]]

    return changed


def with_member(name: str, **fields: object) -> Change:
    """Another member with that name and those fields; those of the first file where nothing is said."""

    def changed(entries: list[Entry]) -> list[Entry]:
        header = tarfile.TarInfo(name)
        for key, value in fields.items():
            setattr(header, key, value)
        return [*entries, (header, b"x" * header.size)]

    return changed


def announced(name: str, **fields: object) -> Change:
    """The same, and the manifest names it."""

    def changed(entries: list[Entry]) -> list[Entry]:
        def add(manifest: Manifest) -> Manifest:
            like = msgspec.structs.replace(manifest.files[0], path=name, size=0)
            return msgspec.structs.replace(manifest, files=(*manifest.files, like))

        return with_member(name, **fields)(with_manifest(add)(entries))

    return changed


def first_file(change: Callable[[tarfile.TarInfo, bytes], Entry]) -> Change:
    return lambda entries: [entries[0], change(*entries[1]), *entries[2:]]


BAD: dict[str, Change] = {
    "a name that leads out": announced("artifacts/../../x"),
    "an absolute name": announced("/tmp/x"),
    "a name that is not kept": announced("run/endpoint.json"),
    "a symbolic link": announced("artifacts/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": announced("artifacts/x", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "a device": announced("artifacts/x", type=tarfile.CHRTYPE),
    "a fifo": announced("artifacts/x", type=tarfile.FIFOTYPE),
    "a directory": announced("artifacts/x", type=tarfile.DIRTYPE),
    "a file that was not announced": with_member("artifacts/more", size=1),
    "a file twice": lambda entries: [*entries, entries[1]],
    "a file larger than announced": announced("artifacts/x", size=5000),
    "other bytes": first_file(lambda header, content: (header, bytes(len(content)))),
    "a missing file": lambda entries: entries[:-1],
    "no manifest": lambda entries: entries[1:],
    "a manifest that is none": lambda entries: [(_sized(entries[0][0], 2), b"[]"), *entries[1:]],
    "a store of another schema": with_manifest(lambda manifest: msgspec.structs.replace(manifest, schema=1)),
    "a newer schema": with_manifest(lambda manifest: msgspec.structs.replace(manifest, schema=99)),
    "a newer format": with_manifest(lambda manifest: msgspec.structs.replace(manifest, format=2)),
    "no store": with_manifest(lambda manifest: msgspec.structs.replace(manifest, files=manifest.files[1:])),
    "a file named twice": with_manifest(lambda manifest: msgspec.structs.replace(manifest, files=manifest.files * 2)),
}


def _sized(header: tarfile.TarInfo, size: int) -> tarfile.TarInfo:
    header.size = size
    return header


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_a_backup_that_is_not_what_it_says_is_refused_and_leaves_nothing(
    home: Path, tmp_path: Path, change: Change
) -> None:
    good, bad = tmp_path / "good.tar", tmp_path / "bad.tar"
    backed_up(home, good)
    with tarfile.open(good) as tar:
        entries = [(member, _content(tar, member)) for member in tar]
    assert entries[0][0].name == MANIFEST
    with tarfile.open(bad, "w") as tar:
        for header, content in change(entries):
            tar.addfile(header, io.BytesIO(content))
    with pytest.raises(InvalidSpec):
        restore(bad, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "good.tar", "home"]


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


@pytest.mark.parametrize("change", [lambda text: text[:2000], lambda text: b"text", lambda text: b""])
def test_a_file_that_is_no_backup_is_refused(home: Path, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    backed_up(home, tmp_path / "b.tar")
    (tmp_path / "b.tar").write_bytes(change((tmp_path / "b.tar").read_bytes()))
    with pytest.raises(InvalidSpec, match=r"no backup|damaged"):
        restore(tmp_path / "b.tar", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_one_that_does_not_fit_on_the_disk_is_refused_before_it_is_written(home: Path, tmp_path: Path) -> None:
    backed_up(home, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        entries = [(member, _content(tar, member)) for member in tar]

    def huge(manifest: Manifest) -> Manifest:
        return msgspec.structs.replace(
            manifest, files=tuple(msgspec.structs.replace(item, size=1 << 50) for item in manifest.files)
        )

    with tarfile.open(tmp_path / "huge.tar", "w") as tar:
        for header, content in with_manifest(huge)(entries):
            tar.addfile(header, io.BytesIO(content))
    with pytest.raises(Unavailable, match="has room"):
        restore(tmp_path / "huge.tar", tmp_path / "new")


def test_runs_and_their_logs_are_in_the_new_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, new, target = str(tmp_path / "home"), str(tmp_path / "new"), str(tmp_path / "b.tar")

    def said(*words: str) -> str:
        capsys.readouterr()
        assert main(list(words)) == 0
        return capsys.readouterr().out

    said("run", str(MANIFESTS / "hello.yaml"), "--home", home)
    assert said("backup", target, "--home", home).startswith(f"{target}: ")
    assert said("restore", target, "--home", new).startswith(f"{new}: ")
    for words in (("logs", "@latest"), ("list", "-o", "name"), ("archive", "list", "-o", "name")):
        assert said(*words, "--home", new) == said(*words, "--home", home) != ""
    assert main(["restore", target, "--home", new]) == 2

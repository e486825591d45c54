"""What every `ArtifactStore` promises."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound
from setpoint.ports.artifacts import ArtifactStore

STORES: dict[str, Callable[[Path], ArtifactStore]] = {
    "local": LocalArtifactStore,
    "local-not-durable": lambda root: LocalArtifactStore(root, durable=False),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return STORES[request.param](tmp_path / "store")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "deep" / "empty").mkdir(parents=True)
    (top / "a").write_text("a")
    (top / "deep" / "b").write_bytes(b"")
    return top


def files(path: Path) -> dict[str, bytes | None]:
    return {str(entry.relative_to(path)): entry.read_bytes() if entry.is_file() else None for entry in path.rglob("*")}


@pytest.mark.rule("artifacts.archive-none")
def test_a_file_comes_back(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    store.save(tree / "a", "wf/pod/a.txt")
    assert store.exists("wf/pod/a.txt")
    store.load("wf/pod/a.txt", tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_text() == "a"


@pytest.mark.rule("artifacts.archive-none")
def test_a_tree_comes_back_and_its_key_is_a_prefix(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    store.save(tree, "wf/tree")
    store.load("wf/tree", tmp_path / "back")
    assert files(tmp_path / "back") == files(tree)
    store.load("wf/tree/deep/b", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b""
    store.load("wf", tmp_path / "above")
    assert (tmp_path / "above" / "tree" / "a").read_text() == "a"


def test_saving_again_replaces_all(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    store.save(tree, "key")
    (tree / "a").unlink()
    (tree / "c").write_text("c")
    store.save(tree, "key")
    store.load("key", tmp_path / "back")
    assert files(tmp_path / "back") == files(tree)
    store.save(tree / "c", "key")
    store.load("key", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "c"
    store.save(tree, "key")
    store.load("key/c", tmp_path / "again")
    assert (tmp_path / "again").read_text() == "c"


def test_what_is_loaded_is_no_link_to_what_is_stored(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    store.save(tree / "a", "a")
    (tree / "a").write_text("changed")
    store.load("a", tmp_path / "one")
    (tmp_path / "one").write_text("spoilt")
    store.load("a", tmp_path / "two")
    assert (tmp_path / "two").read_text() == "a"


def test_delete_is_quiet_about_nothing_and_takes_a_tree(store: ArtifactStore, tree: Path) -> None:
    store.delete("none/at/all")
    store.save(tree, "wf/tree")
    store.save(tree / "a", "wf/other")
    store.delete("wf/tree")
    assert not store.exists("wf/tree")
    assert not store.exists("wf/tree/a")
    assert store.exists("wf/other")
    store.delete("wf/other")
    assert not store.exists("wf")


def test_what_is_not_there_is_not_found(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    with pytest.raises(NotFound):
        store.load("none", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    store.save(tree / "a", "a")
    with pytest.raises(NotFound):
        store.load("a/below", tmp_path / "x")
    with pytest.raises(NotFound):
        store.save(tree / "none", "x")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/./b", "a/", "a\0b", ".staging/x"]
)
def test_a_key_that_leads_out_is_forbidden(store: ArtifactStore, tmp_path: Path, tree: Path, key: str) -> None:
    for use in (
        lambda: store.save(tree / "a", key),
        lambda: store.load(key, tmp_path / "x"),
        lambda: store.exists(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(Forbidden):
            use()


def test_a_key_below_an_object_is_refused(store: ArtifactStore, tree: Path) -> None:
    store.save(tree / "a", "a")
    with pytest.raises(InvalidSpec, match="below"):
        store.save(tree / "a", "a/b")


def test_links_are_stored_as_bytes_and_never_from_outside(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    (tree / "inside").symlink_to("a")
    (tree / "folder").symlink_to("deep")
    store.save(tree, "tree")
    store.load("tree", tmp_path / "back")
    assert (tmp_path / "back" / "inside").read_text() == "a"
    assert not (tmp_path / "back" / "inside").is_symlink()
    assert (tmp_path / "back" / "folder" / "b").exists()
    (tree / "out").symlink_to("/etc/passwd")
    with pytest.raises(Forbidden):
        store.save(tree, "bad")
    (tree / "out").unlink()
    (tree / "deep" / "circle").symlink_to("..")
    with pytest.raises(Forbidden):
        store.save(tree, "bad")
    (tree / "deep" / "circle").unlink()
    os.mkfifo(tree / "pipe")
    with pytest.raises(Forbidden):
        store.save(tree, "bad")
    assert not store.exists("bad")


def test_a_failed_save_leaves_the_old_object(store: ArtifactStore, tmp_path: Path, tree: Path) -> None:
    store.save(tree, "tree")
    (tree / "a").write_text("new")
    (tree / "bad").symlink_to("/etc/passwd")
    with pytest.raises(Forbidden):
        store.save(tree, "tree")
    store.load("tree/a", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "a"


def test_keys_are_listed_below_a_prefix_in_their_order(store: ArtifactStore, tree: Path) -> None:
    store.save(tree, "wf/tree")
    store.save(tree / "a", "wf/tree-2")
    store.save(tree / "a", "other")
    assert store.keys("wf/tree") == ("wf/tree/a", "wf/tree/deep/b")
    assert store.keys("") == ("other", "wf/tree-2", "wf/tree/a", "wf/tree/deep/b")
    with pytest.raises(NotFound):
        store.keys("none")
    with pytest.raises(Forbidden):
        store.keys("../x")


def test_the_key_of_an_object_has_nothing_below(store: ArtifactStore, tree: Path) -> None:
    store.save(tree / "a", "wf/a")
    assert store.keys("wf/a") == ()

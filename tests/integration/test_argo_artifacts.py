"""Artifacts over HTTP: as stored, looked into, listed, in parts, uploaded; nothing hostile gets through."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

from setpoint.adapters import archive_view
from setpoint.apis.argo import WorkflowTemplate
from setpoint.apis.manifest import decode_document, load_documents
from tests.argo_server import Served, served_argo
from tests.pods import store_of

pytestmark = pytest.mark.timeout(60)

MAKING = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: a}
spec:
  entrypoint: main
  templates:
  - name: main
    container:
      image: busybox
      command: [sh, -c]
      args:
      - |
        mkdir -p /tmp/tree/sub /tmp/site; echo page > /tmp/site/index.html
        echo '<script>alert(1)</script>' > /tmp/tree/page.html; echo deep > /tmp/tree/sub/deep.txt
        printf 0123456789 > /tmp/plain.txt; cp /tmp/plain.txt /tmp/tree/'a b"&.txt'
    outputs:
      artifacts:
      - {name: plain, path: /tmp/plain.txt, archive: {none: {}}}
      - {name: packed, path: /tmp/plain.txt}
      - {name: tree, path: /tmp/tree, archive: {none: {}}}
      - {name: packed-tree, path: /tmp/tree}
      - {name: zipped, path: /tmp/tree, archive: {zip: {}}}
      - {name: site, path: /tmp/site, archive: {none: {}}}
"""
FILES = "/artifact-files/default/workflows/a/a/outputs"
SANDBOX = "sandbox; base-uri 'none'; default-src 'none'; img-src 'self'; style-src 'self' 'unsafe-inline'"


@asynccontextmanager
async def made(home: Path) -> AsyncIterator[Served]:
    async with served_argo(home) as served:
        assert (await served.plane.run(MAKING)).status.phase.value == "Succeeded"
        yield served


async def get(served: Served, path: str, **headers: str) -> httpx.Response:
    return await served.http.get(path, headers=headers)


async def test_files_come_as_they_are_stored_and_sandboxed(tmp_path: Path) -> None:
    async with made(tmp_path) as served:
        plain = await get(served, "/artifacts/default/a/a/plain")
        assert (plain.status_code, plain.content) == (200, b"0123456789")
        assert plain.headers["content-type"] == "text/plain; charset=utf-8"
        assert plain.headers["content-disposition"] == 'filename="plain.txt"'
        assert plain.headers["content-security-policy"] == SANDBOX
        assert plain.headers["x-frame-options"] == "SAMEORIGIN"
        assert plain.headers["x-content-type-options"] == "nosniff"
        packed = await get(served, "/artifacts/default/a/a/packed")
        assert packed.headers["content-type"] == "application/gzip"
        assert packed.headers["content-disposition"] == 'filename="packed.tgz"'
        with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
            assert archive.getnames() == ["plain.txt"]
        tree = await get(served, "/artifacts/default/a/a/tree")
        assert (tree.status_code, "/artifact-files/" in tree.json()["message"]) == (400, True)


async def test_an_archived_workflow_has_its_artifacts_by_uid(tmp_path: Path) -> None:
    async with made(tmp_path) as served:
        uid = (await served.plane.get("a")).metadata.uid
        await served.verbs.delete("default", "a")
        assert (await get(served, f"/artifacts-by-uid/{uid}/a/plain")).content == b"0123456789"
        below = f"/artifact-files/default/archived-workflows/{uid}/a/outputs/plain"
        assert (await get(served, below)).content == b"0123456789"
        assert (await get(served, below.replace("/default/", "/other/"))).status_code == 404


async def test_an_archive_of_one_file_is_shown_as_the_file(tmp_path: Path) -> None:
    async with made(tmp_path) as served:
        shown = await get(served, f"{FILES}/packed")
        assert (shown.status_code, shown.content) == (200, b"0123456789")
        assert shown.headers["content-disposition"] == 'filename="plain.txt"'
        assert shown.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("name", ["tree", "packed-tree", "zipped"])
async def test_directories_are_listed_and_walked_packed_or_not(tmp_path: Path, name: str) -> None:
    async with made(tmp_path) as served:
        moved = await get(served, f"{FILES}/{name}")
        assert (moved.status_code, moved.headers["location"]) == (307, f"{FILES}/{name}/")
        page = await get(served, f"{FILES}/{name}/")
        assert page.headers["content-security-policy"] == SANDBOX
        assert page.headers["content-type"].startswith("text/html")
        assert '<a href="./a%20b%22%26.txt">a b&quot;&amp;.txt</a>' in page.text
        assert '<a href="./sub/">sub/</a>' in page.text
        below = await get(served, f"{FILES}/{name}/sub")
        assert (below.status_code, below.headers["location"]) == (307, f"{FILES}/{name}/sub/")
        assert "deep.txt" in (await get(served, f"{FILES}/{name}/sub/")).text
        deep = await get(served, f"{FILES}/{name}/sub/deep.txt")
        assert (deep.content, deep.headers["content-type"]) == (b"deep\n", "text/plain; charset=utf-8")
        script = await get(served, f"{FILES}/{name}/page.html")
        assert script.headers["content-type"] == "text/html; charset=utf-8"
        assert script.headers["content-security-policy"] == SANDBOX
        odd = await get(served, f"{FILES}/{name}/a%20b%22%26.txt")
        assert odd.headers["content-disposition"] == "filename=\"a b_&.txt\"; filename*=UTF-8''a%20b%22%26.txt"
        assert (await get(served, f"{FILES}/{name}/none.txt")).status_code == 404


async def test_a_directory_with_an_index_is_that(tmp_path: Path) -> None:
    async with made(tmp_path) as served:
        moved = await get(served, f"{FILES}/site/")
        assert (moved.status_code, moved.headers["location"]) == (307, f"{FILES}/site/index.html")
        assert (await get(served, moved.headers["location"])).text == "page\n"


@pytest.mark.parametrize(
    ("wanted", "status", "content", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
async def test_parts_of_files_are_given(
    tmp_path: Path, wanted: str, status: int, content: bytes, told: str | None
) -> None:
    async with made(tmp_path) as served:
        answer = await get(served, "/artifacts/default/a/a/plain", Range=wanted)
        assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, told)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{FILES}/tree/%2e%2e/%2e%2e/plain.txt", 403),
        (f"{FILES}/packed-tree/..%2f..%2fx", 403),
        (f"{FILES}/plain/below", 404),
        (f"{FILES}/none", 404),
        ("/artifact-files/default/workflows/a/b/outputs/plain", 404),
        ("/artifact-files/default/workflows/a/a/sideways/plain", 400),
        ("/artifact-files/default/others/a/a/outputs/plain", 400),
        ("/artifact-files/default/archived-workflows/x/a/outputs/plain", 404),
        ("/artifacts/default/none/a/plain", 404),
    ],
)
async def test_what_is_not_there_or_leads_out_is_refused(tmp_path: Path, path: str, status: int) -> None:
    async with made(tmp_path) as served:
        answer = await get(served, path)
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message", "error"}


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_of(count: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}", b"")
    return target.getvalue()


HOSTILE = {
    "traversal": (tar_of((entry("../out"), b"x")), 403, "leads out"),
    "absolute": (tar_of((entry("/etc/passwd"), b"x")), 403, "leads out"),
    "link out": (tar_of((entry("a/b", tarfile.SYMTYPE, "../../x"), b""), (entry("c"), b"")), 403, "link out"),
    "hard link out": (tar_of((entry("a", tarfile.LNKTYPE, "/etc/passwd"), b""), (entry("c"), b"")), 403, "link out"),
    "device": (tar_of((entry("a", tarfile.CHRTYPE), b""), (entry("c"), b"")), 403, "device"),
    "file as directory": (tar_of((entry("a"), b""), (entry("a/b"), b"")), 403, "no directory"),
    "bomb": (tar_of((entry("a"), bytes(3 << 20)), (entry("b"), b"")), 400, "more than 1 MiB"),
    "many": (tar_of(*((entry(str(number)), b"") for number in range(60))), 400, "more than 50 members"),
    "many zipped": (zip_of(60), 400, "more than 50 members"),
    "cut off": (tar_of((entry("a"), Random(1).randbytes(9999)), (entry("b"), b""))[:5000], 400, "cannot be read"),
    "no zip": (b"PK\x05\x06", 400, "cannot be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_archives_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content, status, words = HOSTILE[name]
    monkeypatch.setattr(archive_view, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(archive_view, "MOST_MEMBERS", 50)
    async with made(tmp_path) as served:
        source = tmp_path / "hostile"
        source.write_bytes(content)
        artifact = "zipped" if "zip" in name else "packed"
        suffix = ".zip" if artifact == "zipped" else ".tgz"
        store_of(tmp_path).save(source, f"a/a/{artifact}{suffix}")
        answer = await get(served, f"{FILES}/{artifact}/")
        assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
        assert (await get(served, f"/artifacts/default/a/a/{artifact}")).content == content


async def test_links_inside_an_archive_are_followed(tmp_path: Path) -> None:
    async with made(tmp_path) as served:
        source = tmp_path / "linked"
        members = (entry("t/real/f"), b"x"), (entry("t/to", tarfile.SYMTYPE, "real"), b"")
        circle = (entry("t/c", tarfile.SYMTYPE, "c"), b"")
        source.write_bytes(tar_of(*members, circle))
        store_of(tmp_path).save(source, "a/a/packed.tgz")
        assert (await get(served, f"{FILES}/packed/to/f")).content == b"x"
        assert (await get(served, f"{FILES}/packed/c")).status_code == 404
        assert '"./to/"' in (await get(served, f"{FILES}/packed/")).text


TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: reads, namespace: default}
spec:
  entrypoint: main
  arguments: {artifacts: [{name: data}]}
  templates:
  - name: main
    inputs: {artifacts: [{name: data, path: /tmp/data}]}
    container: {image: busybox, command: [cat, /tmp/data]}
"""


async def test_an_uploaded_file_is_the_input_of_a_run(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        (document,) = load_documents(TEMPLATE, "test.yaml")
        await served.plane.resources.create(document.decode(WorkflowTemplate))
        answer = await served.http.post(
            "/upload-artifacts/default/reads/data",
            files={"file": ("../../some data.txt", b"up\r\n--loaded", "text/plain")},
        )
        assert answer.status_code == 200, answer.text
        key = answer.json()["key"]
        assert key.startswith("uploads/default/reads/data/")
        assert key.endswith("/some_data.txt")
        body = {
            "resourceKind": "WorkflowTemplate",
            "resourceName": "reads",
            "submitOptions": {"artifacts": [f"data={key}"]},
        }
        run = await served.http.post("/api/v1/workflows/default/submit", json=body)
        name = run.json()["metadata"]["name"]
        assert (await served.plane.finished(name)).status.phase.value == "Succeeded"
        assert [line.content async for line in served.verbs.logs("default", name)] == ["up\r", "--loaded"]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("none/data", {"Content-Type": "multipart/form-data; boundary=b"}, b"", 404),
        ("reads/none", {"Content-Type": "multipart/form-data; boundary=b"}, b"", 404),
        ("reads/data", {"Content-Type": "application/json"}, b"{}", 400),
        ("reads/data", {"Content-Type": "multipart/form-data; boundary=b"}, b"junk", 400),
        ("reads/data", {"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n\r\nx\r\n--b--\r\n", 400),
        ("reads/data", {"Content-Type": "multipart/form-data; boundary=b"}, b'--b\r\nA: filename="x"\r\n\r\nx', 400),
    ],
)
async def test_uploads_that_are_none_are_refused(
    tmp_path: Path, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    async with served_argo(tmp_path) as served:
        (document,) = load_documents(TEMPLATE, "test.yaml")
        await served.plane.resources.create(decode_document(document))
        answer = await served.http.post(f"/upload-artifacts/default/{path}", content=body, headers=headers)
        assert answer.status_code == status, answer.text

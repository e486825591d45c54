"""s3:// sources against an S3 server on a real socket that checks signatures: what is read, and each refusal once."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from setpoint.apis.errors import Forbidden, InvalidSpec, NotSupported, SetpointError, Unavailable
from setpoint.components.data_processing import ProcessedData, process_data
from setpoint.components.data_processing._recipe import SourceSpec
from setpoint.components.data_processing._scan import scan
from setpoint.components.data_processing._sources import open_sources
from setpoint.plant import PLANTS, dataset
from tests.object_store import BUCKET, ObjectStore, object_store

TABLE = dataset(PLANTS["cstr"], runs=2, seed=1, hours=1.0)
NUMBERS = "".join(f"{sample} {sample * 0.5 + 1} {20 - sample % 7}\n" for sample in range(40)).encode()


def _csv(table: pl.DataFrame) -> bytes:
    return table.write_csv().encode()


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


OBJECTS = {
    "one/cstr.csv": _csv(TABLE),
    "one/readme.md": b"not data",
    "parquet/cstr.parquet": _parquet(TABLE),
    "parts/2026/a.csv": _csv(TABLE[: TABLE.height // 2]),
    "parts/2026/b.csv": _csv(TABLE[TABLE.height // 2 :]),
    "parts/2026/deep/c.csv": b"other,columns\n1,2\n",
    "parts-beside/d.csv": b"other,columns\n1,2\n",
    "numbers.dat": NUMBERS,
    "empty.csv": b"",
    "Zug 7/Ö&+%41.csv": _csv(TABLE),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3"), OBJECTS) as running:
        yield running


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


def process(folder: Path, source: str, **options: Any) -> ProcessedData:
    out: dict[str, Any] = {name: folder / name for name in ("train", "holdout", "report")}
    return process_data(source=source, **out, **options)


def refusal(folder: Path, source: str, kind: type[SetpointError], **options: Any) -> str:
    with pytest.raises(kind) as caught:
        process(folder / "out", source, **options)
    assert not (folder / "out").exists()
    return str(caught.value)


KEYS = ("one/cstr.csv", "one", "one/", "one/*.csv", "**/cstr.csv", "parquet", "Zug 7/Ö&+%41.csv")


def test_an_object_a_prefix_and_a_pattern_are_read_as_the_same_table(store: ObjectStore) -> None:
    source = json.dumps([f"s3://{BUCKET}/{key}" for key in KEYS])
    with open_sources(source, max_download_bytes=10_000_000) as origins:
        heights = [scan(origin, SourceSpec()).collect().height for origin in origins]
    assert heights == [TABLE.height] * len(KEYS)


def test_objects_below_a_pattern_are_appended_in_the_order_of_their_keys(store: ObjectStore, tmp_path: Path) -> None:
    found = process(tmp_path / "s3", f"s3://{BUCKET}/parts/2026/*.csv")
    (tmp_path / "files").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "files" / name).write_bytes(OBJECTS[f"parts/2026/{name}"])
    assert found == process(tmp_path / "local", str(tmp_path / "files"))
    parts = [tmp_path / where / "train" / "data.parquet" for where in ("s3", "local")]
    assert parts[0].read_bytes() == parts[1].read_bytes()


def test_columns_separated_by_white_space(store: ObjectStore, tmp_path: Path) -> None:
    assert process(tmp_path, f"s3://{BUCKET}/numbers.dat", target="none").rows_in == 40


def test_several_sources_with_an_address_among_them(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(OBJECTS["parts/2026/b.csv"])
    source = json.dumps([f"s3://{BUCKET}/parts/2026/a.csv", str(tmp_path / "b.csv")])
    assert process(tmp_path / "out", source).rows_in == TABLE.height


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("s3://", InvalidSpec, "names no bucket"),
        ("s3://nobody/data.csv", InvalidSpec, "s3://nobody/data.csv: no such bucket on 127.0.0.1"),
        (f"s3://{BUCKET}/none.csv", InvalidSpec, f"s3://{BUCKET}/none.csv: no such object"),
        (f"s3://{BUCKET}/none/*.csv", InvalidSpec, "no object matches"),
        (f"s3://{BUCKET}/part", InvalidSpec, "no data below that prefix"),
        (f"s3://{BUCKET}/empty.csv", InvalidSpec, f"s3://{BUCKET}/empty.csv: file is empty"),
        (f"s3://{BUCKET}/parts", InvalidSpec, "columns differ"),
    ],
)
def test_what_is_not_there_is_told_by_its_address(
    source: str, kind: type[SetpointError], words: str, store: ObjectStore, tmp_path: Path
) -> None:
    assert words in refusal(tmp_path, source, kind)


def test_more_than_the_limit_is_refused_before_it_is_read(store: ObjectStore, tmp_path: Path) -> None:
    assert "more than the limit of 0" in refusal(tmp_path, f"s3://{BUCKET}/one/cstr.csv", InvalidSpec, size_limit_mb=0)


def test_without_credentials_nobody_is_asked(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = refusal(tmp_path, f"s3://{BUCKET}/one/cstr.csv", InvalidSpec)
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said


@pytest.mark.parametrize(
    ("variable", "code"),
    [("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")],
)
@pytest.mark.parametrize("key", ["one/cstr.csv", "one/"])
def test_wrong_credentials_are_told_and_never_shown(
    key: str, variable: str, code: str, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "correct-horse-battery")
    said = refusal(tmp_path, f"s3://{BUCKET}/{key}", Forbidden)
    assert store.host in said
    assert code in said or "no reason given" in said  # an answer to HEAD has no body
    assert "correct-horse" not in said
    assert all(store.environment[name] not in said for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))


def test_an_endpoint_that_does_not_answer_is_unavailable(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:hush@127.0.0.1:{closed_port}")
    said = refusal(tmp_path, f"s3://{BUCKET}/one/cstr.csv", Unavailable)
    assert f"127.0.0.1:{closed_port} does not answer" in said
    assert "hush" not in said


def test_a_plain_install_says_what_to_install(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    assert "pip install 'setpoint[s3]'" in refusal(tmp_path, f"s3://{BUCKET}/one/cstr.csv", NotSupported)


def test_a_pod_gets_the_credentials_and_nothing_on_disk_holds_them(store: ObjectStore, tmp_path: Path) -> None:
    manifest = tmp_path / "read.yaml"
    manifest.write_text(
        f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: read}}
spec:
  entrypoint: main
  templates:
    - name: main
      steps:
        - - {{name: read, template: read}}
          - {{name: other, template: other}}
    - name: read
      container:
        image: setpoint
        command: [setpoint, component, run, data-processing]
        args: [--source, "s3://{BUCKET}/one/cstr.csv", --train, /tmp/a, --holdout, /tmp/b, --report, /tmp/c]
    - name: other
      container: {{image: busybox, command: [sh, -c], args: ['test -z "$AWS_SECRET_ACCESS_KEY"']}}
"""
    )
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "setpoint", "run", str(manifest)],
        capture_output=True,
        text=True,
        env=os.environ | {"SETPOINT_HOME": str(home), "NO_COLOR": "1"},
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    secret = store.environment["AWS_SECRET_ACCESS_KEY"].encode()
    written = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "request.json" for path in written)
    assert not [path for path in written if secret in path.read_bytes()]
    assert secret.decode() not in done.stdout + done.stderr

"""The init step of a served model: copy its directory beside the server, whole or not at all.

Decides that a model directory is regular files only, below a size limit, and holds a model. The copy appears under its
final name in one rename, so a server never sees half a model, and an existing copy is left as it is: a restart does not
depend on the source being there still.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, SetpointError, Unavailable
from setpoint.core.serving.storage import MODEL_FILES, local_path

MAX_BYTES = 8 * 2**30


def fetch_model(uri: str, target: Path) -> Path:
    """Copy the model directory of a storage URI to `target`; returns `target`.

    Raises: NotFound if there is no such directory, InvalidSpec if it holds no model, Forbidden for links and special
        files, Unavailable if the disk refuses.
    """
    source = Path(local_path(uri))
    if target.is_dir():
        return target
    if not source.is_dir():
        raise NotFound("model directory", str(source))
    files = _model_files(source)
    partial = target.with_name(f"{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        for file in files:
            copy = partial / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy, follow_symlinks=False)
        partial.replace(target)
    except OSError as error:
        raise Unavailable(f"cannot copy the model from {source} to {target}: {error}") from error
    return target


def _model_files(source: Path) -> list[Path]:
    files = []
    total = 0
    for directory, folders, names in os.walk(source):
        for name in (*folders, *names):
            path = Path(directory, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise Forbidden(f"{path} is a link or a special file; a model directory holds plain files only")
        for name in names:
            files.append(Path(directory, name))
            total += files[-1].stat().st_size
    if total > MAX_BYTES:
        raise Forbidden(f"the model directory {source} holds {total} bytes, the limit is {MAX_BYTES}")
    if not any((source / name).is_file() for name in MODEL_FILES):
        raise InvalidSpec(f"{source} is no model directory: it has none of {', '.join(MODEL_FILES)}")
    return sorted(files)


def main(argv: list[str] | None = None) -> int:
    """`python -m setpoint.modelserver.fetch --uri URI --target DIR`; 0, or 1 with one line that says why."""
    parser = argparse.ArgumentParser(prog="setpoint.modelserver.fetch", description=fetch_model.__doc__)
    parser.add_argument("--uri", required=True, help="file:///dir or /dir")
    parser.add_argument("--target", required=True, type=Path, help="where the copy goes; its parent must exist")
    arguments = parser.parse_args(argv)
    try:
        fetch_model(arguments.uri, arguments.target)
    except SetpointError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

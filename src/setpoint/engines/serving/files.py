"""The serving engine's files: port files of servers, fetched models, and the gateway's attempt number.

Decides nothing; every function is safe to repeat. Paths come from `ServerLayout`, whose parts are uid and revision.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from setpoint.apis.errors import Unavailable
from setpoint.core.serving.revisions import Replica
from setpoint.engines.serving.pods import ServerLayout


def read_port(layout: ServerLayout, replica: Replica) -> int | None:
    """The port that the attempt's server wrote; None while it has not."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(Path(layout.port_file(replica)).read_text())
    return None


def prepare_revision(layout: ServerLayout, replica: Replica) -> bool:
    """Make the revision's directory, without what earlier attempts left (the model that this one uses excepted).

    Returns whether that model is there already.

    Raises: Unavailable if the disk refuses.
    """
    directory = Path(layout.revision_directory(replica.revision))
    model = Path(layout.model_directory(replica))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for item in directory.iterdir():
            if item.is_dir() and item != model:
                shutil.rmtree(item)
            elif item.is_file():
                item.unlink()
    except OSError as error:
        raise Unavailable(f"cannot prepare {directory}: {error}") from error
    return model.is_dir()


def remove_tree(path: Path) -> None:
    """Remove a directory with all it holds; nothing if it is not there."""
    shutil.rmtree(path, ignore_errors=True)


def read_number(path: Path, default: int) -> int:
    """The number in a file."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(path.read_text())
    return default


def write_number(path: Path, number: int) -> None:
    """Replace the number in a file. Raises: Unavailable if the disk refuses."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(f"{number}\n")
        partial.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error}") from error

"""What goes into a pod before main and comes out of it after: artifacts and output parameters.

Inputs that cannot be loaded and outputs that are missing are the platform's words on the user's declaration: they
raise `TransferError` with the text that Argo's own containers would leave (`init: ...`, `wait: ...`).
Source: Argo Workflows, artifacts and output parameters; sections 9 and 10 of the notes on its semantics.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from setpoint.adapters import places
from setpoint.adapters.pods import archive, records
from setpoint.adapters.pods.isolation import PrivateRoot
from setpoint.adapters.pods.logfile import LogReader
from setpoint.apis.errors import NotFound, SetpointError
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.launcher import Archive, ArtifactInput, ArtifactOutput, ParameterOutput, PodRequest


class TransferError(Exception):
    """An input that cannot be loaded or an output that cannot be saved; the text is the pod's message."""


def load_artifacts(
    inputs: tuple[ArtifactInput, ...],
    store: Callable[[], ArtifactStore],
    root: PrivateRoot,
    check: Callable[[], None],
) -> None:
    """Put every input at its path; `check` is called between them and may raise.

    Raises: TransferError naming the artifact.
    """
    for artifact in inputs:
        check()
        target = root.locate(artifact.path)
        try:
            load_artifact(artifact, store, target)
        except NotFound as error:
            if not artifact.optional:
                raise TransferError(f"init: Error (exit code 64): artifact {artifact.name}: {error}") from error
        except (SetpointError, OSError) as error:
            raise TransferError(f"init: Error (exit code 64): artifact {artifact.name}: {error}") from error


def save_outputs(
    request: PodRequest,
    store: Callable[[], ArtifactStore],
    root: PrivateRoot,
    folder: Path,
) -> tuple[tuple[str, ...], list[str]]:
    """Save what is there of output artifacts and logs; the names saved, and what went wrong with the others.

    `folder` is the pod's; its containers have ended.
    """
    scratch = folder / records.SCRATCH
    saved, errors = _save_artifacts(request.artifact_outputs, store, root, scratch)
    for container, artifact in request.log_outputs.items():
        if not (folder / records.log_file(container)).exists():  # it was never started
            continue
        try:
            _save(artifact, store(), _log_text(folder, container, scratch), scratch, ())
            saved.append(artifact.name)
        except (SetpointError, OSError) as error:
            errors.append(f"output artifact {artifact.name!r}: {error}")
    return tuple(saved), errors


def _log_text(folder: Path, container: str, scratch: Path) -> Path:
    """A file with what the container said, both streams, as far as it is kept."""
    scratch.mkdir(parents=True, exist_ok=True)
    name = records.log_file(container)
    target, reader = scratch / name, LogReader(folder / name, container)
    try:
        target.write_text("".join(f"{line.content}\n" for line in reader.read()))
    finally:
        reader.close()
    return target


def _save_artifacts(
    outputs: tuple[ArtifactOutput, ...], store: Callable[[], ArtifactStore], root: PrivateRoot, scratch: Path
) -> tuple[list[str], list[str]]:
    saved, errors = [], []
    for artifact in outputs:
        source = root.locate(artifact.path)
        if not source.exists():
            if not artifact.optional:
                errors.append(f"path {artifact.path} of output artifact {artifact.name!r} does not exist")
            continue
        try:
            _save(artifact, store(), source, scratch, root.excluded(artifact.path))
            saved.append(artifact.name)
        except (SetpointError, OSError) as error:
            errors.append(f"output artifact {artifact.name!r}: {error}")
    return saved, errors


def read_parameters(outputs: tuple[ParameterOutput, ...], root: PrivateRoot) -> tuple[dict[str, str], list[str]]:
    """Values by name, exactly one trailing newline cut, and what went wrong with the others."""
    values, errors = {}, []
    for parameter in outputs:
        try:
            text = root.locate(parameter.path).read_bytes().decode(errors="replace")
            values[parameter.name] = text.removesuffix("\n")
        except OSError as error:
            if parameter.default is not None:
                values[parameter.name] = parameter.default
            else:
                errors.append(f"path {parameter.path} of output parameter {parameter.name!r}: {error.strerror}")
    return values, errors


def load_artifact(artifact: ArtifactInput, store: Callable[[], ArtifactStore], target: Path) -> None:
    """Put one input at a path. Raises: NotFound if the store has none; what the store raises; OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if artifact.raw is not None:
        target.write_text(artifact.raw)
    elif artifact.archive is Archive.NONE and artifact.place is None:
        store().load(artifact.key, target)
    else:
        fetched = target.with_name(f".{target.name}.fetched")
        try:
            if artifact.place is not None:
                places.fetch(artifact.place, fetched)
            else:
                store().load(artifact.key, fetched)
            _place(fetched, target, artifact.archive)
        finally:
            _remove(fetched)
    if artifact.mode is not None:
        _set_mode(target, artifact.mode, recursive=artifact.recurse_mode)


def _set_mode(target: Path, mode: int, *, recursive: bool) -> None:
    if recursive and target.is_dir() and not target.is_symlink():
        for path in sorted(target.rglob("*"), reverse=True):
            if not path.is_symlink():
                path.chmod(mode)
    target.chmod(mode)


def _place(fetched: Path, target: Path, kind: Archive | None) -> None:
    unpacked = fetched
    if kind is not Archive.NONE and (kind is not None or archive.is_gzipped_tar(fetched)):
        unpacked = target.with_name(f".{target.name}.unpacked")
        archive.unpack(fetched, unpacked, kind or Archive.TAR)
    try:
        unpacked.rename(target)
    except OSError:  # the target is a volume, or a directory with something in it
        if unpacked.is_dir():
            shutil.copytree(unpacked, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copyfile(unpacked, target)
    finally:
        _remove(unpacked)


def _save(
    artifact: ArtifactOutput, store: ArtifactStore, source: Path, scratch: Path, excluded: tuple[str, ...]
) -> None:
    def keep(path: Path) -> None:
        if artifact.place is not None:
            places.put(artifact.place, path)
        else:
            store.save(path, artifact.key)

    if artifact.archive is Archive.NONE and not excluded:
        keep(source)
        return
    packed = scratch / "packed"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        if artifact.archive is Archive.NONE:
            shutil.copytree(source, packed, ignore=lambda folder, names: _hidden(folder, names, excluded))
        else:
            archive.pack(source, packed, artifact.archive, level=artifact.compression_level, excluded=excluded)
        keep(packed)
    finally:
        _remove(packed)


def _hidden(folder: str, names: list[str], excluded: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(f"{other}/".startswith(f"{folder}/{name}/") for other in excluded)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()

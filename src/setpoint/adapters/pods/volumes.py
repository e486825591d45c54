"""What the volumes of a pod hold and where they lie on the host's disk.

    <home>/pods/<id>/volumes/<volume>   a pod's own: empty, or the files of config maps, secrets and the downward API
    <home>/pods/<id>/hosts              its hosts file, if it has names of its own
    <home>/claims/<uid>                 a claim's; deleted with the claim

Invariant: a path of a volume never leads out of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from setpoint.adapters.pods.images import ImageRule, image_files
from setpoint.adapters.pods.isolation import Bind, normal_path
from setpoint.adapters.pods.records import check_id
from setpoint.ports.launcher import Mount, PodRequest

CLAIMS = "claims"
_HOSTS = Path("/etc/hosts")


def write_files(request: PodRequest, folder: Path) -> None:
    """The files that the pod's own volumes begin with."""
    for file in request.files:
        path = Path(f"{folder}/volumes/{file.volume}{normal_path(file.path)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)


def volume_bind(mount: Mount, folder: Path, home: Path) -> Bind:
    """What a mount shows; makes the directory if it is one of ours, or asked for."""
    if mount.host_path:
        source = Path(mount.host_path)
    else:
        source = home / CLAIMS / check_id(mount.claim) if mount.claim else folder / "volumes" / mount.volume
    if mount.create == "File" and not source.exists():
        source.parent.mkdir(parents=True, exist_ok=True)
        source.touch()
    if mount.create == "Directory":
        source.mkdir(parents=True, exist_ok=True)
    if mount.sub_path:
        source = Path(str(source) + normal_path(mount.sub_path))
    if not mount.host_path and not source.exists():
        source.mkdir(parents=True)
    return Bind(source=str(source), path=normal_path(mount.path), read_only=mount.read_only)


def hosts_bind(request: PodRequest, folder: Path) -> Bind:
    """The host's hosts file with the pod's names below, shown in its place."""
    lines = [_HOSTS.read_text().rstrip("\n")] if _HOSTS.exists() else []
    lines += ["", "# Entries added by HostAliases."]
    lines += ["\t".join((alias.ip, *alias.hostnames)) for alias in request.host_aliases]
    own = folder / "hosts"
    own.write_text("\n".join(lines) + "\n")
    own.chmod(0o644)
    return Bind(source=str(own), path=str(_HOSTS))


def held_claims(home: Path) -> tuple[str, ...]:
    """Uids of the claims that have a directory."""
    try:
        return tuple(place.name for place in (home / CLAIMS).iterdir())
    except FileNotFoundError:
        return ()


def remove_claim(home: Path, uid: str) -> None:
    """Delete a claim's directory; nothing if it has none."""
    shutil.rmtree(home / CLAIMS / check_id(uid), ignore_errors=True)


def image_binds(rules: Iterable[ImageRule], image: str, others: Iterable[Bind]) -> list[Bind]:
    """The files that an image has at paths of its own, where no volume lies."""
    taken = {bind.path for bind in others}
    files = image_files(rules, image)
    return [Bind(source=file, path=path, read_only=True) for path, file in files.items() if path not in taken]

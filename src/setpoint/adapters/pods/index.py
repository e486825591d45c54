"""What must be found without a look at every pod there ever was: pods not told of yet, and the pods of an owner.

    <home>/kubelet/live/<id>            launched, and its end not yet taken by a reader of the ends
    <home>/kubelet/owners/<owner>/<id>  belongs to the owner, and its directory is still there

The entries are further names of the file with the pod's request: a name costs no inode, and an unlink frees none.
Invariant: the entries of a pod are there before its directory and go after it, so a kill at any moment leaves an entry
too many and never a directory that nobody finds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from setpoint.adapters.pods import records
from setpoint.apis.pods import PodRequest


class PodIndex:
    """Names in directories below `home`, for the pods in the directory `pods`."""

    def __init__(self, home: Path, pods: Path) -> None:
        self._pods = pods
        self._live = home / "kubelet" / "live"
        self._owners = home / "kubelet" / "owners"

    def prepare(self) -> None:
        """Make the directories."""
        self._live.mkdir(parents=True, exist_ok=True)
        self._owners.mkdir(exist_ok=True)

    def enter(self, request: PodRequest) -> None:
        """The pod gets its entries, its directory, and the request in it; again, if it was not launched after all.

        Raises: OSError.
        """
        live, folder = self._live / request.id, self._pods / request.id
        written = folder / records.REQUEST
        if written.exists():  # a supervisor may be reading it
            _link(written, live)
            records.write_record(folder, records.REQUEST, request)
            return
        records.write_private(str(live), msgspec.json.encode(request))
        if request.owner:
            owner = self._owners / records.check_id(request.owner)
            try:
                _link(live, owner / request.id)
            except FileNotFoundError:
                owner.mkdir(exist_ok=True)
                _link(live, owner / request.id)
        folder.mkdir(exist_ok=True)
        _link(live, written)

    def live(self) -> list[str]:
        """Pods that run or whose end nobody has taken."""
        return _names(self._live)

    def told(self, pod_id: str) -> None:
        """The pod's end was taken."""
        with suppress(FileNotFoundError):
            (self._live / pod_id).unlink()

    def owners(self) -> tuple[str, ...]:
        """Owners that have pods."""
        return tuple(_names(self._owners))

    def owned(self, owner: str) -> list[str]:
        """The pods of an owner."""
        with suppress(FileNotFoundError):
            return _names(self._owners / records.check_id(owner))
        return []

    def open_pods(self, owner: str) -> list[str]:
        """The pods of an owner that have no exit record."""
        return [one for one in self.owned(owner) if not (self._pods / one / records.EXIT).exists()]

    def delete(self, pod_id: str) -> None:
        """Delete a pod's directory, then what points to it."""
        request = records.read_record(self._pods / pod_id, records.REQUEST, PodRequest)
        self._delete([pod_id], request.owner if request is not None else "")

    def delete_owner(self, owner: str) -> None:
        """Delete the directories of all pods of an owner, then what points to them."""
        self._delete(self.owned(owner), owner)

    def _delete(self, pods: Iterable[str], owner: str) -> None:
        for pod_id in pods:
            shutil.rmtree(self._pods / pod_id, ignore_errors=True)
            self.told(pod_id)
            if owner:
                (self._owners / owner / pod_id).unlink(missing_ok=True)
        if owner:
            with suppress(OSError):  # not empty, or never there
                (self._owners / owner).rmdir()


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _link(file: Path, name: Path) -> None:
    with suppress(FileExistsError):
        name.hardlink_to(file)

"""What lint found: errors that refuse a manifest, warnings that do not; each with path and place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from setpoint.apis.errors import InvalidSpec, Location, NotSupported
from setpoint.apis.manifest import FieldPath, format_path, nearest

Locate = Callable[[FieldPath], Location | None]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of lint, in the order of the file. `NotSupported` among the errors: legal for a cluster, not here."""

    errors: tuple[InvalidSpec, ...] = ()
    warnings: tuple[InvalidSpec, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the manifest can be run."""
        return not self.errors

    @property
    def invalid(self) -> tuple[InvalidSpec, ...]:
        """The errors that a cluster would refuse as well."""
        return tuple(error for error in self.errors if not isinstance(error, NotSupported))

    def raise_first(self) -> None:
        """Raises: InvalidSpec, the first error; what is invalid comes before what is not supported."""
        for error in (*self.invalid, *self.errors):
            raise error

    def __add__(self, other: Report) -> Report:
        """Both reports, this one first."""
        return Report(self.errors + other.errors, self.warnings + other.warnings)


@dataclass
class Findings:
    """Collects findings of one object; the same reason at the same path is kept once.

    `base` is the path of the object in its document, put before the paths that are said.
    """

    locate: Locate = lambda path: None
    base: FieldPath = ()
    errors: list[InvalidSpec] = field(default_factory=list)
    warnings: list[InvalidSpec] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def error(self, path: FieldPath, reason: str, allowed: tuple[str, ...] = ()) -> None:
        """Something that a cluster refuses too."""
        self._keep(self.errors, InvalidSpec, path, reason, allowed)

    def unsupported(self, path: FieldPath, reason: str) -> None:
        """Something legal that is not done here."""
        self._keep(self.errors, NotSupported, path, reason, ())

    def warn(self, path: FieldPath, reason: str) -> None:
        """Something that is accepted but will not do what its author may think."""
        self._keep(self.warnings, InvalidSpec, path, reason, ())

    def report(self) -> Report:
        """All findings, ordered by line."""

        def line(error: InvalidSpec) -> int:
            return (error.location.line or 0) if error.location else 0

        return Report(tuple(sorted(self.errors, key=line)), tuple(sorted(self.warnings, key=line)))

    def _keep(
        self, into: list[InvalidSpec], cls: type[InvalidSpec], path: FieldPath, reason: str, allowed: tuple[str, ...]
    ) -> None:
        key = (format_path((*self.base, *path)), reason)
        if key not in self._seen:
            self._seen.add(key)
            into.append(cls(reason, path=key[0], location=self.locate(path), allowed=allowed))


def did_you_mean(word: str, names: tuple[str, ...]) -> str:
    """`, did you mean 'x'?` or nothing."""
    near = nearest(word, names)
    return f", did you mean {near!r}?" if near else ""

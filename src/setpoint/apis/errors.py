"""The error tree. Retryability is the class, never a message; no HTTP number and no exit code here.

    SetpointError
    ├── InvalidSpec          what somebody wrote is wrong: file, field path, found, allowed
    │   ├── InvalidObject        an object breaks the rules of its kind: all problems at once
    │   ├── StrictDecodingError  fields that nobody knows, or that stand there twice
    │   ├── Malformed        it cannot be read at all: no JSON, no such option
    │   │   ├── UnsupportedMedia, TooLarge
    │   │   └── MethodNotAllowed, NotImplementedHere
    │   └── AlreadyEnded     what is asked for needs a workflow that runs
    ├── NotFound
    ├── AlreadyExists
    ├── Conflict             the object changed since it was read
    │   ├── ApplyConflict    fields of it belong to another manager
    │   └── Expired          the version asked for is older than what is kept: list again
    ├── Forbidden            refused for safety or by a rule (traversal, missing token)
    ├── NotSupported         valid for a cluster, not done on one machine (or not yet); refused, never half-done
    ├── Transient            may go away by itself
    │   ├── Timeout
    │   ├── Unavailable
    │   └── Throttled
    └── InvariantViolation   a bug of ours, with its story

Each surface maps the tree once: exit codes in `cli`, Kubernetes `Status` in `server`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class SetpointError(Exception):
    """Root of all errors that a caller is meant to handle; `str()` is one sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where in a file something is; line and column count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """`file:line:column`, as editors and compilers print it."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one field, in the words of an API server.

    Attributes:
        path: The field, such as `spec.replicas`; empty when the whole object is meant.
        reason: What is wrong, such as `Required value`.
        type: What a machine reads, `reason` of a StatusCause in meta/v1.
    """

    path: str
    reason: str
    type: str = "FieldValueInvalid"

    def __str__(self) -> str:
        """`path: reason`."""
        return f"{self.path}: {self.reason}" if self.path else self.reason


class InvalidSpec(SetpointError):
    """Something a person wrote is wrong.

    Args:
        reason: What is wrong and what to do, in one sentence.
        path: Field path such as `spec.templates[2].dag.tasks[0].depends`; empty when the whole is meant.
        location: Where in the file, when known.
        allowed: Values that would be right, if they can be listed.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str = "",
        location: Location | None = None,
        allowed: tuple[str, ...] = (),
    ) -> None:
        self.reason = reason
        self.path = path
        self.location = location
        self.allowed = allowed
        super().__init__(reason)

    def __str__(self) -> str:
        """`file:line:col: path: reason (allowed: a, b)`, leaving out what is unknown."""
        head = ": ".join(part for part in (str(self.location or ""), self.path, self.reason) if part)
        return f"{head} (allowed: {', '.join(self.allowed)})" if self.allowed else head


class Malformed(InvalidSpec):
    """A request cannot be read: its body is no JSON object, an option has no such value."""


class UnsupportedMedia(Malformed):
    """The body is of a type that is not read here."""


class TooLarge(Malformed):
    """The body is larger than what is read."""


class MethodNotAllowed(Malformed):
    """There is such a resource, without such a verb."""


class NotImplementedHere(Malformed):
    """A cluster does this, one machine without containers does not."""


class InvalidObject(InvalidSpec):
    """An object breaks the rules of its kind; `path` and `reason` are those of the first problem.

    Args:
        problems: Everything that is wrong, at least one.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(problems[0].reason, path=problems[0].path)

    def __str__(self) -> str:
        """One problem as it is, several as Kubernetes lists them: `[a, b]`."""
        texts = [str(problem) for problem in self.problems]
        return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


class StrictDecodingError(Malformed):
    """Strict validation was asked for, and fields are unknown or stand there twice.

    Args:
        findings: Such as `unknown field "spec.foo"`, at least one.
    """

    def __init__(self, findings: tuple[str, ...]) -> None:
        self.findings = findings
        _, _, first = findings[0].partition('"')
        super().__init__(f"strict decoding error: {', '.join(findings)}", path=first.partition('"')[0])

    def __str__(self) -> str:
        """The findings name their places themselves."""
        return self.reason


class NotFound(SetpointError):
    """The named object does not exist."""

    def __init__(self, kind: str, name: str, namespace: str = "") -> None:
        self.kind, self.name, self.namespace = kind, name, namespace
        where = f" in namespace {namespace}" if namespace else ""
        super().__init__(f"{kind} {name!r} not found{where}")


class AlreadyExists(SetpointError):
    """An object of that kind and name exists."""

    def __init__(self, kind: str, name: str, namespace: str = "") -> None:
        self.kind, self.name, self.namespace = kind, name, namespace
        super().__init__(f"{kind} {name!r} already exists")


class Conflict(SetpointError):
    """The object changed since it was read: read it again and redo the edit."""

    def __init__(self, kind: str, name: str, *, found: str, wanted: str) -> None:
        self.kind, self.name, self.found, self.wanted = kind, name, found, wanted
        super().__init__(f"{kind} {name!r} was changed: resourceVersion is {found}, the edit is based on {wanted}")


class ApplyConflict(Conflict):
    """An apply would change fields that belong to others.

    Args:
        message: All of it, for people.
        causes: `(message, field path)` for each field.
    """

    def __init__(self, message: str, causes: tuple[tuple[str, str], ...]) -> None:
        super().__init__("object", "", found="", wanted="")
        self.causes = causes
        self.args = (message,)


class Expired(Conflict):
    """A watch asked for changes that are not kept any more (or not yet made): list again and go on from there."""

    def __init__(self, kind: str, *, found: str, wanted: str) -> None:
        super().__init__(kind, "", found=found, wanted=wanted)
        self.args = (f"changes of {kind} after version {wanted} are not kept (the oldest is {found}): list again",)


class Forbidden(SetpointError):
    """Refused for safety or by a rule."""


class NotSupported(InvalidSpec):
    """Legal for a cluster, but not done here; the path names the field."""


class AlreadyEnded(InvalidSpec):
    """The verb is for a workflow that runs, and this one has ended."""


class EventFailed(SetpointError):
    """An event came in, and a binding could not do what it says."""


class Transient(SetpointError):
    """May go away by itself; `retry_after` is a hint, None when unknown."""

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(reason)


class Timeout(Transient):
    """Something took longer than its limit."""


class Unavailable(Transient):
    """A service or resource (port, disk, server) is not there at present."""


class NeverReached(Unavailable):
    """A server was gone before it had answered anything: to begin again, elsewhere, does nothing twice."""


class Throttled(Transient):
    """Too much was asked at once."""


class InvariantViolation(SetpointError):
    """A bug of ours; the story holds what led here."""

    def __init__(self, reason: str, *, story: tuple[str, ...] = ()) -> None:
        self.story = story
        super().__init__("; ".join((reason, *story)))

"""Tokens of service accounts, and the directory of each account that its pods are shown.

A pod sees `token`, `ca.crt` and `namespace` where in-cluster configuration looks for them. The directory is one for all
pods of the account and is written anew before the token ends, so that a pod that runs long has always a good one, and
that starting a pod costs no file. Tokens that are bound to a pod are given by `issue`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from setpoint.adapters.access.secret_files import SigningKey, access_folder, write_secret
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.names import check_name
from setpoint.apis.pods import Container, Mount, PodRequest
from setpoint.core.access import SHORTEST_SECONDS, TokenClaims, sign
from setpoint.ports.access import IssuedToken, PolicySource
from setpoint.ports.clock import Clock

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_VOLUME = "kube-api-access"
_LIFETIME_SECONDS, _RENEW_SECONDS = 3 * 3600, 3600
_LONGEST_SECONDS = 24 * 3600
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountTokens:
    """See `ports.access.TokenIssuer` and `ports.credentials.PodCredentials`.

    Args:
        home: The state directory.
        key: What signs.
        source: Knows the accounts.
        clock: For the times in tokens.
        authority: File of the certificate by which the server is known; made by the call.
        port: Of the listener that pods talk to.
        automounts: `(namespace, name)` to what the account says of tokens in pods; None: nothing.
    """

    home: Path
    key: SigningKey
    source: PolicySource
    clock: Clock
    authority: Path
    port: int
    automounts: Callable[[str, str], bool | None]
    _written: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)  # when, and for which uid

    async def issue(
        self, namespace: str, name: str, seconds: int = 3600, *, pod: tuple[str, str] | None = None
    ) -> IssuedToken:
        """See the port."""
        if not SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
            reason = f"may not be less than {SHORTEST_SECONDS} or more than {_LONGEST_SECONDS}, found {seconds}"
            raise InvalidSpec(reason, path="spec.expirationSeconds")
        uid = await self.source.account_uid(namespace, name)
        now = int(self.clock.now().timestamp())
        claims = TokenClaims(
            namespace=namespace, account=name, account_uid=uid, issued_at=now, expires_at=now + seconds, pod=pod
        )
        return IssuedToken(token=sign(claims, self.key.made()), claims=claims)

    async def give(self, request: PodRequest, account: str, *, automount: bool | None) -> PodRequest:
        """See the port. Raises: InvalidSpec: The account's name is none."""
        account = account or "default"
        check_name(account, path="serviceAccountName")
        await self.source.policy()  # the accounts are known after the first look
        wants = self.automounts(request.namespace, account) if automount is None else automount
        if wants is False:
            return request
        folder = await self._folder(request.namespace, account)

        def with_access(container: Container) -> Container:
            return _with_access(container, str(folder), str(self.port))

        return request.replace(
            main=with_access(request.main),
            init_containers=tuple(with_access(item) for item in request.init_containers),
            fellows=tuple(with_access(item) for item in request.fellows),
            sidecars=tuple(with_access(item) for item in request.sidecars),
        )

    async def _folder(self, namespace: str, account: str) -> Path:
        folder = access_folder(self.home) / "accounts" / namespace / account
        now, uid = int(self.clock.now().timestamp()), await self.source.account_uid(namespace, account)
        written, of = self._written.get((namespace, account), (0, ""))
        if now - written >= _RENEW_SECONDS or of != uid:  # the account may be another since, of the same name
            await self._write(namespace, account, folder)
        return folder

    async def _write(self, namespace: str, account: str, folder: Path) -> None:
        issued = await self.issue(namespace, account, _LIFETIME_SECONDS)
        write_secret(folder / "ca.crt", self.authority.read_bytes())
        write_secret(folder / "namespace", namespace.encode())
        write_secret(folder / "token", issued.token.encode())
        self._written[namespace, account] = issued.claims.issued_at, issued.claims.account_uid

    async def renew(self) -> None:
        """Write anew what is due of the directories of all accounts; those of a former control plane too."""
        root = access_folder(self.home) / "accounts"
        for folder in sorted(root.glob("*/*")) if root.exists() else ():
            await self._folder(folder.parent.name, folder.name)


def _with_access(container: Container, folder: str, port: str) -> Container:
    if any(mount.path.rstrip("/") == MOUNT_PATH for mount in container.mounts):
        return container  # its own, as on a cluster
    mount = Mount(volume=_VOLUME, path=MOUNT_PATH, host_path=folder, read_only=True)
    env = {
        "KUBERNETES_SERVICE_HOST": _HOST,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
        **container.env,
    }
    return container.replace(env=env, mounts=(*container.mounts, mount))

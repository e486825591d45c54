"""What access keeps in the state directory: certificates, tokens, kubeconfig, the audit log."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from setpoint.adapters.access.audit_file import AuditFile
from setpoint.adapters.access.certificates import given_certificate, made_certificate
from setpoint.adapters.access.peers import Peers
from setpoint.adapters.access.people import PeopleFile
from setpoint.adapters.access.secret_files import SigningKey, is_private, make_private
from setpoint.apis.errors import AlreadyExists, InvalidSpec, NotFound
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.kubeconfig import make_kubeconfig, make_person_kubeconfig, merge_kubeconfig, write_kubeconfig
from tests.certificates import Authority

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(item.value) for item in found]


def test_a_certificate_is_for_all_names_and_is_kept_until_it_ends_soon(tmp_path: Path) -> None:
    made = made_certificate(tmp_path / "home", ["plant.example", "10.0.0.5"], NOW)
    first, authority = loaded(made.certificate), loaded(made.authority)
    wanted = {
        "localhost",
        "127.0.0.1",
        "::1",
        "kubernetes.default.svc",
        socket.gethostname(),
        "plant.example",
        "10.0.0.5",
    }
    assert wanted <= set(names(first))
    first.verify_directly_issued_by(authority)
    assert first.not_valid_after_utc == NOW + timedelta(days=365)
    again = ["plant.example", "10.0.0.5"]
    made_certificate(tmp_path / "home", again, NOW + timedelta(days=300))
    assert loaded(made.certificate) == first
    made_certificate(tmp_path / "home", again, NOW + timedelta(days=306))
    assert loaded(made.certificate) != first
    assert loaded(made.authority) == authority
    made_certificate(tmp_path / "home", ["other.example"], NOW + timedelta(days=306))
    assert "other.example" in names(loaded(made.certificate))
    made_certificate(tmp_path / "home", again, NOW + timedelta(days=3400))
    assert loaded(made.authority) != authority
    for path in (tmp_path / "home" / "access").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_certificate_that_is_there_is_used_without_the_library_that_makes_them(tmp_path: Path) -> None:
    made_certificate(tmp_path, [], NOW)
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC;"
        "from setpoint.adapters.access.certificates import made_certificate;"
        f"made_certificate(Path({str(tmp_path)!r}), [], datetime(2026, 1, 2, tzinfo=UTC));"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_given_certificate_must_fit_its_key(tmp_path: Path) -> None:
    pair, other = Authority(tmp_path).issue("a"), Authority(tmp_path).issue("b")
    assert given_certificate(str(pair.certificate), str(pair.key)).certificate == pair.certificate
    for key in (other.key, tmp_path / "gone"):
        with pytest.raises(InvalidSpec, match="cannot be used"):
            given_certificate(str(pair.certificate), str(key))
    assert ssl.OPENSSL_VERSION


def test_a_token_is_given_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    people = PeopleFile(tmp_path / "home")
    token = people.create("anna", ["team", "team"], NOW)
    kept = (tmp_path / "home" / "access" / "tokens.json").read_text()
    assert token not in kept
    (only,) = people.list()
    user = people.find(only.digest)
    assert user is not None
    assert (user.name, user.groups) == ("anna", ("team", "system:authenticated"))
    assert only.digest not in repr(only)
    with pytest.raises(AlreadyExists):
        people.create("anna", [], NOW)
    others = PeopleFile(tmp_path / "home")  # another process
    others.delete("anna")
    assert people.find(only.digest) is None
    with pytest.raises(NotFound):
        others.delete("anna")


@pytest.mark.parametrize("name", ["", "system:admin", "a b", "-a", "a/b", "x" * 200])
def test_nobody_is_called_like_a_part_of_the_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSpec):
        PeopleFile(tmp_path).create(name, [], NOW)


def test_a_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path) -> None:
    people = PeopleFile(tmp_path)
    people.create("anna", [], NOW)
    (tmp_path / "access" / "tokens.json").write_text("{")
    with pytest.raises(InvalidSpec, match="no list of tokens"):
        people.list()


def test_the_key_is_made_once(tmp_path: Path) -> None:
    assert SigningKey(tmp_path).known() is None
    made = SigningKey(tmp_path).made()
    assert (SigningKey(tmp_path).known(), SigningKey(tmp_path).made(), len(made)) == (made, made, 32)


def test_a_state_directory_is_made_private_and_one_that_is_open_is_told_apart(tmp_path: Path) -> None:
    make_private(tmp_path / "new")
    assert is_private(tmp_path / "new")
    (tmp_path / "new").chmod(0o750)
    make_private(tmp_path / "new")
    assert not is_private(tmp_path / "new")


def test_the_audit_log_is_turned_over_when_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.jsonl"
    for number in range(6):
        log = AuditFile(path, megabytes=1)
        for _ in range(600):
            log.record({"number": number, "text": "x" * 2000})
        log.close()
    files = sorted(item.name for item in path.parent.iterdir())
    assert files == ["audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"] or files[0] == "audit.jsonl"
    assert json.loads((path.parent / "audit.jsonl.1").read_text().splitlines()[0])["number"] >= 3
    assert all(item.stat().st_mode & 0o777 == 0o600 for item in path.parent.iterdir())


def test_a_full_disk_costs_events_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "logs").write_text("a file where the directory should be")
    log = AuditFile(tmp_path / "logs" / "audit.jsonl", megabytes=1)
    log.record({"number": 1})
    log.close()
    assert "audit events are lost" in caplog.text


def test_the_owner_of_the_other_end_is_known(bound_port: Callable[[], socket.socket]) -> None:
    listener, peers = bound_port(), Peers()
    if not peers.works():
        pytest.skip("this kernel does not tell whose a socket is")
    with socket.create_connection(listener.getsockname()) as client:
        scope = {"client": client.getsockname(), "server": listener.getsockname()}
        assert peers.owner(scope["client"], scope["server"]) == os.geteuid()
        assert peers.is_own(scope)
    other = {"client": ("127.0.0.1", 1), "server": listener.getsockname()}
    assert not peers.is_own(other)
    assert not peers.is_own({"client": ("::1", 1), "server": listener.getsockname()})
    assert not peers.is_own({"client": None, "server": None})


def endpoint(home: Path, *, free: bool) -> Endpoint:
    made = made_certificate(home, [], NOW)
    return Endpoint(
        url="http://127.0.0.1:1",
        token="the-token",
        pid=1,
        https_url="https://127.0.0.1:2",
        ca_file=str(made.authority),
        open=free,
    )


def test_a_kubeconfig_holds_a_token_only_if_one_is_needed(tmp_path: Path) -> None:
    free = make_kubeconfig(endpoint(tmp_path, free=True))
    assert free["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:1"}
    assert free["users"] == [{"name": "setpoint", "user": {}}]
    locked = make_kubeconfig(endpoint(tmp_path, free=False))
    assert locked["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:2"
    assert locked["users"][0]["user"] == {"token": "the-token"}
    person = make_person_kubeconfig(endpoint(tmp_path, free=True), "mine")
    assert person["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:2"
    assert person["users"][0]["user"] == {"token": "mine"}


def test_a_kubeconfig_is_merged_beside_others(tmp_path: Path) -> None:
    path, config = tmp_path / "kube" / "config", make_kubeconfig(endpoint(tmp_path, free=True))
    merge_kubeconfig(path, config)
    assert yaml.safe_load(path.read_text())["current-context"] == "setpoint"
    other = {"name": "prod", "cluster": {"server": "https://prod"}}
    whole = {
        "clusters": [other, {"name": "setpoint", "cluster": {}}],
        "current-context": "prod",
        "preferences": {"a": 1},
    }
    write_kubeconfig(path, whole)
    merge_kubeconfig(path, config)
    found = yaml.safe_load(path.read_text())
    assert found["clusters"] == [other, *config["clusters"]]
    assert (found["current-context"], found["preferences"]) == ("setpoint", {"a": 1})
    assert path.stat().st_mode & 0o777 == 0o600
    for text in ("[1]", "clusters: 1", "a: ["):
        path.write_text(text)
        with pytest.raises(InvalidSpec, match="nothing was changed"):
            merge_kubeconfig(path, config)
        assert path.read_text() == text

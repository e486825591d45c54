"""Kubeconfigs: merged as kubectl merges them, and refused in words."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.apis.errors import InvalidSpec
from setpoint.clients.kubeconfig import ClusterAccess, Kubeconfig


def config(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plant",
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443/"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "plant", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
    }
    return whole | changes


def read(tmp_path: Path, *wholes: dict[str, Any]) -> Kubeconfig:
    files = []
    for number, whole in enumerate(wholes):
        files.append(tmp_path / f"config{number}")
        files[-1].write_text(yaml.safe_dump(whole))
    return Kubeconfig({"KUBECONFIG": ":".join(map(str, files))})


def user(tmp_path: Path, **fields: Any) -> ClusterAccess:
    return read(tmp_path, config(users=[{"name": "u", "user": fields}])).access("plant")


def cluster(tmp_path: Path, **fields: Any) -> ClusterAccess:
    body = {"server": "https://x:1"} | fields
    return read(tmp_path, config(clusters=[{"name": "c", "cluster": body}])).access("plant")


def test_a_context_names_cluster_user_and_namespace(tmp_path: Path) -> None:
    found = read(tmp_path, config()).access("plant")
    assert (found.server, found.token, found.namespace, found.verify) == ("https://10.0.0.1:6443", "t", "n", True)
    assert "'t'" not in repr(found)


def test_the_first_file_that_names_a_thing_wins_and_missing_files_are_passed_over(tmp_path: Path) -> None:
    other = config(users=[{"name": "u", "user": {"token": "late"}}])
    other["contexts"] = [{"name": "second", "context": {"cluster": "c", "user": "u"}}]
    other["current-context"] = "second"
    both = read(tmp_path, config(), other)
    assert both.contexts == ("plant", "second")
    assert (both.current, both.access("second").token, both.access("second").namespace) == ("plant", "t", "default")
    assert Kubeconfig({"KUBECONFIG": str(tmp_path / "none")}).contexts == ()


def test_the_file_of_the_home_directory_is_read_without_a_variable(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(config()))
    assert Kubeconfig({"HOME": str(tmp_path)}).contexts == ("plant",)


def test_data_wins_over_files_and_files_begin_at_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("of file")
    assert cluster(tmp_path, **{"certificate-authority": "ca.crt"}).authority == b"of file"
    inline = base64.b64encode(b"of data").decode()
    both = {"certificate-authority": "ca.crt", "certificate-authority-data": inline}
    assert cluster(tmp_path, **both).authority == b"of data"
    assert user(tmp_path, tokenFile="token").token_file == tmp_path / "token"


def test_other_fields_are_taken_over(tmp_path: Path) -> None:
    argo = [{"name": "other", "extension": 1}, {"name": "setpoint.dev/argo-server", "extension": {"url": "http://a"}}]
    found = cluster(
        tmp_path,
        **{"insecure-skip-tls-verify": True, "tls-server-name": "n", "proxy-url": "http://p", "extensions": argo},
    )
    assert (found.verify, found.server_name, found.proxy, found.argo_server) == (False, "n", "http://p", "http://a")
    found = user(tmp_path, username="a", password="b", **{"as": "c", "as-groups": ["g"]})
    assert found.basic == ("a", "b")
    assert found.headers == {"Impersonate-User": "c", "Impersonate-Group": "g"}


def test_a_pod_finds_the_cluster_it_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("token", "t"), ("ca.crt", "ca"), ("namespace", "inside\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("setpoint.clients.kubeconfig.SERVICE_ACCOUNT", tmp_path)
    inside = Kubeconfig({"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "6443"})
    found = inside.access("in-cluster")
    assert inside.contexts == ("in-cluster",)
    assert (found.server, found.namespace, found.authority) == ("https://[::1]:6443", "inside", b"ca")
    assert found.token_file == tmp_path / "token"


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        (config(contexts=[{"name": "plant", "context": {"cluster": "gone"}}]), ["cluster 'gone'"]),
        (config(users=[]), ["user 'u'"]),
        (config(clusters=[{"name": "c", "cluster": {"server": "ftp://x"}}]), ["server URL", "ftp://x"]),
        (config(users=[{"name": "u", "user": {"auth-provider": {"name": "gcp"}}}]), ["auth-provider"]),
        (config(users=[{"name": "u", "user": {"client-key-data": "YQ=="}}]), ["certificate or a key"]),
        (config(users=[{"name": "u", "user": {"client-key-data": "not base64!"}}]), ["base64"]),
        (config(users=[{"name": "u", "user": {"client-key": "gone.key"}}]), ["gone.key"]),
        (config(users=[{"name": "u", "user": {"exec": {}}}]), ["names no command"]),
        (config(users=[{"name": "u", "user": {"as": "x", "as-groups": ["a", "b"]}}]), ["as-groups"]),
        (config(users=["text"]), ["no kubeconfig"]),
        (config(contexts=[]), ["no context 'plant'"]),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, whole: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InvalidSpec) as caught:
        read(tmp_path, whole).access("plant")
    assert all(word in str(caught.value) for word in words)


def test_an_unknown_context_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec) as caught:
        read(tmp_path, config()).access("planet")
    assert caught.value.allowed == ("plant",)


@pytest.mark.parametrize("text", ["{", "- a", "\0"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(InvalidSpec, match="kubeconfig"):
        Kubeconfig({"KUBECONFIG": str(tmp_path / "config")})

"""A trial with the Python client over TLS: the authority of the kubeconfig, a token, and neither."""

from __future__ import annotations

import threading

from kubernetes import client, config, watch

from tests.clients.programs.said import call


def main() -> None:
    """All of it, in order."""
    config.load_kube_config()
    core = client.CoreV1Api()
    with call("Configuration of the kubeconfig") as said:
        settings = client.Configuration.get_default_copy()
        said(f"{settings.host.partition(':')[0]}, verified: {settings.verify_ssl}, {bool(settings.ssl_ca_cert)}")
    with call("AuthenticationV1Api.create_self_subject_review") as said:
        review = client.AuthenticationV1Api().create_self_subject_review(client.V1SelfSubjectReview())
        said(review.status.user_info.username)
    with call("CoreV1Api.create_namespaced_config_map") as said:
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="secure"))
        said(core.create_namespaced_config_map("default", body).metadata.name)
    with call("watch.Watch.stream") as said:
        timer = threading.Timer(
            0.5, lambda: core.patch_namespaced_config_map("secure", "default", {"data": {"a": "1"}})
        )
        timer.start()
        events = watch.Watch().stream(
            core.list_namespaced_config_map, "default", field_selector="metadata.name=secure", timeout_seconds=2
        )
        said([event["type"] for event in events])
        timer.join()
    with call("CoreV1Api.create_namespaced_service_account_token") as said:
        account = client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="robot"))
        core.create_namespaced_service_account("default", account)
        request = client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600)
        )
        token = core.create_namespaced_service_account_token("robot", "default", request).status.token
        said(token[:3])
    with call("as a service account without a role", refused="(403)"):
        settings = client.Configuration.get_default_copy()
        settings.api_key = {"authorization": f"Bearer {token}"}
        settings.refresh_api_key_hook = None
        client.CoreV1Api(client.ApiClient(settings)).list_namespaced_config_map("default")
    with call("without a token", refused="(401)"):
        settings = client.Configuration.get_default_copy()
        settings.api_key = {}
        settings.refresh_api_key_hook = None
        client.CoreV1Api(client.ApiClient(settings)).list_namespaced_config_map("default")
    with call("without the authority", refused="certificate verify failed"):
        settings = client.Configuration.get_default_copy()
        settings.ssl_ca_cert = None
        settings.retries = False
        client.CoreV1Api(client.ApiClient(settings)).list_namespaced_config_map("default")


if __name__ == "__main__":
    main()

"""A trial with kubectl over TLS: with the token of the owner, that of a service account, and none."""

from __future__ import annotations

from tests.clients.programs.kubectl import kubectl


def main() -> None:
    """All of it, in order."""
    kubectl("version --client", says=r"v1\.\d+\.\d+")
    kubectl("cluster-info", says="is running at https://")
    kubectl("auth whoami", says="system:masters")
    kubectl("create configmap secure --from-literal=a=1", says="created")
    kubectl("create serviceaccount reader", says="created")
    kubectl("create role reader --verb=get,list --resource=configmaps", says="created")
    kubectl("create rolebinding reader --role=reader --serviceaccount=default:reader", says="created")
    token = kubectl("create token reader", says="^eyJ").strip()
    kubectl(f"config set-credentials reader --token={token}", shown="config set-credentials reader", says="set")
    kubectl("config set-context reader --cluster=setpoint --user=reader", says="created")
    kubectl("--context=reader auth whoami", says="system:serviceaccount:default:reader")
    kubectl("--context=reader get configmap secure -o name", says="^configmap/secure$")
    kubectl("--context=reader delete configmap secure", code=1, says="cannot delete resource")
    kubectl("--context=reader get secrets", code=1, says="cannot list resource")
    kubectl("config set-context nobody --cluster=setpoint --user=nobody", says="created")
    kubectl("--context=nobody get configmaps", code=1, given="\n\n", says="(?i)unauthorized|must be logged in|username")
    kubectl("config set-credentials wrong --token=wrong", says="set")
    kubectl("config set-context wrong --cluster=setpoint --user=wrong", says="created")
    kubectl("--context=wrong get configmaps", code=1, says="(?i)unauthorized|must be logged in")
    kubectl("run one --image=busybox --restart=Never -- echo done", says="created")
    kubectl("wait pod/one --for=jsonpath={.status.phase}=Succeeded --timeout=30s", says="condition met")
    kubectl("logs one", says="^done")


if __name__ == "__main__":
    main()

"""model-deployment and model-rollback against a real control plane and a real registry."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest

from setpoint.adapters.mlflow_registry import MlflowRegistry
from setpoint.apis.core import ConfigMap, Namespace, Role, RoleBinding, Secret, ServiceAccount
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.serving import InferenceService
from setpoint.components import run_component_async
from setpoint.components.model_deployment import Deployed, RolledBack, deploy_model, roll_back_model
from setpoint.components.model_deployment.environment import ensure, make_environment
from setpoint.core.models import GOLDEN_FILE, parse_golden
from setpoint.ports.registry import CHAMPION, ModelRegistry, ModelVersion
from setpoint.ports.resources import ResourceApi
from tests.serving_plane import Plane, control_plane
from tests.tiny_model import tiny_windows, write_tiny_model

# MLflow asks SQLAlchemy for a loader strategy that SQLAlchemy has begun to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

NAME = "reactor"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    """Versions 1 and 2 are good; 3 contradicts its golden rows, so that no server takes it."""
    directory = tmp_path_factory.mktemp("registry")
    made = MlflowRegistry(directory / "mlflow")
    for seed, broken in ((1, False), (2, False), (3, True)):
        model = write_tiny_model(directory / f"model-{seed}", seed=seed, broken_golden=broken)
        made.register(NAME, model, parameters={}, metrics={}, tags={})
    return made


async def _deploy(plane: Plane, registry: ModelRegistry, version: str, **values: str) -> Deployed:
    ports: dict[type, object] = {ModelRegistry: registry, ResourceApi: plane.resources}
    values = {"model-name": NAME, "service": NAME, "version": version} | values
    result = await run_component_async(deploy_model, values, ports=ports)
    assert isinstance(result, Deployed)
    return result


async def _roll_back(plane: Plane, registry: ModelRegistry, name: str = NAME) -> RolledBack:
    ports: dict[type, object] = {ModelRegistry: registry, ResourceApi: plane.resources}
    result = await run_component_async(roll_back_model, {"model-name": name, "service": NAME}, ports=ports)
    assert isinstance(result, RolledBack)
    return result


async def _served_version(url: str) -> str:
    data = tiny_windows(1)
    tensor = {"name": "window", "shape": list(data.shape), "datatype": "FP64", "data": data.ravel().tolist()}
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{url}/v2/models/{NAME}/infer", json={"inputs": [tensor]})
    return str(response.json()["model_version"])


class Altered:
    """The registry, but version 2's golden rows are not those of the model that is served."""

    def __init__(self, registry: MlflowRegistry, scratch: Path) -> None:
        self._registry, self._scratch = registry, scratch

    def download(self, version: ModelVersion, target: Path) -> Path:
        directory = self._scratch / f"altered-{version.version}"
        if not directory.exists():
            real = self._registry.download(version, target)
            directory.mkdir()
            for file in real.iterdir():
                (directory / file.name).write_bytes(file.read_bytes())
            if version.version == "2":
                other = parse_golden((self._registry.download(self.get(NAME, "1"), target) / GOLDEN_FILE).read_bytes())
                (directory / GOLDEN_FILE).write_bytes(msgspec.json.encode(other))
        return directory

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    def get(self, name: str, version: str) -> ModelVersion:
        return self._registry.get(name, version)


async def test_deploy_fail_and_roll_back(tmp_path: Path, registry: MlflowRegistry) -> None:
    async with control_plane(tmp_path / "home") as plane:
        assert (await _roll_back(plane, registry)) == RolledBack(action="none", version="", url="")

        # The first version ever does not load: nothing is left behind, and no alias is set.
        with pytest.raises(Unavailable, match="golden row 0"):
            await _deploy(plane, registry, "3")
        with pytest.raises(NotFound):
            await plane.resources.get(InferenceService, "default", NAME)
        with pytest.raises(NotFound):
            registry.get(NAME, f"@{CHAMPION}")

        first = await _deploy(plane, registry, "1", **{"approved-by": "Ada"})
        assert (first.version, first.previous_version) == ("1", "")
        assert await _served_version(first.url) == "1"
        assert registry.get(NAME, f"@{CHAMPION}").version == "1"
        assert registry.get(NAME, "1").tags["setpoint.approved-by"] == "Ada"
        service = await plane.get()
        assert service.metadata.annotations["setpoint.dev/approved-by"] == "Ada"
        await _check_environment(plane)

        again = await _deploy(plane, registry, "1")
        assert (again.url, again.revision) == (first.url, first.revision)  # repeated step, same server

        # A version that does not load: the former one serves, at once Ready again, and stays champion.
        with pytest.raises(Unavailable, match="golden row 0"):
            await _deploy(plane, registry, "3")
        restored = await plane.ready()
        assert restored.status.components["predictor"].latest_ready_revision == first.revision
        assert await _served_version(first.url) == "1"
        assert registry.get(NAME, f"@{CHAMPION}").version == "1"

        # A version that serves, but gives other answers than were stored: put back too.
        with pytest.raises(Unavailable, match="golden rows at"):
            await _deploy(plane, Altered(registry, tmp_path), "2")  # type: ignore[arg-type]
        assert await _served_version((await plane.ready()).status.url) == "1"
        assert registry.get(NAME, f"@{CHAMPION}").version == "1"

        second = await _deploy(plane, registry, "2")
        assert (second.url, second.previous_version) == (first.url, "1")
        assert registry.get(NAME, "2").tags["setpoint.previous-champion"] == "1"
        assert await _served_version(first.url) == "2"
        assert "setpoint.dev/approved-by" not in (await plane.get()).metadata.annotations
        assert (await _roll_back(plane, registry)).action == "kept"

        # The step is killed half-way through a deployment, and the catch runs: the champion serves again.
        await plane.put(registry.get(NAME, "3").source)
        rolled = await _roll_back(plane, registry)
        assert (rolled.action, rolled.version, rolled.url) == ("restored", "2", first.url)
        assert await _served_version(first.url) == "2"


async def _check_environment(plane: Plane) -> None:
    await plane.resources.get(Namespace, "", "default")
    config = await plane.resources.get(ConfigMap, "default", f"{NAME}-model")
    assert config.data["model-version"] == "1"
    assert config.data["classes"] == '["0","1","2"]'
    account = await plane.resources.get(ServiceAccount, "default", NAME)
    assert account.secrets == ({"name": f"{NAME}-storage"},)
    role = await plane.resources.get(Role, "default", f"{NAME}-server")
    assert role.rules[0].resource_names == (f"{NAME}-storage", f"{NAME}-model")
    binding = await plane.resources.get(RoleBinding, "default", f"{NAME}-server")
    assert binding.subjects[0].name == NAME
    secret = await plane.resources.get(Secret, "default", f"{NAME}-storage")
    credentials = {"token": "c2VjcmV0"}
    await plane.resources.update(secret.replace(data=credentials))
    facts = dict(config.data)
    written = [await ensure(plane.resources, item) for item in make_environment(NAME, "default", facts)]
    assert written == [False] * 6  # nothing differs, nothing is written
    assert await ensure(plane.resources, make_environment(NAME, "default", facts | {"window": "5"})[2])
    assert (await plane.resources.get(ConfigMap, "default", f"{NAME}-model")).data["window"] == "5"
    assert (await plane.resources.get(Secret, "default", f"{NAME}-storage")).data == credentials


async def test_bad_input_changes_nothing(tmp_path: Path, registry: MlflowRegistry) -> None:
    async with control_plane(tmp_path / "home") as plane:
        for version, values, kind in (
            ("99", {}, NotFound),
            ("@nobody", {}, NotFound),
            ("1", {"model-name": "unknown"}, NotFound),
            ("1", {"ready-timeout": "0"}, InvalidSpec),
            ("1", {"service": "Not A Name"}, InvalidSpec),
        ):
            with pytest.raises(kind):
                await _deploy(plane, registry, version, **values)
        assert (await plane.resources.list(InferenceService)).items == ()

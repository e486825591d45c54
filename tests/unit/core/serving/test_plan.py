"""The serving plan: rows of (state, observations) -> (state, actions), and what holds whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.apis.meta import ObjectMeta
from setpoint.apis.serving import (
    FailureReason,
    InferenceService,
    InferenceServiceSpec,
    InferenceServiceStatus,
    ModelFormat,
    ModelSpec,
    ModelState,
    PredictorSpec,
    TransitionStatus,
)
from setpoint.core.serving.plan import (
    Forget,
    Kill,
    Launch,
    Limits,
    Plan,
    Seen,
    ServingState,
    make_plan,
    make_shutdown,
    make_stopped,
    pods_of,
)
from setpoint.core.serving.revisions import Replica, make_pod_id, make_replica
from setpoint.core.serving.status import load_state, make_status, same_status, serving_replica_port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits()
ALIVE = Seen(found=True, port=1, ready=True)


def _service(generation: int = 1, model: str = "/m/1") -> InferenceService:
    spec = PredictorSpec(model=ModelSpec(model_format=ModelFormat(name="mlflow"), storage_uri=model))
    metadata = ObjectMeta(name="reactor", namespace="default", uid="u", generation=generation)
    return InferenceService(metadata=metadata, spec=InferenceServiceSpec(predictor=spec))


def _pod(replica: Replica) -> str:
    return f"{replica.revision}#{replica.attempt}"


def _plan(
    state: ServingState, wanted: Replica | None, seen: dict[str, Seen] | None = None, *, after: float = 0.0
) -> Plan:
    return make_plan(state, wanted, seen or {}, now=NOW + timedelta(seconds=after), limits=LIMITS, pod_id=_pod)


ONE, TWO = make_replica(_service(1, "/m/1")), make_replica(_service(2, "/m/2"))


def _serving(replica: Replica = ONE) -> ServingState:
    return ServingState(active=replica.replace(launched_at=NOW, ready_at=NOW))


def test_the_first_revision_is_launched_and_takes_over_when_ready() -> None:
    first = _plan(ServingState(), ONE)
    assert [type(item) for item in first.actions] == [Launch]
    assert first.state.candidate is not None
    starting = _plan(first.state, ONE, {_pod(ONE): Seen(found=True)})
    assert (starting.actions, starting.state.active) == ((), None)
    assert starting.look_again == LIMITS.poll_starting
    ready = _plan(starting.state, ONE, {_pod(ONE): ALIVE})
    assert ready.state.active is not None
    assert ready.state.candidate is None
    assert (ready.actions, ready.look_again) == ((), LIMITS.poll_serving)


def test_a_launch_that_was_lost_is_made_again_with_the_same_id() -> None:
    first = _plan(ServingState(), ONE)
    again = _plan(first.state, ONE, {_pod(ONE): Seen()})
    assert [item.replica.attempt for item in again.actions if isinstance(item, Launch)] == [1]


def test_a_new_revision_takes_over_only_when_ready_and_the_former_is_ended_after_the_drain() -> None:
    state = _plan(_serving(), TWO, {_pod(ONE): ALIVE}).state
    assert state.active is not None
    assert state.active.revision == ONE.revision
    switched = _plan(state, TWO, {_pod(ONE): ALIVE, _pod(TWO): ALIVE})
    assert switched.state.active is not None
    assert switched.state.active.revision == TWO.revision
    assert switched.actions == ()  # the route moves first
    seen = {_pod(ONE): ALIVE, _pod(TWO): ALIVE}
    ended = _plan(switched.state, TWO, seen, after=LIMITS.drain.total_seconds())
    assert [(type(item), item.pod_id) for item in ended.actions if isinstance(item, Kill)] == [(Kill, _pod(ONE))]
    gone = _plan(ended.state, TWO, {_pod(ONE): Seen(found=True, ended=True), _pod(TWO): ALIVE}, after=2)
    assert gone.actions == (Forget(pod_id=_pod(ONE), revision=ONE.revision),)
    assert gone.state.retired == ()


def test_a_revision_that_fails_leaves_the_active_one_alone_and_is_tried_again_later() -> None:
    state = _plan(_serving(), TWO, {_pod(ONE): ALIVE}).state
    broken = Seen(found=True, ended=True, exit_code=1, message="main: Error (exit code 1): golden row 0")
    failed = _plan(state, TWO, {_pod(ONE): ALIVE, _pod(TWO): broken})
    assert failed.actions == ()
    assert failed.state.active == _serving().active
    assert failed.state.failure is not None
    assert (failed.state.failure.reason, failed.state.failure.exit_code) == (FailureReason.MODEL_LOAD_FAILED, 1)
    assert failed.state.candidate is not None
    assert (failed.state.candidate.attempt, failed.state.candidate.model) == (2, 2)  # it fetches the model anew
    assert _plan(failed.state, TWO, {_pod(ONE): ALIVE}, after=0.5).actions == ()
    later = _plan(failed.state, TWO, {_pod(ONE): ALIVE}, after=1.0)
    assert [item.replica.attempt for item in later.actions if isinstance(item, Launch)] == [2]


def test_going_back_to_what_serves_takes_no_second_server() -> None:
    state = _plan(_serving(), TWO, {_pod(ONE): ALIVE}).state
    back = make_replica(_service(3, "/m/1"))
    plan = _plan(state, back, {_pod(ONE): ALIVE, _pod(TWO): Seen(found=True)})
    assert plan.state.candidate is None
    assert plan.state.active is not None
    assert (plan.state.active.revision, plan.state.active.generation) == (ONE.revision, 3)
    assert [item.pod_id for item in plan.actions if isinstance(item, Kill)] == [_pod(TWO)]


def test_a_dead_server_is_started_again_with_the_model_it_has_and_a_growing_delay() -> None:
    state, now = _serving(), 0.0
    delays = []
    for _ in range(9):
        assert state.active is not None
        dead = _plan(state, ONE, {_pod(state.active): Seen(found=True, ended=True)}, after=now)
        assert dead.state.active is not None
        assert dead.state.active.not_before is not None
        assert dead.state.active.model == 1
        wait = (dead.state.active.not_before - NOW).total_seconds() - now
        delays.append(wait)
        now += wait
        started = _plan(dead.state, ONE, after=now)
        assert any(isinstance(item, Launch) for item in started.actions)
        state = started.state
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_earlier_failures_are_forgotten_once_it_is_stable() -> None:
    flaky = ONE.replace(launched_at=NOW, ready_at=NOW, failures=5)
    plan = _plan(ServingState(active=flaky), ONE, {_pod(flaky): ALIVE}, after=59)
    assert plan.state.active is not None
    assert plan.state.active.failures == 5
    plan = _plan(plan.state, ONE, {_pod(flaky): ALIVE}, after=60)
    assert plan.state.active is not None
    assert plan.state.active.failures == 0


def test_too_slow_a_start_and_too_long_a_silence_end_the_pod() -> None:
    starting = _plan(ServingState(), ONE).state
    late = _plan(starting, ONE, {_pod(ONE): Seen(found=True)}, after=60)
    assert [item.pod_id for item in late.actions if isinstance(item, Kill)] == [_pod(ONE)]
    assert late.state.failure is not None
    assert "60 s" in late.state.failure.message
    silent = Seen(found=True, port=1)
    first = _plan(_serving(), ONE, {_pod(ONE): silent})
    assert (first.actions, first.look_again) == ((), LIMITS.poll_starting)
    recovered = _plan(first.state, ONE, {_pod(ONE): ALIVE}, after=19)
    assert recovered.state.active is not None
    assert recovered.state.active.unready_since is None
    dead = _plan(first.state, ONE, {_pod(ONE): silent}, after=20)
    assert [item.pod_id for item in dead.actions if isinstance(item, Kill)] == [_pod(ONE)]


def test_an_unservable_spec_changes_nothing() -> None:
    plan = _plan(_serving(), None, {_pod(ONE): ALIVE})
    assert (plan.state, plan.actions) == (_serving(), ())


def test_the_same_spec_under_a_new_generation_is_the_same_revision() -> None:
    plan = _plan(_serving(), make_replica(_service(5, "/m/1")), {_pod(ONE): ALIVE})
    assert plan.state.active is not None
    assert (plan.state.active.revision, plan.state.active.generation) == (ONE.revision, 5)
    assert plan.actions == ()


def test_shutdown_ends_every_pod_then_forgets_them() -> None:
    state = _plan(_serving(), TWO, {_pod(ONE): ALIVE}).state
    alive = {_pod(ONE): ALIVE, _pod(TWO): Seen(found=True)}
    assert {item.pod_id for item in make_shutdown(state, alive, _pod) if isinstance(item, Kill)} == {
        _pod(ONE),
        _pod(TWO),
    }
    ended = {name: Seen(found=True, ended=True) for name in alive}
    assert all(isinstance(item, Forget) for item in make_shutdown(state, ended, _pod))
    assert make_shutdown(state, {}, _pod) == ()


def test_stopped_services_start_again_without_blame() -> None:
    state = make_stopped(_serving())
    plan = _plan(state, ONE)
    assert [item.replica.attempt for item in plan.actions if isinstance(item, Launch)] == [2]
    assert plan.state.failure is None
    assert make_stopped(ServingState()) == ServingState()


def test_pod_ids_differ_by_uid_revision_and_attempt() -> None:
    ids = {make_pod_id(uid, item.replace(attempt=n)) for uid in ("a", "b") for item in (ONE, TWO) for n in (1, 2)}
    assert len(ids) == 8


@dataclass
class _Cluster:
    """Pods that live, become ready and die as a test draws it."""

    pods: dict[str, str] = field(default_factory=dict)  # id -> starting | ready | ended

    def look(self) -> dict[str, Seen]:
        return {
            name: Seen(found=True, ended=state == "ended", port=1 if state == "ready" else None, ready=state == "ready")
            for name, state in self.pods.items()
        }


_STEPS = st.lists(
    st.tuples(st.sampled_from(["tick", "want", "ready", "die"]), st.integers(0, 3), st.floats(0.1, 30), st.booleans()),
    max_size=40,
)


@given(_STEPS)
@settings(max_examples=150)
def test_whatever_happens_the_active_server_is_never_ended_while_it_answers(
    steps: list[tuple[str, int, float, bool]],
) -> None:
    cluster, state, now, model, generation = _Cluster(), ServingState(), 0.0, 0, 1
    for kind, number, seconds, act in steps:
        now += seconds
        if kind == "want":
            model, generation = number, generation + 1
        elif cluster.pods and kind in ("ready", "die"):
            name = sorted(cluster.pods)[number % len(cluster.pods)]
            if cluster.pods[name] != "ended":
                cluster.pods[name] = "ready" if kind == "ready" else "ended"
        wanted = make_replica(_service(generation, f"/m/{model}"))
        before = state.active
        plan = _plan(state, wanted, cluster.look(), after=now)
        state = plan.state
        active = state.active
        if before is not None and cluster.pods.get(_pod(before)) == "ready":
            assert active is not None
            assert cluster.pods[_pod(active)] == "ready"  # another takes over only when it answers
        answering = active is not None and cluster.pods.get(_pod(active)) == "ready"
        for action in plan.actions if act else ():  # not acting: killed between storing and acting
            match action:
                case Launch(replica=replica):
                    cluster.pods.setdefault(_pod(replica), "starting")
                case Kill(pod_id=name):
                    assert not (answering and active is not None and name == _pod(active))
                    cluster.pods[name] = "ended"
                case Forget(pod_id=name):
                    assert cluster.pods.get(name) in (None, "ended")
                    cluster.pods.pop(name, None)
        known = set(pods_of(state, _pod))
        assert {name for name, life in cluster.pods.items() if life != "ended"} <= known  # none is lost sight of


URL = "http://127.0.0.1:1/serving/default/reactor"


def _status(state: ServingState, *, serving: bool, url: str = URL) -> InferenceServiceStatus:
    return make_status(_service(), state, problems=(), url=url, serving=serving, now=NOW)


def test_the_state_is_stored_with_the_status_and_comes_back() -> None:
    state = _plan(_serving(), TWO, {_pod(ONE): ALIVE}).state
    assert load_state(_status(state, serving=True)) == state
    assert load_state(InferenceServiceStatus()) == ServingState()


def test_ready_means_that_the_present_revision_serves() -> None:
    def ready(status: InferenceServiceStatus) -> str:
        condition = status.condition("Ready")
        assert condition is not None
        return condition.status

    assert ready(_status(ServingState(), serving=False)) == "Unknown"
    assert ready(_status(_serving(), serving=True)) == "True"
    assert ready(_status(_serving(), serving=False)) == "False"
    assert ready(_status(_serving(), serving=True, url="")) == "Unknown"
    deploying = _status(_plan(_serving(), TWO, {_pod(ONE): ALIVE}).state, serving=True)
    assert ready(deploying) == "Unknown"
    assert deploying.url
    assert deploying.model_status is not None
    assert deploying.model_status.transition_status is TransitionStatus.IN_PROGRESS
    assert deploying.model_status.states.target_model_state is ModelState.LOADING  # type: ignore[union-attr]


def test_a_service_at_rest_says_so() -> None:
    state = make_stopped(_serving())
    status = make_status(_service(), state, problems=(), url=URL, serving=False, now=NOW, stopped=True)
    ready = status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason, status.url) == ("False", "Stopped", URL)
    assert status.model_status is not None
    assert status.model_status.transition_status is TransitionStatus.UP_TO_DATE
    assert status.model_status.states.active_model_state is ModelState.STANDBY  # type: ignore[union-attr]


def test_without_gateway_it_is_not_ready_and_keeps_its_url() -> None:
    before = _service().replace(status=_status(_serving(), serving=True))
    status = make_status(before, _serving(), problems=(), url="", serving=True, now=NOW)
    ready = status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason, status.url) == ("Unknown", "GatewayNotReady", URL)


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    first = _status(_serving(), serving=True)
    later = make_status(
        _service().replace(status=first), _serving(), problems=(), url=first.url, serving=True, now=NOW + timedelta(1)
    )
    assert same_status(first, later)
    assert [item.last_transition_time for item in later.conditions] == [NOW] * 4
    down = make_status(
        _service().replace(status=first), _serving(), problems=(), url=first.url, serving=False, now=NOW + timedelta(1)
    )
    assert not same_status(first, down)
    ready = down.condition("Ready")
    assert ready is not None
    assert ready.last_transition_time == NOW + timedelta(1)


def test_the_route_leads_to_a_live_server_that_was_ready() -> None:
    assert serving_replica_port(_serving(), {"a": ALIVE}, "a") == 1
    assert serving_replica_port(_serving(), {"a": Seen(found=True, ended=True, port=1)}, "a") is None
    assert serving_replica_port(_serving(), {}, "a") is None
    assert serving_replica_port(ServingState(), {"a": ALIVE}, "a") is None
    assert serving_replica_port(ServingState(active=ONE), {"a": ALIVE}, "a") is None

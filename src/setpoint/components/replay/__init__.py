"""replay: sends a data set, or a plant that runs, to an InferenceService as the plant's own client would."""

from setpoint.components.replay.component import ReplayResult, replay_data
from setpoint.components.replay.driver import Replay, Report, run_replay

__all__ = ["Replay", "ReplayResult", "Report", "replay_data", "run_replay"]

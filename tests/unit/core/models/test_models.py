"""A model from bytes: the same answers as what was packed, and clear words when the bytes are wrong."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from setpoint.apis.errors import InvalidSpec
from setpoint.core import features, models
from setpoint.core.features import FeatureSpec
from setpoint.core.models import AlarmRule, InputColumn, LinearWeights, ModelDocument, ModelKind

WINDOWS = np.random.default_rng(0).normal(size=(40, 6, 2))


def _files(alarm: AlarmRule | None = None) -> dict[str, bytes]:
    spec = FeatureSpec(columns=("flow", "level"), window=6)
    fitted = features.fit(spec, WINDOWS)
    rng = np.random.default_rng(1)
    weights = LinearWeights(
        coefficients=tuple(tuple(row) for row in rng.normal(size=(3, len(spec.names()))).tolist()),
        intercepts=(0.0, 0.1, -0.1),
    )
    document = ModelDocument(
        kind=ModelKind.LINEAR,
        classes=("normal", "leak", "stuck"),
        normal_label="normal",
        target="state",
        features=fitted,
        columns=(InputColumn(name="flow", unit="kg/h"), InputColumn(name="level", unit="%")),
        sample_period_seconds=30.0,
        data_checksum="abc",
        seed=1,
        alarm=alarm,
    )
    draft = models.model_files(document, weights, models.Golden(windows=(), labels=(), probabilities=()))
    labels, probabilities = models.load(draft).predict(WINDOWS[:3])
    return models.model_files(
        document, weights, models.golden_of(WINDOWS[:3], tuple(labels), probabilities), baseline=weights
    )


def test_a_loaded_model_gives_its_golden_answers() -> None:
    files = _files()
    golden = models.parse_golden(files[models.GOLDEN_FILE])
    labels, probabilities = models.load(files).predict(golden.array())
    assert tuple(labels) == golden.labels
    assert (probabilities == np.array(golden.probabilities)).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(3))


def test_a_batch_answers_as_its_windows_alone() -> None:
    model = models.load(_files())
    labels, probabilities = model.predict(WINDOWS)
    for index in range(len(WINDOWS)):
        label, row = model.predict(WINDOWS[index : index + 1])
        assert label == [labels[index]]
        assert (row[0] == probabilities[index]).all()


def test_an_answer_is_normal_unless_the_window_is_an_alarm() -> None:
    free = models.load(_files())
    _, probabilities = free.predict(WINDOWS)
    scores = free.alarm_scores(probabilities)
    limit = float(np.median(scores))
    labels, _ = models.load(_files(AlarmRule(limit=limit, target_rate=0.5))).predict(WINDOWS)
    for label, score, row in zip(labels, scores.tolist(), probabilities, strict=True):
        fault = ("leak", "stuck")[int(row[1:].argmax())]
        assert label == (fault if score > limit else "normal")


def test_no_windows_no_answers() -> None:
    labels, probabilities = models.load(_files()).predict(np.zeros((0, 6, 2)))
    assert labels == [] and probabilities.shape == (0, 3)


def test_the_baseline_is_a_model_of_its_own() -> None:
    files = _files()
    baseline = models.load_baseline(files)
    assert baseline is not None and baseline.document.kind is ModelKind.LINEAR
    del files[models.BASELINE_FILE]
    assert models.load_baseline(files) is None


def test_missing_values_survive_the_golden_file() -> None:
    windows = WINDOWS[:1].copy()
    windows[0, 2, 1] = np.nan
    golden = models.golden_of(windows, ("normal",), np.array([[1.0, 0.0, 0.0]]))
    assert np.array_equal(golden.array(), windows, equal_nan=True)


def test_the_mlmodel_file_names_loader_and_signature() -> None:
    content = yaml.safe_load(_files()[models.MLMODEL_FILE])
    assert content["flavors"]["python_function"]["loader_module"] == models.LOADER_MODULE
    assert '"shape": [-1, 6, 2]' in content["signature"]["inputs"]
    assert content["metadata"]["columns"][0] == {"name": "flow", "unit": "kg/h"}


def test_equal_models_give_equal_bytes() -> None:
    assert _files() == _files()


def test_no_file_is_a_pickle() -> None:
    for content in _files().values():
        content.decode("utf-8")


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        (models.MODEL_FILE, None, "no model.json"),
        (models.WEIGHTS_FILE, None, "no weights.json"),
        (models.MODEL_FILE, b"{}", "cannot be read"),
        (models.MODEL_FILE, b"\x80\x04pickle", "cannot be read"),
        (models.WEIGHTS_FILE, b"[1]", "cannot be read"),
    ],
)
def test_a_broken_directory_is_one_clear_error(name: str, content: bytes | None, word: str) -> None:
    files = _files()
    files.pop(name)
    if content is not None:
        files[name] = content
    with pytest.raises(InvalidSpec, match=word) as caught:
        models.load(files)
    assert caught.value.path == name
    assert "\n" not in str(caught.value)


def test_a_text_that_is_no_booster_is_refused() -> None:
    files = _files()
    files[models.MODEL_FILE] = files[models.MODEL_FILE].replace(b'"linear"', b'"lightgbm"')
    files[models.BOOSTER_FILE] = b"not a booster"
    with pytest.raises(InvalidSpec, match=r"booster.txt"):
        models.load(files)

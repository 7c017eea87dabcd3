"""Sections with pictures that are all different, and readers with a will of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.review.cases import Candidate, Case
from napari_fus_ulm.review.folder import read_json
from napari_fus_ulm.review.plan import ReviewSettings
from napari_fus_ulm.review.session import Session, create

MakeCases = Callable[..., tuple[Case, ...]]
MakeSession = Callable[..., Session]
Read = Callable[[Session, Callable[[dict[str, Any]], dict[str, Any]]], None]
KINDS = {"alpha": "generated", "beta": "generated", "gamma": "generated", "truth": "ulm"}


@pytest.fixture
def make_cases() -> MakeCases:
    """``n`` sections, two of each animal, with the named candidates of :data:`KINDS`."""

    def make(n: int, names: tuple[str, ...] = ("alpha", "beta", "gamma", "truth")) -> Any:
        random = np.random.default_rng(n)
        return tuple(
            Case(
                f"sub-{k // 2:02d}_section-{k}",
                tuple(
                    Candidate(name, random.random((8, 10)), KINDS[name], 0.02)  # type: ignore[arg-type]
                    for name in names
                ),
                f"sub-{k // 2:02d}",
            )
            for k in range(n)
        )

    return make


@pytest.fixture
def make_session(tmp_path: Path, make_cases: MakeCases) -> MakeSession:
    def make(n: int = 6, names: tuple[str, ...] = ("alpha", "beta"), **settings: Any) -> Session:
        chosen = ReviewSettings(**{"control": "truth" in names, "seed": 1, **settings})
        return create(tmp_path / "look", make_cases(n, names), chosen)

    return make


@pytest.fixture
def read_all() -> Read:
    """Answer every trial; unlike a real reader, this one reads in the key what is shown."""

    def read(session: Session, decide: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        key = {one["trial"]: one for one in read_json(session.folder / "key.json")["trials"]}
        while (trial := session.next_trial()) is not None:
            given = {"left_continuity": 3, "right_continuity": 3, **decide(key[trial.token])}
            session.answer(trial, **given)

    return read

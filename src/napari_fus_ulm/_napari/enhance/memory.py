"""Settings that outlive a session."""

from __future__ import annotations

import dataclasses
import json

from qtpy.QtCore import QSettings

from napari_fus_ulm.inference.settings import EnhanceSettings

KEY, FOLLOW = "enhance/settings", "enhance/follow"


def _store() -> QSettings:
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-fus-ulm", "docks"
    )


def save(settings: EnhanceSettings) -> None:
    """Store settings; the kind of values and the region belong to each input and are left out."""
    plain = dataclasses.replace(settings, values="auto", region=None)
    _store().setValue(KEY, plain.to_json())


def load() -> EnhanceSettings:
    """Return the settings of the last session; the defaults where none are valid."""
    stored = _store().value(KEY)
    if isinstance(stored, str):
        try:
            return EnhanceSettings.from_mapping(json.loads(stored)).resolved()
        except (TypeError, ValueError):
            pass  # written by another version
    return EnhanceSettings()


def save_follow(follow: bool) -> None:
    """Store whether the sliders go along with a run."""
    _store().setValue(FOLLOW, "yes" if follow else "no")


def load_follow() -> bool:
    """Whether the sliders go along with a run; at first they do not."""
    return bool(_store().value(FOLLOW) == "yes")

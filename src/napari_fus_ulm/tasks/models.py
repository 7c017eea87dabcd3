"""The user's own models, for the docks."""

from napari_fus_ulm.generators.library import (
    Model,
    add_model,
    export_model,
    library_folder,
    models,
    remove_model,
    rename_model,
)

__all__ = [
    "Model",
    "add_model",
    "export_model",
    "library_folder",
    "models",
    "remove_model",
    "rename_model",
]

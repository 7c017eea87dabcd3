"""The viewer's side: the only room that knows Qt and napari."""

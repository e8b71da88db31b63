"""Everything that reads what others wrote, by the name that the command knows it by."""

import hub_in
import models_in
import recordings_in
import texts_in
from watch import Case

TARGETS: dict[str, tuple[Case, int]] = {
    "lines": (recordings_in.lines, 30),
    "orders": (recordings_in.orders_in, 20),
    "facts": (recordings_in.folded, 2),
    "recordings": (recordings_in.recordings, 12),
    "runs": (recordings_in.runs, 3),
    "notes": (recordings_in.notes, 3),
    "settings": (texts_in.settings, 6),
    "watts": (texts_in.watts, 6),
    "presets": (texts_in.presets, 3),
    "scenarios": (texts_in.scenarios, 6),
    "plans": (texts_in.plans, 3),
    "catalogue": (texts_in.catalogues, 3),
    "names": (models_in.names, 6),
    "manifests": (models_in.manifests, 2),
    "folders": (models_in.folders, 3),
    "graphs": (models_in.graphs, 4),
    "operators": (models_in.operators, 1),
    "gguf": (models_in.ggufs, 3),
    "archives": (models_in.archives, 3),
    "sources": (models_in.sources, 2),
    "templates": (models_in.templates, 6),
    "hub": (hub_in.replies, 3),
}
"""Each with its part of a long run: as many cases of it as it is worth, and as it costs little."""

KINDS: dict[str, tuple[str, ...]] = {
    "journal": ("lines", "orders", "facts", "recordings", "runs", "notes"),
    "what people write": ("settings", "watts", "presets", "scenarios", "plans"),
    "catalogue": ("catalogue",),
    "model folders": ("names", "manifests", "folders", "graphs", "operators", "gguf", "archives", "sources"),
    "chat templates": ("templates",),
    "replies of the hub": ("hub",),
}
"""Which targets try the same door."""

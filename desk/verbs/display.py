"""Whether there is a screen."""

import os
import sys

from desk.facts.trouble import Trouble


def require_display() -> None:
    """Say plainly that there is no screen, where Qt would abort the process."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise Trouble(
            "There is no screen to open the panel on: neither DISPLAY nor WAYLAND_DISPLAY is set.",
            "Use `desk run` for the factory without a window, or `desk shot` for a picture.",
        )

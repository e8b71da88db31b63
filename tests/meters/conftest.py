"""Meters under test: the stand-in driver, and meters that run on its virtual clock."""

from nvml_standin.fixtures import driver_library, simulate, simulators, standin

__all__ = ["driver_library", "simulate", "simulators", "standin"]

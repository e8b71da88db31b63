"""Who asks for what and when: the virtual users of a tier.

Pure and seeded: what is asked depends on the seed, the tier's name, the user and how often it has asked before, never
on timing; so the same seed gives the same requests on any machine. Time is passed in, in seconds.
"""

from desk.scenario.curve import Scenario, names, scenario
from desk.scenario.lengths import MIXES, mix
from desk.scenario.texts import Prompt, kinds, prompts
from desk.scenario.users import STEADY, Ask, Users

__all__ = ["MIXES", "STEADY", "Ask", "Prompt", "Scenario", "Users", "kinds", "mix", "names", "prompts", "scenario"]

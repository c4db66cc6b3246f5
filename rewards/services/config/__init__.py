"""The configuration as files: promotions, stacking groups, the programme's settings.

A file a promotion, the same bytes for the same state, so that they can be kept, compared
and carried from the test shop to the real one. ``export_files`` writes them, ``plan_files``
says what they would change, ``apply_plan`` does that in one transaction or not at all.
"""

from rewards.services.config.applying import apply_files
from rewards.services.config.exporting import export_files, file_texts
from rewards.services.config.planning import Change, Plan, plan_files

__all__ = ["Change", "Plan", "apply_files", "export_files", "file_texts", "plan_files"]

"""Contests by merit: works come in, are let in, judged, and placed."""

from rewards.services.contests.editing import ContestPrizePlan, missing_of, save_contest
from rewards.services.contests.judging import give_mark, give_score, publish_results, standing
from rewards.services.contests.steps import cancel_contest, close_entries, open_contest
from rewards.services.contests.works import let_in, reject, send_work

__all__ = [
    "ContestPrizePlan",
    "cancel_contest",
    "close_entries",
    "give_mark",
    "give_score",
    "let_in",
    "missing_of",
    "open_contest",
    "publish_results",
    "reject",
    "save_contest",
    "send_work",
    "standing",
]

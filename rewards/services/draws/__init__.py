"""Prize draws: complete rules, a frozen list, a committed seed, winners that can be checked."""

from rewards.services.draws.drawing import draw_winners
from rewards.services.draws.editing import DrawPrizePlan, missing_of, save_draw
from rewards.services.draws.freezing import close_due, freeze_list, list_lines
from rewards.services.draws.steps import cancel_draw, finish_draw, publish_draw
from rewards.services.draws.verifying import CheckedDraw, check_draw
from rewards.services.draws.winners import accept_win, expire_answers, hand_over_win, refuse_win

__all__ = [
    "CheckedDraw",
    "DrawPrizePlan",
    "accept_win",
    "cancel_draw",
    "check_draw",
    "close_due",
    "draw_winners",
    "expire_answers",
    "finish_draw",
    "freeze_list",
    "hand_over_win",
    "list_lines",
    "missing_of",
    "publish_draw",
    "refuse_win",
    "save_draw",
]

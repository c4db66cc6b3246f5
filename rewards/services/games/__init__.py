"""Games of chance: odds are worded, seeds committed, turns played, results checked by anybody."""

from rewards.services.games.cancelling import cancel_play
from rewards.services.games.editing import PrizePlan, SetPlan, save_game
from rewards.services.games.odds import SetPicture, pictures
from rewards.services.games.periods import current_period, reveal_due
from rewards.services.games.playing import play
from rewards.services.games.running import end_game, pause_game, start_game
from rewards.services.games.tokens import Entry, entry_token, opened
from rewards.services.games.verifying import Checked, check

__all__ = [
    "Checked",
    "Entry",
    "PrizePlan",
    "SetPicture",
    "SetPlan",
    "cancel_play",
    "check",
    "current_period",
    "end_game",
    "entry_token",
    "opened",
    "pause_game",
    "pictures",
    "play",
    "reveal_due",
    "save_game",
    "start_game",
]

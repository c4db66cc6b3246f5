"""The proofs: a play or a draw computed once more before everybody's eyes, names masked."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from members.rules.identities import masked_name
from rewards.models import Contest, Draw, DrawWinner, GamePlay
from rewards.services import contests, draws, games

State = Draw.State
SEEN = (State.PUBLISHED, State.CLOSED, State.DRAWN, State.HANDED_OVER)
LISTED = (State.CLOSED, State.DRAWN, State.HANDED_OVER)
DRAWN = (State.DRAWN, State.HANDED_OVER)


@require_safe
def play_page(request: HttpRequest, play_id: UUID) -> HttpResponse:
    """A play: what was committed, and when the seed is out every step. Tells no name."""
    plays = GamePlay.objects.select_related("period__game", "game", "drawn", "prize")
    play = get_object_or_404(plays, public_id=play_id)
    return render(request, "play/check_play.html", {"checked": games.check(play)})


@require_safe
def draw_page(request: HttpRequest, draw_id: UUID) -> HttpResponse:
    """A draw with its terms; once drawn its winners, masked, computed once more."""
    draw = get_object_or_404(Draw, public_id=draw_id, state__in=SEEN)
    checked = draws.check_draw(draw) if draw.state in DRAWN else None
    names = {
        one.place: masked_name(one.entry.member.name)
        for one in DrawWinner.objects.filter(draw=draw).select_related("entry__member")
    }
    rows = [(one, names.get(one.place.place, "")) for one in checked.places] if checked else []
    context = {"draw": draw, "prizes": draw.prizes.all(), "checked": checked, "rows": rows}
    return render(request, "play/check_draw.html", {**context, "is_listed": draw.state in LISTED})


@require_safe
def draw_list(request: HttpRequest, draw_id: UUID) -> StreamingHttpResponse:
    """The frozen list, byte for byte as it was hashed."""
    draw = get_object_or_404(Draw, public_id=draw_id, state__in=LISTED)
    response = StreamingHttpResponse(
        (line.encode() for line in draws.list_lines(draw)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{draw.code}.csv"'
    return response


@require_safe
def contest_page(request: HttpRequest, contest_id: UUID) -> HttpResponse:
    """The terms of a contest; once they are out the places, names masked."""
    hidden = (Contest.State.DRAFT, Contest.State.CANCELLED)
    contest = Contest.objects.filter(public_id=contest_id).exclude(state__in=hidden).first()
    if contest is None:
        raise Http404
    is_out = contest.state == Contest.State.PUBLISHED
    rows = contests.standing(contest) if is_out else []
    members = {row.work.pk: masked_name(row.work.member.name) for row in rows}
    context = {
        "contest": contest,
        "prizes": contest.prizes.all(),
        "rows": [(row, members[row.work.pk]) for row in rows],
    }
    return render(request, "play/contest.html", context)

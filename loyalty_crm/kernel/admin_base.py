"""What the admin of every app stands on: no COUNT(*), no edits of what a service owns."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import (
    EmptyPage,
    InvalidPage,
    Page,
    PageNotAnInteger,
    Paginator,
)
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

LIST_PER_PAGE = 50


# Unfold's templates know by this class name that a total is not known.
class InfinitePaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a table of any size: one row more than a page tells whether another follows.

    A far page costs an offset, so there is a furthest one; search and filters
    are the way to an old row. ``count`` is what has been seen so far.
    """

    FURTHEST_PAGE = 1000
    template_name = "kernel/no_count_pagination.html"

    seen = 0
    has_more = False

    @property
    def count(self) -> int:
        return self.seen

    @property
    def num_pages(self) -> int:
        return max(1, -(-self.seen // self.per_page))

    def validate_number(self, number: float | str) -> int:
        try:
            page = int(number)
        except (TypeError, ValueError) as error:
            raise PageNotAnInteger("not a page number") from error
        if not 1 <= page <= self.FURTHEST_PAGE:
            raise EmptyPage("no such page")
        return page

    def page(self, number: float | str) -> Page[Model]:
        page = self.validate_number(number)
        start = (page - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        if not rows and page > 1:
            raise EmptyPage("no such page")
        self.seen, self.has_more = start + len(rows), len(rows) > self.per_page
        return Page(rows[: self.per_page], page, self)


NoCountPaginator = InfinitePaginator


class NoCountChangeList(ChangeList):
    """A list that fetches one page and a row, and counts nothing.

    Its count is that of the page, so "select all" never reaches beyond what is on screen.
    """

    def get_results(self, request: HttpRequest) -> None:
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        try:
            self.result_list = paginator.page(self.page_num).object_list
        except InvalidPage as error:
            raise IncorrectLookupParameters from error
        self.paginator = paginator
        self.result_count = len(self.result_list)
        self.full_result_count = None
        self.show_full_result_count = False
        self.can_show_all = False
        self.multi_page = paginator.has_more or self.page_num > 1
        self.show_admin_actions = True


class KernelAdmin(ModelAdmin):
    """Lists that stay fast at ten million rows."""

    paginator = NoCountPaginator
    show_full_result_count = False
    list_per_page = LIST_PER_PAGE

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NoCountChangeList


class ReadOnlyAdmin(KernelAdmin):
    """Rows that may be looked at, and changed only by a service."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

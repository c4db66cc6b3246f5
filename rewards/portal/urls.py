"""Addresses of the members' own page that are about promises; the roof joins them."""

from django.urls import path

from rewards.portal import friends, history, pages, shelf

urlpatterns = [
    path("", pages.home, name="home"),
    path("history/", history.history_page, name="history"),
    path("offers/", pages.offers, name="offers"),
    path("offers/take/", shelf.take, name="take"),
    path("friends/code/", friends.make_code, name="friend-code"),
    path("friends/name/", friends.name_friend, name="friend-name"),
]

"""Addresses of the members' own page that are about promises; the roof joins them."""

from django.urls import path

from rewards.portal import history, pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("history/", history.history_page, name="history"),
    path("offers/", pages.offers, name="offers"),
]

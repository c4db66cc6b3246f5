"""Addresses of the members' panels at the till; the roof joins them with the rewards' ones."""

from django.urls import path

from members.till import people, shifts

urlpatterns = [
    path("login/", shifts.TillLogin.as_view(), name="login"),
    path("logout/", shifts.TillLogout.as_view(), name="logout"),
    path("shift/", shifts.shift_page, name="shift"),
    path("shift/close/", shifts.shift_close, name="shift-close"),
    path("shift/<int:shift_id>/", shifts.shift_closed, name="shift-closed"),
    path("find/", people.find, name="find"),
    path("enrol/", people.enrol, name="enrol"),
    path("enrol/<uuid:member_id>/", people.enrolled, name="enrolled"),
]

"""Addresses of the members' own page that are about who somebody is; the roof joins them."""

from django.urls import path

from members.portal import cards, door, preferences

urlpatterns = [
    path("sign-in/", door.sign_in, name="sign-in"),
    path("code/", door.code, name="code"),
    path("join/", door.join_page, name="join"),
    path("sign-out/", door.sign_out, name="sign-out"),
    path("sign-out-everywhere/", door.sign_out_everywhere, name="sign-out-everywhere"),
    path("card/", cards.card_page, name="card"),
    path("card/code/", cards.card_code, name="card-code"),
    path("card/pass.pkpass", cards.apple_file, name="card-apple"),
    path("card/google/", cards.google_link, name="card-google"),
    path("card/icon.png", cards.icon, name="card-icon"),
    path("settings/", preferences.settings_page, name="settings"),
    path("settings/profile/", preferences.save_profile, name="profile"),
    path("settings/consents/", preferences.save_consents, name="consents"),
    path("settings/language/", preferences.save_language, name="language"),
    path("settings/contact/", preferences.change_contact, name="contact"),
    path("settings/contact/code/", preferences.contact_code, name="contact-code"),
    path("settings/data/", preferences.ask_data, name="data"),
]

from django.urls import path

from accounts.views import keys, mail, purses

urlpatterns = [
    path("keys", keys.key_list_page, name="keys"),
    path("keys/<int:pk>", keys.key_page, name="key"),
    path("keys/<int:pk>/rename", keys.key_rename, name="key_rename"),
    path("keys/<int:pk>/limits", keys.key_limits_page, name="key_limits"),
    path("keys/<int:pk>/roll", keys.key_roll, name="key_roll"),
    path("keys/<int:pk>/revoke", keys.key_revoke, name="key_revoke"),
    path("credits", purses.credit_list, name="credits"),
    path("outbox", mail.mail_outbox, name="outbox"),
]

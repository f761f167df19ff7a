from django.urls import path

from accounts.views import keys, mail, purses

urlpatterns = [
    path("keys", keys.key_list, name="keys"),
    path("keys/<int:pk>/revoke", keys.key_revoke, name="key_revoke"),
    path("credits", purses.credit_list, name="credits"),
    path("outbox", mail.mail_outbox, name="outbox"),
]

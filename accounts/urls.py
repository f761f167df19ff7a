from django.urls import path

from accounts import views

urlpatterns = [
    path("keys", views.key_list, name="keys"),
    path("keys/<int:pk>/revoke", views.key_revoke, name="key_revoke"),
    path("credits", views.credit_list, name="credits"),
    path("outbox", views.mail_outbox, name="outbox"),
]

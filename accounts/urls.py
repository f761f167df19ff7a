from django.urls import path

from accounts.views import account, audit, invitations, keys, leaving, mail, members, purses, teams

urlpatterns = [
    path("accounts/profile", account.profile, name="account_profile"),
    path("accounts/sessions/<int:pk>/end", account.session_end, name="session_end"),
    path("i18n/setlang/", account.set_language, name="set_language"),
    path("keys", keys.key_list_page, name="keys"),
    path("keys/<int:pk>", keys.key_page, name="key"),
    path("keys/<int:pk>/rename", keys.key_rename, name="key_rename"),
    path("keys/<int:pk>/limits", keys.key_limits_page, name="key_limits"),
    path("keys/<int:pk>/roll", keys.key_roll, name="key_roll"),
    path("keys/<int:pk>/revoke", keys.key_revoke, name="key_revoke"),
    path("accounts/delete", leaving.account_delete, name="account_delete"),
    path("team/delete", leaving.team_delete, name="team_delete"),
    path("team/audit", audit.log, name="audit"),
    path("team/audit.<str:form>", audit.export, name="audit_export"),
    path("credits", purses.credit_list, name="credits"),
    path("outbox", mail.mail_outbox, name="outbox"),
    path("team", teams.team_page, name="team"),
    path("team/rename", teams.team_rename, name="team_rename"),
    path("team/leave", members.member_leave, name="member_leave"),
    path("team/people/<int:pk>/role", members.member_role, name="member_role"),
    path("team/people/<int:pk>/remove", members.member_remove, name="member_remove"),
    path("team/people/<int:pk>/owner", members.team_transfer, name="team_transfer"),
    path("team/invitations", invitations.invitation_new, name="invitation_new"),
    path("team/invitations/<int:pk>/renew", invitations.invitation_renew, name="invitation_renew"),
    path("team/invitations/<int:pk>/revoke", invitations.invitation_revoke, name="invitation_revoke"),
    path("teams", teams.team_list, name="teams"),
    path("teams/switch", teams.team_switch, name="team_switch"),
    path("join", invitations.join, name="join"),
    path("join/<str:token>", invitations.join_link, name="join_link"),
]

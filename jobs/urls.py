from django.urls import path

from jobs.views import connections, generate, history, site

urlpatterns = [
    path("", site.home, name="home"),
    path("docs", site.docs, name="docs"),
    path("licences", site.licences, name="licences"),
    path("theme", site.theme, name="theme"),
    path("generate/<slug:slug>", generate.generate, name="generate"),
    path("generate/<slug:slug>/price", generate.price, name="price"),
    path("uploads", generate.upload, name="upload"),
    path("uploads/<uuid:pk>", generate.upload_file, name="upload_file"),
    path("jobs", history.history, name="history"),
    path("jobs/rows", history.history_rows, name="history_rows"),
    path("jobs/<uuid:job_id>", history.job, name="job"),
    path("jobs/<uuid:job_id>/card", history.job_card, name="job_card"),
    path("jobs/<uuid:job_id>/cancel", history.cancel, name="cancel"),
    path("connections", connections.connection_list, name="connections"),
    path("connections/new", connections.connection_new, name="connection_new"),
    path("connections/<int:pk>", connections.connection_edit, name="connection_edit"),
    path("connections/<int:pk>/switch", connections.connection_switch, name="connection_switch"),
    path("connections/<int:pk>/remove", connections.connection_remove, name="connection_remove"),
]

from django.urls import path

from jobs.views import generate, history, site

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
]

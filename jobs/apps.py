from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from lipsyncweb import checks  # noqa: F401  (registers the system checks)

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from accounts.keys import limits as key_limits
        from jobs import key_limits as ours
        from jobs import leaving  # noqa: F401  (connects the receivers)
        from lipsyncweb import checks  # noqa: F401  (registers the system checks)

        key_limits.declare(models=ours.models, resolutions=ours.resolutions)

"""The engine on this machine: one long-lived render process a worker."""

from jobs.engine.contract import RenderRequest
from jobs.engine.errors import InputError
from jobs.engine.process import EngineProcess
from jobs.providers.base import Done, Failed, Outcome, RunContext

# Generous: the slowest render that was seen took 0.1 s of processor time a frame at 25 frames a second.
CPU_SECONDS_A_SECOND = 12
CPU_SECONDS_AT_LEAST = 120


class EmbeddedProvider:
    """Renders with `jobs.engine`, one job at a time."""

    def __init__(self) -> None:
        self._engine = EngineProcess()

    def run(self, context: RunContext) -> Outcome:
        request = RenderRequest(
            model=context.model,
            inputs=dict(context.inputs),
            output=context.folder / f"{context.attempt}.mp4",
            resolution=int(context.values["resolution"].removesuffix("p")),
            seed=context.seed,
            prompt=context.values.get("prompt", ""),
            max_seconds=context.max_seconds,
            order=context.values.get("order", "meanwhile"),
        )
        try:
            report = self._engine.render(
                request,
                on_progress=context.on_progress,
                is_canceled=context.is_canceled,
                cpu_seconds=CPU_SECONDS_AT_LEAST + CPU_SECONDS_A_SECOND * context.seconds,
            )
        except InputError as error:
            return Failed(error.code, error.sentence)
        return Done(file=request.output, report=report)

    def close(self) -> None:
        self._engine.close()

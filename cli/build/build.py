"""A build: the stages that its target needs, one after the other, and the image that the last of them has become."""

import os
import sys
from collections.abc import Callable, Sequence

from cli.build import copy, process
from cli.build.context import Context, HostFiles
from cli.build.request import Progress, Request
from cli.build.stage import Doing, Place, StageBuild, begun
from cli.sandbox.namespaces import StoppedError
from cli.session.session import Session
from cli.session.writing import writing
from eventstore.errors import LayerlogError
from eventstore.model.paths import shown
from eventstore.model.process_facts import Built
from eventstore.store import commands
from projections.build import demands, flags, scope, stages, steps
from projections.build.demands import Given
from projections.build.scope import of_platforms
from projections.build.stages import SCRATCH, Plan, Stage
from projections.build.steps import Configure, Copying, MakeDirectory, Process
from projections.images import run_config
from projections.oci import dockerfile
from projections.oci.config import fit, parse_platform
from projections.oci.dockerfile import DockerfileError, Instruction
from projections.oci.documents import items
from projections.refs.targets import Target
from projections.tree import lineage
from projections.tree.view import View


class StepError(LayerlogError):
    """Why a step could not be done, and where; `container` is where one can look into it, None where there is none."""

    def __init__(self, text: str, container: str | None, exit_code: int = 1) -> None:
        super().__init__(text)
        self.container, self.exit_code = container, exit_code


class Build:
    """One run of `build`."""

    def __init__(self, s: Session, context: Context, request: Request, progress: Progress) -> None:
        self.s, self.context, self.request, self.progress = s, context, request, progress
        self.id = os.urandom(16).hex()
        self._done: dict[int, Place] = {}
        self._images: dict[tuple[str, str], Target] = {}
        self._stages: list[StageBuild] = []
        self._given = Given(request.platform, request.own_platform, request.network, request.secret)

    def build(self) -> str:
        """Build, tag, and record it; return the image's id: the commit's, or, where the Dockerfile does nothing, its base's.

        Raise StepError for a step that fails: the steps before it stand.
        """
        try:
            plan = self._plan()
            last = stages.target(plan, self.request.target)
            needed = stages.needed(plan, last)
            demands.check(plan, needed, self._given)
            for stage in needed:
                self._look_up(plan, stage)
            for stage in needed:
                self._done[stage.number] = self._built(plan, stage, last)
        except DockerfileError as error:
            raise error.within(self.context.name) from None
        image = self._done[last.number].image
        if not image:
            reason = "nothing was built: there is no instruction behind FROM"
            raise StepError(f"{shown(self.context.name)}:{last.line}: {reason}", None)
        self._tell_undeclared(plan)
        self._end(image, last)
        return image

    def _plan(self) -> Plan:
        given = of_platforms(self.request.own_platform, self.request.platform, self.request.target or "default")
        return stages.read(self.context.dockerfile, self.request.arguments, given)

    def _end(self, image: str, last: Stage) -> None:
        self.s.build = None
        told = Built(self.id, last.called, sorted(self.request.arguments), self.progress.steps, self.progress.reused)
        with writing(self.s) as writer:
            text = writer.content.put_stream([self.context.dockerfile.encode()])
            made = [container for stage in self._stages for container in stage.made]
            commands.end_build(writer, image, text, told, tags=self.request.tags, containers=made)

    def _tell_undeclared(self, plan: Plan) -> None:
        declared = {name for stage in self._stages for name in stage.scope.declared}
        for name in demands.undeclared(plan, declared, sorted(self.request.arguments)):
            if name not in (*scope.PROXIES, scope.EPOCH) and not name.startswith("BUILDKIT_"):
                print(f"layerlog: --build-arg {shown(name)}: no ARG of what was built declares it", file=sys.stderr)

    # -- a stage

    def _look_up(self, plan: Plan, stage: Stage) -> None:
        """Get the images that a stage stands on and takes from, and look at what they are for: nothing has run yet."""
        if isinstance(stage.base, str) and stage.base != SCRATCH:
            start = Instruction("FROM", (stage.base,), f"FROM {stage.base}", line=stage.line)
            found = self._named(start, stage.base, stage.platform)
            platform = run_config.platform(self.s.log, self.s.store.content, found)
            wanted = demands.platform_of(plan, stage, self.request.platform)
            if platform.architecture and fit(platform, wanted) is None:
                what = f"{shown(stage.base)} is for {shown(str(platform))}, and {shown(str(wanted))} was asked for"
                print(f"layerlog: {shown(self.context.name)}:{stage.line}: FROM: {what}", file=sys.stderr)
            demands.check_stage(plan, stage.instructions, platform, self._given)
        for instruction in stage.instructions:
            for origin in stages.origins(instruction):
                if stages.other(plan, origin) is None:
                    self._named(instruction, origin)

    def _named(self, instruction: Instruction, name: str, platform: str = "") -> Target:
        try:
            return self._image(name, platform)
        except LayerlogError as error:
            flags.refuse(instruction, str(error))

    def _built(self, plan: Plan, stage: Stage, last: Stage) -> Place:
        place = self._begun(stage)
        building = StageBuild(self.s, self.id, self.request, self.progress, stage, place)
        building.scope = building.scope._replace(outer=plan.arguments)
        self._stages.append(building)
        triggers = items(place.config, "OnBuild", str, "config")
        building.place = place._replace(config=scope.begun(place.config, empty=stage.base == SCRATCH))
        inherited = [each._replace(line=stage.line) for text in triggers for each in dockerfile.read(text)]
        demands.check_stage(plan, inherited, demands.platform_of(plan, stage, self.request.platform), self._given)
        own = [*inherited, *stage.instructions, *(self._labels() if stage is last else ())]
        for number, instruction in enumerate(own, 1):
            self._do(plan, building, instruction, number, len(own))
        building.begin(Doing(0, stage.line, "FROM"))
        self._checked(building, building.finish)
        return building.place

    def _labels(self) -> Sequence[Instruction]:
        pairs = [label.partition("=") for label in self.request.labels]
        return [Instruction("LABEL", (key, value, "="), f"LABEL {key}={value}", literal=True) for key, _, value in pairs]

    def _begun(self, stage: Stage) -> Place:
        if isinstance(stage.base, int):
            return self._done[stage.base]
        if stage.base == SCRATCH:
            return begun(self.s, None, stage.platform or str(self.request.platform))
        return begun(self.s, self._image(stage.base, stage.platform), stage.platform)

    def _image(self, name: str, platform: str = "") -> Target:
        wanted = parse_platform(platform) if platform else self.request.platform
        if (name, str(wanted)) not in self._images:
            self._images[name, str(wanted)] = self.request.image(name, wanted)
        return self._images[name, str(wanted)]

    # -- a step

    def _do(self, plan: Plan, building: StageBuild, instruction: Instruction, number: int, total: int) -> None:
        building.begin(Doing(number, instruction.line, instruction.text))
        self.progress.begin(building.stage, number, total, instruction.text)

        def act() -> None:
            step = steps.settled(instruction, building.scope, building.place.config, own_command=building.own_command)
            if instruction.name == "ARG":
                building.scope = building.scope.with_argument(instruction, building.place.config)
            building.own_command |= instruction.name == "CMD"
            self._act(plan, building, step)

        self._checked(building, act)

    def _checked(self, building: StageBuild, act: Callable[[], object]) -> None:
        doing = building.doing
        try:
            act()
        except (LayerlogError, KeyboardInterrupt) as caught:
            error = caught if isinstance(caught, LayerlogError) else StoppedError("interrupted")
            reason = error.reason if isinstance(error, DockerfileError) else f"{doing.text.split(maxsplit=1)[0]}: {error}"
            place = f"{shown(self.context.name)}:{doing.line}"
            raise StepError(f"{place}: {reason}", building.container, error.exit_code) from caught

    def _act(self, plan: Plan, building: StageBuild, step: steps.Step) -> None:
        match step:
            case Configure(config, created_by, author):
                building.configure(config, created_by, author)
            case MakeDirectory():
                copy.make_directory(building, step)
            case Copying():
                files = None if not step.sources else self._files(plan, step.origin)
                copy.copy(building, step, files)
            case Process():
                process.run(building, step, lambda origin: self._files(plan, origin))

    def _files(self, plan: Plan, origin: str) -> HostFiles | View:
        if not origin:
            return self.context.files
        stage = stages.other(plan, origin)
        if stage is None:
            return self.s.view(self._image(origin))
        return View(self.s.log, self.s.store.content, lineage.of_base(self.s.log, self._done[stage.number].base))



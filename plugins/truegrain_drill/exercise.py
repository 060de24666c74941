"""Carries out a drill: ordinary traffic, then the newcomer, then the platform's recovery."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from model.drill.goals import LARGEST_LOSS, lost_points
from model.drill.record import Labelling, Learnt, Reading, Suspect
from model.errors import TruegrainError
from model.estimate import CONFIDENCE
from model.images.decoding import decode
from model.monitoring.drift_history import DriftResult
from model.pages.rendering import picture
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from truegrain_drill import lifecycle, people
from truegrain_drill.diary import Diary
from truegrain_drill.monitor import Watch
from truegrain_drill.plan import Part, Plan
from truegrain_drill.service import SWAP_SECONDS, await_version, log_of, serving
from truegrain_drill.traffic import Judged, Traffic

_SHOWN: Final = 16
"""Most suspects that the post-mortem shows."""

log = logging.getLogger("truegrain.drill")


def run(plan: Plan, settings: Settings, diary: Diary) -> None:
    """Carry out a drill whose first detector is in production, and record it in its diary.

    An error of the platform ends the drill. The error is recorded for the post-mortem and not raised.
    """
    secrets = people.make_keys(settings, people.count_reporters(plan.reported, settings))
    with serving(settings) as address:
        exercise = Exercise(plan, settings, diary, address)
        try:
            exercise.stay_calm()
            if exercise.let_loose():
                exercise.recover(secrets)
        except TruegrainError as error:
            log.exception("the drill ends here")
            diary.note(fault=str(error))
        finally:
            diary.note(answers=tuple(exercise.traffic.answers))


class Exercise:
    """A running drill on the platform with `settings`, whose service is at `address`."""

    def __init__(self, plan: Plan, settings: Settings, diary: Diary, address: str) -> None:
        self.traffic = Traffic(address, clock=diary.seconds)
        self._plan = plan
        self._settings = settings
        self._diary = diary
        self._address = address
        self._watch = Watch(settings, diary.drill.before.version, since=diary.drill.began_at)
        self._judged: dict[str, Judged] = {}

    def stay_calm(self) -> None:
        """Send images that the detector knows: real images and images of the known generators."""
        with self._diary.step("ordinary traffic"):
            for images in self._rounds("ordinary"):
                self._send_and_look(images)

    def let_loose(self) -> bool:
        """Replace the known generators by the newcomer until a training is asked for; return whether one was."""
        with self._diary.step("incident"):
            for images in self._rounds("incident"):
                self._send_and_look(images)
                judgement = self._watch.judge()
                log.info("%s", judgement.reason)
                if judgement.ask and self._diary.drill.alarm:
                    self._diary.note(asked=judgement.reason)
                    return True
        return False

    def recover(self, secrets: Sequence[str]) -> None:
        """Let people report images, retrain on them, and send images of the newcomer again."""
        with self.traffic.trickle(self._plan.traffic("recovery")):
            self._label(secrets)
            learnt = self._learn()
            if not learnt.promoted:
                return
            with self._diary.step("swap"):
                await_version(self._address, learnt.version, seconds=SWAP_SECONDS, log=log_of(self._settings))
        with self._diary.step("traffic again"):
            self._send_until_clear()

    def _send_until_clear(self) -> None:
        """Send images of the newcomer until the accuracy still lost is decided, or all planned images are sent.

        Each look at the answers has its share of the error (Bonferroni), because it may end the traffic by chance.
        """
        images, looks = self._plan.traffic("again"), math.ceil(self._plan.most_again / self._plan.again)
        while some := list(islice(images, self._plan.again)):
            self.traffic.send(some)
            drill = replace(self._diary.drill, answers=tuple(self.traffic.answers))
            before, after = drill.answers_in("before"), drill.answers_in("after")
            lost = lost_points(before, after, confidence=1 - (1 - CONFIDENCE) / looks)
            if lost is None or not lost.low <= LARGEST_LOSS < lost.high:
                return

    def _rounds(self, part: Part) -> Iterator[list[LabelledImage]]:
        images = self._plan.traffic(part)
        while some := list(islice(images, self._plan.round)):
            yield some

    def _send_and_look(self, images: Sequence[LabelledImage]) -> None:
        sent = {judged.id: judged for judged in self.traffic.send(images)}
        self._judged |= sent
        if len(self._judged) < self._settings.drift_least:
            return  # with so few images the monitor gives no result
        result = self._watch.await_result(sent)
        reading = self._read(result)
        self._diary.note(readings=(*self._diary.drill.readings, reading))
        if reading.alarm and not self._diary.drill.suspects:
            self._diary.note(suspects=tuple(_show(judged) for judged in self._pointed_to(result)[:_SHOWN]))
        log.info("%d images of %s sent: %s", reading.newcomers, self._plan.newcomer, reading.reason)

    def _read(self, result: DriftResult) -> Reading:
        suspects = [judged.image.generator for judged in self._pointed_to(result)]
        seen = self.traffic.answers[-result.rows :]
        return Reading(
            seconds=self._diary.seconds(),
            newcomers=sum(judged.image.generator == self._plan.newcomer for judged in self._judged.values()),
            state=result.state,
            attribution=result.attribution,
            reason=result.reason,
            signals=result.signals,
            accuracy=result.accuracy,
            not_estimable=result.not_estimable,
            truth=sum(answer.right for answer in seen) / len(seen),
            suspects=len(suspects),
            suspects_new=suspects.count(self._plan.newcomer),
        )

    def _pointed_to(self, result: DriftResult) -> list[Judged]:
        return [self._judged[id_] for id_ in result.suspects if id_ in self._judged]

    def _label(self, secrets: Sequence[str]) -> None:
        images = list(self._plan.reports())
        with self._diary.step("reports"):
            reports = people.report(self._address, images, secrets, self._settings)
        with self._diary.step("review"):
            accepted = people.review(self._settings)
        agreement = self._settings.feedback_agreement
        self._diary.note(
            labelling=Labelling(
                images=len(images), reporters=len(secrets), reports=reports, agreement=agreement, accepted=accepted
            )
        )

    def _learn(self) -> Learnt:
        with self._diary.step("ingestion"):
            version = lifecycle.ingest(self._settings)
        with self._diary.step("training"):
            run_id = lifecycle.train(self._settings, version)
        with self._diary.step("judgement"):
            reason = f"drift: {self._diary.drill.asked}"
            learnt = lifecycle.judge(self._settings, run_id, version, reason=reason)
        self._diary.note(after=learnt)
        return learnt


def _show(judged: Judged) -> Suspect:
    return Suspect(picture(decode(judged.image.data).rgb), judged.answer)

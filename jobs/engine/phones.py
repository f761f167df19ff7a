"""How likely each phone is at each moment, by the forward-backward algorithm over an HMM of phones.

Every pair of neighbouring phones is a model of three states. Its states sound as the acoustic model says of
that phone after that left neighbour, averaged over what may follow; which phone comes next is told by the
trigrams of the phone language model. Both are those of pocketsphinx's wheel. Probabilities instead of one best
path (L. R. Rabiner, "A tutorial on hidden Markov models", 1989): the mean of what a mouth does in each phone,
weighted by them, errs least, and a closure that is only likely can still be shown.
"""

import threading
from pathlib import Path

import numpy as np

from jobs.engine import cepstra
from jobs.engine.acoustic import STATES, AcousticModel, wheel_model
from jobs.engine.arrays import Array
from jobs.engine.audio import HOP, PHONES

# Neighbouring frames say much the same: likelihoods multiplied as if they were independent are overconfident.
ACOUSTIC_SCALE = 0.2
FRAMES = 200  # scored at a time
_LEAST = 1e-18  # of a state's probability against the best: keeps float32 from running out
_UNLIKELIEST = -25.0  # log likelihood of a frame in a state against the best state, after scaling


class PhoneProbabilities:
    """A `PhoneSource` that gives the probability of every phone, from pocketsphinx's English models."""

    _instance: "PhoneProbabilities | None" = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        folder = wheel_model()
        self._model = AcousticModel(folder / "en-us")
        names = self._model.definition.names
        self._own = np.array([names.index(name) for name in PHONES])
        self._follows = _trigrams(folder / "en-us-phone.lm.bin")
        counts = self._model.transitions[self._own]
        stay, leave = np.moveaxis(counts / counts.sum(axis=2, keepdims=True), 2, 0)
        # (state, phone, 1): broadcast over left neighbours.
        self._stay = np.ascontiguousarray(stay.T[:, :, None], np.float32)
        self._leave = np.ascontiguousarray(leave.T[:, :, None], np.float32)
        self._mixing = self._contexts()

    @classmethod
    def shared(cls) -> "PhoneProbabilities":
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def phones(self, samples: Array) -> Array:
        """samples : (n,) int16 at 16 kHz. Returns (ceil(n / 160), 40) float32, rows sum to 1."""
        heard = self._posteriors(self._likelihoods(cepstra.features(samples, self._model.speech)))
        count = -(-samples.size // HOP)
        # Row k is the 10 ms from k * 10 ms on.
        at = np.arange(count) + 0.5 - cepstra.CENTRE * 100
        low = np.clip(np.floor(at).astype(int), 0, len(heard) - 1)
        high = np.minimum(low + 1, len(heard) - 1)
        part = np.clip(at - low, 0.0, 1.0)[:, None].astype(np.float32)
        return heard[low] * (1 - part) + heard[high] * part

    def _contexts(self) -> list[Array]:
        """For each phone, how much of each of its senones there is in each state after each left neighbour:
        (senones, 3 * 40) float32, columns sum to 1. What follows is averaged by the language model."""
        known, own = self._model.definition, self._own
        size = len(known.names)
        index = np.tile(known.alone[:, None, None], (1, size, size, 1))
        for position in (3, 2, 1, 0):  # inside a word last: it is kept where several are known
            rows = known.triphones[:, 3] == position
            phone, left, right, _ = known.triphones[rows].T
            index[phone, left, right] = known.states[rows]
        index = index[np.ix_(own, own, own)]
        mixing = []
        for phone, name in enumerate(own):
            senones = self._model.senones[name]
            shares = np.zeros((senones.size, STATES, own.size))
            for state in range(STATES):
                for left, row in enumerate(np.searchsorted(senones, index[phone, :, :, state])):
                    shares[:, state, left] = np.bincount(row, self._follows[left, phone], senones.size)
            mixing.append(shares.reshape(senones.size, -1).astype(np.float32))
        return mixing

    def _likelihoods(self, features: Array) -> Array:
        """Scaled likelihood of every state: (frames, state, phone, left neighbour) float32, at most 1."""
        frames, size = features.shape[1], self._own.size
        found = np.empty((frames, STATES, size, size), np.float32)
        for start in range(0, frames, FRAMES):
            part = found[start : start + FRAMES]
            scores = self._model.scores(features[:, start : start + FRAMES])
            for phone, name in enumerate(self._own):
                best = scores[name].max(axis=1, keepdims=True)
                mixed = np.exp(scores[name] - best) @ self._mixing[phone]
                part[:, :, phone] = (np.log(mixed + 1e-30) + best).reshape(-1, STATES, size)
            part *= ACOUSTIC_SCALE
            part -= part.max(axis=(1, 2, 3), keepdims=True)
            np.exp(np.maximum(part, _UNLIKELIEST, out=part), out=part)
        return found

    def _posteriors(self, likelihoods: Array) -> Array:
        """Forward and backward over (frames, state, phone, left neighbour). Returns (frames, phones) float32."""
        follows = np.ascontiguousarray(self._follows.transpose(1, 0, 2), np.float32)  # phone, left, next
        forward = np.empty_like(likelihoods)
        here = self._first() * likelihoods[0]
        forward[0] = here / here.sum()
        for k in range(1, len(forward)):
            before = forward[k - 1]
            entering = np.matmul((before[-1] * self._leave[-1])[:, None], follows)[:, 0]
            here = before * self._stay
            here[1:] += before[:-1] * self._leave[:-1]
            here[0] += entering.T
            here *= likelihoods[k]
            forward[k] = np.maximum(here / here.sum(), _LEAST)
        found = np.empty((len(forward), follows.shape[0]), np.float32)
        ahead = np.ones_like(forward[0])
        for k in range(len(forward) - 1, -1, -1):
            both = (forward[k] * ahead).sum(axis=(0, 2))
            found[k] = both / both.sum()
            coming = ahead * likelihoods[k]
            leaving = np.matmul(follows, coming[0].T[:, :, None])[:, :, 0]
            ahead = coming * self._stay
            ahead[:-1] += coming[1:] * self._leave[:-1]
            ahead[-1] += leaving * self._leave[-1]
            ahead = np.maximum(ahead / ahead.max(), _LEAST)
        return found

    def _first(self) -> Array:
        """Where a recording begins: in silence, or just after it. (state, phone, left neighbour) float32."""
        silence = PHONES.index("SIL")
        start = np.zeros((STATES, len(PHONES), len(PHONES)), np.float32)
        start[0, :, silence] = self._follows[silence, silence]
        start[0, silence, silence] = 1.0
        return start


def _trigrams(path: Path) -> Array:
    """Probability of each phone after two others: (first, second, next) float64, sums to 1 over `next`."""
    import pocketsphinx

    scale = pocketsphinx.LogMath()
    model = pocketsphinx.NGramModel(pocketsphinx.Config(), scale, str(path))
    found = np.array([[[scale.exp(model.prob([c, b, a])) for c in PHONES] for b in PHONES] for a in PHONES])
    return found / found.sum(axis=2, keepdims=True)

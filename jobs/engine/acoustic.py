"""The acoustic model in pocketsphinx's wheel, read from the installed package and scored here with matrix products.

It is phonetically tied: each phone has a codebook of 128 Gaussians in each of three streams (cepstra, their
first and their second differences), and each of its states in each context (a senone) has its own weights over
them (D. Huggins-Daines et al., 2006). Pocketsphinx itself sums the best four Gaussians; all are summed here.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.cepstra import Moments

STATES = 3
_ONE_WEIGHT = 1024 * np.log(1.0001)  # natural logarithm of a step of the stored mixture weights
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class Definition:
    """What the model consists of, in its own numbering.

    names : phones, fillers among them ("+NSN+").
    triphones : (n, 4) int: phone, left and right context, and word position (0 inside) of each triphone.
    states : (n, 3) int: the senones of each triphone's three states.
    alone : (phones, 3) int: the senones of each phone in no context.
    """

    names: tuple[str, ...]
    triphones: Array
    states: Array
    alone: Array


def wheel_model() -> Path:
    """The folder of the English model that the wheel carries."""
    import pocketsphinx

    return Path(pocketsphinx.__file__).parent / "model" / "en-us"


def definition(path: Path) -> Definition:
    """Read a binary `mdef`. Raises ValueError where it is something else."""
    data = path.read_bytes()
    if data[:4] != b"BMDF":
        raise ValueError(f"{path.name} is no model definition")
    at = 12 + struct.unpack_from("<i", data, 8)[0]
    phones, rows, states, *_, nodes, _silence = struct.unpack_from("<10i", data, at)
    if states != STATES:
        raise ValueError(f"{path.name} has {states} states a phone, not {STATES}")
    start = at = at + 40
    names = []
    for _ in range(phones):
        end = data.index(b"\0", at)
        names.append(data[at:end].decode("ascii"))
        at = end + 1
    at = start + (at - start + 3) // 4 * 4 + 8 * nodes
    row = np.dtype([("sequence", "<i4"), ("matrix", "<i4"), ("position", "u1"), ("context", "u1", 3)])
    table = np.frombuffer(data, row, rows, at)
    at += row.itemsize * rows
    sequences = np.frombuffer(data, "<u2", struct.unpack_from("<i", data, at)[0], at + 4).reshape(-1, STATES)
    senones = sequences[table["sequence"]].astype(int)
    context = np.column_stack([table["context"], table["position"]])[phones:].astype(int)
    return Definition(tuple(names), context, senones[phones:], senones[:phones])


def transitions(path: Path) -> Array:
    """How often each state was stayed in, and left for the next one, in training: (phones, 3, 2) float64."""
    data, at = _body(path)
    phones, rows, columns, size = struct.unpack_from("<4i", data, at)
    counts = np.frombuffer(data, "<f4", size, at + 16).reshape(phones, rows, columns).astype(float)
    each = np.arange(rows)
    return np.stack([counts[:, each, each], counts[:, each, each + 1]], axis=2)


def _gaussians(path: Path) -> Array:
    """Means or variances: (phones, 3 streams, 128, 13) float64."""
    data, at = _body(path)
    phones, streams, densities, *lengths = struct.unpack_from("<6i", data, at)
    values = np.frombuffer(data, "<f4", phones * densities * sum(lengths), at + 28)
    return values.reshape(phones, streams, densities, lengths[0]).astype(float)


def _body(path: Path) -> tuple[bytes, int]:
    """A parameter file, and where its numbers begin."""
    data = path.read_bytes()
    at = data.index(b"endhdr\n") + 7
    if data[at : at + 4] != b"\x44\x33\x22\x11":
        raise ValueError(f"{path.name} is not a little-endian model file")
    return data, at + 4


def _weights(path: Path) -> Array:
    """Mixture weights: (3 streams, 128, senones) float64. Raises ValueError where they are packed otherwise."""
    data = path.read_bytes()
    at, words = 0, []
    while length := struct.unpack_from("<i", data, at)[0]:
        words.append(data[at + 4 : at + 4 + length].rstrip(b"\0").decode("latin-1"))
        at += 4 + length
    told = dict(word.split(" ", 1) for word in words if word.count(" ") == 1)
    if told.get("cluster_count") != "0" or told.get("feature_count") != "3":
        raise ValueError(f"{path.name} packs its weights in another way")
    rows, columns = struct.unpack_from("<2i", data, at + 4)
    stored = np.frombuffer(data, np.uint8, 3 * rows * columns, at + 12)
    return np.exp(-_ONE_WEIGHT * stored.reshape(3, rows, columns))


class AcousticModel:
    """Scores of every senone for features, phone by phone."""

    def __init__(self, folder: Path) -> None:
        """folder : holds mdef, means, variances, sendump and transition_matrices. Raises OSError, ValueError."""
        self.definition = definition(folder / "mdef")
        self.transitions = transitions(folder / "transition_matrices")
        mean, variance = (_gaussians(folder / name) for name in ("means", "variances"))
        variance = np.maximum(variance, _LEAST_VARIANCE)
        linear = np.concatenate([mean / variance, -0.5 / variance], axis=3)
        constant = -0.5 * (mean**2 / variance + np.log(2 * np.pi * variance)).sum(axis=3)
        # As products of (values, squares) with one matrix a stream: (streams, 26, phones * 128).
        self._linear = linear.transpose(1, 3, 0, 2).reshape(3, linear.shape[3], -1).astype(np.float32)
        self._constant = constant.transpose(1, 0, 2).reshape(3, -1).astype(np.float32)
        self.senones = self._by_phone()
        weights = _weights(folder / "sendump")
        self.speech = self._speech(mean[:, 0], variance[:, 0], weights[0])
        self._weights = [
            [weights[s][:, own].astype(np.float32) for own in self.senones] for s in range(len(weights))
        ]

    def _by_phone(self) -> list[Array]:
        """The senones of each phone, ascending."""
        known = self.definition
        return [
            np.union1d(known.alone[phone], known.states[known.triphones[:, 0] == phone])
            for phone in range(len(known.names))
        ]

    def _speech(self, mean: Array, variance: Array, weights: Array) -> Moments:
        """How the cepstra of all phones but fillers were spread in training, by how long each was heard.

        mean, variance : (phones, 128, 13). weights : (128, senones).
        """
        known = self.definition
        shares = weights[:, known.alone].transpose(1, 2, 0)
        shares = shares / shares.sum(axis=2, keepdims=True)
        first, second = shares @ mean, shares @ (variance + mean**2)
        filler = np.array([name == "SIL" or name.startswith("+") for name in known.names])
        time = np.where(filler[:, None], 0.0, self.transitions.sum(axis=2))[:, :, None]
        time = time / time.sum()
        centre = (time * first).sum(axis=(0, 1))
        return Moments(centre, np.sqrt((time * second).sum(axis=(0, 1)) - centre**2))

    def scores(self, features: Array) -> list[Array]:
        """Log likelihoods. features : (3, frames, 13) float32.

        Returns for each phone (frames, senones of the phone) float32, columns as in `senones`.
        """
        frames, phones = features.shape[1], len(self.senones)
        found = [np.zeros((frames, own.size), np.float32) for own in self.senones]
        for values, linear, constant, weights in zip(
            features, self._linear, self._constant, self._weights, strict=True
        ):
            density = np.concatenate([values, values**2], axis=1) @ linear + constant
            density = density.reshape(frames, phones, -1)
            best = density.max(axis=2, keepdims=True)
            np.exp(density - best, out=density)
            for phone in range(phones):
                found[phone] += np.log(density[:, phone] @ weights[phone]) + best[:, phone]
        return found

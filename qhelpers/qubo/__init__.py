"""A choice among bins as a quadratic model of bits, and what annealers, real or simulated, draw from it."""

import qhelpers.qubo._needs  # noqa: F401
from qhelpers.qubo.build import (
    OneHotModels,
    PenaltyError,
    Reads,
    decode,
    one_hot_bqm,
    one_hot_models,
    penalty_bound,
    scaled_penalty,
)
from qhelpers.qubo.draw import draw_epsilon_greedy, draw_lowest, draw_lowest_of_reads, draw_softmax
from qhelpers.qubo.policy import AnnealedPolicy
from qhelpers.qubo.samplers import (
    EmbeddingError,
    Schedule,
    SolverUnavailableError,
    clique_embedding,
    default_schedule,
    get_sampler,
    qpu_access_time,
    sampler_names,
)
from qhelpers.qubo.temperature import (
    effective_temperature,
    matched_temperature,
    noise_floor,
    softmax,
    total_variation,
)

__all__ = [
    "AnnealedPolicy",
    "EmbeddingError",
    "OneHotModels",
    "PenaltyError",
    "Reads",
    "Schedule",
    "SolverUnavailableError",
    "clique_embedding",
    "decode",
    "default_schedule",
    "draw_epsilon_greedy",
    "draw_lowest",
    "draw_lowest_of_reads",
    "draw_softmax",
    "effective_temperature",
    "get_sampler",
    "matched_temperature",
    "noise_floor",
    "one_hot_bqm",
    "one_hot_models",
    "penalty_bound",
    "qpu_access_time",
    "sampler_names",
    "scaled_penalty",
    "softmax",
    "total_variation",
]

"""The glossary of quantities: what a printed number can be, its unit, its range and how it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qhelpers.ledger.intervals import Interval, printed_interval


@dataclass(frozen=True)
class Quantity:
    """One entry of the glossary.

    Parameters
    ----------
    name : str
        Name used in claims, checks and records.
    meaning : str
        What it is, in a few words.
    lo, hi : float
        Smallest and largest value that it can take.
    unit : str
        ``"share"`` for scores between 0 and 1, ``"s"``, ``""`` and so on.
    better : {"higher", "lower", "neither"}
        Which side is the good one.
    score : bool
        A score, whose margin is five points; anything else has a fifth of its value.
    exact : bool
        A count: the printed number stands for itself alone.
    words : tuple of str
        How a text may name it; the proof-reader looks for one of them.
    """

    name: str
    meaning: str
    lo: float = -math.inf
    hi: float = math.inf
    unit: str = ""
    better: str = "neither"
    score: bool = False
    exact: bool = False
    words: tuple[str, ...] = ()

    def interval(self, printed: str, rounding: str = "rounded") -> Interval:
        """Interval of a printed number of this quantity, cut to its range where they meet."""
        interval = printed_interval(printed, rounding, exact=self.exact)
        return interval.common(Interval(self.lo, self.hi)) or interval

    def margin(self, value: float) -> float:
        """Margin stated beforehand: five points for a score, half of the value for a spread, a fifth of the value else.

        A spread of 30 runs strays by a quarter from that of as many others, even with endless runs of ours.
        """
        return 0.05 if self.score else abs(value) / (2 if self.name.endswith("_sd") else 5)


def _score(name: str, meaning: str, *words: str, lo: float = 0.0) -> Quantity:
    return Quantity(name, meaning, lo, 1.0, "share", "higher", score=True, words=words)


def _error(name: str, meaning: str, *words: str, unit: str = "unit of the target") -> Quantity:
    return Quantity(name, meaning, 0.0, unit=unit, better="lower", words=words)


_ALL = [
    _score("accuracy", "share of right predictions", "accuracy", "Accuracy", "Acc"),
    _score("balanced_accuracy", "mean of recall and specificity", "balanced accuracy", "Balanced"),
    _score("precision", "share of true among predicted positives", "precision", "Precision"),
    _score("recall", "share of positives found", "recall", "Recall", "sensitivity"),
    _score("specificity", "share of negatives found", "specificity", "Specificity"),
    _score("f1", "harmonic mean of precision and recall", "F1"),
    _score("f_beta", "harmonic mean of precision and recall, recall weighing beta² times as much", "F2", "F0.5"),
    Quantity("beta", "weight of recall in F-beta", 0.0, exact=True),
    _score("proportion", "share of the rows", "proportion"),
    _score("auc", "area under the ROC curve", "AUC", "ROC score"),
    _score("mcc", "Matthews correlation", "MCC", lo=-1.0),
    _score("fidelity", "overlap of two quantum states", "fidelity"),
    Quantity("attribution", "what an explanation gives a feature", words=("SHAP",)),
    Quantity("frequency", "place in a spectrum", 0.0, words=("frequency", "normalized")),
    Quantity("r2", "coefficient of determination", -math.inf, 1.0, better="higher", score=True, words=("R2", "R²")),
    _error("rmse", "root of the mean squared error", "RMSE"),
    _error("mse", "mean squared error", "MSE", unit="squared unit of the target"),
    _error("mae", "mean absolute error", "MAE"),
    _error("mape", "mean absolute error as a share of the target", "MAPE", unit="share"),
    _error("rse", "squared error relative to the variance of the targets", "RSE", unit=""),
    Quantity("bias", "mean signed error", unit="unit of the target", words=("bias", "Bias", "MBD")),
    Quantity("variance", "population variance of the targets", 0.0, unit="squared unit of the target"),
    Quantity("accuracy_sd", "spread of accuracy over runs", 0.0, 1.0, "share", "lower", words=("accuracy", "std")),
    _error("rmse_sd", "spread of RMSE over runs", "RMSE"),
    _error("mse_sd", "spread of MSE over runs", "MSE", unit="squared unit of the target"),
    _error("mae_sd", "spread of MAE over runs", "MAE"),
    _error("mape_sd", "spread of MAPE over runs", "MAPE", unit="share"),
    _error("rse_sd", "spread of RSE over runs", "RSE", unit=""),
    _error("bias_sd", "spread of the mean signed error over runs", "bias", "Bias", "MBD"),
    _error("cross_entropy", "mean negative log-likelihood in nats", "loss", "Loss", "cross-entropy", unit="nat"),
    Quantity("base_rate", "share of positives", 0.0, 1.0, "share"),
    Quantity("t", "t statistic of a paired test", words=("t(", "t =")),
    Quantity("n", "number of pairs or runs", 1.0, exact=True),
    Quantity("d", "standardised mean difference", words=("d =", "Cohen")),
    Quantity("p", "p-value", 0.0, 1.0, better="lower", words=("p =", "p <", "p-value", "$p ", "$P ")),
    Quantity("df", "degrees of freedom of a t test", 0.0, words=("df",)),
    Quantity("n_1", "members of the first group", 1.0, exact=True),
    Quantity("n_2", "members of the second group", 1.0, exact=True),
    Quantity("mean_1", "mean of the first group"),
    Quantity("mean_2", "mean of the second group"),
    Quantity("sd_1", "spread of the first group, n − 1 in the denominator", 0.0),
    Quantity("sd_2", "spread of the second group, n − 1 in the denominator", 0.0),
    Quantity("cliffs_delta", "Cliff's δ", -1.0, 1.0, words=("δ =", "Cliff")),
    Quantity("m", "number of tests in a family", 1.0, exact=True),
    Quantity("p_adjusted", "p-value after Bonferroni", 0.0, 1.0, better="lower", words=("Bonferroni", "corrected")),
    Quantity("mean_difference", "mean of the paired differences"),
    Quantity("sd_difference", "spread of the paired differences", 0.0),
    Quantity("estimate", "what a confidence interval is for"),
    Quantity("ci_low", "lower end of a 95 % confidence interval"),
    Quantity("ci_high", "upper end of a 95 % confidence interval"),
    Quantity("f_statistic", "F of an analysis of variance", 0.0, words=("F(", "F =")),
    Quantity("eta_squared", "share of variance between groups", 0.0, 1.0, "share"),
    Quantity("df_between", "degrees of freedom between groups", 1.0, exact=True),
    Quantity("df_within", "degrees of freedom within groups", 1.0, exact=True),
    Quantity("fps", "frames a second", 0.0, unit="1/s", better="higher", words=("FPS", "Fps", "frames")),
    Quantity("latency", "time for one frame", 0.0, unit="s", better="lower", words=("latency", "Latency", "ms")),
    Quantity(
        "runtime", "time for a whole run", 0.0, unit="s", better="lower", words=("Runtime", "runtime", "time", "training run")
    ),
    Quantity("calls", "number of calls in a run", 0.0, exact=True),
    Quantity("time_per_call", "time for one call", 0.0, unit="s", better="lower"),
    Quantity("reads", "samples drawn a problem", 0.0, exact=True),
    Quantity("updates", "number of problems or updates", 0.0, exact=True),
    Quantity("time_per_read", "time for one sample", 0.0, unit="s", better="lower"),
    Quantity("overhead", "time spent beside the reads", 0.0, unit="s", better="lower"),
    Quantity("difference", "difference of two printed numbers", words=("difference", "points", "pp", "%")),
    Quantity("ratio", "ratio of two printed numbers", words=("times", "factor", "ratio")),
    Quantity("relative_change", "rise as a share of the old number", words=("degradation", "rises")),
    Quantity("relative_reduction", "fall as a share of the old number", words=("reduction", "improves")),
    Quantity("count", "number of things that are listed elsewhere", 0.0, exact=True),
    Quantity("total", "sum of the parts that are listed elsewhere", 0.0, exact=True),
    Quantity("parameters", "number of trainable parameters", 0.0, exact=True, words=("parameters",)),
    Quantity("windows", "number of windows cut from a record", 0.0, exact=True, words=("windows", "samples")),
    Quantity("citation", "number in the list of references", 1.0, exact=True),
    Quantity("year", "when something appeared", exact=True),
    Quantity("points", "number of rows that were used", 1.0, exact=True, words=("points", "samples", "rows")),
    Quantity("setting", "a constant of the method", words=()),
    Quantity("procedure", "an equation, a line of pseudo-code or a sentence on them; judged by running it", words=()),
    Quantity("performance", "a sentence that compares; judged by its predicate", words=()),
]
GLOSSARY: dict[str, Quantity] = {quantity.name: quantity for quantity in _ALL}


def quantity(name: str) -> Quantity:
    """Look a quantity up.

    Raises
    ------
    ValueError
        If the glossary lacks the name.
    """
    if name not in GLOSSARY:
        raise ValueError(
            f"unknown quantity {name!r}; the glossary has {', '.join(GLOSSARY)}; use one of them or add an entry to the glossary"
        )
    return GLOSSARY[name]

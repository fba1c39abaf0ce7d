"""What the paper's printed numbers say of each other before anything is run, computed from the claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from scipy import stats

from qhelpers import ledger
from qhelpers.ledger.checks import one_of
from qhelpers.ledger.counting import numbered
from qhelpers.papers.threats import loss

#: Usual shares of a file that is split in three, the paper names none: for training, validation and test.
SHARES = (0.70, 0.15, 0.15)


class Finding(NamedTuple):
    """Something that follows from printed numbers by arithmetic alone.

    Attributes
    ----------
    name : str
    sentence : str
        For a page.
    numbers : mapping of str to float
        What the sentence says, for a figure or a test.
    claims : tuple of str
        What it rests on.
    """

    name: str
    sentence: str
    numbers: Mapping[str, float]
    claims: tuple[str, ...]


def findings() -> tuple[Finding, ...]:
    """All findings, those that the paper can least explain first."""
    every = (
        area_printed_twice,
        loss_above_constant,
        no_calibrated_model,
        loss_beside_accuracy,
        mis_applied,
        three_splits,
        area_of_scores,
        what_accuracy_leaves_open,
        nothing_compared,
        few_epochs,
    )
    return tuple(one() for one in every)


def _claims(*quantities: str) -> tuple[str, ...]:
    return tuple(f"2.text.{split}.{quantity}" for quantity in quantities for split in loss.SPLITS)


def area_printed_twice() -> Finding:
    """Section III prints the area under two curves, and the conclusion a third number for one of them."""
    last, *others = ids = ("2.conclusion.auc", "2.text.validation.auc", "2.text.test.auc")
    printed = {name: ledger.claim(name) for name in ids}
    found = one_of(printed[last].interval(), {name: printed[name].interval() for name in others})
    gap = min(abs(printed[last].interval().mid - printed[name].interval().mid) for name in others)
    validation, test = (printed[name].printed for name in others)
    agrees = "which is one of them" if found.passed else f"which is neither, and {100 * gap:.1f} points from the nearer"
    sentence = (
        f"The area under the ROC curve is printed as {validation} for validation and {test} for test, and in the conclusion as "
        f"{printed[last].printed}, {agrees}."
    )
    return Finding("one area, three numbers", sentence, {"gap": gap, "agrees": float(found.passed)}, ids)


def loss_above_constant() -> Finding:
    """A model that gives every flow the share of attacks as its probability."""
    least = loss.constant(loss.APPLIED[0])
    printed = loss.printed()
    above = [split for split, of in printed.items() if of.loss.lo > least]
    lowest = min(of.accuracy.mid for of in printed.values())
    said = ", ".join(f"{of.loss.mid:.4f} in {loss.SPLITS[split]}" for split, of in printed.items())
    sentence = (
        f"To give each flow the same probability of being an attack, {100 * loss.BASE_RATE:.2f} %, costs {least:.4f} nats a row. "
        f"The printed losses are {said}: {numbered(len(above), f'of {len(printed)} is', f'of {len(printed)} are')} above that, "
        f"with accuracies from {100 * lowest:.2f} % on. No balancing or weighting of the classes is mentioned, which would "
        "change the comparison."
    )
    numbers = {"constant": least} | {split: of.loss.mid for split, of in printed.items()}
    return Finding("a loss above that of a constant", sentence, numbers, _claims("loss"))


def no_calibrated_model() -> Finding:
    """The loss of a model whose probabilities mean what they say."""
    every = loss.printed()
    of, most = every["test"], {split: loss.calibrated(one.accuracy).hi for split, one in every.items()}
    over = {split: one.loss.mid / most[split] for split, one in every.items()}
    outside = sum(not loss.calibrated(one.accuracy).meets(one.loss) for one in every.values())
    least = loss.calibrated(of.accuracy).lo
    sentence = (
        f"If its probabilities meant what they say, a model that is right in {100 * of.accuracy.mid:.2f} % would have a loss "
        f"between {least:.3f} and {most['test']:.3f}, at any balance of the classes. {outside} of {len(every)} printed losses "
        f"are outside of such bounds, {min(over.values()):.1f} to {max(over.values()):.1f} times their upper end: what was "
        "printed are no calibrated probabilities, or no mean cross-entropy of them."
    )
    return Finding("no calibrated model", sentence, over, _claims("loss", "accuracy"))


def loss_beside_accuracy() -> Finding:
    """The two ends of what loss and accuracy allow together."""
    of = loss.printed()["test"]
    wrong, right = loss.wrong_row(of).mid, loss.right_row(of).mid
    sentence = (
        f"Loss and accuracy of the test set can stand together in two ways, or between them. If rows answered rightly cost "
        f"nothing, a wrong one costs {wrong:.1f} nats: the model gives the truth one chance in "
        f"{math.exp(wrong) / 1e6:,.0f} million. If wrong rows cost the least they can, the right ones get a probability of only "
        f"{math.exp(-right):.2f}. A calibration curve tells these apart; the paper shows none."
    )
    numbers = {"wrong": wrong, "right": right, "truth": math.exp(-right)}
    return Finding("sure and wrong, or right and unsure", sentence, numbers, ("2.text.test.loss", "2.text.test.accuracy"))


def mis_applied() -> Finding:
    """Which usual mistakes the printed numbers exclude."""
    table = loss.table()
    serves = table.groupby("applied", sort=False)["possible"].all()
    excluded, open_ = list(serves.index[~serves]), list(serves.index[serves])
    batch = min(loss.largest_batch(of) for of in loss.printed().values())
    sentence = (
        f"Of {len(serves)} ways to compute such a loss, {len(excluded)} cannot give all three printed losses beside the printed "
        f"accuracies, whatever the model: {', '.join(excluded)}. These can: {', '.join(open_)}. The batch is one of {loss.BATCH} "
        f"rows; summed over at most {batch} the losses would be possible too."
    )
    return Finding(
        "mistakes that are excluded", sentence, {"excluded": len(excluded), "batch": batch}, _claims("loss", "accuracy")
    )


def three_splits() -> Finding:
    """Validation and test against each other, as random parts of one file."""
    rows = sum(loss.COUNTS.values())
    validation, test = (loss.printed()[split].accuracy for split in ("validation", "test"))
    least = max(0.0, validation.lo - test.hi, test.lo - validation.hi)
    share = (validation.mid + test.mid) / 2
    variance = 2 * share * (1 - share)
    size = round(SHARES[1] * rows)
    p = 2 * float(stats.norm.sf(least / math.sqrt(variance / size)))
    largest = math.floor(variance * (float(stats.norm.isf(0.025)) / least) ** 2) if least else rows
    apart = "differ by more than the chance of a random split" if p < 0.05 else "agree as parts of a random split do"
    sentence = (
        f"Validation and test {apart}: {100 * validation.mid:.2f} and {100 * test.mid:.2f} % are right, and with "
        f"{SHARES[1]:.0%} of the file in each, {size:,} rows, so large a difference has a probability of {p:.2g}. It is within "
        f"chance up to {largest:,} rows each. The sizes are not printed."
    )
    numbers = {"difference": least, "p": p, "largest": largest}
    return Finding("splits that differ too much", sentence, numbers, ("2.text.validation.accuracy", "2.text.test.accuracy"))


def area_of_scores() -> Finding:
    """An area under a curve of hard answers is a balanced accuracy, and bounds the accuracy at any class balance."""
    gaps = {}
    for split in ("validation", "test"):
        area = ledger.claim(f"2.text.{split}.auc").interval()
        gaps[split] = (2 * area.lo - 1) - loss.printed()[split].accuracy.hi
    claims = tuple(f"2.text.{split}.{name}" for split in gaps for name in ("auc", "accuracy"))
    drawn = "of scores, not of answers" if min(gaps.values()) > 0 else "possibly of answers"
    sentence = (
        f"The curves are {drawn}: an area A of answers 0 and 1 needs an accuracy of at least 2A − 1, which is "
        f"{100 * min(gaps.values()):.2f} points or more above the printed one. They say nothing of "
        "the threshold at one half, at which an accuracy is counted."
    )
    return Finding("curves of scores", sentence, gaps, claims)


def what_accuracy_leaves_open() -> Finding:
    """Recall, precision, and whole families of attacks that the errors of the test set could be."""
    wrong = 1 - loss.printed()["test"].accuracy.mid
    share, rows = loss.BASE_RATE, sum(loss.COUNTS.values())
    recall, precision = 1 - wrong / share, share / (share + wrong)
    rare, missed = [], 0
    for family, count in sorted(loss.COUNTS.items(), key=lambda item: item[1]):
        if (missed + count) / rows > wrong:
            break
        rare.append(family)
        missed += count
    sentence = (
        f"Always naming “normal” is right in {100 * (1 - share):.2f} %. The printed {100 * (1 - wrong):.2f} % leave the recall "
        f"open between {100 * recall:.0f} and 100 %, the precision between {100 * precision:.0f} and 100 %; a detector that "
        f"misses every flow of {', '.join(rare[:-1])} and {rare[-1]} can still be right in {100 * (1 - missed / rows):.2f} %."
    )
    numbers = {"majority": 1 - share, "recall": recall, "precision": precision, "missed": missed / rows, "families": len(rare)}
    return Finding("what an accuracy leaves open", sentence, numbers, ("2.text.test.accuracy",))


def nothing_compared() -> Finding:
    """How many of the printed results are another model's."""
    results = [claim for claim in ledger.claims("2") if claim.sort == "results"]
    others = [claim for claim in results if claim.of["model"] != "pure-hqml"]
    compares = ("2.conclusion.order.benchmarks", "2.intro.order.without-compromising", "2.conclusion.order.speed")
    sentence = (
        f"Of {len(results)} printed results {numbered(len(others), 'is', 'are') if others else 'none is'} another model's, "
        "another number of features', or a time: "
        "“outperforms benchmark models”, “without compromising detection accuracy” and “computational speed” compare with "
        "nothing that is printed."
    )
    return Finding("nothing to compare with", sentence, {"results": len(results), "others": len(others)}, compares)


def few_epochs() -> Finding:
    """How often ten epochs show the network a row."""
    epochs = ledger.claim("2.T1.epochs").interval().mid
    seen = epochs * SHARES[0] * sum(loss.COUNTS.values())
    sentence = (
        f"{epochs:.0f} epochs over {SHARES[0]:.0%} of the file are {seen / 1e6:.1f} million rows, in batches of {loss.BATCH} "
        f"{seen / loss.BATCH:,.0f} updates: few passes, and no short training."
    )
    return Finding(
        "a few epochs", sentence, {"rows": seen, "updates": seen / loss.BATCH}, ("2.abstract.order.epochs", "2.T1.epochs")
    )

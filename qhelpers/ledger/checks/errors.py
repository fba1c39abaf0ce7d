"""Checks 5 and 6: errors of a regression against each other, their ranges, and the targets' own variance."""

from __future__ import annotations

from collections.abc import Mapping

from qhelpers.ledger.checks.result import CheckResult, Printed, judged, read, show
from qhelpers.ledger.intervals import Interval
from qhelpers.ledger.quantities import quantity as glossary

#: Targets of a test set whose size is not told.
_FEWEST = 10.0


def mse_from_rmse(rmse: Printed, mse: Printed, mean: bool = False) -> CheckResult:
    """Check 5: RMSE² = MSE on one test set; for means over runs RMSE² ≤ MSE.

    Parameters
    ----------
    rmse, mse : str, float or Interval
        As printed, in the unit of the target and its square.
    mean : bool
        Both are means over runs, of which no spread is printed.

    Returns
    -------
    CheckResult
        An identity.
    """

    def test(rounding: str) -> tuple[bool, str]:
        square = read(rmse, rounding, "rmse").squared()
        printed = read(mse, rounding, "mse")
        passed = square.at_most(printed) if mean else square.meets(printed)
        return (
            passed,
            f"MSE {show(mse)} {'agrees' if passed else 'cannot be'} with RMSE {show(rmse)}, whose square lies in {square}",
        )

    reading = "mean over runs" if mean else "one test set"
    assumed = "means over the same runs" if mean else "one test set, one run"
    return judged(5, "mse-from-rmse", "identity", test, reading, (assumed,))


def mean_mse_from_rmse(
    rmse: Printed, rmse_sd: Printed, mse: Printed, runs: int | None = None, any_runs: bool = False
) -> CheckResult:
    """Check 5 for means over runs: mean(MSE) = mean(RMSE)² + var(RMSE).

    Parameters
    ----------
    rmse, rmse_sd, mse : str, float or Interval
        Mean and spread of RMSE, mean of MSE, as printed.
    runs : int, optional
        With it, the spread may also be the one with n − 1 in the denominator, whose variance is then scaled back.
    any_runs : bool, default=False
        The number of runs is not printed: the spread with n − 1 is scaled back by whatever number of runs, from 2 on, fits.

    Returns
    -------
    CheckResult
        An identity; it passes if either kind of spread makes the numbers agree.
    """

    def test(rounding: str) -> tuple[bool, str]:
        variance = read(rmse_sd, rounding, "rmse_sd").squared()
        scales = [1.0] + ([(runs - 1) / runs] if runs and runs > 1 else [])
        expected = [read(rmse, rounding, "rmse").squared() + variance * scale for scale in scales]
        if any_runs:
            expected.append(read(rmse, rounding, "rmse").squared() + Interval(variance.lo / 2, variance.hi))
        passed = any(one.meets(read(mse, rounding, "mse")) for one in expected)
        verb = "agrees" if passed else "cannot be"
        return passed, (
            f"mean MSE {show(mse)} {verb} with RMSE {show(rmse)} ± {show(rmse_sd)}, which make it lie in "
            + " or ".join(str(one) for one in expected)
        )

    assumed = ("means over the same runs", "spread with n in the denominator" + (" or n − 1" if runs or any_runs else ""))
    return judged(5, "mean-mse-from-rmse", "identity", test, "mean over runs", assumed)


def mse_spread(rmse: Printed, rmse_sd: Printed, mse_sd: Printed, tolerance: float = 0.5) -> CheckResult:
    """Check 5, approximate part: sd(MSE) ≈ 2 · RMSE · sd(RMSE).

    Parameters
    ----------
    rmse, rmse_sd, mse_sd : str, float or Interval
        As printed.
    tolerance : float
        Share of the expected spread by which the printed one may differ; the relation is the first term of a series.

    Returns
    -------
    CheckResult
        Of the kind ``other``. How far honest numbers stray depends on the shape of their distribution, so the result has no
        probability of its own.
    """

    def test(rounding: str) -> tuple[bool, str]:
        expected = read(rmse, rounding, "rmse") * read(rmse_sd, rounding, "rmse_sd") * 2
        wide = Interval(expected.lo * (1 - tolerance), expected.hi * (1 + tolerance))
        passed = wide.meets(read(mse_sd, rounding, "mse_sd"))
        verb = "fits" if passed else "does not fit"
        return passed, f"spread of MSE {show(mse_sd)} {verb} 2·RMSE·sd(RMSE) = {expected}"

    assumed = (f"first-order relation, {tolerance:.0%} of slack",)
    return judged(5, "mse-spread", "other", test, "mean over runs", assumed)


def mae_at_most_rmse(mae: Printed, rmse: Printed) -> CheckResult:
    """Check 6: MAE ≤ RMSE, for one test set and for means over runs alike.

    Parameters
    ----------
    mae, rmse : str, float or Interval
        As printed, in one unit.

    Returns
    -------
    CheckResult
        An identity.
    """
    return _at_most("mae-at-most-rmse", ("MAE", mae, "mae"), ("RMSE", rmse, "rmse"), magnitude=False)


def bias_at_most_mae(bias: Printed, mae: Printed) -> CheckResult:
    """Check 6: |mean bias| ≤ MAE.

    Parameters
    ----------
    bias, mae : str, float or Interval
        As printed, in one unit.

    Returns
    -------
    CheckResult
        An identity.
    """
    return _at_most("bias-at-most-mae", ("|bias|", bias, "bias"), ("MAE", mae, "mae"), magnitude=True)


def in_range(name: str, printed: Printed) -> CheckResult:
    """Check 6: a printed number within the range of its quantity.

    Parameters
    ----------
    name : str
        From the glossary of quantities.
    printed : str, float or Interval
        As printed.

    Returns
    -------
    CheckResult
        An identity.
    """
    meaning = glossary(name)

    def test(rounding: str) -> tuple[bool, str]:
        whole = Interval(meaning.lo, meaning.hi)
        value = read(printed, rounding)
        passed = value.meets(whole)
        return passed, f"{name} {show(printed)} {'lies within' if passed else 'lies outside'} {whole}"

    return judged(6, "in-range", "identity", test, "as defined", (f"{name}: {meaning.meaning}",))


def one_variance(rows: Mapping[str, Mapping[str, Printed]]) -> CheckResult:
    """Check 6: MSE/RSE, or MSE/(1 − R²), is the variance of the targets and so one number a test set.

    Parameters
    ----------
    rows : mapping of str to row
        Rows with ``mse`` (or ``rmse``) beside ``rse`` or ``r2``; a row may print the ``variance`` itself.

    Returns
    -------
    CheckResult
        An identity under the assumption of one test set; ``details["variance"]`` holds each row's interval.

    Raises
    ------
    ValueError
        If no row allows to work the variance out.
    """
    found: dict[str, Interval] = {}

    def test(rounding: str) -> tuple[bool, str]:
        found.clear()
        for name, row in rows.items():
            variance = _variance(row, rounding)
            if variance is not None:
                found[name] = variance
        if not found:
            raise ValueError("no row gives a variance; each needs mse or rmse beside rse or r2, or the variance itself")
        passed = max(one.lo for one in found.values()) <= min(one.hi for one in found.values()) * (1 + 1e-9)
        shown = ", ".join(f"{name} {one}" for name, one in found.items())
        return passed, f"the rows {'allow one variance' if passed else 'need different variances'} of the targets: {shown}"

    assumed = ("all rows come from one test set", "one run, or the same runs for all")
    return judged(6, "one-variance", "identity", test, "one test set for all rows", assumed, {"variance": found})


def r2_from_errors(row: Mapping[str, Printed], meaning: str = "share of variance", mean: bool = False) -> CheckResult:
    """Check 6: R² = 1 − MSE/variance of the targets.

    Parameters
    ----------
    row : mapping of str to printed number
        ``r2``, ``variance`` and ``mse`` or ``rmse``; ``points``, the test rows, else at least ten: the variance may be divided
        by one less.
    meaning : {"share of variance", "squared correlation"}
        The squared correlation of targets and predictions is at least the share of variance.
    mean : bool
        Means over runs on one test set: the mean MSE is at least the square of the mean RMSE.

    Returns
    -------
    CheckResult
        An identity; the variance may have n or n − 1 in the denominator.
    """
    points = read(row["points"], "rounded").mid if "points" in row else _FEWEST

    def test(rounding: str) -> tuple[bool, str]:
        mse = read(row["mse"], rounding, "mse") if "mse" in row else read(row["rmse"], rounding, "rmse").squared()
        variance = read(row["variance"], rounding, "variance")
        population = Interval(variance.lo * (points - 1) / points, variance.hi)
        explained = 1 - mse / population
        if mean and "mse" not in row:
            explained = Interval(float("-inf"), explained.hi)
        if meaning != "share of variance":
            explained = Interval(min(explained.lo, 1.0), 1.0)
        passed = read(row["r2"], rounding, "r2").meets(explained)
        verb = "agrees" if passed else "cannot be"
        error = f"MSE {show(row['mse'])}" if "mse" in row else f"RMSE {show(row['rmse'])}"
        known = f"{error} and targets of variance {show(row['variance'])}"
        return passed, f"R² {show(row['r2'])} {verb} with {known}: it lies in {explained}"

    reading = f"{meaning}, {'mean over runs' if mean else 'one test set'}"
    among = f"{points:g} targets" if "points" in row else f"{_FEWEST:g} targets at least"
    assumed = (f"R² is the {meaning}", f"variance of the same targets, {among}, with n or n − 1 in the denominator")
    return judged(6, "r2-from-errors", "identity", test, reading, assumed)


def mape_against_data(
    mape: Printed, mae: Printed, smallest: float, largest: float, left_out: float = 0.0, reading: str = "one test set"
) -> CheckResult:
    """Check 6: MAE/max|y| ≤ MAPE ≤ MAE/min|y|.

    Parameters
    ----------
    mape : str, float or Interval
        As printed, a share or with a per cent sign.
    mae : str, float or Interval
        In the unit of the target.
    smallest, largest : float
        Smallest and largest magnitude of the targets; a smallest of 0 leaves no upper bound.
    left_out : float
        Largest share of the rows whose target is 0, which have no relative error and which the MAPE may leave out. None of
        them is missed by more than the largest target.
    reading : str
        Which targets these are.

    Returns
    -------
    CheckResult
        An identity.

    Raises
    ------
    ValueError
        Unless 0 ≤ smallest ≤ largest and largest > 0.
    """
    if not 0 <= smallest <= largest or largest <= 0:
        raise ValueError(f"magnitudes of the targets given: {smallest} to {largest}; need 0 <= smallest <= largest, largest > 0")

    def test(rounding: str) -> tuple[bool, str]:
        error = read(mae, rounding, "mae")
        least = max(error.lo - left_out * largest, 0.0) / (1 - left_out)
        bounds = Interval(least / largest, error.hi / smallest if smallest > 0 else float("inf"))
        passed = read(mape, rounding, "mape").meets(bounds)
        return passed, f"MAPE {show(mape)} {'fits' if passed else 'cannot be with'} MAE {show(mae)}: it must lie in {bounds}"

    zeros = (f"at most {left_out:.1%} of them are 0, and left out",) if left_out else ()
    assumed = (f"targets between {smallest:g} and {largest:g} in magnitude", *zeros)
    return judged(6, "mape-against-data", "identity", test, reading, assumed)


def _variance(row: Mapping[str, Printed], rounding: str) -> Interval | None:
    if "variance" in row:
        return read(row["variance"], rounding, "variance")
    if "mse" in row:
        mse = read(row["mse"], rounding, "mse")
    elif "rmse" in row:
        mse = read(row["rmse"], rounding, "rmse").squared()
    else:
        return None
    if "rse" in row:
        return mse / read(row["rse"], rounding, "rse")
    if "r2" in row:
        unexplained = 1 - read(row["r2"], rounding, "r2")
        return mse / Interval(max(unexplained.lo, 0.0), max(unexplained.hi, 0.0))
    return None


def _at_most(check: str, small: tuple[str, Printed, str], large: tuple[str, Printed, str], *, magnitude: bool) -> CheckResult:
    def test(rounding: str) -> tuple[bool, str]:
        left = read(small[1], rounding, small[2])
        left = abs(left) if magnitude else left
        passed = left.at_most(read(large[1], rounding, large[2]))
        verb = "is not above" if passed else "is above"
        return passed, f"{small[0]} of {show(small[1])} {verb} {large[0]} of {show(large[1])}"

    return judged(6, check, "identity", test, "as defined", ("both over the same rows and runs",))

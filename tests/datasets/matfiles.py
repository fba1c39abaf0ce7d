"""MATLAB files as tests make them."""

import io

import numpy as np
import pytest
from scipy.io import loadmat, savemat

NOISE = np.random.default_rng(7).normal(0, 0.1, (3, 600)).round(5)


def mat(**told):
    """A MATLAB 5 file; always the same bytes."""
    stream = io.BytesIO()
    savemat(stream, {name: np.reshape(value, (-1, 1)) if np.ndim(value) == 1 else value for name, value in told.items()})
    return b"MATLAB 5.0 MAT-file, made by a test".ljust(116) + stream.getvalue()[116:]


def read(raw):
    """Its variables, as simply as can be."""
    return {name: value for name, value in loadmat(io.BytesIO(raw)).items() if not name.startswith("__")}


class SameTwin:
    """Made by the same code as another set's twin, on which all is tried: one seed will do."""

    test_it_is_its_seed = None
    test_ten_times_the_size_is_no_more_work = None
    test_its_fingerprint_is_known_without_making_it = None

    @pytest.mark.parametrize("size", ["smallest", "odd"])
    def test_every_size_is_well_formed(self, item, size):
        super().test_every_size_is_well_formed(item, size)

    @pytest.mark.parametrize("seed", [0, 1])
    def test_its_traps_are_there(self, seed):
        super().test_its_traps_are_there(seed)


class Large:
    """Of official files that are too large to be written anew; how files are found and refused is tried on small ones."""

    test_with_one_fault_they_are_refused_or_it_is_harmless = None
    test_they_are_known_under_any_name = None
    test_the_twin_is_near = None  # in its traps; levels and lengths are not imitated


class NoTables:
    """Of files that are no tables."""

    test_saved_again_by_pandas = None


class Same(NoTables):
    """Read by the same code as another set, on which all faults are tried."""

    test_every_kind_of_fault = None
    test_one_fault_is_refused_or_harmless = None
    test_thousands_of_faults_are_refused_or_harmless = None
